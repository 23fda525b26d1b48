//! The POA made known to the control command and the high-availability service: its section in `gwha.conf`.
//!
//! What is to change is planned first, as a text, and shown; sections of other agents are never touched.

use std::path::{Path, PathBuf};

use super::startup;
use crate::controller::{Controller, StepError};
use crate::profile::{Gwha, Profile};

/// Everybody may read it, as it comes with the package.
const CONFIG_MODE: u32 = 0o644;

/// The folder of the job folder that keeps what a configuration file said before.
pub(super) const KEPT_FOLDER: &str = "before";

/// Writes the section where it is missing or says something else.
pub(crate) async fn register(controller: &Controller) -> Result<(), StepError> {
    let Some((config, section, planned)) = planned(controller).await? else {
        return Ok(());
    };
    controller.console().note(&format!(
        "{} gets the section [{}] with startup={}; other sections stay as they are",
        config.display(),
        section.name,
        section.startup
    ));
    let keep = kept_path(controller, &config);
    controller
        .write_file(&config, CONFIG_MODE, planned, Some(keep))
        .await
}

/// Makes sure that the section can be written; changes nothing.
///
/// # Errors
/// What is in its way.
pub(super) async fn require_registrable(controller: &Controller) -> Result<(), StepError> {
    planned(controller).await.map(drop)
}

/// The file, the section, and what the file is to say; none where nothing is to change.
async fn planned(
    controller: &Controller,
) -> Result<Option<(PathBuf, Section, Vec<u8>)>, StepError> {
    let profile = controller.profile()?;
    let Some((gwha, section)) = section(controller, &profile)? else {
        return Ok(None);
    };
    let config = gwha.config;
    let bytes = controller.content(&config).await?.unwrap_or_default();
    match plan(&bytes, &section) {
        Ok(planned) => Ok(planned.map(|planned| (config, section, planned))),
        Err(trouble) => Err(refused(&config, &trouble)),
    }
}

/// Takes the section out again.
pub(crate) async fn unregister(controller: &Controller) -> Result<(), StepError> {
    let profile = controller.profile()?;
    let Some((gwha, section)) = section(controller, &profile)? else {
        return Ok(());
    };
    let Some(bytes) = controller.content(&gwha.config).await? else {
        return Ok(());
    };
    let blocks = blocks(&bytes);
    let is_ours = |block: &&Block<'_>| {
        block.is_named(&section.name) && block.value("startup") == Some(section.startup.as_bytes())
    };
    if !blocks.iter().any(|block| is_ours(&block)) {
        return Ok(());
    }
    let rest = blocks.iter().filter(|block| !is_ours(block));
    let bytes: Vec<u8> = rest.flat_map(|block| block.bytes.iter().copied()).collect();
    let keep = kept_path(controller, &gwha.config);
    controller
        .write_file(&gwha.config, CONFIG_MODE, bytes, Some(keep))
        .await
}

/// The other agents that are registered at this server, by their names.
pub(crate) async fn other_agents(controller: &Controller) -> Result<Vec<String>, StepError> {
    let profile = controller.profile()?;
    let (Some(gwha), Some(own)) = (&profile.gwha, &profile.control.service) else {
        return Ok(Vec::new());
    };
    let bytes = controller.content(&gwha.config).await?.unwrap_or_default();
    let others = blocks(&bytes)
        .into_iter()
        .filter(|block| !block.is_named(own))
        .filter_map(|block| block.name.map(postoffice::names::printable));
    Ok(others.collect())
}

/// Where the job keeps what a configuration file said before it was changed.
pub(crate) fn kept_path(controller: &Controller, config: &Path) -> PathBuf {
    let folder = &controller.worksheet.destination.job_folder;
    folder
        .join(KEPT_FOLDER)
        .join(config.file_name().unwrap_or_default())
}

fn refused(config: &Path, trouble: &Trouble) -> StepError {
    let (text, remedy) = match trouble {
        Trouble::Twice(name) => (
            format!(
                "{} has the section [{name}] more than once",
                config.display()
            ),
            "Remove all but one of them by hand, then run the same command again",
        ),
        Trouble::StartupTaken(name) => (
            format!(
                "{} gives the startup file of this POA to the section [{name}]",
                config.display()
            ),
            "Correct that section by hand, or say its name in [poa] service, then run the same command again",
        ),
        Trouble::Unwritable => (
            "The name of the POA, or a path of it, cannot stand in a line of gwha.conf".to_owned(),
            "Say another name in [poa] service",
        ),
    };
    StepError::refused("gwha-conf", text, remedy)
}

