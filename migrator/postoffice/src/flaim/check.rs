//! The check: everything that is wrong with a database, by name and place (flaim-format.md 11.2).
//!
//! Physical checks look at every block below the end of the database: its checksum, address, kind, level and
//! neighbours; every element of every tree; every field; the lists of free blocks; and that each block is used exactly
//! once.  Logical checks make the keys of all records and compare them with the keys of the indexes, both ways.
//!
//! A database that needs recovery is checked as it stood at its last checkpoint, and its roll-forward log is replayed.
//!
//! What escapes: changes that keep every rule.  Each block has an 8-bit sum and an 8-bit exclusive or over its used
//! bytes, so one flipped bit is always found there; of the header, only the application's own version (two bytes) and
//! the default language (one byte) may hold anything, and the bytes between the log header and the database header have
//! no meaning.  Bytes behind the used end of a block are garbage by design.  A test flips every bit of a sample's used
//! bytes: 21,000 of 21,024 are found, and the other 24 are those three bytes.  Where the checksum is made right after the
//! change, as a program would that writes wrong content on purpose, 56 % are found: what escapes then is the content of
//! fields that no index covers, names of tags, transaction numbers and fields of block headers that nothing reads.

mod branch;
mod compare;
mod leaf;
mod space;
mod tree;

use std::collections::BTreeMap;

use super::damage::Damage;
use super::database::Database;
use super::dictionary::ItemKind;
use super::error::{Error, Fault, Place};
use super::file_set::FileSet;
use super::file_set::Limits;
use super::header::{Header, probe_files};
use super::logical_file::{
    DEFAULT_CONTAINER, DICTIONARY_CONTAINER, LogicalFile, LogicalFileKind, NAME_INDEX,
    TRACKER_CONTAINER, walk_entries,
};
use super::store::BlockStore;
use space::Space;

/// How a check is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckOptions {
    /// How much memory reading may take.
    pub limits: Limits,
    /// The most findings that are listed; further ones are counted.
    pub findings_max: usize,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            findings_max: 1000,
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// What the headers say.
    pub header: Header,
    /// What is wrong, in the order in which it was found.
    pub findings: Vec<Fault>,
    /// How many findings the list has no room for.
    pub findings_left_out: u64,
    /// How many blocks the database has.
    pub blocks: u64,
    /// How many of them are free.
    pub blocks_free: u64,
    /// Each container and index.
    pub trees: BTreeMap<u16, TreeReport>,
}

/// What a check counted in one container or index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeReport {
    /// What it holds.
    pub kind: LogicalFileKind,
    /// How many blocks it has.
    pub blocks: u64,
    /// How many records a container has, or references an index.
    pub entries: u64,
    /// How the keys of an index compare with the records.
    pub comparison: Option<Comparison>,
}

/// How the keys of an index compare with the records of its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// All were compared; differences are findings.
    Whole,
    /// Those of some records could not be made; the others were compared.
    Partial {
        /// How many records were left out.
        records_left_out: u64,
        /// Why the first of them was.
        reason: &'static str,
    },
    /// None were compared.
    None {
        /// Why.
        reason: &'static str,
    },
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// What is wrong, apart from header fields that have no meaning.
    pub fn damage(&self) -> impl Iterator<Item = &Fault> {
        let findings = self.findings.iter();
        findings.filter(|fault| fault.damage != Damage::HeaderUnusual)
    }
}

/// Findings, as many as there is room for.
#[derive(Debug)]
struct Findings {
    list: Vec<Fault>,
    left_out: u64,
    max: usize,
}

