//! The places of a job, as they stand in the arguments of what is run as root.

use crate::worksheet::{MountClient, PackageKind, Protocol, SourceAccess, Worksheet};

/// The places of a job that stand in arguments.
#[derive(Debug, Clone)]
pub struct Places {
    pub(super) job: String,
    /// Where everything goes, the post office first.
    pub(super) destinations: Vec<String>,
    pub(super) mounts: Vec<JobMount>,
    pub(super) install_folder: String,
    pub(super) package: Option<(PackageKind, String)>,
}

/// A share that the job mounts.
#[derive(Debug, Clone)]
pub(super) struct JobMount {
    pub(super) point: String,
    protocol: Protocol,
    client: MountClient,
}

impl Places {
    /// The mount points of shares that this client mounts with this protocol.
    pub(super) fn mounted_by(&self, client: MountClient, protocol: Protocol) -> Vec<&str> {
        let meant = |mount: &&JobMount| mount.client == client && mount.protocol == protocol;
        let mounts = self.mounts.iter().filter(meant);
        mounts.map(|mount| mount.point.as_str()).collect()
    }

    /// Those of a worksheet.
    pub fn of(sheet: &Worksheet) -> Self {
        let text = |path: &std::path::Path| escaped(&path.to_string_lossy());
        let mut destinations = vec![text(&sheet.post_office.folder)];
        destinations.extend(sheet.documents.iter().map(|area| text(&area.destination)));
        let accesses = std::iter::once(&sheet.source.access);
        let accesses = accesses.chain(sheet.documents.iter().map(|area| &area.access));
        let mounts = accesses
            .filter_map(SourceAccess::network)
            .map(|network| JobMount {
                point: text(&network.mount_point),
                protocol: network.protocol,
                client: network.client,
            })
            .collect();
        let package = sheet.poa.package.as_ref();
        Self {
            job: text(&sheet.destination.job_folder),
            destinations,
            mounts,
            install_folder: text(&sheet.poa.install_folder),
            package: package
                .and_then(|package| Some((package.kind, package.path.file_name()?)))
                .map(|(kind, name)| (kind, escaped(&name.to_string_lossy()))),
        }
    }

    /// Where the package is, if it is of this kind.
    pub(super) fn package_file(&self, wanted: PackageKind) -> Option<String> {
        let (kind, name) = self.package.as_ref()?;
        (*kind == wanted).then(|| format!("{}/software/{name}", self.job))
    }

    /// A question about the package: where it is, and where a check has its beginning.
    pub(super) fn asked_of_package(&self, kind: PackageKind, before: &str) -> Vec<String> {
        let mut asked = self.with_package(kind, &[before]);
        if let (Some((_, name)), Some(scratch), false) =
            (&self.package, beside(&self.job), asked.is_empty())
        {
            asked.push(format!("{before} {scratch}/{name}"));
        }
        asked
    }

    pub(super) fn with_package(&self, kind: PackageKind, before: &[&str]) -> Vec<String> {
        let file = self.package_file(kind);
        before
            .iter()
            .filter_map(|before| Some(format!("{before} {}", file.as_ref()?)))
            .collect()
    }
}

/// A text as it must stand in sudoers so that it means itself.
pub(super) fn escaped(text: &str) -> String {
    let mut written = String::new();
    for character in text.chars() {
        if r"\,:=*?[]!#".contains(character) {
            written.push('\\');
        }
        written.push(character);
    }
    written
}

/// The folder of a check, beside that of the job.
pub(super) fn beside(job: &str) -> Option<String> {
    let (parent, name) = job.rsplit_once('/')?;
    Some(format!("{parent}/.{name}.check-[0-9]*"))
}
