//! From the startup file of NetWare or Windows to that of Linux.
//!
//! The original utility changed `--home` and nothing else, so a path to a certificate on a NetWare volume went over
//! unchanged and the agent did not start.  Here every value that names a path or an address is either replaced,
//! because somebody said by what, or reported with its line.

use std::collections::BTreeMap;
use std::fmt;

use super::switches::{OnLinux, ValueKind, known_switch, value_kind};
use super::{Introducer, Piece, StartupFile, StartupFileError, Written, parse, quote};
use crate::names::printable;

/// What the converted file must say.
#[derive(Clone)]
pub struct Conversion {
    home: Vec<u8>,
    replacements: BTreeMap<String, Replacement>,
}

/// What becomes of a switch whose value means nothing at the destination.
#[derive(Clone, PartialEq, Eq)]
pub enum Replacement {
    /// It has this value there.
    Value(Vec<u8>),
    /// It is left out there.
    Remove,
    /// It keeps its value, and nothing needs to be reported.
    Keep,
}

impl Conversion {
    /// A conversion for a post office that stands in the folder `home` at the destination.
    pub fn new(home: impl Into<Vec<u8>>) -> Self {
        Self {
            home: home.into(),
            replacements: BTreeMap::new(),
        }
    }

    /// The same conversion that also knows what becomes of the switch `name`; `home` is always the folder.
    #[must_use]
    pub fn with(mut self, name: &str, replacement: Replacement) -> Self {
        self.replacements
            .insert(name.to_ascii_lowercase(), replacement);
        self
    }

    fn replacement(&self, name: &str) -> Option<Replacement> {
        if name == "home" {
            return Some(Replacement::Value(self.home.clone()));
        }
        self.replacements.get(name).cloned()
    }
}

/// A converted startup file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The file for the Linux agent.
    pub file: StartupFile,
    /// What is different in it, in the order of the file.
    pub changes: Vec<Change>,
    /// Values that name a path or an address of the source server, or might, and were kept.
    pub warnings: Vec<PathValue>,
    /// Switches that mean something else on Linux, or nothing.
    pub notes: Vec<SwitchNote>,
}

/// A switch that means something else on Linux, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchNote {
    /// The line in the file that was read, counted from 1.
    pub line: usize,
    /// The switch, in lower case.
    pub switch: &'static str,
    /// What became of it, and why; never [`OnLinux::Same`].
    pub on_linux: OnLinux,
}

/// One difference between a startup file and its conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The line in the file that was read, counted from 1; 0 where the switch was added.
    pub line: usize,
    /// The switch, in lower case.
    pub switch: String,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is written as Linux wants it: two dashes, lower case.
    Style,
    /// It has another value; passwords appear empty here.
    Replaced {
        /// The value at the source; empty where there was none.
        from: Vec<u8>,
        /// The value at the destination.
        to: Vec<u8>,
    },
    /// It is left out.
    Removed,
    /// It was not there before.
    Added,
}

/// A value that names a path or an address and was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathValue {
    /// The line in the file that was read, counted from 1.
    pub line: usize,
    /// The switch, in lower case.
    pub switch: String,
    /// The value, without quotation marks.
    pub value: Vec<u8>,
    /// What it names.
    pub value_kind: ValueKind,
}

