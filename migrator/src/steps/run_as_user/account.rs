//! The user that the POA is to run as.

use std::path::Path;

use postoffice::names::printable;

use crate::controller::{Controller, StepError, could_not_ask};
use crate::remote::ExitStatus;

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
    let Some(Account { uid, gid }) = look_up(controller, user).await? else {
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

/// Asks the destination; its directory service may know users that its files do not.
async fn look_up(controller: &Controller, user: &str) -> Result<Option<Account>, StepError> {
    let link = controller.link()?;
    let command = link.command("getent").arguments(["passwd", "--", user]);
    let output = link.run(&command, Vec::new()).await?;
    let number = |field: &str| field.parse().ok();
    let account = |text: &str| {
        let fields: Vec<&str> = text.split(':').collect();
        let (uid, gid) = (number(fields.get(2)?)?, number(fields.get(3)?)?);
        Some(Account { uid, gid })
    };
    let failed = |why: &str| could_not_ask(Path::new(user), why);
    match &output.status {
        ExitStatus::Code(0) => match account(&output.text()) {
            Some(account) => Ok(Some(account)),
            None => Err(failed(&format!("it says {}", printable(&output.stdout)))),
        },
        // The one code that means that there is no such user.
        ExitStatus::Code(2) => Ok(None),
        status => {
            let said = printable(output.stderr.trim_ascii());
            Err(failed(&format!("{status}: {said}")))
        }
    }
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
