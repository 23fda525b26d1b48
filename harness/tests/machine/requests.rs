//! How many requests a look at a tree without changes takes: they grow with folders, and not with files.

use harness::containers::Way;
use harness::rehearsal::migrate;
use harness::site::Site as _;

use crate::support::post_office;

/// What the client counts of everything that it sent, for all shares.
const COUNT: &str = "awk '/^SMBs: / { sum += $2 } END { print sum + 0 }' /proc/fs/cifs/Stats";

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn of_a_pass_without_changes_through_smb_3() {
    for files in [300, 1_200] {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = post_office(folder.path(), Way::Smb3, files);
        let (first, _) = migrate(&machine, &["stage-one"]).expect("run");
        assert!(first.is_fine(), "{first:?}");
        let counted = || -> u64 {
            machine
                .run(COUNT)
                .expect("counted")
                .parse()
                .expect("a number")
        };
        let before = counted();
        let (again, _) = migrate(&machine, &["stage-one"]).expect("run");
        assert!(again.is_fine(), "{again:?}");
        let sent = counted() - before;
        let created = machine.created().files;
        eprintln!("{created} files: {sent} requests of a pass without changes");
    }
}
