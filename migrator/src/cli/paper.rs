//! A terminal of tests: what is printed on it can be read.

use std::io;
use std::sync::{Arc, Mutex};

use super::Terminal;

#[derive(Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn text(paper: &Paper) -> String {
    String::from_utf8(paper.0.lock().expect("a lock").clone()).expect("text")
}

impl Terminal {
    pub(super) fn on(paper: &Paper) -> Self {
        Self {
            out: Arc::new(Mutex::new(paper.clone())),
            error: Arc::new(Mutex::new(io::sink())),
            is_interactive: false,
            columns: None,
            no_color: false,
            is_colored: false,
            loudness: super::Loudness::Normal,
            diagnostics: None,
        }
    }
}
