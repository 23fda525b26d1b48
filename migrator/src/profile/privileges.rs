//! Every program that the controller runs at the destination, as root where the worksheet asks for `sudo`.
//!
//! A test reads the code of the controller and fails where a program is run that is not in this list.

use protocol::Step;

use super::places::{Places, beside};
use crate::worksheet::{MountClient, PackageKind, Protocol};

/// Where programs of every system are; distributions differ.
pub(super) const FOLDERS: &[&str] = &["/usr/bin", "/bin"];

/// One program, with what it may be told.
#[derive(Debug, Clone, Copy)]
pub struct Privileged {
    /// The name by which the controller runs it.
    pub program: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// In which steps it is run; none where only `check` runs it, or only something that failed.
    pub steps: &'static [Step],
    /// What its arguments look like, with the wildcards of sudoers; none where this job never runs it.
    pub arguments: fn(&Places) -> Vec<String>,
}

/// The programs that the code names; those of the profile come on top.
pub const COMMANDS: &[Privileged] = &[
    Privileged {
        program: "mkdir",
        purpose: "the folders of the job and of the post office, and mount points",
        steps: &[Step::MountSource, Step::CreateFolders, Step::InstallUtility],
        arguments: |places| {
            let mut made = vec![
                format!("-p -m 0700 -- {}", places.job),
                format!("-p -m 0700 -- {}/private", places.job),
                format!("-p -- {}", places.destinations.join(" ")),
            ];
            let mounts = places.mounts.iter();
            made.extend(mounts.map(|mount| format!("-p -- {}", mount.point)));
            // The check works in a folder of its own beside that of the job.
            made.extend(beside(&places.job).map(|scratch| format!("-p -m 0700 -- {scratch}")));
            made
        },
    },
    Privileged {
        program: "test",
        purpose: "whether something is there",
        steps: &[Step::InstallUtility],
        arguments: |_| vec!["-e *".into()],
    },
    Privileged {
        program: "install",
        purpose: "what was uploaded, into the job folder",
        steps: &[Step::InstallUtility, Step::CopySoftware],
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
        purpose: "secrets of the mount, what a check left",
        steps: &[Step::MountSource],
        arguments: |places| {
            let mut gone = vec![format!("-f -- {}/private/*", places.job)];
            gone.extend(beside(&places.job).map(|scratch| format!("-r -f -- {scratch}")));
            gone
        },
    },
    Privileged {
        program: "rmdir",
        purpose: "folders that are empty again after a check or an unmount",
        steps: &[Step::Unmount],
        arguments: |places| {
            let mut gone = vec![format!(
                "--ignore-fail-on-non-empty -- {0}/private {0}",
                places.job
            )];
            let mounts = places.mounts.iter();
            gone.extend(
                mounts.map(|mount| format!("--ignore-fail-on-non-empty -- {}", mount.point)),
            );
            gone
        },
    },
    Privileged {
        program: "tar",
        purpose: "unpacking the POA's software",
        steps: &[Step::StartTestPoa],
        arguments: |places| {
            let file = places.package_file(PackageKind::TarGz);
            file.map(|file| format!("-x -z -f {file} -C {}", places.install_folder))
                .into_iter()
                .collect()
        },
    },
    Privileged {
        program: "rpm",
        purpose: "asking for and installing the POA's software",
        steps: &[Step::CopySoftware, Step::StartTestPoa],
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
        purpose: "installing the POA's software",
        steps: &[Step::StartTestPoa],
        arguments: |places| places.with_package(PackageKind::Deb, &["-i --force-confold --"]),
    },
    Privileged {
        program: "dpkg-deb",
        purpose: "what a package is",
        steps: &[Step::CopySoftware, Step::StartTestPoa],
        arguments: |places| places.asked_of_package(PackageKind::Deb, r"-W --showformat\=* --"),
    },
    Privileged {
        program: "dpkg-query",
        purpose: "which version is installed",
        steps: &[Step::StartTestPoa],
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
        purpose: "who commands run as",
        steps: &[],
        arguments: |_| vec!["-u".into()],
    },
    Privileged {
        program: "readlink",
        purpose: "where the folders of the job really are",
        steps: &[Step::MountSource, Step::CreateFolders],
        arguments: |_| vec!["-m -z -- *".into()],
    },
    Privileged {
        program: "mount",
        purpose: "mounting the source, to be read only",
        steps: &[Step::MountSource],
        arguments: |places| {
            let kinds = [("cifs", Protocol::Cifs), ("nfs", Protocol::Nfs)];
            let mounts = kinds.into_iter().flat_map(|(kind, protocol)| {
                let points = places.mounted_by(MountClient::Kernel, protocol);
                points
                    .into_iter()
                    .map(move |point| format!("-t {kind} * {point} -o *"))
            });
            mounts.collect()
        },
    },
    Privileged {
        program: "rclone",
        purpose: "looking at a share and mounting it where the kernel has no client, to be read only",
        steps: &[Step::MountSource],
        arguments: |places| {
            let points = places.mounted_by(MountClient::Rclone, Protocol::Cifs);
            points
                .into_iter()
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
        purpose: "whether a mount answers",
        steps: &[Step::MountSource],
        arguments: |places| {
            let mounts = places.mounts.iter();
            mounts
                .map(|mount| format!("-k 5 [0-9]* ls -U -- {}", mount.point))
                .collect()
        },
    },
    Privileged {
        program: "dmesg",
        purpose: "what the kernel said of a mount that failed",
        steps: &[],
        arguments: |places| {
            let mounts = [Protocol::Cifs, Protocol::Nfs, Protocol::Ncp];
            let mut mounts = mounts
                .into_iter()
                .flat_map(|protocol| places.mounted_by(MountClient::Kernel, protocol));
            // Without arguments alone, in the words of sudoers.
            mounts
                .next()
                .map(|_| r#""""#.to_owned())
                .into_iter()
                .collect()
        },
    },
    Privileged {
        program: "umount",
        purpose: "unmounting the source",
        steps: &[Step::Unmount],
        arguments: |places| {
            let points = places.mounts.iter().map(|mount| &mount.point);
            points
                .flat_map(|point| [format!("-- {point}"), format!("-l -- {point}")])
                .collect()
        },
    },
    Privileged {
        program: "env",
        purpose: "mounting a NetWare volume, to be read only",
        steps: &[Step::MountSource],
        arguments: |places| {
            let points = places.mounted_by(MountClient::Kernel, Protocol::Ncp);
            points
                .into_iter()
                .map(|point| format!(r"HOME\=* ncpmount -m -t 900 -r 100 -o tcp\,ro -S * {point}"))
                .collect()
        },
    },
    Privileged {
        program: "sh",
        purpose: "secrets of the mount, from standard input into a file of the job folder",
        steps: &[Step::MountSource],
        arguments: |places| {
            let mount = places.mounts.first().into_iter();
            mount
                .map(|_| format!(r"-c umask 077; * sh {}/private/*", places.job))
                .collect()
        },
    },
];
