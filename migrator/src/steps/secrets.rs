//! The secrets of a job, and which of them a command needs: they are asked for before anything else is done.
//!
//! What a person types is kept for as long as the command runs ([`crate::worksheet::AskedOnce`]), by the name of the
//! secret, so a step and this list must call it the same.

use protocol::{Explain as _, Finding};

use crate::local_machine::LocalMachine;
use crate::worksheet::{DocumentArea, SecretReference, Worksheet};

/// The passphrase of the key to log in with.
pub(crate) const KEY_PASSPHRASE: &str = "passphrase of the ssh key";
/// The password to log in with.
pub(crate) const LOGIN_PASSWORD: &str = "password of the destination";
/// The password of the certificate's key.
pub(crate) const CERTIFICATE_PASSWORD: &str = "password of the certificate's key";
/// The password to mount the source with.
pub(crate) const SOURCE_PASSWORD: &str = "password of the source server";

/// The password to mount a document storage area with.
pub(crate) fn of_area(area: &DocumentArea) -> String {
    format!("password for the document storage area of {}", area.library)
}

/// The password of the mailbox of a user.
pub(crate) fn of_mailbox(user: &str) -> String {
    format!("mailbox password of {user}")
}

/// What a command needs secrets for, beside logging in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Mounting the source and the document storage areas.
    Mounts,
    /// Looking at the certificate.
    Certificate,
    /// Looking at a mailbox.
    Mailbox,
}

/// Gets the secrets that a command needs, so that nobody is asked after a long while, or cannot be asked then.
///
/// # Errors
/// Each that cannot be had.
pub(crate) fn ask(
    local: &LocalMachine,
    sheet: &Worksheet,
    uses: &[Use],
) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    for (what, reference) in wanted(sheet, uses) {
        if let Err(error) = local.secret(reference, &what) {
            findings.push(error.to_finding());
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

/// The environment variables that hold secrets of a job.
pub(crate) fn environment_variables(sheet: &Worksheet) -> Vec<&str> {
    let uses = [Use::Mounts, Use::Certificate, Use::Mailbox];
    let wanted = wanted(sheet, &uses).into_iter();
    wanted
        .filter_map(|(_, reference)| match reference {
            SecretReference::Environment(name) => Some(name.as_str()),
            SecretReference::File(_) | SecretReference::Prompt => None,
        })
        .collect()
}

fn wanted<'s>(sheet: &'s Worksheet, uses: &[Use]) -> Vec<(String, &'s SecretReference)> {
    let login = &sheet.destination;
    let mut all = vec![
        (KEY_PASSPHRASE.to_owned(), &login.key_password),
        (LOGIN_PASSWORD.to_owned(), &login.password),
    ];
    if uses.contains(&Use::Mounts) {
        let source = sheet.source.access.network();
        all.extend(source.map(|network| (SOURCE_PASSWORD.to_owned(), &network.password)));
        all.extend(sheet.documents.iter().filter_map(|area| {
            let network = area.access.network()?;
            Some((of_area(area), &network.password))
        }));
    }
    if uses.contains(&Use::Certificate) {
        let files = sheet.poa.certificate.iter();
        all.extend(files.map(|files| (CERTIFICATE_PASSWORD.to_owned(), &files.key_password)));
    }
    let mailbox = sheet.mailbox_test.iter();
    let mailbox = mailbox.filter(|_| uses.contains(&Use::Mailbox));
    let mailbox = mailbox.map(|test| (of_mailbox(&test.user), &test.password));
    let referred = all
        .into_iter()
        .filter_map(|(what, reference)| Some((what, reference.as_ref()?)));
    referred.chain(mailbox).collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use secrecy::SecretString;

    use super::*;
    use crate::worksheet::{AskedOnce, SecretSource};

    const SHEET: &str = r#"
[source]
kind = "cifs"
server = "fs1"
share = "mail"
user = "migration"
password = { prompt = true }
platform = "windows"
[destination]
host = "gw1"
key = "id"
key_password = { prompt = true }
password = { prompt = true }
[post_office]
name = "sales"
folder = "/gwsystem/sales"
[poa]
certificate = "a.pem"
key = "a.key"
key_password = { prompt = true }
[[documents.area]]
library = "contracts"
share = "docs"
destination = "/gwsystem/docs"
[mailbox_test]
user = "test"
password = { prompt = true }
source_imap = "fs1:143"
destination_imap = "gw1:143"
"#;

    /// Notes what a person is asked for.
    #[derive(Clone, Default)]
    struct Person(Arc<Mutex<Vec<String>>>);

    impl SecretSource for Person {
        fn file(&mut self, _: &Path) -> io::Result<SecretString> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn environment(&mut self, _: &str) -> Option<SecretString> {
            None
        }

        fn prompt(&mut self, what: &str) -> io::Result<SecretString> {
            self.0.lock().expect("a lock").push(what.to_owned());
            Ok(format!("typed {what}").into())
        }
    }

    #[test]
    fn a_person_is_asked_once_and_for_what_the_command_needs() {
        let sheet = Worksheet::parse(SHEET).expect("right");
        let login = [KEY_PASSPHRASE, LOGIN_PASSWORD];
        let mounts = [
            SOURCE_PASSWORD,
            "password for the document storage area of contracts",
        ];
        let all = [Use::Mailbox, Use::Mounts, Use::Certificate];
        for (uses, more) in [
            (&all[..0], &[][..]),
            (&all[..1], &["mailbox password of test"]),
            (&all[1..2], &mounts),
            (&all[2..], &[CERTIFICATE_PASSWORD]),
        ] {
            let person = Person::default();
            let local = LocalMachine {
                take_over: false,
                program: "gwmigrate".into(),
                home: None,
                agent_socket: None,
                who: "somebody".into(),
                zone: jiff::tz::TimeZone::UTC,
                secrets: Arc::new(Mutex::new(AskedOnce::new(person.clone()))),
            };
            for _ in 0..2 {
                ask(&local, &sheet, uses).expect("asked");
            }
            let asked = person.0.lock().expect("a lock").clone();
            assert_eq!(asked, [&login[..], more].concat(), "{uses:?}");
        }
    }

    #[test]
    fn every_variable_with_a_secret_is_known() {
        let sheet = SHEET.replace("{ prompt = true }", "{ environment = \"IT\" }");
        let sheet = Worksheet::parse(&sheet).expect("right");
        assert_eq!(environment_variables(&sheet), ["IT"; 6]);
    }
}
