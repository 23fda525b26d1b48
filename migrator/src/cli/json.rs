//! The console of `--json`: one object a line.

use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::{Event, Finding, Step, StepState};
use serde_json::json;

use super::Terminal;
use crate::controller::Console;

/// How far an upload must have come for another line, in bytes.
const UPLOAD_BYTES: u64 = 1 << 20;

/// Prints everything as it comes, but for uploads, which come in small pieces.
pub(super) struct JsonConsole {
    terminal: Terminal,
    upload: Mutex<Upload>,
}

/// How far an upload is.
#[derive(Default)]
struct Upload {
    /// In lines that were printed of it.
    lines: u64,
    /// The line that says how far it is, where that is not printed.
    unprinted: Option<serde_json::Value>,
}

impl JsonConsole {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            upload: Mutex::default(),
        }
    }

    fn print(&self, value: &serde_json::Value) {
        // Whatever comes behind an upload, it has ended.
        let upload = std::mem::take(&mut *self.last_upload());
        for value in upload.unprinted.iter().chain([value]) {
            self.terminal.raw_line(&value.to_string());
        }
    }

    fn last_upload(&self) -> MutexGuard<'_, Upload> {
        self.upload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Console for JsonConsole {
    fn step_begins(&self, step: Step) {
        self.print(&json!({ "console": "step-begins", "step": step.name() }));
    }

    fn step_ends(&self, step: Step, state: StepState, detail: &str) {
        self.print(&json!({ "console": "step-ends", "step": step.name(), "state": state, "detail": detail }));
    }

    fn upload(&self, what: &str, bytes: u64) {
        let line = json!({ "console": "upload", "what": what, "bytes": bytes });
        let lines = bytes / UPLOAD_BYTES;
        let mut upload = self.last_upload();
        if lines == upload.lines {
            upload.unprinted = Some(line);
        } else {
            *upload = Upload {
                lines,
                unprinted: None,
            };
            self.terminal.raw_line(&line.to_string());
        }
    }

    fn progress(&self, what: &str, how_far: &str) {
        self.print(&json!({ "console": "progress", "what": what, "how_far": how_far }));
    }

    fn event(&self, event: &Event) {
        self.print(&json!({ "console": "event", "worker": event }));
    }

    fn finding(&self, finding: &Finding) {
        self.print(&json!({ "console": "finding", "finding": finding }));
    }

    fn ends(&self) {}

    fn note(&self, text: &str) {
        self.print(&json!({ "console": "note", "text": text }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::paper::{Paper, text};

    #[test]
    fn an_upload_has_a_line_for_each_mebibyte_and_one_for_its_end() {
        const PIECES: u64 = 90;
        const PIECE_BYTES: u64 = 30_000;
        let paper = Paper::default();
        let console = JsonConsole::new(Terminal::on(&paper));
        for _ in 0..2 {
            for piece in 1..=PIECES {
                console.upload("the worker", piece * PIECE_BYTES);
            }
            console.note("sent");
        }
        let lines: Vec<serde_json::Value> = text(&paper)
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object"))
            .collect();
        let bytes: Vec<_> = lines.iter().map(|line| line["bytes"].as_u64()).collect();
        let of_one = [Some(1_050_000), Some(2_100_000), Some(2_700_000), None];
        assert_eq!(bytes, [of_one, of_one].concat());
    }
}
