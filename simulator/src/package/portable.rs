//! The package that is only unpacked: `bin/gwpoa`, `bin/gwcheckt`, `bin/grpwise`, an empty `share/` and `VERSION`.

use std::io::{Read, Write};

use flate2::{Compression, GzBuilder};
use tar::Builder;

use super::archive::{add, add_link};

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
