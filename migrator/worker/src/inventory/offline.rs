//! Which files a Windows server has not at hand: archived or deduplicated, and slow to read.
//!
//! Three answers are told apart: at hand, offline, and not asked.  Nothing is opened for them, because opening such a file
//! may fetch it.  Where the kernel's client has the attributes, it has them since it looked at the file, so that asking
//! costs no request; other file systems are asked about their first files only.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rustix::io::Errno;

use crate::error::stops_the_step;
use crate::file_system::{WindowsAttributes, windows_attributes_of};
use crate::pool::lock;
use crate::tree::Folder;

/// `FILE_ATTRIBUTE_OFFLINE`, `…_RECALL_ON_OPEN` and `…_RECALL_ON_DATA_ACCESS` of the file attributes of Windows
/// (MS-FSCC 2.6).
const NOT_AT_HAND: u32 = 0x1000 | 0x4_0000 | 0x40_0000;

/// How many files are asked on a file system of which it is not known whether it has the attribute.
const PROBES: u32 = 1000;

/// What is known of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its server has it at hand, or it lies on a disk of this machine.
    AtHand,
    /// Its server has to fetch it.
    Offline,
    /// Nobody knows.
    NotAsked,
}

/// How the files of a file system are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each of them, because the file system has the attribute.
    Each,
    /// So many more, to find out.
    Probe(u32),
    /// None any more: this is the answer.
    Settled(Answer),
}

/// A file system of the source.
#[derive(Debug, Clone, Copy)]
struct FileSystem {
    attributes: WindowsAttributes,
    way: Way,
}

/// The file systems of the source, by their devices.
#[derive(Debug, Default)]
pub(super) struct FileSystems(Mutex<BTreeMap<u64, FileSystem>>);

impl FileSystems {
    /// Asks about the file `name`, which is on `device`.
    ///
    /// # Errors
    /// Where the source is gone.
    pub(super) fn ask(&self, folder: &Folder, name: &[u8], device: u64) -> Result<Answer, Errno> {
        let asked = *lock(&self.0)
            .entry(device)
            .or_insert_with(|| FileSystem::of(windows_attributes_of(folder)));
        if let Way::Settled(answer) = asked.way {
            return Ok(answer);
        }
        let bits = attribute_bits(folder, name, asked.attributes.name());
        if let Err(errno) = bits
            && stops_the_step(errno)
        {
            return Err(errno);
        }
        let mut systems = lock(&self.0);
        // Another thread may have settled it meanwhile.
        let system = systems.entry(device).or_insert(asked);
        Ok(system.take(bits))
    }
}

impl FileSystem {
    fn of(attributes: WindowsAttributes) -> Self {
        let way = match attributes {
            WindowsAttributes::Named(_) => Way::Each,
            WindowsAttributes::Unlikely | WindowsAttributes::Unknown => Way::Probe(PROBES),
        };
        Self { attributes, way }
    }

    /// What the answer of the kernel means for the file, and for the next ones.
    fn take(&mut self, bits: Result<u32, Errno>) -> Answer {
        // What a file is that has no such attribute, or was not asked for it.
        let without = match self.attributes {
            WindowsAttributes::Unlikely => Answer::AtHand,
            WindowsAttributes::Named(_) | WindowsAttributes::Unknown => Answer::NotAsked,
        };
        match bits {
            Ok(bits) => {
                self.way = Way::Each;
                if bits & NOT_AT_HAND == 0 {
                    Answer::AtHand
                } else {
                    Answer::Offline
                }
            }
            // Gone meanwhile: nothing is copied of it.
            Err(Errno::NOENT) => Answer::AtHand,
            Err(errno) => {
                let lacks_it = matches!(errno, Errno::NODATA | Errno::NOTSUP);
                self.way = match self.way {
                    Way::Probe(_) if errno == Errno::NOTSUP => Way::Settled(without),
                    Way::Probe(left) if left <= 1 => Way::Settled(without),
                    Way::Probe(left) => Way::Probe(left - 1),
                    way => way,
                };
                if lacks_it { without } else { Answer::NotAsked }
            }
        }
    }
}

/// The attributes of a file as Windows has them, which the kernel's clients give as one number of their own machine.
fn attribute_bits(folder: &Folder, name: &[u8], attribute: &str) -> Result<u32, Errno> {
    let mut bits = [0; size_of::<u32>()];
    let length = folder.extended_attribute(name, attribute, &mut bits)?;
    if length == bits.len() {
        Ok(u32::from_ne_bytes(bits))
    } else {
        Err(Errno::RANGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIFS: WindowsAttributes = WindowsAttributes::Named("user.cifs.dosattrib");

    /// The answers to these files, one after another, and how many of them were asked.
    fn answers(
        attributes: WindowsAttributes,
        files: impl IntoIterator<Item = Result<u32, Errno>>,
    ) -> (Vec<Answer>, usize) {
        let mut system = FileSystem::of(attributes);
        let mut asked = 0;
        let files = files.into_iter().map(|bits| match system.way {
            Way::Settled(answer) => answer,
            Way::Each | Way::Probe(_) => {
                asked += 1;
                system.take(bits)
            }
        });
        (files.collect(), asked)
    }

    fn many(bits: Result<u32, Errno>) -> impl Iterator<Item = Result<u32, Errno>> {
        std::iter::repeat_n(bits, 5000)
    }

    #[test]
    fn each_of_the_three_attributes_counts_and_no_other() {
        for (bits, answer) in [
            (0x1000, Answer::Offline),
            (0x4_0000, Answer::Offline),
            (0x40_0000, Answer::Offline),
            (0x1020, Answer::Offline),
            // Archive, sparse with reparse point, not indexed, and every other one.
            (0x20, Answer::AtHand),
            (0x600, Answer::AtHand),
            (0x2000, Answer::AtHand),
            (!NOT_AT_HAND, Answer::AtHand),
            (0, Answer::AtHand),
        ] {
            assert_eq!(answers(CIFS, [Ok(bits)]).0, [answer], "{bits:#x}");
        }
    }

    #[test]
    fn where_the_attribute_must_be_no_error_is_an_answer() {
        for errno in [Errno::NODATA, Errno::NOTSUP, Errno::PERM, Errno::IO] {
            let files = many(Err(errno)).chain([Ok(0x1000)]);
            let (answers, asked) = answers(CIFS, files);
            assert_eq!(asked, 5001, "{errno}");
            assert!(answers[..5000].iter().all(|one| *one == Answer::NotAsked));
            assert_eq!(answers[5000], Answer::Offline);
        }
    }

    #[test]
    fn where_it_cannot_be_few_files_are_asked_and_what_that_means_is_told_apart() {
        for (attributes, answer) in [
            (WindowsAttributes::Unlikely, Answer::AtHand),
            (WindowsAttributes::Unknown, Answer::NotAsked),
        ] {
            for (errno, most) in [(Errno::NODATA, PROBES as usize), (Errno::NOTSUP, 1)] {
                let (answers, asked) = answers(attributes, many(Err(errno)));
                assert_eq!(asked, most, "{attributes:?} {errno}");
                assert!(answers.iter().all(|one| *one == answer), "{attributes:?}");
            }
        }
    }

    #[test]
    fn one_file_with_the_attribute_makes_all_asked() {
        let files = [Err(Errno::NODATA), Ok(0x1000)].into_iter();
        let (answers, asked) = answers(
            WindowsAttributes::Unlikely,
            files.chain(many(Err(Errno::NODATA))),
        );
        assert_eq!((asked, answers[1]), (5002, Answer::Offline));
        assert!(answers[2..].iter().all(|one| *one == Answer::AtHand));
    }
}
