//! What the agent of the source server is started with.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Parser;

/// `gwsim poa --role source`.
#[derive(Debug, Parser)]
#[command(name = "gwsim poa", no_binary_name = true)]
pub(crate) struct SourceOptions {
    /// Says which agent this is.
    #[arg(long, value_parser = ["source"])]
    pub(crate) role: String,
    /// The post office.
    #[arg(long)]
    pub(crate) home: PathBuf,
    /// The file for the journal, outside the post office; it must not be there yet.
    #[arg(long)]
    pub(crate) journal: PathBuf,
    /// What everything is derived from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many operations are begun in a second, if they are done that fast.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) operations_per_second: u64,
    /// After how many operations it ends; only when it is told to where this is not given.
    #[arg(long)]
    pub(crate) operations: Option<u64>,
    /// How long it rests behind each piece of a file that it writes, with the lock held.
    #[arg(long, default_value_t = 5)]
    pub(crate) pause_milliseconds: u64,
    /// How long it waits for the lock of a database before it defers what it wanted to do.
    #[arg(long, default_value_t = 5_000)]
    pub(crate) lock_wait_milliseconds: u64,
    /// Every how many operations one is maintenance; 0 for never.
    #[arg(long, default_value_t = 50)]
    pub(crate) maintenance_every: u64,
    /// How long maintenance holds the lock of a database.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) maintenance_milliseconds: u64,
    /// The address that it listens on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) ip: IpAddr,
    /// The port for clients; none where it is not given.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// The port of the status page; none where it is not given.
    #[arg(long)]
    pub(crate) httpport: Option<u16>,
    /// The port of IMAP; none where it is not given.
    #[arg(long)]
    pub(crate) imapport: Option<u16>,
    /// The certificate with which encryption is offered, and its key; none where they are not given.
    #[arg(long, requires = "keyfile")]
    pub(crate) certfile: Option<PathBuf>,
    /// The key of that certificate.
    #[arg(long, requires = "certfile")]
    pub(crate) keyfile: Option<PathBuf>,
    /// A file that is made once the agent is at work.
    #[arg(long)]
    pub(crate) daemon_ready_file: Option<PathBuf>,
}