/// The section of the POA, where the profile has such a file.
fn section(
    controller: &Controller,
    profile: &Profile,
) -> Result<Option<(Gwha, Section)>, StepError> {
    let (Some(gwha), Some(name)) = (&profile.gwha, &profile.control.service) else {
        return Ok(None);
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let section = Section {
        name: name.clone(),
        server: text(&profile.agent.program),
        command: text(&gwha.command),
        startup: text(&startup::startup_path(controller)?),
        delay_seconds: gwha.delay_seconds,
        wait_seconds: gwha.wait_seconds,
    };
    Ok(Some((gwha.clone(), section)))
}

/// What the section of the POA must say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    name: String,
    server: String,
    command: String,
    startup: String,
    delay_seconds: u64,
    wait_seconds: u64,
}

impl Section {
    fn lines(&self, end: &str) -> String {
        [
            format!("[{}]", self.name),
            format!("server = {}", self.server),
            format!("command = {}", self.command),
            format!("startup = {}", self.startup),
            format!("delay = {}", self.delay_seconds),
            format!("wait = {}", self.wait_seconds),
        ]
        .map(|line| line + end)
        .concat()
    }

    fn is_writable(&self) -> bool {
        [&self.name, &self.server, &self.command, &self.startup]
            .into_iter()
            .all(|text| {
                !text.is_empty() && !text.contains(['\n', '\r', ';']) && text.trim() == text
            })
            && !self.name.contains(['[', ']'])
    }
}

/// Why nothing may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    Twice(String),
    StartupTaken(String),
    Unwritable,
}

/// Lines of the file that belong together: a section with its heading, or what stands before the first.
struct Block<'a> {
    name: Option<&'a [u8]>,
    bytes: &'a [u8],
}

impl Block<'_> {
    fn is_named(&self, name: &str) -> bool {
        self.name
            .is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
    }

    fn value(&self, key: &str) -> Option<&[u8]> {
        self.bytes.split(|&byte| byte == b'\n').find_map(|line| {
            let line = line.trim_ascii();
            let at = line.iter().position(|&byte| byte == b'=')?;
            let is_key = line[..at].trim_ascii().eq_ignore_ascii_case(key.as_bytes());
            is_key.then(|| line[at + 1..].trim_ascii())
        })
    }
}

fn blocks(bytes: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let (mut begin, mut at, mut name) = (0, 0, None);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let heading = line
            .trim_ascii()
            .strip_prefix(b"[")
            .and_then(|rest| rest.strip_suffix(b"]"));
        if let Some(heading) = heading {
            blocks.push(Block {
                name,
                bytes: &bytes[begin..at],
            });
            (begin, name) = (at, Some(heading.trim_ascii()));
        }
        at += line.len();
    }
    blocks.push(Block {
        name,
        bytes: &bytes[begin..],
    });
    blocks
}

/// The whole file with the section in it; `None` where nothing is to change.
fn plan(bytes: &[u8], section: &Section) -> Result<Option<Vec<u8>>, Trouble> {
    if !section.is_writable() {
        return Err(Trouble::Unwritable);
    }
    let blocks = blocks(bytes);
    let own: Vec<&Block<'_>> = blocks
        .iter()
        .filter(|block| block.is_named(&section.name))
        .collect();
    if own.len() > 1 {
        return Err(Trouble::Twice(section.name.clone()));
    }
    let other = blocks.iter().find(|block| {
        !block.is_named(&section.name) && block.value("startup") == Some(section.startup.as_bytes())
    });
    if let Some(name) = other.and_then(|block| block.name) {
        return Err(Trouble::StartupTaken(postoffice::names::printable(name)));
    }
    let says =
        |block: &Block<'_>, key: &str, value: &str| block.value(key) == Some(value.as_bytes());
    if own.first().is_some_and(|block| {
        says(block, "server", &section.server)
            && says(block, "command", &section.command)
            && says(block, "startup", &section.startup)
    }) {
        return Ok(None);
    }
    let end = if bytes.windows(2).any(|pair| pair == b"\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let mut planned = Vec::new();
    for block in &blocks {
        if block.is_named(&section.name) {
            planned.extend_from_slice(section.lines(end).as_bytes());
            planned.extend_from_slice(end.as_bytes());
        } else {
            planned.extend_from_slice(block.bytes);
        }
    }
    if own.is_empty() {
        if !planned.is_empty() && !planned.ends_with(b"\n") {
            planned.extend_from_slice(end.as_bytes());
        }
        if !planned.is_empty() {
            planned.extend_from_slice(end.as_bytes());
        }
        planned.extend_from_slice(section.lines(end).as_bytes());
    }
    Ok(Some(planned))
}

#[cfg(test)]
mod tests;
