//! Damage of every kind: how much of it is found, and that none of it does harm.

use postoffice::flaim::{
    CheckOptions, Database, DatabaseFile, HEADER_BYTES, Limits, MemoryFileSet, check, probe,
};
use proptest::prelude::*;
use std::sync::LazyLock;

use crate::fuzz_bodies::bodies::reseal::repair_checksum;
use crate::samples::{corrupt_base, load};

/// Small limits, so that a test that runs into them is quick.
pub(crate) const OPTIONS: CheckOptions = CheckOptions {
    limits: Limits {
        record_bytes_max: 1 << 20,
        dictionary_bytes_max: 1 << 20,
        changes_bytes_max: 4 << 20,
    },
    findings_max: 20,
};

/// Whether a database is refused, or the check finds something.
fn is_found(files: &MemoryFileSet) -> bool {
    check(files, OPTIONS).map_or(true, |report| !report.is_sound())
}

/// The used bytes of the tiny sample: the headers, and each block up to its end.
fn used_bytes(files: &MemoryFileSet) -> Vec<(DatabaseFile, usize)> {
    let control = files.get(DatabaseFile::CONTROL).unwrap();
    let header = probe(control).unwrap();
    // Prefix, log header, database header; what lies between the last two has no meaning.
    let headers = (0..16 + 88).chain(1876..HEADER_BYTES);
    let mut used: Vec<_> = headers.map(|at| (DatabaseFile::CONTROL, at)).collect();
    let data_file = DatabaseFile::Numbered(1);
    let data = files.get(data_file).unwrap();
    let end = usize::try_from(header.log.logical_end.offset()).unwrap();
    for start in (0..end).step_by(header.block_size) {
        let length = u16::from_le_bytes([data[start + 14], data[start + 15]]);
        used.extend((start..start + usize::from(length)).map(|at| (data_file, at)));
    }
    used
}

/// Every bit of every used byte, one at a time.
#[test]
fn a_flipped_bit_is_found() {
    let mut files = load("01-v301-4k-tiny").files;
    let used = used_bytes(&files);
    let mut missed = Vec::new();
    for (file, offset) in &used {
        for bit in 0..8 {
            files.get_mut(*file).unwrap()[*offset] ^= 1 << bit;
            if !is_found(&files) {
                missed.push((*file, *offset, bit));
            }
            files.get_mut(*file).unwrap()[*offset] ^= 1 << bit;
        }
    }
    let flips = used.len() * 8;
    let found = flips - missed.len();
    println!("{found} of {flips} flipped bits found; missed: {missed:?}");
    // What escapes is the application's own version and the default language, which may hold anything.
    let may_escape = [10, 11, 1876 + 13];
    for (file, offset, bit) in &missed {
        let is_free = *file == DatabaseFile::CONTROL && may_escape.contains(offset);
        assert!(is_free, "bit {bit} of byte {offset} of the {file} escaped");
    }
    assert!(missed.len() <= may_escape.len() * 8);
}

/// One bit of every used byte, but with the block's checksum made right again: what the rules of the format
/// find without it.
#[test]
fn damage_with_a_right_checksum_is_mostly_found() {
    let mut files = load("01-v301-4k-tiny").files;
    let used = used_bytes(&files);
    let data_file = DatabaseFile::Numbered(1);
    let (mut flips, mut found) = (0, 0);
    for (file, offset) in used {
        // The checksums themselves cannot be wrong here.
        if file != data_file || offset % 4096 == 0 || offset % 4096 == 31 {
            continue;
        }
        let bit = offset % 8;
        let data = files.get_mut(data_file).unwrap();
        let before = data.clone();
        data[offset] ^= 1 << bit;
        repair_checksum(data, offset / 4096 * 4096);
        flips += 1;
        found += usize::from(is_found(&files));
        *files.get_mut(data_file).unwrap() = before;
    }
    println!("{found} of {flips} changes with a right checksum found");
    assert!(found * 100 >= flips * FOUND_WITH_RIGHT_CHECKSUM_PERCENT_MIN);
}

