//! Commands that are interrupted while a source is slow.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::site::Site as _;

use crate::odd_mount::Odd;
use crate::shown::Shown;

/// The folder that a check has for its worker, where it is there.
fn scratch_folder(job_folder: &Path) -> Option<PathBuf> {
    let beside = fs::read_dir(job_folder.parent()?).ok()?;
    let paths = beside.flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| path.to_string_lossy().contains(".check-");
    paths.into_iter().find(is_it)
}

/// The processes that have this in their command line.
fn processes_with(text: &str) -> Vec<String> {
    let lines = fs::read_dir("/proc").expect("listed").flatten();
    let lines = lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(text)).collect()
}

/// The worker of a check has a folder of its own, in which no command would look for it.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_check_that_is_interrupted_leaves_no_worker_and_no_folder() {
    let Some(site) = Shown::new() else { return };
    for number in 0..64 {
        let path = format!("OFFILES/FD0/{number}.SLW");
        fs::write(site.behind.join(&path), "slow").expect("made");
        let slow = Odd {
            takes: Duration::from_secs(2),
            ..Odd::default()
        };
        site.mount.play(path, slow);
    }
    let stage = site.stage.embedded();
    let mut check = Command::new(stage.migrator())
        .arg("--worksheet")
        .arg(stage.worksheet_path())
        .args(["--json", "check"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let job_folder = &stage.sheet.job_folder;
    let until = Instant::now() + Duration::from_mins(1);
    let folder = loop {
        assert!(Instant::now() < until, "the inventory never began");
        let folder = scratch_folder(job_folder);
        match folder.filter(|folder| {
            !processes_with(&format!("worker run --job-folder {}", folder.display())).is_empty()
        }) {
            Some(folder) => break folder,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    std::thread::sleep(Duration::from_secs(1));
    let pid = rustix::process::Pid::from_child(&check);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("sent");
    let mut output = String::new();
    let stdout = check.stdout.as_mut().expect("piped");
    stdout.read_to_string(&mut output).expect("text");
    check.wait().expect("ended");
    let end: serde_json::Value =
        serde_json::from_str(output.lines().last().expect("a line")).expect("JSON");
    assert_eq!(end["exit_code"], 130, "{output}");
    assert!(!output.contains("gwmigrate watch"), "{output}");
    // Whoever followed the worker asks again and again whether it is there, and ends when it is not.
    let until = Instant::now() + Duration::from_secs(20);
    let mut left = processes_with(&folder.display().to_string());
    while !left.is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
        left = processes_with(&folder.display().to_string());
    }
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(scratch_folder(job_folder), None);
}
