//! The journal of the source agent: one line of JSON for each operation, written when it is done.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use postoffice::names::RelativePath;
use serde::{Deserialize, Serialize};

use crate::churn::{ChurnKind, ChurnOperation};
use crate::database::DatabaseChange;
use crate::error::{SimulatorError, Tried};
use crate::model::MailEvent;

/// The kind of the entry that says that nothing follows.
pub const RESTING: &str = "resting";

/// One operation that was done, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// What was done: a kind of churn, or `maintenance`, `deferred`, `interrupted`.
    pub kind: String,
    /// To which file, printable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What else changed, printable.
    pub others: Vec<String>,
    /// The BLAKE3 of a new file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What became of the databases.
    pub databases: Vec<DatabaseChange>,
    /// What became of messages.
    pub mail: Vec<MailEvent>,
    /// Why something was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Acknowledged {
    fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            path: None,
            others: Vec::new(),
            digest: None,
            databases: Vec::new(),
            mail: Vec::new(),
            why: None,
        }
    }

    /// An operation that was done.
    pub(super) fn done(
        operation: &ChurnOperation,
        digest: Option<String>,
        databases: Vec<DatabaseChange>,
    ) -> Self {
        Self {
            path: Some(operation.path.to_string()),
            others: operation.others.iter().map(ToString::to_string).collect(),
            digest,
            databases,
            mail: operation.mail.clone(),
            ..Self::new(operation.kind.name())
        }
    }

    /// A lock that was held for long.
    pub(super) fn maintained(control: &RelativePath) -> Self {
        Self {
            path: Some(control.to_string()),
            ..Self::new("maintenance")
        }
    }

    /// That nothing is done any more.
    pub(super) fn resting() -> Self {
        Self::new(RESTING)
    }

    /// An operation that was left because of a lock.
    pub(super) fn deferred(error: &SimulatorError) -> Self {
        Self {
            why: Some(error.to_string()),
            ..Self::new("deferred")
        }
    }

    /// An operation of which only a part was done: these databases changed.
    pub(super) fn interrupted(error: &SimulatorError, databases: Vec<DatabaseChange>) -> Self {
        Self {
            why: Some(error.to_string()),
            databases,
            ..Self::new("interrupted")
        }
    }
}

impl fmt::Display for Acknowledged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.kind)?;
        for about in [&self.path, &self.why].into_iter().flatten() {
            write!(formatter, ": {about}")?;
        }
        Ok(())
    }
}

/// The journal under construction.
pub(super) struct Journal(File);

impl Journal {
    pub(super) fn create(path: &Path) -> Result<Self, SimulatorError> {
        File::create_new(path).map(Self).tried_at("make", path)
    }

    /// Says that an operation was done: one write of one line, so that whoever kills the agent never finds half of one.
    pub(super) fn acknowledge(&mut self, entry: &Acknowledged) -> Result<(), SimulatorError> {
        let line = serde_json::to_string(entry).map_err(std::io::Error::from);
        line.and_then(|line| self.0.write_all(format!("{line}\n").as_bytes()))
            .map_err(|source| SimulatorError::Io {
                operation: "write",
                what: "the journal".to_owned(),
                source,
            })
    }
}

/// What a journal says was done, in order.
///
/// # Errors
/// What reading says, and a line that is none of a journal.
pub fn read_journal(path: &Path) -> Result<Vec<Acknowledged>, SimulatorError> {
    let file = File::open(path).tried_at("open", path)?;
    BufReader::new(file)
        .lines()
        .map(|line| {
            let line = line.tried_at("read", path)?;
            serde_json::from_str(&line)
                .map_err(std::io::Error::from)
                .tried_at("understand", path)
        })
        .collect()
}

/// The files that were made and not taken away again, each with its digest, by the path that they have in the end.
pub fn files_left(journal: &[Acknowledged]) -> BTreeMap<&str, &str> {
    let mut files = BTreeMap::new();
    for entry in journal {
        let Some(path) = entry.path.as_deref() else {
            continue;
        };
        let is = |kinds: &[ChurnKind]| kinds.iter().any(|kind| entry.kind == kind.name());
        let taken = [
            ChurnKind::Consumed,
            ChurnKind::PurgedBlob,
            ChurnKind::DeliveredMail,
        ];
        if let Some(digest) = &entry.digest {
            files.insert(path, digest.as_str());
        } else if is(&taken) {
            files.remove(path);
        } else if is(&[ChurnKind::RenamedCase])
            && let Some(old) = entry.others.first()
            && let Some(digest) = files.remove(old.as_str())
        {
            files.insert(path, digest);
        }
    }
    files
}
