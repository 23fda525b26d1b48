//! The limits: loops on a few threads that do nothing but what no tool can do without.  They plan, hash and record nothing,
//! and look at nothing twice.

mod folders;
mod operations;

use std::fs::File;
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Result;
use folders::Visit;

/// A loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Operation {
    /// Lists every folder of a tree.
    Walk,
    /// Takes the metadata of every file of each tree, once.
    Stat,
    /// Copies the first tree to the second one, which is empty.
    Copy,
    /// The same, and waits until it is on the disk.
    CopyAndSync,
    /// Makes every name lower case.
    Rename,
    /// Reads every byte of each tree.
    Read,
    /// The same, and compares the trees.
    Compare,
}

impl Operation {
    fn visit(self) -> Visit {
        match self {
            Self::Walk => operations::walk,
            Self::Stat => operations::stat,
            Self::Copy | Self::CopyAndSync => operations::copy,
            Self::Rename => operations::rename_all,
            Self::Read => operations::read,
            Self::Compare => operations::compare,
        }
    }

    /// How many trees it works on.
    fn trees(self) -> RangeInclusive<usize> {
        match self {
            Self::Walk | Self::Rename => 1..=1,
            Self::Stat => 1..=2,
            _ => 2..=2,
        }
    }
}

/// The command line of a loop.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What it does.
    #[arg(value_enum)]
    operation: Operation,
    /// The tree, or the source and the destination.
    #[arg(required = true)]
    trees: Vec<PathBuf>,
    /// How many threads.
    #[arg(long, default_value_t = 8)]
    threads: usize,
    /// How many files it must meet, those of both trees together; any other number is an error.
    #[arg(long)]
    files: Option<u64>,
}

/// Runs a loop; returns how many files it met.
pub(super) fn run(options: &Options) -> Result<u64> {
    let operation = options.operation;
    if !operation.trees().contains(&options.trees.len()) {
        let wanted = operation.trees();
        return Err(format!("{operation:?} works on {wanted:?} trees").into());
    }
    let mut roots = Vec::new();
    for tree in &options.trees {
        let root = File::open(tree).map_err(|error| format!("{}: {error}", tree.display()))?;
        roots.push(OwnedFd::from(root));
    }
    let files = folders::each_folder(&roots, options.threads, operation.visit())?;
    if operation == Operation::CopyAndSync {
        roots.iter().skip(1).try_for_each(rustix::fs::syncfs)?;
    }
    match options.files {
        Some(wanted) if wanted != files => Err(format!("{files} files instead of {wanted}").into()),
        _ => Ok(files),
    }
}
