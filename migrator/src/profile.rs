//! What differs between generations of GroupWise, as data: one file per generation, and one for an unpacked agent.
//!
//! A profile names packages, places and commands.  `gwmigrate profile show` prints it; a file of the administrator in
//! the same form takes its place where `[poa] profile` of the worksheet names one.

mod error;
mod places;
mod privileges;
mod sudoers;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use error::ProfileError;
pub use privileges::{COMMANDS, Privileged};
pub use sudoers::{RunInStep, run_in, sudoers};

use crate::worksheet::{Generation, Worksheet};

/// The text of the built-in profile of a generation, comments included.
pub fn text_of(generation: Generation) -> &'static str {
    match generation {
        Generation::V8 => include_str!("profile/8.toml"),
        Generation::V2012 => include_str!("profile/2012.toml"),
        Generation::V2014 => include_str!("profile/2014.toml"),
        Generation::Portable => include_str!("profile/portable.toml"),
    }
}

/// Everything that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// The packages that bring the agents.
    pub packages: Packages,
    /// The agent.
    pub agent: Agent,
    /// What starts and stops it.
    pub control: Control,
    /// What starts it again when it ends; none where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gwha: Option<Gwha>,
    /// How it is told to run as another user; none where it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<RunsAs>,
}

/// Names of the packages that bring the agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// For `rpm`.
    pub rpm: Vec<String>,
    /// For `dpkg`.
    pub deb: Vec<String>,
}

/// Places of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its program.
    pub program: PathBuf,
    /// Where its startup file goes; never the post office itself.
    pub startup_folder: PathBuf,
    /// Where it writes its logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_folder: Option<PathBuf>,
    /// GWCheck for text terminals.
    pub gwcheck: PathBuf,
    /// Error numbers in a log that say that it does not find what it needs.
    pub log_errors: Vec<String>,
}

/// What a control command calls an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// By its startup file.
    StartupFile,
    /// By the name of its service.
    Service,
}

/// What starts and stops agents: `COMMAND start|stop|status NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The command.
    pub command: PathBuf,
    /// What it calls an agent.
    pub names: Naming,
    /// The name of the agent's service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// The high-availability service, and the file in which agents are registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gwha {
    /// Its configuration file.
    pub config: PathBuf,
    /// What a section says under `command`.
    pub command: PathBuf,
    /// What a section says under `delay`.
    pub delay_seconds: u64,
    /// What a section says under `wait`.
    pub wait_seconds: u64,
    /// How long an agent that was stopped is watched.
    pub watch_seconds: u64,
    /// How it is stopped and started; the first that the server has counts.
    #[serde(default)]
    pub service: Vec<GwhaService>,
}

/// One way in which the high-availability service is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GwhaService {
    /// The file that says that it is run this way.
    pub present: PathBuf,
    /// Ends with 0 while it runs.
    pub status: Vec<String>,
    /// Stops it.
    pub stop: Vec<String>,
    /// Starts it.
    pub start: Vec<String>,
}

/// How agents are told to run as another user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsAs {
    /// The file with the name of the user.
    pub config: PathBuf,
}

/// Reads a profile.
///
/// # Errors
/// Whatever is not exactly of the form of a profile.
pub fn parse(name: &str, text: &str) -> Result<Profile, ProfileError> {
    toml::from_str(text).map_err(|error| ProfileError::Form {
        name: name.to_owned(),
        text: error.to_string(),
    })
}

/// The profile that a worksheet means, with its names and places filled in.
///
/// # Errors
/// A file of the administrator that cannot be read or has another form; a service without a name.
pub fn of(worksheet: &Worksheet) -> Result<Profile, ProfileError> {
    let poa = &worksheet.poa;
    let mut profile = if let Some(path) = &poa.profile {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ProfileError::Read {
            path: name.clone(),
            source,
        })?;
        parse(&name, &text)?
    } else {
        let package = poa.package.as_ref().map(|package| package.kind);
        let generation = Generation::of(poa.generation, package);
        parse(generation.name(), text_of(generation))?
    };
    profile.fill_in(worksheet);
    if profile.control.names == Naming::Service && profile.control.service.is_none() {
        return Err(ProfileError::NoService { name: profile.name });
    }
    Ok(profile)
}

impl Profile {
    fn fill_in(&mut self, worksheet: &Worksheet) {
        let poa = &worksheet.poa;
        let install_folder = poa.install_folder.to_string_lossy();
        let place = |path: &mut PathBuf| {
            let text = path.to_string_lossy();
            *path = PathBuf::from(text.replace("{install_folder}", &install_folder));
        };
        place(&mut self.agent.program);
        place(&mut self.agent.startup_folder);
        place(&mut self.control.command);
        if let Some(user) = &mut self.user {
            place(&mut user.config);
        }
        if let Some(command) = &poa.control {
            self.control.command.clone_from(command);
        }
        let form = self.control.service.take();
        self.control.service = poa.service.clone().or_else(|| {
            let name = form?.replace("{post_office}", &worksheet.post_office.name);
            match &worksheet.post_office.domain {
                Some(domain) => Some(name.replace("{domain}", domain)),
                None => Some(name).filter(|name| !name.contains("{domain}")),
            }
        });
    }
}
