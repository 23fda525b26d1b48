//! The package that is only unpacked (`bin/gwpoa`, `bin/gwcheckt`, `bin/grpwise`, an empty `share/` and `VERSION`), and entries
//! of tar files whose bytes depend on nothing but their contents.

use std::io::{Read, Write};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// 2015-01-01 00:00:00 UTC, the time of every file in a package.
pub(super) const MODIFIED_SECONDS: u32 = 1_420_070_400;

/// A folder where the path ends with a slash, else a file.
pub(super) fn add(
    builder: &mut Builder<impl Write>,
    path: &str,
    mode: u32,
    bytes: u64,
    content: impl Read,
) -> std::io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(if path.ends_with('/') {
        EntryType::Directory
    } else {
        EntryType::Regular
    });
    header.set_mode(mode);
    header.set_size(bytes);
    header.set_mtime(MODIFIED_SECONDS.into());
    // A file that grew since it was measured must not spill into the next entry.
    builder.append_data(&mut header, path, content.take(bytes))
}

/// A symbolic link.
pub(super) fn add_link(
    builder: &mut Builder<impl Write>,
    path: &str,
    target: &str,
) -> std::io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Symlink);
    header.set_mode(0o777);
    header.set_size(0);
    header.set_mtime(MODIFIED_SECONDS.into());
    builder.append_link(&mut header, path, target)
}

/// The control script.
const CONTROL_SCRIPT: &str = include_str!("grpwise.sh");

pub(super) fn write(
    output: impl Write,
    program: impl Read,
    program_bytes: u64,
) -> std::io::Result<()> {
    let compressed = GzBuilder::new().mtime(0).write(output, Compression::fast());
    let mut builder = Builder::new(compressed);
    let version = format!("gwsim {}\n", env!("CARGO_PKG_VERSION"));
    let script = CONTROL_SCRIPT.as_bytes();
    add(&mut builder, "bin/", 0o755, 0, std::io::empty())?;
    add(&mut builder, "bin/gwpoa", 0o755, program_bytes, program)?;
    add_link(&mut builder, "bin/gwcheckt", "gwpoa")?;
    add(
        &mut builder,
        "bin/grpwise",
        0o755,
        script.len() as u64,
        script,
    )?;
    add(&mut builder, "share/", 0o755, 0, std::io::empty())?;
    add(
        &mut builder,
        "VERSION",
        0o644,
        version.len() as u64,
        version.as_bytes(),
    )?;
    builder.into_inner()?.finish()?.flush()
}
