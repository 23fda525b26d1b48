//! The console of `--json`: one object a line.

use protocol::{Event, Finding, Step, StepState};
use serde_json::json;

use super::Terminal;
use crate::controller::Console;

/// Prints everything as it comes.
pub(super) struct JsonConsole {
    terminal: Terminal,
}

impl JsonConsole {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self { terminal }
    }

    fn print(&self, value: &serde_json::Value) {
        self.terminal.raw_line(&value.to_string());
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
        self.print(&json!({ "console": "upload", "what": what, "bytes": bytes }));
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
