//! Placeholder replaced by the transaction bench.
fn main() {}
