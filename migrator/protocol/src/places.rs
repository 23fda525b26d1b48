//! The folders of a job, told apart by where they really are, and recognised again (ARCHITECTURE.md rule 9d).
//!
//! A path says little: a symbolic link, a bind mount or a folder below another one lead two paths to the same files.  So
//! each folder is traced to the place that it has in its file system, by the mount table, and so is every mount below it.
//! No place may be, hold or be held by another: what is written would be written at the source, or twice.
//!
//! What stage one saw of each folder is kept, so that a later command knows it again: an unmounted disk leaves an empty
//! folder behind, which must never be filled, nor taken for "everything was deleted".

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use postoffice::names::printable;

use crate::mounts::{Mount, covering};

/// A folder of a job and where it really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is, for people: `the source of sales`.
    pub what: String,
    /// Whether the job writes there.
    pub is_written: bool,
    /// Its path without symbolic links.
    pub path: PathBuf,
    location: Location,
    /// The mounts below it.
    pub mounts: Vec<InnerMount>,
}

/// A mount below a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InnerMount {
    /// Its mount point, seen from the place.
    pub path: PathBuf,
    /// What the mount table says.
    pub mount: Mount,
    location: Location,
}

/// Where something lies in its file system, whatever paths lead there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Location {
    device: (u32, u32),
    /// What is mounted, for file systems of another machine: each mount of a share has a device number of its own.
    share: Option<Vec<u8>>,
    path: PathBuf,
}

impl Location {
    fn of(mount: &Mount, path: &Path) -> Option<Self> {
        let inside = path.strip_prefix(&mount.mount_point).ok()?;
        // Mounts of a share are told apart by what they are mounted from.
        let is_share = mount.is_share();
        let (share, path) = match export(mount) {
            // Exports of one disk have one device, and each has `/` as its root; where they lie says their name.
            Some((server, export)) => {
                let root = mount.root.strip_prefix("/").unwrap_or(&mount.root);
                (server, export.join(root).join(inside))
            }
            None => (mount.source.as_slice(), mount.root.join(inside)),
        };
        Some(Self {
            device: mount.device,
            share: is_share.then(|| share.to_ascii_lowercase()),
            // Servers of shares find names in any case.
            path: if is_share {
                path.as_os_str().to_ascii_lowercase().into()
            } else {
                path
            },
        })
    }

    /// Whether both are in one file system, so that their paths can be compared.
    fn is_beside(&self, other: &Self) -> bool {
        self.device == other.device || (self.share.is_some() && self.share == other.share)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.is_beside(other)
            && (self.path.starts_with(&other.path) || other.path.starts_with(&self.path))
    }
}

/// The server and the folder of an export that is mounted by NFS: `fs1:/vol/mail`, or `[fd00::7]:/vol/mail`.
fn export(mount: &Mount) -> Option<(&[u8], PathBuf)> {
    if !matches!(mount.file_system.as_str(), "nfs" | "nfs4") {
        return None;
    }
    let colon = mount.source.windows(2).position(|two| two == b":/")?;
    let (server, rest) = mount.source.split_at(colon);
    Some((server, PathBuf::from(OsStr::from_bytes(&rest[1..]))))
}

impl Place {
    /// The place of a path without symbolic links, by the mount table; none where no mount covers it.
    pub fn locate(what: &str, is_written: bool, path: &Path, table: &[Mount]) -> Option<Self> {
        let location = Location::of(covering(table, path)?, path)?;
        Some(Self {
            what: what.to_owned(),
            is_written,
            path: path.to_owned(),
            location,
            mounts: inner_mounts(path, table),
        })
    }

