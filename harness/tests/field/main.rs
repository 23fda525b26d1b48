//! What real sites show and ours do not: odd listings, names, kinds and times of a mounted source.
//!
//! Each test finds the oddity, follows the remedy to the letter, runs again, and is done.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used)]

mod disks;
mod fuse;
mod interrupted;
mod listings;
mod odd_mount;
mod poor_disk;
mod shown;
#[path = "../rehearsal/support.rs"]
#[allow(dead_code)]
mod support;
mod times;
