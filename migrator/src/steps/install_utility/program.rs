//! The program that becomes the worker: whether it can run at the destination, and what is said where it does not.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use protocol::{Finding, Verdict};

use crate::controller::StepError;

/// What to do where a program does not fit: the same for all reasons.
const OTHER_PROGRAM: &str = "Build one static file for that machine (GUIDE, For an older Linux) and name it: [destination] program = \"FILE\"";

/// Where the machine stands in the head of an ELF file, in bytes, and how long the head is that is read.
const MACHINE_AT: usize = 18;
const HEAD_BYTES: usize = 20;

/// The mark of an ELF file, and the value of its sixth byte where numbers end with their most significant byte first.
const ELF_MAGIC: &[u8] = b"\x7fELF";
const BIG_ENDIAN: u8 = 2;

/// What `uname -m` says, its beginning where the rest varies; and the machines whose programs run there, by their numbers in
/// elf.h and what they are called.
const MACHINES: [(&str, &[(u16, &str)]); 8] = [
    ("x86_64", &[(62, "x86_64"), (3, "i386")]),
    ("aarch64", &[(183, "aarch64"), (40, "arm")]),
    ("i", &[(3, "i386")]),
    ("arm", &[(40, "arm")]),
    ("ppc64le", &[(21, "ppc64")]),
    ("s390x", &[(22, "s390x")]),
    ("riscv64", &[(243, "riscv64")]),
    ("loongarch64", &[(258, "loongarch64")]),
];

/// The machine that a program is for, by its number in elf.h; `None` where it is no ELF file.
fn machine(path: &Path) -> io::Result<Option<u16>> {
    let mut head = Vec::new();
    let most = u64::try_from(HEAD_BYTES).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_end(&mut head)?;
    if head.len() < HEAD_BYTES || !head.starts_with(ELF_MAGIC) {
        return Ok(None);
    }
    let bytes = [head[MACHINE_AT], head[MACHINE_AT + 1]];
    Ok(Some(if head[5] == BIG_ENDIAN {
        u16::from_be_bytes(bytes)
    } else {
        u16::from_le_bytes(bytes)
    }))
}

/// What a machine is called.
fn name(machine: u16) -> String {
    let mut known = MACHINES.iter().flat_map(|(_, machines)| *machines);
    let found = known.find(|(number, _)| *number == machine);
    found.map_or_else(
        || format!("machine {machine} of elf.h"),
        |(_, name)| (*name).to_owned(),
    )
}

/// Refuses a program that the destination's machine cannot run; `uname` is what `uname -m` says there.
///
/// Where the machine is not one of the table nothing is said: whether the program runs is seen when it is there.
pub(super) fn require_fits(path: &Path, is_named: bool, uname: &str) -> Result<(), StepError> {
    let found = machine(path).map_err(|source| StepError::Local {
        operation: "read",
        path: path.display().to_string(),
        source,
    })?;
    let Some(machine) = found else {
        if !is_named {
            return Ok(());
        }
        let text = "[destination] program is no program of Linux (ELF)";
        return Err(
            Finding::new("utility-no-program", Verdict::Usage, text, OTHER_PROGRAM)
                .about(path.as_os_str().as_encoded_bytes())
                .into(),
        );
    };
    let row = MACHINES
        .iter()
        .find(|(begins, _)| uname.starts_with(begins));
    if row.is_none_or(|(_, machines)| machines.iter().any(|(number, _)| *number == machine)) {
        return Ok(());
    }
    Err(StepError::refused(
        "utility-other-machine",
        format!(
            "The destination is {uname}, and {} is a program for {}",
            path.display(),
            name(machine)
        ),
        OTHER_PROGRAM,
    ))
}

