//! Folders of the system that the agent uses: of certificates and of logs.
//!
//! What this job made is given to the user with what is in it.  Whatever was there before is somebody's: nothing of it changes
//! hands, and a person is told what the agent will miss.

use std::path::{Component, Path, PathBuf};

use postoffice::startup_file::StartupFile;
use protocol::{Account, Change, Finding, JobState, Verdict};

use crate::controller::{Controller, StepError};
use crate::steps::copy_certificates::{certificate_folder, files_at_destination};
use crate::steps::poa;
use crate::steps::system_files::{is_of_the_system, make_folder, own_log_folder};

/// What becomes of them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Given to the user, with what is in them.
    given: Vec<PathBuf>,
    /// Left alone, although the agent needs them.
    foreign: Vec<PathBuf>,
}

/// Where the agent writes its log.
#[derive(Debug, PartialEq, Eq)]
enum LogPlace {
    /// In the post office, which is given away as a whole.
    PostOffice,
    /// A folder of its own.
    Folder(PathBuf),
    /// Everybody's folder, or one whose path leads who knows where.
    NotItsOwn(PathBuf),
}

impl LogPlace {
    /// That of a path of the startup file, which begins with a slash.
    fn of(path: Vec<u8>, post_office: &Path) -> Self {
        use std::os::unix::ffi::OsStringExt as _;
        let path: PathBuf = std::ffi::OsString::from_vec(path).into();
        // The same path without a slash at its end, and without single dots.
        let path: PathBuf = path.components().collect();
        let is_dotted = path.components().any(|part| part == Component::ParentDir);
        if is_dotted || is_of_the_system(&path) {
            Self::NotItsOwn(path)
        } else if path.starts_with(post_office) {
            Self::PostOffice
        } else {
            Self::Folder(path)
        }
    }
}

/// Where the agent writes its log, where that is not in the post office itself; `correct` says how it is given another folder.
fn log_folder(
    controller: &Controller,
    startup: &StartupFile,
    correct: &str,
) -> Result<Option<PathBuf>, StepError> {
    let Some(value) = startup.value("log").filter(|value| value.starts_with(b"/")) else {
        return own_log_folder(controller);
    };
    match LogPlace::of(value, &controller.worksheet.post_office.folder) {
        LogPlace::PostOffice => Ok(None),
        LogPlace::Folder(folder) => Ok(Some(folder)),
        LogPlace::NotItsOwn(folder) => Err(StepError::refused(
            "log-folder-of-the-system",
            format!(
                "The startup file of the POA has it log to {}, which is not its own",
                folder.display()
            ),
            format!(
                "The line --log must name a folder of its own, or go. {correct}; nothing was changed"
            ),
        )),
    }
}

/// Makes sure that the agent is not to log to a folder of the system.
///
/// # Errors
/// The refusal where it is.
pub(super) fn require_own_log_folder(
    controller: &Controller,
    startup: &StartupFile,
) -> Result<(), StepError> {
    let correct = "Correct it in the startup file at the source, then run `gwmigrate check` again";
    log_folder(controller, startup, correct).map(drop)
}

/// Looks at them; changes nothing.
///
/// # Errors
/// A refusal where the agent is to log to a folder of the system; a question that could not be asked.
pub(super) async fn plan(
    controller: &Controller,
    startup: &StartupFile,
    account: &Account,
    state: &JobState,
) -> Result<Plan, StepError> {
    let is_ours = |path: &Path| {
        state
            .facts
            .made_folders
            .contains(path.to_string_lossy().as_ref())
    };
    let mut plan = Plan::default();
    if controller.worksheet.poa.certificate.is_some() {
        let folder = certificate_folder(controller);
        if is_ours(&folder) {
            plan.given.push(folder);
        } else {
            plan.add_foreign(controller, folder, account).await?;
            for file in files_at_destination(controller) {
                let name = file.to_string_lossy();
                if state.facts.placed_files.contains(name.as_ref()) {
                    plan.given.push(file);
                } else {
                    plan.add_foreign(controller, file, account).await?;
                }
            }
        }
    }
    let correct = poa::correct_kept(controller);
    if let Some(folder) = log_folder(controller, startup, &correct)? {
        let is_missing = controller.entry(&folder).await?.is_none();
        let may_be_made = own_log_folder(controller)?.as_ref() == Some(&folder);
        if is_ours(&folder) || (is_missing && may_be_made) {
            plan.given.push(folder);
        } else {
            plan.add_foreign(controller, folder, account).await?;
        }
    }
    Ok(plan)
}

impl Plan {
    async fn add_foreign(
        &mut self,
        controller: &Controller,
        folder: PathBuf,
        account: &Account,
    ) -> Result<(), StepError> {
        let entry = controller.entry(&folder).await?;
        if entry.is_none_or(|entry| entry.uid != account.uid) {
            self.foreign.push(folder);
        }
        Ok(())
    }

    /// Each path that changes hands, and each that the agent needs and that does not.
    pub(super) fn show(&self, controller: &mut Controller, user: &str) {
        for path in &self.given {
            let text = format!(
                "{} is to become {user}'s, with what is in it",
                path.display()
            );
            controller.console().note(&text);
        }
        for path in &self.foreign {
            let shown = path.display();
            controller.report(
                Finding::new(
                    "folder-not-ours",
                    Verdict::NeedsAttention,
                    format!(
                        "The POA uses {shown}, which this job did not make, so it is left as it is"
                    ),
                    format!("See that {user} may write there: chown {user}: {shown}"),
                )
                .about(path.as_os_str().as_encoded_bytes()),
            );
        }
    }

    /// Gives what is to be given.
    ///
    /// # Errors
    /// What making a folder or changing its owner says.
    pub(super) async fn carry_out(
        &self,
        controller: &Controller,
        account: &Account,
    ) -> Result<(), StepError> {
        let logs = own_log_folder(controller)?;
        for path in &self.given {
            if logs.as_ref() == Some(path) {
                make_folder(controller, path).await?;
            }
            let (path, to) = (path.clone(), *account);
            controller.change(Change::Give { path, to }).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybodys_folders_are_no_folder_for_a_log() {
        let of = |path: &str| LogPlace::of(path.into(), Path::new("/srv/po"));
        for path in [
            "/",
            "//",
            "/var/log",
            "/var/log/",
            "/var//log/.",
            "/tmp",
            "/srv/po/../other",
            "/srv/po/..",
        ] {
            let place = of(path);
            assert!(matches!(place, LogPlace::NotItsOwn(_)), "{path}: {place:?}");
        }
        assert_eq!(of("/srv/po/wpcsout/ofs/"), LogPlace::PostOffice);
        for path in ["/var/log/novell/groupwise/po", "/srv/po2"] {
            assert_eq!(of(path), LogPlace::Folder(path.into()));
        }
    }
}
