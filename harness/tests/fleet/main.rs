//! The Ansible collection, built, installed and run as an administrator does: the real `ansible-playbook`, the real
//! controller, real ssh, the real worker.
//!
//! Where ansible-core is missing these tests say so in a line that begins with "SKIPPED:", which CI takes for a failure.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used)]

mod ansible;
mod example;
mod many;
mod memory;
mod overlap;
mod post_office;
mod several;
