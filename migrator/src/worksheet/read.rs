//! From text to sections, and what is wrong with each.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::kinds::SourceKind;
use super::problem::{Problems, did_you_mean};
use super::schema::{Presence, Schema, written};
use super::value::{Local, Value, Wrong, choice};

/// What a worksheet says in one section.
pub(super) struct Section<'a> {
    schema: &'static Schema,
    /// Whether it stands in the worksheet.
    pub(super) is_present: bool,
    /// The kind of source that decides which settings make sense.
    pub(super) kind: Option<SourceKind>,
    /// The settings, be they right or wrong, each with the place of its name.
    said: BTreeMap<&'static str, Spanned<DeValue<'a>>>,
    /// What counts where nothing is said.
    unsaid: BTreeMap<&'static str, DeValue<'a>>,
    local: Option<Local<'a>>,
}

impl<'a> Section<'a> {
    fn new(schema: &'static Schema, kind: Option<SourceKind>, local: Option<Local<'a>>) -> Self {
        Self {
            schema,
            is_present: false,
            kind,
            said: BTreeMap::new(),
            unsaid: BTreeMap::new(),
            local,
        }
    }

    /// Takes a setting of the worksheet, and tells what is wrong with it.
    fn take(
        &mut self,
        name: &str,
        span: Range<usize>,
        toml: &'a DeValue<'a>,
    ) -> Result<(), String> {
        let section = self.schema.name;
        let Some(setting) = self.schema.setting(name) else {
            let known = self.schema.settings().map(|setting| setting.name);
            let meant = did_you_mean(name, known, ["`", "`"]);
            return Err(format!(
                "there is no setting `{name}` in [{section}]{meant}"
            ));
        };
        if let Some(kind) = self.kind.filter(|_| !setting.applies_to(self.kind)) {
            let kind = written(kind);
            return Err(format!("`{name}` makes no sense with kind = {kind}"));
        }
        let said = Spanned::new(span, toml.clone());
        self.said.insert(setting.name, said);
        let local = self.local;
        (setting.check)(Value { toml, local }).map_err(|wrong| format!("`{name}` {wrong}"))
    }

