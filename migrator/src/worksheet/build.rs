//! From sections to the worksheet: what settings leave open is worked out from others, and the rules between settings.

use std::path::Path;

use postoffice::names::destination_name;
use toml::de::DeTable;

use super::kinds::Generation;
use super::model::{
    CopySettings, Destination, DocumentArea, GuardianSettings, MailboxTest, NotifySettings, Poa,
    PostOffice, SECTIONS, SealSettings, Source, Worksheet,
};
use super::problem::Problems;
use super::read::{Reader, Section};
use super::source::SourceAccess;
use super::value::{self, Local};

/// Where jobs are kept on the destination when the worksheet does not say.
const JOBS_FOLDER: &str = "/var/opt/novell/groupwise/migration";

/// Where sources are mounted when the worksheet does not say, with the name of the job behind it.
const MOUNT_POINT: &str = "/mnt/gwmigrate-";

/// Reads a worksheet, which is there where nothing was added to the problems.
pub(super) fn read(
    text: &str,
    local: Option<Local<'_>>,
    problems: &mut Problems<'_>,
) -> Option<Worksheet> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let message = format!("this is no TOML: {}", error.message());
        problems.add(&error.span().unwrap_or_default(), message);
    }
    let mut reader = Reader {
        table: table.get_ref(),
        local,
        tells_missing: errors.is_empty(),
        problems,
    };
    reader.refuse_unknown_sections(SECTIONS);
    let mut source = reader.section(&Source::SCHEMA);
    let mut destination = reader.section(&Destination::SCHEMA);
    let mut post_office = reader.section(&PostOffice::SCHEMA);
    let poa = reader.section(&Poa::SCHEMA);
    let copy = reader.section(&CopySettings::SCHEMA);
    let guardian = reader.section(&GuardianSettings::SCHEMA);
    let seal = reader.section(&SealSettings::SCHEMA);
    let mut areas = reader.list(&DocumentArea::SCHEMA, source.kind);
    let mailbox_test = reader.section(&MailboxTest::SCHEMA);
    let notify = reader.section(&NotifySettings::SCHEMA);

    let problems = reader.problems;
    name_job(&mut post_office, problems);
    let job = post_office.get("job", value::job).unwrap_or_default();
    source.fill("mount_point", format!("{MOUNT_POINT}{job}"));
    destination.fill("job_folder", format!("{JOBS_FOLDER}/{job}"));
    for (number, area) in (1..).zip(&mut areas) {
        inherit(area, &source, problems);
        area.fill(
            "mount_point",
            format!("{MOUNT_POINT}{job}-documents-{number}"),
        );
    }
    require_own_mount_points(&source, &areas, problems);
    require_pairs(&destination, &[("key_password", "key")], problems);
    let pairs = [
        ("certificate", "key"),
        ("key", "certificate"),
        ("key_password", "key"),
    ];
    require_pairs(&poa, &pairs, problems);
    require_own_names(&poa, problems);
    require_login(&destination, problems);
    require_service_name(&poa, &post_office, problems);

    Some(Worksheet {
        source: Source::read(&source)?,
        destination: Destination::read(&destination)?,
        post_office: PostOffice::read(&post_office)?,
        poa: Poa::read(&poa)?,
        copy: CopySettings::read(&copy)?,
        guardian: GuardianSettings::read(&guardian)?,
        seal: SealSettings::read(&seal)?,
        documents: areas
            .iter()
            .map(DocumentArea::read)
            .collect::<Option<_>>()?,
        mailbox_test: if mailbox_test.is_present {
            Some(MailboxTest::read(&mailbox_test)?)
        } else {
            None
        },
        notify: NotifySettings::read(&notify)?,
    })
}

/// A job that has no name of its own has that of the post office.
fn name_job(post_office: &mut Section<'_>, problems: &mut Problems<'_>) {
    let Some(name) = post_office.get("name", value::text) else {
        return;
    };
    let job = name.to_lowercase();
    if !post_office.is_said("job") && !value::is_job(&job) {
        let message =
            "this cannot name the job as well; give it a name of its own, as in job = \"sales\"";
        problems.add(&post_office.span("name"), message);
    }
    post_office.fill("job", job);
}

