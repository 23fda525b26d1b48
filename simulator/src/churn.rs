//! What a living post office does between two passes of a copy.
//!
//! Mail arrives and leaves, attachments are purged, databases change, users are added, and now and then somebody's
//! client writes a name in another case.  All of it follows from the seed and the tree.  Nobody else
//! may be at work meanwhile: the agent of the source server ([`crate::poa`]) does the same under locks.

mod mail_work;
#[cfg(test)]
mod tests;
pub(crate) mod work;

use std::fmt;
use std::path::Path;
use std::time::SystemTime;

use postoffice::names::RelativePath;
use rand::RngExt;
use serde::{Serialize, Serializer};

use crate::database::Writer;
use crate::error::SimulatorError;
use crate::model::MailEvent;
use crate::random::generator;
use crate::tree;
use work::Work;

/// How a churn is done.
#[derive(Debug, Clone)]
pub struct ChurnOptions {
    /// What everything is derived from.
    pub seed: u64,
    /// How many operations; from fifteen on each kind occurs.
    pub operations: usize,
    /// The time that changed files get; the present where it is `None`.  Seconds are made even, as on NetWare.
    pub time: Option<SystemTime>,
}

/// A kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChurnKind {
    /// A new attachment.
    NewBlob,
    /// A database with other bytes of the same number.
    ChangedDatabase,
    /// A database that became larger.
    GrownDatabase,
    /// A user with a new database, and a new record in the post office database.
    NewUser,
    /// A message that waits to leave.
    QueuedOut,
    /// A message that waits to be delivered.
    QueuedIn,
    /// A queued message that was taken.
    Consumed,
    /// An attachment whose message was purged.
    PurgedBlob,
    /// An attachment whose name changed its case and nothing else.
    RenamedCase,
    /// A message that came into mailboxes, and left the queue in which it waited.
    DeliveredMail,
    /// A message that a user sent.
    SentMail,
    /// A message that a user read, or set to unread.
    ReadMail,
    /// A message that a user moved to another folder.
    MovedMail,
    /// A message that a user purged.
    PurgedMail,
    /// A message database that was added, and an entry for it in the guardian's catalogue.
    NewMessageDatabase,
}

impl ChurnKind {
    /// Every kind, in an order in which each finds what it needs.
    pub const ALL: [Self; 15] = [
        Self::NewBlob,
        Self::ChangedDatabase,
        Self::GrownDatabase,
        Self::NewUser,
        Self::QueuedOut,
        Self::QueuedIn,
        Self::Consumed,
        Self::PurgedBlob,
        Self::RenamedCase,
        Self::DeliveredMail,
        Self::SentMail,
        Self::ReadMail,
        Self::MovedMail,
        Self::PurgedMail,
        Self::NewMessageDatabase,
    ];
}

/// One operation that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChurnOperation {
    /// What was done.
    pub kind: ChurnKind,
    /// To which file; for a renamed one, its new name.
    #[serde(serialize_with = "as_text")]
    pub path: RelativePath,
    /// What else changed: further files of a database, the post office database and the guardian for a new user, the old
    /// name of a renamed file.
    #[serde(serialize_with = "as_texts")]
    pub others: Vec<RelativePath>,
    /// What became of messages.
    pub mail: Vec<MailEvent>,
}

/// What a churn did, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChurnReport {
    /// The operations.
    pub operations: Vec<ChurnOperation>,
}

impl fmt::Display for ChurnReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for operation in &self.operations {
            write!(formatter, "{}: {}", operation.kind, operation.path)?;
            for other in &operation.others {
                write!(formatter, " ({other})")?;
            }
            writeln!(formatter)?;
        }
        writeln!(formatter, "{} operations", self.operations.len())
    }
}

impl ChurnKind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NewBlob => "new attachment",
            Self::ChangedDatabase => "changed database",
            Self::GrownDatabase => "grown database",
            Self::NewUser => "new user",
            Self::QueuedOut => "queued to leave",
            Self::QueuedIn => "queued for delivery",
            Self::Consumed => "consumed queue item",
            Self::PurgedBlob => "purged attachment",
            Self::RenamedCase => "renamed in case",
            Self::DeliveredMail => "delivered mail",
            Self::SentMail => "sent mail",
            Self::ReadMail => "read mail",
            Self::MovedMail => "moved mail",
            Self::PurgedMail => "purged mail",
            Self::NewMessageDatabase => "new message database",
        }
    }
}

impl fmt::Display for ChurnKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Lets the post office at `path` live for a number of operations.
pub fn churn(path: &Path, options: &ChurnOptions) -> Result<ChurnReport, SimulatorError> {
    let root = tree::open_post_office(path)?;
    let time = tree::even_seconds(options.time.unwrap_or_else(SystemTime::now));
    let generator = generator(options.seed, b"churn");
    let mut work = Work::new(&root, Writer::alone(Some(time)), generator)?;
    let mut operations = Vec::with_capacity(options.operations);
    for number in 0..options.operations {
        let kind = match ChurnKind::ALL.get(number) {
            Some(kind) => *kind,
            None => ChurnKind::ALL[work.generator.random_range(0..ChurnKind::ALL.len())],
        };
        operations.push(work.operate(kind)?);
    }
    Ok(ChurnReport { operations })
}

fn as_text<S: Serializer>(path: &RelativePath, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

// The signature is serde's.
#[allow(clippy::ptr_arg)]
fn as_texts<S: Serializer>(paths: &Vec<RelativePath>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(ToString::to_string))
}
