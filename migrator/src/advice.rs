//! What a job needs next, and the way back from where it stands: a pure function of what is known of it.

use std::collections::BTreeSet;

use protocol::{Changes, ChecklistItem, Intent, JobState, Life, Stage, Standing, Step, StepState};

/// Everything that decides what is next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Situation {
    /// What the job has come to.
    pub standing: Standing,
    /// Who is at work.
    pub at_work: AtWork,
    /// The step that was begun last, where it has not come to its end.
    pub stopped: Option<Step>,
    /// What else was reached.
    pub reached: BTreeSet<Milestone>,
}

/// Something that a job has reached, and that no proof bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Milestone {
    /// Stage one has come to its end once.
    StageOneDone,
    /// A mailbox was compared.
    MailboxTested,
    /// No item of the checklist is open.
    AllConfirmed,
    /// The POA at the source counts as stopped, so that users are out.
    SourceOff,
    /// Users may work, and it is for a person to start the Linux POA.
    StartedByHand,
}

/// Who is at work on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum AtWork {
    /// Nobody.
    #[default]
    Nobody,
    /// A controller holds the lease.
    Controller,
    /// A worker works, with or without a controller.
    Worker,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Next {
    /// Nothing is to be typed.
    Wait,
    /// Stage one, for the first time or again.
    StageOne,
    /// The comparison of a mailbox, or the checklist, or another pass.
    Test,
    /// The checklist.
    Prepare,
    /// Stage two.
    StageTwo,
    /// The POA for users.
    Finish,
    /// Stragglers, and the report.
    Queues,
}

impl Next {
    /// The command, and what it is for where that is not plain.
    pub fn text(self) -> &'static str {
        match self {
            Self::Wait => {
                "nothing has to be typed: a command is at work on this job; `gwmigrate watch` shows what it does and how far it is"
            }
            Self::StageOne => "gwmigrate stage-one",
            Self::Test => {
                "gwmigrate test-mailbox, then gwmigrate prepare; gwmigrate stage-one again for another pass"
            }
            Self::Prepare => "gwmigrate prepare",
            Self::StageTwo => "gwmigrate stage-two",
            Self::Finish => "gwmigrate finish",
            Self::Queues => {
                "gwmigrate queues (for stragglers), gwmigrate verify --source (while users work), gwmigrate report"
            }
        }
    }
}

/// How to go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Back {
    /// There is nothing to go back from.
    NothingChanged,
    /// The job was undone.
    Undone,
    /// Users work at the source.
    AbandonCopy,
    /// Users are out, and nobody has worked at the destination.
    StartSourcePoa,
    /// Users may have worked at the destination.
    StopLinuxPoa,
}

impl Back {
    /// What a person does.
    pub fn text(self) -> &'static str {
        match self {
            Self::NothingChanged => "Nothing was changed; there is nothing to go back from",
            Self::Undone => {
                "The job was undone, and the source is untouched; where the POA there was stopped, start it again"
            }
            Self::AbandonCopy => {
                "The source is untouched and users work on it; `gwmigrate abandon` removes the copy"
            }
            Self::StartSourcePoa => {
                "Start the POA at the source again, and set the objects in the admin console back; the source is untouched, and \
                 `gwmigrate abandon` removes the copy"
            }
            Self::StopLinuxPoa => {
                "Stop the Linux POA, then start the POA at the source again; mail that arrived at the Linux POA meanwhile is only there"
            }
        }
    }
}

/// What a job needs next, and the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advice {
    /// What comes next.
    pub next: Next,
    /// How to go back from here.
    pub back: Back,
}

impl Situation {
    /// That of a job, and whether all items of its checklist are confirmed.
    pub fn of(state: &JobState, is_confirmed: bool) -> Self {
        let last = state.last_step();
        let at_work = match (&state.running, &state.controller) {
            (Some(_), _) => AtWork::Worker,
            (None, Some(_)) => AtWork::Controller,
            (None, None) => AtWork::Nobody,
        };
        Self {
            standing: Standing::of(state),
            at_work,
            stopped: last
                .filter(|line| matches!(line.state, StepState::Begun | StepState::Failed))
                .map(|line| line.step),
            reached: [
                (Milestone::StageOneDone, state.is_done(Step::CleanUp)),
                (Milestone::MailboxTested, state.is_done(Step::TestMailbox)),
                (Milestone::AllConfirmed, is_confirmed),
                (
                    Milestone::SourceOff,
                    state.confirmed(&ChecklistItem::SourcePoaStopped).is_some(),
                ),
                (Milestone::StartedByHand, state.is_started_by_hand()),
            ]
            .into_iter()
            .filter_map(|(milestone, is_reached)| is_reached.then_some(milestone))
            .collect(),
        }
    }

    fn has(&self, milestone: Milestone) -> bool {
        self.reached.contains(&milestone)
    }

    /// What is next, and the way back.
    pub fn advice(&self) -> Advice {
        Advice {
            next: self.next(),
            back: self.back(),
        }
    }

    fn next(&self) -> Next {
        if self.at_work != AtWork::Nobody {
            return Next::Wait;
        }
        let stopped_after = self
            .stopped
            .is_some_and(|step| step.stage() == Stage::After);
        match self.standing.life {
            Life::Live if !stopped_after => return Next::Queues,
            Life::Starting if self.has(Milestone::StartedByHand) && !stopped_after => {
                return Next::Queues;
            }
            // It was cut off: whether the POA serves is not known.
            Life::Live | Life::Starting => return Next::Finish,
            Life::NotLive => {}
        }
        // What is sealed is not to be copied once more, whatever stage one did not come to.
        if self.standing.refusal(Intent::Start).is_none() {
            return Next::Finish;
        }
        if !(self.standing.is_copied && self.has(Milestone::StageOneDone)) {
            return Next::StageOne;
        }
        match self.stopped.map(Step::stage) {
            _ if self.has(Milestone::AllConfirmed) => Next::StageTwo,
            Some(Stage::StageOne) => Next::StageOne,
            _ if self.has(Milestone::MailboxTested) => Next::Prepare,
            _ => Next::Test,
        }
    }

    fn back(&self) -> Back {
        if self.standing.life.may_hold_new_mail() {
            Back::StopLinuxPoa
        } else if self.standing.is_abandoned {
            Back::Undone
        } else if self.has(Milestone::SourceOff) {
            Back::StartSourcePoa
        } else if self.standing.is_copied
            || self
                .stopped
                .is_some_and(|step| step.changes() != Changes::Nothing)
        {
            Back::AbandonCopy
        } else {
            Back::NothingChanged
        }
    }
}

#[cfg(test)]
mod tests;
