use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;

use super::content::{CONTENTS, Content};
use super::*;

fn made(scratch: &Path, format: SystemFormat, generation: Generation) -> PathBuf {
    let program = scratch.join("program");
    std::fs::write(&program, "#!/bin/sh\necho simulated\n").unwrap();
    let output = scratch.join(format!("{format:?}"));
    let package = SystemPackage {
        format,
        generation,
        release: 1,
    };
    let options = PackageOptions {
        program: &program,
        output: &output,
    };
    system_package(&options, package).unwrap();
    output
}

/// The members of a tar by path: mode, and what a link leads to or a file says.
fn listed(tar: impl Read) -> BTreeMap<String, (u32, String)> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            match entry.link_name().unwrap() {
                Some(target) => text = target.display().to_string(),
                None => {
                    entry.read_to_string(&mut text).unwrap();
                }
            }
            (path, (entry.header().mode().unwrap(), text))
        })
        .collect()
}

#[test]
fn a_deb_holds_every_file_in_its_place() {
    let scratch = tempfile::tempdir().unwrap();
    let path = made(scratch.path(), SystemFormat::Deb, Generation::TwentyTwelve);
    let mut archive = ar::Archive::new(std::fs::File::open(path).unwrap());
    let mut members = Vec::new();
    while let Some(entry) = archive.next_entry() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.header().identifier().to_vec()).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        members.push((name, bytes));
    }
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["debian-binary", "control.tar.gz", "data.tar.gz"]);
    let control = listed(GzDecoder::new(members[1].1.as_slice()));
    let about = &control["control"].1;
    assert!(about.contains("Package: novell-groupwise-agents\nVersion: 12.0.4-1\n"));
    assert_eq!(
        control["conffiles"].1,
        "/etc/opt/novell/groupwise/gwha.conf\n"
    );
    let data = listed(GzDecoder::new(members[2].1.as_slice()));
    assert_eq!(data.len(), CONTENTS.len());
    for (path, content) in CONTENTS {
        let folder = if content == Content::Folder { "/" } else { "" };
        let (mode, text) = &data[&format!("{}{folder}", &path[1..])];
        match content {
            Content::Folder => assert_eq!(*mode, 0o755, "{path}"),
            Content::Program => assert!(text.contains("echo simulated")),
            Content::Script(script) => assert_eq!((*mode, text.as_str()), (0o755, script)),
            Content::Configuration(says) => assert_eq!((*mode, text.as_str()), (0o644, says)),
            Content::Link(target) => assert_eq!(text, target),
        }
    }
}

#[test]
fn an_rpm_holds_every_file_in_its_place() {
    let scratch = tempfile::tempdir().unwrap();
    let path = made(
        scratch.path(),
        SystemFormat::Rpm,
        Generation::TwentyFourteen,
    );
    let package = ::rpm::Package::open(path).unwrap();
    let about = &package.metadata;
    assert_eq!(about.get_name().unwrap(), "novell-groupwise-server");
    assert_eq!(about.get_version().unwrap(), "14.2.3");
    assert_eq!(about.get_release().unwrap(), "1");
    let entries = about.get_file_entries().unwrap();
    for (path, content) in CONTENTS {
        let Some(entry) = entries.iter().find(|entry| entry.path() == Path::new(path)) else {
            assert_eq!(content, Content::Folder, "{path} is missing");
            continue;
        };
        let is_configuration = entry.flags().contains(::rpm::FileFlags::CONFIG);
        assert_eq!(
            is_configuration,
            matches!(content, Content::Configuration(_)),
            "{path}"
        );
        let is_kept = entry.flags().contains(::rpm::FileFlags::NOREPLACE);
        assert_eq!(is_kept, is_configuration, "{path}");
    }
}

#[test]
fn the_same_program_makes_the_same_system_packages() {
    for format in [SystemFormat::Deb, SystemFormat::Rpm] {
        let [one, other] = [(); 2].map(|()| {
            let scratch = tempfile::tempdir().unwrap();
            std::fs::read(made(scratch.path(), format, Generation::Eight)).unwrap()
        });
        assert_eq!(one, other, "{format:?}");
    }
}

#[test]
#[allow(clippy::print_stderr)] // Says that it was skipped.
fn dpkg_reads_the_deb() {
    let scratch = tempfile::tempdir().unwrap();
    let path = made(
        scratch.path(),
        SystemFormat::Deb,
        Generation::TwentyFourteen,
    );
    let output = Command::new("dpkg-deb")
        .args(["-W", "--showformat=${Package} ${Version}"])
        .arg(&path)
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: this machine has no dpkg-deb");
        return;
    };
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "novell-groupwise-server 14.2.3-1"
    );
}

#[test]
fn the_scripts_are_scripts_of_a_posix_shell() {
    for (path, content) in CONTENTS {
        let Content::Script(text) = content else {
            continue;
        };
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("script");
        std::fs::write(&file, text).unwrap();
        let output = Command::new("sh").arg("-n").arg(&file).output().unwrap();
        assert!(output.status.success(), "{path}: {output:?}");
    }
}
