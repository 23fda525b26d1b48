//! A bare walk: it lists every folder and looks at nothing.

use super::super::Result;
use super::folder::{Folder, list};

/// Lists a folder.
pub(super) fn visit(folder: &Folder<'_>) -> Result<u64> {
    let [open] = folder.open_all()?;
    let mut files = 0;
    list(&open, |name, is_folder, _| {
        if is_folder {
            folder.add(name);
        } else {
            files += 1;
        }
    })?;
    Ok(files)
}
