//! The user that the POA is to run as.

use std::path::Path;

use crate::controller::{Controller, StepError};

/// A user of the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its number.
    pub(crate) uid: u32,
    /// The number of its group.
    pub(crate) gid: u32,
}

/// Looks the user up.
///
/// # Errors
/// A refusal where there is none, where it is root, or where the name is none of a user.
pub(crate) async fn account(controller: &Controller, user: &str) -> Result<Account, StepError> {
    if !is_user_name(user) {
        return Err(StepError::refused(
            "no-user",
            format!("{user:?} is no name of a user"),
            "Correct [poa] run_as_user in the worksheet",
        ));
    }
    let (Some(uid), Some(gid)) = (
        number(controller, "-u", user).await?,
        number(controller, "-g", user).await?,
    ) else {
        return Err(StepError::refused(
            "no-user",
            format!("The destination has no user {user}"),
            format!(
                "Make it at the destination, as root: useradd --system --user-group --no-create-home --home-dir \
                 /var/opt/novell/groupwise --shell /bin/false {user}"
            ),
        ));
    };
    if uid == 0 {
        return Err(StepError::refused(
            "user-is-root",
            format!("{user} is root under another name"),
            "Name another user in [poa] run_as_user, or none",
        ));
    }
    Ok(Account { uid, gid })
}

async fn number(
    controller: &Controller,
    which: &str,
    user: &str,
) -> Result<Option<u32>, StepError> {
    let link = controller.link()?;
    let command = link.command("id").arguments([which, "--", user]);
    let output = link.run(&command, Vec::new()).await?;
    Ok(output
        .status
        .is_success()
        .then(|| output.text().trim().parse().ok())
        .flatten())
}

/// Whether every program takes the text for a name, and for nothing else.
fn is_user_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Gives a folder of the system, and what is in it, to the user; one that is the user's already is left as it is, because
/// what is in it then is the user's business.
pub(super) async fn give_folder(
    controller: &Controller,
    folder: &Path,
    account: &Account,
) -> Result<(), StepError> {
    let link = controller.link()?;
    let make = link
        .command("mkdir")
        .arguments(["-p", "--"])
        .argument(folder.to_owned());
    link.run(&make, Vec::new()).await?.require_success(&make)?;
    let look = link
        .command("stat")
        .arguments(["-c", "%u", "--"])
        .argument(folder.to_owned());
    let owner = link.run(&look, Vec::new()).await?.require_success(&look)?;
    if owner.text().trim() == account.uid.to_string() {
        return Ok(());
    }
    give_path(controller, folder, account).await
}

/// Gives one path, and what is below it, to the user.
pub(crate) async fn give_path(
    controller: &Controller,
    path: &Path,
    account: &Account,
) -> Result<(), StepError> {
    let link = controller.link()?;
    let command = link
        .command("chown")
        .arguments(["-R", "-h", "--"])
        .argument(format!("{}:{}", account.uid, account.gid))
        .argument(path.to_owned());
    link.run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_names() {
        for name in ["gwpoa", "gw-poa_1", "a.b"] {
            assert!(is_user_name(name), "{name}");
        }
        for name in ["", "-u", "1000", "a b", "a:b", "a/b", "ä", "a\n"] {
            assert!(!is_user_name(name), "{name}");
        }
    }
}
