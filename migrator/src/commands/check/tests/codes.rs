//! The rule of `check`: whatever a later step can end with is seen before, or it is said here why it cannot be.
//!
//! The codes are read from the source, so that a new one without its place in this table fails.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::check::CHECKS;
use crate::own_source::own_source;

/// Lines of the check, and the codes that each sees before a step ends with them.
const SEEN: &[(&str, &[&str])] = &[
    (
        "connect",
        &[
            "host-key-certificate-only",
            "host-key-changed",
            "host-key-revoked",
            "host-key-unknown",
            "known-hosts-unreadable",
            "private-key-encrypted",
            "private-key-too-open",
            "private-key-unreadable",
            "private-key-unusable",
            "remote-algorithm-mismatch",
            "remote-authentication-refused",
            "remote-connect-timeout",
            "remote-handshake",
            "remote-name-not-resolved",
            "remote-password-expired",
            "remote-prompt-unanswered",
            "remote-shell-failed",
            "remote-shell-prints",
            "remote-too-many-tries",
            "remote-unreachable",
            "remote-argument-nul",
        ],
    ),
    (
        "places",
        &[
            "folder-of-the-system",
            "places-overlap",
            "mount-setting",
            "secret-empty",
            "secret-environment-unset",
            "secret-file-unreadable",
            "secret-prompt-failed",
        ],
    ),
    ("mount-possible", &["mount-no-client"]),
    (
        "source-mounted",
        &[
            "mount-failed",
            "mount-login-refused",
            "mount-mismatch",
            "mount-server-unreachable",
            "mount-share-refused",
            "source-does-not-answer",
            "source-mount-other",
            "source-not-mounted",
        ],
    ),
    ("source-read-only", &["source-writable"]),
    (
        "worker-runs",
        &[
            "utility-differs",
            "utility-does-not-run",
            "utility-no-program",
            "utility-other-machine",
            "utility-other-version",
            "upload-source-unreadable",
            "remote-file-failed",
        ],
    ),
    (
        "destination-abilities",
        &["destination-folds-case", "destination-unable"],
    ),
    (
        "source-readable",
        &[
            "folder-not-opened",
            "listed-not-there",
            "listed-otherwise",
            "listed-twice",
            "name-reserved",
            "not-a-file",
            "not-mounted",
            "path-too-deep",
            "same-file",
            "sandbox",
            "source-marker-missing",
            "source-unreadable",
        ],
    ),
    ("locks-shared", &["no-locks"]),
    ("source-busy", &["database-deferred", "lock-held"]),
    ("source-clock", &["clock-ahead", "time-odd"]),
    (
        "names",
        &[
            "name-collision",
            "name-kept",
            "name-mapped",
            "name-too-long",
        ],
    ),
    ("stale-queues", &["stale-queue-items"]),
    ("destination-room", &["not-enough-room"]),
    ("destination-inodes", &["not-enough-inodes"]),
    (
        "certificate",
        &[
            "certificate-expired",
            "certificate-not-yet-valid",
            "certificate-other-name",
            "certificate-self-signed",
            "certificate-unreadable",
            "key-does-not-fit",
            "key-password-missing",
            "key-password-wrong",
            "key-unreadable",
            "file-of-somebody",
        ],
    ),
    (
        "startup-file",
        &[
            "gwha-conf",
            "no-startup-file",
            "startup-file",
            "startup-file-path",
            "startup-file-switch",
        ],
    ),
    ("destination-ports", &["port-taken"]),
    (
        "poa-package",
        &[
            "other-version",
            "package-not-of-profile",
            "package-unreadable",
            "profile",
        ],
    ),
    (
        "run-as-user",
        &[
            "log-folder-of-the-system",
            "low-ports",
            "no-user",
            "profile-without-user",
            "uid-conf-taken",
            "user-is-root",
        ],
    ),
    ("source-poa", &["source-poa-unknown"]),
];

