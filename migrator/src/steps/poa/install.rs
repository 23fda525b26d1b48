//! Installing the POA's software, by the server's own package manager, never as a silent change of version.

use std::path::Path;

use postoffice::names::printable;
use protocol::{Change, Finding, Verdict};

use crate::controller::{Controller, StepError, could_not_ask};
use crate::profile::Profile;
use crate::remote::{ExitStatus, Output};
use crate::steps::copy_software::package_at_destination;
use crate::worksheet::PackageKind;

/// Everybody may start the agents.
const INSTALL_FOLDER_MODE: u32 = 0o755;

/// Installs the package.
pub(crate) async fn install(controller: &mut Controller) -> Result<String, StepError> {
    let (Some(package), Some(file)) = (
        controller.worksheet.poa.package.clone(),
        package_at_destination(controller),
    ) else {
        return Ok("software was there already".into());
    };
    let folder = controller.worksheet.poa.install_folder.clone();
    let installed = match package.kind {
        PackageKind::TarGz => None,
        PackageKind::Rpm | PackageKind::Deb => {
            let (installed, stranger) = look_at_package(controller, package.kind, &file).await?;
            if let Some(stranger) = stranger {
                controller.report(stranger);
            }
            Some(installed)
        }
    };
    if package.kind == PackageKind::TarGz {
        let (path, mode) = (folder.clone(), INSTALL_FOLDER_MODE);
        controller.change(Change::MakeFolder { path, mode }).await?;
    }
    let link = controller.link()?;
    let command = match package.kind {
        // Replaces the files of an agent that was unpacked before, and keeps its startup files.
        PackageKind::TarGz => link
            .command("tar")
            .arguments(["-x", "-z", "-f"])
            .argument(file)
            .argument("-C")
            .argument(folder.clone()),
        PackageKind::Rpm => link
            .command("rpm")
            .arguments(["-U", "--replacepkgs", "--"])
            .argument(file),
        // What an administrator changed in a configuration file stays, and nobody is asked.
        PackageKind::Deb => link
            .command("dpkg")
            .arguments(["-i", "--force-confold", "--"])
            .argument(file),
    };
    // What a package starts may keep the outputs of the package manager.
    let command = command.detached();
    link.succeed(&command).await?;
    Ok(match installed {
        Some(package) => format!("{package} installed"),
        None => format!("installed in {}", folder.display()),
    })
}

/// A package by name and version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: String,
    version: String,
}

/// What a package file is, in a few words; and a finding where it is none of the profile's.
///
/// # Errors
/// A file that the package manager does not know; a server that has another version, or another package with the same agents.
pub(crate) async fn look_at_package(
    controller: &Controller,
    kind: PackageKind,
    file: &Path,
) -> Result<(String, Option<Finding>), StepError> {
    let profile = controller.profile()?;
    let names = match kind {
        PackageKind::Deb => &profile.packages.deb,
        _ => &profile.packages.rpm,
    };
    let new = of_file(controller, kind, file).await?;
    let mut asked = names.clone();
    let mut stranger = None;
    if !names.contains(&new.name) {
        asked.push(new.name.clone());
        stranger = Some(not_of_the_profile(&profile, &new));
    }
    for name in asked {
        let Some(version) = installed(controller, kind, &name).await? else {
            continue;
        };
        let old = Named { name, version };
        if old != new {
            return Err(other_version(&old, &new));
        }
    }
    Ok((format!("{} {}", new.name, new.version), stranger))
}

fn not_of_the_profile(profile: &Profile, new: &Named) -> Finding {
    Finding::new(
        "package-not-of-profile",
        Verdict::NeedsAttention,
        format!(
            "The package is {}, which is none of those that bring the agents of {}",
            new.name, profile.title
        ),
        "See that [poa] package and generation of the worksheet belong together",
    )
}

fn other_version(old: &Named, new: &Named) -> StepError {
    StepError::person(
        "other-version",
        format!(
            "The destination has {} {} already; the package of the worksheet is {} {}",
            old.name, old.version, new.name, new.version
        ),
        "Change the version by the package manager of the server, when its other agents may be stopped, and name the \
         package of that version in [poa] package; then run the same command again",
    )
}

/// What a package file brings.
async fn of_file(
    controller: &Controller,
    kind: PackageKind,
    file: &Path,
) -> Result<Named, StepError> {
    let link = controller.link()?;
    let command = match kind {
        PackageKind::Deb => {
            link.command("dpkg-deb")
                .arguments(["-W", "--showformat=${Package} ${Version}", "--"])
        }
        _ => link.command("rpm").arguments([
            "-q",
            "--queryformat",
            "%{NAME} %{VERSION}-%{RELEASE}",
            "-p",
            "--",
        ]),
    };
    let command = command.argument(file.to_owned());
    let output = link.run(&command, Vec::new()).await?;
    let text = output.text();
    let said = text.trim().split_once(' ');
    let (name, version) = said.filter(|_| output.status.is_success()).ok_or_else(|| {
        let said = printable(output.stderr.trim_ascii());
        StepError::refused(
            "package-unreadable",
            format!(
                "The package manager of the destination does not say what {} is: {}: {said}",
                file.display(),
                output.status
            ),
            "Name the right file in [poa] package of the worksheet, for this kind of server",
        )
    })?;
    Ok(Named {
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// The version of a package that the server has.
async fn installed(
    controller: &Controller,
    kind: PackageKind,
    name: &str,
) -> Result<Option<String>, StepError> {
    let link = controller.link()?;
    let command = match kind {
        PackageKind::Deb => link.command("dpkg-query").arguments([
            "-W",
            "--showformat=${db:Status-Status} ${Version}",
            "--",
        ]),
        _ => link.command("rpm").arguments([
            "-q",
            "--queryformat",
            "installed %{VERSION}-%{RELEASE}",
            "--",
        ]),
    };
    let output = link.run(&command.argument(name), Vec::new()).await?;
    if output.status.is_success() {
        return Ok(version_in(&output.text()));
    }
    if says_not_installed(kind, &output) {
        return Ok(None);
    }
    let said = printable(output.stderr.trim_ascii());
    Err(could_not_ask(
        Path::new(name),
        &format!("{}: {said}", output.status),
    ))
}

/// Whether the package manager itself says that it does not know a package, in whatever language: 1 is the exit code of that,
/// and that of a `sudo` that could not run it.
fn says_not_installed(kind: PackageKind, output: &Output) -> bool {
    output.status == ExitStatus::Code(1)
        && match kind {
            PackageKind::Deb => output.stderr.starts_with(b"dpkg-query:"),
            _ => output.stderr.is_empty() && !output.stdout.is_empty(),
        }
}

/// What `installed VERSION` says; a package of which only configuration files are left is not installed.
fn version_in(text: &str) -> Option<String> {
    let version = text.trim().strip_prefix("installed ")?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_installed_has_a_version() {
        for (said, expected) in [
            ("installed 18.4.0-1", Some("18.4.0-1")),
            ("installed 18.4.0-1\n", Some("18.4.0-1")),
            ("config-files 18.4.0-1", None),
            ("package novell-groupwise-server is not installed", None),
            ("", None),
        ] {
            assert_eq!(version_in(said).as_deref(), expected, "{said}");
        }
    }
}
