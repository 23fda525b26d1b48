//! The agents' file that names the user that they all run as.

use std::path::PathBuf;

use postoffice::names::printable;

use crate::controller::{Controller, StepError};
use crate::steps::poa;

/// Everybody may read it.
const MODE: u32 = 0o644;

/// As whom the agents run where the file names nobody: a file that says so says nothing.
const DEFAULT_USER: &str = "root";

/// What becomes of the file.
pub(super) struct Plan {
    path: PathBuf,
    is_changed: bool,
    /// The other agents of this server that it makes run as the user.
    pub(super) others: Vec<String>,
}

/// Looks at the file; changes nothing.
///
/// # Errors
/// A refusal where it names another user: it is for all agents of the server.
pub(super) async fn plan(controller: &Controller, user: &str) -> Result<Plan, StepError> {
    let profile = controller.profile()?;
    let Some(runs_as) = profile.user else {
        return Err(StepError::refused(
            "profile-without-user",
            format!(
                "The profile {} does not say how its agents are told to run as another user",
                profile.name
            ),
            "Use a profile of your own with a section [user], or leave out [poa] run_as_user",
        ));
    };
    let path = runs_as.config;
    let bytes = controller.content(&path).await?.unwrap_or_default();
    let named = named(&bytes);
    if let Some(other) = named.as_ref().filter(|named| *named != user) {
        return Err(StepError::refused(
            "uid-conf-taken",
            format!(
                "{} has all agents of this server run as {other}, not as {user}",
                path.display()
            ),
            format!(
                "Say [poa] run_as_user = \"{other}\" in the worksheet; or give what the other agents serve to {user}, \
                 change the file by hand, and run the same command again; nothing was changed"
            ),
        ));
    }
    let is_changed = named.is_none();
    let others = if is_changed {
        poa::other_agents(controller).await?
    } else {
        Vec::new()
    };
    Ok(Plan {
        path,
        is_changed,
        others,
    })
}

/// Names the user.
pub(super) async fn write(
    controller: &Controller,
    user: &str,
    plan: &Plan,
) -> Result<(), StepError> {
    if !plan.is_changed {
        return Ok(());
    }
    let keep = poa::kept_path(controller, &plan.path);
    let text = format!("{user}\n").into_bytes();
    controller
        .write_file(&plan.path, MODE, text, Some(keep))
        .await
}

/// Looks at the file where the worksheet names no user; changes nothing.
///
/// # Errors
/// A refusal where it has the agents run as somebody else than root, to whom nothing of the post office would belong.
pub(super) async fn require_nobody(controller: &Controller) -> Result<(), StepError> {
    let Some(runs_as) = controller.profile()?.user else {
        return Ok(());
    };
    let path = runs_as.config;
    let bytes = controller.content(&path).await?.unwrap_or_default();
    let Some(other) = named(&bytes) else {
        return Ok(());
    };
    Err(StepError::refused(
        "uid-conf-taken",
        format!(
            "{} has all agents of this server run as {other}, to whom nothing of this post office would belong",
            path.display()
        ),
        format!(
            "Say [poa] run_as_user = \"{other}\" in the worksheet, and run the same command again; nothing was changed"
        ),
    ))
}

/// The user other than root that the file names: its first line that says something.
fn named(bytes: &[u8]) -> Option<String> {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let mut saying =
        lines.filter(|line| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b";"));
    saying
        .next()
        .map(printable)
        .filter(|user| user != DEFAULT_USER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_user_is_found() {
        for (text, expected) in [
            ("", None),
            ("\n# nobody\n", None),
            ("gwpoa\n", Some("gwpoa")),
            ("; for all\r\n gwpoa \r\n", Some("gwpoa")),
            ("root\n", None),
            ("# as it came\r\nroot\r\n", None),
        ] {
            assert_eq!(named(text.as_bytes()).as_deref(), expected, "{text:?}");
        }
    }
}
