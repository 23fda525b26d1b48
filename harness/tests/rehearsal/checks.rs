//! `check`: a line for each thing, and what it says where something is wrong.

use harness::site::Site as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gwmigrate::commands::check::CHECKS;
use harness::checks::Snapshot;
use harness::rehearsal::{CommandRun, folder_in_any_case};
use serde_json::Value as Json;

use crate::support::{Stage, finding};

fn lines(run: &CommandRun) -> &Vec<Json> {
    run.result["lines"].as_array().expect("lines")
}

/// The line of a check, which must say what to do where it is not fine.
fn line<'a>(run: &'a CommandRun, check: &str) -> &'a Json {
    let mut named = lines(run).iter().filter(|line| line["check"] == check);
    let line = named.next().expect("the line");
    let is_fine = line["verdict"] == "done";
    assert_eq!(is_fine, line["remedy"] == "", "{line}");
    line
}

#[test]
fn every_check_has_its_line_and_both_sides_stay_as_they_were() {
    let stage = Stage::with(|options| {
        options.site.with_documents = true;
        options.site.with_poa = true;
        options.site.with_mailbox_test = true;
    });
    let before = Snapshot::take(stage.source()).expect("taken");
    let destination = stage.folder.path().join("destination");
    let there = Snapshot::take(&destination).expect("taken");
    let run = stage.expect(&["check"], 1);
    let found: Vec<&str> = lines(&run)
        .iter()
        .map(|line| line["check"].as_str().expect("a name"))
        .collect();
    let mut wanted = CHECKS.to_vec();
    wanted.sort_unstable();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, wanted, "{found:?}");
    for check in CHECKS {
        let verdict = line(&run, check)["verdict"].as_str().expect("a verdict");
        // The startup file names an address of the old server.
        let is_known = ["stale-queues", "names", "startup-file"].contains(&check);
        assert!(verdict == "done" || is_known, "{}", line(&run, check));
    }
    let estimate = &run.result["estimate"];
    let seconds = |name: &str| estimate[name].as_f64().expect("a number");
    assert!(seconds("stage_one_seconds") > 0.0, "{estimate}");
    assert!(seconds("small_files_per_second") > 0.0, "{estimate}");
    assert!(
        seconds("downtime_seconds") > seconds("delta_seconds"),
        "{estimate}"
    );
    let sample = &run.result["inventory"]["survey"]["sample"];
    assert!(sample["small_files"].as_u64() > Some(100), "{sample}");
    let after = Snapshot::take(stage.source()).expect("taken");
    assert_eq!(before.differences(&after), Vec::<String>::new());
    // A folder in which something was for a while has another time.
    let after = Snapshot::take(&destination).expect("taken");
    let mut differences = there.differences(&after);
    differences.retain(|line| line != " has other attributes");
    assert_eq!(differences, Vec::<String>::new());
}

/// A user database of the source.
fn database(stage: &Stage) -> PathBuf {
    let folder = folder_in_any_case(stage.source(), &["ofuser"]).expect("there");
    let entries = fs::read_dir(folder).expect("listed");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let is_database = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "DB");
    paths.find(is_database).expect("a database")
}

/// Locks a file for writing, as an agent does, for as long as the value lives.
fn lock(path: &Path) -> fs::File {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("opened");
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .expect("locked");
    file
}

/// Gives a file what the kernel's client shows for one that its server has archived; whether its file system can have that.
fn mark_as_offline(path: &Path) -> bool {
    let bits = 0x1000_u32.to_ne_bytes();
    let flags = rustix::fs::XattrFlags::empty();
    match rustix::fs::setxattr(path, "user.cifs.dosattrib", &bits, flags) {
        Ok(()) => true,
        Err(rustix::io::Errno::NOTSUP) => false,
        Err(errno) => panic!("{errno}"),
    }
}

