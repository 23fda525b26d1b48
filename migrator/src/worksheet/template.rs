//! A worksheet to fill in, from the table of fields.

use std::fmt::Write as _;

use super::field::{Kind, Need, SECTIONS, Section, of_section};
use super::model::Protocol;

/// The width that explanations are broken at.
const WIDTH: usize = 100;

/// A worksheet for one kind of source (`None` for one that is mounted already) in which everything is explained.
///
/// What stands behind `# ` is explanation, and what stands behind `#` without a space is a setting that can be made
/// one by taking the `#` away.
pub fn template(kind: Option<Protocol>) -> String {
    let kind = match kind {
        None => "mounted",
        Some(Protocol::Cifs) => "cifs",
        Some(Protocol::Ncp) => "ncp",
        Some(Protocol::Nfs) => "nfs",
    };
    let mut text = String::new();
    explain(
        &mut text,
        "Worksheet of a GroupWise post office migration. Take the # away from the settings that you make; those marked \
         (required) must be made. Files of this machine are named from the root, or from the folder of this worksheet. Passwords never stand here, only where they are to be found.",
    );
    for section in &SECTIONS {
        text.push('\n');
        write_section(&mut text, section, kind);
    }
    text
}

fn write_section(text: &mut String, section: &Section, kind: &str) {
    explain(text, section.doc);
    let off = if section.is_required { "" } else { "#" };
    let _ = if section.is_list {
        writeln!(text, "{off}[[{}]]", section.name)
    } else {
        writeln!(text, "{off}[{}]", section.name)
    };
    for field in of_section(section.name).filter(|field| field.applies_to(kind)) {
        text.push('\n');
        if field.name == "kind" {
            explain(text, field.doc);
            let _ = writeln!(text, "{off}kind = \"{kind}\"");
            continue;
        }
        let (mark, value) = match field.need {
            Need::Required => (" (required)", field.example),
            Need::Default(value) if value.trim_matches('"').is_empty() || value == "[]" => {
                ("", field.example)
            }
            Need::Default(value) => ("", value),
            Need::Optional => ("", field.example),
        };
        let choice = match field.kind {
            Kind::Choice(words) => format!(": {}", words.join(", ")),
            _ => String::new(),
        };
        explain(text, &format!("{}{choice}{mark}", field.doc));
        let _ = writeln!(text, "#{} = {value}", field.name);
    }
}

/// Writes an explanation in lines.
fn explain(text: &mut String, words: &str) {
    let mut width = 0;
    for word in words.split(' ') {
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
