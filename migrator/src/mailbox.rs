//! Comparing one mailbox at two servers over IMAP (RFC 3501): folders, messages, and the bytes of messages.
//!
//! It runs at the destination, because the POA of stage one answers nowhere else, and it works against any IMAP server.
//! Mailboxes are only examined, never selected, so that nothing is marked as read.
//!
//! ```text
//! controller ── request on standard input ──▶ worker mailbox ── IMAP ──▶ source, destination
//!            ◀── progress, then the comparison ──┘     └── folders that are done ──▶ a file of the job folder
//! ```
//!
//! A folder that a server refuses, or that breaks its connection each time, is a finding of its own: all others are compared.
//! There is no limit for the whole, only for silence, and a test that was interrupted goes on where it was.

mod compare;
mod connect;
mod conversation;
mod list;
mod read;
mod records;
#[cfg(test)]
mod tests;
mod view;

use std::fmt;

use protocol::Secret;
use serde::{Deserialize, Serialize};

pub use compare::{FolderComparison, MailboxComparison, Missing, Side, Unread};
pub use connect::ConnectionFacts;
pub use records::Records;

use std::collections::BTreeMap;

use compare::{OtherBytes, compare_folder};
use read::{Choice, Folder, ReadError, Reader};
use view::Opened;

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxRequest {
    /// User whose mailbox it is.
    pub user: String,
    /// That user's password; crosses by standard input only.
    pub password: Secret,
    /// IMAP at the source.
    pub source: ServerAddress,
    /// IMAP at the destination.
    pub destination: ServerAddress,
    /// The certificate that both must show where they offer TLS (PEM or DER); none where none was copied.
    pub certificate: Option<Vec<u8>>,
    /// How many messages of a folder are compared byte by byte; 0 for all.
    pub sample_messages: u64,
    /// When the last pass began, in seconds since 1970: what arrived at the source later cannot be at the destination.
    pub pass_began_seconds: i64,
    /// How long connecting may take, and how long a server may then be silent, in seconds.
    pub timeout_seconds: u64,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAddress {
    /// Name or address.
    pub host: String,
    /// Port; on 993 TLS comes first, elsewhere it is asked for where the server offers it.
    pub port: u16,
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// Why a mailbox could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailboxError {
    /// The server cannot be reached.
    #[error("The IMAP server at {address} cannot be reached: {cause}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Why not.
        cause: String,
    },
    /// TLS was offered and failed.
    #[error("TLS with the IMAP server at {address} failed: {cause}")]
    Tls {
        /// Host and port.
        address: String,
        /// Why.
        cause: String,
    },
    /// The server does not let this user in.
    #[error("The IMAP server at {address} refused the login: {cause}")]
    Login {
        /// Host and port.
        address: String,
        /// What it said.
        cause: String,
    },
    /// The server said no to something else.
    #[error("The IMAP server at {address} refused to {operation}: {answer}")]
    Refused {
        /// Host and port.
        address: String,
        /// What was asked for, as a verb.
        operation: String,
        /// What it said.
        answer: String,
    },
    /// There is no whole answer: the connection ended, the server was silent for too long, or it said something else.
    #[error("The IMAP server at {address} failed to {operation}: {cause}")]
    Protocol {
        /// Host and port.
        address: String,
        /// What was asked for, as a verb.
        operation: String,
        /// What came instead.
        cause: String,
    },
    /// The server said that its answer was whole, and messages that it has were not in it.
    #[error("The IMAP server at {address} failed to {operation}: {came} of {wanted} came")]
    Incomplete {
        /// Host and port.
        address: String,
        /// What was asked for, as a verb.
        operation: String,
        /// How many messages came.
        came: usize,
        /// How many had to.
        wanted: usize,
    },
}

impl MailboxError {
    /// Whether trying again may help.
    fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Protocol { .. } | Self::Incomplete { .. } => true,
            Self::Tls { .. } | Self::Login { .. } | Self::Refused { .. } => false,
        }
    }
}

/// What the worker says while it compares, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailboxEvent {
    /// How far it is.
    Progress(MailboxProgress),
    /// What came of it; the last line.
    End(MailboxAnswer),
}

