//! The software package of the simulated Linux agent: what a migration installs at the destination.
//!
//! Three kinds.  A `.tar.gz` with `bin/gwpoa` (the program), `bin/gwcheckt` (the same under another name), `bin/grpwise`
//! (a control script for it), an empty `share/` for startup files and `VERSION`.  An rpm and a deb with the places of
//! GroupWise's own packages: agents and their share below `/opt/novell/groupwise/agents`, the control command `rcgrpwise`
//! with `gwha.conf` and `uid.conf`, and a high-availability service that starts agents again.  The same program makes
//! the same bytes.

mod content;
mod deb;
mod rpm;
mod tar_gz;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

pub use content::Generation;

use crate::error::{SimulatorError, Tried};

/// What the packages say that they are.
const SUMMARY: &str = "Agents of a simulated GroupWise";

/// What to pack, and where to.
#[derive(Debug, Clone, Copy)]
pub struct PackageOptions<'a> {
    /// The program that becomes `bin/gwpoa`; it must act as the agent when it is called by that name.
    pub program: &'a Path,
    /// The package to write; one that is there is replaced.
    pub output: &'a Path,
}

/// For which package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemFormat {
    /// For `rpm`.
    Rpm,
    /// For `dpkg`.
    Deb,
}

/// A package for a package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemPackage {
    /// For which one.
    pub format: SystemFormat,
    /// Which GroupWise it is taken for.
    pub generation: Generation,
    /// The number behind its version; another one is another version.
    pub release: u32,
}

/// Writes the package that is only unpacked.
pub fn package(options: &PackageOptions<'_>) -> Result<(), SimulatorError> {
    let program = File::open(options.program).tried_at("open", options.program)?;
    let program_bytes = program
        .metadata()
        .tried_at("look at", options.program)?
        .len();
    tar_gz::write(create(options)?, program, program_bytes).tried_at("write", options.output)
}

/// Writes a package for a package manager.
pub fn system_package(
    options: &PackageOptions<'_>,
    package: SystemPackage,
) -> Result<(), SimulatorError> {
    let program = std::fs::read(options.program).tried_at("read", options.program)?;
    let output = create(options)?;
    match package.format {
        SystemFormat::Deb => deb::write(output, package, &program),
        SystemFormat::Rpm => rpm::write(output, package, &program).map_err(std::io::Error::other),
    }
    .tried_at("write", options.output)
}

fn create(options: &PackageOptions<'_>) -> Result<BufWriter<File>, SimulatorError> {
    let file = File::create(options.output).tried_at("make", options.output)?;
    Ok(BufWriter::new(file))
}
