//! Where records enter (sources) and leave (sinks).
