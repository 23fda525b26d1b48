//! The tar file, which is unpacked anywhere; and tar files as debs hold them.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use tar::{Builder, EntryType, Header};

use super::contents::{Installed, ZshFolder, contents};
use super::{MODIFIED_SECONDS, NAME};

pub(super) fn bytes(program: &[u8]) -> io::Result<Vec<u8>> {
    let folder = format!("{NAME}-{}", env!("CARGO_PKG_VERSION"));
    packed(&folder, &contents(program, ZshFolder::Site)?)
}

/// Files below a folder, each folder before what it holds.
pub(super) fn packed(folder: &str, files: &[Installed]) -> io::Result<Vec<u8>> {
    let compressed = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut builder = Builder::new(compressed);
    let mut made = std::collections::BTreeSet::new();
    for file in files {
        let path = format!("{folder}/{}", file.path);
        for (end, _) in path.match_indices('/') {
            let above = &path[..=end];
            if above != "./" && made.insert(above.to_owned()) {
                add(&mut builder, above, EntryType::Directory, 0o755, &[])?;
            }
        }
        add(
            &mut builder,
            &path,
            EntryType::Regular,
            file.mode,
            &file.bytes,
        )?;
    }
    finish(builder)
}

/// Adds one entry, whose owner is root.
pub(super) fn add(
    builder: &mut Builder<impl Write>,
    path: &str,
    kind: EntryType,
    mode: u16,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode.into());
    header.set_size(bytes.len() as u64);
    header.set_mtime(MODIFIED_SECONDS.into());
    builder.append_data(&mut header, path, bytes)
}

pub(super) fn finish(builder: Builder<GzEncoder<Vec<u8>>>) -> io::Result<Vec<u8>> {
    builder.into_inner()?.finish()
}
