//! Questions about the destination: an answer, or an error where one could not be asked (ARCHITECTURE.md rule 9b).

use std::path::Path;

use postoffice::names::printable;
use worker::finding::{Finding, Verdict};

use super::{Controller, StepError};
use crate::machine::{Answer, Entry, PortState, Process, Question};

impl Controller {
    /// What stands at a path of the destination; `None` where nothing does.
    ///
    /// # Errors
    /// A finding with the code `could-not-ask`.
    pub(crate) async fn entry(&self, path: &Path) -> Result<Option<Entry>, StepError> {
        let question = Question::Entry { path: path.into() };
        match self.ask(&question, path).await? {
            Answer::Entry(entry) => Ok(entry),
            other => Err(misfit(&other)),
        }
    }

    /// What a file of the destination says; `None` where there is none.
    ///
    /// # Errors
    /// A finding with the code `could-not-ask`.
    pub(crate) async fn content(&self, path: &Path) -> Result<Option<Vec<u8>>, StepError> {
        let question = Question::Content { path: path.into() };
        match self.ask(&question, path).await? {
            Answer::Content(content) => Ok(content),
            other => Err(misfit(&other)),
        }
    }

    /// Which digest a file of the destination has; `None` where there is none.
    ///
    /// # Errors
    /// A finding with the code `could-not-ask`.
    pub(crate) async fn digest(&self, path: &Path) -> Result<Option<String>, StepError> {
        let question = Question::Digest { path: path.into() };
        match self.ask(&question, path).await? {
            Answer::Digest(digest) => Ok(digest),
            other => Err(misfit(&other)),
        }
    }

    /// What a port says, seen from the destination.
    ///
    /// # Errors
    /// A finding with the code `could-not-ask` where the destination could not be asked at all.
    pub(crate) async fn port(&self, address: &str, port: u16) -> Result<PortState, StepError> {
        let question = Question::Port {
            address: address.to_owned(),
            port,
        };
        match self.ask(&question, Path::new(address)).await? {
            Answer::Port(state) => Ok(state),
            other => Err(misfit(&other)),
        }
    }

    /// The process of the agent that was started with a startup file; `None` where there is none.
    ///
    /// # Errors
    /// A finding with the code `could-not-ask`.
    pub(crate) async fn agent_process(
        &self,
        program: &Path,
        startup: &Path,
    ) -> Result<Option<Process>, StepError> {
        let question = Question::Process {
            program: program.into(),
            startup: startup.into(),
        };
        match self.ask(&question, program).await? {
            Answer::Process(process) => Ok(process),
            other => Err(misfit(&other)),
        }
    }

    async fn ask(&self, question: &Question, about: &Path) -> Result<Answer, StepError> {
        let text = serde_json::to_vec(question).map_err(|error| StepError::Protocol {
            text: error.to_string(),
        })?;
        let link = self.link()?;
        let command = link.worker("ask");
        let output = link.run(&command, text).await?;
        if !output.status.is_success() {
            let said = printable(output.stderr.trim_ascii());
            return Err(could_not_ask(about, &format!("{}: {said}", output.status)));
        }
        match serde_json::from_slice(&output.stdout) {
            Ok(Answer::Unknown(why)) => Err(could_not_ask(about, &why)),
            Ok(answer) => Ok(answer),
            Err(error) => Err(StepError::Protocol {
                text: format!("{error}: {}", output.text()),
            }),
        }
    }
}

/// The error of a question that has no answer.
pub(crate) fn could_not_ask(about: &Path, why: &str) -> StepError {
    let about = about.as_os_str().as_encoded_bytes();
    let text = format!(
        "The destination could not be asked about {}: {why}",
        printable(about)
    );
    let remedy = "See why, then run the same command again; nothing was taken for granted, and nothing was changed by this";
    Finding::new("could-not-ask", Verdict::Temporary, text, remedy)
        .about(about)
        .into()
}

fn misfit(answer: &Answer) -> StepError {
    StepError::Protocol {
        text: format!("an answer to another question: {answer:?}"),
    }
}
