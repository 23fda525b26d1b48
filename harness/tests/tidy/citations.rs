//! A comment points to no text that is not in the repository, and to no section that the text does not have.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// What is not searched: what git does not keep, data, and the wrong citations of this file.
const NOT_OURS: [&str; 5] = ["target", ".git", "fixtures", "results", "citations.rs"];

/// Texts that were cited once and were never in the repository.
const TEXTS_ELSEWHERE: [&str; 2] = ["DESIGN", "format notes"];

/// One citation: a text, and the numbers of the sections or rules of it that are meant.
#[derive(Debug, PartialEq, Eq)]
struct Citation {
    file: String,
    is_rule: bool,
    numbers: Vec<String>,
}

/// Every file of the project that may have comments, by its path from the root.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("listed") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if NOT_OURS.contains(&name.as_ref()) || name == "LICENSE" {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else {
                let from_root = path.strip_prefix(root()).expect("inside").to_owned();
                found.push(from_root);
            }
        }
    }
    assert!(found.len() > 500, "only {} files were found", found.len());
    found
}

/// The comments of a file, or all of it where it is text, each paragraph on one line.
fn comments(path: &Path, text: &str) -> String {
    let mark = match path.extension().and_then(|extension| extension.to_str()) {
        Some("md") => "",
        Some("rs") => "//",
        Some("toml" | "sh" | "conf") | None => "#",
        Some(_) => return String::new(),
    };
    let mut found = String::new();
    for line in text.lines() {
        match line.find(mark) {
            Some(at) => {
                let comment = line[at..].trim_start_matches(['/', '!', '#', ' ']).trim();
                found.push_str(comment);
                found.push(if comment.is_empty() { '\n' } else { ' ' });
            }
            None => found.push('\n'),
        }
    }
    found
}

/// The numbers at the beginning of a text: `7.1`, `8.1, 8.2`, `9c and 9d`.
fn numbers(mut text: &str) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let digits = |one: char| one.is_ascii_digit() || one == '.';
        let end = text.find(|one: char| !digits(one)).unwrap_or(text.len());
        let letter = text[end..].starts_with(['a', 'b', 'c', 'd']);
        let (number, rest) = text.split_at(end + usize::from(letter));
        let number = number.trim_end_matches('.');
        if !number.starts_with(|one: char| one.is_ascii_digit()) {
            return found;
        }
        found.push(number.to_owned());
        let next = rest
            .strip_prefix(", ")
            .or_else(|| rest.strip_prefix(" and "));
        let Some(next) = next else { return found };
        text = next;
    }
}

/// What a text cites.
fn citations(text: &str) -> Vec<Citation> {
    let is_of_a_path = |one: char| one.is_ascii_alphanumeric() || "-_./".contains(one);
    let mut found = Vec::new();
    for (at, mark) in text.match_indices(".md") {
        let behind = &text[at + mark.len()..];
        if behind.starts_with(|one: char| one.is_ascii_alphanumeric()) {
            continue;
        }
        let before = text[..at].trim_end_matches(is_of_a_path);
        let file = &text[before.len()..at + mark.len()];
        if file.contains("//") || file == mark {
            continue;
        }
        let behind = behind.trim_start_matches(['`', ')']);
        let words = [" rules ", " rule ", " sections ", " section ", " "];
        let word = words.iter().find(|word| behind.starts_with(**word));
        found.push(Citation {
            file: file.to_owned(),
            is_rule: word.is_some_and(|word| word.contains("rule")),
            numbers: word.map_or_else(Vec::new, |word| numbers(&behind[word.len()..])),
        });
    }
    found
}

/// The text that is meant: by its path from the root, from a folder above the file that cites it, or by a name that no
/// other text has.
fn resolve(cited: &str, by: &Path, all: &[PathBuf]) -> Option<PathBuf> {
    let above = by.ancestors().skip(1).map(|folder| folder.join(cited));
    if let Some(path) = above.into_iter().find(|path| all.contains(path)) {
        return Some(path);
    }
    let named: Vec<&PathBuf> = all.iter().filter(|path| path.ends_with(cited)).collect();
    match named[..] {
        [one] if !cited.contains('/') => Some(one.clone()),
        _ => None,
    }
}

