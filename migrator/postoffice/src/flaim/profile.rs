//! Which values of a database are names of files and folders.
//!
//! Either somebody says it ([`NameProfile::Selected`]), or the dictionary and the shape of the value do
//! ([`NameProfile::Guardian`]).  A text is never taken for a name because it looks like one alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dictionary::{Dictionary, ItemKind};
use super::error::Error;
use super::field::{FieldKind, is_registered};
use super::logical_file::{DICTIONARY_CONTAINER, TRACKER_CONTAINER};
use super::name_shape::NameShape;

/// How names are told from other text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameProfile {
    /// Fields that the dictionary calls by a known name, and of their values those that have the shape of a GroupWise
    /// name.
    #[default]
    Guardian,
    /// Every value of these fields, whatever it looks like.
    Selected(Vec<FieldSelection>),
}

/// One field of one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FieldSelection {
    /// The number of the container.
    pub container: u16,
    /// The number of the field's tag.
    pub field: u16,
}

/// The fields of the guardian whose values are names, by their names in the dictionary, and what each may hold.
///
/// No public source names the fields of a real guardian; these are the ones of the simulated post office.  A field that
/// is not listed here stays as it is.
const NAME_FIELDS: &[(&str, NameShape)] = &[
    ("StoreName", NameShape::FileName),
    ("StorePath", NameShape::FolderPath),
    ("StoreFile", NameShape::FilePath),
];

/// What decides whether a value of a field changes: a shape, or nothing.
pub(super) type Rule = Option<NameShape>;

/// The fields to look at, by container.
pub(super) type Selection = BTreeMap<u16, BTreeMap<u16, Rule>>;

impl NameProfile {
    /// The fields that this profile means in a database with this dictionary and these containers.
    pub(super) fn select(
        &self,
        dictionary: &Dictionary,
        containers: &[u16],
    ) -> Result<Selection, Error> {
        match self {
            Self::Guardian => Ok(guardian_fields(dictionary, containers)),
            Self::Selected(fields) => {
                let mut selection = Selection::new();
                for field in fields {
                    verify(*field, dictionary, containers)?;
                    let rules = selection.entry(field.container).or_default();
                    rules.insert(field.field, None);
                }
                Ok(selection)
            }
        }
    }
}

/// Whether the records of a container are the engine's own.
fn is_own(container: u16) -> bool {
    matches!(container, DICTIONARY_CONTAINER | TRACKER_CONTAINER)
}

fn guardian_fields(dictionary: &Dictionary, containers: &[u16]) -> Selection {
    let mut rules = BTreeMap::new();
    for (number, item) in dictionary.items() {
        let known = NAME_FIELDS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&item.name));
        if let Some((_, shape)) = known
            && item.kind == ItemKind::Field(Some(FieldKind::Text))
        {
            rules.insert(number, Some(*shape));
        }
    }
    if rules.is_empty() {
        return Selection::new();
    }
    let containers = containers.iter().filter(|container| !is_own(**container));
    containers
        .map(|container| (*container, rules.clone()))
        .collect()
}

/// Refuses a selection that cannot be meant.
fn verify(
    selection: FieldSelection,
    dictionary: &Dictionary,
    containers: &[u16],
) -> Result<(), Error> {
    let FieldSelection { container, field } = selection;
    let refuse = |reason| {
        Err(Error::Selection {
            container,
            field,
            reason,
        })
    };
    if is_own(container) {
        return refuse("the engine keeps its own records there");
    }
    if !containers.contains(&container) {
        return refuse("there is no such container");
    }
    match dictionary.item(field).map(|item| &item.kind) {
        Some(ItemKind::Field(Some(FieldKind::Text))) => Ok(()),
        Some(ItemKind::Field(_)) => refuse("the field does not hold text"),
        // Tags that the dictionary never names carry their type with each value.
        None if !is_registered(field) => Ok(()),
        _ => refuse("the dictionary has no such field"),
    }
}
