//! An rpm, as `rpmbuild` would make it from the same files.
//!
//! Not compressed, so that its bytes depend on nothing but its contents.

use std::collections::BTreeSet;

use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};

use super::contents::{ZshFolder, contents};
use super::linkage::Linkage;
use super::{MODIFIED_SECONDS, NAME, SUMMARY};

/// Folders that every system has.  The others are there where the shell or bash-completion is, and go with whoever is last.
const OF_SYSTEM: [&str; 6] = [
    "/usr",
    "/usr/bin",
    "/usr/share",
    "/usr/share/doc",
    "/usr/share/man",
    "/usr/share/man/man1",
];

/// How `rpmbuild` marks what is needed of a library for programs of this width.
const WIDTH: &str = if cfg!(target_pointer_width = "64") {
    "(64bit)"
} else {
    ""
};

pub(super) fn bytes(program: &[u8], linkage: &Linkage) -> Result<Vec<u8>, rpm::Error> {
    let config = BuildConfig::v4()
        .source_date(MODIFIED_SECONDS)
        .compression(CompressionType::None);
    let mut builder = PackageBuilder::new(
        NAME,
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_LICENSE"),
        std::env::consts::ARCH,
        SUMMARY,
    );
    builder
        .using_config(config)
        .release("1")
        .build_host("localhost")
        .vendor(NAME)
        .description(SUMMARY);
    for (library, versions) in linkage.libraries() {
        builder.requires(Dependency::any(format!("{library}(){WIDTH}")));
        for version in versions {
            builder.requires(Dependency::any(format!("{library}({version}){WIDTH}")));
        }
    }
    let mut folders = BTreeSet::new();
    for file in contents(program, ZshFolder::Site)? {
        let path = format!("/usr/{}", file.path);
        let ends = path.match_indices('/').map(|(end, _)| &path[..end]);
        folders.extend(
            ends.filter(|folder| !folder.is_empty() && !OF_SYSTEM.contains(folder))
                .map(str::to_owned),
        );
        builder.with_file_contents(file.bytes, FileOptions::new(path).permissions(file.mode))?;
    }
    for folder in folders {
        builder.with_dir_entry(FileOptions::dir(folder).permissions(0o755))?;
    }
    let mut bytes = Vec::new();
    builder.build()?.write(&mut bytes)?;
    Ok(bytes)
}
