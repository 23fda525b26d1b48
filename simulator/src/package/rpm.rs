//! An rpm, as `rpmbuild` would make it from the same files.
//!
//! Not compressed, so that its bytes depend on nothing but its contents.

use std::io::Write;

use rpm::{BuildConfig, CompressionType, FileOptions, PackageBuilder};

use super::content::{CONTENTS, Content, FILE_MODE, PROGRAM_MODE};
use super::tar_gz::MODIFIED_SECONDS;
use super::{SUMMARY, SystemPackage};

/// Folders of the system, which no package of an agent owns.
const OF_SYSTEM: [&str; 2] = ["/etc/init.d", "/etc/opt"];

pub(super) fn write(
    mut output: impl Write,
    package: SystemPackage,
    program: &[u8],
) -> Result<(), rpm::Error> {
    let generation = package.generation;
    let config = BuildConfig::v4()
        .source_date(MODIFIED_SECONDS)
        .compression(CompressionType::None);
    let mut builder = PackageBuilder::new(
        generation.package(),
        generation.version(),
        env!("CARGO_PKG_LICENSE"),
        std::env::consts::ARCH,
        SUMMARY,
    );
    builder
        .using_config(config)
        .release(package.release.to_string())
        .build_host("localhost")
        .vendor("gwsim")
        .description(SUMMARY);
    for (path, content) in CONTENTS {
        let file = |mode: u16| FileOptions::new(path).permissions(mode);
        match content {
            Content::Folder if OF_SYSTEM.contains(&path) => {}
            Content::Folder => {
                builder.with_dir_entry(FileOptions::dir(path).permissions(PROGRAM_MODE))?;
            }
            Content::Program => {
                builder.with_file_contents(program, file(PROGRAM_MODE))?;
            }
            Content::Script(text) => {
                builder.with_file_contents(text, file(PROGRAM_MODE))?;
            }
            Content::Configuration(text) => {
                builder.with_file_contents(text, file(FILE_MODE).config().noreplace())?;
            }
            Content::Link(target) => {
                builder.with_symlink(FileOptions::symlink(path, target))?;
            }
        }
    }
    builder.build()?.write(&mut output)
}
