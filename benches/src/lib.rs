//! Benchmarks of the copy and lowercase passes.
