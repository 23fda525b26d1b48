//! A lock file that cannot be asked about is not one that is missing: an agent may hold it.

use std::fs::File;

use super::kinds::Kind;
use super::scenes::site;
use super::sweep::can_trace;
use super::tracer::{Ended, Verdict};
use super::{SAYS_DONE, run_task_judged};
use crate::lock_table::lock_whole;
use crate::support::{PASS_ONE, PASS_TWO, contents, wanted};
use protocol::Task;

const LOCK_FILE: &str = "OFUSER/USERABC.LCK";
const DATABASE: &str = "ofuser/userabc.db";

#[test]
fn a_database_whose_lock_file_cannot_be_asked_about_is_not_copied() {
    if !can_trace() {
        return;
    }
    let site = site();
    site.run(Task::CreateFolders).clean();
    let lock_file = site.source.join(LOCK_FILE);
    std::fs::remove_file(&lock_file).unwrap();
    // An agent opens the database when its folder has been listed, and from then on the server gives errors for its name.
    let mut held = None;
    let (ended, said) = run_task_judged(&site, &PASS_ONE, Kind::InputOutput, |operation| {
        let path = operation.path.to_string_lossy().to_ascii_lowercase();
        if !path.ends_with("ofuser/userabc.lck") || !path.starts_with("source") {
            return Verdict::Happens;
        }
        held.get_or_insert_with(|| {
            let file = File::create_new(&lock_file).unwrap();
            lock_whole(&file);
            file
        });
        Verdict::Fails(libc::EIO)
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    assert!(held.is_some(), "the other program came");
    assert!(
        !contents(&site.destination).contains_key(DATABASE),
        "{said}"
    );
    assert!(!said.contains(SAYS_DONE), "{said}");

    drop(held);
    site.run(PASS_TWO).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}
