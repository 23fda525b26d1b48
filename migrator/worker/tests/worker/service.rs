//! Orders, events, requests and leases, as the controller meets them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::time::Duration;

use jiff::tz::TimeZone;
use protocol::{
    ChecklistItem, CopyOptions, Event, EventKind, Explain as _, Fact, Finding, Hello, Order,
    PassKind, QueueReport, Reply, Request, SealReport, Secret, Started, Step, StepState, Task,
    TaskReport, Verdict,
};
use worker::lease::{Lease, Role};
use worker::run::run;
use worker::service::{call, follow, run_here};

use crate::support::{PASS_ONE, Site, child, contents, site_of_child, wanted};

#[test]
#[ignore = "started by another test"]
fn child_runs_an_order() {
    let site = site_of_child();
    let order = fs::read(site.root.join("order")).unwrap();
    let mut output = fs::File::create(site.root.join("output")).unwrap();
    let outcome = run_here(
        &site.job,
        order.as_slice(),
        &mut output,
        TimeZone::UTC,
        &|monitor| monitor,
    );
    println!("verdict: {:?}", outcome.map_err(|error| error.code()));
}

/// Runs an order in a process of its own, as production does, and returns what it said when it began.
fn run_in_child(site: &Site, order: &[u8]) -> (Started, String) {
    fs::write(site.root.join("order"), order).unwrap();
    let output = child("service::child_runs_an_order", site)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    (
        serde_json::from_slice(&fs::read(site.root.join("output")).unwrap()).unwrap(),
        text,
    )
}

fn followed(site: &Site, hello: &Hello) -> Vec<Event> {
    let mut output = Vec::new();
    follow(&site.job, hello.events_offset, hello.order, &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}")))
        .collect()
}

#[test]
fn orders_run_one_after_the_other_and_each_has_its_own_events() {
    let site = Site::with_post_office();
    let order = serde_json::to_vec(&site.order(PASS_ONE)).unwrap();
    let mut numbers = Vec::new();
    for round in 0..3 {
        if round == 2 {
            // A worker that was killed in the middle of a line.
            let mut log = fs::OpenOptions::new()
                .append(true)
                .open(site.job.join("events.jsonl"))
                .unwrap();
            log.write_all(b"{\"v\":1,\"at_mil").unwrap();
        }
        let (started, text) = run_in_child(&site, &order);
        let Started::Hello(hello) = started else {
            panic!("{started:?}")
        };
        assert!(text.contains("verdict: Ok(Done)"), "{text}");
        let events = followed(&site, &hello);
        assert!(
            matches!(events[0].what, EventKind::Started { .. }),
            "{:?}",
            events[0]
        );
        let EventKind::Finished {
            verdict,
            report: Some(TaskReport::Pass(_)),
            ..
        } = &events.last().unwrap().what
        else {
            panic!("{:?}", events.last());
        };
        assert_eq!(*verdict, Verdict::Done);
        assert!(events.iter().all(|event| event.order == hello.order));
        numbers.push(hello.order);
    }
    assert!(
        numbers.is_sorted_by(|first, second| first < second),
        "{numbers:?}"
    );
    let log = fs::read_to_string(site.job.join("events.jsonl")).unwrap();
    assert!(log.lines().all(|line| !line.is_empty()), "{log}");
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

#[test]
fn a_second_worker_is_refused_and_told_who_works() {
    let site = Site::with_post_office();
    let mut lease = Lease::take(&site.job, Role::Worker).unwrap();
    lease.describe("somebody at work").unwrap();
    let (started, _) = run_in_child(&site, &serde_json::to_vec(&site.order(PASS_ONE)).unwrap());
    let Started::Refused(finding) = started else {
        panic!("{started:?}")
    };
    assert!(finding.text.contains("somebody at work"), "{finding}");
    assert_eq!(finding.verdict, Verdict::Temporary);
    assert_eq!(
        Lease::holder(&site.job, Role::Worker).unwrap().as_deref(),
        Some("somebody at work")
    );
    assert_eq!(Lease::holder(&site.job, Role::Controller).unwrap(), None);
    drop(lease);
    assert_eq!(Lease::holder(&site.job, Role::Worker).unwrap(), None);
    // The next holder is not taken for the last one before it has said who it is.
    let _next = Lease::take(&site.job, Role::Worker).unwrap();
    assert_eq!(
        Lease::holder(&site.job, Role::Worker).unwrap().as_deref(),
        Some("")
    );
}

#[test]
fn other_protocols_and_broken_orders_are_refused() {
    let site = Site::with_post_office();
    let mut order = site.order(PASS_ONE);
    order.protocol = 0;
    let refused = run(&site.job, order, TimeZone::UTC, &|monitor| monitor, |_| {
        panic!("it began")
    })
    .unwrap_err();
    assert_eq!(
        (refused.code(), refused.verdict()),
        ("protocol", Verdict::Refused)
    );
    let (started, _) = run_in_child(&site, b"{\"protocol\":1");
    assert!(matches!(started, Started::Refused(_)));
    assert_eq!(contents(&site.destination).len(), 0);
}

#[test]
fn following_shows_whole_lines_and_ends_at_the_last_event_or_with_the_worker() {
    let site = Site::empty();
    let line = |order: u64, kind: &str| {
        format!("{{\"v\":1,\"at_milliseconds\":1,\"order\":{order},{kind}}}\n")
    };
    let finished =
        "\"event\":\"finished\",\"verdict\":\"done\",\"counts\":{},\"findings\":{},\"report\":null";
    let phase = "\"event\":\"phase\",\"name\":\"copy\",\"expected\":{\"files\":0,\"bytes\":0}";
    let path = site.job.join("events.jsonl");
    let old = line(1, finished);
    fs::write(&path, &old).unwrap();
    let lease = Lease::take(&site.job, Role::Worker).unwrap();
    let wanted = [line(2, phase), line(1, finished), line(2, finished)].concat();
    let shown = std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let mut output = Vec::new();
            follow(&site.job, old.len() as u64, 2, &mut output).unwrap();
            output
        });
        let mut log = fs::OpenOptions::new().append(true).open(&path).unwrap();
        for piece in wanted.as_bytes().chunks(70) {
            log.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(15));
        }
        log.write_all(b"what comes after is not shown\n").unwrap();
        follower.join().unwrap()
    });
    assert_eq!(String::from_utf8(shown).unwrap(), wanted);

    // A worker that died without a last event, in the middle of a line.
    drop(lease);
    fs::write(&path, [&line(3, phase)[..], "{\"v\":1"].concat()).unwrap();
    let mut output = Vec::new();
    follow(&site.job, 0, 3, &mut output).unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), line(3, phase));
}

