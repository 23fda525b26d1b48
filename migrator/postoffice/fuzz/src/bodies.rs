//! What the fuzz targets do with an input: no input may panic, loop, or allocate without bound.
//!
//! An input is a file set: one byte of flags, the length of the control file and of the first data file (4 bytes each,
//! little-endian), both files, and what is left is the roll-forward log.
//!
//! Almost every change would end at a checksum that is wrong.  So the flags ask for checksums that are made right again
//! first, those of the blocks (bit 0) and that of the log header (bit 1), and the fuzzer gets to what lies behind them.

#[path = "reseal.rs"]
pub mod reseal;

use postoffice::flaim::{
    BlockStream, CheckOptions, Damage, Database, DatabaseFile, Error, FieldSelection, Limits,
    LowercaseLimits, MemoryFileSet, NameProfile, apply_lowercase, check, each_catalogued,
    each_name, plan_lowercase,
};

use self::reseal::reseal_block;

/// Small enough that whatever runs into them is quick.
const LIMITS: Limits = Limits {
    record_bytes_max: 1 << 20,
    dictionary_bytes_max: 1 << 20,
    changes_bytes_max: 4 << 20,
};
const OPTIONS: CheckOptions = CheckOptions {
    limits: LIMITS,
    findings_max: 20,
};
const LOWERCASE: LowercaseLimits = LowercaseLimits {
    database: LIMITS,
    changes_bytes_max: 8 << 20,
    left_alone_max: 100,
};

const RESEAL_BLOCKS: u8 = 1;
const RESEAL_HEADER: u8 = 2;
const LOG_HEADER: usize = 16;

/// The file set that an input stands for.
pub fn files_of(input: &[u8]) -> Option<MemoryFileSet> {
    let (flags, rest) = input.split_first()?;
    let (control, rest) = take(rest)?;
    let (data, log) = take(rest)?;
    let (mut control, mut data) = (control.to_vec(), data.to_vec());
    if flags & RESEAL_HEADER != 0 {
        reseal_header(&mut control);
    }
    if flags & RESEAL_BLOCKS != 0 {
        reseal_blocks(&control, &mut data);
    }
    let mut files = MemoryFileSet::new();
    files.insert(DatabaseFile::CONTROL, control);
    files.insert(DatabaseFile::Numbered(1), data);
    if !log.is_empty() {
        files.insert(DatabaseFile::RollForward(1), log.to_vec());
    }
    Some(files)
}

/// The input that stands for a file set, with checksums left as they are or made right.
pub fn input_of(flags: u8, control: &[u8], data: &[u8], log: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    [
        &[flags],
        &length(control)[..],
        control,
        &length(data),
        data,
        log,
    ]
    .concat()
}

/// The bytes behind a length, or as many of them as there are.
fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    Some(rest.split_at(length.min(rest.len())))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let pair = bytes.get(at..at + 2).and_then(|pair| pair.try_into().ok());
    u16::from_le_bytes(pair.unwrap_or_default())
}

/// Makes the checksum of the log header right (flaim-format.md 1.3).
fn reseal_header(control: &mut [u8]) {
    let is_long = u16_at(control, LOG_HEADER + 46) >= 430;
    let size = if is_long { 512 } else { 88 };
    let words = (0..size).step_by(2).filter(|offset| *offset != 44);
    let sum = words.fold(0u16, |sum, offset| {
        sum.wrapping_add(u16_at(control, LOG_HEADER + offset))
    });
    let sum = if sum == 0 || sum == 0xffff { 1 } else { sum };
    if let Some(place) = control.get_mut(LOG_HEADER + 44..LOG_HEADER + 46) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}

/// Makes the checksums of all blocks of the first data file right (flaim-format.md 2).
fn reseal_blocks(control: &[u8], data: &mut [u8]) {
    let size = if u16_at(control, 1876 + 14) == 8192 {
        8192
    } else {
        4096
    };
    data.chunks_exact_mut(size).for_each(reseal_block);
}

