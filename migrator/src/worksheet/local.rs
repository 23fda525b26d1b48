//! Files of the machine that a worksheet is read on: relative to the worksheet, and there when they are needed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::field::{Field, Kind};
use super::secret::SecretReference;
use super::value::Value;

/// Which of the files that a worksheet names must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// All of them.
    All,
    /// All but the software, which only stage one takes along, and files with secrets, which are read by the commands that
    /// need them.
    Always,
}

/// Where the files of a worksheet are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local<'a> {
    /// The folder of the worksheet.
    pub(super) folder: &'a Path,
    pub(super) needed: Needed,
}

impl Local<'_> {
    /// Gives the files of a value their whole paths; says what is wrong with one that must be there.
    pub(super) fn find(self, field: &Field, value: &mut Value) -> Result<(), String> {
        let files = match value {
            Value::Files(files) => files.as_mut_slice(),
            Value::Secret(SecretReference::File(file)) => std::slice::from_mut(file),
            _ => return Ok(()),
        };
        for file in files.iter_mut() {
            *file = self.folder.join(&*file);
        }
        let is_needed = match self.needed {
            Needed::All => true,
            Needed::Always => field.kind != Kind::Secret && field.name != "package",
        };
        if is_needed {
            files.iter().try_for_each(require)
        } else {
            Ok(())
        }
    }
}

fn require(file: &PathBuf) -> Result<(), String> {
    let readable = fs::metadata(file).and_then(|metadata| {
        if metadata.is_dir() {
            return Err(std::io::ErrorKind::IsADirectory.into());
        }
        // Opening a pipe would wait for whoever writes into it.
        if metadata.is_file() {
            File::open(file)?;
        }
        Ok(())
    });
    readable.map_err(|error| format!("names {}, which cannot be read: {error}", file.display()))
}