#[test]
fn requests_are_answered_and_remembered() {
    let site = Site::empty();
    let hello = |job: &str| call(&site.job, Request::Hello { job: job.into() });
    assert!(matches!(
        hello("one"),
        Reply::Hello {
            protocol: protocol::PROTOCOL,
            ..
        }
    ));
    assert!(matches!(hello("one"), Reply::Hello { .. }));
    let Reply::Failed(finding) = hello("two") else {
        panic!("another job")
    };
    assert_eq!(
        (finding.code.as_ref(), finding.verdict),
        ("job-folder-of-another-job", Verdict::Refused)
    );

    let finding = Finding::new(
        "seen",
        Verdict::NeedsAttention,
        "something was seen",
        "look",
    )
    .about(b"a\nb");
    for request in [
        Request::BeginStep {
            step: Step::MountSource,
            at_milliseconds: Some(1234),
        },
        Request::EndStep {
            step: Step::MountSource,
            state: StepState::Done,
            detail: "mounted".into(),
            findings: vec![finding.clone()],
        },
        Request::BeginStep {
            step: Step::CopyData,
            at_milliseconds: None,
        },
        Request::Confirm {
            item: ChecklistItem::Replicated,
            by: "admin".into(),
            note: "seen".into(),
        },
        Request::Remember {
            fact: Fact::RunsAs("gwpoa".into()),
        },
    ] {
        assert_eq!(call(&site.job, request), Reply::Done);
    }
    for number in 1..=2 {
        let report = Request::KeepReport {
            command: "stage one/../x".into(),
            report: serde_json::json!({"n": number}),
        };
        let Reply::Kept { file } = call(&site.job, report) else {
            panic!("kept")
        };
        assert!(file.starts_with(&format!("reports/{number:04}-")), "{file}");
        assert!(!file[8..].contains('/'), "{file}");
        let text = fs::read_to_string(site.job.join(&file)).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["n"],
            number
        );
    }
    let Reply::Status(status) = call(&site.job, Request::Status) else {
        panic!("status")
    };
    assert_eq!(status.job.as_deref(), Some("one"));
    assert_eq!(status.facts.runs_as.as_deref(), Some("gwpoa"));
    let steps: Vec<_> = status
        .steps
        .iter()
        .map(|step| (step.step, step.state, step.runs))
        .collect();
    assert_eq!(
        steps,
        [
            (Step::MountSource, StepState::Done, 1),
            (Step::CopyData, StepState::Begun, 1)
        ]
    );
    assert_eq!(status.steps[0].began_milliseconds, 1234);
    assert_eq!(status.checklist[0].by, "admin");
    assert_eq!(status.worst, Some(Verdict::NeedsAttention));
    assert!(status.running.is_none());
    let Reply::Findings { findings } = call(&site.job, Request::Findings) else {
        panic!("findings")
    };
    assert_eq!(findings[0].finding, finding);
}

