//! The packages that install this program: a deb, an rpm and a tar file, each with its manual pages, completions, an example
//! worksheet, the guide and the Ansible collection.
//!
//! Their bytes depend on nothing but what is in them.

mod contents;
mod deb;
mod linkage;
mod rpm;
mod tar_gz;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use linkage::Linkage;

/// What the program is called in packages.
const NAME: &str = "gwmigrate";

/// What it is, in a line.
const SUMMARY: &str = env!("CARGO_PKG_DESCRIPTION");

/// 2026-11-01 00:00:00 UTC, the time of every file in a package.
const MODIFIED_SECONDS: u32 = 1_793_491_200;

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The program cannot be read.
    #[error("the program {} cannot be read", .file.display())]
    Program {
        /// The file.
        file: PathBuf,
        /// What reading it said.
        source: io::Error,
    },
    /// The program cannot be understood.
    #[error("the program {} is damaged", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: elf::ParseError,
    },
    /// The program needs a library, and it is not known which package of Debian has it.
    #[error(
        "no package is known that has the library {library}, which the program needs; make a static one"
    )]
    Library {
        /// The library.
        library: String,
    },
    /// A package cannot be written.
    #[error("the package {} cannot be written", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What writing it said.
        source: io::Error,
    },
    /// An rpm cannot be made of this.
    #[error("the rpm cannot be made")]
    Rpm(#[from] ::rpm::Error),
}

/// Makes the three packages of `program` in `folder`; returns their files.
///
/// A program that is linked statically runs on any Linux of its architecture, which is that of this program; the name of its tar
/// file says so.  What another one needs is asked for by its deb and its rpm.
///
/// # Errors
/// See [`PackageError`].
pub fn write_all(program: &Path, folder: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let bytes = fs::read(program).map_err(|source| PackageError::Program {
        file: program.to_owned(),
        source,
    })?;
    let linkage = Linkage::of(&bytes).map_err(|source| PackageError::Damaged {
        file: program.to_owned(),
        source,
    })?;
    let kind = if linkage == Linkage::Static {
        "-static"
    } else {
        ""
    };
    let version = env!("CARGO_PKG_VERSION");
    let architecture = std::env::consts::ARCH;
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |source| PackageError::Write { file, source }
    };
    let files = [
        (
            format!("{NAME}_{version}-1_{}.deb", deb::architecture()),
            deb::bytes(&bytes, &deb::depends(&linkage)?),
        ),
        (
            format!("{NAME}-{version}-{architecture}{kind}.tar.gz"),
            tar_gz::bytes(&bytes),
        ),
        (
            format!("{NAME}-{version}-1.{architecture}.rpm"),
            Ok(rpm::bytes(&bytes, &linkage)?),
        ),
    ];
    let mut written = Vec::new();
    for (name, made) in files {
        let file = folder.join(name);
        let made = made.map_err(failed(&file))?;
        fs::write(&file, made).map_err(failed(&file))?;
        written.push(file);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn all_three_hold_the_same_and_are_made_the_same_twice() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let first = write_all(&program, folder.path()).unwrap();
        let bytes = |files: &[PathBuf]| -> Vec<Vec<u8>> {
            files.iter().map(|file| fs::read(file).unwrap()).collect()
        };
        let made = bytes(&first);
        assert_eq!(made, bytes(&write_all(&program, folder.path()).unwrap()));

        let tar = first
            .iter()
            .find(|file| file.extension().unwrap() == "gz")
            .unwrap();
        let tar = flate2::read::GzDecoder::new(fs::File::open(tar).unwrap());
        let mut names = Vec::new();
        let mut page = String::new();
        for entry in tar::Archive::new(tar).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            if name.ends_with("man1/gwmigrate-stage-two.1.gz") {
                let mut unpacked = flate2::read::GzDecoder::new(&mut entry);
                unpacked.read_to_string(&mut page).unwrap();
            }
            names.push(name);
        }
        for wanted in [
            "/bin/gwmigrate",
            "/share/man/man1/gwmigrate.1.gz",
            "/share/bash-completion/completions/gwmigrate",
            "/share/zsh/site-functions/_gwmigrate",
            "/share/fish/vendor_completions.d/gwmigrate.fish",
            "/share/doc/gwmigrate/worksheet.toml",
            "/share/doc/gwmigrate/GUIDE.md",
            "/ansible_collections/gwmigrate/fleet/galaxy.yml",
            "/ansible_collections/gwmigrate/fleet/plugins/modules/stage_two.py",
        ] {
            assert!(
                names.iter().any(|name| name.ends_with(wanted)),
                "{wanted} in {names:?}"
            );
        }
        assert!(page.contains("gwmigrate\\-stage\\-two"), "{page}");
        let is_test = |name: &String| name.contains("/tests/") || name.contains("__pycache__");
        assert!(!names.iter().any(is_test), "{names:?}");
        let hidden = |name: &String| name.contains("gwmigrate-worker");
        assert!(!names.iter().any(hidden), "{names:?}");

        let rpm = first
            .iter()
            .find(|file| file.extension().unwrap() == "rpm")
            .unwrap();
        let rpm = ::rpm::Package::open(rpm).unwrap();
        let entries = rpm.metadata.get_file_entries().unwrap();
        let is_file = |entry: &&::rpm::FileEntry| entry.mode().raw_mode() & 0o170_000 == 0o100_000;
        let in_rpm = entries.iter().filter(is_file).count();
        let in_tar = names.iter().filter(|name| !name.ends_with('/')).count();
        assert_eq!(in_rpm, in_tar, "{names:?}");
    }
}
