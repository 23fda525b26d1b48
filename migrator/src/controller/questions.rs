//! What the destination is asked and told beside the two trees.
//!
//! A question has an answer, or an error where it could not be asked; nothing takes the one for the other (ARCHITECTURE.md rule
//! 9b).

use std::path::{Path, PathBuf};

use postoffice::names::printable;
use protocol::{
    Account, Answer, Change, Entry, FileBytes, Finding, FolderAbilities, Process, Question, Reply,
    Request, Verdict,
};
use serde::de::DeserializeOwned;

use super::{Controller, StepError};

impl Controller {
    /// What stands at a path of the destination; `None` where nothing does.
    ///
    /// # Errors
    /// A finding with the code `could-not-ask`, as for every question.
    pub(crate) async fn entry(&self, path: &Path) -> Result<Option<Entry>, StepError> {
        self.ask(&Question::Entry { path: path.into() }, path).await
    }

    /// What a file of the destination says; `None` where there is none.
    pub(crate) async fn content(&self, path: &Path) -> Result<Option<Vec<u8>>, StepError> {
        let question = Question::Content { path: path.into() };
        let bytes: Option<FileBytes> = self.ask(&question, path).await?;
        Ok(bytes.map(FileBytes::take))
    }

    /// Which digest a file of the destination has; `None` where there is none.
    pub(crate) async fn digest(&self, path: &Path) -> Result<Option<String>, StepError> {
        self.ask(&Question::Digest { path: path.into() }, path)
            .await
    }

    /// The files of a folder of the destination whose names end so, in any case; `None` where there is no such folder.
    pub(crate) async fn files_ending(
        &self,
        folder: &Path,
        ending: &str,
    ) -> Result<Option<Vec<PathBuf>>, StepError> {
        let question = Question::FilesEnding {
            folder: folder.into(),
            ending: ending.to_owned(),
        };
        self.ask(&question, folder).await
    }

    /// A user of the destination; `None` where there is none.
    pub(crate) async fn account_of(&self, name: &str) -> Result<Option<Account>, StepError> {
        let question = Question::Account {
            name: name.to_owned(),
        };
        self.ask(&question, Path::new(name)).await
    }

    /// The clock of the destination, in seconds since 1970.
    pub(crate) async fn clock_seconds(&self) -> Result<u64, StepError> {
        let about = Path::new("its clock");
        let seconds = self.ask(&Question::Clock, about).await?;
        seconds.ok_or_else(|| could_not_ask(about, "it has none"))
    }

    /// What the file systems of folders can do, those of the folders above where they are missing.
    pub(crate) async fn abilities(
        &self,
        folders: Vec<PathBuf>,
    ) -> Result<Vec<FolderAbilities>, StepError> {
        let about = folders.first().cloned().unwrap_or_default();
        let found = self.ask(&Question::Abilities { folders }, &about).await?;
        found.ok_or_else(|| could_not_ask(&about, "nothing was tried"))
    }

    /// The process of the agent that was started with a startup file; `None` where there is none.
    pub(crate) async fn agent_process(
        &self,
        program: &Path,
        startup: &Path,
    ) -> Result<Option<Process>, StepError> {
        let question = Question::Process {
            program: program.into(),
            startup: startup.into(),
        };
        self.ask(&question, program).await
    }

    /// A process whose command has a file among its words, whatever its program; `None` where there is none.
    pub(crate) async fn process_with(&self, file: &Path) -> Result<Option<Process>, StepError> {
        self.ask(&Question::Command { file: file.into() }, file)
            .await
    }

    /// Whether anybody listens at a port, seen from the destination.
    ///
    /// # Errors
    /// Where the destination could not be asked at all; a port that keeps silent is [`Answer::CouldNotAsk`].
    pub(crate) async fn port(&self, address: &str, port: u16) -> Result<Answer<()>, StepError> {
        let question = Question::Port {
            address: address.to_owned(),
            port,
        };
        self.answer(&question, Path::new(address)).await
    }

    /// Whether the destination itself has an address.
    ///
    /// # Errors
    /// As [`Controller::port`]; a name that does not resolve there is [`Answer::CouldNotAsk`].
    pub(crate) async fn is_own_address(&self, address: &str) -> Result<Answer<()>, StepError> {
        let question = Question::OwnAddress {
            address: address.to_owned(),
        };
        self.answer(&question, Path::new(address)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        question: &Question,
        about: &Path,
    ) -> Result<Option<T>, StepError> {
        match self.answer(question, about).await? {
            Answer::Yes(value) => Ok(Some(value)),
            Answer::No => Ok(None),
            Answer::CouldNotAsk(why) => Err(could_not_ask(about, &why)),
        }
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        question: &Question,
        about: &Path,
    ) -> Result<Answer<T>, StepError> {
        let text = serde_json::to_vec(question).map_err(|error| StepError::Protocol {
            text: error.to_string(),
        })?;
        let link = self.link()?;
        let output = link.run(&link.worker("ask"), text).await?;
        if !output.status.is_success() {
            let said = printable(output.stderr.trim_ascii());
            return Err(could_not_ask(about, &format!("{}: {said}", output.status)));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| StepError::Protocol {
            text: format!("{error}: {}", output.text()),
        })
    }

    /// Changes something of the destination beside the two trees; says how much was removed, where something is.
    ///
    /// # Errors
    /// What the system of the destination says; that the lease is lost.
    pub(crate) async fn change(&self, change: Change) -> Result<u64, StepError> {
        match self.call(&Request::Change(change)).await? {
            Reply::Changed { removed } => Ok(removed),
            other => Err(StepError::unexpected(&other)),
        }
    }

    /// Writes a file of the destination whole or not at all; what was there before the first time is kept in `keep`.
    ///
    /// # Errors
    /// As [`Controller::change`].
    pub(crate) async fn write_file(
        &self,
        path: &Path,
        mode: u32,
        bytes: Vec<u8>,
        keep: Option<PathBuf>,
    ) -> Result<(), StepError> {
        let change = Change::WriteFile {
            path: path.into(),
            bytes: FileBytes(bytes),
            mode,
            keep,
        };
        self.change(change).await.map(drop)
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
