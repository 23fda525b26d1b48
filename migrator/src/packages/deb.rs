//! A deb: an `ar` archive of a version, what there is to know, and the files (deb(5)).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType};

use super::contents::{ZshFolder, contents};
use super::linkage::{Linkage, newest};
use super::{MODIFIED_SECONDS, NAME, PackageError, SUMMARY, tar_gz};

/// The version of the form of debs.
const FORMAT: &[u8] = b"2.0\n";

/// The mode of the members of the outer archive.
const MEMBER_MODE: u32 = 0o100_644;

/// Libraries, the packages of Debian that have them, and how the versions of their symbols begin, where those say which is needed.
const PACKAGES: [(&str, &str, Option<&str>); 8] = [
    ("ld-linux", "libc6", Some("GLIBC_")),
    ("libc.so", "libc6", Some("GLIBC_")),
    ("libm.so", "libc6", Some("GLIBC_")),
    ("libpthread.so", "libc6", Some("GLIBC_")),
    ("libgcc_s.so", "libgcc-s1", None),
    ("libz.so", "zlib1g", None),
    ("libssl.so.3", "libssl3", Some("OPENSSL_")),
    ("libcrypto.so.3", "libssl3", Some("OPENSSL_")),
];

/// What a program needs, as the field `Depends` has it; nothing where it needs nothing.
///
/// # Errors
/// A library that no package of the table has.
pub(super) fn depends(linkage: &Linkage) -> Result<String, PackageError> {
    let mut packages = BTreeMap::new();
    for (library, versions) in linkage.libraries() {
        let row = PACKAGES
            .iter()
            .find(|(begins, ..)| library.starts_with(begins));
        let Some((_, package, symbols)) = row else {
            let library = library.to_owned();
            return Err(PackageError::Library { library });
        };
        let all: &mut BTreeSet<String> = packages.entry((*package, symbols)).or_default();
        all.extend(versions.iter().cloned());
    }
    let terms = packages.iter().map(|((package, symbols), versions)| {
        let newest = symbols.and_then(|prefix| newest(prefix, versions));
        newest.map_or_else(
            || (*package).to_owned(),
            |version| format!("{package} (>= {version})"),
        )
    });
    Ok(terms.collect::<Vec<_>>().join(", "))
}

/// A deb of a program with what it depends on.
pub(super) fn bytes(program: &[u8], depends: &str) -> io::Result<Vec<u8>> {
    let files = contents(program, ZshFolder::Vendor)?;
    let installed: usize = files.iter().map(|file| file.bytes.len()).sum();
    let mut archive = ar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("debian-binary", FORMAT.to_vec()),
        ("control.tar.gz", control(installed, depends)?),
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

fn control(installed_bytes: usize, depends: &str) -> io::Result<Vec<u8>> {
    let depends = if depends.is_empty() {
        String::new()
    } else {
        format!("Depends: {depends}\n")
    };
    let control = format!(
        "Package: {NAME}\nVersion: {}-1\nArchitecture: {}\nMaintainer: {NAME} <{NAME}@example.com>\nInstalled-Size: {}\n\
         {depends}Section: mail\nPriority: optional\nDescription: {SUMMARY}\n",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(libraries: &[(&str, &[&str])]) -> Linkage {
        let owned = |versions: &[&str]| versions.iter().map(|&name| name.to_owned()).collect();
        let libraries = libraries.iter();
        Linkage::Dynamic(
            libraries
                .map(|(library, versions)| ((*library).to_owned(), owned(versions)))
                .collect(),
        )
    }

    #[test]
    fn a_program_depends_on_the_packages_of_its_libraries() {
        let linkage = needs(&[
            ("libc.so.6", &["GLIBC_2.9", "GLIBC_2.34"]),
            ("libm.so.6", &["GLIBC_2.29"]),
            ("libgcc_s.so.1", &["GCC_3.0"]),
            ("libcrypto.so.3", &["OPENSSL_3.0.0", "OPENSSL_3.2.0"]),
            ("libssl.so.3", &["OPENSSL_3.0.0"]),
        ]);
        let depended = depends(&linkage).unwrap();
        assert_eq!(depended, "libc6 (>= 2.34), libgcc-s1, libssl3 (>= 3.2.0)");
        assert_eq!(depends(&Linkage::Static).unwrap(), "");
        assert!(depends(&needs(&[("libmail.so.2", &[])])).is_err());
    }
}
