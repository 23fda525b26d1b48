//! Who lives at the destination (ARCHITECTURE.md rule 9c): once users may have worked there, only a person's word lets
//! anything write over it; an agent that never came up is no user; and what another job owns is left alone.

use std::fs;
use std::path::{Path, PathBuf};

use harness::site::Site as _;

use crate::support::{Stage, codes, finding, wait_until};

/// Every command that would write over what users did.
const WRITES: [&[&str]; 4] = [
    &["stage-one"],
    &["stage-two"],
    &["lowercase", "--undo"],
    &["abandon", "--yes"],
];

const SAID: [&str; 5] = [
    "--users-have-not-worked",
    "--by",
    "Ann",
    "--note",
    "cut the cable",
];

/// Sealed, with a Linux POA where one is wanted.
fn sealed(with_poa: bool) -> Stage {
    let stage = Stage::with(|options| options.site.with_poa = with_poa);
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    stage
}

fn life(stage: &Stage) -> String {
    let status = stage.expect(&["status"], 0);
    let life = &status.result["status"]["life"]["life"];
    life.as_str().expect("a word").to_owned()
}

/// What the destination holds, but for what agents write by themselves.
fn contents(stage: &Stage) -> Vec<(PathBuf, Vec<u8>)> {
    fn below(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(folder).expect("listed").flatten() {
            let path = entry.path();
            if path.is_dir() {
                below(&path, found);
            } else {
                found.push((path.clone(), fs::read(&path).expect("read")));
            }
        }
    }
    let mut found = Vec::new();
    below(stage.destination(), &mut found);
    found.sort();
    found
}

fn user_works(stage: &Stage) {
    let mail = stage.destination().join("wpcsout/ofs/2/newmail.001");
    fs::write(mail, "what a user sent").expect("written");
}