#[test]
fn what_is_wrong_at_the_source_is_told() {
    let stage = Stage::new();
    let run = stage.migrate(&["check"]);
    assert_eq!(line(&run, "source-busy")["verdict"], "done");
    assert_eq!(line(&run, "source-clock")["verdict"], "done");

    let path = database(&stage);
    let held = lock(&path);
    let time = SystemTime::now() + Duration::from_hours(3);
    fs::write(stage.source().join("FUTURE.TXT"), "x").expect("written");
    let future = fs::File::options()
        .write(true)
        .open(stage.source().join("FUTURE.TXT"));
    future.expect("opened").set_modified(time).expect("set");
    fs::write(stage.source().join("future.txt"), "y").expect("written");
    let can_be_offline = mark_as_offline(&stage.source().join("future.txt"));
    let run = stage.expect(&["check"], 5);
    assert_eq!(line(&run, "source-busy")["verdict"], "person");
    finding(&run, "source-busy");
    let clock = finding(&run, "source-clock");
    assert!(
        clock.remedy.contains("clock_allowance_seconds"),
        "{clock:#?}"
    );
    assert_eq!(line(&run, "names")["verdict"], "refused");
    if can_be_offline {
        assert_eq!(line(&run, "offline-files")["verdict"], "person");
        let offline = finding(&run, "offline-files");
        assert!(
            offline.text.starts_with("1 files with 1 bytes "),
            "{offline:#?}"
        );
    }
    // What comes behind the worst is looked at all the same.
    assert_eq!(line(&run, "destination-ports")["verdict"], "done");
    drop(held);
}

#[test]
fn what_is_wrong_at_the_destination_is_told() {
    let mut stage = Stage::with(|options| options.site.with_poa = true);
    let port = stage.embedded().sheet.http_port;
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bound");
    let package = stage.embedded().sheet.package.clone().expect("a package");
    fs::write(package, "").expect("emptied");
    let run = stage.expect(&["check"], 5);
    assert_eq!(line(&run, "destination-ports")["verdict"], "refused");
    let ports = finding(&run, "destination-ports");
    assert!(ports.text.contains(&port.to_string()), "{ports:#?}");
    assert_eq!(line(&run, "poa-package")["verdict"], "refused");
    finding(&run, "poa-package");
    drop(listener);

    // No sudo, or one that asks for a password, runs nothing.
    let line_of_privilege = ("destination".to_owned(), "privilege = \"sudo\"".to_owned());
    stage.embedded_mut().sheet.extra.push(line_of_privilege);
    stage.embedded().write_worksheet().expect("written");
    let bin = stage.folder.path().join("no-sudo");
    fs::create_dir(&bin).expect("made");
    std::os::unix::fs::symlink("/bin/false", bin.join("sudo")).expect("linked");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let environment = [("PATH".to_owned(), path)].into();
    stage.embedded().server.set_environment(environment);
    let run = stage.expect(&["check"], 5);
    let found = finding(&run, "privilege");
    assert!(
        found.remedy.contains("gwmigrate profile sudoers"),
        "{found:#?}"
    );

    // One that wants a terminal was told as one that asks for a password.
    write_program(
        &bin,
        "sudo",
        "#!/bin/sh\necho 'sudo: sorry, you must have a tty to run sudo' >&2\nexit 1\n",
    );
    let run = stage.expect(&["check"], 5);
    let found = finding(&run, "privilege");
    assert!(
        found.text.contains("requiretty") && found.text.contains("must have a tty"),
        "{found:#?}"
    );
    assert!(found.remedy.contains("!requiretty"), "{found:#?}");
}

/// Puts a program where the server looks for programs.
fn write_program(bin: &Path, name: &str, script: &str) {
    let path = bin.join(name);
    let _ = fs::remove_file(&path);
    fs::write(&path, script).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
}

/// The worker died with each connection, and nothing said why.
#[test]
fn a_destination_that_ends_the_worker_with_its_connection_is_told() {
    let stage = Stage::new();
    let bin = stage.folder.path().join("logind");
    fs::create_dir(&bin).expect("made");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let environment = [("PATH".to_owned(), path)].into();
    stage.embedded().server.set_environment(environment);
    let user = stage.embedded().sheet.user.clone();
    write_program(
        &bin,
        "busctl",
        "#!/bin/sh\necho 'b true'; echo 'as 0'; echo 'as 0'\n",
    );
    let run = stage.expect(&["check"], 5);
    let found = finding(&run, "stays-running");
    assert!(found.text.contains("KillUserProcesses"), "{found:#?}");
    let wanted = format!("KillExcludeUsers=root {user}\\n");
    assert!(found.remedy.contains(&wanted), "{found:#?}");
    // What the remedy makes logind say.
    let script =
        format!("#!/bin/sh\necho 'b true'; echo 'as 2 \"root\" \"{user}\"'; echo 'as 0'\n");
    write_program(&bin, "busctl", &script);
    let run = stage.expect(&["check"], 1);
    assert_eq!(line(&run, "stays-running")["verdict"], "done");
}
