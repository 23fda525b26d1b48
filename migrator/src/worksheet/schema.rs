//! How a section is described: once, for reading it, for what is wrong with it, and for the template.
//!
//! [`section!`] takes a struct of the model whose fields say how they are read.  It makes the struct, the [`Schema`] with
//! the documentation of the fields as explanations, and `read`, which fills the struct from what was read of the section.

use super::kinds::SourceKind;
use super::value::{Value, Wrong};

/// One section.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) name: &'static str,
    pub(super) presence: Presence,
    pub(super) doc: &'static str,
    /// The settings, in groups.
    pub(super) groups: &'static [&'static [Setting]],
}

/// Whether a section must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
    /// There may be several.
    List,
}

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// What it is, in a sentence without a full stop.
    pub(super) doc: &'static str,
    /// Whether it must be there, where its section is there or must be.
    pub(super) is_required: bool,
    /// For which kinds of source it makes sense; empty for all.
    pub(super) kinds: &'static [SourceKind],
    /// What counts where it is not there, or an example where nothing does; as it would be written.
    pub(super) shown: fn() -> String,
    /// Tells what is wrong with a value.
    pub(super) check: fn(Value<'_>) -> Result<(), Wrong>,
}

impl Schema {
    /// The settings, in the order of the template.
    pub(super) fn settings(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        self.groups.iter().copied().flatten()
    }

    /// The setting of a name.
    pub(super) fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.settings().find(|setting| setting.name == name)
    }
}

impl Setting {
    /// Whether the setting makes sense; where the kind of source is not known, only what makes sense for all.
    pub(super) fn applies_to(&self, kind: Option<SourceKind>) -> bool {
        self.kinds.is_empty() || kind.is_some_and(|kind| self.kinds.contains(&kind))
    }
}

/// A value as it would be written in a worksheet.
pub(super) fn written(value: impl serde::Serialize) -> String {
    toml::Value::try_from(value).map_or_else(|_| String::new(), |value| value.to_string())
}

/// Settings by themselves: `name = how;`, where `how` is
///
/// - `required(read, "example")`: it must be said;
/// - `default(read, value)`: where it is not said, this value counts;
/// - `optional(read, "example")`: where it is not said, [`Default::default`] counts;
/// - `derived(read, "example")`: where it is not said, it is worked out from other settings;
///
/// and `read` one of the functions of [`value`](super::value).  With `for KINDS`, it makes sense for these kinds of source
/// alone.
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident = $how:ident($read:expr, $value:expr) $(for $kinds:ident)?;)+) => {
        &[$(super::schema::Setting {
            name: stringify!($name),
            doc: concat!($($doc),+),
            is_required: settings!(@required $how),
            kinds: settings!(@kinds $($kinds)?),
            shown: || settings!(@shown $how $value),
            check: |value| ($read)(value).map(drop),
        }),+]
    };
    (@required required) => { true };
    (@required $other:ident) => { false };
    (@kinds) => { &[] };
    (@kinds $kinds:ident) => { $kinds };
    (@shown default $value:expr) => { super::schema::written($value) };
    (@shown $other:ident $example:expr) => { String::from($example) };
}

/// A struct that is a section: `field: Type = how;` as for [`settings!`], and `part(SETTINGS, read)` for a field that is
/// made of several settings.
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        pub struct $type:ident: $presence:ident $section:literal {
            $($(#[doc = $about:literal])+ $field:ident: $of:ty = $how:ident($first:expr, $second:expr) $(for $kinds:ident)?;)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $type {
            $($(#[doc = $about])+ pub $field: $of,)+
        }

        impl $type {
            pub(super) const SCHEMA: super::schema::Schema = super::schema::Schema {
                name: $section,
                presence: super::schema::Presence::$presence,
                doc: concat!($($doc),+),
                groups: &[$(section!(@settings [$($about)+] $field, $how($first, $second) $(for $kinds)?)),+],
            };

            /// What a section says; nothing where something in it is wrong or missing.
            pub(super) fn read(section: &Section<'_>) -> Option<Self> {
                Some(Self {
                    $($field: section!(@read section, $field, $how($first, $second))),+
                })
            }
        }
    };
    (@settings [$($about:literal)+] $field:ident, part($settings:expr, $read:expr)) => { $settings };
    (@settings [$($about:literal)+] $field:ident, $($how:tt)+) => { settings! { $(#[doc = $about])+ $field = $($how)+; } };
    (@read $section:ident, $field:ident, part($settings:expr, $read:expr)) => { ($read)($section)? };
    (@read $section:ident, $field:ident, default($read:expr, $value:expr)) => {
        $section.get(stringify!($field), $read).unwrap_or_else(|| $value)
    };
    (@read $section:ident, $field:ident, optional($read:expr, $example:expr)) => {
        $section.get(stringify!($field), $read).map(Into::into).unwrap_or_default()
    };
    (@read $section:ident, $field:ident, $how:ident($read:expr, $example:expr)) => { $section.get(stringify!($field), $read)? };
}

pub(super) use {section, settings};