/// Why a code cannot be seen before, or need not be.
const UNSEEN: &[(&str, &[&str])] = &[
    (
        "it is about the command line, the worksheet or a file of this machine, and every command says it before it begins",
        &[
            "worksheet-unreadable",
            "unknown-item",
            "unknown-person",
            "local-file",
            "check-unreadable",
            "page-not-written",
            "log-file",
        ],
    ),
    (
        "stage one says it before it copies anything, and it is of the job or the folders that stage one takes",
        &[
            "controller-busy",
            "destination-marker-missing",
            "destination-marker-unreadable",
            "destination-not-empty",
            "destination-not-ours",
            "destination-of-another-job",
            "job-folder-of-another-job",
            "job-store-layout",
            "job-store-older",
            "lease-lost",
            "lease-not-taken",
            "mount-appeared",
            "mounts-changed",
            "no-job",
            "source-changed",
            "taken-over",
            "worker-busy",
        ],
    ),
    (
        "it comes from a connection, a disk or a machine that fails meanwhile",
        &[
            "could-not-ask",
            "system-not-changed",
            "destination-full",
            "file-system",
            "interrupted",
            "job-folder",
            "job-store",
            "job-store-damaged",
            "package-differs",
            "remote-command-failed",
            "remote-command-timeout",
            "remote-disconnected",
            "remote-no-space",
            "remote-output-too-large",
            "remote-request-refused",
            "source-gone",
            "too-many-open-files",
            "sync-failed",
            "worker-died",
        ],
    ),
    (
        "a person asks something of the worker that is at work, or there is none",
        &["not-heard", "nothing-at-work", "stopped"],
    ),
    (
        "it is of a program that the worksheet names for this machine",
        &["notify-failed"],
    ),
    (
        "two versions of this program meet, or it has an error",
        &["finding", "order", "protocol", "task-stopped"],
    ),
    (
        "it is what a pass meets of files that change while users work, or reads whole for the first time",
        &[
            "database-damaged",
            "destination-changed",
            "folder-not-empty",
            "in-the-way",
            "kept-changing",
            "lost-and-found",
            "set-aside",
            "times-shifted",
            "too-many-removals",
            "vanished",
        ],
    ),
    (
        "the guardian is looked at where it was copied to, by stage one and while users work",
        &[
            "database-in-use",
            "guardian-by-hand",
            "guardian-entry-stale",
            "guardian-fields-unknown",
            "guardian-name-kept",
            "guardian-names-left",
            "guardian-name-perhaps-left",
            "guardian-names-not-visible",
            "guardian-not-known",
            "gwcheck-failed",
            "gwcheck-log",
            "gwcheck-missing",
            "gwcheck-options",
            "gwcheck-running",
            "names-not-proven",
        ],
    ),
    (
        "libraries are listed by stage one, and asked for before users are out",
        &["area-not-copied", "library", "library-unmapped"],
    ),
    (
        "only an agent that was started shows it; stage one starts it while users work",
        &[
            "gwha-does-not-stop",
            "gwha-held",
            "poa-comes-back",
            "poa-did-not-start",
            "poa-not-named",
            "poa-does-not-answer",
            "poa-does-not-stop",
            "runs-as-other-user",
        ],
    ),
    (
        "both mailboxes are there only after stage one, and test-mailbox is for them",
        &[
            "mailbox-certificate",
            "mailbox-differs",
            "mailbox-folder-differs",
            "mailbox-folder-unclear",
            "mailbox-folder-unread",
            "mailbox-message-unread",
            "mailbox-not-read",
            "mailbox-without-inbox",
        ],
    ),
    (
        "it is about the order of the commands, or about what a person said",
        &[
            "abandoned",
            "already-live",
            "area-left-out",
            "cannot-be-accepted",
            "changed-by-users",
            "checklist-open",
            "confirmation-contradicted",
            "confirmation-withdrawn",
            "destination-changed-since-seal",
            "guardian-not-converted",
            "no-stragglers",
            "nobody-worked",
            "not-accepted",
            "not-at-source",
            "not-sealed",
            "nothing-taken",
            "nothing-to-accept",
            "said",
            "stage-one-not-done",
            "startup-file-differs",
            "users-may-have-worked",
            "worked-at-destination",
        ],
    ),
    (
        "it is about a source at rest, which it is not while a check runs",
        &[
            "queue-item-moving",
            "queue-item-not-a-file",
            "queue-item-unreadable",
            "queue-item-unsure",
            "queue-name-taken",
            "queues-not-at-rest",
            "source-changed-since-seal",
            "source-not-at-rest",
            "source-not-proven",
            "source-poa-answers",
        ],
    ),
    (
        "it is what the sweep, the seal or giving away sees of the copy",
        &[
            "copy-differs",
            "folder-not-ours",
            "mount-point-name",
            "owner-left-alone",
            "seal-database-damaged",
            "seal-document",
            "seal-guardian",
            "seal-guardian-entry",
            "seal-moved",
            "uid-conf-for-all",
        ],
    ),
];

/// The literals that stand right behind one of the openings of a finding, or in a function or value that gives codes.
fn codes_in(code: &str, found: &mut BTreeSet<String>) {
    let openings = ["Finding::new(", "refused(", "person(", "report(", "code: "];
    for opening in openings {
        for rest in code.split(opening).skip(1) {
            found.extend(literal(rest.trim_start()));
        }
    }
    for (begin, end) in [("fn code(&self)", "\n    }"), ("let code = match", "};")] {
        for rest in code.split(begin).skip(1) {
            let block = rest.split(end).next().unwrap_or_default();
            let literals = block.split('"').skip(1).step_by(2);
            found.extend(literals.filter(|text| is_code(text)).map(str::to_owned));
        }
    }
}

fn literal(text: &str) -> Option<String> {
    let (text, rest) = text.strip_prefix('"')?.split_once('"')?;
    let is_argument = rest.trim_start().starts_with(',');
    (is_code(text) && is_argument).then(|| text.to_owned())
}

fn is_code(text: &str) -> bool {
    let is_of_words = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_of_words)
}

fn codes() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for code in own_source() {
        codes_in(&code, &mut found);
    }
    // The lines of the check are findings as well.
    found.retain(|code| !CHECKS.contains(&code.as_str()) || code == "startup-file");
    found
}

#[test]
fn whatever_a_later_step_can_end_with_has_a_line_of_the_check_or_a_reason_why_not() {
    for (line, codes) in SEEN {
        assert!(CHECKS.contains(line) && !codes.is_empty(), "{line}");
    }
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, codes) in SEEN.iter().chain(UNSEEN) {
        for code in *codes {
            *places.entry(code).or_default() += 1;
        }
    }
    let twice: Vec<_> = places.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let codes = codes();
    assert!(codes.len() > 150, "{codes:?}");
    let known: BTreeSet<String> = places.keys().map(|&code| code.to_owned()).collect();
    let missing: Vec<_> = codes.difference(&known).collect();
    let gone: Vec<_> = known.difference(&codes).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "say in this table which line of `check` sees these, or why none can: {missing:?}; nothing has these any more: {gone:?}"
    );
}