impl Findings {
    fn add(&mut self, fault: Fault) {
        if self.list.len() < self.max.max(1) {
            self.list.push(fault);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    fn add_all(&mut self, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            self.add(fault);
        }
    }

    fn is_full(&self) -> bool {
        self.left_out > 0
    }

    /// Whether a container or index has a finding, or one that no container or index is known for.
    fn concern(&self, number: u16) -> bool {
        self.is_full()
            || self.list.iter().any(|fault| {
                fault.place.logical_file == Some(number)
                    || fault.damage == Damage::LogicalFileMissing
            })
    }
}

/// Checks a database.
///
/// An error means that there is no database to check ([`Error::NotOurs`]), that a read failed, or that something is larger
/// than the limits; damage is a finding.
pub fn check(files: impl FileSet, options: CheckOptions) -> Result<CheckReport, Error> {
    let header = probe_files(&files)?;
    let mut report = CheckReport {
        header: header.clone(),
        findings: Vec::new(),
        findings_left_out: 0,
        blocks: 0,
        blocks_free: 0,
        trees: BTreeMap::new(),
    };
    let mut findings = Findings {
        list: Vec::new(),
        left_out: 0,
        max: options.findings_max,
    };
    for (_, seen, expected) in header.unusual_fields() {
        let fault = Place::default().fault(Damage::HeaderUnusual);
        findings.add(fault.with_numbers(seen, expected));
    }
    let checked = check_blocks(&files, &header, options, &mut report, &mut findings);
    note(checked, &mut findings)?;
    report.findings = findings.list;
    report.findings_left_out = findings.left_out;
    Ok(report)
}

/// Turns damage into a finding; errors that are not about the database stay errors.
fn note<T>(result: Result<T, Error>, findings: &mut Findings) -> Result<Option<T>, Error> {
    let damage = match result {
        Ok(value) => return Ok(Some(value)),
        Err(Error::Damaged(fault)) => {
            findings.add(fault);
            return Ok(None);
        }
        Err(Error::Rollback { address, .. }) => Place::default()
            .at_block(address)
            .fault(Damage::RollbackLog),
        Err(Error::RollForward { offset, .. }) => {
            let fault = Place::default().fault(Damage::RollForwardLog);
            fault.with_numbers(offset, offset)
        }
        Err(error) => return Err(error),
    };
    findings.add(damage);
    Ok(None)
}

fn check_blocks<F: FileSet>(
    files: &F,
    header: &Header,
    options: CheckOptions,
    report: &mut CheckReport,
    findings: &mut Findings,
) -> Result<(), Error> {
    let store = BlockStore::open(files, header)?;
    let mut space = Space::default();
    report.blocks = store.geometry.block_count();
    Space::check_files(&store, findings)?;
    let logical_files = check_entries(&store, &mut space, findings)?;
    space.check_pcode(&store, header, findings)?;
    report.blocks_free = space.check_available(&store, header, findings)?;
    // Without the dictionary the types of fields are unknown, and keys cannot be compared.
    let (opened, obstacle) = match Database::open_at_checkpoint(files, options.limits) {
        Ok(database) => (Some(database), None),
        Err(error @ Error::Damaged(_)) => (None, Some(error)),
        Err(error) => return Err(error),
    };
    for file in logical_files.values() {
        let definition = opened
            .as_ref()
            .and_then(|database| database.dictionary().index(file.number));
        let mut walk = tree::TreeWalk::new(&store, *file, findings, &mut space);
        if let Some(database) = &opened {
            walk.know(database.dictionary(), definition.as_ref(), options.limits);
        }
        report.trees.insert(file.number, walk.run()?);
    }
    space.check_unused(&store, findings)?;
    // What kept the reader from opening it is named by the walks above, and more exactly.
    if let Some(error) = obstacle.filter(|_| findings.list.is_empty()) {
        return Err(error);
    }
    if let Some(database) = opened {
        check_definitions(&database, &logical_files, findings);
        compare::indexes(&database, &mut report.trees, findings)?;
    }
    if !header.log.is_clean() {
        note(Database::open(files, options.limits), findings)?;
    }
    Ok(())
}

/// The entries of containers and indexes, and the blocks that hold them.
fn check_entries<F: FileSet>(
    store: &BlockStore<F>,
    space: &mut Space,
    findings: &mut Findings,
) -> Result<BTreeMap<u16, LogicalFile>, Error> {
    let mut files = BTreeMap::new();
    let mut faults = Vec::new();
    let mut twice = Vec::new();
    walk_entries(
        store,
        |address| {
            space.take(address);
            Ok(())
        },
        |file, place| {
            if files.insert(file.number, file).is_some() {
                twice.push(place.fault(Damage::LogicalFileTwice));
            }
            Ok(())
        },
        |fault| {
            faults.push(fault);
            Ok(())
        },
    )?;
    findings.add_all(faults.into_iter().chain(twice));
    for (number, kind) in [
        (DICTIONARY_CONTAINER, LogicalFileKind::Container),
        (DEFAULT_CONTAINER, LogicalFileKind::Container),
        (TRACKER_CONTAINER, LogicalFileKind::Container),
        (NAME_INDEX, LogicalFileKind::Index),
    ] {
        if files.get(&number).map(|file| file.kind) != Some(kind) {
            findings.add(Place::in_logical_file(number).fault(Damage::LogicalFileMissing));
        }
    }
    Ok(files)
}

/// What the dictionary defines must have an entry, and what has an entry must be defined.
fn check_definitions<F: FileSet>(
    database: &Database<F>,
    files: &BTreeMap<u16, LogicalFile>,
    findings: &mut Findings,
) {
    for (number, item) in database.dictionary().items() {
        let kind = match item.kind {
            ItemKind::Container => LogicalFileKind::Container,
            ItemKind::Index(_) => LogicalFileKind::Index,
            _ => continue,
        };
        if files.get(&number).map(|file| file.kind) != Some(kind) {
            findings.add(Place::in_logical_file(number).fault(Damage::LogicalFileMissing));
        }
    }
    for number in files
        .keys()
        .filter(|number| **number < DICTIONARY_CONTAINER)
    {
        if database.dictionary().item(*number).is_none() {
            findings.add(Place::in_logical_file(*number).fault(Damage::DictionaryItem));
        }
    }
}
