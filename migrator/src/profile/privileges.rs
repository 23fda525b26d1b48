//! Every program that the controller runs at the destination, as root where the worksheet asks for `sudo`.
//!
//! A test reads the code of the controller and fails where a program is run that is not in this list.

use super::places::{Places, beside};
use crate::worksheet::PackageKind;

/// Where programs of every system are; distributions differ.
const PROGRAMS: &[&str] = &["/usr/bin", "/bin"];

/// Where programs of the administrator are.
const ADMINISTRATION: &[&str] = &["/usr/sbin", "/sbin"];

/// One program, with what it may be told.
#[derive(Debug, Clone, Copy)]
pub struct Privileged {
    /// The name by which the controller runs it.
    pub program: &'static str,
    /// Where it may be.
    pub folders: &'static [&'static str],
    /// What it is for.
    pub purpose: &'static str,
    /// What its arguments look like, with the wildcards of sudoers; none where this job never runs it.
    pub arguments: fn(&Places) -> Vec<String>,
}

/// The programs that the code names; those of the profile come on top.
pub const COMMANDS: &[Privileged] = &[
    Privileged {
        program: "mkdir",
        folders: PROGRAMS,
        purpose: "the folders of the job, the post office, certificates and logs",
        arguments: |places| {
            let mut made = vec![
                format!("-p -m 0700 -- {}", places.job),
                format!("-p -m 0700 -- {}/*", places.job),
                format!("-p -m 0700 -- {}/certificates", places.install_folder),
                format!("-p -- {}", places.destinations.join(" ")),
                format!("-p -- {}", places.install_folder),
            ];
            made.extend(
                places
                    .mount_points
                    .iter()
                    .map(|point| format!("-p -- {point}")),
            );
            made.extend(
                places
                    .log_folder
                    .iter()
                    .map(|logs| format!("-p -m 0700 -- {logs}/*")),
            );
            // The check works in a folder of its own beside that of the job.
            made.extend(beside(&places.job).map(|scratch| format!("-p -m 0700 -- {scratch}")));
            made
        },
    },
    Privileged {
        program: "cat",
        folders: PROGRAMS,
        purpose: "the mount table, the startup file of the source, configuration files, certificates, logs",
        arguments: |places| {
            let mut read = vec![
                "/proc/self/mountinfo".to_owned(),
                "/proc/filesystems".to_owned(),
                format!("-- {}/certificates/*", places.install_folder),
                format!("-- {}/*", places.source),
                format!("-- {}/*", places.job),
            ];
            read.extend(places.files.iter().map(|file| format!("-- {file}")));
            read
        },
    },
    Privileged {
        program: "find",
        folders: PROGRAMS,
        purpose: "the startup file of the source; unfinished uploads of the job",
        arguments: |places| {
            vec![
                format!(
                    r"{} -maxdepth 1 -type f -iname \*.poa -print0",
                    places.source
                ),
                format!(
                    r"{} -maxdepth 2 -name .\*.part -type f -delete -print",
                    places.job
                ),
            ]
        },
    },
    Privileged {
        program: "test",
        folders: PROGRAMS,
        purpose: "whether something is there",
        arguments: |_| vec!["-e *".into()],
    },
    Privileged {
        program: "install",
        folders: PROGRAMS,
        purpose: "what was uploaded, into the job folder",
        arguments: |places| {
            let mut targets = vec![places.job.clone()];
            targets.extend(beside(&places.job));
            targets
                .iter()
                .flat_map(|target| {
                    [
                        format!("-m 0700 -T -- .gwmigrate-upload {target}/*"),
                        format!("-m 0600 -T -- .gwmigrate-upload {target}/*"),
                    ]
                })
                .collect()
        },
    },
    Privileged {
        program: "rm",
        folders: PROGRAMS,
        purpose: "the software copy, the log of GWCheck, secrets of the mount, what a check left",
        arguments: |places| {
            let mut gone = vec![
                format!("-r -f -- {}/software", places.job),
                format!("-f -- {}/*", places.job),
            ];
            gone.extend(beside(&places.job).map(|scratch| format!("-r -f -- {scratch}")));
            gone
        },
    },
    Privileged {
        program: "rmdir",
        folders: PROGRAMS,
        purpose: "folders that are empty again after a check or an unmount",
        arguments: |places| {
            let mut gone = vec![format!(
                "--ignore-fail-on-non-empty -- {0}/private {0}",
                places.job
            )];
            let point = places.mount_points.iter();
            gone.extend(point.map(|point| format!("--ignore-fail-on-non-empty -- {point}")));
            gone
        },
    },
    Privileged {
        program: "tar",
        folders: PROGRAMS,
        purpose: "unpacking the POA's software",
        arguments: |places| {
            let file = places.package_file(PackageKind::TarGz);
            file.map(|file| format!("-x -z -f {file} -C {}", places.install_folder))
                .into_iter()
                .collect()
        },
    },
    Privileged {
        program: "rpm",
        folders: PROGRAMS,
        purpose: "asking for and installing the POA's software",
        arguments: |places| {
            let mut told = places.with_package(PackageKind::Rpm, &["-U --replacepkgs --"]);
            told.extend(places.asked_of_package(PackageKind::Rpm, "-q --queryformat * -p --"));
            if !told.is_empty() {
                told.push("-q --queryformat * -- *".into());
            }
            told
        },
    },
    Privileged {
        program: "dpkg",
        folders: PROGRAMS,
        purpose: "installing the POA's software",
        arguments: |places| places.with_package(PackageKind::Deb, &["-i --force-confold --"]),
    },
    Privileged {
        program: "dpkg-deb",
        folders: PROGRAMS,
        purpose: "what a package is",
        arguments: |places| places.asked_of_package(PackageKind::Deb, r"-W --showformat\=* --"),
    },
    Privileged {
        program: "dpkg-query",
        folders: PROGRAMS,
        purpose: "which version is installed",
        arguments: |places| {
            let told = places.with_package(PackageKind::Deb, &[""]);
            told.first()
                .map(|_| r"-W --showformat\=* -- *".to_owned())
                .into_iter()
                .collect()
        },
    },
    Privileged {
        program: "id",
        folders: PROGRAMS,
        purpose: "who commands run as",
        arguments: |_| vec!["-u".into()],
    },
    Privileged {
        program: "getent",
        folders: PROGRAMS,
        purpose: "the numbers of the user that the POA runs as",
        arguments: |places| {
            let user = places.user.iter();
            user.map(|user| format!("passwd -- {user}")).collect()
        },
    },
    Privileged {
        program: "readlink",
        folders: PROGRAMS,
        purpose: "where the folders of the job really are",
        arguments: |_| vec!["-m -z -- *".into()],
    },
    Privileged {
        program: "chown",
        folders: PROGRAMS,
        purpose: "certificates, logs and the startup file, for the user that the POA runs as",
        arguments: |places| {
            let places_given = [
                Some(format!("{}/certificates", places.install_folder)),
                Some(format!("{}/*.poa", places.startup)),
                places.log_folder.as_ref().map(|logs| format!("{logs}/*")),
            ];
            let user = places.user.iter();
            user.flat_map(|_| places_given.clone().into_iter().flatten())
                .map(|place| format!(r"-R -h -- [0-9]*\:[0-9]* {place}"))
                .collect()
        },
    },
    Privileged {
        program: "setcap",
        folders: ADMINISTRATION,
        purpose: "ports below 1024 for a POA that is not root's",
        arguments: |places| {
            let user = places.user.iter();
            user.map(|_| format!(r"cap_net_bind_service\=+ep {}", places.program))
                .collect()
        },
    },
    Privileged {
        program: "mount",
        folders: PROGRAMS,
        purpose: "mounting the source, to be read only",
        arguments: |places| {
            let point = places.mount_points.iter();
            point
                .flat_map(|point| ["cifs", "nfs"].map(|kind| format!("-t {kind} * {point} -o *")))
                .collect()
        },
    },
    Privileged {
        program: "rclone",
        folders: PROGRAMS,
        purpose: "looking at a share and mounting it where the kernel has no client, to be read only",
        arguments: |places| {
            let points = places.mount_points.iter();
            points
                .flat_map(|point| {
                    [
                        "lsf --dirs-only * -- source\\:*".to_owned(),
                        format!("mount --daemon * --read-only * -- source\\:* {point}"),
                    ]
                })
                .map(|what| format!("--config {}/private/* {what}", places.job))
                .collect()
        },
    },
    Privileged {
        program: "timeout",
        folders: PROGRAMS,
        purpose: "whether a mount answers",
        arguments: |places| {
            let points = places.mount_points.iter();
            points
                .map(|point| format!("-k 5 [0-9]* ls -U -- {point}"))
                .collect()
        },
    },
    Privileged {
        program: "date",
        folders: PROGRAMS,
        purpose: "the clock of the destination",
        arguments: |_| vec!["+%s".into()],
    },
    Privileged {
        program: "modprobe",
        folders: ADMINISTRATION,
        purpose: "whether the kernel has a client for the source",
        arguments: |places| {
            let point = places.mount_points.first();
            point
                .map(|_| "--dry-run --quiet -- *".to_owned())
                .into_iter()
                .collect()
        },
    },
    Privileged {
        program: "umount",
        folders: PROGRAMS,
        purpose: "unmounting the source",
        arguments: |places| {
            let points = places.mount_points.iter();
            points
                .flat_map(|point| [format!("-- {point}"), format!("-l -- {point}")])
                .collect()
        },
    },
    Privileged {
        program: "env",
        folders: PROGRAMS,
        purpose: "mounting a NetWare volume, to be read only",
        arguments: |places| {
            let point = places.mount_points.iter();
            point
                .map(|point| format!(r"HOME\=* ncpmount -m -t 900 -r 100 -S * {point}"))
                .collect()
        },
    },
    Privileged {
        program: "sh",
        folders: PROGRAMS,
        purpose: "secrets of the mount, from standard input into a file of the job folder",
        arguments: |places| {
            let point = places.mount_points.iter();
            point
                .map(|_| format!(r"-c umask 077; * sh {}/private/*", places.job))
                .collect()
        },
    },
];
