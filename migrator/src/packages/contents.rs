//! What a package installs.

use std::io::{self, Write as _};

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use flate2::{Compression, GzBuilder};
use include_dir::{Dir, DirEntry, include_dir};

use super::NAME;
use crate::worksheet::{self, SourceKind};

/// Documents, by their names.
const DOCUMENTS: [(&str, &str); 4] = [
    ("GUIDE.md", include_str!("../../GUIDE.md")),
    ("LIMITS.md", include_str!("../../LIMITS.md")),
    ("CHANGELOG.md", include_str!("../../../CHANGELOG.md")),
    ("copyright", include_str!("../../../LICENSE")),
];

/// The Ansible collection, with its tests and what Python leaves behind where they have run.
static COLLECTION: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fleet");

/// Where Ansible looks for it.
const COLLECTION_FOLDER: &str = "share/ansible/collections/ansible_collections/gwmigrate/fleet";

/// What of it is for its developers, as `build_ignore` of `galaxy.yml` says.
const NOT_INSTALLED: [&str; 2] = ["tests", "__pycache__"];

/// Where zsh looks for completions.
#[derive(Debug, Clone, Copy)]
pub(super) enum ZshFolder {
    /// Debian and what comes from it.
    Vendor,
    /// Everybody else.
    Site,
}

/// A file of a package.
#[derive(Debug)]
pub(super) struct Installed {
    /// Its path below `/usr`.
    pub(super) path: String,
    /// Its permissions.
    pub(super) mode: u16,
    /// What it holds.
    pub(super) bytes: Vec<u8>,
}

/// Everything that is installed with the program.
pub(super) fn contents(program: &[u8], zsh: ZshFolder) -> io::Result<Vec<Installed>> {
    let file = |path: String, bytes: Vec<u8>| Installed {
        path,
        mode: 0o644,
        bytes,
    };
    let mut files = vec![Installed {
        path: format!("bin/{NAME}"),
        mode: 0o755,
        bytes: program.to_vec(),
    }];
    let mut command = crate::cli::command();
    for (name, page) in manual(&command)? {
        files.push(file(format!("share/man/man1/{name}.gz"), page));
    }
    let zsh = match zsh {
        ZshFolder::Vendor => "vendor-completions",
        ZshFolder::Site => "site-functions",
    };
    for (shell, path) in [
        (
            Shell::Bash,
            format!("share/bash-completion/completions/{NAME}"),
        ),
        (Shell::Zsh, format!("share/zsh/{zsh}/_{NAME}")),
        (
            Shell::Fish,
            format!("share/fish/vendor_completions.d/{NAME}.fish"),
        ),
    ] {
        let mut script = Vec::new();
        generate(shell, &mut command, NAME, &mut script);
        files.push(file(path, script));
    }
    let example = worksheet::template(SourceKind::Cifs).as_bytes().to_vec();
    files.push(file(format!("share/doc/{NAME}/worksheet.toml"), example));
    for (name, text) in DOCUMENTS {
        files.push(file(format!("share/doc/{NAME}/{name}"), text.into()));
    }
    add_collection(&COLLECTION, &mut files);
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn add_collection(folder: &Dir<'_>, files: &mut Vec<Installed>) {
    for entry in folder.entries() {
        let is_left_out = NOT_INSTALLED
            .iter()
            .any(|name| entry.path().ends_with(name));
        match entry {
            _ if is_left_out => {}
            DirEntry::Dir(inner) => add_collection(inner, files),
            DirEntry::File(file) => files.push(Installed {
                path: format!("{COLLECTION_FOLDER}/{}", file.path().display()),
                mode: 0o644,
                bytes: file.contents().to_vec(),
            }),
        }
    }
}

/// The manual pages, one for each command that is not hidden, compressed.
fn manual(command: &Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = command.clone().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages(&command, &mut pages)?;
    Ok(pages)
}

fn add_pages(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        add_pages(inner, pages)?;
    }
    let man = Man::new(command.clone());
    let name = man.get_filename();
    let mut page = Vec::new();
    man.render(&mut page)?;
    let mut compressed = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    compressed.write_all(&page)?;
    pages.push((name, compressed.finish()?));
    Ok(())
}
