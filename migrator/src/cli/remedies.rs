//! What a text tells a person to type is what the command line and the worksheet take: texts of gwmigrate, and those
//! that are written for people.

use std::fmt::Write as _;

use clap::Parser as _;

use super::arguments::Arguments;
use crate::own_source::{own_source, texts};
use crate::worksheet::{Worksheet, WorksheetProblems};

/// A worksheet that is right, and to which a line is added.
const SHEET: [(&str, &str); 6] = [
    (
        "source",
        "kind = \"cifs\"\nserver = \"fs1\"\nshare = \"mail\"\nfolder = \"po\"\nuser = \"u\"\npassword = { prompt = true }\n\
         mount_point = \"/mnt/po\"\nplatform = \"windows\"\n",
    ),
    ("destination", "host = \"gw1\"\nkey = \"/key\"\n"),
    (
        "post_office",
        "name = \"sales\"\nfolder = \"/gwsystem/sales\"\n",
    ),
    ("poa", ""),
    ("copy", ""),
    ("guardian", ""),
];

/// What begins an English word behind the name of a section.
const WORDS: [&str; 9] = [
    "has", "of", "while", "is", "and", "mounted", "do", "for", "where",
];

/// The complaints about a worksheet with this line in a section, as far as they are about the line.
fn complaints(section: &str, line: &str) -> Vec<String> {
    let name = line.split(' ').next().unwrap_or_default();
    let mut text = String::new();
    for (this, lines) in SHEET {
        let others = lines
            .lines()
            .filter(|other| this != section || other.split(' ').next() != Some(name));
        let _ = writeln!(text, "[{this}]");
        for other in others {
            let _ = writeln!(text, "{other}");
        }
        if this == section {
            let _ = writeln!(text, "{line}");
        }
    }
    let problems = Worksheet::parse(&text).err();
    let problems = problems.iter().flat_map(WorksheetProblems::problems);
    problems
        .filter(|problem| problem.text.trim() == line)
        .map(|problem| problem.message.clone())
        .collect()
}

fn is_section(name: &str) -> bool {
    SHEET.iter().any(|(section, _)| *section == name)
}

fn identifier(text: &str) -> &str {
    let end = text.find(|one: char| !one.is_ascii_lowercase() && one != '_');
    &text[..end.unwrap_or(text.len())]
}

/// A placeholder of a text becomes something that may stand there.
fn filled(text: &str) -> String {
    let mut parts = text.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((name, rest)) if !name.contains(' ') => filled.extend(["1", rest]),
            _ => filled.extend(["{", part]),
        }
    }
    filled
}

/// The value at the beginning of a text, as TOML has it.
fn value(text: &str) -> &str {
    let end = match text.chars().next() {
        Some('"') => text[1..].find('"').map(|end| end + 2),
        Some('{') => text.find('}').map(|end| end + 1),
        _ => text.find([' ', ';', ',', ')', '`']),
    };
    &text[..end.unwrap_or(text.len())]
}

/// Settings that a text names: section, name, and the line where it says a value.
fn settings(text: &str) -> Vec<(String, String, Option<String>)> {
    let mut found = Vec::new();
    for (position, _) in text.match_indices('[') {
        let Some((section, rest)) = text[position + 1..].split_once(']') else {
            continue;
        };
        if !is_section(section) {
            continue;
        }
        let name = rest.strip_prefix(' ').map_or("", identifier);
        if !name.is_empty() && !WORDS.contains(&name) {
            let said = rest[1 + name.len()..].strip_prefix(" = ");
            let line = said.map(|said| format!("{name} = {}", value(said)));
            found.push((section.to_owned(), name.to_owned(), line));
        }
        let before = text[..position].strip_suffix(" in ");
        let clause = before.and_then(|before| before.rsplit([';', ':']).next());
        let Some(clause) = clause else { continue };
        let quoted = clause.split('`').skip(1).step_by(2);
        for name in quoted.filter(|name| identifier(name) == *name) {
            found.push((section.to_owned(), name.to_owned(), None));
        }
        if let Some((before, said)) = clause.rsplit_once(" = ") {
            let name = before.rsplit([' ', '`']).next().unwrap_or_default();
            let line = format!("{name} = {}", value(said));
            found.push((section.to_owned(), name.to_owned(), Some(line)));
        }
    }
    found
}

