//! A database is all of its files: copied together, under one lock, its blocks verified.

use std::fs;

use postoffice::flaim::DatabaseFile;
use protocol::{Count, Task, Verdict};

use crate::databases::{STORES, guardian, write};
use crate::support::{LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, Site, contents, wanted, write_old};

/// A site whose user database has a data file and a log.
fn site() -> Site {
    let site = Site::with_post_office();
    let user = site.source.join("OFUSER");
    write(
        &guardian(STORES),
        &user.join("USERABC.DB"),
        &user.join("UserAbc.01"),
    );
    write_old(&user.join("USERABC00001.LOG"), b"a roll-forward log", 1);
    site
}

#[test]
fn one_changed_file_copies_the_whole_set() {
    let site = site();
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
    for name in ["USERABC.DB", "UserAbc.01", "USERABC00001.LOG"] {
        let path = site.source.join("OFUSER").join(name);
        let bytes = fs::read(&path).unwrap();
        write_old(&path, &bytes, 77);
        let done = site.run(PASS_ONE);
        assert_eq!(
            done.count(Count::FilesCopied),
            3,
            "{name}: {:?}",
            done.findings.kept
        );
        done.clean();
    }
    assert_eq!(site.run(PASS_ONE).count(Count::FilesCopied), 0);
}

#[test]
fn a_locked_control_file_defers_the_whole_set() {
    let site = site();
    let holder = fs::File::options()
        .read(true)
        .write(true)
        .open(site.source.join("OFUSER/USERABC.DB"))
        .unwrap();
    crate::lock_table::lock_whole(&holder);
    let done = site.run(PASS_ONE);
    assert_eq!(
        done.with_code("database-deferred").len(),
        1,
        "one unit, one finding"
    );
    let there = contents(&site.destination);
    for name in ["userabc.db", "userabc.01", "userabc00001.log"] {
        assert!(!there.contains_key(&format!("ofuser/{name}")), "{name}");
    }
    drop(holder);
    site.run(PASS_TWO).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

#[test]
fn a_companion_that_vanished_goes_and_one_without_its_database_is_copied() {
    let site = site();
    site.run(PASS_ONE).clean();
    fs::remove_file(site.source.join("OFUSER/USERABC00001.LOG")).unwrap();
    write_old(
        &site.source.join("OFUSER/USERORPH.01"),
        b"no control file",
        3,
    );
    site.run(PASS_TWO).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

#[test]
fn damage_at_the_source_is_copied_as_it_is_and_said_by_pass_and_seal() {
    let site = site();
    let path = site.source.join("OFUSER/UserAbc.01");
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(
        &bytes,
        guardian(STORES).get(DatabaseFile::Numbered(1)).unwrap()
    );
    bytes[4096 * 3 + 100] ^= 0x10;
    write_old(&path, &bytes, 5);
    let done = site.run(PASS_ONE);
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    let found = done.with_code("database-damaged");
    assert_eq!(
        (found.len(), found[0].subject.as_str()),
        (1, "OFUSER/UserAbc.01")
    );
    assert!(found[0].text.contains("1 of its"), "{found:?}");
    site.run(PASS_TWO);
    assert_eq!(
        fs::read(site.destination.join("ofuser/userabc.01")).unwrap(),
        bytes
    );
    site.run(LOWERCASE).clean();
    site.run(QUEUES).clean();
    let done = site.run(Task::Seal);
    assert_eq!(
        done.worst(),
        Verdict::NeedsAttention,
        "nothing was lost on the way: {:?}",
        done.findings.kept
    );
    assert_eq!(done.with_code("seal-database-damaged").len(), 1);
}
