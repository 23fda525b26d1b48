//! What is wrong with a worksheet: everything at once, each with its line.

use std::fmt;
use std::ops::Range;

use postoffice::names::printable;
use protocol::{Explain, Finding, Verdict};

/// The code of every finding about a worksheet.
const CODE: &str = "worksheet";

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is in the text; behind everything where it has no line.
    at: usize,
    /// The line, from 1; `None` where something is missing that has no line.
    pub line: Option<usize>,
    /// What the line says; secrets are left out.
    pub text: String,
    /// What is wrong with it, in a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(
                formatter,
                "line {line}: {}\n    {}",
                self.text, self.message
            ),
            None => formatter.write_str(&self.message),
        }
    }
}

/// Every mistake of a worksheet, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorksheetProblems(Vec<Problem>);

impl WorksheetProblems {
    /// The mistakes.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }

    /// One finding for each mistake.
    pub fn findings(&self) -> Vec<Finding> {
        let finding = |problem: &Problem| {
            let subject = problem
                .line
                .map_or_else(String::new, |line| format!("line {line}"));
            let remedy = match problem.line {
                Some(_) => format!("Correct the line: {}", problem.text),
                None => "Add it; `gwmigrate worksheet` prints one with everything in it".to_owned(),
            };
            Finding::new(CODE, Verdict::Usage, problem.message.clone(), remedy)
                .about(subject.as_bytes())
        };
        self.0.iter().map(finding).collect()
    }
}

impl fmt::Display for WorksheetProblems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            formatter,
            "The worksheet has {count} {}",
            if count == 1 { "mistake" } else { "mistakes" }
        )?;
        for problem in &self.0 {
            write!(
                formatter,
                "\n  {}",
                problem.to_string().replace('\n', "\n  ")
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for WorksheetProblems {}

impl Explain for WorksheetProblems {
    fn code(&self) -> &'static str {
        CODE
    }

    fn verdict(&self) -> Verdict {
        Verdict::Usage
    }

    fn guidance(&self) -> String {
        "Correct the lines and run again; `gwmigrate worksheet` prints one with everything in it"
            .to_owned()
    }
}

/// Collects mistakes and finds their lines.
pub(super) struct Problems<'a> {
    text: &'a str,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let found = Vec::new();
        Self { text, found }
    }

    /// A mistake at a place in the text.
    pub(super) fn add(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        // The middle of a text over several lines may be that of a password.
        let text = if is_inside_text(before) {
            "…".to_owned()
        } else {
            shown_line(text)
        };
        self.found.push(Problem {
            at: span.start,
            line: Some(line),
            text,
            message: message.into(),
        });
    }

    /// Something that is missing.
    pub(super) fn add_missing(&mut self, message: String) {
        self.found.push(Problem {
            at: usize::MAX,
            line: None,
            text: String::new(),
            message,
        });
    }

    /// What was asked for, where there are no mistakes.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, WorksheetProblems> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => {
                self.found.sort_by_key(|problem| problem.at);
                Err(WorksheetProblems(self.found))
            }
        }
    }
}

/// What somebody probably meant who wrote a name that there is not, as the end of a sentence.
///
/// Neighbours that changed places count as two mistakes.
pub(super) fn did_you_mean(
    name: &str,
    known: impl IntoIterator<Item = &'static str>,
    [before, after]: [&str; 2],
) -> String {
    let mistakes = |known: &&str| strsim::levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let meant = known
        .into_iter()
        .map(|known| (mistakes(&known), known))
        .min();
    match meant {
        Some((mistakes, meant)) if mistakes <= 1 + name.len() / 4 => {
            format!("; did you mean {before}{meant}{after}?")
        }
        _ => String::new(),
    }
}

/// A line as it may be shown: somebody may have written a password there, which is what the mistake is about.
fn shown_line(line: &str) -> String {
    let line = line.trim();
    let shown = match line.split_once('=') {
        Some((key, value)) if key.contains("pass") || value.contains("pass") => {
            format!("{key}= …")
        }
        _ => line.to_owned(),
    };
    printable(shown.as_bytes())
}

/// Whether a text over several lines has begun and not ended.
fn is_inside_text(before: &str) -> bool {
    ["\"\"\"", "'''"]
        .iter()
        .any(|quote| before.matches(quote).count() % 2 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["host", "port", "user", "known_hosts", "job_folder"];
        for (typed, meant) in [
            ("hots", Some("host")),
            ("Host", Some("host")),
            ("usr", Some("user")),
            ("known_host", Some("known_hosts")),
            ("jobfolder", Some("job_folder")),
            ("colour", None),
            ("x", None),
        ] {
            let said = meant.map_or_else(String::new, |meant| format!("; did you mean [{meant}]?"));
            assert_eq!(did_you_mean(typed, names, ["[", "]"]), said, "{typed}");
        }
    }
}
