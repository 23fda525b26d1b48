//! Links in the job folder, and above what the job has put into the system, lead nowhere.

use std::fs;
use std::os::unix::fs::symlink;

use protocol::{Explain as _, Fact, Reply, Request};
use worker::service::{call, follow};

use crate::support::Site;

fn keep_report(site: &Site) -> Reply {
    call(
        &site.job,
        Request::KeepReport {
            command: "check".into(),
            report: serde_json::json!({}),
        },
    )
}

#[test]
fn a_folder_of_reports_that_is_a_link_gets_none() {
    let site = Site::empty();
    let elsewhere = site.root.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, site.job.join("reports")).unwrap();
    let Reply::Failed(finding) = keep_report(&site) else {
        panic!("a report is kept elsewhere")
    };
    assert_eq!(finding.code, "job-folder");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    fs::remove_file(site.job.join("reports")).unwrap();
    assert!(matches!(keep_report(&site), Reply::Kept { .. }));
}

#[test]
fn an_event_log_that_is_a_link_is_not_read() {
    let site = Site::empty();
    let secret = site.root.join("secret");
    fs::write(&secret, "of somebody\n").unwrap();
    symlink(&secret, site.job.join("events.jsonl")).unwrap();
    let mut output = Vec::new();
    let error = follow(&site.job, 0, 1, &mut output).expect_err("a link");
    assert_eq!(error.code(), "job-folder");
    assert_eq!(output, b"");
}

/// A file and a folder that a job has put into the system.
struct Placed {
    site: Site,
    file: String,
    folder: String,
}

impl Placed {
    /// Below a folder, by a path through a link, as `/var/run` is one.
    fn new() -> Self {
        let site = Site::empty();
        fs::create_dir_all(site.root.join("system/certificates")).unwrap();
        symlink("system", site.root.join("by-a-link")).unwrap();
        let path = |name| {
            let path = site.root.join("by-a-link/certificates").join(name);
            path.to_str().unwrap().to_owned()
        };
        let (file, folder) = (path("poa.key"), path("logs"));
        for fact in [
            Fact::PlacedFile(file.clone()),
            Fact::MadeFolder(folder.clone()),
        ] {
            assert_eq!(call(&site.job, Request::Remember { fact }), Reply::Done);
        }
        fs::write(&file, "a key").unwrap();
        fs::create_dir(&folder).unwrap();
        Self { site, file, folder }
    }

    fn remove(&self) -> Reply {
        call(&self.site.job, Request::RemovePlaced)
    }
}

#[test]
fn what_was_placed_through_a_link_of_the_system_is_removed() {
    let placed = Placed::new();
    for _ in 0..2 {
        assert_eq!(placed.remove(), Reply::Done);
    }
    assert!(!fs::exists(&placed.file).unwrap());
    assert!(!fs::exists(&placed.folder).unwrap());
    assert!(fs::exists(placed.site.root.join("system/certificates")).unwrap());
}

#[test]
fn a_folder_that_holds_something_else_stays() {
    let placed = Placed::new();
    fs::write(format!("{}/log", placed.folder), "a log").unwrap();
    assert_eq!(placed.remove(), Reply::Done);
    assert!(fs::exists(&placed.folder).unwrap());
}

#[test]
fn a_link_that_came_above_what_was_placed_is_not_followed() {
    let placed = Placed::new();
    let root = &placed.site.root;
    fs::rename(
        root.join("system/certificates"),
        root.join("system/set-aside"),
    )
    .unwrap();
    let others = root.join("others");
    fs::create_dir_all(others.join("logs")).unwrap();
    fs::write(others.join("poa.key"), "of somebody").unwrap();
    symlink(&others, root.join("system/certificates")).unwrap();
    let Reply::Failed(finding) = placed.remove() else {
        panic!("it was followed")
    };
    assert_eq!(finding.code, "system-not-changed");
    assert!(fs::exists(others.join("poa.key")).unwrap());
    assert!(fs::exists(others.join("logs")).unwrap());
}

#[test]
fn a_link_of_the_system_that_leads_elsewhere_now_is_not_followed() {
    let placed = Placed::new();
    let root = &placed.site.root;
    let others = root.join("others/certificates");
    fs::create_dir_all(&others).unwrap();
    fs::write(others.join("poa.key"), "of somebody").unwrap();
    fs::remove_file(root.join("by-a-link")).unwrap();
    symlink("others", root.join("by-a-link")).unwrap();
    assert_eq!(placed.remove(), Reply::Done);
    assert!(fs::exists(others.join("poa.key")).unwrap());
    let real = root.join("system/certificates/poa.key");
    assert!(!fs::exists(real).unwrap(), "what was placed is removed");
}
