//! What the destination must be able to do.

use std::time::{SystemTime, UNIX_EPOCH};

use postoffice::names::printable;
use protocol::{FolderAbilities, Protections};

use super::report::Judged;
use crate::controller::{Controller, StepError};
use crate::mount::Needs;
use crate::remote::{ExitStatus, Privilege, RemoteCommand};
use crate::steps::mount_source::{self, JobMount};
use crate::worksheet::PackageKind;

/// Prints those of its arguments that are no programs here, for root as for anybody.
const MISSING_PROGRAMS: &str = r#"PATH=$PATH:/usr/sbin:/sbin; for program; do command -v -- "$program" > /dev/null || echo "$program"; done"#;

/// Whether the kernel has a module of this name.
const HAS_MODULE: &str = r#"PATH=$PATH:/usr/sbin:/sbin; exec modprobe --dry-run --quiet -- "$1""#;

/// How far the clock of the destination may be from this machine's before it is told.
const CLOCK_SECONDS: u64 = 60;

/// Where the programs that mount come from.
const PROGRAMS: [(&str, &str); 4] = [
    ("mount.cifs", "the package cifs-utils"),
    (
        "ncpmount",
        "the programs of ncpfs 2.2.6 (from an older release of a distribution that still had them, or built from their source)",
    ),
    ("mount.nfs", "the package nfs-common or nfs-client"),
    ("fusermount3", "the package fuse3"),
];

/// Where the module for a file system comes from that no kernel has in its tree.
const MODULE_OF_NCPFS: &str = "Build the module ncpfs for that kernel: github.com/EnzephaloN/ncpfs-module has a branch for each range \
                               of kernels from 4.18 on, and EnzephaloN/ncpfs_dkms the same as a DKMS package; it taints the kernel, and \
                               has to be signed where Secure Boot is on";

/// Whether commands run as root, where something needs it.
pub(super) async fn privilege(controller: &Controller) -> Result<Judged, StepError> {
    let link = controller.link()?;
    let output = link
        .run(&link.command("id").argument("-u"), Vec::new())
        .await?;
    let is_sudo = controller.worksheet.destination.privilege == Privilege::Sudo;
    if !output.status.is_success() {
        let said = printable(output.stderr.trim_ascii());
        return Ok(if is_sudo {
            Judged::fail(
                format!("{}: {said}", why_no_sudo(&said)),
                "Print what it must allow (it says NOPASSWD and !requiretty): gwmigrate profile sudoers > gwmigrate.sudoers; look through it, \
                 then at the destination, as root: visudo -c -f gwmigrate.sudoers && install -m 0440 gwmigrate.sudoers \
                 /etc/sudoers.d/gwmigrate",
            )
        } else {
            Judged::fail(
                format!("commands do not run: {said}"),
                "Look at the user's shell",
            )
        });
    }
    let user = output.text().trim().to_owned();
    let how = if is_sudo {
        "through sudo"
    } else {
        "as they are"
    };
    Ok(if user == "0" {
        Judged::pass(format!("commands run as root, {how}"))
    } else if needs_root(controller)? {
        Judged::fail(
            format!("commands run as user {user}, {how}, and mounting or installing needs root"),
            "Log in as root, or set privilege = \"sudo\" in [destination]",
        )
    } else {
        Judged::pass(format!(
            "commands run as user {user}, {how}; nothing of this job needs root"
        ))
    })
}

/// What kept sudo from running a command, by what it said.
fn why_no_sudo(said: &str) -> &'static str {
    let has = |words: &str| said.contains(words);
    if has("must have a tty") {
        "sudo wants a terminal (`requiretty`), and commands over ssh have none"
    } else if has("sudo: not found") || has("sudo: command not found") || has("sudo: No such file")
    {
        "the destination has no sudo, so install it"
    } else {
        "sudo does not work without a password"
    }
}

fn needs_root(controller: &Controller) -> Result<bool, StepError> {
    let poa = &controller.worksheet.poa;
    let package = poa.package.as_ref().map(|package| package.kind);
    let mounts = mount_source::mounts(controller)?;
    Ok(mounts.iter().any(|mount| !mount.plan.commands.is_empty())
        || poa.run_as_user.is_some()
        || matches!(package, Some(PackageKind::Rpm | PackageKind::Deb)))
}

