//! Whole rehearsals with the embedded back end: the real controller, real ssh, the real worker.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used)]

mod accepted;
mod agents;
mod areas;
mod bad_input;
mod certificates;
mod checklist;
mod checks;
mod foreseen;
mod guardian;
mod interrupted;
mod ledger;
mod life;
mod living;
mod mailboxes;
mod owners;
mod people;
mod places;
mod planned;
mod poor_surroundings;
mod programs;
mod proofs;
mod questions;
mod restored;
mod shares;
mod static_program;
mod support;
mod told;
mod told_to_a_program;
mod watching;
mod whole;
