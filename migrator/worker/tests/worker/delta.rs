//! The table of the second pass: every change at the source with every change at the destination.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use protocol::Count;

use crate::support::{PASS_ONE, PASS_TWO, Site, contents, long_ago, set_time, wanted, write_old};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtSource {
    Unchanged,
    Grown,
    OtherBytes,
    OtherSizeSameTime,
    OtherTimeOnly,
    Removed,
    ReplacedByFolder,
    RenamedInCase,
    FolderReplacedByFile,
    FolderRemoved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtDestination {
    Untouched,
    TouchedNewer,
    TouchedOlder,
    Removed,
    Extra,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Ordinary,
    Database,
}

const AT_SOURCE: [AtSource; 10] = [
    AtSource::Unchanged,
    AtSource::Grown,
    AtSource::OtherBytes,
    AtSource::OtherSizeSameTime,
    AtSource::OtherTimeOnly,
    AtSource::Removed,
    AtSource::ReplacedByFolder,
    AtSource::RenamedInCase,
    AtSource::FolderReplacedByFile,
    AtSource::FolderRemoved,
];

const AT_DESTINATION: [AtDestination; 5] = [
    AtDestination::Untouched,
    AtDestination::TouchedNewer,
    AtDestination::TouchedOlder,
    AtDestination::Removed,
    AtDestination::Extra,
];

const ORIGINAL: &[u8] = b"original";
const TOUCHED: &[u8] = b"TOUCHED!";
const FOREIGN: &[u8] = b"made by the test POA";

/// What must be there after the second pass.
struct Expected {
    /// The file at the destination, below the folder of the cell.
    stands: Option<(&'static str, &'static [u8])>,
    /// Whether the touched copy was set aside, and not overwritten.
    touched_is_kept: bool,
    /// Whether the pass may keep the copy that stands there.
    is_kept: bool,
}

fn expected(source: AtSource, destination: AtDestination) -> Expected {
    let touched = matches!(
        destination,
        AtDestination::TouchedNewer | AtDestination::TouchedOlder
    );
    let good = matches!(destination, AtDestination::Untouched | AtDestination::Extra);
    let (stands, gone, unchanged): (Option<(&str, &[u8])>, bool, bool) = match source {
        AtSource::Unchanged | AtSource::RenamedInCase => (Some(("item.db", ORIGINAL)), false, true),
        AtSource::OtherTimeOnly => (Some(("item.db", ORIGINAL)), false, false),
        AtSource::Grown => (Some(("item.db", b"original and more")), false, false),
        AtSource::OtherBytes => (Some(("item.db", b"ORIGINAL")), false, false),
        AtSource::OtherSizeSameTime => (Some(("item.db", b"short")), false, false),
        AtSource::Removed | AtSource::FolderRemoved => (None, true, false),
        AtSource::ReplacedByFolder => (Some(("item.db/inner", b"inner")), true, false),
        AtSource::FolderReplacedByFile => (Some(("item.db", b"now a file")), true, false),
    };
    Expected {
        stands,
        touched_is_kept: gone && touched,
        is_kept: unchanged && good,
    }
}

struct Cell {
    source: AtSource,
    destination: AtDestination,
    /// Its folder, as the source spells it.
    folder: String,
}

impl Cell {
    fn begins_as_folder(&self) -> bool {
        matches!(
            self.source,
            AtSource::FolderReplacedByFile | AtSource::FolderRemoved
        )
    }

    /// The file that both sides have after the first pass, as the source spells it.
    fn first(&self) -> String {
        let inner = if self.begins_as_folder() {
            "/INNER"
        } else {
            ""
        };
        format!("{}/ITEM.DB{inner}", self.folder)
    }

    fn change_source(&self, root: &Path) {
        let item = root.join(&self.folder).join("ITEM.DB");
        match self.source {
            AtSource::Unchanged => {}
            AtSource::Grown => write_old(&item, b"original and more", 50),
            AtSource::OtherBytes => write_old(&item, b"ORIGINAL", 50),
            AtSource::OtherSizeSameTime => write_old(&item, b"short", 1),
            AtSource::OtherTimeOnly => set_time(&item, long_ago(50)),
            AtSource::Removed => fs::remove_file(&item).unwrap(),
            AtSource::ReplacedByFolder => {
                fs::remove_file(&item).unwrap();
                write_old(&item.join("INNER"), b"inner", 50);
            }
            AtSource::RenamedInCase => fs::rename(&item, item.with_file_name("Item.Db")).unwrap(),
            AtSource::FolderReplacedByFile => {
                fs::remove_dir_all(&item).unwrap();
                write_old(&item, b"now a file", 50);
            }
            AtSource::FolderRemoved => fs::remove_dir_all(&item).unwrap(),
        }
    }

    fn change_destination(&self, root: &Path) {
        let file = self.copy(root);
        match self.destination {
            AtDestination::Untouched => {}
            AtDestination::TouchedNewer => {
                fs::write(&file, TOUCHED).unwrap();
                set_time(&file, SystemTime::now());
            }
            // Same length, and the very time that it had.
            AtDestination::TouchedOlder => {
                fs::write(&file, TOUCHED).unwrap();
                set_time(&file, long_ago(1));
            }
            AtDestination::Removed => fs::remove_file(&file).unwrap(),
            AtDestination::Extra => fs::write(file.with_file_name("FOREIGN.TXT"), FOREIGN).unwrap(),
        }
    }

    fn copy(&self, root: &Path) -> PathBuf {
        root.join(self.first().to_ascii_lowercase())
    }

    /// Where the touched copy and the foreign file are set aside, and their bytes.
    fn set_aside(&self) -> Option<(String, Vec<u8>)> {
        let expected = expected(self.source, self.destination);
        let copy = self.first().to_ascii_lowercase();
        let folder = &copy[..copy.rfind('/').unwrap()];
        if self.destination == AtDestination::Extra {
            return Some((format!("{folder}/FOREIGN.TXT"), FOREIGN.to_vec()));
        }
        expected.touched_is_kept.then(|| (copy, TOUCHED.to_vec()))
    }
}

fn cells(class: Class) -> Vec<Cell> {
    let mut cells = Vec::new();
    for source in AT_SOURCE {
        for destination in AT_DESTINATION {
            let number = cells.len() + 1;
            let folder = match class {
                Class::Ordinary => format!("OFFILES/FD{number:X}"),
                // Every `.db` in the folder of a library is a database.
                Class::Database => format!("GWDMS/LIB1{number:03X}"),
            };
            cells.push(Cell {
                source,
                destination,
                folder,
            });
        }
    }
    cells
}

fn run_table(class: Class) {
    let site = Site::fast().filled();
    let cells = cells(class);
    for cell in &cells {
        write_old(&site.source.join(cell.first()), ORIGINAL, 1);
    }
    site.run(PASS_ONE).clean();
    let unchanged_elsewhere = contents(&site.destination).len() - cells.len();
    for cell in &cells {
        cell.change_source(&site.source);
        cell.change_destination(&site.destination);
    }

    let done = site.run(PASS_TWO);
    let kept = done.count(Count::FilesUnchanged);
    done.clean();

    let stands = contents(&site.destination);
    let quarantine = site.quarantine();
    for cell in &cells {
        let Cell {
            source,
            destination,
            ..
        } = cell;
        let folder = cell.folder.to_ascii_lowercase();
        let here: BTreeMap<&str, &[u8]> = stands
            .iter()
            .filter_map(|(path, bytes)| {
                Some((
                    path.strip_prefix(&folder)?.strip_prefix('/')?,
                    bytes.as_slice(),
                ))
            })
            .collect();
        let wanted: BTreeMap<&str, &[u8]> =
            expected(*source, *destination).stands.into_iter().collect();
        assert_eq!(here, wanted, "{class:?} {source:?} {destination:?}");
    }
    let set_aside: BTreeMap<String, Vec<u8>> = cells.iter().filter_map(Cell::set_aside).collect();
    assert_eq!(
        quarantine, set_aside,
        "what is in the quarantine, and nothing else"
    );
    assert_eq!(stands, wanted(&site.source, false));
    let expected_kept = cells
        .iter()
        .filter(|cell| expected(cell.source, cell.destination).is_kept)
        .count()
        + unchanged_elsewhere;
    assert_eq!(kept, expected_kept as u64, "copies that were still good");

    // Everything is settled now: one more pass has nothing to do.
    let settled = site.run(PASS_TWO);
    assert_eq!(
        settled.count(Count::FilesCopied) + settled.count(Count::SetAside),
        0
    );
    settled.clean();
}

#[test]
fn every_change_of_an_ordinary_file() {
    run_table(Class::Ordinary);
}

#[test]
fn every_change_of_a_database() {
    run_table(Class::Database);
}

/// The guardian set is one unit: one changed member, and all are copied.
#[test]
fn one_changed_member_copies_the_whole_guardian_set() {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    write_old(&site.source.join("NGWGUARD.RFL"), b"more log", 77);
    let done = site.run(PASS_TWO);
    assert_eq!(
        done.count(Count::FilesCopied),
        4,
        "db, fbk, rfl and the copy in guardbak"
    );
    done.clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}
