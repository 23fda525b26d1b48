//! A job folder whose name leads elsewhere for a moment: what the worker writes stays in the folder that it has opened.

use std::fs;
use std::os::unix::fs::symlink;

use super::kinds::Kind;
use super::scenes::site;
use super::sweep::can_trace;
use super::tracer::{Tree, Verdict};
use super::{SAYS_DONE, run_judged};

/// When the name of the job folder is a link to another folder.
#[derive(PartialEq)]
enum Link {
    NotYet,
    Now,
    NoMore,
}

#[test]
fn the_event_log_is_in_the_folder_that_was_opened() {
    if !can_trace() {
        return;
    }
    let site = site();
    let elsewhere = site.root.join("elsewhere");
    let real = site.root.join("real");
    fs::create_dir(&elsewhere).unwrap();
    let mut link = Link::NotYet;
    let (_, said) = run_judged(&site, 0, Kind::InputOutput, |operation| {
        let is_log = operation.tree == Tree::Job && operation.path.ends_with("events.jsonl");
        if link == Link::Now {
            fs::remove_file(&site.job).unwrap();
            fs::rename(&real, &site.job).unwrap();
            link = Link::NoMore;
        } else if link == Link::NotYet && is_log && operation.number == libc::SYS_openat {
            fs::rename(&site.job, &real).unwrap();
            symlink(&elsewhere, &site.job).unwrap();
            link = Link::Now;
        }
        Verdict::Happens
    });
    assert!(link == Link::NoMore, "the log was not opened: {said}");
    assert!(said.contains(SAYS_DONE), "{said}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{said}");
    let events = fs::read_to_string(site.job.join("events.jsonl")).unwrap();
    assert!(events.contains(r#""event":"finished""#), "{events}");
}
