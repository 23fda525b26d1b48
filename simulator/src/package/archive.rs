//! Entries of tar files whose bytes depend on nothing but their contents.

use std::io::{Read, Write};

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
