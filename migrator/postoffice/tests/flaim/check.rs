//! The check: silent on sound databases, exact on damaged ones.

use std::collections::BTreeMap;

use postoffice::flaim::{CheckOptions, CheckReport, Comparison, LogicalFileKind, check};

use crate::samples::{corrupt, corrupt_base, load, sound};

fn codes(report: &CheckReport) -> BTreeMap<&'static str, usize> {
    let mut codes = BTreeMap::new();
    for finding in &report.findings {
        *codes.entry(finding.damage.code()).or_default() += 1;
    }
    codes
}

#[test]
fn sound_samples_have_no_finding() {
    for sample in sound().into_iter().chain([corrupt_base()]) {
        let report = check(&sample.files, CheckOptions::default()).unwrap();
        assert_eq!(report.findings, [], "{}", sample.name);
        assert_eq!(report.findings_left_out, 0);
        for (number, tree) in &report.trees {
            if tree.kind == LogicalFileKind::Index {
                let comparison = Some(Comparison::Whole);
                assert_eq!(
                    tree.comparison, comparison,
                    "{}: index {number}",
                    sample.name
                );
            }
        }
    }
}

#[test]
fn counts_are_those_of_the_independent_implementation() {
    let report = check(&load("04-v400-4k-deleted").files, CheckOptions::default()).unwrap();
    assert_eq!(report.blocks_free, 89);
    let count = |number: u16| (report.trees[&number].blocks, report.trees[&number].entries);
    assert_eq!(count(32001), (9, 300));
    assert_eq!(count(10), (5, 300));
    assert_eq!(count(11), (5, 300));
}

/// What must be found in each damaged variant: codes, and how often each.
const EXPECTED: &[(&str, &[(&str, usize)])] = &[
    ("01-bitflip-stale-checksum", &[("FLAIM-BLOCK-CHECKSUM", 1)]),
    (
        "02-value-changed-index-not",
        &[
            ("FLAIM-KEY-NOT-IN-INDEX", 2),
            ("FLAIM-KEY-NOT-IN-RECORD", 2),
        ],
    ),
    ("03-next-pointer-wild", &[("FLAIM-BLOCK-NEXT", 1)]),
    (
        "04-truncated-data-file",
        &[("FLAIM-BLOCK-UNREADABLE", 3), ("FLAIM-FILE-SHORT", 1)],
    ),
    (
        "05-zeroed-index-leaf",
        &[
            ("FLAIM-BLOCK-CHECKSUM", 1),
            ("FLAIM-BLOCK-END", 1),
            ("FLAIM-BLOCK-OWN-ADDRESS", 1),
        ],
    ),
    ("06-bad-prefix-count", &[("FLAIM-ELEMENT-KEY-SIZE", 1)]),
    ("08-parent-key-mismatch", &[("FLAIM-PARENT-KEY", 1)]),
    (
        "09-index-wrong-reference",
        &[
            ("FLAIM-KEY-NOT-IN-INDEX", 1),
            ("FLAIM-KEY-NOT-IN-RECORD", 1),
        ],
    ),
];

/// The block in which each damage must be found.
const BLOCKS: &[(&str, u32)] = &[
    ("01-bitflip-stale-checksum", 0x7001),
    ("03-next-pointer-wild", 0x5001),
    ("05-zeroed-index-leaf", 0x10001),
    ("06-bad-prefix-count", 0x5001),
    ("08-parent-key-mismatch", 0x11001),
    ("09-index-wrong-reference", 0x8001),
];

#[test]
fn each_damaged_variant_has_its_findings() {
    let mut met = 0;
    for variant in corrupt() {
        let name = variant.name.as_str();
        met += 1;
        let report = match check(&variant.files, CheckOptions::default()) {
            Ok(report) => report,
            Err(error) => {
                let expected = match name {
                    "07-log-header-checksum" => "FLAIM-HEADER-CHECKSUM",
                    "10-not-flaim" => "FLAIM-NOT-A-DATABASE",
                    _ => panic!("{name}: {error}"),
                };
                assert_eq!(error.code(), expected);
                continue;
            }
        };
        let expected = EXPECTED.iter().find(|(known, _)| *known == name);
        let expected: BTreeMap<_, _> = expected.expect(name).1.iter().copied().collect();
        assert_eq!(codes(&report), expected, "{name}: {:#?}", report.findings);
        if let Some((_, block)) = BLOCKS.iter().find(|(known, _)| *known == name) {
            let blocks = report
                .findings
                .iter()
                .filter_map(|finding| finding.place.block);
            assert!(
                blocks.clone().any(|address| address.raw() == *block),
                "{name}"
            );
        }
    }
    assert_eq!(met, 10);
}
