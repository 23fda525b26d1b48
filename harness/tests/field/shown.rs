//! An embedded rehearsal whose source is seen through a mount that shows odd things.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use harness::rehearsal::CommandRun;
use harness::site::Site as _;

use crate::odd_mount::OddMount;
use crate::support::Stage;

/// Writes a file that was changed in 2020: what is young is copied once more before it is proven.
pub(crate) fn write_old(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(path, bytes).expect("written");
    let changed = UNIX_EPOCH + Duration::from_hours(438_288);
    let file = File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(changed))
        .expect("set");
}

/// A rehearsal, and the mount of its source.
pub(crate) struct Shown {
    // Unmounted before the folder of the rehearsal goes.
    pub(crate) mount: OddMount,
    pub(crate) stage: Stage,
    /// The folder behind the mount.
    pub(crate) behind: PathBuf,
}

impl Shown {
    /// None where nothing can be mounted here.
    pub(crate) fn new() -> Option<Self> {
        Self::through(OddMount::new)
    }

    /// The same through a client that caches attributes for an hour.
    pub(crate) fn cached_for_an_hour() -> Option<Self> {
        let hour = Duration::from_hours(1);
        Self::through(|behind, mount_point| OddMount::caching(behind, mount_point, hour))
    }

    fn through(mount: impl FnOnce(&Path, &Path) -> Option<OddMount>) -> Option<Self> {
        let mut stage = Stage::new();
        let behind = stage.source().to_owned();
        let mount_point = stage.folder.path().join("shown");
        let mount = mount(&behind, &mount_point)?;
        stage.embedded_mut().sheet.source = mount_point;
        stage.embedded().write_worksheet().expect("written");
        Some(Self {
            mount,
            stage,
            behind,
        })
    }

    /// Stage two is done and the destination is the source.
    pub(crate) fn is_done(&self, run: &CommandRun) {
        assert!(run.is_fine(), "{:#?}", run.findings);
        assert_eq!(self.differences(), Vec::<String>::new());
    }

    /// What differs between the folder behind the mount and the destination.
    pub(crate) fn differences(&self) -> Vec<String> {
        harness::checks::compare_post_offices(&self.behind, self.stage.destination(), 1)
            .expect("compared")
    }

    /// A file of the destination.
    pub(crate) fn copy(&self, path: impl AsRef<Path>) -> PathBuf {
        self.stage.destination().join(path)
    }
}
