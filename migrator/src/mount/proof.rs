//! The proof that what lies at a path is the mount that it should be.

use std::path::{Path, PathBuf};

use postoffice::names::printable;
use protocol::mounts::{self, Mount};

use super::error::MountError;

/// What the mount table must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The path that is asked about: the mount point, or a folder that somebody else mounted.
    pub path: PathBuf,
    /// What must be mounted exactly there; `None` where any mount may cover the path.
    pub wanted: Option<Wanted>,
}

/// What must be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The types that the file system may have.
    pub file_systems: &'static [&'static str],
    /// How the mount table names what is mounted, whatever the case; `None` where that is not known.
    pub source: Option<String>,
}

impl Proof {
    /// The mount that covers the path, if it is the one that it should be.
    ///
    /// Takes the text of `/proc/self/mountinfo` on the destination.  The device of the mount is for the worker, which
    /// compares it with that of the folder it opens.
    pub fn check(&self, mount_table: &[u8]) -> Result<Mount, MountError> {
        let table = mounts::parse(mount_table);
        let mount_point = shown(&self.path);
        let covering = mounts::covering(&table, &self.path);
        let not_mounted = || MountError::NotMounted {
            mount_point: mount_point.clone(),
        };
        let mount = match &self.wanted {
            None => covering.ok_or_else(not_mounted)?,
            Some(wanted) => {
                let mount = covering
                    .filter(|mount| mount.is_at(&self.path))
                    .ok_or_else(not_mounted)?;
                if !wanted.is(mount) {
                    return Err(MountError::Other {
                        mount_point: mount_point.clone(),
                        found: format!("{} ({})", printable(&mount.source), mount.file_system),
                        wanted: wanted.shown(),
                    });
                }
                mount
            }
        };
        Ok(mount.clone())
    }
}

impl Wanted {
    fn is(&self, mount: &Mount) -> bool {
        let is_source = |source: &String| {
            let without_end = |bytes: &[u8]| {
                bytes
                    .strip_suffix(b"/")
                    .unwrap_or(bytes)
                    .to_ascii_lowercase()
            };
            without_end(source.as_bytes()) == without_end(&mount.source)
        };
        self.file_systems.contains(&mount.file_system.as_str())
            && self.source.as_ref().is_none_or(is_source)
    }

    fn shown(&self) -> String {
        let source = self.source.as_deref().unwrap_or("the source");
        format!(
            "{} ({})",
            printable(source.as_bytes()),
            self.file_systems.join(" or ")
        )
    }
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] =
        b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n31 22 0:41 / /mnt/po ro - cifs //FS1/Mail ro\n";

    fn proof(path: &str, source: &str) -> Proof {
        let wanted = Wanted {
            file_systems: &["cifs", "smb3"],
            source: Some(source.into()),
        };
        Proof {
            path: path.into(),
            wanted: Some(wanted),
        }
    }

    #[test]
    fn the_right_mount_is_proven_whatever_the_case_of_its_names() {
        assert_eq!(
            proof("/mnt/po", "//fs1/mail")
                .check(TABLE)
                .expect("proven")
                .device,
            (0, 41)
        );
    }

    #[test]
    fn an_empty_mount_point_is_not_taken_for_the_source() {
        let error = proof("/mnt/other", "//fs1/mail")
            .check(TABLE)
            .expect_err("not mounted");
        assert_eq!(
            error,
            MountError::NotMounted {
                mount_point: "/mnt/other".into()
            }
        );
        // A folder inside the mount is no mount point either.
        assert!(matches!(
            proof("/mnt/po/x", "//fs1/mail").check(TABLE),
            Err(MountError::NotMounted { .. })
        ));
    }

    #[test]
    fn another_share_or_file_system_is_refused() {
        let error = proof("/mnt/po", "//fs1/other")
            .check(TABLE)
            .expect_err("another share");
        assert_eq!(
            error.to_string(),
            "/mnt/po holds //FS1/Mail (cifs), and not //fs1/other (cifs or smb3)"
        );
        let mut nfs = proof("/mnt/po", "//fs1/mail");
        nfs.wanted = Some(Wanted {
            file_systems: &["nfs"],
            source: None,
        });
        assert!(matches!(nfs.check(TABLE), Err(MountError::Other { .. })));
    }

    #[test]
    fn what_somebody_else_mounted_is_told_as_it_is() {
        let any = Proof {
            path: "/mnt/po/sales".into(),
            wanted: None,
        };
        assert_eq!(any.check(TABLE).expect("covered").file_system, "cifs");
        assert!(matches!(any.check(b""), Err(MountError::NotMounted { .. })));
    }
}