    /// A value, where there is one and it is right.
    pub(super) fn get<T>(
        &self,
        name: &str,
        read: impl Fn(Value<'_>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let (said, local) = (self.said.get(name).map(Spanned::get_ref), self.local);
        let toml = said.or_else(|| self.unsaid.get(name))?;
        read(Value { toml, local }).ok()
    }

    /// Whether the worksheet says something, be it right or wrong.
    pub(super) fn is_said(&self, name: &str) -> bool {
        self.said.contains_key(name)
    }

    /// Where it says that; the beginning where it does not.
    pub(super) fn span(&self, name: &str) -> Range<usize> {
        self.said.get(name).map_or(0..0, Spanned::span)
    }

    /// What counts where nothing is said.
    pub(super) fn fill(&mut self, name: &'static str, text: String) {
        self.unsaid.insert(name, DeValue::String(text.into()));
    }

    /// What another section says counts where nothing is said and the setting makes sense here.
    pub(super) fn inherit(&mut self, name: &'static str, other: &Self) {
        if let Some(value) = other.said.get(name).filter(|_| self.has_place_for(name)) {
            self.unsaid.insert(name, value.get_ref().clone());
        }
    }

    /// Whether nothing counts for a setting that makes sense here.
    pub(super) fn is_missing(&self, name: &str) -> bool {
        self.has_place_for(name) && !self.is_said(name) && !self.unsaid.contains_key(name)
    }

    fn has_place_for(&self, name: &str) -> bool {
        let setting = self.schema.setting(name);
        setting.is_some_and(|setting| setting.applies_to(self.kind))
    }
}

type Found<'t, 'a> = (Range<usize>, &'t DeValue<'a>);

/// The entry of a name, whose dots lead into tables.
fn find<'t, 'a>(table: &'t DeTable<'a>, name: &str) -> Option<Found<'t, 'a>> {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let (key, value) = table.get_key_value(first)?;
    match value.get_ref() {
        value if rest.is_empty() => Some((key.span(), value)),
        DeValue::Table(inner) => find(inner, rest),
        _ => None,
    }
}

/// Reads sections; what is wrong with them is added to the problems.
pub(super) struct Reader<'a, 't> {
    pub(super) table: &'a DeTable<'a>,
    pub(super) local: Option<Local<'a>>,
    /// Whether what is missing is told: what could not be parsed may be what seems to be missing.
    pub(super) tells_missing: bool,
    pub(super) problems: &'a mut Problems<'t>,
}

impl<'a> Reader<'a, '_> {
    /// Tells what belongs to no section.
    pub(super) fn refuse_unknown_sections(&mut self, sections: [&Schema; 10]) {
        let first = |schema: &Schema| schema.name.split('.').next().unwrap_or_default();
        let known = sections.map(first);
        for (key, value) in self.table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let what = match value.get_ref() {
                    DeValue::Table(_) => "section",
                    _ => "setting",
                };
                let meant = did_you_mean(name, known, ["[", "]"]);
                self.problems
                    .add(&key.span(), format!("there is no {what} `{name}`{meant}"));
            }
        }
        let Some((span, documents)) = find(self.table, "documents") else {
            return;
        };
        let DeValue::Table(documents) = documents else {
            return self
                .problems
                .add(&span, "areas are written as [[documents.area]]");
        };
        for key in documents.keys().filter(|key| key.get_ref() != "area") {
            self.problems.add(
                &key.span(),
                "[documents] has nothing but [[documents.area]]",
            );
        }
    }

    /// A section of which there is one at most.
    pub(super) fn section(&mut self, schema: &'static Schema) -> Section<'a> {
        let found = self.list(schema, None).pop();
        found.unwrap_or_else(|| Section::new(schema, None, self.local))
    }

    /// Sections of which there may be several; `kind` is what counts where one says nothing else.
    pub(super) fn list(
        &mut self,
        schema: &'static Schema,
        kind: Option<SourceKind>,
    ) -> Vec<Section<'a>> {
        let (name, is_list) = (schema.name, schema.presence == Presence::List);
        let Some((span, value)) = find(self.table, name) else {
            if schema.presence == Presence::Required && self.tells_missing {
                let message = format!("the section [{name}] is missing");
                self.problems.add_missing(message);
            }
            return Vec::new();
        };
        let tables = match value {
            DeValue::Array(items) if is_list => items
                .iter()
                .map(|item| (item.span(), item.get_ref().as_table()))
                .collect(),
            _ => vec![(span, value.as_table().filter(|_| !is_list))],
        };
        let mut sections = Vec::new();
        for (span, table) in tables {
            match table {
                Some(table) => sections.push(self.read(schema, &span, table, kind)),
                None if is_list => {
                    let message = format!("it must be written as [[{name}]]");
                    self.problems.add(&span, message);
                }
                None => {
                    let message = format!("`{name}` must be a section, written as [{name}]");
                    self.problems.add(&span, message);
                }
            }
        }
        sections
    }

    fn read(
        &mut self,
        schema: &'static Schema,
        header: &Range<usize>,
        table: &'a DeTable<'a>,
        inherited: Option<SourceKind>,
    ) -> Section<'a> {
        let local = self.local;
        let kind = match table.get("kind").map(Spanned::get_ref) {
            Some(toml) => choice(Value { toml, local }).ok(),
            None if table.contains_key("source") => Some(SourceKind::Mounted),
            None => inherited,
        };
        let mut section = Section::new(schema, kind, local);
        section.is_present = true;
        for (key, value) in table {
            if let Err(message) = section.take(key.get_ref(), key.span(), value.get_ref()) {
                self.problems.add(&key.span(), message);
            }
        }
        let required = schema
            .settings()
            .filter(|setting| setting.is_required && self.tells_missing);
        for setting in required.filter(|setting| section.is_missing(setting.name)) {
            let (name, example) = (setting.name, (setting.shown)());
            let message = format!(
                "`{name}` is missing in [{}]; for example: {name} = {example}",
                schema.name
            );
            self.problems.add(header, message);
        }
        section
    }
}
