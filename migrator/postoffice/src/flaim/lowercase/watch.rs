//! Which indexes see a change of letters (flaim-format.md 8.3, 8.4, 9).

use std::collections::BTreeSet;

use super::super::database::Database;
use super::super::dictionary::{IndexDefinition, tag};
use super::super::error::Error;
use super::super::file_set::FileSet;
use super::super::logical_file::{DICTIONARY_CONTAINER, TRACKER_CONTAINER};
use super::super::record::{Field, Record};

/// An index of a container whose records may change.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) index: u16,
    pub(super) name: String,
    pub(super) definition: Option<IndexDefinition>,
    /// The tags whose letters its keys hold in either case; `None` where they cannot be told.
    cased: Option<BTreeSet<u16>>,
    /// The tags that its keys hold without regard to case.
    caseless: BTreeSet<u16>,
}

impl Watcher {
    /// Whether keys may change when letters of a field do.
    pub(super) fn sees(&self, tag: u16) -> bool {
        self.cased.as_ref().is_none_or(|tags| tags.contains(&tag))
    }

    /// Why the index stays as it is although these fields change.
    pub(super) fn why_unaffected(&self, tags: &BTreeSet<u16>) -> &'static str {
        if tags.iter().any(|tag| self.sees(*tag)) {
            "the changed records have no keys in it that change"
        } else if tags.iter().any(|tag| self.caseless.contains(tag)) {
            "its keys make no difference between capital and small letters"
        } else {
            "no changed field is in its keys"
        }
    }
}

/// The indexes that cover a container, those over all containers included.
pub(super) fn watchers<F: FileSet>(
    database: &Database<F>,
    container: u16,
) -> Result<Vec<Watcher>, Error> {
    let mut watchers = Vec::new();
    for index in database.indexes() {
        let definition = database.dictionary().index(index);
        let covered = definition.as_ref().and_then(|index| index.container);
        if covered.is_some_and(|covered| covered != container) {
            continue;
        }
        let record = database.record(DICTIONARY_CONTAINER, index.into())?;
        let pieces = record.as_ref().map(pieces);
        let (cased, caseless) = pieces.unwrap_or_default();
        let item = database.dictionary().item(index);
        watchers.push(Watcher {
            index,
            name: item.map(|item| item.name.clone()).unwrap_or_default(),
            definition,
            cased,
            caseless,
        });
    }
    Ok(watchers)
}

/// The tags in the keys of an index, with regard to case and without; read from the dictionary's record because the
/// definition of an index whose keys cannot be made is not whole.
fn pieces(record: &Record) -> (Option<BTreeSet<u16>>, BTreeSet<u16>) {
    let fields: Vec<Field<'_>> = record.fields().collect();
    let mut cased = Some(BTreeSet::new());
    let mut caseless = BTreeSet::new();
    let mut is_in_key = false;
    for (position, field) in fields.iter().enumerate() {
        if field.level == 1 {
            is_in_key = field.tag == tag::KEY;
        }
        if !is_in_key || field.level != 2 {
            continue;
        }
        let below = fields.iter().skip(position + 1);
        let is_upper = below
            .take_while(|field| field.level > 2)
            .any(|field| field.tag == tag::CASE && field.stored.eq_ignore_ascii_case(b"upper"));
        match last_tag(*field) {
            Some(tag) if is_upper => {
                caseless.insert(tag);
            }
            Some(tag) => {
                if let Some(cased) = &mut cased {
                    cased.insert(tag);
                }
            }
            None if is_upper => {}
            None => cased = None,
        }
    }
    (cased, caseless)
}

/// The tag that ends a path: numbers with dots or blanks between them.
fn last_tag(field: Field<'_>) -> Option<u16> {
    if field.tag != tag::FIELD {
        return None;
    }
    let path = std::str::from_utf8(field.stored).ok()?;
    let mut numbers = path.rsplit(['.', ' ']);
    numbers.find(|number| !number.is_empty())?.parse().ok()
}

/// Refuses an index of which the tracker holds something that writing it anew would make wrong: a state, how far it was
/// built, counts of its keys (flaim-format.md 9).
pub(in super::super) fn refuse_tracked<F: FileSet>(
    database: &Database<F>,
    index: u16,
) -> Result<(), Error> {
    let record = match database.record(TRACKER_CONTAINER, index.into()) {
        Ok(record) => record,
        Err(Error::NoSuchLogicalFile { .. }) => None,
        Err(error) => return Err(error),
    };
    // Behind the root stands what the tracker knows.
    let Some(field) = record.iter().flat_map(Record::fields).nth(1) else {
        return Ok(());
    };
    let reason = match field.tag {
        tag::KEY | tag::REFERENCES => "the tracker counts its keys",
        tag::STATE => "it is suspended or otherwise not in use",
        tag::LAST_CONTAINER | tag::LAST_RECORD | tag::ONLINE_TRANSACTION => {
            "the tracker says how far it was built"
        }
        _ => "the tracker holds something about it that is not known",
    };
    Err(Error::IndexState { index, reason })
}