/// Whether the destination has the programs and the file systems that the mounts of this job need.
pub(super) async fn mounts_possible(
    controller: &Controller,
    mounts: &[JobMount],
) -> Result<Judged, StepError> {
    let mut seen = Vec::new();
    for mount in mounts {
        if mount.plan.commands.is_empty() {
            continue;
        }
        let needs = &mount.plan.needs;
        let missing = missing_programs(controller, needs).await?;
        let file_system = look_for_file_system(controller, needs).await?;
        if let Some(judged) = judge_mount(needs, &missing, &file_system) {
            return Ok(judged);
        }
        seen.extend(needs.file_systems.first().copied());
    }
    seen.dedup();
    Ok(Judged::pass(if seen.is_empty() {
        "nothing is to be mounted".to_owned()
    } else {
        format!("the destination can mount {}", seen.join(" and "))
    }))
}

/// What stands in the way of a mount: of its programs and of its file system alike, so that both can be brought at once.
fn judge_mount(needs: &Needs, missing: &[String], file_system: &FileSystem) -> Option<Judged> {
    let names = needs.file_systems.join(" or ");
    let programs = if missing.is_empty() {
        format!("the destination has {}", needs.programs.join(" and "))
    } else {
        format!("the destination has no {}", missing.join(" and no "))
    };
    let kernel = match file_system {
        FileSystem::Known => format!("its kernel has the file system {names}, or a module for it"),
        FileSystem::Missing => {
            format!("the kernel of the destination knows no file system {names}")
        }
        FileSystem::Unknown(why) => format!(
            "it cannot be told whether the kernel of the destination has a file system {names}: {why}"
        ),
    };
    let text = format!("{programs}; {kernel}");
    let is_missing = matches!(file_system, FileSystem::Missing);
    if !missing.is_empty() || is_missing {
        return Some(Judged::fail(text, remedy(needs, missing, is_missing)));
    }
    matches!(file_system, FileSystem::Unknown(_)).then(|| {
        let remedy = "See why; where it has none, mounting in stage one says so";
        Judged::warning(text, remedy)
    })
}

/// Where what is missing comes from, and what can be done besides.
fn remedy(needs: &Needs, missing: &[String], is_file_system_missing: bool) -> String {
    let origin = |program: &String| {
        let known = PROGRAMS.iter().find(|(name, _)| name == program);
        known.map_or_else(
            || format!("the package {program}"),
            |(_, origin)| (*origin).to_owned(),
        )
    };
    let mut said = Vec::new();
    if !missing.is_empty() {
        let origins: Vec<String> = missing.iter().map(origin).collect();
        said.push(format!(
            "Install {} at the destination",
            origins.join(" and ")
        ));
    }
    if is_file_system_missing {
        let is_of_netware = needs.file_systems.contains(&"ncpfs");
        said.push(
            if is_of_netware {
                MODULE_OF_NCPFS
            } else {
                "Use a kernel with it"
            }
            .to_owned(),
        );
    }
    if needs.file_systems.contains(&"cifs") {
        said.push(
            "or say client = \"rclone\" in [source], or where [[documents.area]] has its own, and install rclone and fuse3 there"
                .to_owned(),
        );
    }
    if needs.file_systems.contains(&"ncpfs") {
        let other_ways =
            "or take another way to that server, which are in GUIDE.md, \"A NetWare server today\"";
        said.push(other_ways.to_owned());
    }
    said.join("; ")
}

async fn missing_programs(
    controller: &Controller,
    needs: &Needs,
) -> Result<Vec<String>, StepError> {
    let link = controller.link()?;
    // Looking needs no privilege, and a shell is nothing to have sudo allow.
    let command = RemoteCommand::new("sh")
        .arguments(["-c", MISSING_PROGRAMS, "sh"])
        .arguments(needs.programs);
    let output = link.succeed(&command).await?;
    Ok(output.text().lines().map(str::to_owned).collect())
}

/// Whether the kernel can mount something.
enum FileSystem {
    Known,
    Missing,
    Unknown(String),
}

/// Looks for one of the file systems, or a module for it; what is missing is not loaded by a check.
async fn look_for_file_system(
    controller: &Controller,
    needs: &Needs,
) -> Result<FileSystem, StepError> {
    let link = controller.link()?;
    let table = RemoteCommand::new("cat").argument("/proc/filesystems");
    let output = link.succeed(&table).await?;
    if needs.has_file_system(&output.text()) {
        return Ok(FileSystem::Known);
    }
    for name in needs.file_systems {
        // Looking needs no privilege.
        let module = RemoteCommand::new("sh").arguments(["-c", HAS_MODULE, "sh", name]);
        let output = link.run(&module, Vec::new()).await?;
        match &output.status {
            ExitStatus::Code(0) => return Ok(FileSystem::Known),
            // Quiet where there is no such module; a program that is missing, or sudo, says so.
            ExitStatus::Code(1) if output.stderr.is_empty() => {}
            status => {
                let said = printable(output.stderr.trim_ascii());
                return Ok(FileSystem::Unknown(format!("modprobe: {status}: {said}")));
            }
        }
    }
    Ok(FileSystem::Missing)
}

