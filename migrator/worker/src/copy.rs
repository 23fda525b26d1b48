//! A pass: making the destination equal to the source, whatever happened to either since the last one.
//!
//! ```text
//! crawl (many threads) ──▶ files copied at once, in batches ──▶ committer: syncfs, then manifest
//!    │                                                              ▲
//!    ├──▶ databases, each with its companions under its lock, in ───┤
//!    │    stage one later, in stage two beside the rest              │
//!    ├──▶ guardian set, last, as one unit ──────────────────────────┘
//!    ├──▶ in stage one, a second look for names that were made meanwhile
//!    └──▶ plan of removals ──▶ limit checked ──▶ carried out ──▶ what stood in the way of a copy is copied
//! ```
//!
//! Any difference is a change (ARCHITECTURE.md rule 2): a file is kept only where the source still says what it said
//! when it was copied, and the destination still says what it said after it was written.

mod committer;
mod context;
mod crawl;
mod decide;
mod entries;
mod extras;
mod files;
mod leftover;
mod locked;
mod pass;
mod removal;
mod second_look;
mod stage;
mod unit;

pub use pass::run_pass;

pub(crate) use decide::{Decision, decide, is_racy};
