//! A deb: an `ar` archive of a version, what there is to know, and the files (deb(5)).

use std::io::{self, Cursor};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType};

use super::contents::{ZshFolder, contents};
use super::{MODIFIED_SECONDS, NAME, SUMMARY, tar_gz};

/// The version of the form of debs.
const FORMAT: &[u8] = b"2.0\n";

/// The mode of the members of the outer archive.
const MEMBER_MODE: u32 = 0o100_644;

pub(super) fn bytes(program: &[u8]) -> io::Result<Vec<u8>> {
    let files = contents(program, ZshFolder::Vendor)?;
    let installed: usize = files.iter().map(|file| file.bytes.len()).sum();
    let mut archive = ar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("debian-binary", FORMAT.to_vec()),
        ("control.tar.gz", control(installed)?),
        ("data.tar.gz", tar_gz::packed("./usr", &files)?),
    ] {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(MEMBER_MODE);
        header.set_mtime(MODIFIED_SECONDS.into());
        archive.append(&header, Cursor::new(bytes))?;
    }
    archive.into_inner()
}

/// What this machine's programs are called by Debian.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn control(installed_bytes: usize) -> io::Result<Vec<u8>> {
    let control = format!(
        "Package: {NAME}\nVersion: {}-1\nArchitecture: {}\nMaintainer: {NAME} <{NAME}@example.com>\nInstalled-Size: {}\n\
         Section: mail\nPriority: optional\nDescription: {SUMMARY}\n",
        env!("CARGO_PKG_VERSION"),
        architecture(),
        installed_bytes.div_ceil(1024),
    );
    let compressed = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut builder = Builder::new(compressed);
    let kind = EntryType::Regular;
    tar_gz::add(&mut builder, "./control", kind, 0o644, control.as_bytes())?;
    tar_gz::finish(builder)
}
