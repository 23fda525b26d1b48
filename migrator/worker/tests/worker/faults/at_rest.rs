//! What the proof that the source is at rest asks of it, counted from outside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::Task;

use super::SAYS_DONE;
use super::kinds::Kind;
use super::run_task_judged;
use super::sweep::can_trace;
use super::tracer::{Ended, Tree, Verdict};
use crate::support::{PASS_ONE, Site, write_old};

/// How often each call is made at each entry of the source; entries are told from the root of the source.
type Asked = BTreeMap<(libc::c_long, PathBuf), usize>;

fn ask(site: &Site) -> Asked {
    let mut asked = Asked::new();
    let task = Task::AtRest { quiet_seconds: 0 };
    let (ended, said) = run_task_judged(site, &task, Kind::InputOutput, |operation| {
        if operation.tree == Tree::Source {
            let path = operation.path.strip_prefix("source").unwrap();
            *asked
                .entry((operation.number, path.to_owned()))
                .or_default() += 1;
        }
        Verdict::Happens
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    assert!(said.contains(SAYS_DONE), "{said}");
    asked
}

fn site() -> Site {
    let mut site = Site::with_post_office();
    site.options.workers = 1;
    site.run(PASS_ONE).clean();
    site
}

#[test]
fn each_folder_is_listed_and_each_file_asked_once_in_a_look() {
    if !can_trace() {
        return;
    }
    let site = site();
    let asked = ask(&site);
    let times = |call: libc::c_long, path: &str| {
        let key = (call, Path::new(path).to_owned());
        asked.get(&key).copied().unwrap_or(0)
    };
    // A small folder is listed by two calls, the second of which says that there is no more; and there are two looks.
    for folder in [
        "",
        "OFUSER",
        "OFMSG",
        "OFMSG/GUARDBAK",
        "OFFILES",
        "GWDMS",
        "GWDMS/LIB000A",
        "WPCSIN",
        "WPCSIN/4",
        "WPCSOUT",
        "WPCSOUT/OFS",
        "WPCSOUT/OFS/2",
        "WPCSOUT/CHK/DEFER",
    ] {
        assert_eq!(times(libc::SYS_getdents64, folder), 4, "{folder}");
    }
    for file in [
        "OFUSER/USERABC.DB",
        "WPHOST.DB",
        "NGWGUARD.RFL",
        "GWDMS/DMSH.DB",
        "WPCSIN/4/00000A1C.002",
    ] {
        assert_eq!(times(libc::SYS_newfstatat, file), 2, "{file}");
    }
    for other in [
        "OFFILES/FD0",
        "OFFILES/fdF6",
        "OFVIEWS",
        "OFUSER/INDEX",
        "GWDMS/LIB000A/DOCS",
        "GWDMS/LIB000A/archive",
        "GWPO.DC",
        "WPCSOUT/OFS/1123POA.001",
    ] {
        let below: Vec<_> = asked
            .keys()
            .filter(|(_, path)| path.starts_with(other))
            .collect();
        assert!(below.is_empty(), "{other}: {below:?}");
    }
}

#[test]
fn what_is_asked_does_not_grow_with_blobs_documents_and_views() {
    if !can_trace() {
        return;
    }
    let site = site();
    let before = ask(&site);
    for number in 0..40 {
        for folder in [
            "OFFILES/FD0",
            "OFFILES/fd33",
            "GWDMS/LIB000A/DOCS/FD1/DEEP",
            "OFVIEWS/MAC",
            "OFUSER/INDEX",
        ] {
            let path = site.source.join(folder).join(format!("{number:08}.000"));
            write_old(&path, b"more", 800 + number);
        }
    }
    let mut more = ask(&site);
    more.retain(|asked, times| before.get(asked) != Some(times));
    assert!(
        more.is_empty(),
        "{} more: {:?}",
        more.len(),
        more.first_key_value()
    );
    let how_often = |asked: &Asked| asked.values().sum::<usize>();
    assert_eq!(how_often(&ask(&site)), how_often(&before));
}