/// What it means that an installed program does not run, by what was said; the words themselves are told in any case.
pub(super) fn does_not_run(said: &str) -> StepError {
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    let (why, remedy) = if has(&["GLIBC", "libc.so", "shared librar", "relocating"]) {
        (
            "the C library of the destination is older than the one that it was built with",
            OTHER_PROGRAM,
        )
    } else if has(&["Exec format error", "cannot execute binary"]) {
        ("it is a program for another machine", OTHER_PROGRAM)
    } else if has(&["Permission denied", "not permitted"]) {
        (
            "programs may not be run in the job folder",
            "Name another `job_folder` in [destination], on a file system without `noexec` and where no policy (fapolicyd, SELinux, \
             AppArmor) forbids it; or allow it there",
        )
    } else if has(&["not found", "No such file", "required file"]) {
        (
            "the loader that it needs is not there, as where the C library is another one",
            OTHER_PROGRAM,
        )
    } else {
        (
            "see what it said",
            "Correct that at the destination, and run again",
        )
    };
    StepError::refused(
        "utility-does-not-run",
        format!("The worker that was installed does not run: {why}: {said}"),
        remedy,
    )
}

#[cfg(test)]
mod tests {
    use protocol::Explain as _;

    use super::*;

    /// A file that begins as a program for this machine.
    fn program(folder: &Path, machine: u16, big: bool) -> std::path::PathBuf {
        let mut head = vec![0; 64];
        head[..4].copy_from_slice(ELF_MAGIC);
        head[5] = if big { BIG_ENDIAN } else { 1 };
        let bytes = if big {
            machine.to_be_bytes()
        } else {
            machine.to_le_bytes()
        };
        head[MACHINE_AT..HEAD_BYTES].copy_from_slice(&bytes);
        let path = folder.join("program");
        std::fs::write(&path, head).expect("written");
        path
    }

    #[test]
    fn a_program_for_another_machine_is_refused_before_it_is_uploaded() {
        let folder = tempfile::tempdir().expect("a folder");
        for (machine, big, uname, fits) in [
            (62, false, "x86_64", true),
            (3, false, "x86_64", true),
            (62, false, "i686", false),
            (183, false, "x86_64", false),
            (62, false, "aarch64", false),
            (40, false, "armv7l", true),
            (22, true, "s390x", true),
            (62, false, "sparc64", true),
            (62, false, "", true),
        ] {
            let path = program(folder.path(), machine, big);
            let outcome = require_fits(&path, false, uname).map_err(|error| error.to_finding());
            assert_eq!(outcome.is_ok(), fits, "{machine} {uname}: {outcome:?}");
            if let Err(finding) = outcome {
                assert_eq!(finding.code, "utility-other-machine");
                assert!(finding.text.contains(uname), "{finding}");
            }
        }
        let script = folder.path().join("script");
        std::fs::write(&script, "#!/bin/sh\n").expect("written");
        assert!(require_fits(&script, false, "x86_64").is_ok());
        let finding = require_fits(&script, true, "x86_64")
            .expect_err("no program")
            .to_finding();
        assert_eq!(
            (&*finding.code, finding.verdict),
            ("utility-no-program", Verdict::Usage)
        );
    }

    /// What loaders, shells and sudo said, word for word.
    #[test]
    fn the_words_of_a_loader_are_told_with_what_they_mean() {
        for (said, means) in [
            (
                "/job/gwmigrate: /lib64/libc.so.6: version `GLIBC_2.34' not found (required by /job/gwmigrate)",
                "older",
            ),
            (
                "Error relocating /job/gwmigrate: gnu_get_libc_version: symbol not found",
                "older",
            ),
            (
                "/job/gwmigrate: error while loading shared libraries: libm.so.6: cannot open shared object file: No such file or directory",
                "older",
            ),
            ("sh: 1: /job/gwmigrate: not found", "loader"),
            ("bash: /job/gwmigrate: No such file or directory", "loader"),
            (
                "bash: line 1: /job/gwmigrate: cannot execute: required file not found",
                "loader",
            ),
            (
                "sudo: unable to execute /job/gwmigrate: No such file or directory",
                "loader",
            ),
            (
                "sh: 1: /job/gwmigrate: Exec format error",
                "another machine",
            ),
            (
                "bash: /job/gwmigrate: cannot execute binary file: Exec format error",
                "another machine",
            ),
            ("sh: 1: /job/gwmigrate: Permission denied", "job folder"),
            ("Illegal instruction", "see what it said"),
        ] {
            let finding = does_not_run(said).to_finding();
            assert!(
                finding.text.contains(said) && finding.text.contains(means),
                "{finding}"
            );
            assert!(!finding.remedy.is_empty());
        }
    }
}
