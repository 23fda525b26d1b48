//! What of a comparison is done: a file of the job folder, a line for each folder, so that a test which was interrupted goes on.
//!
//! The first line names the request.  A folder counts again only where both servers say of it what they said then; whatever cannot
//! be read or written is compared anew.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::compare::FolderComparison;
use super::view::Opened;
use super::{MailboxRequest, ServerAddress};

/// The name of the file in the job folder.
const RECORDS_FILE: &str = "mailbox-test.jsonl";

/// Its owner alone reads it: it names folders of a user.
const MODE: u32 = 0o600;

/// The folders that are done.
#[derive(Debug, Default)]
pub struct Records {
    file: Option<File>,
    known: BTreeMap<String, Record>,
}

/// A folder that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    folder: String,
    source: Opened,
    destination: Opened,
    compared: FolderComparison,
}

/// What is compared; the same for the same question.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    user: String,
    source: (String, u16),
    destination: (String, u16),
    sample_messages: u64,
    pass_began_seconds: i64,
}

impl Record {
    /// What it came to, where both servers say of the folder what they said then.
    pub(super) fn holds(&self, source: Opened, destination: Opened) -> Option<FolderComparison> {
        let is_bound = source.validity.is_some() && destination.validity.is_some();
        let is_same = source == self.source && destination == self.destination;
        (is_bound && is_same).then(|| self.compared.clone())
    }
}

impl Records {
    /// Reads what an earlier run of the same request came to, and goes on behind that.
    pub fn open(job_folder: &Path, request: &MailboxRequest) -> Self {
        match Self::try_open(&job_folder.join(RECORDS_FILE), request) {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(%error, "what is done of the mailbox test is not kept");
                Self::default()
            }
        }
    }

    fn try_open(path: &Path, request: &MailboxRequest) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)?;
        let question = Question::of(request);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // A line that was not written to its end is none, and nothing can stand behind it.
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
        let whole = |line: &&[u8]| line.ends_with(b"\n");
        let first = lines.next().filter(whole).unwrap_or_default();
        let is_same =
            serde_json::from_slice::<Question>(first).is_ok_and(|known| known == question);
        let mut known = BTreeMap::new();
        let mut length = first.len();
        if is_same {
            for line in lines.take_while(whole) {
                let Ok(record) = serde_json::from_slice::<Record>(line) else {
                    break;
                };
                length += line.len();
                known.insert(record.folder.clone(), record);
            }
        } else {
            file.set_len(0)?;
            file.rewind()?;
            length = write_line(&mut file, &question)?;
        }
        file.set_len(length as u64)?;
        file.seek(io::SeekFrom::End(0))?;
        Ok(Self {
            file: Some(file),
            known,
        })
    }

    /// What is known of a folder.
    pub(super) fn known(&self, folder: &str) -> Option<&Record> {
        self.known.get(folder)
    }

    /// Keeps what a folder came to.
    pub(super) fn keep(
        &mut self,
        folder: &str,
        source: Opened,
        destination: Opened,
        compared: &FolderComparison,
    ) {
        let record = Record {
            folder: folder.to_owned(),
            source,
            destination,
            compared: compared.clone(),
        };
        let Some(file) = &mut self.file else {
            return;
        };
        if let Err(error) = write_line(file, &record) {
            tracing::warn!(%error, "what is done of the mailbox test is not kept");
            self.file = None;
        }
    }

    /// The comparison came to its end: the next one begins anew.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        if let Some(file) = &self.file
            && let Err(error) = file.set_len(0)
        {
            tracing::warn!(%error, "what was done of the mailbox test is not removed");
        }
    }
}

impl Question {
    fn of(request: &MailboxRequest) -> Self {
        let address = |server: &ServerAddress| (server.host.clone(), server.port);
        Self {
            user: request.user.clone(),
            source: address(&request.source),
            destination: address(&request.destination),
            sample_messages: request.sample_messages,
            pass_began_seconds: request.pass_began_seconds,
        }
    }
}

/// Writes a line; gives its length.
fn write_line(file: &mut File, line: &impl Serialize) -> io::Result<usize> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)?;
    Ok(bytes.len())
}
