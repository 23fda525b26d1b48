//! A bare walk: it lists every folder and looks at nothing.

use super::super::Result;
use super::folder::{Folder, list};

/// Lists a folder.
pub(super) fn visit(folder: &Folder<'_>) -> Result<u64> {
    let mut files = 0;
    for root in folder.roots {
        list(&folder.open(root)?, |name, is_folder, _| {
            if is_folder {
                folder.add(name);
            } else {
                files += 1;
            }
        })?;
    }
    Ok(files)
}
