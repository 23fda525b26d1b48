//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::bare;

/// Runs the migrator and the tools that people would use instead in turn on the same tree, and compares them.
#[derive(Debug, Parser)]
#[command(name = "side-by-side")]
pub(super) struct Options {
    /// Which tree.
    #[arg(long, value_enum, default_value_t = Tree::Small)]
    pub(super) tree: Tree,
    /// Which work.
    #[arg(long, value_enum, default_value_t = Work::FirstCopy)]
    pub(super) work: Work,
    /// How many files; for the large tree, how many MiB.  Of several, as `10000,100000`, one after the other, `downtime` takes
    /// all and every other work the first.
    #[arg(long, value_delimiter = ',')]
    pub(super) files: Vec<u32>,
    /// Whether the source of `downtime` answers late, as one behind a network.
    #[arg(long)]
    pub(super) late: bool,
    /// How much comes over the line of that source in a second, in megabytes; by default a gigabit's worth.
    #[arg(long, default_value_t = 100)]
    pub(super) megabytes_per_second: u32,
    /// How often each of them runs.
    #[arg(long, default_value_t = 3)]
    pub(super) rounds: u32,
    /// A folder on the file system to measure, for the trees and the copies; made where there is none.
    #[arg(long, default_value = "/tmp/side-by-side")]
    pub(super) folder: PathBuf,
    /// What the tree is derived from.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Whether caches are dropped before each run; by default as the work is met in practice.
    #[arg(long, value_enum)]
    pub(super) cache: Option<Cache>,
    /// Only peers and limits whose name holds one of these texts, as `rsync,limit`; ours always runs.
    #[arg(long, value_delimiter = ',')]
    pub(super) peers: Vec<String>,
    /// Where the result is kept as well, in Markdown; by default a file of `benches/results` that is called by date, work and tree.
    #[arg(long)]
    pub(super) output: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

impl Options {
    /// How many files the tree has; of the large tree, how many MiB.
    pub(super) fn size(&self) -> u32 {
        let first = self.files.first().copied();
        first.unwrap_or(match self.tree {
            Tree::Small | Tree::Mixed => 100_000,
            Tree::Large => 1024,
        })
    }

    /// All sizes of the command line; the usual one where it names none.
    pub(super) fn sizes(&self) -> Vec<u32> {
        if self.files.is_empty() {
            return vec![self.size()];
        }
        self.files.clone()
    }

    /// Whether this peer is wanted.
    pub(super) fn wants(&self, peer: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|text| peer.contains(text.as_str()))
    }
}

/// A tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Tree {
    /// Files of 4 KiB in 100 folders.
    Small,
    /// Log-normal sizes, 3.5 GB for 100,000 files, in all folders for attachments.
    Mixed,
    /// 1 GiB in eight files.
    Large,
}

/// A work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Work {
    /// Everything is new.
    FirstCopy,
    /// A pass over a tree in which nothing has changed.
    Unchanged,
    /// All names are upper case.
    Lowercase,
    /// All names are lower case already.
    Walk,
    /// What the users wait for, one file in a hundred changed.
    StageTwo,
    /// Both trees compared byte by byte, whatever is proven.
    Seal,
    /// Both trees read after a first copy, while users work.
    Prove,
    /// Each operation of the users' downtime, the same files changed in trees of several sizes.
    Downtime,
    /// Everything is new, and the source answers late.
    SlowSource,
    /// Memory and time of ours as the tree grows tenfold, twice.
    Memory,
    /// All of these.
    All,
}

/// What the caches hold when a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Cache {
    /// Nothing.
    Cold,
    /// Whatever the last runs left there.
    Warm,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Carry out a plan and say what it took.
    #[command(hide = true)]
    Measure {
        /// The plan, as JSON.
        plan: PathBuf,
    },
    /// Work on the order on standard input, as the worker of the migrator does.
    #[command(hide = true)]
    Order {
        /// The job folder.
        job_folder: PathBuf,
    },
    /// Do only what no tool can do without.
    #[command(hide = true)]
    Bare(bare::Options),
}

/// The name of a value as the command line has it.
pub(super) fn word(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}