/// Has the control command of the POA do something else; gives back what it was.
fn control(stage: &Stage) -> PathBuf {
    stage
        .folder
        .path()
        .join("destination/opt/groupwise/agents/bin/grpwise")
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_live_destination_stays_live_whatever_a_later_command_does() {
    let stage = sealed(true);
    stage.expect(&["finish"], 0);
    assert_eq!(life(&stage), "live");
    user_works(&stage);
    // The POA that runs changes its databases.
    stage.embedded().stop_poa().expect("stopped");
    let before = contents(&stage);
    // A second finish that is cut off behind its stop: the POA is down, and the job knows it.
    let control = control(&stage);
    let script = fs::read_to_string(&control).expect("a script");
    let broken = script.replace(
        "#!/bin/sh\n",
        "#!/bin/sh\n[ \"$1\" = start ] && { \"$0\" stop \"$2\"; exit 1; }\n",
    );
    fs::write(&control, broken).expect("written");
    let run = stage.migrate(&["finish"]);
    assert!(run.exit_code >= Some(4), "{:#?}", run.findings);
    fs::write(&control, script).expect("written");
    assert_eq!(life(&stage), "live");
    for arguments in WRITES {
        let run = stage.expect(arguments, 5);
        finding(&run, "already-live");
    }
    assert_eq!(contents(&stage), before);
    for arguments in [
        &["stage-two", "--users-have-not-worked"][..],
        &["stage-two", "--users-have-not-worked", "--by", "Ann"],
    ] {
        stage.usage(arguments);
    }
    let run = stage.migrate(&[&["stage-two"][..], &SAID].concat());
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    assert_eq!(life(&stage), "not-live");
    let status = stage.expect(&["status"], 0);
    assert_eq!(status.result["status"]["words"][0]["note"], "cut the cable");
    assert_eq!(stage.differences(), Vec::<String>::new());
    stage.expect(&["finish"], 0);
    stage.embedded().stop_poa().expect("stopped");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_poa_that_does_not_start_makes_nothing_live() {
    let stage = sealed(true);
    let control = control(&stage);
    let script = fs::read_to_string(&control).expect("a script");
    let broken = script.replace(
        "#!/bin/sh\n",
        "#!/bin/sh\n[ \"$1\" = start ] && { echo no licence >&2; exit 1; }\n",
    );
    fs::write(&control, broken).expect("written");
    let run = stage.expect(&["finish"], 5);
    let failed = finding(&run, "poa-did-not-start");
    assert!(failed.text.contains("no licence"), "{failed:#?}");
    assert_eq!(life(&stage), "not-live");
    fs::write(&control, script).expect("written");
    stage.migrate(&["stage-one"]);
    let run = stage.migrate(&["stage-two"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    stage.expect(&["finish"], 0);
    assert_eq!(life(&stage), "live");
    stage.embedded().stop_poa().expect("stopped");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn an_agent_that_keeps_the_outputs_of_its_control_script_does_not_hold_up_the_start() {
    let stage = sealed(true);
    let control = control(&stage);
    let script = fs::read_to_string(&control).expect("a script");
    let processes = stage.folder.path().join("holds-the-outputs");
    let holds = format!(
        "#!/bin/sh\n[ \"$1\" = start ] && {{ sleep 1000 & echo $! >>{}; }}\n",
        processes.display()
    );
    fs::write(&control, script.replace("#!/bin/sh\n", &holds)).expect("written");
    stage.expect(&["finish"], 0);
    assert_eq!(life(&stage), "live");
    for process in fs::read_to_string(&processes).expect("started").lines() {
        let stopped = std::process::Command::new("kill").arg(process).status();
        assert!(stopped.expect("kill").success(), "it ran all the time");
    }
    stage.embedded().stop_poa().expect("stopped");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_start_of_which_nothing_is_known_is_looked_at() {
    // Without software nothing here can know what becomes of the POA that is started by hand.
    let stage = sealed(false);
    stage.expect(&["finish"], 0);
    assert_eq!(life(&stage), "starting");
    // Nobody has worked: what was sealed is there, and nothing answers.
    let run = stage.expect(&["stage-two"], 0);
    finding(&run, "nobody-worked");
    stage.expect(&["finish"], 0);
    user_works(&stage);
    let before = contents(&stage);
    for arguments in WRITES {
        let run = stage.expect(arguments, 5);
        let refused = finding(&run, "users-may-have-worked");
        assert!(
            refused.remedy.contains("--users-have-not-worked"),
            "{refused:#?}"
        );
        assert!(
            codes(&run).contains(&"worked-at-destination"),
            "{:#?}",
            run.findings
        );
    }
    assert_eq!(contents(&stage), before);
    stage.expect(&[&["stage-two"][..], &SAID].concat(), 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

/// What the job keeps, as people see it.
fn kept(stage: &Stage) -> serde_json::Value {
    let status = stage.expect(&["status"], 0).result["status"].clone();
    let of = |part: &str| status[part].clone();
    serde_json::json!([of("life"), of("words"), of("seal"), of("generations")])
}

/// Without `--yes`, `abandon` recorded the word that came with it, took "live" and the proofs back, and said that nothing was changed.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn abandon_that_is_only_shown_keeps_no_word_and_takes_nothing_back() {
    let stage = sealed(true);
    stage.expect(&["finish"], 0);
    stage.embedded().stop_poa().expect("stopped");
    let before = kept(&stage);
    finding(&stage.expect(&["abandon"], 5), "already-live");
    let run = stage.expect(&[&["abandon"][..], &SAID].concat(), 0);
    assert_eq!(run.result["is_done"], false, "{:#}", run.result);
    assert!(!codes(&run).contains(&"said"), "{:#?}", run.findings);
    assert_eq!(life(&stage), "live");
    assert_eq!(kept(&stage), before);
    finding(&stage.expect(&["abandon", "--yes"], 5), "already-live");
}

/// The same for what a look at the destination says.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn abandon_that_is_only_shown_keeps_nothing_of_its_look() {
    let stage = sealed(false);
    stage.expect(&["finish"], 0);
    let before = kept(&stage);
    let run = stage.expect(&["abandon"], 0);
    finding(&run, "nobody-worked");
    assert_eq!(life(&stage), "starting");
    assert_eq!(kept(&stage), before);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_job_leaves_the_destination_of_another_one_alone() {
    let mut stage = Stage::new();
    stage.migrate(&["stage-one"]);
    let first = stage.embedded().sheet.job_folder.clone();
    // Given back, and taken by another job with a folder of its own.
    stage.expect(&["abandon", "--yes"], 0);
    let second = first.with_file_name("second");
    stage.embedded_mut().sheet.job_folder = second.clone();
    stage.embedded().write_worksheet().expect("written");
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    stage.expect(&["finish"], 0);
    user_works(&stage);
    let before = contents(&stage);

    stage.embedded_mut().sheet.job_folder = first;
    stage.embedded().write_worksheet().expect("written");
    for arguments in [
        &["stage-one"][..],
        &["stage-two"],
        &["abandon", "--yes"],
        &["queues"],
    ] {
        let run = stage.migrate(arguments);
        assert!(
            run.exit_code >= Some(3),
            "{arguments:?}: {:#?}",
            run.findings
        );
        assert_eq!(contents(&stage), before, "{arguments:?}");
    }
    let run = stage.expect(&["stage-one"], 5);
    finding(&run, "destination-of-another-job");

    // Nor does a job that never was abandoned, whose folder somebody else has taken meanwhile.
    stage.embedded_mut().sheet.job_folder = second;
    stage.embedded().write_worksheet().expect("written");
    let marker = stage.destination().join(".gwmigrate-owner.json");
    let text = fs::read_to_string(&marker).expect("a marker");
    let mut owner: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    owner["job_id"] = "another".into();
    fs::write(&marker, owner.to_string()).expect("written");
    let run = stage.expect(&["queues"], 5);
    finding(&run, "destination-of-another-job");
    fs::remove_file(&marker).expect("removed");
    let run = stage.expect(&["queues"], 5);
    finding(&run, "destination-marker-missing");
}

/// The old server is started once more for the last items, and its agents start with it: they would eat what arrived there.
#[test]
fn queues_are_not_carried_beside_a_source_that_was_started_again() {
    let stage = sealed(false);
    stage.expect(&["finish"], 0);
    let late = stage.source().join("WPCSOUT/OFS/2/STRAGGLE");
    fs::write(&late, "late").expect("written");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    let file = fs::File::options().write(true).open(&late).expect("opened");
    file.set_modified(long_ago).expect("set");
    let carried = stage.destination().join("wpcsout/ofs/2/straggle");
    stage.start_source_poa();
    let run = stage.expect(&["queues"], 5);
    finding(&run, "source-poa-answers");
    assert!(!carried.exists(), "an agent of the source may take it");
    stage.stop_source_poa();
    let run = stage.migrate(&["queues"]);
    assert!(carried.exists(), "{:#?}", run.findings);
    stage.expect(&["queues"], 3);
}

/// The old server is started while its queues are looked through: its agents may have taken what arrived meanwhile, and nothing was
/// said of them.
#[test]
fn a_source_that_is_started_while_its_queues_are_carried_is_named() {
    let stage = sealed(false);
    stage.expect(&["finish"], 0);
    let path = stage.embedded().worksheet_path();
    let text = fs::read_to_string(&path).expect("read");
    let slower = text.replace("still_seconds = 1\n", "still_seconds = 8\n");
    assert_ne!(text, slower);
    fs::write(&path, slower).expect("written");
    fs::write(stage.source().join("WPCSOUT/OFS/2/STRAGGLE"), "late").expect("written");
    let events = stage.embedded().sheet.job_folder.join("events.jsonl");
    let before = fs::read_to_string(&events).expect("read").len();
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("no item was waited for", || {
                fs::read_to_string(&events).expect("read")[before..].contains("stand still")
            });
            stage.start_source_poa();
        });
        stage.expect(&["queues"], 5)
    });
    let remedy = &finding(&run, "source-poa-answers").remedy;
    assert!(remedy.contains("What was carried"), "{remedy}");
    assert_eq!(run.result["carried"], 1, "{}", run.result);
    let carried = stage.destination().join("wpcsout/ofs/2/straggle");
    assert_eq!(fs::read(carried).expect("carried"), b"late");
    stage.stop_source_poa();
    let run = stage.expect(&["queues"], 3);
    finding(&run, "no-stragglers");
}

/// The destination took the address of the old server as a further one, as many do so that clients find it: its own POA was taken for
/// the old one.
#[test]
fn the_linux_poa_at_a_further_address_is_not_taken_for_the_old_one() {
    let mut stage = sealed(true);
    stage.expect(&["finish"], 0);
    let sheet = &mut stage.embedded_mut().sheet;
    let port = sheet.http_port;
    sheet.source_address = "127.0.0.2".into();
    sheet.source_ports[0] = port;
    stage.embedded().write_worksheet().expect("written");
    // Where the simulated POA does not listen at every address itself.
    let _listens = std::net::TcpListener::bind(("127.0.0.2", port));
    assert!(std::net::TcpStream::connect(("127.0.0.2", port)).is_ok());
    stage.expect(&["queues"], 3);
    stage.expect(&["finish"], 0);
}

/// It said "finish" for ever, and a second one gave the files away under the agent that a person had started.
#[test]
fn where_a_person_starts_the_poa_finish_is_done_once() {
    let stage = sealed(false);
    stage.expect(&["finish"], 0);
    let status = stage.expect(&["status"], 0);
    let next = status.result["next"].as_str().expect("a text");
    assert!(next.starts_with("gwmigrate queues"), "{next}");
}
