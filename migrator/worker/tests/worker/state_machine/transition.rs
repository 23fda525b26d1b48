//! What can happen: to the source, to the destination between the passes, and by the worker.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use super::model::{FIXED, FOLDERS, ITEMS, Model, SLOTS};

/// How a file of the source changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Grown,
    SameSize,
    OtherTimeOnly,
    OtherSizeSameTime,
    /// With the time of now, so that a further change may not show (ARCHITECTURE.md rule 3).
    Fresh,
    /// Such a further change.
    SameSizeAndTime,
    /// Other bytes, although size and time are as they were long ago: nothing but reading, or the time of the inode, tells.
    Hidden,
}

/// How a name is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Upper,
    Lower,
    Mixed,
}

impl Spelling {
    pub(super) fn spell(self, name: &str) -> String {
        match self {
            Self::Upper => name.to_ascii_uppercase(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Mixed => {
                let (first, rest) = name.split_at(1);
                first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
            }
        }
    }
}

/// What the agent of the destination does while it is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// Writes to a copy, of the same length; with the very time that it had, where it keeps the time.
    Touch {
        slot: &'static str,
        keeps_time: bool,
    },
    Remove(&'static str),
    /// Makes a file of its own where the source may have one some day.
    Add(&'static str),
    /// Makes a folder there, with a file in it.
    AddFolder(&'static str),
    /// Makes a file in this folder under a name that nothing else has.
    AddForeign(&'static str),
    TakeItem(&'static str),
    TouchItem(&'static str),
    AddItem(&'static str),
}

/// What the worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    StageOnePass,
    Prove,
    /// With the proof that the source is at rest.
    StageTwoPass,
    /// After something at the destination, or nothing, got a name in capitals.
    Lowercase {
        capital: Option<&'static str>,
    },
    Guardian,
    Queues,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// A file of the source is made or changed.
    Write(&'static str, Change),
    Remove(&'static str),
    RemoveFolder(&'static str),
    /// One name on the way to a file of the source, counted from its end, is spelled in another way.
    RenameInCase {
        slot: &'static str,
        from_end: usize,
        spelling: Spelling,
    },
    ChangeGuardian,
    ItemArrives(&'static str),
    ItemLeaves(&'static str),
    Agent(Agent),
    /// The worker runs; where it is killed at its n-th sign of life, it runs again at once.
    Run {
        run: Run,
        killed_at: Option<u32>,
    },
}

/// The most signs of life that a worker may give before it is killed; a pass over these trees gives about so many.
const SIGNS_MAX: u32 = 80;

/// What may happen next.
pub(super) fn next(model: &Model) -> BoxedStrategy<Transition> {
    let slots = || select(&SLOTS[..]);
    let items = || select(&ITEMS[..]);
    let changes = select(vec![
        Change::Grown,
        Change::SameSize,
        Change::OtherTimeOnly,
        Change::OtherSizeSameTime,
        Change::Fresh,
        Change::SameSizeAndTime,
        Change::Hidden,
    ]);
    let spellings = select(vec![Spelling::Upper, Spelling::Lower, Spelling::Mixed]);
    let removable: Vec<&str> = present(&SLOTS, model)
        .filter(|slot| !FIXED.contains(slot))
        .collect();
    let mut all = vec![
        (
            6,
            (slots(), changes)
                .prop_map(|(slot, change)| Transition::Write(slot, change))
                .boxed(),
        ),
        (
            1,
            select(&FOLDERS[..])
                .prop_map(Transition::RemoveFolder)
                .boxed(),
        ),
        (
            2,
            (slots(), 0..3_usize, spellings)
                .prop_map(|(slot, from_end, spelling)| Transition::RenameInCase {
                    slot,
                    from_end,
                    spelling,
                })
                .boxed(),
        ),
        (1, Just(Transition::ChangeGuardian).boxed()),
        (2, items().prop_map(Transition::ItemArrives).boxed()),
        (1, items().prop_map(Transition::ItemLeaves).boxed()),
        (7, agent().prop_map(Transition::Agent).boxed()),
        (
            7,
            (
                run(),
                prop_oneof![3 => Just(None), 1 => (1..=SIGNS_MAX).prop_map(Some)],
            )
                .prop_map(|(run, killed_at)| Transition::Run { run, killed_at })
                .boxed(),
        ),
    ];
    if !removable.is_empty() {
        all.push((2, select(removable).prop_map(Transition::Remove).boxed()));
    }
    let contested = model.contested();
    if !contested.is_empty() {
        let write = |slot| Transition::Write(slot, Change::Grown);
        all.push((4, select(contested).prop_map(write).boxed()));
    }
    // One slot is a folder at other times; the agent makes nothing there, so that a folder has one maker.
    let mut free = model.free();
    free.retain(|slot| !slot.ends_with("document.a"));
    if !free.is_empty() {
        let add = prop_oneof![
            2 => select(free.clone()).prop_map(Agent::Add),
            1 => select(free).prop_map(Agent::AddFolder),
        ];
        all.push((3, add.prop_map(Transition::Agent).boxed()));
    }
    Union::new_weighted(all).boxed()
}

fn present<'a>(slots: &'a [&'static str], model: &'a Model) -> impl Iterator<Item = &'static str> {
    slots
        .iter()
        .copied()
        .filter(|slot| model.files.contains_key(*slot))
}

fn agent() -> impl Strategy<Value = Agent> {
    let slots = || select(&SLOTS[..]);
    let items = || select(&ITEMS[..]);
    prop_oneof![
        3 => (slots(), any::<bool>()).prop_map(|(slot, keeps_time)| Agent::Touch { slot, keeps_time }),
        1 => slots().prop_map(Agent::Remove),
        1 => select(vec!["ofwork", "ofuser", "ofwork/poa"]).prop_map(Agent::AddForeign),
        1 => items().prop_map(Agent::TakeItem),
        1 => items().prop_map(Agent::TouchItem),
        1 => select(vec!["wpcsin/0", "wpcsout/ofs/2"]).prop_map(Agent::AddItem),
    ]
}

fn run() -> impl Strategy<Value = Run> {
    let capital = prop_oneof![Just(None), select(&SLOTS[..]).prop_map(Some),];
    prop_oneof![
        4 => Just(Run::StageOnePass),
        3 => Just(Run::Prove),
        2 => Just(Run::StageTwoPass),
        1 => capital.prop_map(|capital| Run::Lowercase { capital }),
        1 => Just(Run::Guardian),
        2 => Just(Run::Queues),
    ]
}
