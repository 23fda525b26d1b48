//! From checked values to the typed worksheet, with the rules that no single field can tell.

use std::ops::Range;
use std::path::PathBuf;

use super::areas;
use super::entries::{Entries, Filled};
use super::model::{
    Certificate, CopySettings, Destination, GuardianEngine, GuardianSettings, HostAndPort,
    LowPorts, MailboxTest, MountClient, NetworkSource, Package, PackageKind, Platform, Poa,
    PostOffice, Protocol, Source, SourceAccess, Worksheet,
};
use super::problem::Problems;
use super::secret::SecretReference;
use super::value::is_job_name;
use crate::profile;
use crate::remote::Privilege;

/// Where jobs are kept on the destination when the worksheet does not say.
const JOBS_FOLDER: &str = "/var/opt/novell/groupwise/migration";

/// Where sources are mounted when the worksheet does not say, with the name of the job behind it.
pub(super) const MOUNT_POINT: &str = "/mnt/gwmigrate-";

/// Builds the worksheet; it counts only where there are no problems.
pub(super) fn build(mut filled: Filled, problems: &mut Problems<'_>) -> Worksheet {
    let post_office = post_office(filled.section("post_office"), problems);
    let source = source(filled.section("source"), &post_office.job);
    let areas = filled.list("documents.area");
    let documents = areas::document_areas(areas, &source, &post_office.job, problems);
    Worksheet {
        source,
        destination: destination(filled.section("destination"), &post_office.job, problems),
        poa: poa(filled.section("poa"), &post_office, problems),
        copy: copy(filled.section("copy")),
        guardian: guardian(filled.section("guardian")),
        documents,
        mailbox_test: mailbox_test(filled.section("mailbox_test")),
        post_office,
    }
}

fn post_office(mut entries: Entries, problems: &mut Problems<'_>) -> PostOffice {
    let span = entries.span("name");
    let name = entries.text("name");
    let job = entries.optional_text("job").unwrap_or_else(|| {
        let job = name.to_lowercase();
        if !name.is_empty() && !is_job_name(&job) {
            problems.add(&span, "this cannot name the job as well; give it a name of its own, as in job = \"sales\"");
        }
        job
    });
    let post_office = PostOffice {
        name,
        domain: entries.optional_text("domain"),
        folder: entries.path("folder"),
        job,
    };
    entries.finish();
    post_office
}

fn source(mut entries: Entries, job: &str) -> Source {
    let kind = entries.text("kind");
    let access = match protocol(&kind) {
        None => SourceAccess::Mounted {
            path: entries.path("path"),
        },
        Some(protocol) => SourceAccess::Network(NetworkSource {
            protocol,
            client: match entries.text("client").as_str() {
                "rclone" => MountClient::Rclone,
                _ => MountClient::Kernel,
            },
            server: entries.text("server"),
            share: entries.text("share"),
            folder: entries.path("folder"),
            user: entries.text("user"),
            password: entries.secret("password"),
            mount_point: entries
                .optional_path("mount_point")
                .unwrap_or_else(|| PathBuf::from(format!("{MOUNT_POINT}{job}"))),
            options: entries.texts("options"),
        }),
    };
    let source = Source {
        access,
        platform: match entries.text("platform").as_str() {
            "netware" => Platform::Netware,
            "windows" => Platform::Windows,
            _ => Platform::Linux,
        },
        address: entries.optional_text("address"),
        poa_ports: entries.ports("poa_ports"),
        clock_allowance_seconds: entries.number("clock_allowance_seconds"),
    };
    entries.finish();
    source
}

/// The protocol of a kind of source; none of one that is mounted already.
pub(super) fn protocol(kind: &str) -> Option<Protocol> {
    match kind {
        "cifs" => Some(Protocol::Cifs),
        "ncp" => Some(Protocol::Ncp),
        "nfs" => Some(Protocol::Nfs),
        _ => None,
    }
}

fn destination(mut entries: Entries, job: &str, problems: &mut Problems<'_>) -> Destination {
    if entries.has("key_password") && !entries.is_said("key") {
        problems.add(&entries.span("key_password"), "`key_password` needs `key`");
    }
    let span = entries.span("agent");
    let has_way = !entries.has("agent") || entries.is_said("key") || entries.is_said("password");
    let destination = Destination {
        host: entries.text("host"),
        port: entries.number("port"),
        user: entries.text("user"),
        key: entries.optional_file("key"),
        key_password: entries.secret("key_password"),
        agent: entries.flag("agent"),
        password: entries.secret("password"),
        known_hosts: entries.files("known_hosts"),
        job_folder: entries
            .optional_path("job_folder")
            .unwrap_or_else(|| PathBuf::from(JOBS_FOLDER).join(job)),
        privilege: match entries.text("privilege").as_str() {
            "sudo" => Privilege::Sudo,
            _ => Privilege::AsIs,
        },
        connect_timeout_seconds: entries.number("connect_timeout_seconds"),
        keepalive_seconds: entries.number("keepalive_seconds"),
    };
    if !destination.agent && !has_way {
        problems.add(
            &span,
            "without the agent there is no way to log in; give `key` or `password`",
        );
    }
    entries.finish();
    destination
}