pub(super) fn convert(
    source: &StartupFile,
    conversion: &Conversion,
) -> Result<Converted, StartupFileError> {
    let mut file = source.clone();
    let mut report = Report {
        changes: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    for line in &mut file.lines {
        let mut pieces = Vec::with_capacity(line.pieces.len());
        for piece in line.pieces.drain(..) {
            match piece {
                Piece::Text(text) => pieces.push(Piece::Text(parse::plain_text(&text))),
                Piece::Switch(written) => {
                    let converted = report.switch(line.number, &written, conversion)?;
                    pieces.extend(converted.map(Piece::Switch));
                }
            }
        }
        line.pieces = pieces;
        // The agent of Linux gets the line ends of Linux.
        if !line.end.is_empty() {
            line.end = b"\n".to_vec();
        }
    }
    for name in conversion
        .replacements
        .keys()
        .map(String::as_str)
        .chain(["home"])
    {
        if let Some(Replacement::Value(value)) = conversion.replacement(name)
            && !file.contains(name)
        {
            file.set(name, value)?;
            report.change(0, name, ChangeKind::Added);
        }
    }
    let Report {
        changes,
        warnings,
        notes,
    } = report;
    Ok(Converted {
        file,
        changes,
        warnings,
        notes,
    })
}

struct Report {
    changes: Vec<Change>,
    warnings: Vec<PathValue>,
    notes: Vec<SwitchNote>,
}

impl Report {
    fn change(&mut self, line: usize, switch: &str, kind: ChangeKind) {
        self.changes.push(Change {
            line,
            switch: switch.to_owned(),
            kind,
        });
    }

    /// What becomes of a switch that means something else on Linux, or nothing; it is noted.
    fn of_another_meaning(&mut self, line: usize, name: &str) -> Option<Replacement> {
        let known = known_switch(name)?;
        let replacement = match known.on_linux {
            OnLinux::Same => return None,
            OnLinux::LeftOut(_) => Some(Replacement::Remove),
            OnLinux::Told(_) => None,
        };
        self.notes.push(SwitchNote {
            line,
            switch: known.name,
            on_linux: known.on_linux,
        });
        replacement
    }

    fn switch(
        &mut self,
        line: usize,
        written: &Written,
        conversion: &Conversion,
    ) -> Result<Option<Written>, StartupFileError> {
        let name = written.name.to_ascii_lowercase();
        let old = written.value();
        let replacement = conversion
            .replacement(&name)
            .or_else(|| self.of_another_meaning(line, &name));
        let kind = value_kind(&name, old.as_deref().unwrap_or_default());
        let new = match &replacement {
            Some(Replacement::Remove) => {
                self.change(line, &name, ChangeKind::Removed);
                return Ok(None);
            }
            Some(Replacement::Value(value)) => Some(value.clone()),
            Some(Replacement::Keep) | None => old.clone(),
        };
        if new != old {
            let shown = |value: &Option<Vec<u8>>| match kind {
                ValueKind::Secret => Vec::new(),
                _ => value.clone().unwrap_or_default(),
            };
            self.change(
                line,
                &name,
                ChangeKind::Replaced {
                    from: shown(&old),
                    to: shown(&new),
                },
            );
        } else if written.introducer != Introducer::DoubleDash || written.name != name {
            self.change(line, &name, ChangeKind::Style);
        }
        if replacement.is_none()
            && matches!(kind, ValueKind::Path | ValueKind::Address)
            && let Some(value) = old
        {
            self.warnings.push(PathValue {
                line,
                switch: name.clone(),
                value,
                value_kind: kind,
            });
        }
        let value = new.map(|value| quote(&name, &value)).transpose()?;
        Ok(Some(Written {
            introducer: Introducer::DoubleDash,
            name,
            separator: b" ".to_vec(),
            value,
        }))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(formatter, "line {}: ", self.line)?;
        }
        write!(formatter, "--{}", self.switch)?;
        match &self.kind {
            ChangeKind::Style => formatter.write_str(" written for Linux"),
            ChangeKind::Replaced { from, to } if from.is_empty() && to.is_empty() => {
                formatter.write_str(" replaced")
            }
            ChangeKind::Replaced { from, to } => {
                write!(formatter, " was {}, is {}", printable(from), printable(to))
            }
            ChangeKind::Removed => formatter.write_str(" left out"),
            ChangeKind::Added => formatter.write_str(" added"),
        }
    }
}

impl fmt::Display for PathValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "line {}: --{} {}",
            self.line,
            self.switch,
            printable(&self.value)
        )
    }
}