    fn trouble_with(&self, other: &Self) -> Option<String> {
        let one = (&self.what, &self.path);
        if self.location.overlaps(&other.location) {
            let relation = if self.location.path == other.location.path {
                "is the same folder as"
            } else if self.location.path.starts_with(&other.location.path) {
                "lies inside"
            } else {
                "holds"
            };
            return Some(format!(
                "{} ({}) {relation} {} ({})",
                one.0,
                shown(one.1),
                other.what,
                shown(&other.path)
            ));
        }
        let leads = |from: &Self, to: &Self| {
            let inner = from
                .mounts
                .iter()
                .find(|inner| inner.location.overlaps(&to.location))?;
            Some(format!(
                "{} below {} ({}) leads to {} ({})",
                shown(&inner.path),
                from.what,
                shown(&from.path),
                to.what,
                shown(&to.path)
            ))
        };
        leads(self, other)
            .or_else(|| leads(other, self))
            .or_else(|| {
                let pairs = self.mounts.iter().flat_map(|inner| {
                    let others = other.mounts.iter();
                    others.map(move |outer| (inner, outer))
                });
                let mut shared =
                    pairs.filter(|(inner, outer)| inner.location.overlaps(&outer.location));
                shared.next().map(|(inner, outer)| {
                    format!(
                        "{} below {} and {} below {} are the same files",
                        shown(&inner.path),
                        self.what,
                        shown(&outer.path),
                        other.what
                    )
                })
            })
    }

    /// A mount below this place that leads back into it, or to the files of another one below it.
    fn trouble_with_itself(&self) -> Option<String> {
        let into_itself = self
            .mounts
            .iter()
            .find(|inner| inner.location.overlaps(&self.location));
        if let Some(inner) = into_itself {
            return Some(format!(
                "{} below {} ({}) leads back into it",
                shown(&inner.path),
                self.what,
                shown(&self.path)
            ));
        }
        let mut inner = self.mounts.iter().enumerate();
        inner.find_map(|(at, one)| {
            let other = self.mounts[..at]
                .iter()
                .find(|other| other.location.overlaps(&one.location))?;
            Some(format!(
                "{} and {} below {} ({}) are the same files",
                shown(&one.path),
                shown(&other.path),
                self.what,
                shown(&self.path)
            ))
        })
    }
}

/// The mounts below a path, the one on top where several have one mount point.
fn inner_mounts(path: &Path, table: &[Mount]) -> Vec<InnerMount> {
    let below = table.iter().enumerate().filter(|(at, mount)| {
        let is_covered = table[at + 1..]
            .iter()
            .any(|later| mount.mount_point.starts_with(&later.mount_point));
        // What autofs would mount is seen once it has.
        mount.mount_point != path
            && mount.mount_point.starts_with(path)
            && mount.file_system != "autofs"
            && !is_covered
    });
    below
        .filter_map(|(_, mount)| {
            Some(InnerMount {
                path: mount.mount_point.strip_prefix(path).ok()?.to_owned(),
                mount: mount.clone(),
                location: Location::of(mount, &mount.mount_point)?,
            })
        })
        .collect()
}

