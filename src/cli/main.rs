//! tiergate.
fn main() {}
