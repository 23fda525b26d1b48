//! A server that takes a dot from the end of a name opens one file by two names that it lists.

use super::kinds::Kind;
use super::run_task_judged;
use super::sweep::can_trace;
use super::tracer::{Ended, Tree, Verdict};
use crate::support::{PASS_ONE, Site, contents, write_old};

/// The second look of a pass passes over the name that has its copy, and so met the file by the other name alone.
#[test]
fn a_name_by_which_another_file_is_opened_is_refused_in_every_look_of_a_pass() {
    if !can_trace() {
        return;
    }
    for name in ["OFVIEWS/WIN/SAME", "OFUSER/SAME.DB"] {
        let mut site = Site::fast().filled();
        site.options.workers = 1;
        write_old(&site.source.join(name), b"opened by both", 70);
        let other = format!("{name}.");
        write_old(&site.source.join(&other), b"never to be had", 71);
        let (ended, said) = run_task_judged(&site, &PASS_ONE, Kind::InputOutput, |operation| {
            let is_it = operation.tree == Tree::Source
                && operation.is_by_name
                && operation.path.to_string_lossy().ends_with(&other);
            if is_it {
                Verdict::WithoutEnd
            } else {
                Verdict::Happens
            }
        });
        assert_eq!(ended, Ended::Exited(0), "{said}");
        assert!(said.contains("same-file"), "{said}");
        assert!(said.contains("verdict: Ok(NeedsAttention)"), "{said}");
        let copies = contents(&site.destination);
        let is_copy = |bytes: &&Vec<u8>| *bytes == b"opened by both";
        assert_eq!(copies.values().filter(is_copy).count(), 1, "{name}: {said}");
    }
}
