//! The names of one folder on both sides, some at a time.
//!
//! A folder may hold a hundred thousand files, and many threads have one each in hand.  So of a whole folder only the two
//! listings are held; what else is to be known of a name, the row of the manifest first, is held for a slice of them.

use postoffice::names::{KeptReason, LowerCased, lower_case};

use crate::tree::{Entry, Name};

/// How many names of the source one slice has; more only where more of them become one.
const SLICE_NAMES: usize = 1024;

/// A name of the source, and the one that it gets at the destination.
#[derive(Debug)]
pub(super) struct Named {
    /// What the listing says.
    pub(super) entry: Entry,
    /// The name at the destination.
    pub(super) name: Name,
    /// Why the name is kept although it may have capital letters.
    pub(super) kept: Option<KeptReason>,
}

impl From<Entry> for Named {
    fn from(entry: Entry) -> Self {
        let (name, kept) = at_destination(&entry.name);
        Self { entry, name, kept }
    }
}

/// The name that a name of the source gets at the destination, and why it is kept where it may have capital letters still.
pub(crate) fn at_destination(name: &Name) -> (Name, Option<KeptReason>) {
    match lower_case(name) {
        LowerCased::Already => (name.clone(), None),
        LowerCased::Changed(lowered) => (Name::from_slice(lowered.as_bytes()), None),
        LowerCased::Kept(reason) => (name.clone(), Some(reason)),
    }
}

/// Names that follow each other, as the destination orders them.
#[derive(Debug)]
pub(super) struct Slice<'a> {
    /// Those of the source, by their name at the destination; names that become one are all in one slice.
    pub(super) source: &'a mut [Named],
    /// Those that the destination has.
    pub(super) destination: &'a [Entry],
    /// Where the slice begins; the first one begins with the empty name, before all others.
    pub(super) first: Name,
    /// Where the next one begins.
    pub(super) end: Option<Name>,
}

/// The names of a listing of the source in the order in which the destination has them.
pub(super) fn named(source: Vec<Entry>) -> Vec<Named> {
    let mut names: Vec<Named> = source.into_iter().map(Named::from).collect();
    names.sort_unstable_by(|left, right| {
        (&left.name, &left.entry.name).cmp(&(&right.name, &right.entry.name))
    });
    names
}

/// All names of a folder, some at a time; at least one slice, so that what only the destination has is in one too.
pub(super) fn slices<'a>(
    names: &'a mut [Named],
    destination: &'a [Entry],
) -> impl Iterator<Item = Slice<'a>> {
    let mut left = Some((names, destination, Name::new()));
    std::iter::from_fn(move || {
        let (names, destination, first) = left.take()?;
        let length = slice_length(names);
        let (source, later) = names.split_at_mut(length);
        let end = later.first().map(|named| named.name.clone());
        let length = match &end {
            Some(end) => destination.partition_point(|entry| entry.name < *end),
            None => destination.len(),
        };
        let (destination, destination_later) = destination.split_at(length);
        if let Some(end) = &end {
            left = Some((later, destination_later, end.clone()));
        }
        Some(Slice {
            source,
            destination,
            first,
            end,
        })
    })
}

fn slice_length(names: &[Named]) -> usize {
    let Some(last) = names.get(..SLICE_NAMES).and_then(<[Named]>::last) else {
        return names.len();
    };
    let same = names[SLICE_NAMES..]
        .iter()
        .take_while(|named| named.name == last.name);
    SLICE_NAMES + same.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: impl IntoIterator<Item = String>) -> Vec<Entry> {
        let entry = |name: String| Entry {
            name: Name::from_slice(name.as_bytes()),
            kind: None,
            inode: 0,
        };
        names.into_iter().map(entry).collect()
    }

    #[test]
    fn every_name_is_in_the_slice_whose_bounds_hold_it() {
        // Two names that become one stand where a slice would end without them.
        let source = (0..2500).map(|number| format!("A{number:05}"));
        let source = source.chain([format!("a{:05}", SLICE_NAMES - 1)]);
        let destination = entries((0..5000).step_by(3).map(|number| format!("a{number:05}")));
        let mut names = named(entries(source));
        let (mut seen, mut lengths, mut began) = (Vec::new(), Vec::new(), Name::new());
        for slice in slices(&mut names, &destination) {
            assert_eq!(slice.first, began);
            let is_inside = |name: &Name| {
                *name >= slice.first && slice.end.as_ref().is_none_or(|end| name < end)
            };
            assert!(slice.source.iter().all(|named| is_inside(&named.name)));
            assert!(slice.destination.iter().all(|entry| is_inside(&entry.name)));
            seen.extend(slice.destination.iter().cloned());
            lengths.push(slice.source.len());
            began = slice.end.unwrap_or_default();
        }
        assert_eq!(
            lengths,
            [SLICE_NAMES + 1, SLICE_NAMES, 2500 - 2 * SLICE_NAMES]
        );
        assert_eq!(seen, destination);
    }

    #[test]
    fn what_only_the_destination_has_is_in_a_slice() {
        let destination = entries(["b".into(), "a".into()]);
        let all: Vec<usize> = slices(&mut [], &destination)
            .map(|slice| slice.destination.len())
            .collect();
        assert_eq!(all, [2]);
    }
}
