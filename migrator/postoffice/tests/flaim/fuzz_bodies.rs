//! The bodies of the fuzz targets, over the samples and some thousand seeded changes of them: so that they are never
//! broken, and what fuzzing found stays found.  Fuzzing itself is run by hand, see `fuzz/README.md`.

#[path = "../../fuzz/src/bodies.rs"]
#[allow(unreachable_pub)]
pub(crate) mod bodies;

use postoffice::flaim::{DatabaseFile, MemoryFileSet};

use crate::samples::{PAIRS, load, load_from};

/// How often each sample is changed.
const CHANGES: u64 = 12;

/// A small generator of its own, so that the inputs never change with a library.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

fn input_of(flags: u8, files: &MemoryFileSet) -> Vec<u8> {
    let none = Vec::new();
    let part = |file| files.get(file).unwrap_or(&none).as_slice();
    let data = part(DatabaseFile::Numbered(1));
    bodies::input_of(
        flags,
        part(DatabaseFile::CONTROL),
        &data[..data.len().min(96 * 1024)],
        part(DatabaseFile::RollForward(1)),
    )
}

#[test]
fn no_change_of_a_sample_makes_the_engine_panic_or_do_harm() {
    let mut samples: Vec<MemoryFileSet> = PAIRS
        .iter()
        .map(|name| load_from(name, "before").files)
        .collect();
    for name in [
        "01-v301-4k-tiny",
        "10-v301-4k-needs-rfl",
        "12-v310-4k-needs-rollback",
    ] {
        samples.push(load(name).files);
    }
    let mut numbers = Numbers(7);
    for files in &samples {
        for round in 0..CHANGES {
            let mut input = input_of(u8::try_from(round % 4).unwrap(), files);
            for _ in 0..=numbers.next(4) {
                let at = numbers.next(input.len() - 9) + 9;
                input[at] ^= 1 << numbers.next(8);
            }
            bodies::read(&input);
            bodies::copy_stream(&input);
            bodies::recover(&input);
            bodies::lowercase(&input);
            bodies::probe(&input[5..]);
        }
    }
}
