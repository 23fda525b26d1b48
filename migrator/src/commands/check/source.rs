//! What the worker saw of the source, judged.

use protocol::{Count, InventoryReport, LockReach, Offline, Survey, Verdict, worst};

use super::report::Judged;
use crate::controller::Finished;
use crate::numbers;
use crate::steps::mount_source::Writable;
use crate::steps::source_poa::NOT_LIVE;

/// The class of the agents' logs, as an inventory names it.
const LOG_CLASS: &str = "log";

/// The codes of findings about what cannot be read or would not be copied.
const UNREADABLE: [&str; 4] = [
    "source-unreadable",
    "not-a-file",
    "path-too-deep",
    "name-reserved",
];

/// What is told of names by a finding of its own.
const RENAME: &str = "Rename or remove one of each two at the source before stage one";

/// What is to be done about files that are offline at the server.
const RECALL: &str = "Plan more time for stage one, which the estimate knows nothing of, or have whoever keeps the server \
                      recall them beforehand and see that it has the room";

/// What is told where nobody could be asked about them.
const ASK: &str = "whoever keeps the server knows whether it archives or deduplicates files; where it does, plan more time for \
                   stage one";

pub(super) fn readable(finished: &Finished) -> Judged {
    let about = finished
        .findings
        .iter()
        .filter(|finding| UNREADABLE.contains(&&*finding.code));
    let about: Vec<_> = about.cloned().collect();
    let mut judged = Judged::pass(format!(
        "{} files, {}, {} folders",
        numbers::count(numbers::count_of(&finished.counts, Count::FilesSeen)),
        numbers::bytes(numbers::count_of(&finished.counts, Count::BytesSeen)),
        numbers::count(numbers::count_of(&finished.counts, Count::FoldersSeen))
    ));
    if let Some(finding) = about.first() {
        judged.verdict = worst(&about);
        let more = numbers::count(about.len() as u64);
        judged.text = format!("{}; {more} entries would not be copied", judged.text);
        judged.remedy.clone_from(&finding.remedy);
    }
    judged
}

/// Whether the mounts of the source are read-only, as the mount table says.
pub(super) fn read_only(writable: Vec<Writable>) -> Judged {
    let findings = writable.into_iter().map(|one| one.finding);
    let (texts, remedies): (Vec<String>, Vec<String>) =
        findings.map(|one| (one.text, one.remedy)).unzip();
    let Some(remedy) = remedies.into_iter().next() else {
        return Judged::pass(
            "no mount of the source can be written, by the mount table; a folder of a disk of the destination has none of its own",
        );
    };
    Judged::warning(texts.join("; "), remedy)
}

