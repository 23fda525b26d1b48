//! A deb: an `ar` archive of a version, what there is to know, and the files (deb(5)).

use std::io::{self, Cursor, Read, Write};

use flate2::{Compression, GzBuilder};
use tar::Builder;

use super::content::{CONTENTS, Content, FILE_MODE, PROGRAM_MODE};
use super::tar_gz::{MODIFIED_SECONDS, add, add_link};
use super::{SUMMARY, SystemPackage};

/// The version of the form of debs.
const FORMAT: &[u8] = b"2.0\n";

/// The mode of the members of the outer archive.
const MEMBER_MODE: u32 = 0o100_644;

pub(super) fn write(output: impl Write, package: SystemPackage, program: &[u8]) -> io::Result<()> {
    let mut archive = ar::Builder::new(output);
    for (name, bytes) in [
        ("debian-binary", FORMAT.to_vec()),
        ("control.tar.gz", control(package)?),
        ("data.tar.gz", data(program)?),
    ] {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(MEMBER_MODE);
        header.set_mtime(MODIFIED_SECONDS.into());
        archive.append(&header, Cursor::new(bytes))?;
    }
    archive.into_inner()?.flush()
}

/// What this machine's programs are called by Debian.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn control(package: SystemPackage) -> io::Result<Vec<u8>> {
    let generation = package.generation;
    let control = format!(
        "Package: {}\nVersion: {}-{}\nArchitecture: {}\nMaintainer: gwsim <gwsim@example.com>\nSection: mail\n\
         Priority: optional\nDescription: {SUMMARY}\n",
        generation.package(),
        generation.version(),
        package.release,
        architecture(),
    );
    let configuration: Vec<&str> = CONTENTS
        .iter()
        .filter(|(_, content)| matches!(content, Content::Configuration(_)))
        .map(|(path, _)| *path)
        .collect();
    let configuration = configuration.join("\n") + "\n";
    tar_of(|builder| {
        for (name, text) in [("control", &control), ("conffiles", &configuration)] {
            let bytes = text.as_bytes();
            add(builder, name, FILE_MODE.into(), bytes.len() as u64, bytes)?;
        }
        Ok(())
    })
}

fn data(program: &[u8]) -> io::Result<Vec<u8>> {
    tar_of(|builder| {
        for (path, content) in CONTENTS {
            let path = path.trim_start_matches('/').to_owned();
            let mut file = |mode: u16, bytes: &[u8]| {
                let content: &mut dyn Read = &mut Cursor::new(bytes);
                add(builder, &path, mode.into(), bytes.len() as u64, content)
            };
            match content {
                Content::Program => file(PROGRAM_MODE, program)?,
                Content::Script(text) => file(PROGRAM_MODE, text.as_bytes())?,
                Content::Configuration(text) => file(FILE_MODE, text.as_bytes())?,
                Content::Folder => {
                    let path = format!("{path}/");
                    add(builder, &path, PROGRAM_MODE.into(), 0, io::empty())?;
                }
                Content::Link(target) => add_link(builder, &path, target)?,
            }
        }
        Ok(())
    })
}

type Archive = Builder<flate2::write::GzEncoder<Vec<u8>>>;

fn tar_of(fill: impl FnOnce(&mut Archive) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let compressed = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::fast());
    let mut builder = Builder::new(compressed);
    fill(&mut builder)?;
    builder.into_inner()?.finish()
}
