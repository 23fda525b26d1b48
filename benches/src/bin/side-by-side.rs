//! Runs the migrator and the tools that people would use instead in turn on the same tree, and compares them.
//!
//! `cargo run --release -p benches --bin side-by-side -- --help`.  What was measured is kept in `benches/results/`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::side_by_side::main()
}
