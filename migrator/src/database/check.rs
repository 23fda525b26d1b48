//! Everything that is wrong with a database.

use std::path::Path;

use postoffice::flaim::{self, CheckOptions, Comparison, LogicalFileKind};
use postoffice::names::RelativePath;
use serde::Serialize;
use worker::error::WorkerError;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckFinding {
    /// Stable code of the kind of damage.
    pub code: &'static str,
    /// The block, as the format writes its address, in hexadecimal.
    pub block: Option<String>,
    /// The container or index.
    pub logical_file: Option<u16>,
    /// The record.
    pub record: Option<u32>,
    /// What is wrong and where, in words.
    pub text: String,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseCheck {
    /// Whether nothing is wrong.
    pub is_sound: bool,
    /// The version, 301 for 3.01.
    pub version: u16,
    /// Whether it was closed cleanly.
    pub is_clean: bool,
    /// Blocks.
    pub blocks: u64,
    /// Free blocks among them.
    pub blocks_free: u64,
    /// Records of all containers.
    pub records: u64,
    /// Keys of all indexes, with each record that has them.
    pub references: u64,
    /// Indexes whose keys were not, or not all, compared with the records, and why.
    pub not_compared: Vec<String>,
    /// What is wrong.
    pub findings: Vec<CheckFinding>,
    /// How much more is.
    pub findings_left_out: u64,
}

/// Checks a database, physically and logically; reads only.
///
/// # Errors
/// [`WorkerError::Database`] where the file is no database that the engine knows; what reading says.
pub fn check(file: &Path) -> Result<DatabaseCheck, WorkerError> {
    let (database, control) = super::open(file)?;
    let header = database.header()?;
    let report = flaim::check(&database.files, CheckOptions::default()).map_err(|source| {
        WorkerError::Database {
            path: RelativePath::root().join(&control),
            source: Box::new(source),
        }
    })?;
    let entries_of = |kind| {
        let trees = report.trees.values().filter(move |tree| tree.kind == kind);
        trees.map(|tree| tree.entries).sum()
    };
    let not_compared = report.trees.iter().filter_map(|(number, tree)| {
        let reason = match tree.comparison? {
            Comparison::Whole => return None,
            Comparison::Partial {
                records_left_out,
                reason,
            } => format!("{records_left_out} records were left out: {reason}"),
            Comparison::None { reason } => reason.to_owned(),
        };
        Some(format!("index {number}: {reason}"))
    });
    Ok(DatabaseCheck {
        is_sound: report.is_sound() && report.findings_left_out == 0,
        version: header.version.number(),
        is_clean: header.log.is_clean(),
        blocks: report.blocks,
        blocks_free: report.blocks_free,
        records: entries_of(LogicalFileKind::Container),
        references: entries_of(LogicalFileKind::Index),
        not_compared: not_compared.collect(),
        findings: report.findings.iter().map(finding).collect(),
        findings_left_out: report.findings_left_out,
    })
}

fn finding(fault: &flaim::Fault) -> CheckFinding {
    CheckFinding {
        code: fault.damage.code(),
        block: fault.place.block.map(|block| block.to_string()),
        logical_file: fault.place.logical_file,
        record: fault.place.record,
        text: fault.to_string(),
    }
}
