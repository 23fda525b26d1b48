//! A worksheet to fill in, from the descriptions of its sections.

use std::fmt::Write as _;

use toml::de::DeValue;

use super::kinds::SourceKind;
use super::model::SECTIONS;
use super::schema::{Presence, Schema, Setting, written};
use super::value::{Value, Wrong};

/// The width that explanations are broken at.
const WIDTH: usize = 100;

/// A worksheet for one kind of source in which everything is explained.
///
/// What stands behind `# ` is explanation, and what stands behind `#` without a space is a setting that can be made
/// one by taking the `#` away.
pub fn template(kind: SourceKind) -> String {
    let mut text = String::new();
    explain(
        &mut text,
        "Worksheet of a GroupWise post office migration. Take the # away from the settings that you make; those marked \
         (required) must be made. Files of this machine are named from the root, or from the folder of this worksheet. Passwords never stand here, only where they are to be found.",
    );
    for section in SECTIONS {
        text.push('\n');
        write_section(&mut text, section, kind);
    }
    text
}

fn write_section(text: &mut String, section: &Schema, kind: SourceKind) {
    explain(text, section.doc);
    let (name, off) = (
        section.name,
        if section.presence == Presence::Required {
            ""
        } else {
            "#"
        },
    );
    let _ = match section.presence {
        Presence::List => writeln!(text, "{off}[[{name}]]"),
        _ => writeln!(text, "{off}[{name}]"),
    };
    for setting in section
        .settings()
        .filter(|setting| setting.applies_to(Some(kind)))
    {
        text.push('\n');
        let name = setting.name;
        if name == "kind" {
            explain(text, setting.doc);
            let _ = writeln!(text, "{off}kind = {}", written(kind));
            continue;
        }
        let mark = if setting.is_required {
            " (required)"
        } else {
            ""
        };
        explain(
            text,
            &format!("{}{}{mark}", setting.doc.trim(), words(setting)),
        );
        let _ = writeln!(text, "#{name} = {}", (setting.shown)());
    }
}

/// The words that a choice is made from: what refuses another one names them.
fn words(setting: &Setting) -> String {
    let toml = &DeValue::String("?".into());
    match (setting.check)(Value { toml, local: None }) {
        Err(Wrong::NotOneOf(words)) => format!(": {}", words.join(", ")),
        _ => String::new(),
    }
}

/// Writes an explanation in lines.
fn explain(text: &mut String, words: &str) {
    let mut width = 0;
    for word in words.split_whitespace() {
        if width > 0 && width + 1 + word.chars().count() > WIDTH {
            text.push('\n');
            width = 0;
        }
        text.push_str(if width == 0 { "# " } else { " " });
        text.push_str(word);
        width += 1 + word.chars().count();
    }
    text.push('\n');
}
