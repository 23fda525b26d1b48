//! Which commands of gwmigrate ran at the same time, written down by a program around it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a command is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// Writes a line when a command begins and one when it ends; the third argument is the worksheet, the fourth the command.
const AROUND: &str = r#"#!/bin/sh
echo "+ $(basename "$3" .toml) $4" >> "LOG"
"PROGRAM" "$@"
code=$?
echo "- $(basename "$3" .toml) $4" >> "LOG"
exit $code
"#;

/// The program, and what it writes down.
pub(crate) struct Around {
    pub(crate) program: PathBuf,
    log: PathBuf,
}

/// A command that began or ended.
pub(crate) struct Line {
    pub(crate) begins: bool,
    pub(crate) name: String,
    pub(crate) command: String,
}

impl Around {
    pub(crate) fn new(folder: &Path, migrator: &Path) -> Self {
        let (program, log) = (folder.join("gwmigrate-logged"), folder.join("log"));
        let text = AROUND
            .replace("LOG", log.to_str().expect("text"))
            .replace("PROGRAM", migrator.to_str().expect("text"));
        fs::write(&program, text).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        Self { program, log }
    }

    /// What was written down since it was asked last.
    pub(crate) fn take(&self) -> Vec<Line> {
        let lines = self.look();
        fs::write(&self.log, "").expect("written");
        lines
    }

    /// Waits until a command has come to its end for a post office.
    pub(crate) fn wait_for_end(&self, name: &str, command: &str) {
        let until = Instant::now() + PATIENCE;
        let is_it = |line: &Line| !line.begins && line.name == name && line.command == command;
        while !self.look().iter().any(is_it) {
            assert!(Instant::now() < until, "{command} never ended for {name}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn look(&self) -> Vec<Line> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        // Half a line is one that is being written.
        let text = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let line = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [sign, name, command] = words[..] else {
                panic!("{line}");
            };
            Line {
                begins: sign == "+",
                name: name.to_owned(),
                command: command.to_owned(),
            }
        };
        text.lines().map(line).collect()
    }
}

/// How often a command was begun for a post office.
pub(crate) fn times(lines: &[Line], name: &str, command: &str) -> usize {
    let begun = lines.iter().filter(|line| line.begins);
    begun
        .filter(|line| line.name == name && line.command == command)
        .count()
}

/// How many runs of a command there were at most at the same time, by what they share.
pub(crate) fn most<'a>(
    lines: &[Line],
    command: &str,
    shared: impl Fn(&str) -> &'a str,
) -> BTreeMap<&'a str, usize> {
    let mut now: BTreeMap<&str, usize> = BTreeMap::new();
    let mut most = BTreeMap::new();
    for line in lines.iter().filter(|line| line.command == command) {
        let key = shared(&line.name);
        let now = now.entry(key).or_default();
        if line.begins {
            *now += 1;
        } else {
            *now -= 1;
        }
        let most = most.entry(key).or_default();
        *most = (*now).max(*most);
    }
    most
}
