//! What a selected folder looks like to a client: its messages in order, as they were when it looked last.

use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};

use crate::model::{Folder, Mailbox, Pointer};

/// A selected folder.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// The folder.
    pub(super) folder: Folder,
    /// Its messages in ascending order of their numbers; the first has the sequence number 1.
    pub(super) pointers: Vec<Pointer>,
}

/// A message of a view, with its sequence number.
pub(super) type Numbered<'a> = (u32, &'a Pointer);

impl View {
    /// A folder of a mailbox.
    pub(super) fn of(mailbox: &Mailbox, name: &str) -> Option<Self> {
        let mut folders = mailbox.folders.iter();
        let folder = folders.find(|folder| folder.name == name)?.clone();
        let pointers = mailbox.pointers.iter();
        let mut pointers: Vec<Pointer> = pointers
            .filter(|pointer| pointer.folder == folder.number)
            .cloned()
            .collect();
        pointers.sort_by_key(|pointer| pointer.uid);
        Some(Self { folder, pointers })
    }

    /// Every message.
    pub(super) fn all(&self) -> impl Iterator<Item = Numbered<'_>> {
        (1..).zip(&self.pointers)
    }

    /// The messages of a set of sequence numbers, or of their own numbers.
    pub(super) fn chosen(&self, set: &SequenceSet, by_uid: bool) -> Vec<Numbered<'_>> {
        let ranges = self.ranges(set, by_uid);
        self.all()
            .filter(|message| is_in(&ranges, message, by_uid))
            .collect()
    }

    /// Whether a message is in such a set.
    pub(super) fn is_chosen(
        &self,
        set: &SequenceSet,
        by_uid: bool,
        message: &Numbered<'_>,
    ) -> bool {
        is_in(&self.ranges(set, by_uid), message, by_uid)
    }

    /// The ranges of a set, the asterisk being the last message.
    fn ranges(&self, set: &SequenceSet, by_uid: bool) -> Vec<(u32, u32)> {
        let last = if by_uid {
            self.pointers.last().map_or(0, |pointer| pointer.uid)
        } else {
            u32::try_from(self.pointers.len()).unwrap_or(u32::MAX)
        };
        let value = |number: &SeqOrUid| match number {
            SeqOrUid::Value(number) => number.get(),
            SeqOrUid::Asterisk => last,
        };
        let parts = set.0.as_ref().iter();
        parts
            .map(|part| match part {
                Sequence::Single(number) => (value(number), value(number)),
                Sequence::Range(first, second) => {
                    let (first, second) = (value(first), value(second));
                    (first.min(second), first.max(second))
                }
            })
            .collect()
    }
}

fn is_in(ranges: &[(u32, u32)], (sequence, pointer): &Numbered<'_>, by_uid: bool) -> bool {
    let number = if by_uid { pointer.uid } else { *sequence };
    ranges
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&number))
}
