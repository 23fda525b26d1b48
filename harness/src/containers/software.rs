//! The software of the Linux POA, as its package managers take it.

use std::path::{Path, PathBuf};

use simulator::{Generation, PackageOptions, SystemFormat, SystemPackage};

use super::{DOMAIN, POA_USER};
use crate::error::HarnessError;
use crate::site::SiteOptions;

/// A package for one of the package managers, which the seed chooses.
///
/// # Errors
/// What packing says.
pub(super) fn make_system_package(
    folder: &Path,
    options: &SiteOptions,
) -> Result<Option<PathBuf>, HarnessError> {
    if !options.with_poa {
        return Ok(None);
    }
    let (name, format) = if options.seed.is_multiple_of(2) {
        ("novell-groupwise-server.rpm", SystemFormat::Rpm)
    } else {
        ("novell-groupwise-server.deb", SystemFormat::Deb)
    };
    let output = folder.join(name);
    let package = PackageOptions {
        program: &options.program,
        output: &output,
    };
    simulator::system_package(
        &package,
        SystemPackage {
            format,
            generation: Generation::TwentyFourteen,
            release: 1,
        },
    )?;
    Ok(Some(output))
}

/// What the worksheet says because of it.
pub(super) fn extra_lines(options: &SiteOptions) -> Vec<(String, String)> {
    let mut lines = vec![("post_office", format!("domain = \"{DOMAIN}\""))];
    if options.with_poa {
        lines.push(("poa", "generation = \"2014\"".to_owned()));
        lines.push(("poa", format!("run_as_user = \"{POA_USER}\"")));
        // IMAP has a port that other users than root may not open without it.
        lines.push(("poa", "low_ports = \"capability\"".to_owned()));
    }
    let owned = |(section, line): (&str, String)| (section.to_owned(), line);
    lines.into_iter().map(owned).collect()
}
