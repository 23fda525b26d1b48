//! Document storage areas: each on a share of its own, or mounted already.
//!
//! A share of the source server itself is reached as the source is, so what [source] says of server, user and password
//! holds for it as well.

use std::path::PathBuf;

use super::build::{MOUNT_POINT, protocol};
use super::entries::Entries;
use super::model::{DocumentArea, MountClient, NetworkSource, Protocol, Source, SourceAccess};
use super::problem::Problems;

/// The areas, in the order of the worksheet.
pub(super) fn document_areas(
    list: Vec<Entries>,
    source: &Source,
    job: &str,
    problems: &mut Problems<'_>,
) -> Vec<DocumentArea> {
    let mut areas: Vec<DocumentArea> = Vec::with_capacity(list.len());
    for (number, mut entries) in (1..).zip(list) {
        let span = entries.span(if entries.is_said("mount_point") {
            "mount_point"
        } else {
            "library"
        });
        let mount_point = format!("{MOUNT_POINT}{job}-documents-{number}");
        let area = area(&mut entries, source, mount_point.into(), problems);
        entries.finish();
        let others = [&source.access].into_iter();
        let others = others.chain(areas.iter().map(|area| &area.access));
        if others.filter_map(SourceAccess::network).any(|other| {
            area.access
                .network()
                .is_some_and(|own| own.mount_point == other.mount_point && !is_same(own, other))
        }) {
            problems.add(
                &span,
                "another share is mounted at this `mount_point`; give this one a place of its own",
            );
        }
        areas.push(area);
    }
    areas
}

/// Whether two are the same share, so that they can share a mount as well.
fn is_same(one: &NetworkSource, other: &NetworkSource) -> bool {
    one.protocol == other.protocol
        && one.server.eq_ignore_ascii_case(&other.server)
        && one.share == other.share
}

fn area(
    entries: &mut Entries,
    source: &Source,
    mount_point: PathBuf,
    problems: &mut Problems<'_>,
) -> DocumentArea {
    let library = entries.text("library");
    let destination = entries.path("destination");
    let of_source = source.access.network();
    let protocol = match entries.optional_text("kind") {
        Some(kind) => protocol(&kind),
        None if entries.has("source") => None,
        None => of_source.map(|of_source| of_source.protocol),
    };
    let Some(protocol) = protocol else {
        let path = entries.path("source");
        return DocumentArea {
            library,
            access: SourceAccess::Mounted { path },
            address: None,
            destination,
        };
    };
    let span = entries.span("library");
    let server = entries.optional_text("server");
    // Where no other server is named, it is that of the source.
    let same = of_source.filter(|of_source| {
        let is_same = |server: &String| server.eq_ignore_ascii_case(&of_source.server);
        server.as_ref().is_none_or(is_same)
    });
    // One that is said and wrong is a problem already.
    let is_said = ["server", "user", "password"].map(|name| (name, entries.is_said(name)));
    let mut missing = |name: &str| {
        if !is_said.contains(&(name, true)) {
            let message = format!(
                "`{name}` is missing in [documents.area]; [source] has none that holds here"
            );
            problems.add(&span, message);
        }
    };
    let server = server
        .or_else(|| same.map(|same| same.server.clone()))
        .unwrap_or_else(|| {
            missing("server");
            String::new()
        });
    let (mut user, mut password) = (String::new(), None);
    if protocol != Protocol::Nfs {
        let with_login = same.filter(|same| !same.user.is_empty());
        user = entries
            .optional_text("user")
            .or_else(|| with_login.map(|same| same.user.clone()))
            .unwrap_or_default();
        password = entries
            .secret("password")
            .or_else(|| with_login.and_then(|same| same.password.clone()));
        if user.is_empty() {
            missing("user");
        }
        if password.is_none() {
            missing("password");
        }
    }
    let address = entries.optional_text("address");
    // Whether the destination's kernel has a client does not depend on the server.
    let client = match entries.optional_text("client").as_deref() {
        Some("rclone") => MountClient::Rclone,
        Some(_) => MountClient::Kernel,
        None => of_source
            .filter(|_| protocol == Protocol::Cifs)
            .map_or(MountClient::Kernel, |of_source| of_source.client),
    };
    DocumentArea {
        library,
        address: address.or_else(|| same.and(source.address.clone())),
        access: SourceAccess::Network(NetworkSource {
            protocol,
            client,
            server,
            share: entries.text("share"),
            folder: entries.path("folder"),
            user,
            password,
            mount_point: entries.optional_path("mount_point").unwrap_or(mount_point),
            options: entries.texts("options"),
        }),
        destination,
    }
}
