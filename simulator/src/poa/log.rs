//! The log of the agent, times in UTC: `mmddpoa.001` and on, in the folder of the `--log` switch or in `wpcsout/ofs`.

use std::io::Write;
use std::path::Path;

use cap_std::fs::{Dir, File, OpenOptions};
use jiff::Timestamp;

use crate::tree;

/// How many logs of one day there can be.
const NUMBER_MAX: u32 = 999;

/// A log, or nothing where none can be written: the agent then says what it has to say on its error output only.
pub(super) struct Log(Option<File>);

impl Log {
    pub(super) fn open(home: &Dir, folder: Option<&Path>) -> Self {
        let folder = match folder {
            Some(path) => tree::open_folder(path).ok(),
            None => home.open_dir("wpcsout/ofs").ok(),
        };
        Self(folder.and_then(|folder| next_file(&folder)))
    }

    /// A log in a folder that is open already.
    pub(super) fn open_in(folder: &Dir) -> Self {
        Self(next_file(folder))
    }

    pub(super) fn line(&mut self, text: &str) {
        let time = Timestamp::now().strftime("%H:%M:%S");
        if let Some(file) = &mut self.0
            && writeln!(file, "{time} {text}").is_err()
        {
            // A full disk must not be reported once a second.
            self.0 = None;
        }
    }
}

fn next_file(folder: &Dir) -> Option<File> {
    let day = Timestamp::now().strftime("%m%d").to_string();
    let options = OpenOptions::new().write(true).create_new(true).clone();
    (1..=NUMBER_MAX).find_map(|number| {
        folder
            .open_with(format!("{day}poa.{number:03}"), &options)
            .ok()
    })
}
