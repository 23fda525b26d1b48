//! The share of the simulated source, as old and new clients see it.

use harness::containers::{SourceProfile, ask_share};

use crate::support::has_engine;

#[test]
fn the_old_profile_speaks_smb_1_and_nothing_newer() {
    if !has_engine("the old profile of the source") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("PO")).expect("made");
    let ask = |profile, protocol| ask_share(folder.path(), profile, protocol).expect("asked");
    let old = ask(SourceProfile::Old, "NT1");
    assert!(old.code == 0 && old.said.contains("PO"), "{old:?}");
    let new = ask(SourceProfile::Old, "SMB3");
    assert_ne!(new.code, 0, "{new:?}");
    let today = ask(SourceProfile::Today, "SMB3");
    assert!(today.code == 0 && today.said.contains("PO"), "{today:?}");
}
