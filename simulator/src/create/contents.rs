//! What each folder of a post office holds, attachments left out.

use postoffice::startup_file::startup_file_name;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::folders::{Content, NamedFile, TreePlan};
use crate::database::StoreSize;
use crate::model::{NameCase, User};
use crate::random::{INDEXES, QUEUED, SMALL_FILES, Sizes};

/// The roll-forward log of the guardian; under 24 KB it counts as empty.
const GUARDIAN_LOG: Sizes = Sizes::new(4096, &[1]);

const DICTIONARY: &str =
    "; Data dictionary of a simulated post office.\r\n; It has no items yet.\r\n";

fn database() -> Content {
    Content::Store(StoreSize::Small)
}

fn empty() -> Content {
    Content::Bytes(Vec::new())
}

/// The files of the root, startup file and guardian left out.
pub(super) fn root(folders: &mut TreePlan, post_office: Content) {
    let dictionary = || Content::Bytes(DICTIONARY.as_bytes().to_vec());
    folders.at("").named.extend([
        NamedFile::new("wphost.db", post_office),
        NamedFile::new("ngwguard.rfl", Content::Random(GUARDIAN_LOG)),
        NamedFile::new("ngwguard.dc", dictionary()),
        NamedFile::new("gwpo.dc", dictionary()),
        NamedFile::new("ngwcheck.db", database()),
        NamedFile::new("ngwcheck.log", Content::Random(SMALL_FILES)),
        NamedFile::new("ngwguard.lck", empty()),
        NamedFile::new("wphost.lck", empty()),
        // Somebody always leaves something.
        NamedFile::new(
            "readme.txt",
            Content::Bytes(b"Call Erika before you touch this.\r\n".to_vec()),
        ),
    ]);
    folders
        .at("oftemp")
        .named
        .push(NamedFile::new("gwt00001.tmp", Content::Random(SMALL_FILES)));
    folders
        .at("ofwork/ofdirect")
        .named
        .push(NamedFile::new("direct.001", Content::Random(SMALL_FILES)));
}

/// The guardian and its fall-back copies, which are the same at this moment.
pub(super) fn guardian(folders: &mut TreePlan, guardian: &Content) {
    for (folder, name) in [
        ("", "ngwguard.db"),
        ("", "ngwguard.fbk"),
        ("ofmsg/guardbak", "ngwguard.fbk"),
    ] {
        let file = NamedFile::new(name, guardian.clone());
        folders.at(folder).named.push(file);
    }
}

/// What stands beside the user databases: prime user databases and indexes; and views.
pub(super) fn users(
    folders: &mut TreePlan,
    generator: &mut ChaCha8Rng,
    users: &[User],
    case: NameCase,
) {
    let folder = folders.at("ofuser");
    for number in 0..users.len().div_ceil(10) {
        let name = format!("pu{number:03x}{:02x}.db", generator.random_range(0..0x100));
        folder.named.push(NamedFile::new(name, database()));
    }
    if let Some(user) = users.first() {
        folder
            .named
            .push(NamedFile::new(format!("user{}.lck", user.fid), empty()));
    }
    for number in 0..3 {
        for extension in ["idx", "inc"] {
            let name = format!("{number:08x}.{extension}");
            let index = NamedFile::new(name, Content::Random(INDEXES));
            folders.at("ofuser/index").named.push(index);
        }
    }
    views(folders, case);
}

fn views(folders: &mut TreePlan, case: NameCase) {
    let views = &mut folders.at("ofviews/win").named;
    for name in [
        "mail", "mailsend", "appt", "task", "note", "phone", "posted",
    ] {
        views.push(NamedFile::new(
            format!("gw{name}.vew"),
            Content::Random(SMALL_FILES),
        ));
    }
    let settings = Content::Bytes(b"[Views]\r\nDefault=GWMAIL\r\n".to_vec());
    views.push(NamedFile::new("gwviews.ini", settings));
    if case == NameCase::Mixed {
        // One that can become lower case, one that must be kept and reported.
        for name in ["Prüfung.VEW", "ÜBERSICHT.vew"] {
            views.push(NamedFile::exact(name, Content::Random(SMALL_FILES)));
        }
    }
}

/// What stands beside the message databases.
pub(super) fn messages(folders: &mut TreePlan) {
    let folder = folders.at("ofmsg");
    let deferred = Content::Store(StoreSize::Deferred);
    folder.named.push(NamedFile::new("ngwdfr.db", deferred));
    folder.named.push(NamedFile::new("msg0.lck", empty()));
}

