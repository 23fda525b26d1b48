//! How many requests a look at a tree without changes takes: they grow with folders and databases, and not with files.

use harness::containers::Way;
use harness::rehearsal::migrate;
use harness::site::Site as _;

use crate::support::post_office;

/// What the client for SMB counts of everything that it sent, for all shares.
const SENT_BY_SMB: &str = "awk '/^SMBs: / { sum += $2 } END { print sum + 0 }' /proc/fs/cifs/Stats";

/// What the client for NFS counts: the operations of all mounts, each on a line behind the headline, the second word how often.
const SENT_BY_NFS: &str = "awk '/per-op statistics/ { on = 1; next } /^device/ { on = 0 } on { sum += $2 } \
     END { print sum + 0 }' /proc/self/mountstats";

/// Files of the smaller and of the larger post office.
const FILES: [usize; 2] = [300, 1_200];

/// What a pass sends through the client where nothing has changed, and how many files there are.
fn pass_without_changes(way: Way, counting: &str, files: usize) -> (u64, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = post_office(folder.path(), way, files);
    let pass = || {
        let (run, _) = migrate(&machine, &["stage-one"]).expect("run");
        assert!(run.is_fine(), "{run:?}");
    };
    pass();
    let counted = || -> u64 {
        let sent = machine.run(counting).expect("counted");
        sent.parse().expect("a number")
    };
    let before = counted();
    pass();
    let sent = counted() - before;
    let created = machine.created().files;
    eprintln!("{way:?}, {created} files: {sent} requests of a pass without changes");
    (sent, created)
}

fn do_not_grow_with_files(way: Way, counting: &str) {
    let [(few, of_few), (many, of_many)] =
        FILES.map(|files| pass_without_changes(way, counting, files));
    let more = of_many - of_few;
    assert!(few > 0, "nothing was counted");
    assert!(
        many < few + more as u64 / 4,
        "{more} files more: {few} requests, and then {many}"
    );
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn of_a_pass_without_changes_through_nfs_4() {
    do_not_grow_with_files(Way::Nfs4, SENT_BY_NFS);
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn of_a_pass_without_changes_through_smb_3() {
    do_not_grow_with_files(Way::Smb3, SENT_BY_SMB);
}