/// Values that no index covers, transaction numbers and stale bytes may change without breaking a rule.
const FOUND_WITH_RIGHT_CHECKSUM_PERCENT_MIN: usize = 40;

/// Does everything with a file set that can be done with it; how it ends does not matter, that it ends does.
fn use_it_all(files: &MemoryFileSet) {
    let _ = check(files, OPTIONS);
    let Ok(database) = Database::open(files, OPTIONS.limits) else {
        return;
    };
    for container in database.containers() {
        if let Ok(records) = database.records(container) {
            for record in records.map_while(Result::ok) {
                record.fields().for_each(|field| drop(field.value()));
            }
        }
        let _ = database.record(container, 7);
    }
    for index in database.indexes() {
        if let Ok(entries) = database.index_entries(index) {
            // A few hostile bytes may mean millions of references; the caller decides how many to take.
            entries.take(10_000).for_each(drop);
        }
    }
}

/// Small databases of every kind that the engine treats differently.
static SUBJECTS: LazyLock<Vec<MemoryFileSet>> = LazyLock::new(|| {
    let names = [
        "01-v301-4k-tiny",
        "02-v302-4k-upper-stores",
        "10-v301-4k-needs-rfl",
        "11-v452-4k-needs-rollback-and-rfl",
        "12-v310-4k-needs-rollback",
    ];
    let mut subjects: Vec<_> = names.iter().map(|name| load(name).files).collect();
    subjects.push(corrupt_base().files);
    subjects
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_probe_takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2200)) {
        let _ = probe(&bytes);
    }

    #[test]
    fn the_probe_takes_any_header(
        changes in proptest::collection::vec((0..HEADER_BYTES, any::<u8>()), 0..12),
        length in 0..=HEADER_BYTES,
    ) {
        let mut bytes = SUBJECTS[0].get(DatabaseFile::CONTROL).unwrap().clone();
        for (offset, byte) in changes {
            bytes[offset] = byte;
        }
        let _ = probe(&bytes[..HEADER_BYTES]);
        let _ = probe(&bytes[..length]);
    }

    /// Bytes changed in any block, with checksums made right so that the change gets past them.
    #[test]
    fn mutated_databases_do_no_harm(
        subject in 0..6usize,
        changes in proptest::collection::vec((any::<u32>(), 0..64usize, any::<u8>(), any::<bool>()), 1..6),
        cut in proptest::option::of(any::<u16>()),
    ) {
        let mut files = SUBJECTS[subject].clone();
        let data = files.get_mut(DatabaseFile::Numbered(1)).unwrap();
        let blocks = data.len() / 4096;
        for (place, near, byte, in_header) in changes {
            let place = usize::try_from(place).unwrap();
            let start = place % blocks * 4096;
            let offset = if in_header { near } else { place / blocks % 4096 };
            data[start + offset] = byte;
            // The address of the block is its own; only 01 and so on are in file 1.
            repair_checksum(data, start);
        }
        if let Some(cut) = cut {
            data.truncate(usize::from(cut) * 16);
        }
        use_it_all(&files);
    }

    /// Bytes changed in the logs that recovery follows.
    #[test]
    fn mutated_logs_do_no_harm(
        subject in 2..5usize,
        changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6),
        in_log in any::<bool>(),
    ) {
        let mut files = SUBJECTS[subject].clone();
        let file = if in_log { DatabaseFile::RollForward(1) } else { DatabaseFile::CONTROL };
        if let Some(content) = files.get_mut(file) {
            let length = content.len();
            for (place, byte) in changes {
                // Behind the headers, so that recovery is tried at all.
                content[(2048 + usize::from(place)) % length] = byte;
            }
        }
        use_it_all(&files);
    }
}