/// Queue items, `count` and at least one per priority of the two busy queues, and the logs between them.
pub(super) fn queues(folders: &mut TreePlan, generator: &mut ChaCha8Rng, count: usize) {
    for queue in ["wpcsin", "wpcsout/ofs"] {
        for priority in 0..8 {
            queued(folders, &format!("{queue}/{priority}"));
        }
    }
    for folder in [
        "wpcsout/ads/2",
        "wpcsout/chk/0",
        "wpcsout/problem",
        "wpcsout/ofs/defer",
    ] {
        queued(folders, folder);
    }
    for _ in 20..count {
        let queue = ["wpcsin", "wpcsout/ofs", "wpcsout/ads"][generator.random_range(0..3)];
        queued(
            folders,
            &format!("{queue}/{}", generator.random_range(0..8)),
        );
    }
    for (month, day) in [(3, 12), (3, 13), (11, 30)] {
        for number in 1..=2 {
            let name = format!("{month:02}{day:02}poa.{number:03}");
            let log = NamedFile::new(name, Content::Random(SMALL_FILES));
            folders.at("wpcsout/ofs").named.push(log);
        }
    }
}

fn queued(folders: &mut TreePlan, label: &str) {
    let folder = folders.at(label);
    folder.opaque += 1;
    folder.opaque_sizes = QUEUED;
}

/// A library with its databases, and `count` documents, a tenth of them archived.
pub(super) fn library(
    folders: &mut TreePlan,
    generator: &mut ChaCha8Rng,
    library: &str,
    count: usize,
) {
    let label = format!("gwdms/{library}");
    let number = library.trim_start_matches("lib00");
    let databases = &mut folders.at(&label).named;
    databases.push(NamedFile::new(format!("dmsd00{number}.db"), database()));
    for partition in 0..10 {
        let name = format!("dmdd{partition:02}{number}.db");
        databases.push(NamedFile::new(name, database()));
    }
    for extension in ["idx", "inc"] {
        let index = NamedFile::new(
            format!("{library}.{extension}"),
            Content::Random(SMALL_FILES),
        );
        folders.at(&format!("{label}/index")).named.push(index);
    }
    folders.at(&format!("{label}/docs"));
    if folders.at("gwdms").named.is_empty() {
        folders
            .at("gwdms")
            .named
            .push(NamedFile::new("dmsh.db", database()));
    }
    if count > 0 {
        let archived = count.div_ceil(10);
        documents(
            folders,
            generator,
            &format!("{label}/docs"),
            count - archived,
        );
        folders.at(&format!("{label}/archive/a000000")).opaque += archived;
    }
}

/// Documents in their folders `fd0` to `fdff`, with few folders where there are few documents.
pub(super) fn documents(
    folders: &mut TreePlan,
    generator: &mut ChaCha8Rng,
    label: &str,
    count: usize,
) {
    let folder_last = u8::try_from(count / 8).unwrap_or(u8::MAX);
    for number in 0..count {
        let folder = match number {
            0 => 0xf6,
            _ => generator.random_range(0..=folder_last),
        };
        let slash = if label.is_empty() { "" } else { "/" };
        folders.at(&format!("{label}{slash}fd{folder:x}")).opaque += 1;
    }
}

/// Names longer than the eight characters that NetWare keeps in the name of a startup file.
const POST_OFFICES: [&str; 6] = [
    "Headquarters",
    "Accounting",
    "Production",
    "Development",
    "Warehouses",
    "Management",
];

pub(super) fn post_office_name(generator: &mut ChaCha8Rng) -> String {
    POST_OFFICES[generator.random_range(0..POST_OFFICES.len())].to_owned()
}

/// Adds the startup file and returns its lower-case name.
pub(super) fn startup_file(folders: &mut TreePlan, post_office: &str) -> String {
    let name = startup_file_name(post_office, true);
    let short = name.trim_end_matches(".poa").to_ascii_uppercase();
    let text = format!(
        "; POA startup file for post office {post_office}\r\n\
         ; Switches begin with a slash on NetWare.\r\n\
         \r\n\
         /home-\\\\NW1\\MAIL\\{short}\r\n\
         /port-1677\r\n\
         /HTTPPort-7181 /httpuser-webadmin /httppassword-\"not a secret\"\r\n\
         /mtpinipaddr-10.1.1.10\r\n\
         /mtpinport-7101\r\n\
         /mtpoutport-7100\r\n\
         /loglevel-verbose\r\n\
         ; /log-sys:\\system\\poalogs\r\n\
         /rights\r\n"
    );
    folders.at("").named.push(NamedFile::new(
        name.clone(),
        Content::Bytes(text.into_bytes()),
    ));
    name
}
