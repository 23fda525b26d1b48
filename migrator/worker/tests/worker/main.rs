//! What the worker does to real folders, looked at with nothing but the standard library.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout
)]

mod accepted;
mod at_rest;
mod certificates;
mod damaged_store;
mod database_sets;
mod databases;
mod delta;
mod faults;
mod guardian;
mod handles;
mod hostile;
mod job_folder;
mod kill;
mod lease;
mod lock_table;
mod locks;
mod lowercase;
mod meddling;
mod offline;
mod own_disks;
mod owner;
mod passes;
mod prove;
mod queues;
mod reserved_names;
mod sandbox;
mod seal;
mod service;
mod source_view;
mod space;
mod state_machine;
mod support;
mod young_lock;
