//! The root digest: one number for a whole tree.

use crate::error::Result;
use crate::store::JobStore;

/// BLAKE3, in hexadecimal, over all sealed files of an area in the order of their folders and names.
///
/// Per file: length of the folder path, folder path, length of the name, name, size, BLAKE3 of the content; lengths and
/// size as eight bytes, least significant first.
pub(super) fn of_sealed(store: &JobStore, area: u32) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    store.each_sealed(area, |folder, name, entry| {
        for bytes in [folder.as_bytes(), name] {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
        hasher.update(&entry.size.to_le_bytes());
        hasher.update(&entry.digest);
    })?;
    Ok(hasher.finalize().to_hex().to_string())
}
