//! Libraries are looked for in the source: what cannot be asked for a moment is no library that there is not.

use std::path::Path;

use super::kinds::Kind;
use super::sweep::can_trace;
use super::tracer::Verdict;
use super::{SAYS_DONE, run_task_judged};
use crate::support::Site;
use protocol::Task;

/// "No libraries" was remembered, and documents that a library keeps elsewhere were missed by nobody.
#[test]
fn a_library_that_is_not_there_for_a_moment_is_not_taken_for_none() {
    if !can_trace() {
        return;
    }
    let site = Site::fast().filled();
    for path in [
        "source/GWDMS",
        "source/GWDMS/LIB000A",
        "source/GWDMS/LIB000A/DOCS",
    ] {
        let mut struck = 0;
        let (ended, said) =
            run_task_judged(&site, &Task::Documents, Kind::InputOutput, |operation| {
                if operation.path != Path::new(path) || !operation.is_by_name || struck > 0 {
                    return Verdict::Happens;
                }
                struck += 1;
                Verdict::Fails(libc::ENOENT)
            });
        assert_eq!(struck, 1, "{path}: {ended:?} {said}");
        assert!(!said.contains(SAYS_DONE), "{path}: {said}");
    }
    // A source that is not mounted has no libraries either.
    std::fs::rename(&site.source, site.root.join("away")).unwrap();
    std::fs::create_dir(&site.source).unwrap();
    site.run(Task::Documents)
        .assert_refused("source-marker-missing");
}