/// Any bytes as the start of a control file.
pub fn probe(input: &[u8]) {
    if let Err(reason) = postoffice::flaim::probe(input) {
        assert!(!reason.to_string().is_empty() && reason.code().starts_with("FLAIM-"));
    }
}

/// Everything that can be read out of a file set.
pub fn read(input: &[u8]) {
    let Some(files) = files_of(input) else {
        return;
    };
    let _ = check(&files, OPTIONS);
    let Ok(database) = Database::open(&files, LIMITS) else {
        return;
    };
    for container in database.containers() {
        let Ok(records) = database.records(container) else {
            continue;
        };
        for record in records {
            let Ok(record) = record else { break };
            for field in record.fields() {
                let _ = field.value();
            }
        }
    }
    for index in database.indexes() {
        if let Ok(entries) = database.index_entries(index) {
            let _ = entries.take_while(Result::is_ok).count();
        }
    }
    let _ = each_name::<_, Error>(&database, &NameProfile::Guardian, |_| Ok(()));
    let _ = each_catalogued::<_, Error>(&database, |_| Ok(()));
}

/// Recovery that writes: what it calls done is clean, and holds what reading through the logs showed.
pub fn recover(input: &[u8]) {
    let Some(mut files) = files_of(input) else {
        return;
    };
    let before = records_of(&files);
    if let Ok(Some(_)) = postoffice::flaim::recover(&mut files, LIMITS) {
        let database = Database::open(&files, LIMITS).expect("recovered, so it opens");
        assert!(database.header().log.is_clean());
        if let Some(before) = before {
            assert_eq!(
                records_of(&files),
                Some(before),
                "recovered to something else"
            );
        }
    }
}

/// How many records each container has and a sum of their bytes; none where not all can be read.
fn records_of(files: &MemoryFileSet) -> Option<Vec<(u16, u64, u64)>> {
    let database = Database::open(files, LIMITS).ok()?;
    let mut all = Vec::new();
    for container in database.containers() {
        let (mut count, mut sum) = (0u64, 0u64);
        for record in database.records(container).ok()? {
            let record = record.ok()?;
            count += 1;
            for field in record.fields() {
                let bytes = field.stored.iter().map(|byte| u64::from(*byte));
                sum = sum.wrapping_mul(31).wrapping_add(bytes.sum());
            }
        }
        all.push((container, count, sum));
    }
    Some(all)
}

/// Lower-casing, by the guardian's profile and by a named field: what it calls done is sound, and nothing is left.
pub fn lowercase(input: &[u8]) {
    let selected = FieldSelection {
        container: 32001,
        field: 2,
    };
    for profile in [NameProfile::Guardian, NameProfile::Selected(vec![selected])] {
        let Some(mut files) = files_of(input) else {
            return;
        };
        let Ok(plan) = plan_lowercase(&files, &profile, LOWERCASE) else {
            continue;
        };
        if apply_lowercase(&mut files, &plan, LOWERCASE).is_err() {
            continue;
        }
        let report = check(&files, OPTIONS).expect("changed, so it can be checked");
        let found = report.findings.iter();
        let harm: Vec<_> = found
            .filter(|fault| fault.damage != Damage::HeaderUnusual)
            .collect();
        assert!(harm.is_empty(), "{harm:?}");
        let again =
            plan_lowercase(&files, &profile, LOWERCASE).expect("changed, so it can be planned");
        assert!(again.is_empty(), "{again:?}");
    }
}

/// Blocks that are verified while a copy reads them.
pub fn copy_stream(input: &[u8]) {
    let Some(files) = files_of(input) else {
        return;
    };
    let Some(Ok(header)) = files
        .get(DatabaseFile::CONTROL)
        .map(|bytes| postoffice::flaim::probe(bytes))
    else {
        return;
    };
    let data = DatabaseFile::Numbered(1);
    if let (Some(mut stream), Some(bytes)) = (BlockStream::new(&header, data), files.get(data)) {
        let piece_bytes = usize::from(input[0]) * 64 + 1;
        for piece in bytes.chunks(piece_bytes) {
            stream.push(piece);
        }
        let seen = stream.finish();
        assert!(seen.damaged <= seen.blocks + 1);
    }
}
