//! What is missing where: two snapshots of one mailbox beside each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::connect::ConnectionFacts;
use super::list::INBOX;
use super::read::Folder;
use super::view::Message;

/// How many missing messages are named for each folder.
const NAMED_MAX: usize = 20;

/// A message that only one side has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The start of the digest of the header fields that name it.
    pub identity: String,
    /// When it arrived, in seconds since 1970.
    pub arrived_seconds: i64,
}

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The source.
    Source,
    /// The destination.
    Destination,
}

impl Side {
    /// The side in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// What could not be read at one side: a folder, or the first of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Where.
    pub side: Side,
    /// Why not.
    pub text: String,
    /// Whether trying again may help.
    pub is_temporary: bool,
}

/// One folder, compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FolderComparison {
    /// Messages at the source; none where it has no such folder, or could not open it.
    pub at_source: Option<u64>,
    /// Messages at the destination; none where it has no such folder, or could not open it.
    pub at_destination: Option<u64>,
    /// Messages that both have.
    pub same: u64,
    /// Those of them that were compared byte by byte and are equal.
    pub same_bytes: u64,
    /// Those that have other bytes.
    pub other_bytes: u64,
    /// Those whose bytes are others each time they are read, at one side at least, so that nothing follows from that.
    pub changing: u64,
    /// Messages that a server refused to hand out, or that broke its connection each time.
    pub unread_messages: u64,
    /// Why the folder, or a message of it, could not be read; at most one for each side.
    pub unread: Vec<Unread>,
    /// Messages that the destination does not have, although they arrived before the last pass.
    pub missing_at_destination: u64,
    /// Messages that the destination cannot have, because they arrived at the source after the last pass began.
    pub arrived_since: u64,
    /// Messages that only the destination has: gone at the source since the last pass, or made by the test POA.
    pub missing_at_source: u64,
    /// Some of those that are missing at the destination.
    pub named: Vec<Missing>,
}

impl FolderComparison {
    /// Whether something that should be at the destination is not, or is something else there.
    pub fn differs(&self) -> bool {
        self.missing_at_destination > 0
            || self.other_bytes > 0
            || (self.at_source.is_some() && self.at_destination.is_none())
    }

    /// Why the folder as a whole could not be read.
    pub fn why_unread(&self) -> Option<&Unread> {
        let is_whole = |unread: &&Unread| match unread.side {
            Side::Source => self.at_source.is_none(),
            Side::Destination => self.at_destination.is_none(),
        };
        self.unread.iter().find(is_whole)
    }

    /// Takes note of why something could not be read; the first of each side stays.
    pub(super) fn note_unread(&mut self, side: Side, text: &str, is_temporary: bool) {
        if self.unread.iter().all(|unread| unread.side != side) {
            self.unread.push(Unread {
                side,
                text: text.to_owned(),
                is_temporary,
            });
        }
    }
}

/// One mailbox, compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MailboxComparison {
    /// The connection to the source.
    pub source: ConnectionFacts,
    /// The connection to the destination.
    pub destination: ConnectionFacts,
    /// Every folder that either side has.
    pub folders: BTreeMap<String, FolderComparison>,
    /// Rows of a list of folders that are none, so that nobody knows what they stand for.
    pub unclear: Vec<(Side, String)>,
    /// Folders that were compared before the test was interrupted and have not changed since.
    pub compared_before: u64,
}

impl MailboxComparison {
    /// The mailbox's own folder, where either side lists one.
    pub fn inbox(&self) -> Option<&FolderComparison> {
        self.folders.get(INBOX)
    }

    /// The sides that show no INBOX.
    ///
    /// Every user has one (RFC 3501, 5.1): where it is missing it is not the mailbox that was seen.
    pub fn without_inbox(&self) -> Vec<&'static str> {
        let mut sides = Vec::new();
        if self.inbox().is_none_or(|inbox| inbox.at_source.is_none()) {
            sides.push(Side::Source.word());
        }
        if self
            .inbox()
            .is_none_or(|inbox| inbox.at_destination.is_none())
        {
            sides.push(Side::Destination.word());
        }
        sides
    }
}

/// A message that both sides have, with other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtherBytes {
    /// Its number at the source.
    pub(super) at_source: u32,
    /// Its number at the destination.
    pub(super) at_destination: u32,
}