/// How far a comparison is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxProgress {
    /// The folder that is read.
    pub folder: String,
    /// How many folders are done.
    pub folders_done: u64,
    /// How many there are.
    pub folders: u64,
    /// How many messages of this folder were read whole at this side.
    pub messages: u64,
}

/// What came of a comparison, as it crosses back to the controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailboxAnswer {
    /// Both were read, as far as they let themselves be read.
    Compared(Box<MailboxComparison>),
    /// One could not be read.
    Failed {
        /// Which.
        side: Side,
        /// Whether trying again may help.
        is_temporary: bool,
        /// Why.
        text: String,
    },
}

/// Reads both mailboxes and compares them, folder by folder; `records` has what an earlier run came to, and `tell` hears how far
/// it is.
pub async fn compare_mailboxes(
    request: &MailboxRequest,
    records: &mut Records,
    tell: &mut (dyn FnMut(MailboxProgress) + Send),
) -> MailboxAnswer {
    match compare_folders(request, records, tell).await {
        Ok(comparison) => {
            records.forget();
            MailboxAnswer::Compared(Box::new(comparison))
        }
        Err((side, error)) => MailboxAnswer::Failed {
            side,
            is_temporary: error.is_temporary(),
            text: error.to_string(),
        },
    }
}

/// What a side ended with.
type Ended = (Side, MailboxError);

async fn compare_folders(
    request: &MailboxRequest,
    records: &mut Records,
    tell: &mut (dyn FnMut(MailboxProgress) + Send),
) -> Result<MailboxComparison, Ended> {
    let at = |side: Side| move |error| (side, error);
    let source = Reader::new(request, &request.source).await;
    let mut source = source.map_err(at(Side::Source))?;
    let of_source = source.folders().await.map_err(at(Side::Source))?;
    let destination = Reader::new(request, &request.destination).await;
    let mut destination = destination.map_err(at(Side::Destination))?;
    let of_destination = destination.folders().await;
    let of_destination = of_destination.map_err(at(Side::Destination))?;

    let mut comparison = MailboxComparison::default();
    for (side, unclear) in [
        (Side::Source, of_source.unclear),
        (Side::Destination, of_destination.unclear),
    ] {
        let rows = unclear.into_iter().map(|row| (side, row));
        comparison.unclear.extend(rows);
    }
    let mut names: BTreeMap<String, Ways> = BTreeMap::new();
    for (name, bytes) in of_source.names {
        names.entry(name).or_default().source = Some(bytes);
    }
    for (name, bytes) in of_destination.names {
        names.entry(name).or_default().destination = Some(bytes);
    }
    let folders = names.len() as u64;
    for (folders_done, (name, ways)) in (0..).zip(names) {
        let mut progress = |messages| {
            tell(MailboxProgress {
                folder: name.clone(),
                folders_done,
                folders,
                messages,
            });
        };
        progress(0);
        let mut pair = Pair {
            request,
            source: &mut source,
            destination: &mut destination,
            ways: &ways,
        };
        let compared = match pair.compared_before(&name, records).await {
            Some(compared) => {
                comparison.compared_before += 1;
                compared
            }
            None => pair.compare(&name, records, &mut progress).await?,
        };
        comparison.folders.insert(name, compared);
    }
    comparison.source = source.facts.clone();
    comparison.destination = destination.facts.clone();
    source.end().await;
    destination.end().await;
    Ok(comparison)
}

/// The bytes by which each side opens a folder; none where it does not list it.
#[derive(Debug, Default)]
struct Ways {
    source: Option<Vec<u8>>,
    destination: Option<Vec<u8>>,
}

/// One folder at both sides.
struct Pair<'a, 'b> {
    request: &'a MailboxRequest,
    source: &'a mut Reader<'b>,
    destination: &'a mut Reader<'b>,
    ways: &'a Ways,
}

impl Pair<'_, '_> {
    /// What an earlier run came to, where neither side has changed since.
    async fn compared_before(&mut self, name: &str, records: &Records) -> Option<FolderComparison> {
        let record = records.known(name)?;
        let (source, destination) = (self.ways.source.as_ref()?, self.ways.destination.as_ref()?);
        // What cannot be asked is read again, which says why.
        let source = self.source.opened(source).await.ok()?;
        let destination = self.destination.opened(destination).await.ok()?;
        record.holds(source, destination)
    }

