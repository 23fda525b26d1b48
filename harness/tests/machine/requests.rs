//! How many requests a look at a tree without changes takes: through SMB they grow with folders and databases, and not with files.
//!
//! The client for NFS keeps attributes for a second, and may list a folder that has not changed without asking for them anew: so
//! it asks for a file once in each look, of which a pass and what it proves are one each.

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

/// How many more requests the larger post office takes than the smaller one, and how many more files it has.
fn growth(way: Way, counting: &str) -> (u64, u64) {
    let [(few, of_few), (many, of_many)] =
        FILES.map(|files| pass_without_changes(way, counting, files));
    assert!(few > 0, "nothing was counted");
    (many.saturating_sub(few), (of_many - of_few) as u64)
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn of_a_pass_without_changes_through_nfs_4() {
    let (requests, files) = growth(Way::Nfs4, SENT_BY_NFS);
    assert!(
        requests < files * 5 / 2,
        "{files} files more took {requests} requests more"
    );
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn of_a_pass_without_changes_through_smb_3() {
    let (requests, files) = growth(Way::Smb3, SENT_BY_SMB);
    assert!(
        requests < files / 4,
        "{files} files more took {requests} requests more"
    );
}
