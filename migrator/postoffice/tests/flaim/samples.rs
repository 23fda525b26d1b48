//! The sample databases, out of their archives.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use postoffice::flaim::{DatabaseFile, MemoryFileSet};

/// One sample: its files, and what the independent implementation reads out of them.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) files: MemoryFileSet,
    pub(crate) expected: Option<String>,
}

/// The number of a file in its set, by its name.
pub(crate) fn database_file(name: &str) -> Option<DatabaseFile> {
    match name {
        "guard.db" => Some(DatabaseFile::CONTROL),
        "guard00001.log" | "guard.rfl/00000001.log" => Some(DatabaseFile::RollForward(1)),
        _ => {
            let number = name.strip_prefix("guard.")?.parse().ok()?;
            Some(DatabaseFile::Numbered(number))
        }
    }
}

/// The files of one archive by name.
pub(crate) fn archive(name: &str) -> BTreeMap<String, Vec<u8>> {
    let path = Path::new(crate::FIXTURES).join(format!("{name}.tar.gz"));
    let packed = std::fs::File::open(path).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(name, content);
    }
    files
}

/// The sample in a folder of an archive, or at its top.
fn sample(archive_name: &str, folder: &str, files: &BTreeMap<String, Vec<u8>>) -> Sample {
    let mut sample = Sample {
        name: format!("{archive_name}/{folder}"),
        files: MemoryFileSet::new(),
        expected: None,
    };
    for (path, content) in files {
        let Some(name) = path.strip_prefix(folder) else {
            continue;
        };
        if name == "expected.jsonl" {
            sample.expected = Some(String::from_utf8(content.clone()).unwrap());
        } else if let Some(file) = database_file(name) {
            sample.files.insert(file, content.clone());
        }
    }
    sample
}

/// One sample that stands alone in its archive.
pub(crate) fn load(name: &str) -> Sample {
    sample(name, "", &archive(name))
}

/// One of several samples in an archive.
pub(crate) fn load_from(name: &str, folder: &str) -> Sample {
    sample(name, &format!("{folder}/"), &archive(name))
}

/// The samples that stand alone in their archives.
pub(crate) const SINGLE: &[&str] = &[
    "01-v301-4k-tiny",
    "02-v302-4k-upper-stores",
    "04-v400-4k-deleted",
    "05-v430-4k-positioning",
    "07-v462-4k-large",
    "08-v462-4k-multifile",
    "09-v301-4k-aborted",
    "10-v301-4k-needs-rfl",
    "11-v452-4k-needs-rollback-and-rfl",
    "12-v310-4k-needs-rollback",
];

/// The pairs before and after lower-casing.
pub(crate) const PAIRS: &[&str] = &["13-v301-upper", "13-v400-mixed"];

/// Versions and kinds of index of the pairs before and after lower-casing, and which archive has the dumps.
pub(crate) const ALL_PAIRS: &[(&str, &str)] = &[
    ("13-v301-mixed", "13-v400-mixed"),
    ("13-v310-mixed", "13-v400-mixed"),
    ("13-v400-mixed", "13-v400-mixed"),
    ("13-v462-mixed", "13-v400-mixed"),
    ("13-v301-upper", "13-v301-upper"),
    ("13-v310-upper", "13-v301-upper"),
    ("13-v400-upper", "13-v301-upper"),
    ("13-v462-upper", "13-v301-upper"),
];

/// A database before lower-casing with its dump, and the dump afterwards.
pub(crate) fn pair(name: &str, dumps: &str) -> (Sample, String) {
    let mut before = load_from(name, "before");
    before.expected = load_from(dumps, "before").expected;
    let after = load_from(dumps, "after").expected;
    (before, after.unwrap())
}

/// Every sound sample.
pub(crate) fn sound() -> Vec<Sample> {
    let mut samples: Vec<Sample> = SINGLE.iter().map(|name| load(name)).collect();
    for name in PAIRS {
        samples.push(load_from(name, "before"));
    }
    let empty = archive("14-empty");
    let folders: std::collections::BTreeSet<&str> = empty
        .keys()
        .filter_map(|path| path.split_once('/').map(|(folder, _)| folder))
        .collect();
    for folder in folders {
        samples.push(sample("14-empty", &format!("{folder}/"), &empty));
    }
    samples
}

/// One damaged variant of a sound database.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) files: MemoryFileSet,
}

/// The sound base of the damaged variants.
pub(crate) fn corrupt_base() -> Sample {
    load("15-corrupt")
}

/// The damaged variants.
pub(crate) fn corrupt() -> Vec<Variant> {
    let files = archive("15-corrupt");
    let base = sample("15-corrupt", "", &files);
    let variants: serde_json::Value = serde_json::from_slice(&files["variants.json"]).unwrap();
    let variants = variants.as_object().unwrap().iter();
    variants
        .map(|(name, variant)| {
            let mut files = base.files.clone();
            for change in variant["changes"].as_array().unwrap() {
                let file = database_file(change["file"].as_str().unwrap()).unwrap();
                apply(files.get_mut(file).unwrap(), change);
            }
            let name = name.clone();
            Variant { name, files }
        })
        .collect()
}

fn number(value: &serde_json::Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn apply(content: &mut Vec<u8>, change: &serde_json::Value) {
    if let Some(hex) = change["bytes"].as_str() {
        let offset = number(&change["offset"]);
        let bytes = from_hex(hex);
        content[offset..offset + bytes.len()].copy_from_slice(&bytes);
    } else {
        content.truncate(number(&change["size"]));
    }
}

pub(crate) fn from_hex(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    hex.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// The databases below the folder that `FLAIM_SAMPLES` names, where it names one.
pub(crate) fn further() -> Vec<(String, MemoryFileSet)> {
    let mut folders: Vec<PathBuf> = std::env::var_os("FLAIM_SAMPLES")
        .into_iter()
        .map(PathBuf::from)
        .collect();
    let mut databases = Vec::new();
    while let Some(folder) = folders.pop() {
        let mut files = MemoryFileSet::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == "guard.rfl" {
                if let Ok(log) = std::fs::read(path.join("00000001.log")) {
                    files.insert(DatabaseFile::RollForward(1), log);
                }
            } else if path.is_dir() {
                folders.push(path);
            } else if let Some(file) = database_file(name) {
                files.insert(file, std::fs::read(&path).unwrap());
            }
        }
        if files.get(DatabaseFile::CONTROL).is_some() {
            databases.push((folder.display().to_string(), files));
        }
    }
    databases
}
