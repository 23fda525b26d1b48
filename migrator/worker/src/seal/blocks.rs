//! The checksums of the blocks of databases, verified in the same read that hashes them (ARCHITECTURE.md rule 9).

use postoffice::flaim::{BlockStream, DatabaseFile, Header, OpenFileSet, probe_files};
use postoffice::names::RelativePath;

use crate::capabilities::Area;
use crate::database::Handle;
use crate::tree::Folder;

/// What verifies the blocks of the file `name` in `folder`, which lies at `path`; none for anything but a data file of a
/// database that the engine knows.
pub(super) fn block_stream(
    area: &Area,
    folder: &Folder,
    path: &RelativePath,
) -> Option<BlockStream> {
    let (_, name) = path.split_last()?;
    let base = area.database_of(path)?;
    let (_, base) = base.split_last()?;
    let control = [base, b".db"].concat();
    if name == control {
        return None;
    }
    let header = header(folder, &control)?;
    let file = DatabaseFile::of_name(base, name, header.version)?;
    BlockStream::new(&header, file)
}

fn header(folder: &Folder, control: &[u8]) -> Option<Header> {
    let (handle, _) = folder.open_file(control).ok()?;
    let mut files = OpenFileSet::new();
    files.insert(DatabaseFile::CONTROL, Handle::from(handle));
    probe_files(&files).ok()
}