/// Whether locks are of use, and which are held; a copy that nobody works on needs none, and where one is held in it, somebody
/// does.
pub(super) fn locks(survey: &Survey, is_live: bool) -> [(&'static str, Judged); 2] {
    let mut names: Vec<&str> = survey.sources.iter().map(|one| one.name.as_str()).collect();
    names.dedup();
    let names = names.join(", ");
    let mut reaches: Vec<String> = survey
        .sources
        .iter()
        .map(|one| one.locks.to_string())
        .collect();
    reaches.dedup();
    let reaches = format!("locks: {}", reaches.join(", "));
    let is_one =
        |wanted: fn(&LockReach) -> bool| survey.sources.iter().any(|one| wanted(&one.locks));
    let shared = if !is_live {
        Judged::pass(format!("{NOT_LIVE}: it needs no locks"))
    } else if is_one(|locks| *locks == LockReach::KeptHere) {
        Judged::warning(
            format!("{reaches}; the source is on {names}, which keeps locks away from the server"),
            "Mount it with a client that passes locks on where there is one (the kernel's for cifs and nfs); copies of databases in use \
             may be late, and are proven and copied again in stage two",
        )
    } else if survey.locks_unsupported > 0 || is_one(|locks| *locks == LockReach::None) {
        Judged::warning(
            format!(
                "{reaches}; the source ({names}) has no locks for {} of {} databases",
                numbers::count(survey.locks_unsupported),
                numbers::count(survey.locks_tried)
            ),
            "Mount it so that it has locks; until then a database counts as copied only where nothing of it moved meanwhile, and one \
             that keeps moving is left to stage two, where nobody works on it",
        )
    } else if is_one(|locks| matches!(locks, LockReach::Unknown { .. })) {
        Judged::pass(format!(
            "{reaches}; the source is on {names}: locks are taken, and a database counts as copied only where nothing of it moved \
             meanwhile"
        ))
    } else {
        Judged::pass(format!(
            "{reaches}; the source is on {names}, whose locks everybody sees"
        ))
    };
    let tried = numbers::count(survey.locks_tried);
    let busy = match survey.locks_held {
        0 if survey.locks_unreadable > 0 => Judged::warning(
            format!(
                "{} of {tried} databases cannot be opened, so nothing is known of their locks; the others are free",
                numbers::count(survey.locks_unreadable)
            ),
            "Give the account that mounts the source the right to read them; the findings name them",
        )
        .told(),
        0 => Judged::pass(format!("the locks of {tried} databases are free")),
        held => Judged::warning(
            format!(
                "the locks of {} of {tried} databases are held",
                numbers::count(held)
            ),
            "Users at work hold few, and never for long; many, or always the same, are maintenance or a backup: let that \
             end before stage one",
        ),
    };
    [("locks-shared", shared), ("source-busy", busy)]
}

pub(super) fn times(
    inventory: &InventoryReport,
    survey: &Survey,
    allowance_seconds: u64,
) -> [(&'static str, Judged); 2] {
    let granularity = numbers::count(inventory.granularity_nanoseconds);
    let granularity = Judged::pass(format!("{granularity} ns at the source"));
    let ahead = survey.newest_seconds.saturating_sub(survey.now_seconds);
    let clock = if ahead > i64::try_from(allowance_seconds).unwrap_or(i64::MAX) {
        Judged::warning(
            format!(
                "the newest file of the source is {ahead} s in the future by the destination's clock"
            ),
            format!(
                "Set the clocks; where the source's cannot be set, say clock_allowance_seconds = {} in [source]",
                ahead + 1
            ),
        )
    } else {
        Judged::pass("no file of the source is from the future")
    };
    [("time-granularity", granularity), ("source-clock", clock)]
}

pub(super) fn names(inventory: &InventoryReport, survey: &Survey) -> Judged {
    let capitals: u64 = inventory
        .areas
        .iter()
        .map(|area| area.names_with_capitals)
        .sum();
    let capitals = numbers::count(capitals);
    let (collisions, kept) = (survey.collisions, survey.kept_names);
    match (collisions, kept) {
        (0, 0) => Judged::pass(format!("{capitals} names will become lower case")),
        (0, kept) => Judged::warning(
            format!(
                "{capitals} names will become lower case, {} are kept because they are not ASCII",
                numbers::count(kept)
            ),
            "Nothing, unless GroupWise itself uses one of them",
        )
        .told(),
        (collisions, _) => Judged::fail(
            format!(
                "{} names would become the same as another",
                numbers::count(collisions)
            ),
            RENAME,
        )
        .told(),
    }
}

pub(super) fn stale_queues(survey: &Survey) -> Judged {
    match survey.stale_items {
        0 => Judged::pass("nothing stands in the queues for longer than a day"),
        items => Judged::warning(
            format!(
                "{} items stand in the queues for longer than a day",
                numbers::count(items)
            ),
            "Look at them before stage two; they are carried over like all others",
        )
        .told(),
    }
}

pub(super) fn agent_logs(inventory: &InventoryReport, are_copied: bool) -> Judged {
    let of = |map: &std::collections::BTreeMap<String, u64>| map.get(LOG_CLASS).copied();
    let areas = &inventory.areas;
    let files: u64 = areas.iter().filter_map(|area| of(&area.classes)).sum();
    let bytes: u64 = areas.iter().filter_map(|area| of(&area.class_bytes)).sum();
    let what = format!(
        "{} logs of the agents with {}",
        numbers::count(files),
        numbers::bytes(bytes)
    );
    Judged::pass(if are_copied {
        format!("{what}, which copy.agent_logs = false would spare")
    } else {
        format!("{what} are left at the source")
    })
}

/// Whether a proof also ends where nothing but the time of an inode moves at the source.
pub(super) fn change_times(survey: &Survey) -> Judged {
    let without: Vec<&str> = survey
        .sources
        .iter()
        .filter(|source| !source.keeps_change_times)
        .map(|source| source.name.as_str())
        .collect();
    if survey.change_times_moved > 0 {
        return Judged::warning(
            format!(
                "the times of the inodes of {} files moved while nothing but reading was done to them, so no proof of stage one will \
                 hold for long, and the seal reads those files again with users out",
                numbers::count(survey.change_times_moved)
            ),
            "See what touches files at the source (backup, virus scanner, indexing), and stop it for the time of the migration; else \
             plan with more time without users",
        );
    }
    if let Some(name) = without.first() {
        return Judged::pass(format!(
            "{name} has no time of an inode's change that can be relied on: what stage one proves holds as long as size and time of \
             a file are the same; `read_again = \"everything\"` in [seal] reads all with users out, and `gwmigrate verify --source` \
             reads all afterwards"
        ));
    }
    Judged::pass(
        "the source keeps the times at which inodes change, so a proof ends with whatever touches a file",
    )
}

/// Files that have to be fetched at the server before they can be read; whether there are any may not be known.
pub(super) fn offline_files(survey: &Survey) -> Judged {
    let Offline {
        files,
        bytes,
        not_asked,
    } = survey.offline;
    let offline = format!(
        "{} files with {} are offline at the server, archived or deduplicated: reading them is slow, and moves data there",
        numbers::count(files),
        numbers::bytes(bytes)
    );
    let unknown = format!(
        "whether they are offline at the server could not be asked of {} files",
        numbers::count(not_asked)
    );
    match (files, not_asked) {
        (0, 0) => Judged::pass("no file is offline at the server"),
        (0, _) => Judged::pass(format!("{unknown}; {ASK}")),
        (_, 0) => Judged::warning(offline, RECALL),
        _ => Judged::warning(format!("{offline}; {unknown}"), RECALL),
    }
}

/// What the worst verdict of a task and its findings say about one thing.
pub(super) fn of_task(finished: &Finished, fine: &str) -> Judged {
    let mut worst = finished
        .findings
        .iter()
        .filter(|finding| finding.verdict == finished.verdict);
    match worst.next_back() {
        Some(finding) if finished.verdict > Verdict::NothingToDo => Judged {
            verdict: finished.verdict,
            text: finding.text.clone(),
            remedy: finding.remedy.clone(),
            is_told: true,
        },
        _ => Judged::pass(fine),
    }
}
