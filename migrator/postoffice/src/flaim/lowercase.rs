//! Lower-cases the names that a database keeps: first a plan that can be shown, then the change.
//!
//! ```text
//!  profile ── plan ──(printed, agreed to)── apply ── recover, values in place, indexes anew, headers last
//! ```
//!
//! Only ASCII letters change, so every value keeps its length and its place (flaim-format.md 11.3).  What an index
//! holds about a value does change; an affected index is written anew from what it holds, without the keys that the
//! changed records had, and with those that they have.  Everything that forbids the change is found by the plan, which
//! writes nothing.

mod apply;
mod compare;
mod names;
mod plan;
mod survey;
mod values;

use serde::Serialize;

use super::database::Recovery;
use super::file_set::Limits;
use super::name_shape::{LeftAloneReason, NameShape};
pub use super::rebuild::RebuiltIndex;

pub use apply::apply_lowercase;
pub use compare::{Difference, compare_lowercased, compare_lowercased_texts};
pub use names::{Catalogued, NameSeen, NameState, each_catalogued, each_name};
pub use plan::plan_lowercase;

/// How much memory planning and changing may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowercaseLimits {
    /// What reading may take.
    pub database: Limits,
    /// The most that the names to change take, with the keys that indexes have for them, in bytes.
    pub changes_bytes_max: usize,
    /// The most values that are listed as left alone; further ones are counted.
    pub left_alone_max: usize,
}

impl Default for LowercaseLimits {
    fn default() -> Self {
        Self {
            database: Limits::default(),
            changes_bytes_max: 256 << 20,
            left_alone_max: 10_000,
        }
    }
}

/// What lower-casing a database would do.
///
/// Texts are as the database has them; whoever shows them takes care of control characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LowercasePlan {
    /// What recovery has to do first; none for a database that was closed cleanly.
    pub recovery: Option<Recovery>,
    /// The fields that were looked at.
    pub fields: Vec<NameField>,
    /// The values that change, by container and record.
    pub changes: Vec<NameChange>,
    /// Values of those fields that have capital letters and stay.
    pub left_alone: Vec<LeftAlone>,
    /// How many more of them there are.
    pub left_alone_further: u64,
    /// The indexes that are written anew.
    pub rebuilt: Vec<AffectedIndex>,
    /// The indexes of the same containers that stay as they are.
    pub unaffected: Vec<UnaffectedIndex>,
}

impl LowercasePlan {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.recovery.is_none()
    }
}

/// A field whose values are names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameField {
    /// The number of the container that is looked at.
    pub container: u16,
    /// The number of the field's tag.
    pub field: u16,
    /// Its name in the dictionary; empty where it has none.
    pub name: String,
    /// The shape that a value must have to change; none where every value does.
    pub shape: Option<NameShape>,
}

/// One value that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameChange {
    /// The number of the container.
    pub container: u16,
    /// The number of the record in it.
    pub record: u32,
    /// The number of the field's tag.
    pub field: u16,
    /// Which field of the record it is, counted from 0.
    pub position: usize,
    /// The value as it is.
    pub old: String,
    /// The value as it will be.
    pub new: String,
}

/// One value with capital letters that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftAlone {
    /// The number of the container.
    pub container: u16,
    /// The number of the record in it.
    pub record: u32,
    /// The number of the field's tag.
    pub field: u16,
    /// Which field of the record it is, counted from 0.
    pub position: usize,
    /// The value as the database has it.
    pub value: String,
    /// Why it stays.
    pub reason: LeftAloneReason,
}

/// An index that is written anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AffectedIndex {
    /// Its number, which is also that of its record in the dictionary.
    pub index: u16,
    /// Its name in the dictionary.
    pub name: String,
    /// How many keys of records it loses.
    pub keys_removed: usize,
    /// How many it gets instead.
    pub keys_added: usize,
}

/// An index that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnaffectedIndex {
    /// Its number.
    pub index: u16,
    /// Its name in the dictionary.
    pub name: String,
    /// Why its keys do not change.
    pub reason: &'static str,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LowercaseReport {
    /// What recovery did first; none for a database that was closed cleanly.
    pub recovery: Option<Recovery>,
    /// How many values were changed.
    pub values: usize,
    /// How many blocks the values stand in.
    pub value_blocks: usize,
    /// The indexes that were written anew.
    pub indexes: Vec<RebuiltIndex>,
}