/// The commands of gwmigrate that a text names.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (position, name) in text.match_indices("gwmigrate ") {
        let is_quoted = text[..position].ends_with('`');
        let ends: &[char] = if is_quoted {
            &['`']
        } else {
            &[';', '(', ',', '\n', '.', '`']
        };
        let rest = &text[position + name.len()..];
        let command = rest.split(ends).next().unwrap_or_default();
        let command = command.split(" again").next().unwrap_or_default();
        let command = command.split(" > ").next().unwrap_or_default().trim();
        // "the version of gwmigrate that began this job", "another version of gwmigrate wrote it"
        let is_prose = ["that", "wrote"].contains(&identifier(command));
        if !is_prose && !command.is_empty() {
            found.push(command.to_owned());
        }
    }
    found
}

/// What is written for people, without what a program prints and what a shell takes for a remark.
fn guides() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |name: &str| {
        let text = std::fs::read_to_string(root.join(name)).expect("read");
        let mut is_printed = false;
        let mut kept = String::new();
        for line in text.lines() {
            is_printed = line == "```text" || (is_printed && line != "```");
            if !is_printed {
                kept.push_str(line.split("  # ").next().unwrap_or_default());
                kept.push('\n');
            }
        }
        kept
    };
    [
        "README.md",
        "migrator/GUIDE.md",
        "migrator/LIMITS.md",
        "harness/README.md",
    ]
    .map(read)
    .to_vec()
}

#[test]
fn every_command_that_a_text_names_is_one() {
    let sources = own_source();
    let texts: Vec<String> = sources.iter().flat_map(|code| texts(code)).collect();
    refuse_wrong(&texts, 30);
}

#[test]
fn every_command_that_a_guide_names_is_one() {
    refuse_wrong(&guides(), 30);
}

/// Every command that these texts name must be one, and there must be more than so many.
fn refuse_wrong(texts: &[String], more_than: usize) {
    let commands: Vec<String> = texts.iter().flat_map(|text| commands(text)).collect();
    assert!(commands.len() > more_than, "{commands:#?}");
    let wrong: Vec<String> = commands
        .iter()
        .filter_map(|command| {
            let command = filled(command);
            let words = std::iter::once("gwmigrate").chain(command.split_whitespace());
            let error = Arguments::try_parse_from(words).err()?;
            Some(format!("gwmigrate {command}: {error}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_setting_that_a_text_names_is_one_of_the_worksheet() {
    let sources = own_source();
    let mut texts: Vec<String> = sources.iter().flat_map(|code| texts(code)).collect();
    texts.extend(guides());
    let settings: Vec<_> = texts.iter().flat_map(|text| settings(text)).collect();
    assert!(settings.len() > 30, "{settings:#?}");
    let lines = settings.iter().filter(|(_, _, line)| line.is_some());
    assert!(lines.count() > 5, "{settings:#?}");
    let mut wrong = Vec::new();
    for (section, name, line) in &settings {
        let found = if let Some(line) = line {
            complaints(section, &filled(line))
        } else {
            let mut found = complaints(section, &format!("{name} = 0"));
            found.retain(|message| message.contains("there is no setting"));
            found
        };
        if !found.is_empty() {
            wrong.push(format!("[{section}] {name} {line:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_wrong_would_be_seen() {
    assert_eq!(commands("do `gwmigrate stage-won`, then"), ["stage-won"]);
    assert_eq!(
        commands("Say so: gwmigrate prepare --confirm x --by NAME; then"),
        ["prepare --confirm x --by NAME"]
    );
    assert!(!complaints("poa", "http_prot = 0").is_empty());
    assert!(!complaints("source", "client = \"davfs\"").is_empty());
    assert!(complaints("source", "client = \"rclone\"").is_empty());
    assert_eq!(
        settings("say client = \"rclone\" in [source]; or [poa] key"),
        [
            (
                "source".to_owned(),
                "client".to_owned(),
                Some("client = \"rclone\"".to_owned())
            ),
            ("poa".to_owned(), "key".to_owned(), None),
        ]
    );
}
