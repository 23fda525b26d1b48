//! Who gets what when the POA is to run as a user of its own.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use harness::site::Site as _;

use crate::support::{Stage, codes, finding};

/// A user that every Linux has.
const USER: &str = "nobody";

/// Sealed, with a POA that is to run as [`USER`] and whose startup file at the source names this folder for its log.
fn sealed_with_log(log: &str) -> Stage {
    let mut stage = Stage::with(|options| options.site.with_poa = true);
    let startup = stage.source().join(&stage.embedded().created.startup_file);
    let mut file = OpenOptions::new()
        .append(true)
        .open(startup)
        .expect("opened");
    let log = log.replace("FOLDER", stage.folder.path().to_str().expect("UTF-8"));
    write!(file, "/log-{log}\r\n").expect("written");
    let line = ("poa".to_owned(), format!("run_as_user = \"{USER}\""));
    stage.embedded_mut().sheet.extra.push(line);
    stage.embedded().write_worksheet().expect("written");
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    stage
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_log_folder_that_the_job_did_not_make_stays_whose_it_is() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can give anything away");
        return;
    }
    let stage = sealed_with_log("FOLDER/logs");
    let logs = stage.folder.path().join("logs");
    fs::create_dir(&logs).expect("made");
    let others = logs.join("mail.log");
    fs::write(&others, "of another program").expect("written");
    let run = stage.migrate(&["finish"]);
    let said = finding(&run, "folder-not-ours");
    assert!(said.remedy.contains("chown"), "{said:#?}");
    for path in [&logs, &others] {
        let owner = fs::symlink_metadata(path).expect("there").uid();
        assert_eq!(owner, 0, "{}", path.display());
    }
    let given = fs::symlink_metadata(stage.destination()).expect("there");
    assert_ne!(given.uid(), 0, "the post office itself is given away");
    stage.embedded().stop_poa().expect("stopped");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn everybodys_log_folder_stops_before_anything_is_given_away() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can give anything away");
        return;
    }
    let stage = sealed_with_log("/var/log");
    let before = fs::symlink_metadata("/var/log").map(|log| log.uid()).ok();
    let run = stage.expect(&["finish"], 5);
    let found = finding(&run, "log-folder-of-the-system");
    // That is the file which is read, and stage two converts nothing.
    let kept = stage.embedded().sheet.job_folder.join("startup");
    assert!(
        found.remedy.contains(kept.to_str().expect("UTF-8")) && !found.remedy.contains("stage-two"),
        "{found:#?}"
    );
    assert_eq!(
        fs::symlink_metadata("/var/log").map(|log| log.uid()).ok(),
        before
    );
    let kept = fs::symlink_metadata(stage.destination()).expect("there");
    assert_eq!(kept.uid(), 0);
}

/// A stage with a POA, this line in [poa], and an agents' file that names this user.
fn with_named_user(line: Option<&str>, named: &str) -> Stage {
    let mut stage = Stage::with(|options| options.site.with_poa = true);
    if let Some(line) = line {
        let line = ("poa".to_owned(), line.to_owned());
        stage.embedded_mut().sheet.extra.push(line);
        stage.embedded().write_worksheet().expect("written");
    }
    let file = uid_conf(&stage);
    fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    fs::write(file, format!("{named}\n")).expect("written");
    stage
}

fn uid_conf(stage: &Stage) -> PathBuf {
    let folder = stage.embedded().sheet.install_folder.clone();
    folder.expect("a folder").join("uid.conf")
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn an_agents_file_that_says_root_names_nobody_and_is_no_circle() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can give anything away");
        return;
    }
    let stage = with_named_user(Some(&format!("run_as_user = \"{USER}\"")), "root");
    let run = stage.migrate(&["check"]);
    assert!(!codes(&run).contains(&"uid-conf-taken"), "{run:#?}");
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.migrate(&["stage-two"]);
    stage.migrate(&["finish"]);
    let named = fs::read_to_string(uid_conf(&stage)).expect("read");
    assert_eq!(named.trim(), USER);
    stage.embedded().stop_poa().expect("stopped");
}

#[test]
fn a_user_that_only_the_agents_file_names_is_seen_and_its_remedy_works() {
    let mut stage = with_named_user(None, USER);
    let run = stage.migrate(&["check"]);
    let said = finding(&run, "run-as-user").clone();
    let line = format!("run_as_user = \"{USER}\"");
    assert!(
        said.text.contains(USER) && said.remedy.contains(&line),
        "{said:#?}"
    );
    // The remedy, to the letter.
    stage
        .embedded_mut()
        .sheet
        .extra
        .push(("poa".to_owned(), line));
    stage.embedded().write_worksheet().expect("written");
    let run = stage.migrate(&["check"]);
    assert!(!codes(&run).contains(&"run-as-user"), "{run:#?}");
}