/// The clock of an administrator's machine is a minute ahead: the step before counted as the last one, and the way back was "nothing
/// was changed".
#[test]
fn the_step_that_was_begun_last_is_that_whatever_another_clock_says() {
    let site = Site::empty();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let ahead = i64::try_from(now.as_millis()).unwrap() + 60_000;
    for (step, at_milliseconds) in [(Step::InstallUtility, Some(ahead)), (Step::CopyData, None)] {
        let begin = Request::BeginStep {
            step,
            at_milliseconds,
        };
        assert_eq!(call(&site.job, begin), Reply::Done);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let Reply::Status(status) = call(&site.job, Request::Status) else {
        panic!("status")
    };
    assert_eq!(status.last_step().unwrap().step, Step::CopyData);
}

#[test]
fn a_step_that_is_run_again_forgets_what_its_last_run_found() {
    let site = Site::empty();
    let begin = Request::BeginStep {
        step: Step::MountSource,
        at_milliseconds: None,
    };
    let end = |state, findings| Request::EndStep {
        step: Step::MountSource,
        state,
        detail: String::new(),
        findings,
    };
    let status = || match call(&site.job, Request::Status) {
        Reply::Status(status) => status,
        other => panic!("{other:?}"),
    };
    let seen = Finding::new(
        "seen",
        Verdict::NeedsAttention,
        "something was seen",
        "look",
    );
    call(&site.job, begin.clone());
    call(&site.job, end(StepState::Done, vec![seen]));
    assert_eq!(status().worst, Some(Verdict::NeedsAttention));
    call(&site.job, begin);
    call(&site.job, end(StepState::Failed, Vec::new()));
    assert_eq!(
        (status().steps[0].runs, status().steps[0].state),
        (2, StepState::Failed)
    );
    assert_eq!(status().worst, None);
}

#[test]
fn everything_that_crosses_survives_the_crossing() {
    let site = Site::empty();
    let tasks = [
        Task::Inventory { only_count: true },
        Task::CreateFolders,
        PASS_ONE,
        Task::Pass {
            kind: PassKind::StageTwo,
        },
        Task::Certificates {
            certificate: "/c".into(),
            key: "/k".into(),
            target: Some("/t".into()),
            dns_name: Some("poa.example".into()),
            key_password: Some(Secret("secret".into())),
        },
        Task::Documents,
        Task::AtRest { quiet_seconds: 5 },
        Task::Lowercase { plan_only: true },
        Task::UndoLowercase,
        Task::Queues { live: true },
        Task::Seal,
        Task::Verify,
        Task::Abandon { plan_only: false },
    ];
    for task in tasks {
        let order = site.order(task);
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(
            serde_json::from_str::<Order>(&text).unwrap(),
            order,
            "{text}"
        );
        assert!(!format!("{order:?}").contains("\"secret\""), "{order:?}");
    }
    // Options that an order does not name have their usual values.
    let short = r#"{"protocol":1,"job":"j","areas":[],"task":"pass","kind":"stage-two","options":{"retries":9}}"#;
    let order: Order = serde_json::from_str(short).unwrap();
    assert_eq!(
        order.options,
        CopyOptions {
            retries: 9,
            ..CopyOptions::default()
        }
    );

    let reports = [
        TaskReport::Plain,
        TaskReport::Queues(QueueReport {
            rounds: 2,
            by_queue: BTreeMap::from([("a".into(), 3)]),
            ..Default::default()
        }),
        TaskReport::Seal(SealReport {
            sealed: true,
            bytes: u64::MAX,
            ..Default::default()
        }),
    ];
    for report in reports {
        let event = Event {
            v: 1,
            at_milliseconds: -5,
            order: 7,
            what: EventKind::Finished {
                verdict: Verdict::Unproven,
                counts: BTreeMap::from([(protocol::Count::BytesCopied, u64::MAX)]),
                findings: BTreeMap::from([("code".into(), 2)]),
                report: Some(report),
            },
        };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            serde_json::from_str::<Event>(&text).unwrap(),
            event,
            "{text}"
        );
    }
}
