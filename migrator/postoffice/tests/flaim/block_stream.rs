//! Blocks that are verified while a copy reads them.

use postoffice::flaim::{BlockStream, BlocksSeen, DatabaseFile, MemoryFileSet, probe};

use crate::samples::{load, sound};

/// All data files of a database, taken in pieces of this many bytes.
fn stream(files: &MemoryFileSet, piece_bytes: usize) -> BlocksSeen {
    let header = probe(files.get(DatabaseFile::CONTROL).unwrap()).unwrap();
    let mut sum = BlocksSeen {
        blocks: 0,
        damaged: 0,
        first: None,
    };
    for (file, content) in files.iter() {
        let Some(mut stream) = BlockStream::new(&header, file) else {
            continue;
        };
        for piece in content.chunks(piece_bytes) {
            stream.push(piece);
        }
        let seen = stream.finish();
        sum.blocks += seen.blocks;
        sum.damaged += seen.damaged;
        sum.first = sum.first.or(seen.first);
    }
    sum
}

#[test]
fn every_sound_sample_streams_by_without_damage_in_pieces_of_any_size() {
    for sample in sound() {
        let whole = stream(&sample.files, 1 << 20);
        assert!(whole.blocks > 3, "{}: {whole:?}", sample.name);
        assert_eq!((whole.damaged, whole.first), (0, None), "{}", sample.name);
        for piece_bytes in [1, 4095, 4097, 10_000] {
            assert_eq!(stream(&sample.files, piece_bytes), whole, "{}", sample.name);
        }
    }
}

#[test]
fn every_flipped_byte_and_every_lost_end_is_seen() {
    let sample = load("01-v301-4k-tiny");
    let data = DatabaseFile::Numbered(1);
    let content = sample.files.get(data).unwrap().clone();
    let blocks = stream(&sample.files, 1 << 20).blocks;
    for offset in (0..content.len()).step_by(4096) {
        for at in [0, 1, 12, 16, 31] {
            let mut files = sample.files.clone();
            files.get_mut(data).unwrap()[offset + at] ^= 0x40;
            let seen = stream(&files, 5000);
            let block = u64::try_from(offset / 4096).unwrap();
            assert_eq!(seen.damaged, u64::from(block < blocks), "{offset}+{at}");
        }
    }
    let mut files = sample.files;
    files
        .get_mut(data)
        .unwrap()
        .truncate(usize::try_from(blocks).unwrap() * 4096 - 100);
    assert!(stream(&files, 4096).damaged > 0);
}
