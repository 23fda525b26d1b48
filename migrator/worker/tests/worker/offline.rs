//! Files that a Windows server has archived or deduplicated, as the kernel's client for SMB tells them.

use std::path::Path;

use protocol::{Offline, Survey, Task, TaskReport};
use rustix::fs::XattrFlags;
use rustix::io::Errno;

use crate::support::{FILES, ITEMS, Site, age_folders};

const ATTRIBUTE: &str = "user.cifs.dosattrib";

/// Gives a file what a client would show for it; whether its file system can have that.
fn mark(path: &Path, value: &[u8]) -> bool {
    match rustix::fs::setxattr(path, ATTRIBUTE, value, XattrFlags::empty()) {
        Ok(()) => true,
        Err(Errno::NOTSUP) => {
            println!("SKIPPED: no file of this folder can have an attribute with a name");
            false
        }
        Err(errno) => panic!("{errno}"),
    }
}

fn survey(site: &Site, only_count: bool) -> Option<Survey> {
    let done = site.run(Task::Inventory { only_count });
    match done.result {
        Ok(TaskReport::Inventory(inventory)) => inventory.survey,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_offline_or_recalled_is_counted_and_not_read_for_the_sample() {
    let site = Site::with_post_office();
    for (path, bits) in [
        ("OFFILES/FD0/0A1B2C3D.000", 0x1020_u32),
        ("GWDMS/LIB000A/DOCS/FD1/DOCUMENT.A", 0x4_0000),
        ("GWDMS/LIB000A/archive/A000000/old.doc", 0x40_0000),
        // An ordinary one.
        ("OFVIEWS/WIN/APPT.VEW", 0x20),
    ] {
        if !mark(&site.source.join(path), &bits.to_ne_bytes()) {
            return;
        }
    }
    age_folders(&site.source);
    let survey_of = |only_count| survey(&site, only_count);
    assert!(survey_of(true).is_none());
    let survey = survey_of(false).expect("a survey");
    let bytes = ["attachment zero", "document", "archived"].map(str::len);
    let offline = Offline {
        files: 3,
        bytes: bytes.iter().sum::<usize>() as u64,
        not_asked: 0,
    };
    assert_eq!(survey.offline, offline);
    let files = (FILES.len() + ITEMS.len()) as u64;
    assert_eq!(survey.sample.small_files, files - 3);
}

#[test]
fn an_attribute_that_cannot_be_understood_is_no_answer() {
    let site = Site::with_post_office();
    for (path, value) in [
        ("OFFILES/FD0/0A1B2C3D.000", &b"0x1000"[..]),
        ("OFVIEWS/WIN/APPT.VEW", &[0, 0x10]),
    ] {
        if !mark(&site.source.join(path), value) {
            return;
        }
    }
    let offline = survey(&site, false).expect("a survey").offline;
    let not_asked = Offline {
        not_asked: 2,
        ..Offline::default()
    };
    assert_eq!(offline, not_asked);
}

#[test]
fn on_a_disk_of_this_machine_no_file_is_offline() {
    let site = Site::with_post_office();
    let offline = survey(&site, false).expect("a survey").offline;
    assert_eq!(offline, Offline::default());
}

#[test]
fn looking_for_them_leaves_the_current_folder_of_this_process_alone() {
    let site = Site::with_post_office();
    let before = std::env::current_dir().unwrap();
    survey(&site, false);
    assert_eq!(std::env::current_dir().unwrap(), before);
}
