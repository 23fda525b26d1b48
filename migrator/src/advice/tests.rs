//! All states that a job can reach, explored: whatever ends, fails, is cut off or is said, what must never be is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::{JobEvent, Operation, Proof};

use super::*;

/// A command as a row of what it does to the state of a job; each may be its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// A step begins.
    Step(Step),
    /// Something happens to the job.
    Job(JobEvent),
    /// Something is reached.
    Reach(Milestone),
}

use Act::{Job, Reach};
use JobEvent::{Abandoned, Answered, Began, Copied, NobodyWorked, Proved, StartBegan, StartFailed};

/// The commands that change a job, what they intend, and what they do.
fn commands() -> Vec<(&'static str, Option<Intent>, Vec<Act>)> {
    use Act::Step as Do;
    vec![
        (
            "stage-one",
            Some(Intent::Change),
            vec![
                Do(Step::CreateFolders),
                Job(Began(Operation::CreateFolders)),
                Do(Step::CopyData),
                Do(Step::ProveData),
                Job(Began(Operation::Pass)),
                Job(Copied),
                Do(Step::StartTestPoa),
                Do(Step::CleanUp),
                Reach(Milestone::StageOneDone),
            ],
        ),
        (
            "test-mailbox",
            None,
            vec![Do(Step::TestMailbox), Reach(Milestone::MailboxTested)],
        ),
        (
            "prepare",
            None,
            vec![
                Do(Step::Checklist),
                Reach(Milestone::SourceOff),
                Reach(Milestone::AllConfirmed),
            ],
        ),
        (
            "stage-two",
            Some(Intent::StageTwo),
            vec![
                Do(Step::ProveAtRest),
                Do(Step::CopyModified),
                Job(Began(Operation::Pass)),
                Do(Step::Lowercase),
                Job(Began(Operation::Lowercase)),
                Job(Proved(Proof::Names)),
                Do(Step::LowercaseGuardian),
                Job(Began(Operation::Guardian)),
                Job(Proved(Proof::Guardian)),
                Do(Step::CopyQueues),
                Job(Began(Operation::Queues)),
                Job(Proved(Proof::Queues)),
                Do(Step::Seal),
                Job(Proved(Proof::Seal)),
                Do(Step::Unmount),
            ],
        ),
        (
            "lowercase --undo",
            Some(Intent::Change),
            vec![Job(Began(Operation::UndoLowercase))],
        ),
        (
            "finish",
            Some(Intent::Start),
            vec![
                Do(Step::RunAsUser),
                Do(Step::StartPoa),
                Job(StartBegan),
                Job(Answered),
            ],
        ),
        (
            "finish that cannot start the POA",
            Some(Intent::Start),
            vec![Do(Step::StartPoa), Job(StartBegan), Job(StartFailed)],
        ),
        (
            "abandon",
            Some(Intent::Change),
            vec![Job(Began(Operation::Abandon)), Job(Abandoned)],
        ),
    ]
}

/// What an act makes of a situation.
fn acted(mut now: Situation, act: Act) -> Situation {
    match act {
        Act::Step(step) => now.stopped = Some(step),
        Job(event) => {
            now.standing = now.standing.after(event);
            if event == Abandoned {
                // The store forgets steps and confirmations with the job.
                now = Situation {
                    standing: now.standing,
                    at_work: now.at_work,
                    ..Situation::default()
                };
            }
        }
        Reach(milestone) => {
            now.reached.insert(milestone);
        }
    }
    now
}

/// Every situation that a command can leave: at its end, and behind each of its acts, cut off or failed.
fn left_by(begin: &Situation, acts: &[Act]) -> Vec<(Vec<Situation>, Situation)> {
    let mut path = vec![begin.clone()];
    let mut left = Vec::new();
    for &act in acts {
        let now = acted(path[path.len() - 1].clone(), act);
        path.push(now.clone());
        left.push((path.clone(), now));
    }
    if let Some((_, end)) = left.last_mut() {
        end.stopped = None;
    }
    left
}

/// What people and the world do besides.
fn besides(now: &Situation) -> Vec<Situation> {
    let mut found = Vec::new();
    // A person, or a look, says that nobody has worked; an agent may have touched the trees all the same.
    if now.standing.life.may_hold_new_mail() {
        let standing = now.standing.after(NobodyWorked);
        found.push(Situation {
            standing: standing.after(Began(Operation::Agent)),
            ..now.clone()
        });
        if now.standing.life == Life::Starting {
            found.push(Situation {
                standing,
                ..now.clone()
            });
        }
    }
    // A confirmation is withdrawn: users went back to the source.
    let mut withdrawn = now.clone();
    withdrawn.reached.remove(&Milestone::AllConfirmed);
    withdrawn.reached.remove(&Milestone::SourceOff);
    found.push(withdrawn);
    found
}

