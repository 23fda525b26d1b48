//! What stage one saw of the folders of a job, and how that has changed since.

use std::path::Path;

use postoffice::names::printable;
use protocol::mounts::{Mount, covering};
use protocol::places::Place;
use serde::{Deserialize, Serialize};

use crate::tree::KnownMounts;

/// Which side of an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Where it is today.
    Source,
    /// Where it moves to.
    Destination,
}

impl Side {
    /// What it is called.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// What is kept of a folder of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenPlace {
    /// The folder, as the worksheet names it.
    pub folder: String,
    /// Its own mount and those below it; none where no line of the mount table covers it.
    pub mounts: Option<SeenMounts>,
}

impl SeenPlace {
    /// What is kept of a place, to know it again.
    pub(crate) fn of(place: &Place, folder: &str, table: &[Mount]) -> Self {
        Self {
            folder: folder.to_owned(),
            mounts: covering(table, &place.path).map(|mount| SeenMounts {
                own: SeenMount::of("", mount),
                below: place.path.strip_prefix(&mount.mount_point).ok().map(shown),
                inner: place
                    .mounts
                    .iter()
                    .map(|inner| SeenMount::of(&shown(&inner.path), &inner.mount))
                    .collect(),
            }),
        }
    }
}

/// The mounts that may be entered from a place: its own, and those below it.
pub(crate) fn known_mounts(place: &Place, table: &[Mount]) -> KnownMounts {
    let own = covering(table, &place.path).map(|mount| mount.id);
    let inner = place.mounts.iter().map(|inner| inner.mount.id);
    KnownMounts::new(own.into_iter().chain(inner).collect())
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

/// The mounts of a folder of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenMounts {
    /// The mount that the folder is in.
    pub own: SeenMount,
    /// Where the folder is below the mount point of that, escaped; none in a job that began before this was kept.
    #[serde(default)]
    pub below: Option<String>,
    /// The mounts below it.
    pub inner: Vec<SeenMount>,
}

/// A mount, as far as it can be known again after a restart: device numbers change then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenMount {
    /// Its mount point below the folder of the job, escaped; empty for the one that the folder is in.
    pub path: String,
    /// The type of the file system.
    pub file_system: String,
    /// What is mounted, escaped.
    pub from: String,
    /// Which folder of the file system is mounted, escaped.
    pub root: String,
}

impl SeenMount {
    fn of(path: &str, mount: &Mount) -> Self {
        Self {
            path: path.to_owned(),
            file_system: mount.file_system.clone(),
            from: printable(&mount.source),
            root: shown(&mount.root),
        }
    }

    fn shown(&self) -> String {
        format!("{} ({})", self.from, self.file_system)
    }
}

/// How the mounts of a folder differ from what was seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountChange {
    /// The folder itself is on something else.
    Other {
        /// What it was on.
        was: String,
        /// What it is on.
        is: String,
    },
    /// A mount below it is missing, or is another one.
    Missing {
        /// The mount point below the folder.
        path: String,
        /// What was mounted there.
        was: String,
    },
    /// There is a mount below it that was not there.
    Appeared {
        /// The mount point below the folder.
        path: String,
        /// What is mounted there.
        is: String,
    },
}

impl std::fmt::Display for MountChange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Other { was, is } => write!(formatter, "it was on {was} and is on {is}"),
            Self::Missing { path, was } => {
                write!(formatter, "{was} is not mounted at {path} below it")
            }
            Self::Appeared { path, is } => write!(
                formatter,
                "{is} is mounted at {path} below it, which hides what was there"
            ),
        }
    }
}

impl SeenMounts {
    fn shown(&self) -> String {
        match self.below.as_deref() {
            None | Some("") => self.own.shown(),
            Some(below) => format!("{below} of {}", self.own.shown()),
        }
    }

    /// What has changed since; the worst first.
    pub fn changes(&self, now: &Self) -> Vec<MountChange> {
        let mut changes = Vec::new();
        let has_moved = self.below.is_some() && self.below != now.below;
        if self.own != now.own || has_moved {
            changes.push(MountChange::Other {
                was: self.shown(),
                is: now.shown(),
            });
        }
        for mount in self.inner.iter().filter(|mount| !now.inner.contains(mount)) {
            changes.push(MountChange::Missing {
                path: mount.path.clone(),
                was: mount.shown(),
            });
        }
        let is_known = |mount: &&SeenMount| self.inner.iter().any(|known| known.path == mount.path);
        for mount in now.inner.iter().filter(|mount| !is_known(mount)) {
            changes.push(MountChange::Appeared {
                path: mount.path.clone(),
                is: mount.shown(),
            });
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::mounts::parse;

    const TABLE: &str = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        30 22 8:2 / /gw rw - ext4 /dev/sdb1 rw\n";

    fn place(path: &str, table: &[Mount]) -> Place {
        Place::locate("destination", true, Path::new(path), table).expect("covered")
    }

    #[test]
    fn what_was_mounted_is_known_again_and_what_is_not_is_told() {
        let inner = "32 30 8:3 / /gw/po/offiles rw - ext4 /dev/sdc1 rw\n";
        let seen = |more: &str| {
            let table = parse(format!("{TABLE}{more}").as_bytes());
            let seen = SeenPlace::of(&place("/gw/po", &table), "/gw/po", &table);
            seen.mounts.expect("covered")
        };
        let (without, with) = (seen(""), seen(inner));
        // Other numbers of device and mount, as after a restart.
        let again = seen("99 30 8:77 / /gw/po/offiles rw - ext4 /dev/sdc1 rw\n");
        assert_eq!(with.changes(&again), []);
        let path = || "offiles".to_owned();
        let disk = "/dev/sdc1 (ext4)".to_owned();
        assert_eq!(
            with.changes(&without),
            [MountChange::Missing {
                path: path(),
                was: disk.clone()
            }]
        );
        assert_eq!(
            without.changes(&with),
            [MountChange::Appeared {
                path: path(),
                is: disk
            }]
        );
        let other = seen("99 30 8:77 / /gw/po/offiles rw - ext4 /dev/sdq1 rw\n");
        assert!(matches!(
            with.changes(&other)[..],
            [MountChange::Missing { .. }]
        ));
        let table = parse(TABLE.replace("/dev/sdb1", "/dev/sdx1").as_bytes());
        let moved = SeenPlace::of(&place("/gw/po", &table), "/gw/po", &table);
        assert!(matches!(
            without.changes(&moved.mounts.expect("covered"))[..],
            [MountChange::Other { .. }]
        ));
    }
}