fn poa(mut entries: Entries, post_office: &PostOffice, problems: &mut Problems<'_>) -> Poa {
    let package_span = entries.span("package");
    let package = entries.optional_file("package").and_then(|path| {
        let kind = package_kind(&path.to_string_lossy());
        if kind.is_none() {
            problems.add(
                &package_span,
                "`package` must end in .rpm, .deb, .tar.gz or .tgz",
            );
        }
        kind.map(|kind| Package { path, kind })
    });
    let generation_span = entries.span("generation");
    let span = if entries.is_said("generation") {
        &generation_span
    } else {
        &package_span
    };
    for (one, other) in [
        ("certificate", "key"),
        ("key", "certificate"),
        ("key_password", "key"),
    ] {
        if entries.is_said(one) && !entries.is_said(other) {
            problems.add(&entries.span(one), format!("`{one}` needs `{other}`"));
        }
    }
    let key_password = entries.secret("key_password");
    let (certificate, key) = (
        entries.optional_path("certificate"),
        entries.optional_path("key"),
    );
    let poa = Poa {
        package,
        install_folder: entries.path("install_folder"),
        generation: entries.optional_text("generation"),
        profile: entries.optional_file("profile"),
        control: entries.optional_path("control"),
        service: entries.optional_text("service"),
        startup_file: entries.optional_path("startup_file"),
        http_port: entries.number("http_port"),
        client_port: entries.number("client_port"),
        ip: entries.optional_text("ip"),
        dns_name: entries.optional_text("dns_name"),
        certificate: certificate.zip(key).map(|(certificate, key)| Certificate {
            certificate,
            key,
            key_password,
        }),
        run_as_user: entries.optional_text("run_as_user"),
        low_ports: match entries.text("low_ports").as_str() {
            "capability" => LowPorts::Capability,
            _ => LowPorts::Refuse,
        },
    };
    entries.finish();
    require_service_name(&poa, post_office, span, problems);
    poa
}

/// The control command of an installed GroupWise calls a POA `post_office.domain`.
fn require_service_name(
    poa: &Poa,
    post_office: &PostOffice,
    span: &Range<usize>,
    problems: &mut Problems<'_>,
) {
    let is_known = poa.service.is_some() || post_office.domain.is_some();
    if profile::generation(poa) != profile::PORTABLE && poa.profile.is_none() && !is_known {
        problems.add(
            span,
            "this calls the POA by post office and domain; say [post_office] domain, or `service` in [poa]",
        );
    }
}

fn package_kind(name: &str) -> Option<PackageKind> {
    let name = name.to_ascii_lowercase();
    [
        (".rpm", PackageKind::Rpm),
        (".deb", PackageKind::Deb),
        (".tar.gz", PackageKind::TarGz),
        (".tgz", PackageKind::TarGz),
    ]
    .into_iter()
    .find_map(|(ending, kind)| name.ends_with(ending).then_some(kind))
}

fn copy(mut entries: Entries) -> CopySettings {
    let copy = CopySettings {
        workers: Some(entries.number("workers")).filter(|&workers| workers > 0),
        agent_logs: entries.flag("agent_logs"),
        removal_limit_percent: entries.number("removal_limit_percent"),
        retries: entries.number("retries"),
        quiet_seconds: entries.number("quiet_seconds"),
        lock_wait_seconds: entries.number("lock_wait_seconds"),
        still_seconds: entries.number("still_seconds"),
    };
    entries.finish();
    copy
}

fn guardian(mut entries: Entries) -> GuardianSettings {
    let guardian = GuardianSettings {
        engine: match entries.text("engine").as_str() {
            "built-in" => GuardianEngine::BuiltIn,
            "gwcheck" => GuardianEngine::GwCheck,
            "none" => GuardianEngine::None,
            _ => GuardianEngine::Auto,
        },
        gwcheck: entries.optional_path("gwcheck"),
        options_file: entries.optional_file("options_file"),
    };
    entries.finish();
    guardian
}

fn mailbox_test(mut entries: Entries) -> Option<MailboxTest> {
    let test = MailboxTest {
        user: entries.text("user"),
        // One that is missing is a problem already, and then the worksheet does not count.
        password: entries
            .secret("password")
            .unwrap_or(SecretReference::Prompt),
        source_imap: host_and_port(&entries.text("source_imap")),
        destination_imap: host_and_port(&entries.text("destination_imap")),
        sample_messages: entries.number("sample_messages"),
    };
    let is_present = entries.is_present;
    entries.finish();
    is_present.then_some(test)
}

fn host_and_port(text: &str) -> HostAndPort {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    HostAndPort {
        host,
        port: port.parse().unwrap_or_default(),
    }
}
