//! Times that cannot be.

use std::fs;

use harness::site::Site as _;

use crate::odd_mount::Odd;
use crate::shown::{Shown, write_old};
use crate::support::{codes, finding};

/// Seconds from 1970 to 1601, 1970, 2099 and 2446, and to a time that no file system keeps.
const TIMES: [(&str, i64); 6] = [
    ("ZERO.001", 0),
    ("BEFORE.001", -1),
    ("WINDOWS.001", -11_644_473_600),
    ("AHEAD.001", 4_070_908_800),
    ("LAST.001", 15_032_385_535),
    ("BEYOND.001", 99_000_000_000),
];

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_file_from_another_century_is_its_own_finding_and_no_clock_is_blamed() {
    let Some(site) = Shown::new() else { return };
    for (name, seconds) in TIMES {
        let path = format!("OFFILES/FD0/{name}");
        fs::write(site.behind.join(&path), name).expect("made");
        let odd = Odd {
            modified_seconds: Some(seconds),
            ..Odd::default()
        };
        site.mount.play(path, odd);
    }
    let run = site.stage.expect(&["check"], 1);
    let named = |found: &[&str]| found.iter().filter(|code| **code == "time-odd").count();
    assert_eq!(named(&codes(&run)), TIMES.len(), "{:#?}", run.findings);
    assert!(
        !codes(&run).contains(&"source-clock"),
        "{:#?}",
        run.findings
    );
    let run = site.stage.expect(&["stage-one"], 1);
    assert_eq!(named(&codes(&run)), TIMES.len(), "{:#?}", run.findings);
    assert!(!codes(&run).contains(&"clock-ahead"), "{:#?}", run.findings);
    // The remedy: the times are accepted, and nothing is left to be said.
    for name in ["AHEAD.001", "LAST.001", "BEYOND.001"] {
        let entry = format!("OFFILES/FD0/{name}");
        site.stage.expect(
            &[
                "accept", "time-odd", &entry, "--note", "known", "--by", "me",
            ],
            0,
        );
    }
    site.stage.prepare();
    let run = site.stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    for (name, _) in TIMES {
        let copy = site.copy(format!("offiles/fd0/{}", name.to_lowercase()));
        assert_eq!(fs::read_to_string(copy).expect("read"), name);
    }
}

#[test]
fn a_file_that_is_ahead_by_hours_is_told_with_an_allowance_that_the_worksheet_takes() {
    let Some(site) = Shown::new() else { return };
    let path = "OFFILES/FD0/HOURS.001";
    fs::write(site.behind.join(path), "x").expect("made");
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let ahead = i64::try_from(now.as_secs()).expect("a time") + 23 * 3600;
    let odd = Odd {
        modified_seconds: Some(ahead),
        ..Odd::default()
    };
    site.mount.play(path, odd);
    let run = site.stage.expect(&["check"], 1);
    let remedy = finding(&run, "source-clock").remedy.clone();
    let (_, wanted) = remedy.split_once("say ").expect("a setting");
    let (setting, _) = wanted.split_once(" in [source]").expect("its section");
    let sheet = site.stage.embedded().worksheet_path();
    let text = fs::read_to_string(&sheet).expect("read");
    let text = text.replacen("[source]", &format!("[source]\n{setting}"), 1);
    fs::write(&sheet, text).expect("written");
    let run = site.stage.migrate(&["check"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}

/// A client that caches attributes showed files as they were when they were first looked at: what was changed within that time was
/// neither copied nor missed.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_a_client_caches_for_an_hour_hides_no_change() {
    let Some(site) = Shown::cached_for_an_hour() else {
        return;
    };
    let folder = site.behind.join("OFFILES/FD0");
    let [grown, same_length] = ["GROWN.001", "SAME.001"].map(|name| folder.join(name));
    for file in [&grown, &same_length] {
        fs::write(file, "before").expect("made");
    }
    assert!(site.stage.migrate(&["stage-one"]).is_fine());
    fs::write(&grown, "before and after").expect("changed");
    let first = site.copy("offiles/fd0/grown.001");
    assert!(site.stage.migrate(&["stage-one"]).is_fine());
    assert_eq!(
        fs::read_to_string(&first).expect("read"),
        "before and after"
    );
    fs::write(&same_length, "after!").expect("changed");
    site.stage.prepare();
    site.is_done(&site.stage.migrate(&["stage-two"]));
    let second = site.copy("offiles/fd0/same.001");
    assert_eq!(fs::read_to_string(second).expect("read"), "after!");
}

/// A client that caches bytes for as long as size and time are the same gave the copy and the seal the same old bytes.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_a_client_has_cached_of_a_file_is_not_read_for_what_the_server_has() {
    let Some(mut site) = Shown::cached_for_an_hour() else {
        return;
    };
    let line = ("seal".to_owned(), "read_again = \"everything\"".to_owned());
    site.stage.embedded_mut().sheet.extra.push(line);
    site.stage.embedded().write_worksheet().expect("written");
    let path = site.behind.join("OFFILES/FD0/CACHED.001");
    write_old(&path, [1; 8192]);
    assert!(site.stage.migrate(&["stage-one"]).is_fine());
    write_old(&path, [2; 8192]);
    site.stage.prepare();
    let run = site.stage.migrate(&["stage-two"]);
    let found = finding(&run, "seal-differs");
    assert_eq!(found.subject, "offiles/fd0/cached.001");
    // What differs is copied again.
    site.is_done(&site.stage.migrate(&["stage-two"]));
    let copy = site.copy("offiles/fd0/cached.001");
    assert_eq!(fs::read(copy).expect("read"), [2; 8192]);
}
