//! A failed question is no answer (ARCHITECTURE.md rule 9b): neither a port that keeps silent, nor a command that could
//! not be run, is taken for "no".

use std::fs;
use std::path::PathBuf;

use harness::rehearsal::CommandRun;
use harness::site::Site as _;
use serde_json::Value as Json;

use crate::support::{Stage, codes, finding};

fn item(run: &CommandRun, name: &str) -> Json {
    let items = run.result.as_array().expect("a checklist");
    let mut named = items.iter().filter(|item| item["name"] == name);
    named.next().expect("the item").clone()
}

/// A stage whose source has this address, and whose POA is never seen to answer.
fn unseen(address: &str) -> Stage {
    let mut stage = Stage::new();
    stage.stop_source_poa();
    address.clone_into(&mut stage.embedded_mut().sheet.source_address);
    stage.embedded().write_worksheet().expect("written");
    stage
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_port_that_was_never_seen_open_is_not_closed() {
    for address in ["127.0.0.1", "nowhere.invalid"] {
        let stage = unseen(address);
        let run = stage.expect(&["check"], 1);
        finding(&run, "source-poa");
        stage.migrate(&["stage-one"]);
        let run = stage.expect(
            &[
                "prepare",
                "--confirm",
                "objects-reconfigured",
                "--confirm",
                "replicated",
                "--confirm",
                "ip-address",
            ],
            1,
        );
        let stopped = item(&run, "source-poa-stopped");
        assert_eq!(
            (&stopped["confirmed"], &stopped["probed"]["holds"]),
            (&Json::Null, &Json::Null),
            "{address}: {stopped}"
        );
        let run = stage.expect(&["stage-two"], 1);
        finding(&run, "checklist-open");
        // What only a person can say, a person says.
        stage.expect(
            &[
                "prepare",
                "--confirm",
                "source-poa-stopped",
                "--by",
                "probe",
            ],
            2,
        );
        stage.expect(
            &["prepare", "--confirm", "source-poa-stopped", "--by", "Ann"],
            0,
        );
        stage.expect(&["stage-two"], 0);
        stage.expect(&["finish"], 0);
    }
}

#[test]
fn a_confirmation_that_is_seen_to_be_wrong_is_refused_and_an_older_one_withdrawn() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    let run = stage.expect(
        &["prepare", "--confirm", "source-poa-stopped", "--by", "Ann"],
        5,
    );
    finding(&run, "confirmation-contradicted");
    stage.prepare();
    stage.start_source_poa();
    let run = stage.expect(&["prepare"], 1);
    let withdrawn = finding(&run, "confirmation-withdrawn");
    assert!(
        withdrawn.text.contains("source-poa-stopped"),
        "{withdrawn:#?}"
    );
    assert_eq!(item(&run, "source-poa-stopped")["confirmed"], Json::Null);
    let run = stage.expect(&["stage-two"], 1);
    finding(&run, "checklist-open");
    stage.stop_source_poa();
    // Trees open and refused now: a probe can tell.
    let run = stage.expect(&["prepare"], 0);
    assert_eq!(item(&run, "source-poa-stopped")["confirmed"]["by"], "probe");
    let run = stage.expect(&["prepare", "--withdraw", "replicated"], 1);
    assert_eq!(item(&run, "replicated")["confirmed"], Json::Null);
    assert!(finding(&run, "checklist-open").text.contains("replicated"));
    let run = stage.expect(&["prepare", "--withdraw", "nothing"], 2);
    finding(&run, "unknown-item");
}

/// A destination at which commands fail that have this in them, as long as the flag is there.
fn failing(what: &str) -> (Stage, PathBuf) {
    let fails = format!("case \"$3\" in *{what}*) echo 'cannot be asked' >&2; exit 1 ;; esac");
    flagged(what, &fails)
}

/// A destination at which every command is under this script as long as the flag is there.
fn flagged(what: &str, script: &str) -> (Stage, PathBuf) {
    let under = script;
    let folder = std::env::temp_dir().join(format!(
        "gwrehearse-failing-{}-{}",
        std::process::id(),
        what.len()
    ));
    fs::create_dir_all(&folder).expect("made");
    let (script, flag) = (folder.join("under"), folder.join("flag"));
    let _ = fs::remove_file(&flag);
    let text = format!(
        "#!/bin/sh\nif [ -e {} ]; then\n    {under}\nfi\nexec \"$@\"\n",
        flag.display()
    );
    fs::write(&script, text).expect("written");
    let run_under = vec!["/bin/sh".to_owned(), script.display().to_string()];
    let stage = Stage::with(|options| {
        options.run_under = run_under;
        options.site.with_poa = true;
    });
    (stage, flag)
}