/// The first reason why these are not places of their own, in a sentence without a full stop.
pub fn trouble(places: &[Place]) -> Option<String> {
    let mut own = places.iter().filter_map(Place::trouble_with_itself);
    if let Some(trouble) = own.next() {
        return Some(trouble);
    }
    places.iter().enumerate().find_map(|(at, one)| {
        let mut others = places[..at].iter();
        others.find_map(|other| one.trouble_with(other))
    })
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mounts::parse;

    const TABLE: &str = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        30 22 8:2 / /gw rw - ext4 /dev/sdb1 rw\n\
        31 22 0:41 / /mnt/src ro - cifs //FS1/Mail ro\n";

    fn place(what: &str, path: &str, table: &[Mount]) -> Place {
        let is_written = what != "source";
        Place::locate(what, is_written, Path::new(path), table).expect("covered")
    }

    fn trouble_of(more: &str, paths: [&str; 3]) -> Option<String> {
        let table = parse(format!("{TABLE}{more}").as_bytes());
        let [source, destination, job] = paths;
        trouble(&[
            place("source", source, &table),
            place("destination", destination, &table),
            place("job", job, &table),
        ])
    }

    #[test]
    fn places_of_their_own_are_fine_whatever_they_are_mounted_on() {
        for paths in [
            ["/mnt/src/po", "/gw/po", "/gw/job"],
            ["/old/po", "/new/po", "/new/job"],
            ["/gw/po", "/gw/po2", "/gw/po.job"],
        ] {
            assert_eq!(trouble_of("", paths), None, "{paths:?}");
        }
        let disk = "32 30 8:3 / /gw/po/offiles rw - ext4 /dev/sdc1 rw\n";
        assert_eq!(trouble_of(disk, ["/mnt/src/po", "/gw/po", "/gw/job"]), None);
    }

    #[test]
    fn a_place_that_is_holds_or_is_held_by_another_is_found_by_whatever_path() {
        let bind = |root: &str, at: &str| format!("40 22 8:2 {root} {at} rw - ext4 /dev/sdb1 rw\n");
        let share = "41 22 0:55 / /mnt/again rw - cifs //fs1/mail rw\n";
        let cases: &[(String, [&str; 3])] = &[
            (String::new(), ["/gw/po", "/gw/po", "/gw/job"]),
            (String::new(), ["/gw/po", "/gw/po/new", "/gw/job"]),
            (String::new(), ["/gw/po/old", "/gw/po", "/gw/job"]),
            (String::new(), ["/mnt/src/po", "/gw/po", "/gw/po/job"]),
            (String::new(), ["/mnt/src/po", "/gw/po", "/mnt/src/po/job"]),
            // The same folder under another path.
            (
                bind("/po", "/elsewhere"),
                ["/gw/po", "/elsewhere", "/gw/job"],
            ),
            (
                bind("/po/sub", "/elsewhere"),
                ["/gw/po", "/elsewhere/x", "/gw/job"],
            ),
            // The same share, mounted once more.
            (share.into(), ["/mnt/src/po", "/mnt/again/PO/x", "/gw/job"]),
            (share.into(), ["/mnt/src", "/mnt/again/new", "/gw/job"]),
            // A part of the source below the destination, and the other way round.
            (
                bind("/po/offiles", "/new/offiles"),
                ["/gw/po", "/new", "/gw/job"],
            ),
            (
                "42 31 8:1 /new /mnt/src/po/x rw - ext4 /dev/sda1 rw\n".into(),
                ["/mnt/src/po", "/new", "/gw/job"],
            ),
            // All of the disk that holds the source.
            (bind("/", "/new/all"), ["/gw/po", "/new", "/job"]),
            // A part of the destination twice.
            (
                "43 22 8:1 /new/a /new/b rw - ext4 /dev/sda1 rw\n".into(),
                ["/mnt/src/po", "/new", "/gw/job"],
            ),
        ];
        for (more, paths) in cases {
            assert!(trouble_of(more, *paths).is_some(), "{more} {paths:?}");
        }
    }

    #[test]
    fn a_mount_that_another_covers_does_not_count() {
        let more = "50 30 8:1 /x /gw/po/a rw - ext4 /dev/sda1 rw\n51 30 8:9 / /gw/po/a rw - ext4 /dev/sdz1 rw\n";
        let table = parse(format!("{TABLE}{more}").as_bytes());
        let place = place("destination", "/gw/po", &table);
        assert_eq!(place.mounts.len(), 1);
        assert_eq!(place.mounts[0].mount.device, (8, 9));
    }

    /// As Linux 6.1 tells two exports of one disk: one device, and the root `/` for both.
    #[test]
    fn exports_of_one_disk_are_told_apart_by_where_they_lie_at_the_server() {
        let mounted = |docs: &str| {
            let table = format!(
                "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                 40 22 0:41 / /mnt/po ro - nfs 10.0.0.7:/vol/mail ro,vers=3\n\
                 41 22 0:41 / /mnt/docs ro - nfs 10.0.0.7:{docs} ro,vers=3\n"
            );
            let table = crate::mounts::parse(table.as_bytes());
            let place =
                |what, path| Place::locate(what, false, Path::new(path), &table).expect("placed");
            let mut other = place("the documents", "/mnt/docs");
            other.is_written = true;
            trouble(&[place("the source", "/mnt/po/sales"), other])
        };
        assert_eq!(mounted("/vol/docs"), None);
        assert_eq!(mounted("/vol/mail2"), None);
        let inside = mounted("/vol/mail/Sales/docs").expect("told");
        assert!(
            inside.contains("holds") || inside.contains("lies inside"),
            "{inside}"
        );
        assert!(mounted("/vol/mail").is_some());
    }
}
