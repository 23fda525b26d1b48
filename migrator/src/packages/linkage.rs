//! What a program needs of the system that it runs on: nothing where it is linked statically.

use std::collections::{BTreeMap, BTreeSet};

use elf::abi::{DT_NEEDED, ELFMAGIC, PT_INTERP};
use elf::endian::AnyEndian;
use elf::{ElfBytes, ParseError};

/// How a program is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Linkage {
    /// It runs on any Linux of its architecture.
    Static,
    /// It needs libraries, each with these versions of its symbols.
    Dynamic(BTreeMap<String, BTreeSet<String>>),
    /// It is no ELF file, such as a script, and nothing is known of what it needs.
    NotElf,
}

impl Linkage {
    /// How a program is linked: statically where it names no loader.
    ///
    /// # Errors
    /// An ELF file that is damaged.
    pub(super) fn of(program: &[u8]) -> Result<Self, ParseError> {
        if !program.starts_with(&ELFMAGIC) {
            return Ok(Self::NotElf);
        }
        let file = ElfBytes::<AnyEndian>::minimal_parse(program)?;
        let mut segments = file.segments().into_iter().flat_map(|table| table.iter());
        if !segments.any(|segment| segment.p_type == PT_INTERP) {
            return Ok(Self::Static);
        }
        let mut libraries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let Some((symbols, names)) = file.dynamic_symbol_table()? else {
            return Ok(Self::Dynamic(libraries));
        };
        for entry in file.dynamic()?.into_iter().flat_map(|table| table.iter()) {
            if entry.d_tag == DT_NEEDED {
                let at = usize::try_from(entry.d_val()).map_err(|_| ParseError::IntegerOverflow)?;
                libraries.entry(names.get(at)?.to_owned()).or_default();
            }
        }
        if let Some(versions) = file.symbol_version_table()? {
            for symbol in 0..symbols.len() {
                if let Some(needed) = versions.get_requirement(symbol)? {
                    let library = libraries.entry(needed.file.to_owned()).or_default();
                    library.insert(needed.name.to_owned());
                }
            }
        }
        Ok(Self::Dynamic(libraries))
    }

    /// The libraries that it needs, each with the versions of its symbols.
    pub(super) fn libraries(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        let libraries = match self {
            Self::Dynamic(libraries) => Some(libraries),
            Self::Static | Self::NotElf => None,
        };
        libraries
            .into_iter()
            .flatten()
            .map(|(library, versions)| (library.as_str(), versions))
    }
}

/// The newest version of a library in the versions of its symbols, which begin with `prefix`: `2.34` of `GLIBC_2.34`.
pub(super) fn newest<'a>(
    prefix: &str,
    versions: impl IntoIterator<Item = &'a String>,
) -> Option<&'a str> {
    let numbers = versions.into_iter().filter_map(|version| {
        let version = version.strip_prefix(prefix)?;
        let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
        Some((parts?, version))
    });
    numbers.max().map(|(_, version)| version)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of an ELF file for x86_64 without any segment or section (elf(5)).
    fn empty_elf() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16..20].copy_from_slice(&[3, 0, 62, 0]);
        bytes[20] = 1;
        bytes[52] = 64;
        bytes
    }

    #[test]
    fn a_program_with_a_loader_tells_what_it_needs() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let linkage = Linkage::of(&own).unwrap();
        let (_, versions) = linkage
            .libraries()
            .find(|(library, _)| *library == "libc.so.6")
            .unwrap();
        assert!(newest("GLIBC_", versions).unwrap().starts_with("2."));
    }

    #[test]
    fn a_program_without_a_loader_is_static_and_a_script_is_no_program() {
        assert_eq!(Linkage::of(&empty_elf()).unwrap(), Linkage::Static);
        assert_eq!(Linkage::of(b"#!/bin/sh\n").unwrap(), Linkage::NotElf);
        assert!(Linkage::of(&empty_elf()[..40]).is_err());
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let versions = ["GLIBC_2.9", "GLIBC_2.34", "GLIBC_ABI_DT_RELR", "GCC_3.0"];
        let versions = versions.map(str::to_owned);
        assert_eq!(newest("GLIBC_", &versions), Some("2.34"));
        assert_eq!(newest("GLIBC_", &[]), None);
    }
}
