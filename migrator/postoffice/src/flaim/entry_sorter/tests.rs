//! Sorting, with and without scratch files.

use super::*;

/// Counts the files that it makes.
#[derive(Default)]
struct Counting(usize);

impl Scratch for Counting {
    type File = io::Cursor<Vec<u8>>;

    fn file(&mut self) -> io::Result<Self::File> {
        self.0 += 1;
        Ok(io::Cursor::new(Vec::new()))
    }
}

/// Entries in no order: a multiplication with an odd number scatters them.
fn scattered(count: u32) -> Vec<(Vec<u8>, u32)> {
    let number = |n: u32| n.wrapping_mul(0x9e37_79b1);
    (0..count)
        .map(|n| {
            let key = (number(n) >> 20).to_string().into_bytes();
            (key, number(n) >> 3)
        })
        .collect()
}

fn sorted(entries: &[(Vec<u8>, u32)], bytes_max: usize) -> (Vec<(Vec<u8>, u32)>, usize) {
    let mut scratch = Counting::default();
    let mut sorter = EntrySorter::<Counting>::new(bytes_max);
    for (key, record) in entries {
        sorter.push(&mut scratch, key, *record).unwrap();
    }
    let mut sorted = sorter.finish().unwrap();
    let mut found = Vec::new();
    while let Some((key, record)) = sorted.next().unwrap() {
        found.push((key.to_vec(), record));
    }
    (found, scratch.0)
}

#[test]
fn entries_are_sorted_whether_they_fit_or_not() {
    let entries = scattered(20_000);
    let mut expected = entries.clone();
    expected.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    // In memory; in a few runs; in so many that they are merged on the way.
    for (bytes_max, files) in [
        (usize::MAX, 0..1),
        (100_000, 2..10),
        (4_000, 100..usize::MAX),
    ] {
        let (found, made) = sorted(&entries, bytes_max);
        assert_eq!(found, expected);
        assert!(files.contains(&made), "{made}");
    }
    assert_eq!(sorted(&[], 10).0, []);
}

/// A disk that is full after so many bytes.
struct Full(usize);

struct FullFile(usize);

impl Scratch for Full {
    type File = FullFile;

    fn file(&mut self) -> io::Result<FullFile> {
        Ok(FullFile(self.0))
    }
}

impl Read for FullFile {
    fn read(&mut self, _bytes: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Write for FullFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for FullFile {
    fn seek(&mut self, _position: io::SeekFrom) -> io::Result<u64> {
        Ok(1)
    }
}

#[test]
fn a_scratch_file_that_fails_is_an_error() {
    let push_all = |full: usize| {
        let mut scratch = Full(full);
        let mut sorter = EntrySorter::<Full>::new(1_000);
        for (key, record) in scattered(200) {
            sorter.push(&mut scratch, &key, record)?;
        }
        sorter.finish().map(|_| ())
    };
    for full in [100, usize::MAX] {
        let error = push_all(full).unwrap_err();
        assert_eq!(error.code(), "FLAIM-SCRATCH", "{full}");
    }
}
