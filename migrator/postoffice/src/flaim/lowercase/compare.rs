//! Whether one database is another with its names in lower case, and nothing else.

use super::super::database::Database;
use super::super::error::Error;
use super::super::field::FieldKind;
use super::super::file_set::FileSet;
use super::super::logical_file::TRACKER_CONTAINER;
use super::super::profile::{NameProfile, Rule};
use super::super::record::{Field, Record};
use super::super::value::normal_number;
use super::plan::{Judgement, judge};
use super::values::lower_stored;

/// Where two databases differ in more than the case of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The number of the container.
    pub container: u16,
    /// The number of the record in it; none where the container as such is missing on one side.
    pub record: Option<u32>,
    /// What differs.
    pub what: &'static str,
}

/// Compares every record of both; shows each difference, and counts the records.
///
/// The engine's own container, where it keeps track of indexes, is left out: rebuilding an index may change it.
///
/// # Errors
/// What reading says.
pub fn compare_lowercased<F: FileSet, G: FileSet>(
    before: &Database<F>,
    after: &Database<G>,
    profile: &NameProfile,
    see: impl FnMut(Difference),
) -> Result<u64, Error> {
    let selection = profile.select(before.dictionary(), &before.containers())?;
    let rule_of = |container, tag| {
        let rules = selection.get(&container);
        rules.and_then(|rules| rules.get(&tag)).copied()
    };
    compare(
        before,
        after,
        |container, old, new| is_same_value(old, new, rule_of(container, old.tag)),
        see,
    )
}

/// The same where another program than this engine chose the values: any text may be in lower case as a whole, and nothing
/// else may differ.
///
/// # Errors
/// What reading says.
pub fn compare_lowercased_texts<F: FileSet, G: FileSet>(
    before: &Database<F>,
    after: &Database<G>,
    see: impl FnMut(Difference),
) -> Result<u64, Error> {
    let is_same = |_, old: Field<'_>, new: Field<'_>| {
        is_same_value(old, new, None)
            || (old.kind == FieldKind::Text
                && !old.is_encrypted
                && lower_stored(old.stored).is_ok_and(|lower| lower.as_deref() == Some(new.stored)))
    };
    compare(before, after, is_same, see)
}

fn compare<F: FileSet, G: FileSet>(
    before: &Database<F>,
    after: &Database<G>,
    is_same: impl Fn(u16, Field<'_>, Field<'_>) -> bool,
    mut see: impl FnMut(Difference),
) -> Result<u64, Error> {
    let mut containers = before.containers();
    containers.extend(after.containers());
    containers.sort_unstable();
    containers.dedup();
    let mut compared = 0;
    for container in containers {
        if container == TRACKER_CONTAINER {
            continue;
        }
        if !before.containers().contains(&container) || !after.containers().contains(&container) {
            see(Difference {
                container,
                record: None,
                what: "only one of them has this container",
            });
            continue;
        }
        let mut later = after.records(container)?;
        for record in before.records(container)? {
            let record = record?;
            compared += 1;
            let what = match later.next().transpose()? {
                Some(other) if other.number == record.number => {
                    differ(&record, &other, |old, new| is_same(container, old, new))
                }
                _ => Some("the records are not the same ones"),
            };
            if let Some(what) = what {
                see(Difference {
                    container,
                    record: Some(record.number),
                    what,
                });
            }
        }
        if let Some(extra) = later.next().transpose()? {
            see(Difference {
                container,
                record: Some(extra.number),
                what: "it has records that the other has not",
            });
        }
    }
    Ok(compared)
}

fn differ(
    before: &Record,
    after: &Record,
    is_same: impl Fn(Field<'_>, Field<'_>) -> bool,
) -> Option<&'static str> {
    if before.fields().count() != after.fields().count() {
        return Some("it has other fields");
    }
    for (old, new) in before.fields().zip(after.fields()) {
        let is_same_field = (old.level, old.tag, old.kind, old.is_encrypted)
            == (new.level, new.tag, new.kind, new.is_encrypted);
        if !is_same_field {
            return Some("it has other fields");
        }
        if !is_same(old, new) {
            return Some("a value differs in more than the case of a name");
        }
    }
    None
}

fn is_same_value(old: Field<'_>, new: Field<'_>, rule: Option<Rule>) -> bool {
    if let Some(rule) = rule
        && old.kind == FieldKind::Text
        && !old.is_encrypted
    {
        // A name must be what lower-casing makes of it, neither more nor less.
        return match judge(old, rule) {
            Ok(Judgement::Changes(stored)) => stored == new.stored,
            Ok(Judgement::Same | Judgement::Stays(_)) | Err(_) => old.stored == new.stored,
        };
    }
    if old.kind == FieldKind::Number {
        return normal_number(old.stored) == normal_number(new.stored);
    }
    old.stored == new.stored
}