const OTHERS: &str =
    "# of the server\n[sales.main]\nserver = /opt/other/gwpoa\nstartup = /opt/other/sales.poa\n";

#[test]
fn a_configuration_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let (mut stage, flag) = failing("*worker*ask");
    let folder = stage.folder.path().to_owned();
    let config = folder.join("gwha.conf");
    fs::write(&config, OTHERS).expect("written");
    let install = folder.join("destination/opt/groupwise/agents");
    let profile = folder.join("profile.toml");
    let text = format!(
        "name = \"mine\"\ntitle = \"of this test\"\n[packages]\nrpm = []\ndeb = []\n[agent]\n\
         program = \"{0}/bin/gwpoa\"\nstartup_folder = \"{0}/share\"\ngwcheck = \"{0}/bin/gwcheckt\"\nlog_errors = [\"8209\"]\n\
         [control]\ncommand = \"{0}/bin/grpwise\"\nnames = \"startup-file\"\nservice = \"own.main\"\n\
         [gwha]\nconfig = \"{1}\"\ncommand = \"{0}/bin/grpwise\"\ndelay_seconds = 2\nwait_seconds = 10\nwatch_seconds = 1\nservice = []\n",
        install.display(),
        config.display()
    );
    fs::write(&profile, text).expect("written");
    let line = (
        "poa".to_owned(),
        format!("profile = \"{}\"", profile.display()),
    );
    stage.embedded_mut().sheet.extra.push(line);
    stage.embedded().write_worksheet().expect("written");

    fs::write(&flag, "").expect("written");
    let run = stage.migrate(&["stage-one"]);
    assert_eq!(run.exit_code, Some(4), "{:#?}", run.findings);
    assert!(
        codes(&run).contains(&"could-not-ask"),
        "{:#?}",
        run.findings
    );
    assert_eq!(fs::read_to_string(&config).expect("read"), OTHERS);

    fs::remove_file(&flag).expect("removed");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    let both = fs::read_to_string(&config).expect("read");
    assert!(
        both.starts_with(OTHERS) && both.contains("[own.main]"),
        "{both}"
    );
    // Nor is an agent taken for stopped that cannot be asked for.
    fs::write(&flag, "").expect("written");
    let run = stage.migrate(&["prepare"]);
    assert_eq!(run.exit_code, Some(4), "{:#?}", run.findings);
    assert!(
        codes(&run).contains(&"could-not-ask"),
        "{:#?}",
        run.findings
    );
    assert_eq!(fs::read_to_string(&config).expect("read"), both);
    fs::remove_file(&flag).expect("removed");
    stage.migrate(&["prepare"]);
}

#[test]
fn a_worker_that_cannot_be_looked_for_is_not_taken_for_a_missing_one() {
    let (stage, flag) = failing("*test*-e");
    fs::write(&flag, "").expect("written");
    let run = stage.migrate(&["stage-one"]);
    assert_eq!(run.exit_code, Some(4), "{:#?}", run.findings);
    finding(&run, "could-not-ask");
    fs::remove_file(&flag).expect("removed");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    stage.embedded().stop_poa().expect("stopped");
}

/// The event log could not be followed: that says nothing of the worker, which goes on.
#[test]
fn a_worker_that_cannot_be_followed_is_not_taken_for_one_that_died() {
    let (stage, flag) = failing("*worker*follow");
    fs::write(&flag, "").expect("written");
    let run = stage.migrate(&["stage-one"]);
    let found = codes(&run);
    assert!(
        found.contains(&"remote-command-failed") && !found.contains(&"worker-died"),
        "{:#?}",
        run.findings
    );
    fs::remove_file(&flag).expect("removed");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    stage.embedded().stop_poa().expect("stopped");
}

/// An ordinary user who may not look into the folders above the job folder learns nothing of the job.
#[test]
fn a_job_folder_that_may_not_be_looked_into_is_not_taken_for_a_missing_one() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can become another user");
        return;
    }
    let nobody = "exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let (stage, flag) = flagged("nobody", nobody);
    let run = stage.expect(&["status"], 3);
    finding(&run, "no-job");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    fs::write(&flag, "").expect("written");
    let run = stage.expect(&["status"], 4);
    let found = finding(&run, "could-not-ask");
    assert!(found.text.contains("privilege"), "{found:#?}");
    fs::remove_file(&flag).expect("removed");
    stage.expect(&["status"], 0);
    stage.embedded().stop_poa().expect("stopped");
}
