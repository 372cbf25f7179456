//! What two nodes exchange: package, receipt, manifest to bytes and back; suites; certificates.
