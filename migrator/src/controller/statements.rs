//! What only a person can say, and what is remembered of it.

use protocol::{Finding, Request, Said, Verdict};

use super::{Controller, StepError};

/// What a person says with a command, where they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statements {
    /// Nobody has worked at the destination.
    pub users_have_not_worked: Option<Statement>,
    /// The mounts are meant to be as they are.
    pub mounts_have_changed: Option<Statement>,
    /// The source is gone for good and cannot be looked at any more.
    pub source_is_gone: Option<Statement>,
}

/// What a person says, with their name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Who.
    pub by: String,
    /// Why.
    pub note: String,
}

impl Statement {
    /// Has the job remember it.
    ///
    /// # Errors
    /// What the job store says.
    pub(crate) async fn say(
        &self,
        controller: &mut Controller,
        said: Said,
    ) -> Result<(), StepError> {
        let (by, note) = (self.by.clone(), self.note.clone());
        controller.call(&Request::Say { said, by, note }).await?;
        let text = match said {
            Said::UsersHaveNotWorked => "no user has worked at the destination",
            Said::SourceIsGone => "the source is gone for good, and is not looked at again",
            Said::MountsHaveChanged => "the mounts are meant to be as they are now",
        };
        let text = format!("{} says that {text}: {}", self.by, self.note);
        controller.report(Finding::new("said", Verdict::Done, text, "Nothing"));
        Ok(())
    }
}
