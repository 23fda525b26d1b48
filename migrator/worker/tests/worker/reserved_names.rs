//! Names of the source that look like the migrator's own unfinished files.

use std::fs;

use protocol::{Task, Verdict};

use crate::support::{PASS_ONE, PASS_TWO, QUEUES, Site, contents, look, write_old};

const FILE: &str = "OFFILES/FD0/.GWMigrate-0-1";
const FOLDER: &str = "OFVIEWS/.gwmigrate-views";
const ITEM: &str = "WPCSIN/4/.gwmigrate-item";

fn site() -> Site {
    let site = Site::with_post_office();
    write_old(&site.source.join(FILE), b"somebody's attachment", 1);
    fs::create_dir(site.source.join(FOLDER)).unwrap();
    write_old(&site.source.join(FOLDER).join("VIEW.VEW"), b"a view", 2);
    write_old(&site.source.join(ITEM), b"a queued message", 3);
    site
}

#[test]
fn a_source_name_like_our_unfinished_files_is_a_finding_and_never_lost_silently() {
    let site = site();
    let before = look(&site.source);
    let done = site.run(PASS_ONE);
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    assert_eq!(
        done.with_code("name-reserved").len(),
        3,
        "{:?}",
        done.findings.kept
    );
    let done = site.run(PASS_TWO);
    assert_eq!(done.worst(), Verdict::Unproven);
    let done = site.run(QUEUES);
    assert_eq!(
        done.with_code("name-reserved").len(),
        1,
        "{:?}",
        done.findings.kept
    );
    assert_eq!(done.worst(), Verdict::Refused);
    assert!(
        contents(&site.destination)
            .keys()
            .all(|name| !name.contains(".gwmigrate-"))
    );
    // The seal is not given over what is missing.
    let done = site.run(Task::Seal);
    assert!(
        done.with_code("seal-missing").len() >= 2,
        "{:?}",
        done.findings.kept
    );
    assert_eq!(look(&site.source), before);
}

#[test]
fn a_reserved_name_that_was_renamed_is_carried_over() {
    let site = site();
    site.run(PASS_ONE);
    for name in [FILE, FOLDER, ITEM] {
        let path = site.source.join(name);
        let renamed = name.to_ascii_lowercase().replace(".gwmigrate-", "KEPT");
        let target = path.with_file_name(renamed.rsplit('/').next().unwrap());
        fs::rename(&path, target).unwrap();
    }
    site.run(PASS_TWO);
    site.run(QUEUES);
    let there = contents(&site.destination);
    assert_eq!(there["offiles/fd0/kept0-1"], b"somebody's attachment");
    assert_eq!(there["ofviews/keptviews/view.vew"], b"a view");
    assert_eq!(there["wpcsin/4/keptitem"], b"a queued message");
}