/// The numbers that a text has: of its headings, or of its rules.
fn known_numbers(text: &str, is_rule: bool) -> BTreeSet<String> {
    let mark = if is_rule { "**" } else { "#" };
    text.lines()
        .filter_map(|line| line.strip_prefix(mark))
        .filter_map(|line| {
            numbers(line.trim_start_matches(['#', ' ']))
                .into_iter()
                .next()
        })
        .collect()
}

/// What is wrong with the citations of a text.
fn complaints(by: &Path, text: &str, all: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    for citation in citations(text) {
        let Citation {
            file,
            is_rule,
            numbers,
        } = &citation;
        let Some(path) = resolve(file, by, all) else {
            found.push(format!("{}: there is no {file}", by.display()));
            continue;
        };
        let cited = fs::read_to_string(root().join(path)).expect("read");
        let known = known_numbers(&cited, *is_rule);
        let missing = numbers.iter().filter(|number| !known.contains(*number));
        found.extend(missing.map(|number| format!("{}: {file} has no {number}", by.display())));
    }
    found
}

/// Rules and sections that are cited without the text that has them.
fn of_no_text(by: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in ["rule ", "rules ", "section ", "sections ", "§"] {
        for (at, _) in text.to_ascii_lowercase().match_indices(word) {
            let before = Path::new(text[..at].trim_end_matches([' ', '`']));
            let is_cited = before.extension().is_some_and(|end| end == "md");
            let sentence = text[..at].rsplit(['(', '\n']).next().unwrap_or_default();
            if !numbers(&text[at + word.len()..]).is_empty()
                && !is_cited
                && !sentence.contains("RFC ")
            {
                let here: String = text[at..].chars().take(30).collect();
                found.push(format!("{}: {here}, of which text?", by.display()));
            }
        }
    }
    let named = TEXTS_ELSEWHERE.iter().filter(|name| text.contains(**name));
    found.extend(named.map(|name| format!("{}: {name} is not in the repository", by.display())));
    found
}

#[test]
fn every_text_and_section_that_is_cited_is_there() {
    let all = files();
    let mut wrong = Vec::new();
    let mut cited = 0;
    for path in &all {
        let Ok(text) = fs::read_to_string(root().join(path)) else {
            continue;
        };
        let text = comments(path, &text);
        cited += citations(&text).len();
        wrong.extend(complaints(path, &text, &all));
        if path.extension().is_some_and(|extension| extension == "rs") {
            wrong.extend(of_no_text(path, &text));
        }
    }
    assert!(cited > 100, "only {cited} citations were found");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_citation_that_leads_nowhere_would_be_seen() {
    let all = files();
    let by = Path::new("migrator/postoffice/src/flaim/key.rs");
    let wrong = |code: &str| {
        let text = comments(by, code);
        let mut wrong = complaints(by, &text, &all);
        wrong.extend(of_no_text(by, &text));
        wrong.len()
    };
    for right in [
        "//! Keys (flaim-format.md 8.3, 8.4).",
        "// See `fuzz/README.md`; and ARCHITECTURE.md rules 9a\n// and 9b.",
        "/// A number (RFC 3501, section 9).",
        "let section = 7; // a text that cites nothing",
    ] {
        assert_eq!(wrong(right), 0, "{right}");
    }
    for bad in [
        "//! Keys (flaim-format.md 8.3, 8.9).",
        "//! Keys (flaim-form.md 8.3).",
        "// See `docs/groupwise.md`.",
        "// See ARCHITECTURE.md rules 9a\n// and 9z, or rather 99.\n// ARCHITECTURE.md rule 99.",
        "/// A name (rule 8).",
        "/// A name; section 7 has it.",
        "/// A block, as the format notes have it.",
    ] {
        assert!(wrong(bad) > 0, "{bad}");
    }
}