/// A share of the source server itself is reached as the source is, so what [source] says of server, user and password
/// holds for it as well.
fn inherit<'a>(area: &mut Section<'a>, source: &Section<'a>, problems: &mut Problems<'_>) {
    // Whether the destination's kernel has a client does not depend on the server.
    area.inherit("client", source);
    let server = |section: &Section<'_>| section.get("server", value::text);
    let is_same = server(area).is_none_or(|own| {
        server(source).is_some_and(|of_source| own.eq_ignore_ascii_case(&of_source))
    });
    let inherited = ["server", "user", "password"];
    if is_same {
        for name in inherited {
            area.inherit(name, source);
        }
        area.inherit("address", source);
    }
    for name in inherited {
        let is_told = is_same && source.is_missing(name);
        if area.is_missing(name) && !is_told {
            let message = format!(
                "`{name}` is missing in [documents.area]; [source] has none that holds here"
            );
            problems.add(&area.span("library"), message);
        }
    }
}

fn require_own_mount_points(
    source: &Section<'_>,
    areas: &[Section<'_>],
    problems: &mut Problems<'_>,
) {
    let shares = std::iter::once(source).chain(areas).map(SourceAccess::read);
    let shares: Vec<Option<SourceAccess>> = shares.collect();
    for (number, area) in (1..).zip(areas) {
        let share = |number: usize| shares[number].as_ref().and_then(SourceAccess::network);
        let Some(own) = share(number) else { continue };
        let mut others = (0..number).filter_map(share);
        if others.any(|other| own.mount_point == other.mount_point && !own.is_same_share(other)) {
            let at = if area.is_said("mount_point") {
                "mount_point"
            } else {
                "library"
            };
            let message =
                "another share is mounted at this `mount_point`; give this one a place of its own";
            problems.add(&area.span(at), message);
        }
    }
}

/// Where the first of two settings is said, the second has to be as well.
fn require_pairs(section: &Section<'_>, pairs: &[(&str, &str)], problems: &mut Problems<'_>) {
    for (one, other) in pairs {
        if section.is_said(one) && !section.is_said(other) {
            problems.add(&section.span(one), format!("`{one}` needs `{other}`"));
        }
    }
}

/// Certificate and key go to one folder, in lower case.
fn require_own_names(poa: &Section<'_>, problems: &mut Problems<'_>) {
    let file = |name| poa.get(name, value::source_path);
    let (Some(certificate), Some(key)) = (file("certificate"), file("key")) else {
        return;
    };
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        destination_name(name.as_encoded_bytes())
    };
    if certificate != key && name(&certificate) == name(&key) {
        let message = "at the destination this gets the name that `certificate` gets too; name one of the files otherwise";
        problems.add(&poa.span("key"), message);
    }
}

fn require_login(destination: &Section<'_>, problems: &mut Problems<'_>) {
    let is_agent_asked = destination.get("agent", value::flag) != Some(false);
    if !is_agent_asked && !destination.is_said("key") && !destination.is_said("password") {
        let message = "without the agent there is no way to log in; give `key` or `password`";
        problems.add(&destination.span("agent"), message);
    }
}

/// The control command of an installed GroupWise calls a POA `post_office.domain`.
fn require_service_name(poa: &Section<'_>, post_office: &Section<'_>, problems: &mut Problems<'_>) {
    let generation = poa.get("generation", value::choice);
    let package = poa.get("package", value::package_kind);
    let is_known =
        poa.is_said("service") || post_office.is_said("domain") || poa.is_said("profile");
    if !is_known && Generation::of(generation, package) != Generation::Portable {
        let at = if poa.is_said("generation") {
            "generation"
        } else {
            "package"
        };
        let message = "this calls the POA by post office and domain; say [post_office] domain, or `service` in [poa]";
        problems.add(&poa.span(at), message);
    }
}
