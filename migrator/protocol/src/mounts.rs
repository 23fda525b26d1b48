//! The mount table, as Linux tells it in `/proc/self/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its number, which `statx` tells of the files in it too.
    pub id: u64,
    /// Major and minor number of the device, which is what `stat` tells of the files in it.
    pub device: (u32, u32),
    /// Which folder of the file system is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The options of this mount.
    pub options: String,
    /// The type of the file system, as `cifs` or `nfs4`.
    pub file_system: String,
    /// What is mounted, as the file system names it; `//server/share` for cifs.
    pub source: Vec<u8>,
    /// The options of its file system.
    pub file_system_options: String,
    /// Whether nothing can be written through it: `ro` stands among the options of this mount, or among those of its file
    /// system.
    pub is_read_only: bool,
}

/// File systems whose files are on another machine, which names what is mounted.
const SHARES: [&str; 8] = [
    "cifs",
    "smb3",
    "smbfs",
    "nfs",
    "nfs4",
    "ncpfs",
    "fuse.rclone",
    "fuse.sshfs",
];

/// Reads the mount table; lines that are not of its form are left out.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|&byte| byte == b'\n')
        .filter_map(parse_line)
        .collect()
}

/// The mount that covers a path: of those whose mount point is nearest to it, the one mounted last.
pub fn covering<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    // `max_by_key` gives the last of equals, and what is mounted later lies on top.
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.mount_point))
        .max_by_key(|mount| mount.mount_point.components().count())
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    // Optional fields of any number stand between the options and a lone dash.
    let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    let (major, minor) = std::str::from_utf8(fields[2]).ok()?.split_once(':')?;
    Some(Mount {
        id: std::str::from_utf8(fields[0]).ok()?.parse().ok()?,
        device: (major.parse().ok()?, minor.parse().ok()?),
        root: path(fields[3]),
        mount_point: path(fields[4]),
        options: String::from_utf8_lossy(fields[5]).into_owned(),
        file_system: String::from_utf8_lossy(fields.get(dash + 1)?).into_owned(),
        source: unescape(fields.get(dash + 2)?),
        file_system_options: fields
            .get(dash + 3)
            .map(|options| String::from_utf8_lossy(options).into_owned())
            .unwrap_or_default(),
        is_read_only: has_read_only(fields[5])
            || fields
                .get(dash + 3)
                .is_some_and(|options| has_read_only(options)),
    })
}

fn has_read_only(options: &[u8]) -> bool {
    options.split(|&byte| byte == b',').any(|one| one == b"ro")
}

fn path(field: &[u8]) -> PathBuf {
    OsString::from_vec(unescape(field)).into()
}

/// Takes back the octal escapes that the kernel writes for blanks, tabs, line ends and backslashes.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..3).filter(|_| first == b'\\').and_then(octal);
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() {
            &after[3..]
        } else {
            after
        };
    }
    bytes
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

impl Mount {
    /// Whether its files are on another machine, as far as its type tells.
    pub fn is_share(&self) -> bool {
        SHARES.contains(&self.file_system.as_str())
    }

    /// Whether a path is where this is mounted, and not merely inside it.
    pub fn is_at(&self, path: &Path) -> bool {
        self.mount_point.as_os_str().as_bytes() == without_end_slashes(path.as_os_str().as_bytes())
    }
}

fn without_end_slashes(path: &[u8]) -> &[u8] {
    let length = path
        .iter()
        .rposition(|&byte| byte != b'/')
        .map_or(1, |last| last + 1);
    &path[..length.min(path.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
        30 22 0:40 / /mnt rw - tmpfs none rw\n\
        31 30 0:41 /po /mnt/a\\040b\\134c rw,nosuid shared:2 master:3 - cifs //fs1/mail\\040box rw,vers=3.0\n\
        32 30 0:42 / /mnt/same ro - nfs4 fs1:/x rw\n\
        33 32 0:43 / /mnt/same ro - nfs4 fs1:/y rw\n";

    #[test]
    fn fields_and_escapes_are_read() {
        let mounts = parse(TABLE);
        assert_eq!(mounts.len(), 5);
        let share = Mount {
            id: 31,
            device: (0, 41),
            root: "/po".into(),
            mount_point: "/mnt/a b\\c".into(),
            options: "rw,nosuid".into(),
            file_system: "cifs".into(),
            source: b"//fs1/mail box".to_vec(),
            file_system_options: "rw,vers=3.0".into(),
            is_read_only: false,
        };
        assert_eq!(mounts[2], share);
    }

    #[test]
    fn the_nearest_and_latest_mount_covers_a_path() {
        let mounts = parse(TABLE);
        let device = |path: &str| covering(&mounts, Path::new(path)).map(|mount| mount.device.1);
        assert_eq!(device("/mnt/a b\\c/po"), Some(41));
        assert_eq!(device("/mnt/a"), Some(40));
        assert_eq!(device("/mnt/same/po"), Some(43));
        assert_eq!(device("/mnt/samesame"), Some(40));
        assert_eq!(device("/var"), Some(1));
        assert_eq!(device("relative"), None);
    }

    #[test]
    fn a_mount_is_read_only_by_its_own_options_or_by_those_of_its_file_system() {
        let is_read_only = |own: &str, of_all: &str| {
            let line = format!("31 22 0:41 / /mnt {own} shared:2 - cifs //fs1/mail {of_all}\n");
            parse(line.as_bytes())[0].is_read_only
        };
        assert!(is_read_only("ro,nosuid", "rw,vers=3.0"));
        assert!(is_read_only("rw,nosuid", "vers=3.0,ro"));
        assert!(!is_read_only("rw,nosuid", "rw,vers=3.0"));
        // Options that only begin like it, or have it as their value.
        assert!(!is_read_only("rw", "rw,root=/ro,errors=remount-ro,rounds"));
        let without = parse(b"31 22 0:41 / /mnt rw - cifs //fs1/mail\n");
        assert!(!without[0].is_read_only);
    }

    #[test]
    fn malformed_lines_are_left_out() {
        let lines: [&[u8]; 6] = [
            b"",
            b"22 1 8:1 / / rw",
            b"22 1 8:1 / / rw shared:1 ext4 /dev/sda1 rw",
            b"22 1 8 / / rw - ext4 /dev/sda1 rw",
            b"22 1 x:1 / / rw - ext4 /dev/sda1 rw",
            b"22 1 8:1 / / rw -",
        ];
        for line in lines {
            assert_eq!(parse(line), [], "{line:?}");
        }
    }

    #[test]
    fn a_mount_is_at_its_point_and_nowhere_else() {
        let mount = &parse(TABLE)[1];
        assert!(mount.is_at(Path::new("/mnt")) && mount.is_at(Path::new("/mnt//")));
        assert!(!mount.is_at(Path::new("/mnt/x")) && !mount.is_at(Path::new("/")));
        assert!(parse(TABLE)[0].is_at(Path::new("/")));
    }

    #[test]
    fn backslashes_that_are_no_escapes_stay() {
        assert_eq!(unescape(b"a\\9b\\"), b"a\\9b\\");
        assert_eq!(unescape(b"\\777"), b"\\777");
    }
}