/// Compares one folder, where a side has none or could not read it without that side; names the messages with other bytes.
pub(super) fn compare_folder(
    source: Option<&Folder>,
    destination: Option<&Folder>,
    pass_began_seconds: i64,
) -> (FolderComparison, Vec<OtherBytes>) {
    let count = |folder: &Folder| folder.messages.len() as u64;
    let mut comparison = FolderComparison {
        at_source: source.map(count),
        at_destination: destination.map(count),
        ..FolderComparison::default()
    };
    let mut other_bytes = Vec::new();
    // A folder may hold the same message more than once.
    let mut there: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
    for message in destination.iter().flat_map(|folder| &folder.messages) {
        there.entry(&message.identity).or_default().push(message);
    }
    for message in source.iter().flat_map(|folder| &folder.messages) {
        let copies = there.entry(&message.identity).or_default();
        // Among equals the one with the same bytes.
        let position = copies
            .iter()
            .position(|copy| copy.digest == message.digest)
            .unwrap_or(0);
        if copies.is_empty() {
            note_missing(&mut comparison, message, pass_began_seconds);
            continue;
        }
        let copy = copies.remove(position);
        comparison.same += 1;
        match (&message.digest, &copy.digest) {
            (Some(one), Some(other)) if one == other => comparison.same_bytes += 1,
            (Some(_), Some(_)) => {
                comparison.other_bytes += 1;
                other_bytes.push(OtherBytes {
                    at_source: message.uid,
                    at_destination: copy.uid,
                });
            }
            (Some(_), None) => comparison.other_bytes += 1,
            (None, _) => {}
        }
    }
    comparison.missing_at_source = there.values().map(|left| left.len() as u64).sum();
    for (side, folder) in [(Side::Source, source), (Side::Destination, destination)] {
        for text in folder.iter().flat_map(|folder| folder.unread.values()) {
            comparison.unread_messages += 1;
            comparison.note_unread(side, text, false);
        }
    }
    (comparison, other_bytes)
}

fn note_missing(comparison: &mut FolderComparison, message: &Message, pass_began_seconds: i64) {
    if message.arrived_seconds >= pass_began_seconds {
        comparison.arrived_since += 1;
        return;
    }
    comparison.missing_at_destination += 1;
    if comparison.named.len() < NAMED_MAX {
        comparison.named.push(Missing {
            identity: message.identity.chars().take(16).collect(),
            arrived_seconds: message.arrived_seconds,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(messages: &[(&str, i64, &str)]) -> Folder {
        let messages = messages.iter().map(|(identity, arrived, digest)| Message {
            uid: 0,
            identity: (*identity).to_owned(),
            arrived_seconds: *arrived,
            digest: (!digest.is_empty()).then(|| (*digest).to_owned()),
        });
        Folder {
            messages: messages.collect(),
            ..Folder::default()
        }
    }

    fn compared(
        source: &[(&str, i64, &str)],
        destination: &[(&str, i64, &str)],
    ) -> FolderComparison {
        compare_folder(Some(&folder(source)), Some(&folder(destination)), 100).0
    }

    #[test]
    fn equal_folders_do_not_differ() {
        let messages = [("a", 1, "x"), ("b", 2, ""), ("a", 1, "x")];
        let comparison = compared(&messages, &messages);
        assert!(!comparison.differs());
        assert_eq!(
            (
                comparison.same,
                comparison.same_bytes,
                comparison.missing_at_source
            ),
            (3, 2, 0)
        );
    }

    #[test]
    fn what_is_missing_is_told_from_what_is_new_and_what_is_gone() {
        let comparison = compared(
            &[
                ("old", 1, "x"),
                ("new", 100, "y"),
                ("kept", 2, "z"),
                ("kept", 2, "z"),
            ],
            &[("kept", 2, "z"), ("gone", 3, "")],
        );
        assert!(comparison.differs());
        assert_eq!(
            (
                comparison.missing_at_destination,
                comparison.arrived_since,
                comparison.missing_at_source
            ),
            (2, 1, 1),
            "one of two equal messages is missing too: {comparison:?}"
        );
        assert_eq!(comparison.named[0].identity, "old");
    }

    #[test]
    fn other_bytes_differ_also_where_the_copy_was_not_read() {
        assert!(compared(&[("a", 1, "x")], &[("a", 1, "y")]).differs());
        assert!(compared(&[("a", 1, "x")], &[("a", 1, "")]).differs());
        let both = compared(
            &[("a", 1, "x"), ("a", 1, "y")],
            &[("a", 1, "y"), ("a", 1, "x")],
        );
        assert!(!both.differs(), "{both:?}");
    }

    #[test]
    fn a_folder_that_the_destination_lacks_differs_even_when_empty() {
        let empty = Folder::default();
        assert!(compare_folder(Some(&empty), None, 100).0.differs());
        assert!(!compare_folder(None, Some(&empty), 100).0.differs());
    }
}
