//! What a post office holds, told without changing it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use cap_std::fs::Dir;
use postoffice::layout::{
    CopyRule, FileClass, FolderClass, classify_file, classify_folder, is_queue, missing_markers,
};
use postoffice::names::{KeptReason, LowerCased, RelativePath, lower_case, printable};
use serde::{Deserialize, Serialize};

use crate::database::{self};
use crate::error::SimulatorError;
use crate::model::{Library, User};
use crate::tree::{self, Entry};

/// How many names of each trap are shown.
const EXAMPLES_MAX: usize = 20;

/// Files and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many files.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

/// Names by their case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameCounts {
    /// Names without a capital letter.
    pub lower: u64,
    /// Names that lower-casing changes.
    pub not_lower: u64,
    /// Names with bytes outside ASCII.
    pub non_ascii: u64,
    /// Names that are kept because they have a capital outside ASCII.
    pub non_ascii_capital: u64,
    /// Names that are kept because they are not valid UTF-8.
    pub not_utf8: u64,
    /// Some names that are not ASCII, printable.
    pub examples: Vec<String>,
}

/// Databases of one class and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseCount {
    /// What they are.
    pub class: FileClass,
    /// Their version of FLAIM, or why it is not known.
    pub version: String,
    /// How many there are.
    pub databases: u64,
    /// How many records they have together, those of their dictionaries left out.
    pub records: u64,
}

/// What a post office holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The name of the post office; `None` where its database is not one that the simulator made.
    pub post_office: Option<String>,
    /// The files that every post office has and this folder lacks.
    pub missing_markers: Vec<String>,
    /// Everything together.
    pub total: Count,
    /// Folders, the root not counted.
    pub folders: u64,
    /// Entries that are neither files nor folders.
    pub special: u64,
    /// Files by class.
    pub classes: BTreeMap<FileClass, Count>,
    /// Queued files by the lower-case path of their folder; empty queues are shown with nothing in them.
    pub queues: BTreeMap<String, Count>,
    /// The databases, by class and version.
    pub databases: Vec<DatabaseCount>,
    /// How many entries the guardian's catalogue has; `None` where it cannot be read.
    pub catalogued: Option<usize>,
    /// The users in the post office database.
    pub users: Vec<User>,
    /// The libraries in the post office database.
    pub libraries: Vec<Library>,
    /// The names by their case.
    pub names: NameCounts,
}

/// Describes the tree at `path`, whether it is a post office or not.
pub fn describe(path: &Path) -> Result<Description, SimulatorError> {
    let root = tree::open_folder(path)?;
    let mut description = Description::default();
    let entries = tree::entries(&root)?;
    let in_root = entries.iter().map(|entry| entry.path.as_bytes());
    description.missing_markers = missing_markers(in_root)
        .into_iter()
        .map(str::to_owned)
        .collect();
    for entry in &entries {
        description.count(entry);
    }
    if let Some(entry) = entries
        .iter()
        .find(|entry| is_post_office_database(&entry.path))
    {
        description.read_post_office(&root, &entry.path)?;
    }
    description.read_databases(&root, &entries);
    Ok(description)
}

pub(crate) fn is_post_office_database(path: &RelativePath) -> bool {
    path.as_bytes().eq_ignore_ascii_case(b"wphost.db")
}

impl Description {
    fn count(&mut self, entry: &Entry) {
        let name = entry.path.components().next_back().unwrap_or_default();
        self.names.count(name, &entry.path);
        if entry.is_folder {
            self.folders += 1;
            if classify_folder(&entry.path) == FolderClass::Queue {
                self.queues.entry(queue_name(&entry.path)).or_default();
            }
            return;
        }
        if !entry.is_file {
            self.special += 1;
            return;
        }
        let class = classify_file(&entry.path);
        let mut counts = vec![&mut self.total, self.classes.entry(class).or_default()];
        if is_queue(&entry.path) && class == FileClass::Queued {
            let folder = entry
                .path
                .split()
                .map(|(folder, _)| folder)
                .unwrap_or_default();
            counts.push(self.queues.entry(queue_name(&folder)).or_default());
        }
        for count in counts {
            count.files += 1;
            count.bytes += entry.bytes;
        }
    }