/// Whether the file systems of the destination can do what the stages need of them.
pub(super) fn judge_abilities(tried: &[FolderAbilities]) -> Judged {
    if let Some(trouble) = tried.iter().find_map(FolderAbilities::trouble) {
        return Judged::fail(
            trouble,
            "Name a destination folder on a file system that can (ext4, xfs, btrfs) in the worksheet",
        );
    }
    let shown = tried.iter().map(|one| {
        let how = if one.renames_by_link {
            " (renames by a second link, as it has no renaming that never replaces)"
        } else {
            ""
        };
        format!("{} on {}{how}", one.folder, one.file_system)
    });
    let shown: Vec<String> = shown.collect();
    Judged::pass(format!(
        "everything that the stages need was tried: {}",
        shown.join(", ")
    ))
}

/// What the kernel lets the worker be locked in with.
pub(super) fn protections(protections: &Protections) -> Judged {
    let yes = |is_so| if is_so { "yes" } else { "no" };
    let text = format!(
        "Landlock: {}, seccomp: {}, source read-only: {}",
        protections.landlock,
        yes(protections.seccomp),
        yes(protections.source_read_only)
    );
    // Nothing that the worker does depends on them; they stop what a mistake of it could do.
    if protections.landlock == "none" || !protections.seccomp {
        return Judged::warning(
            format!("{text}: the worker is not locked in by the kernel"),
            "It works the same; a kernel of 5.19 or later with Landlock (`lsm=landlock,...`) locks it into its folders",
        );
    }
    Judged::pass(text)
}

/// Whether the clock of the destination is that of this machine.
pub(super) async fn clock(controller: &Controller) -> Result<Judged, StepError> {
    let here = SystemTime::now().duration_since(UNIX_EPOCH);
    let here = here.unwrap_or_default().as_secs();
    Ok(judge_clock(controller.clock_seconds().await?, here))
}

pub(super) fn judge_clock(there: u64, here: u64) -> Judged {
    let apart = there.abs_diff(here);
    if apart > CLOCK_SECONDS {
        return Judged::warning(
            format!("the clock of the destination is {apart} s from this machine's"),
            "Set the clocks: certificates, logs and the times of new mail depend on them",
        );
    }
    Judged::pass(format!(
        "the clocks of the destination and this machine are {apart} s apart"
    ))
}

#[cfg(test)]
mod tests {
    use protocol::{Inability, Verdict};

    use super::*;

    #[test]
    fn a_file_system_that_cannot_do_what_stage_two_needs_is_refused_by_name() {
        let able = FolderAbilities {
            folder: "/mail".into(),
            file_system: "nfs".into(),
            renames_by_link: true,
            ..FolderAbilities::default()
        };
        let judged = judge_abilities(std::slice::from_ref(&able));
        assert_eq!(judged.verdict, Verdict::Done);
        assert!(
            judged
                .text
                .contains("/mail on nfs (renames by a second link")
        );
        let folds = FolderAbilities {
            folds_case: true,
            ..able.clone()
        };
        let cannot = FolderAbilities {
            cannot: vec![Inability {
                call: "keep the permissions of a file".into(),
                said: "777, not 600".into(),
            }],
            ..able.clone()
        };
        for (found, word) in [(folds, "case"), (cannot, "permissions")] {
            let judged = judge_abilities(&[able.clone(), found]);
            assert_eq!(judged.verdict, Verdict::Refused);
            let text = judged.text;
            assert!(
                text.contains("/mail is on nfs") && text.contains(word),
                "{text}"
            );
        }
    }

    #[test]
    fn a_worker_that_the_kernel_does_not_lock_in_is_a_warning() {
        let verdict = |landlock: &str, seccomp| {
            let told = Protections {
                landlock: landlock.into(),
                seccomp,
                ..Protections::default()
            };
            protections(&told).verdict
        };
        assert_eq!(verdict("full", true), Verdict::Done);
        assert_eq!(verdict("partial", true), Verdict::Done);
        assert_eq!(verdict("none", true), Verdict::NeedsAttention);
        assert_eq!(verdict("full", false), Verdict::NeedsAttention);
        let told = Protections {
            landlock: "full".into(),
            seccomp: true,
            source_read_only: true,
            ..Protections::default()
        };
        let text = protections(&told).text;
        assert_eq!(text, "Landlock: full, seccomp: yes, source read-only: yes");
    }
}
