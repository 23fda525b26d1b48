//! The log of the agent, times in UTC: `mmddpoa.001` and on, in the folder of the `--log` switch or in `wpcsout/ofs`.

use std::collections::HashSet;
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

/// The file of the next number; on the server of the source, names that differ in case alone are one.
fn next_file(folder: &Dir) -> Option<File> {
    let day = Timestamp::now().strftime("%m%d").to_string();
    let taken: HashSet<String> = folder
        .entries()
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let options = OpenOptions::new().write(true).create_new(true).clone();
    (1..=NUMBER_MAX)
        .map(|number| format!("{day}poa.{number:03}"))
        .filter(|name| !taken.contains(name))
        .find_map(|name| folder.open_with(name, &options).ok())
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    /// Regression: on three days of the year the agent of a source made a second log whose name differs in case alone.
    #[test]
    fn a_log_of_today_in_other_case_is_the_first_one() {
        let kept = tempfile::tempdir().unwrap();
        let folder = Dir::open_ambient_dir(kept.path(), ambient_authority()).unwrap();
        let day = Timestamp::now().strftime("%m%d");
        folder.write(format!("{day}Poa.001"), "of before").unwrap();
        let log = next_file(&folder).unwrap();
        assert_eq!(log.metadata().unwrap().len(), 0);
        let names = folder
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let mut numbers: Vec<String> = names
            .map(|name| name.to_string_lossy()[7..].to_owned())
            .collect();
        numbers.sort();
        assert_eq!(numbers, [".001", ".002"]);
    }
}