    async fn compare(
        &mut self,
        name: &str,
        records: &mut Records,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<FolderComparison, Ended> {
        let mut unread = Vec::new();
        let sample = Choice::Sample(self.request.sample_messages);
        let way = self.ways.source.as_deref();
        let reading = read_folder(
            self.source,
            way,
            &sample,
            progress,
            Side::Source,
            &mut unread,
        );
        let source = reading.await?;
        let digested = source.iter().flat_map(|(_, folder)| &folder.messages);
        let digested = digested.filter(|one| one.digest.is_some());
        let chosen = Choice::Identities(digested.map(|one| one.identity.clone()).collect());
        let way = self.ways.destination.as_deref();
        let side = Side::Destination;
        let reading = read_folder(self.destination, way, &chosen, progress, side, &mut unread);
        let destination = reading.await?;
        let (mut compared, other_bytes) = compare_folder(
            source.as_ref().map(|(_, folder)| folder),
            destination.as_ref().map(|(_, folder)| folder),
            self.request.pass_began_seconds,
        );
        for (side, error) in unread {
            compared.note_unread(side, &error.to_string(), error.is_temporary());
        }
        if let (Some(source), Some(destination)) = (source, destination) {
            self.look_again(&mut compared, &other_bytes, &source, &destination)
                .await;
            if compared.unread.is_empty() {
                records.keep(name, source.0, destination.0, &compared);
            }
        }
        Ok(compared)
    }

    /// Reads messages with other bytes once more at both sides: agents make the bytes of a message anew each time, and one that
    /// differs from itself says nothing of its copy.  Where they do not come again, the difference stands.
    async fn look_again(
        &mut self,
        compared: &mut FolderComparison,
        other_bytes: &[OtherBytes],
        source: &(Opened, Folder),
        destination: &(Opened, Folder),
    ) {
        let (Some(from), Some(to)) = (&self.ways.source, &self.ways.destination) else {
            return;
        };
        if other_bytes.is_empty() {
            return;
        }
        let numbers: Vec<u32> = other_bytes.iter().map(|one| one.at_source).collect();
        let here = self.source.again(from, source.0, &numbers).await;
        let numbers: Vec<u32> = other_bytes.iter().map(|one| one.at_destination).collect();
        let there = self.destination.again(to, destination.0, &numbers).await;
        let (Ok(here), Ok(there)) = (here, there) else {
            return;
        };
        let first = |folder: &Folder, uid: u32| {
            let mut messages = folder.messages.iter();
            messages
                .find(|one| one.uid == uid)
                .and_then(|one| one.digest.clone())
        };
        for one in other_bytes {
            let (Some(source_again), Some(destination_again)) =
                (here.get(&one.at_source), there.get(&one.at_destination))
            else {
                continue;
            };
            let is_same = source_again == destination_again;
            let is_changing = first(&source.1, one.at_source).as_ref() != Some(source_again)
                || first(&destination.1, one.at_destination).as_ref() != Some(destination_again);
            if is_same || is_changing {
                compared.other_bytes -= 1;
            }
            if is_same {
                compared.same_bytes += 1;
            } else if is_changing {
                compared.changing += 1;
            }
        }
    }
}

/// A folder of one side; none where that has no such folder, or could not read it, which is added to `unread`.
async fn read_folder(
    reader: &mut Reader<'_>,
    way: Option<&[u8]>,
    choice: &Choice,
    progress: &mut (dyn FnMut(u64) + Send),
    side: Side,
    unread: &mut Vec<Ended>,
) -> Result<Option<(Opened, Folder)>, Ended> {
    let Some(way) = way else {
        return Ok(None);
    };
    match reader.folder(way, choice, progress).await {
        Ok(read) => Ok(Some(read)),
        Err(ReadError::Folder(error)) => {
            unread.push((side, error));
            Ok(None)
        }
        Err(ReadError::Server(error)) => Err((side, error)),
    }
}
