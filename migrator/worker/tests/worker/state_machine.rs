//! Random sequences of all that happens during a migration, beside a reference model.
//!
//! An ordinary run tries [`FEW_CASES`] sequences, and `.ci/run` [`MANY_CASES`]; `PROPTEST_CASES=5000` tries so many.  A sequence that fails is made
//! as short as possible, printed, and kept in `proptest-regressions`, which every later run tries first.

mod killed;
mod model;
mod system;
mod transition;
mod trees;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use self::model::Model;
use self::system::System;
use self::transition::Transition;

/// How many sequences an ordinary run tries.
const FEW_CASES: u32 = 40;

/// How many the slow test tries.
const MANY_CASES: u32 = 240;

/// A sequence is shorter than this.
const TRANSITIONS_MAX: usize = 30;

/// How often a sequence that fails is tried again while it is made shorter.
const SHRINKS_MAX: u32 = 2000;

struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::first()).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Transition> {
        transition::next(model)
    }

    fn preconditions(model: &Model, transition: &Transition) -> bool {
        model.is_possible(transition)
    }

    fn apply(mut model: Model, transition: &Transition) -> Model {
        model.apply(transition);
        model
    }
}

struct Migration;

impl StateMachineTest for Migration {
    type SystemUnderTest = System;
    type Reference = Reference;

    fn init_test(model: &Model) -> System {
        System::new(model)
    }

    fn apply(mut system: System, model: &Model, transition: Transition) -> System {
        system.apply(transition, model);
        system
    }

    fn check_invariants(system: &System, model: &Model) {
        system.compare(model);
    }

    fn teardown(mut system: System, mut model: Model) {
        system.end(&mut model);
    }
}

fn config(cases: u32) -> ProptestConfig {
    let asked_for = std::env::var_os("PROPTEST_CASES").is_some();
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: if asked_for { usual.cases } else { cases },
        max_shrink_iters: SHRINKS_MAX,
        // Where failures are kept is found from here.
        source_file: Some(file!()),
        ..usual
    }
}

#[test]
fn whatever_happens_the_destination_ends_up_equal_and_nothing_foreign_is_lost() {
    try_sequences(FEW_CASES);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn whatever_happens_in_many_sequences_the_destination_ends_up_equal() {
    try_sequences(MANY_CASES);
}

fn try_sequences(cases: u32) {
    let config = config(cases);
    println!("{} sequences", config.cases);
    let sequences = Reference::sequential_strategy(1..TRANSITIONS_MAX);
    let outcome = TestRunner::new(config.clone()).run(&sequences, |(model, transitions, seen)| {
        Migration::test_sequential(config.clone(), model, transitions, seen);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
