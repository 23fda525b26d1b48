//! The user that the POA is to run as.

use protocol::Account;

use crate::controller::{Controller, StepError};

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
    let Some(Account { uid, gid }) = controller.account_of(user).await? else {
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

/// Whether every program takes the text for a name, and for nothing else.
fn is_user_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
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
