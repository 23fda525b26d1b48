//! The source of the controller and the worker, for tests that hold it to its own words.

use std::fs;
use std::path::Path;

/// The code of each file, without its tests and comments.
pub(crate) fn own_source() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting = vec![here.join("src"), here.join("worker/src")];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            let is_test = ["tests.rs", "tests", "own_source.rs", "remedies.rs"]
                .iter()
                .any(|name| path.ends_with(name));
            if is_test {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("read");
            let code = text.split("#[cfg(test)]\nmod tests {").next();
            let lines = code.unwrap_or_default().lines();
            let lines: Vec<&str> = lines
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            found.push(lines.join("\n"));
        }
    }
    found
}

/// The texts of a piece of code, as they are when it runs; placeholders stay.
pub(crate) fn texts(code: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' if characters.peek() == Some(&'"') => {
                characters.next();
            }
            // A raw text, which ends with both.
            '#' if characters.next_if_eq(&'"').is_some() => {
                let mut text = String::new();
                while let Some(character) = characters.next() {
                    if character == '"' && characters.peek() == Some(&'#') {
                        break;
                    }
                    text.push(character);
                }
                texts.push(text);
            }
            '"' => {
                let mut text = String::new();
                while let Some(character) = characters.next() {
                    match character {
                        '"' => break,
                        '\\' => match characters.next() {
                            Some('\n') => {
                                while characters.next_if(|next| next.is_whitespace()).is_some() {}
                            }
                            Some('n') => text.push('\n'),
                            Some(other) => text.push(other),
                            None => {}
                        },
                        other => text.push(other),
                    }
                }
                texts.push(text);
            }
            _ => {}
        }
    }
    texts
}