    fn write_databases(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "\n  {:<26}{:>9}{:>9}{:>15}",
            "database", "version", "number", "records"
        )?;
        for count in &self.databases {
            writeln!(
                formatter,
                "  {:<26}{:>9}{:>9}{:>15}",
                count.class, count.version, count.databases, count.records
            )?;
        }
        match self.catalogued {
            Some(count) => writeln!(formatter, "  {count} entries in the guardian's catalogue"),
            None => writeln!(formatter, "  the guardian's catalogue cannot be read"),
        }
    }

    /// A post office database that is not of the simulator's making says nothing.
    fn read_post_office(&mut self, root: &Dir, path: &RelativePath) -> Result<(), SimulatorError> {
        let read =
            database::load(root, path).and_then(|files| database::read_post_office(&files, path));
        match read {
            Ok(content) => {
                self.post_office = Some(content.name);
                self.users = content.users;
                self.libraries = content.libraries;
                Ok(())
            }
            Err(SimulatorError::Database { .. } | SimulatorError::NotOfTheSimulator { .. }) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn read_databases(&mut self, root: &Dir, entries: &[Entry]) {
        let mut counts: BTreeMap<(FileClass, String), (u64, u64)> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.is_file) {
            let class = classify_file(&entry.path);
            if !is_control_file(class, &entry.path) {
                continue;
            }
            let (version, records) = database::summary(root, &entry.path);
            let count = counts.entry((class, version)).or_default();
            count.0 += 1;
            count.1 += records;
            if is_guardian(&entry.path) {
                self.catalogued = database::stores(root, &entry.path)
                    .ok()
                    .map(|stores| stores.len());
            }
        }
        let counts = counts.into_iter();
        self.databases = counts
            .map(|((class, version), (databases, records))| DatabaseCount {
                class,
                version,
                databases,
                records,
            })
            .collect();
    }
}

/// Whether this is the first file of a database, by which it is known.
fn is_control_file(class: FileClass, path: &RelativePath) -> bool {
    let name = path.components().next_back().unwrap_or_default();
    let is_database = matches!(class.copy_rule(), CopyRule::UnderLock | CopyRule::AtomicSet);
    let ends_with = |end: &[u8]| {
        let start = name.len().saturating_sub(end.len());
        name[start..].eq_ignore_ascii_case(end)
    };
    is_database && (ends_with(b".db") || ends_with(b".fbk"))
}

pub(crate) fn is_guardian(path: &RelativePath) -> bool {
    path.as_bytes().eq_ignore_ascii_case(b"ngwguard.db")
}

fn queue_name(folder: &RelativePath) -> String {
    printable(folder.to_destination().as_bytes())
}

impl NameCounts {
    fn count(&mut self, name: &[u8], path: &RelativePath) {
        match lower_case(name) {
            LowerCased::Already => self.lower += 1,
            LowerCased::Changed(_) => self.not_lower += 1,
            LowerCased::Kept(KeptReason::NonAsciiCapital) => self.non_ascii_capital += 1,
            LowerCased::Kept(KeptReason::NotUtf8) => self.not_utf8 += 1,
        }
        if !name.is_ascii() {
            self.non_ascii += 1;
            if self.examples.len() < EXAMPLES_MAX {
                self.examples.push(path.to_string());
            }
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self
            .post_office
            .as_deref()
            .map_or_else(|| "unknown".into(), |name| printable(name.as_bytes()));
        writeln!(formatter, "post office {name}")?;
        if !self.missing_markers.is_empty() {
            writeln!(
                formatter,
                "NOT A POST OFFICE: no {}",
                self.missing_markers.join(", no ")
            )?;
        }
        let row = |formatter: &mut fmt::Formatter<'_>, label: &str, count: &Count| {
            writeln!(
                formatter,
                "  {label:<26}{:>9}{:>15}",
                count.files, count.bytes
            )
        };
        writeln!(
            formatter,
            "\n  {:<26}{:>9}{:>15}",
            "class", "files", "bytes"
        )?;
        for (class, count) in &self.classes {
            row(formatter, &class.to_string(), count)?;
        }
        row(formatter, "total", &self.total)?;
        writeln!(
            formatter,
            "  in {} folders, {} special entries",
            self.folders, self.special
        )?;
        writeln!(
            formatter,
            "\n  {:<26}{:>9}{:>15}",
            "queue", "files", "bytes"
        )?;
        for (queue, count) in &self.queues {
            row(formatter, queue, count)?;
        }
        self.write_databases(formatter)?;
        writeln!(formatter, "\n{} users", self.users.len())?;
        for user in &self.users {
            writeln!(
                formatter,
                "  {:<4} {}",
                printable(user.fid.as_bytes()),
                printable(user.display_name.as_bytes())
            )?;
        }
        writeln!(formatter, "\n{} libraries", self.libraries.len())?;
        for library in &self.libraries {
            let documents = library.documents.as_deref().unwrap_or("in the post office");
            writeln!(formatter, "  {} documents: {documents}", library.folder)?;
        }
        let names = &self.names;
        writeln!(
            formatter,
            "\nnames: {} lower case, {} not",
            names.lower, names.not_lower
        )?;
        writeln!(
            formatter,
            "  {} outside ASCII, of these kept: {} with capitals, {} not UTF-8",
            names.non_ascii, names.non_ascii_capital, names.not_utf8
        )?;
        names
            .examples
            .iter()
            .try_for_each(|example| writeln!(formatter, "  {example}"))
    }
}
