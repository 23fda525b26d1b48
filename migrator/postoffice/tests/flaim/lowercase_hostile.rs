//! Lower-casing and recovery on damaged files: refused, or sound afterwards, and never a panic.

use std::sync::LazyLock;

use postoffice::flaim::{
    CheckOptions, DatabaseFile, FieldSelection, LowercaseLimits, LowercasePlan, MemoryFileSet,
    NameProfile, apply_lowercase, check, plan_lowercase, recover,
};
use proptest::prelude::*;

use crate::fuzz_bodies::bodies::reseal::repair_checksum;
use crate::hostile::OPTIONS;
use crate::samples::{corrupt_base, load};

const LIMITS: LowercaseLimits = LowercaseLimits {
    database: OPTIONS.limits,
    changes_bytes_max: 4 << 20,
    left_alone_max: 100,
};

fn plan(files: &MemoryFileSet) -> Option<LowercasePlan> {
    let field = FieldSelection {
        container: 32001,
        field: 2,
    };
    plan_lowercase(files, &NameProfile::Selected(vec![field]), LIMITS).ok()
}

/// Small databases, and the plans for them while they were sound.
static SUBJECTS: LazyLock<Vec<(MemoryFileSet, LowercasePlan)>> = LazyLock::new(|| {
    let names = [
        "01-v301-4k-tiny",
        "04-v400-4k-deleted",
        "10-v301-4k-needs-rfl",
        "12-v310-4k-needs-rollback",
    ];
    let mut subjects: Vec<_> = names.iter().map(|name| load(name).files).collect();
    subjects.push(corrupt_base().files);
    let with_plan = |files: MemoryFileSet| {
        let plan = plan(&files).unwrap();
        (files, plan)
    };
    subjects.into_iter().map(with_plan).collect()
});

/// The blocks of the first data file that the database uses.
fn used_blocks(subject: usize) -> usize {
    let data = SUBJECTS[subject].0.get(DatabaseFile::Numbered(1)).unwrap();
    data.len().min(30 * 4096) / 4096
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_refused_or_does_no_harm(
        subject in 0..5usize,
        changes in proptest::collection::vec((any::<u32>(), 0..64usize, any::<u8>(), any::<bool>()), 1..4),
        in_control in proptest::option::weighted(0.3, (60..88usize, any::<u8>())),
    ) {
        let (mut files, sound_plan) = SUBJECTS[subject].clone();
        let blocks = used_blocks(subject);
        let data = files.get_mut(DatabaseFile::Numbered(1)).unwrap();
        for (place, near, byte, in_header) in changes {
            let place = usize::try_from(place).unwrap();
            let start = place % blocks * 4096;
            let offset = if in_header { near } else { place / blocks % 4096 };
            data[start + offset] = byte;
            repair_checksum(data, start);
        }
        if let Some((offset, byte)) = in_control {
            let control = files.get_mut(DatabaseFile::CONTROL).unwrap();
            control[16 + offset] = byte;
            // No checksum: the format takes that for "not checked".
            control[16 + 44..16 + 46].fill(0);
        }
        // Whatever the plan lets through becomes sound.
        if let Some(plan) = plan(&files) {
            let mut copy = files.clone();
            apply_lowercase(&mut copy, &plan, LIMITS).unwrap();
            let report = check(&copy, CheckOptions::default()).unwrap();
            prop_assert_eq!(report.findings, []);
        }
        // A plan from better days, and recovery on its own: any end will do.
        let _ = apply_lowercase(&mut files.clone(), &sound_plan, LIMITS);
        let _ = recover(&mut files, OPTIONS.limits);
    }
}

/// A before-image that claims a block far behind its data file, with every checksum right.
///
/// Found by fuzzing: recovery wrote the image where it said, and a file of 100 KB grew to a gigabyte.
#[test]
fn an_image_of_a_block_behind_its_file_is_refused() {
    const FIRST_IMAGE: usize = 4096;
    let mut files = load("12-v310-4k-needs-rollback").files;
    let control = files.get_mut(DatabaseFile::CONTROL).unwrap();
    // The database ends at 1 GiB of its first file, and the image is of a block below that.
    control[16 + 68..16 + 72].copy_from_slice(&0x4000_0001u32.to_le_bytes());
    control[16 + 44..16 + 46].fill(0);
    control[FIRST_IMAGE..FIRST_IMAGE + 4].copy_from_slice(&0x3000_0001u32.to_le_bytes());
    repair_checksum(control, FIRST_IMAGE);

    let before = files.clone();
    let refused = recover(&mut files, OPTIONS.limits).unwrap_err();
    assert_eq!(refused.code(), "FLAIM-ROLLBACK", "{refused}");
    assert!(files.iter().eq(before.iter()), "nothing was written");
}
