//! Who can log in, and with which password.

use std::fmt;
use std::path::Path;

use postoffice::names::printable;
use serde::{Deserialize, Serialize};

use super::{MailStore, NameLookup};
use crate::error::SimulatorError;
use crate::tree;

/// A user who can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The file identifier, which is the name to log in with.
    pub user: String,
    /// The name that people see.
    pub display_name: String,
    /// The password.
    pub password: String,
}

/// The accounts of a post office, in the order of its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// The accounts.
    pub accounts: Vec<Account>,
}

impl fmt::Display for Accounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for account in &self.accounts {
            let name = printable(account.display_name.as_bytes());
            let user = printable(account.user.as_bytes());
            writeln!(formatter, "{user} {} {name}", account.password)?;
        }
        Ok(())
    }
}

/// Reads the accounts of the post office at `path`, names in any case.
///
/// # Errors
/// What reading the post office database or a user database says.
pub fn accounts(path: &Path) -> Result<Accounts, SimulatorError> {
    let store = MailStore::new(tree::open_post_office(path)?, NameLookup::AnyCase);
    let mut reader = store.reader();
    let mut accounts = Vec::new();
    for user in reader.users()? {
        accounts.push(Account {
            password: reader.mailbox(&user.fid)?.password,
            user: user.fid,
            display_name: user.display_name,
        });
    }
    Ok(Accounts { accounts })
}
