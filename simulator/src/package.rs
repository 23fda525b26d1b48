//! The software package of the simulated Linux agent: what a migration installs at the destination.
//!
//! A `.tar.gz` with `bin/gwpoa` (the program), `bin/gwcheckt` (the same under another name), `bin/grpwise` (the control
//! script), an empty `share/` for startup files and `VERSION`.  The same program makes the same bytes.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::error::{SimulatorError, Tried};

/// The control script.
const CONTROL_SCRIPT: &str = include_str!("package/grpwise.sh");

/// 2015-01-01 00:00:00 UTC, the time of every file in the package.
const MODIFIED_SECONDS: u64 = 1_420_070_400;

/// What to pack, and where to.
#[derive(Debug, Clone, Copy)]
pub struct PackageOptions<'a> {
    /// The program that becomes `bin/gwpoa`; it must act as the agent when it is called by that name.
    pub program: &'a Path,
    /// The package to write; one that is there is replaced.
    pub output: &'a Path,
}

/// Writes the package.
pub fn package(options: &PackageOptions<'_>) -> Result<(), SimulatorError> {
    let program = File::open(options.program).tried_at("open", options.program)?;
    let program_bytes = program
        .metadata()
        .tried_at("look at", options.program)?
        .len();
    let output = BufWriter::new(File::create(options.output).tried_at("make", options.output)?);
    write_package(output, program, program_bytes).tried_at("write", options.output)
}

fn write_package(
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

fn add(
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
    header.set_mtime(MODIFIED_SECONDS);
    // A file that grew since it was measured must not spill into the next entry.
    builder.append_data(&mut header, path, content.take(bytes))
}

/// Another name for a file of the same folder.
fn add_link(builder: &mut Builder<impl Write>, path: &str, target: &str) -> std::io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Symlink);
    header.set_mode(0o777);
    header.set_size(0);
    header.set_mtime(MODIFIED_SECONDS);
    builder.append_link(&mut header, path, target)
}
