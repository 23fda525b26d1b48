//! The names that a database keeps, one by one, and the files that its catalogue points to.

use serde::Serialize;

use super::super::database::Database;
use super::super::error::{Error, Place};
use super::super::field::FieldKind;
use super::super::file_set::FileSet;
use super::super::name_shape::{LeftAloneReason, NameShape};
use super::super::profile::NameProfile;
use super::super::record::Record;
use super::super::text;
use super::plan::{Judgement, judge};
use crate::names::RelativePath;

/// One value of a field that holds names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameSeen {
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
    /// What lower-casing would do with it.
    pub state: NameState,
}

/// What lower-casing does with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameState {
    /// Nothing: it has no capital letters.
    Lower,
    /// It becomes lower case.
    Changes,
    /// It stays, for this reason.
    Stays(LeftAloneReason),
}

/// Shows every value of the fields that a profile takes for names.
///
/// # Errors
/// What reading says, and what `see` says.
pub fn each_name<F: FileSet, E: From<Error>>(
    database: &Database<F>,
    profile: &NameProfile,
    mut see: impl FnMut(NameSeen) -> Result<(), E>,
) -> Result<(), E> {
    let selection = profile.select(database.dictionary(), &database.containers())?;
    for (container, rules) in &selection {
        for record in database.records(*container)? {
            let record = record?;
            for (position, field) in record.fields().enumerate() {
                let Some(rule) = rules.get(&field.tag) else {
                    continue;
                };
                if field.kind != FieldKind::Text || field.is_encrypted {
                    continue;
                }
                let place = Place::in_logical_file(*container).in_record(record.number);
                let damaged = |damage| Error::from(place.in_field(field.tag).fault(damage));
                let state = match judge(field, *rule).map_err(damaged)? {
                    Judgement::Same => NameState::Lower,
                    Judgement::Changes(_) => NameState::Changes,
                    Judgement::Stays(reason) => NameState::Stays(reason),
                };
                see(NameSeen {
                    container: *container,
                    record: record.number,
                    field: field.tag,
                    position,
                    value: text::decode(field.stored).map_err(damaged)?,
                    state,
                })?;
            }
        }
    }
    Ok(())
}

/// A file that a guardian's catalogue points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogued {
    /// The number of the container that holds the catalogue.
    pub container: u16,
    /// The number of the record in it.
    pub record: u32,
    /// Where the file must be, from the root of the post office, exactly as the catalogue spells it.
    pub path: RelativePath,
}

/// Shows every file that a guardian's catalogue points to, with its folder, in the case that the catalogue has.
///
/// # Errors
/// What reading says, and what `see` says.
pub fn each_catalogued<F: FileSet, E: From<Error>>(
    database: &Database<F>,
    mut see: impl FnMut(Catalogued) -> Result<(), E>,
) -> Result<(), E> {
    let selection = NameProfile::Guardian.select(database.dictionary(), &database.containers())?;
    for (container, rules) in &selection {
        for record in database.records(*container)? {
            let record = record?;
            let mut stores = Stores::default();
            let mut parents: Vec<usize> = Vec::new();
            for (position, field) in record.fields().enumerate() {
                parents.truncate(usize::from(field.level));
                let parent = parents.last().copied();
                parents.push(position);
                let Some(Some(shape)) = rules.get(&field.tag) else {
                    continue;
                };
                if field.kind != FieldKind::Text {
                    continue;
                }
                let place = Place::in_logical_file(*container).in_record(record.number);
                let value = text::decode(field.stored)
                    .map_err(|damage| Error::from(place.in_field(field.tag).fault(damage)))?;
                match shape {
                    NameShape::FileName => stores.names.push((parent, value)),
                    NameShape::FolderPath => stores.folders.push((parent, path_of(&value))),
                    NameShape::FilePath => see(catalogued(*container, &record, path_of(&value)))?,
                }
            }
            for path in stores.paths() {
                see(catalogued(*container, &record, path))?;
            }
        }
    }
    Ok(())
}

/// The names of files and of folders in one record, each with the field that it is below.
#[derive(Default)]
struct Stores {
    names: Vec<(Option<usize>, String)>,
    folders: Vec<(Option<usize>, RelativePath)>,
}

impl Stores {
    /// Where each file lies: in the folder that stands below the same field; in turn, where several do; in the last folder of the
    /// record where none does.
    fn paths(&self) -> Vec<RelativePath> {
        let mut paths = Vec::with_capacity(self.names.len());
        for (index, (parent, name)) in self.names.iter().enumerate() {
            let mut beside = self.folders.iter().filter(|(other, _)| other == parent);
            let before = self.names.iter().take(index);
            let turn = before.filter(|(other, _)| other == parent).count();
            let folder = beside
                .clone()
                .nth(turn)
                .or_else(|| beside.next_back())
                .or_else(|| self.folders.last());
            let folder = folder.map_or_else(RelativePath::root, |(_, folder)| folder.clone());
            paths.push(folder.join(name.as_bytes()));
        }
        paths
    }
}

fn catalogued(container: u16, record: &Record, path: RelativePath) -> Catalogued {
    Catalogued {
        container,
        record: record.number,
        path,
    }
}

fn path_of(text: &str) -> RelativePath {
    let names = text.split(['/', '\\']).filter(|name| !name.is_empty());
    names.fold(RelativePath::root(), |path, name| {
        path.join(name.as_bytes())
    })
}