/// All situations that can be reached, each with what happened on the way to it.
fn explored() -> BTreeMap<Situation, String> {
    let mut known = BTreeMap::from([(Situation::default(), "a new job".to_owned())]);
    let mut waiting = VecDeque::from([Situation::default()]);
    while let Some(now) = waiting.pop_front() {
        let how = known[&now].clone();
        let mut reached: Vec<(Situation, String)> = besides(&now)
            .into_iter()
            .map(|next| (next, "a word".to_owned()))
            .collect();
        for (name, intent, acts) in commands() {
            if intent.is_some_and(|intent| now.standing.refusal(intent).is_some()) {
                continue;
            }
            // Stage two asks for the checklist itself.
            if name == "stage-two" && !now.has(Milestone::AllConfirmed) {
                continue;
            }
            for (path, left) in left_by(&now, &acts) {
                check_path(name, &path);
                // A controller that is still there, a worker that outlives it, and nobody.
                for at_work in [AtWork::Nobody, AtWork::Controller, AtWork::Worker] {
                    let left = Situation {
                        at_work,
                        ..left.clone()
                    };
                    reached.push((left, name.to_owned()));
                }
            }
        }
        for (next, what) in reached {
            if !known.contains_key(&next) {
                known.insert(next.clone(), format!("{how}; {what}"));
                // While somebody is at work no other command begins: the lease is held.
                waiting.push_back(Situation {
                    at_work: AtWork::Nobody,
                    ..next
                });
            }
        }
    }
    known
}

/// Never live without a seal of this generation, and nothing writes where users may have worked.
fn check_path(name: &str, path: &[Situation]) {
    for pair in path.windows(2) {
        let (before, after) = (&pair[0].standing, &pair[1].standing);
        if after.life > before.life && before.life == Life::NotLive {
            assert!(
                before.proofs.contains(&Proof::Seal),
                "{name} starts without a seal: {before:?}"
            );
        }
        let is_lived_in = before.life.may_hold_new_mail();
        assert!(
            !is_lived_in || before.proofs == after.proofs,
            "{name} changes what users may have changed: {before:?}"
        );
    }
}

/// What the command that is advised makes of a situation, where it comes to its end.
fn followed(now: &Situation) -> Situation {
    let next = now.advice().next;
    let name = match next {
        Next::Wait | Next::Queues => return now.clone(),
        Next::StageOne => "stage-one",
        Next::Test => "test-mailbox",
        Next::Prepare => "prepare",
        Next::StageTwo => "stage-two",
        Next::Finish => "finish",
    };
    let (_, intent, acts) = commands()
        .into_iter()
        .find(|(known, ..)| *known == name)
        .unwrap();
    let refusal = intent.and_then(|intent| now.standing.refusal(intent));
    assert_eq!(refusal, None, "{name} is advised and refused in {now:?}");
    left_by(now, &acts).pop().unwrap().1
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "a person reads the table of all states"
)]
fn every_state_that_can_be_reached_has_a_next_command_that_leads_to_an_end_and_a_way_back_that_is_true()
 {
    let known = explored();
    assert!(known.len() > 100, "{}", known.len());
    let mut table = BTreeSet::new();
    for (now, how) in &known {
        let Advice { next, back } = now.advice();
        if now.at_work == AtWork::Nobody {
            let mut at = now.clone();
            for _ in 0..8 {
                at = followed(&at);
            }
            assert_eq!(at.standing.life, Life::Live, "from {now:?} ({how})");
            assert_eq!(at.advice().next, Next::Queues, "from {now:?} ({how})");
        } else {
            assert_eq!(next, Next::Wait, "{now:?} ({how})");
        }
        let life = now.standing.life;
        assert_eq!(
            back == Back::StopLinuxPoa,
            life != Life::NotLive,
            "{now:?} ({how})"
        );
        let says_start_the_source = back == Back::StartSourcePoa;
        assert!(
            !says_start_the_source || now.has(Milestone::SourceOff),
            "{now:?} ({how})"
        );
        let says_abandon = back.text().contains("gwmigrate abandon");
        assert!(
            !says_abandon || now.standing.refusal(Intent::Change).is_none(),
            "{now:?} ({how})"
        );
        assert!(
            !now.standing.is_abandoned || !says_abandon,
            "{now:?} ({how})"
        );
        table.insert((
            format!("{life:?}"),
            now.standing.proofs.contains(&Proof::Seal),
            now.at_work,
            now.stopped.map(Step::name),
            next,
            back,
        ));
    }
    for (life, is_sealed, at_work, stopped, next, back) in table {
        let sealed = if is_sealed { "sealed" } else { "not sealed" };
        let stopped = stopped.map_or_else(String::new, |step| format!(", stopped at {step}"));
        println!(
            "{life}, {sealed}{stopped}, at work: {at_work:?}\n  next: {}\n  back: {}",
            next.text(),
            back.text()
        );
    }
}

#[test]
fn a_start_that_failed_for_certain_takes_back_no_earlier_one_of_which_nothing_is_known() {
    let sealed = [Proof::Seal, Proof::Guardian, Proof::Queues]
        .into_iter()
        .fold(Standing::default(), |now, proof| now.after(Proved(proof)));
    let failed = sealed.after(StartBegan).after(StartFailed);
    assert_eq!(failed.life, Life::NotLive);
    let unknown = sealed.after(StartBegan);
    let second = unknown.after(StartBegan).after(StartFailed);
    assert_eq!(second.life, Life::Starting);
    let live = sealed.after(StartBegan).after(Answered);
    assert_eq!(live.after(StartBegan).after(StartFailed).life, Life::Live);
}
