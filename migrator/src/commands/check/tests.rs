mod codes;

use super::estimate::Costs;
use super::*;
use protocol::{
    AreaInventory, FileSystem, InventoryReport, LockReach, Offline, ReadAgain, Sample, Survey,
};

const GIB: u64 = 1 << 30;

fn inventory(survey: Survey) -> InventoryReport {
    InventoryReport {
        areas: vec![AreaInventory {
            files: 100_000,
            bytes: 100 * GIB,
            names_with_capitals: 7,
            classes: [("log".to_owned(), 3), ("user database".to_owned(), 1_000)].into(),
            class_bytes: [
                ("log".to_owned(), 2 * GIB),
                ("user database".to_owned(), GIB),
            ]
            .into(),
            ..AreaInventory::default()
        }],
        destination_free_bytes: 200 * GIB,
        destination_free_inodes: 1_000_000,
        granularity_nanoseconds: 100,
        files_per_second: 10_000.0,
        milliseconds: 12_000,
        survey: Some(survey),
    }
}

fn verdicts(lines: &[(&'static str, Judged)]) -> Vec<(&'static str, Verdict)> {
    for (check, judged) in lines {
        let says_what_to_do = judged.verdict == Verdict::Done || !judged.remedy.is_empty();
        assert!(says_what_to_do, "{check}: {judged:?}");
    }
    lines
        .iter()
        .map(|(check, judged)| (*check, judged.verdict))
        .collect()
}

fn on(name: &str, locks: LockReach) -> Survey {
    Survey {
        sources: vec![FileSystem {
            name: name.into(),
            locks,
            keeps_change_times: true,
        }],
        locks_tried: 40,
        ..Survey::default()
    }
}

#[test]
fn locks_that_stay_here_or_are_not_there_are_told() {
    let judge = |survey: &Survey| verdicts(&source::locks(survey, true)).remove(0).1;
    assert_eq!(judge(&on("cifs", LockReach::Shared)), Verdict::Done);
    assert_eq!(judge(&on("9p", LockReach::default())), Verdict::Done);
    assert_eq!(
        judge(&on("fuse", LockReach::KeptHere)),
        Verdict::NeedsAttention
    );
    assert_eq!(judge(&on("nfs", LockReach::None)), Verdict::NeedsAttention);
    let why = "the server keeps it to itself".to_owned();
    let [(_, unknown), _] = source::locks(&on("nfs", LockReach::Unknown { why }), true);
    let said = "locks: unknown (the server keeps it to itself)";
    assert!(unknown.text.contains(said), "{}", unknown.text);
    let mut without = on("cifs", LockReach::Shared);
    without.locks_unsupported = 1;
    assert_eq!(judge(&without), Verdict::NeedsAttention);
    // A copy that nobody works on needs none; where one is held, somebody does.
    without.locks_held = 1;
    let of_copy = verdicts(&source::locks(&without, false));
    let expected = [
        ("locks-shared", Verdict::Done),
        ("source-busy", Verdict::NeedsAttention),
    ];
    assert_eq!(of_copy, expected);
}

#[test]
fn locks_that_are_held_are_counted() {
    let mut survey = on("cifs", LockReach::Shared);
    assert_eq!(verdicts(&source::locks(&survey, true))[1].1, Verdict::Done);
    survey.locks_unreadable = 1;
    let [_, (_, busy)] = source::locks(&survey, true);
    assert_eq!(busy.verdict, Verdict::NeedsAttention);
    assert!(
        busy.text.contains("1 of 40 databases cannot be opened"),
        "{}",
        busy.text
    );
    survey.locks_held = 3;
    let [_, (check, busy)] = source::locks(&survey, true);
    assert_eq!(
        (check, busy.verdict),
        ("source-busy", Verdict::NeedsAttention)
    );
    assert!(busy.text.contains("3 of 40"), "{}", busy.text);
}

#[test]
fn files_from_the_future_name_the_allowance_that_they_need() {
    let mut survey = Survey {
        newest_seconds: 1_002,
        now_seconds: 1_000,
        ..Survey::default()
    };
    let judge = |survey: &Survey| {
        let [_, (_, clock)] = source::times(&inventory(survey.clone()), survey, 2);
        clock
    };
    assert_eq!(judge(&survey).verdict, Verdict::Done);
    survey.newest_seconds = 1_090;
    let clock = judge(&survey);
    assert_eq!(clock.verdict, Verdict::NeedsAttention);
    assert!(
        clock.remedy.contains("clock_allowance_seconds = 91"),
        "{}",
        clock.remedy
    );
}

#[test]
fn a_clock_of_the_destination_that_is_off_is_told_in_both_directions() {
    assert_eq!(
        destination::judge_clock(1_000, 1_060).verdict,
        Verdict::Done
    );
    assert_eq!(
        destination::judge_clock(1_000, 1_061).verdict,
        Verdict::NeedsAttention
    );
    assert_eq!(
        destination::judge_clock(1_061, 1_000).verdict,
        Verdict::NeedsAttention
    );
}

#[test]
fn room_is_asked_for_growth_as_well() {
    let judge = |bytes: u64, inodes: u64| {
        let mut inventory = inventory(Survey::default());
        inventory.destination_free_bytes = bytes;
        inventory.destination_free_inodes = inodes;
        let verdicts = verdicts(&room::judge(&inventory));
        (verdicts[0].1, verdicts[1].1)
    };
    let (fine, tight, none) = (Verdict::Done, Verdict::NeedsAttention, Verdict::Refused);
    assert_eq!(judge(110 * GIB, 110_000), (fine, fine));
    assert_eq!(judge(109 * GIB, 109_000), (tight, tight));
    assert_eq!(judge(99 * GIB, 99_000), (none, none));
    // Some file systems have no such limit and say 0.
    assert_eq!(judge(110 * GIB, 0), (fine, fine));
}

#[test]
fn names_queues_and_logs_are_judged() {
    let mut survey = Survey::default();
    let judge = |survey: &Survey| source::names(&inventory(survey.clone()), survey).verdict;
    assert_eq!(judge(&survey), Verdict::Done);
    survey.kept_names = 1;
    assert_eq!(judge(&survey), Verdict::NeedsAttention);
    survey.collisions = 1;
    assert_eq!(judge(&survey), Verdict::Refused);
    assert_eq!(source::stale_queues(&survey).verdict, Verdict::Done);
    survey.stale_items = 1;
    assert_eq!(
        source::stale_queues(&survey).verdict,
        Verdict::NeedsAttention
    );
    let logs = source::agent_logs(&inventory(survey), true).text;
    assert!(
        logs.contains("2.0 GiB") && logs.contains("agent_logs = false"),
        "{logs}"
    );
}

#[test]
fn what_a_proof_rests_on_at_the_source_is_told() {
    let survey = |keeps: [bool; 2], moved| Survey {
        sources: keeps
            .map(|keeps_change_times| FileSystem {
                name: "there".into(),
                locks: LockReach::default(),
                keeps_change_times,
            })
            .into(),
        change_times_moved: moved,
        ..Survey::default()
    };
    let kept = source::change_times(&survey([true, true], 0));
    assert!(kept.verdict == Verdict::Done && kept.text.contains("keeps the times"));
    let without = source::change_times(&survey([true, false], 0));
    assert!(without.verdict == Verdict::Done && without.text.contains("verify --source"));
    let moved = source::change_times(&survey([true, true], 3));
    assert_eq!(moved.verdict, Verdict::NeedsAttention);
    assert!(moved.text.contains("3 files"), "{}", moved.text);
}

#[test]
fn files_that_are_offline_and_files_that_nobody_could_ask_about_are_told_apart() {
    let judge = |files, bytes, not_asked| {
        source::offline_files(&Survey {
            offline: Offline {
                files,
                bytes,
                not_asked,
            },
            ..Survey::default()
        })
    };
    let none = judge(0, 0, 0);
    assert_eq!(none.verdict, Verdict::Done);
    let some = judge(1_234, 3 * GIB, 0);
    assert_eq!(some.verdict, Verdict::NeedsAttention);
    assert!(
        some.text.contains("1,234 files with 3.0 GiB") && !some.text.contains("could not be asked"),
        "{}",
        some.text
    );
    assert!(some.remedy.contains("recall"), "{}", some.remedy);
    let unknown = judge(0, 0, 5_678);
    assert_eq!(unknown.verdict, Verdict::Done);
    assert!(
        unknown.text.contains("could not be asked of 5,678 files"),
        "{}",
        unknown.text
    );
    assert!(
        unknown.text.contains("whoever keeps the server"),
        "{}",
        unknown.text
    );
    let both = judge(1_234, 3 * GIB, 5_678).text;
    assert!(
        both.contains("1,234 files") && both.contains("asked of 5,678 files"),
        "{both}"
    );
}

#[test]
fn an_estimate_counts_files_and_bytes_and_what_is_done_twice() {
    let survey = Survey {
        sample: Sample {
            small_files: 1_000,
            small_microseconds: 1_000_000,
            large_bytes: GIB / 10,
            large_microseconds: 1_000_000,
            small_bytes_max: 65_536,
            large_bytes_at_source: 10 * GIB,
        },
        ..Survey::default()
    };
    let costs = Costs {
        quiet_seconds: 10,
        still_seconds: 10,
        read_again: ReadAgain::Unproven,
        bandwidth: None,
        request_seconds: 0.1,
        order_seconds: 0.5,
    };
    let estimate =
        |survey, costs: &Costs| estimate::estimate(&inventory(survey), costs).expect("a sample");
    let about = |seconds: f64, wanted: f64| (seconds - wanted).abs() < 0.01;
    // 10 s to walk 100,000 files, 100 s for opening them, 100 s for the bytes of the large ones; twice, to prove it.
    let few = estimate(survey.clone(), &costs);
    assert!(about(few.stage_one_seconds, 420.0), "{few:?}");
    assert!(about(few.delta_seconds, 12.0), "{few:?}");
    // The quiet window, in which items of the queues stand still; requests and orders; at rest: two looks at 1,000 databases; the pass; the sweep; the seal with its last look,
    // what has changed, and the databases.
    let overhead = 10.0 + 30.0 * 0.1 + 7.0 * 0.5;
    let seal = 20.0 + 2.0 + 1.0 + 10.0;
    assert!(
        about(few.downtime_seconds, overhead + 0.2 + 12.0 + 10.0 + seal),
        "{few:?}"
    );
    let everything = Costs {
        read_again: ReadAgain::Everything,
        ..costs.clone()
    };
    let all = estimate(survey.clone(), &everything);
    assert!(
        about(all.downtime_seconds, few.downtime_seconds - 13.0 + 200.0),
        "{all:?}"
    );
    // 100 GiB at 20 MiB/s, twice.
    let limited = Costs {
        bandwidth: Some("20M".parse().expect("a limit")),
        ..costs.clone()
    };
    let slow = estimate(survey.clone(), &limited);
    assert!(
        about(slow.stage_one_seconds, 2.0 * (10.0 + 5120.0)),
        "{slow:?}"
    );
    assert!(
        about(slow.downtime_seconds, few.downtime_seconds),
        "{slow:?}"
    );
    let slow_writers = Costs {
        still_seconds: 60,
        ..costs.clone()
    };
    let waited = estimate(survey.clone(), &slow_writers);
    assert!(
        about(
            waited.downtime_seconds,
            few.downtime_seconds + 60.0 - 10.0 - 12.0
        ),
        "{waited:?}"
    );
    let nothing = estimate(Survey::default(), &costs);
    assert!(about(nothing.stage_one_seconds, 20.0), "{nothing:?}");
}
