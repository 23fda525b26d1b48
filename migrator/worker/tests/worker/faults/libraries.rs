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

/// A client that lists no kinds made a document of each empty folder, and a library that is kept elsewhere looked kept inside.
#[test]
fn the_folders_of_a_library_are_no_documents_where_a_listing_has_no_kinds() {
    if !can_trace() {
        return;
    }
    let site = Site::fast().filled();
    let documents = site.source.join("GWDMS/LIB000A/DOCS");
    std::fs::remove_dir_all(&documents).unwrap();
    std::fs::create_dir_all(documents.join("FD1")).unwrap();
    std::fs::create_dir_all(documents.join("FD2")).unwrap();
    let mut hidden = 0;
    let (_, said) = run_task_judged(&site, &Task::Documents, Kind::InputOutput, |operation| {
        if operation.number != libc::SYS_getdents64 || !operation.path.starts_with("source") {
            return Verdict::Happens;
        }
        hidden += 1;
        Verdict::HidesKinds
    });
    assert!(hidden > 0, "{said}");
    assert!(said.contains(SAYS_DONE), "{said}");
    assert!(said.contains("\"documents_inside\":0"), "{said}");
}
