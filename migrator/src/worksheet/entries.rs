//! The checked values of a worksheet, as they are taken out to build it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use toml::de::DeValue;

use super::field::{Need, Section, of_section};
use super::secret::SecretReference;
use super::value::{Value, check};

/// The values of one section; each is taken out once.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) values: BTreeMap<&'static str, Value>,
    pub(super) spans: BTreeMap<&'static str, Range<usize>>,
    /// Whether the section stands in the worksheet.
    pub(super) is_present: bool,
}

/// Everything that a worksheet says, and the defaults for the rest.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub(super) sections: BTreeMap<&'static str, Entries>,
    pub(super) lists: BTreeMap<&'static str, Vec<Entries>>,
}

impl Entries {
    /// Fills in what the worksheet does not say.
    pub(super) fn fill_defaults(&mut self, section: &Section, source: Option<&str>) {
        for field in of_section(section.name) {
            let Need::Default(literal) = field.need else {
                continue;
            };
            let applies =
                field.sources.is_empty() || source.is_some_and(|source| field.applies_to(source));
            if !applies || self.spans.contains_key(field.name) {
                continue;
            }
            // A test parses every default, so none is lost here.
            let value = DeValue::parse(literal)
                .ok()
                .and_then(|value| check(field.kind, value.get_ref()).ok());
            self.values.extend(value.map(|value| (field.name, value)));
        }
    }

    /// Where a setting stands, for problems that only show later; the beginning where it does not.
    pub(super) fn span(&self, name: &str) -> Range<usize> {
        self.spans.get(name).cloned().unwrap_or_default()
    }

    /// Whether the worksheet says something, be it right or wrong.
    pub(super) fn is_said(&self, name: &str) -> bool {
        self.spans.contains_key(name)
    }

    /// Whether there is a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A text that is there without fail: an empty one stands for a missing one, which is a problem already.
    pub(super) fn text(&mut self, name: &str) -> String {
        self.optional_text(name).unwrap_or_default()
    }

    pub(super) fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.values.remove(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn path(&mut self, name: &str) -> PathBuf {
        self.text(name).into()
    }

    pub(super) fn optional_path(&mut self, name: &str) -> Option<PathBuf> {
        self.optional_text(name).map(PathBuf::from)
    }

    /// Files of this machine.
    pub(super) fn files(&mut self, name: &str) -> Vec<PathBuf> {
        match self.values.remove(name) {
            Some(Value::Files(files)) => files,
            _ => Vec::new(),
        }
    }

    pub(super) fn optional_file(&mut self, name: &str) -> Option<PathBuf> {
        self.files(name).pop()
    }

    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        match self.values.remove(name) {
            Some(Value::Texts(texts)) => texts,
            _ => Vec::new(),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        matches!(self.values.remove(name), Some(Value::Flag(true)))
    }

    pub(super) fn number<Number: TryFrom<u64> + Default>(&mut self, name: &str) -> Number {
        match self.values.remove(name) {
            Some(Value::Number(number)) => Number::try_from(number).unwrap_or_default(),
            _ => Number::default(),
        }
    }

    pub(super) fn ports(&mut self, name: &str) -> Vec<u16> {
        match self.values.remove(name) {
            Some(Value::Ports(ports)) => ports,
            _ => Vec::new(),
        }
    }

    pub(super) fn secret(&mut self, name: &str) -> Option<SecretReference> {
        match self.values.remove(name) {
            Some(Value::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    /// Ends the taking of values.
    ///
    /// Every field of the table must reach the worksheet: one that nobody takes would be accepted and ignored.
    pub(super) fn finish(self) {
        debug_assert!(
            self.values.is_empty(),
            "nobody takes {:?}",
            self.values.keys()
        );
    }
}

impl Filled {
    /// The values of a section; what is left in them afterwards stays there.
    pub(super) fn section(&mut self, name: &str) -> Entries {
        self.sections.remove(name).unwrap_or_default()
    }

    /// The values of each section of a list.
    pub(super) fn list(&mut self, name: &str) -> Vec<Entries> {
        self.lists.remove(name).unwrap_or_default()
    }
}
