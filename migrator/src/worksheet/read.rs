//! From text to checked values, by the table of fields alone.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entries::{Entries, Filled};
use super::field::{Field, Need, SECTIONS, Section, of_section};
use super::local::Local;
use super::problem::Problems;
use super::suggest::nearest;
use super::value::check;

/// Reads a worksheet; what is wrong with it is added to the problems.
pub(super) fn read(text: &str, local: Option<Local<'_>>, problems: &mut Problems<'_>) -> Filled {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add(
            &error.span().unwrap_or_default(),
            format!("this is no TOML: {}", error.message()),
        );
    }
    let source = source_kind(table.get_ref());
    // What could not be parsed may be what seems to be missing.
    let mut reader = Reader {
        problems,
        local,
        source,
        tells_missing: errors.is_empty(),
    };
    let mut filled = Filled::default();
    reader.refuse_unknown_sections(table.get_ref());
    for section in &SECTIONS {
        let found = find(table.get_ref(), section.name);
        if section.is_list {
            filled
                .lists
                .insert(section.name, reader.read_list(section, found));
        } else {
            filled
                .sections
                .insert(section.name, reader.read_one(section, found));
        }
    }
    filled
}

/// The kind of source, which decides which settings make sense.
fn source_kind(table: &DeTable<'_>) -> Option<String> {
    let (_, section) = find(table, "source")?;
    let DeValue::Table(section) = section.get_ref() else {
        return None;
    };
    said_kind(section)
}

fn said_kind(section: &DeTable<'_>) -> Option<String> {
    match find(section, "kind")?.1.get_ref() {
        DeValue::String(kind) => Some(kind.to_string()),
        _ => None,
    }
}

/// The kind that decides in this table: a document storage area has one of its own, which it need not say.
fn kind_of(section: &Section, table: &DeTable<'_>, source: Option<&str>) -> Option<String> {
    if section.name != "documents.area" {
        return source.map(str::to_owned);
    }
    let with_path = find(table, "source").map(|_| "mounted".to_owned());
    said_kind(table)
        .or(with_path)
        .or_else(|| source.map(str::to_owned))
}

type Found<'t, 'i> = (Range<usize>, &'t Spanned<DeValue<'i>>);

/// The entry of a name, whose dots lead into tables.
fn find<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<Found<'t, 'i>> {
    let (first, rest) = name
        .split_once('.')
        .map_or((name, None), |(first, rest)| (first, Some(rest)));
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    match (rest, value.get_ref()) {
        (None, _) => Some((key.span(), value)),
        (Some(rest), DeValue::Table(inner)) => find(inner, rest),
        (Some(_), _) => None,
    }
}

struct Reader<'p, 'a> {
    problems: &'p mut Problems<'a>,
    local: Option<Local<'p>>,
    source: Option<String>,
    tells_missing: bool,
}

impl Reader<'_, '_> {
    fn refuse_unknown_sections(&mut self, table: &DeTable<'_>) {
        let firsts: Vec<&str> = SECTIONS
            .iter()
            .map(|section| section.name.split('.').next().unwrap_or_default())
            .collect();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if !firsts.contains(&name) {
                let meant = nearest(name, firsts.iter().copied());
                let meant =
                    meant.map_or_else(String::new, |meant| format!("; did you mean [{meant}]?"));
                let what = if matches!(value.get_ref(), DeValue::Table(_)) {
                    "section"
                } else {
                    "setting"
                };
                self.problems
                    .add(&key.span(), format!("there is no {what} `{name}`{meant}"));
            } else if name == "documents" {
                self.refuse_unknown_in_documents(value);
            }
        }
    }

    fn refuse_unknown_in_documents(&mut self, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(documents) = value.get_ref() else {
            return self
                .problems
                .add(&value.span(), "areas are written as [[documents.area]]");
        };
        for key in documents.keys().filter(|key| key.get_ref() != "area") {
            self.problems.add(
                &key.span(),
                "[documents] has nothing but [[documents.area]]",
            );
        }
    }

    fn read_one(&mut self, section: &'static Section, found: Option<Found<'_, '_>>) -> Entries {
        let Some((span, value)) = found else {
            if section.is_required && self.tells_missing {
                self.problems
                    .add_missing(format!("the section [{}] is missing", section.name));
            }
            let mut entries = Entries::default();
            entries.fill_defaults(section, self.source.as_deref());
            return entries;
        };
        if let DeValue::Table(table) = value.get_ref() {
            return self.read_table(section, &span, table);
        }
        self.problems.add(
            &span,
            format!("`{0}` must be a section, written as [{0}]", section.name),
        );
        Entries::default()
    }

    fn read_list(
        &mut self,
        section: &'static Section,
        found: Option<Found<'_, '_>>,
    ) -> Vec<Entries> {
        let Some((span, value)) = found else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.problems
                .add(&span, format!("it must be written as [[{}]]", section.name));
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => all.push(self.read_table(section, &item.span(), table)),
                _ => self.problems.add(
                    &item.span(),
                    format!("it must be written as [[{}]]", section.name),
                ),
            }
        }
        all
    }

    fn read_table(
        &mut self,
        section: &'static Section,
        header: &Range<usize>,
        table: &DeTable<'_>,
    ) -> Entries {
        let kind = kind_of(section, table, self.source.as_deref());
        let kind = kind.as_deref();
        let mut entries = Entries {
            is_present: true,
            ..Entries::default()
        };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let Some(field) = of_section(section.name).find(|field| field.name == name) else {
                let meant = nearest(name, of_section(section.name).map(|field| field.name));
                let meant =
                    meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
                self.problems.add(
                    &key.span(),
                    format!("there is no setting `{name}` in [{}]{meant}", section.name),
                );
                continue;
            };
            if let Some(kind) = kind.filter(|kind| is_wrong_for(field, kind)) {
                self.problems.add(
                    &key.span(),
                    format!("`{name}` makes no sense with kind = \"{kind}\""),
                );
                continue;
            }
            entries.spans.insert(field.name, key.span());
            match check(field.kind, value.get_ref()) {
                Ok(mut value) => {
                    let found = self
                        .local
                        .map_or(Ok(()), |local| local.find(field, &mut value));
                    if let Err(message) = found {
                        self.problems
                            .add(&key.span(), format!("`{name}` {message}"));
                    }
                    // With a kind of source that does not exist, nobody will take what only some kinds have.
                    if field.sources.is_empty() || kind.is_some_and(|kind| field.applies_to(kind)) {
                        entries.values.insert(field.name, value);
                    }
                }
                Err(message) => self
                    .problems
                    .add(&key.span(), format!("`{name}` {message}")),
            }
        }
        self.tell_missing(section, header, kind, &entries);
        entries.fill_defaults(section, kind);
        entries
    }

    fn tell_missing(
        &mut self,
        section: &'static Section,
        header: &Range<usize>,
        kind: Option<&str>,
        entries: &Entries,
    ) {
        let missing = of_section(section.name).filter(|field| {
            let applies =
                field.sources.is_empty() || kind.is_some_and(|kind| field.applies_to(kind));
            field.need == Need::Required && applies && !entries.spans.contains_key(field.name)
        });
        for field in missing.filter(|_| self.tells_missing) {
            let message = format!(
                "`{}` is missing in [{}]; for example: {0} = {}",
                field.name, section.name, field.example
            );
            self.problems.add(header, message);
        }
    }
}

/// Whether a setting belongs to other kinds of source; of a kind that does not exist nothing is known.
fn is_wrong_for(field: &Field, source: &str) -> bool {
    super::field::SOURCES.contains(&source) && !field.applies_to(source)
}
