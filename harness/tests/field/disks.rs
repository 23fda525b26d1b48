//! Disks of destinations that can do less than others.

use harness::site::Site as _;

use crate::poor_disk::{PoorDisk, Poverty};
use crate::shown::write_old;
use crate::support::{Stage, codes, finding};

/// A rehearsal whose destination is on such a disk.
struct OnDisk {
    // Unmounted before the folder of the rehearsal goes.
    _disk: PoorDisk,
    stage: Stage,
}

/// None where nothing can be mounted here.
fn on(poverty: Poverty) -> Option<OnDisk> {
    let mut stage = Stage::new();
    let behind = stage.folder.path().join("disk");
    let mount_point = stage.folder.path().join("mounted");
    let disk = PoorDisk::new(&behind, &mount_point, poverty)?;
    stage.embedded_mut().sheet.destination = mount_point.join("po");
    stage.embedded().write_worksheet().expect("written");
    Some(OnDisk { _disk: disk, stage })
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_disk_that_cannot_rename_without_replacing_is_moved_to_all_the_same() {
    let poverty = Poverty {
        no_rename_flags: true,
        ..Poverty::default()
    };
    let Some(site) = on(poverty) else { return };
    let run = site.stage.migrate(&["check"]);
    let lines = run.result["lines"].as_array().expect("lines");
    let line = lines
        .iter()
        .find(|line| line["check"] == "destination-abilities");
    let text = line.expect("the line")["text"].as_str().unwrap_or_default();
    assert!(text.contains("renames by a second link"), "{text}");
    let run = site.stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    site.stage.prepare();
    let run = site.stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(site.stage.differences(), Vec::<String>::new());
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_disk_that_cannot_do_what_stage_two_needs_is_refused_by_name_until_another_is_named() {
    for (poverty, code, word) in [
        (
            Poverty {
                no_rename_flags: true,
                no_links: true,
                ..Poverty::default()
            },
            "destination-unable",
            "second link",
        ),
        (
            Poverty {
                folds_case: true,
                ..Poverty::default()
            },
            "destination-folds-case",
            "case",
        ),
        (
            Poverty {
                no_permissions: true,
                ..Poverty::default()
            },
            "destination-unable",
            "owner alone",
        ),
    ] {
        let Some(mut site) = on(poverty) else { return };
        let run = site.stage.expect(&["check"], 5);
        let found = finding(&run, "destination-abilities");
        assert!(
            found.text.contains(word) && found.text.contains("fuse"),
            "{found:#?}"
        );
        let run = site.stage.expect(&["stage-one"], 5);
        assert!(
            finding(&run, code).text.contains(word),
            "{:#?}",
            run.findings
        );
        // The remedy: a folder on another disk.
        let another = site.stage.folder.path().join("another");
        site.stage.embedded_mut().sheet.destination = another;
        site.stage.embedded().write_worksheet().expect("written");
        let run = site.stage.migrate(&["check"]);
        assert!(!codes(&run).contains(&"destination-abilities"), "{run:#?}");
    }
}

/// What was copied a moment ago is in memory: proofs and the seal compared that with the source, and not what the disk had.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_the_disk_has_lost_is_not_proven_by_what_memory_still_has() {
    const LOST: &str = "offiles/fd0/lost.001";
    let poverty = Poverty {
        loses: Some("po/offiles/fd0/lost.001"),
        ..Poverty::default()
    };
    let Some(site) = on(poverty) else { return };
    let file = site.stage.source().join("OFFILES/FD0/LOST.001");
    write_old(&file, [7; 8192]);
    let run = site.stage.migrate(&["stage-one"]);
    let found = finding(&run, "copy-differs");
    assert_eq!(found.subject, LOST, "{found:#?}");
    site.stage.prepare();
    let run = site.stage.migrate(&["stage-two"]);
    let found = finding(&run, "seal-differs");
    assert_eq!(found.subject, LOST, "{found:#?}");
}
