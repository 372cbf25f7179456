//! Statements of collect, of waiting records and of write-backs.
