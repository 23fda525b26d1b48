//! What a server asks while somebody logs in, and who answers: the password answers the question for the password, once;
//! everything else is for a person.

use std::collections::BTreeSet;
use std::net::{Shutdown, TcpStream};

use secrecy::{ExposeSecret as _, SecretString};
use ssh2::{KeyboardInteractivePrompt, Prompt};

use super::error::{RemoteError, on_one_line, says_expired};
use super::options::ConnectOptions;

/// "Password" in the languages that servers speak, in lower case.
const PASSWORD: &[&str] = &[
    "password",
    "passwort",
    "kennwort",
    "contraseña",
    "senha",
    "wachtwoord",
    "hasło",
    "heslo",
    "jelszó",
    "parola",
    "lösenord",
    "adgangskode",
    "passord",
    "salasana",
    "пароль",
    "密码",
    "パスワード",
    "motdepasse",
    "palavrapasse",
];

/// Words that may stand beside it without making it another question.
const BESIDE: &[&str] = &[
    "account",
    "active",
    "ad",
    "directory",
    "domain",
    "enter",
    "for",
    "für",
    "geben",
    "ihr",
    "ein",
    "kerberos",
    "ldap",
    "local",
    "login",
    "network",
    "of",
    "please",
    "pour",
    "bitte",
    "s",
    "system",
    "the",
    "to",
    "unix",
    "user",
    "von",
    "your",
];

/// Words beside it that belong to changing a password.
const CHANGE: &[&str] = &[
    "again",
    "aktuelles",
    "change",
    "current",
    "neues",
    "new",
    "old",
    "repeat",
    "retype",
];

/// What a question asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Password,
    NewPassword,
    Other,
}

/// Tells a question for the password from all others; a word that is not known makes it another question.
fn asked(prompt: &str, user: &str, host: &str) -> Asked {
    let text = prompt.to_lowercase();
    let text = text
        .replace("mot de passe", "motdepasse")
        .replace("palavra-passe", "palavrapasse");
    let words: BTreeSet<&str> = text
        .split(|character: char| !(character.is_alphanumeric() || "@._-".contains(character)))
        .map(|word| word.trim_matches(['.', '-']))
        .filter(|word| !word.is_empty())
        .collect();
    let (user, host) = (user.to_lowercase(), host.to_lowercase());
    let is_name = |word: &str| word.contains('@') || word == user || word == host;
    if !words.iter().any(|word| PASSWORD.contains(word)) {
        return Asked::Other;
    }
    if words.iter().any(|word| CHANGE.contains(word)) {
        return Asked::NewPassword;
    }
    let is_known = |word: &&str| PASSWORD.contains(word) || BESIDE.contains(word) || is_name(word);
    if words.iter().all(is_known) {
        Asked::Password
    } else {
        Asked::Other
    }
}

/// Answers the questions of one try to log in.
pub(super) struct Answers<'a> {
    pub(super) options: &'a ConnectOptions,
    /// Cut where a question has no answer, so that the server gets none instead of an empty one, which it would count.
    pub(super) socket: &'a TcpStream,
    /// The password, as long as it was not given.
    pub(super) password: Option<&'a SecretString>,
    /// Why the try was given up.
    pub(super) stopped: Option<RemoteError>,
}

impl Answers<'_> {
    fn answer(&mut self, prompt: &Prompt<'_>, instructions: &str) -> Result<String, RemoteError> {
        let ConnectOptions {
            user, host, person, ..
        } = self.options;
        let question = [instructions.trim(), prompt.text.trim()].join(" ");
        let question = on_one_line(question.as_bytes());
        let kind = asked(&prompt.text, user, host);
        if kind == Asked::NewPassword || says_expired(instructions) {
            return Err(RemoteError::PasswordExpired {
                user: user.as_str().into(),
                host: host.as_str().into(),
                said: question.into(),
            });
        }
        if kind == Asked::Password
            && !prompt.echo
            && let Some(password) = self.password.take()
        {
            return Ok(password.expose_secret().to_owned());
        }
        let asked = format!("{user}@{host} asks: {question}");
        let typed = person.as_ref().and_then(|person| person.ask(&asked));
        typed
            .map(|typed| typed.expose_secret().to_owned())
            .ok_or_else(|| RemoteError::PromptUnanswered {
                user: user.as_str().into(),
                host: host.as_str().into(),
                prompt: question.into(),
            })
    }
}

impl KeyboardInteractivePrompt for Answers<'_> {
    fn prompt(&mut self, _user: &str, instructions: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        let mut answers = Vec::new();
        for prompt in prompts {
            if self.stopped.is_some() {
                break;
            }
            match self.answer(prompt, instructions) {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    self.stopped = Some(error);
                    let _ = self.socket.shutdown(Shutdown::Both);
                }
            }
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_question_for_the_password_is_one() {
        for (prompt, kind) in [
            ("Password: ", Asked::Password),
            ("password:", Asked::Password),
            ("Passwort: ", Asked::Password),
            ("Mot de passe : ", Asked::Password),
            ("Contraseña: ", Asked::Password),
            ("root@gw1's password: ", Asked::Password),
            ("Password for root@gw1.example.org:", Asked::Password),
            ("(root@gw1) Password: ", Asked::Password),
            ("LDAP Password: ", Asked::Password),
            ("Enter your password: ", Asked::Password),
            ("Verification code: ", Asked::Other),
            ("One-time password (OATH) for `root': ", Asked::Other),
            ("Password & verification code: ", Asked::Other),
            ("Enter PASSCODE: ", Asked::Other),
            ("Enter a password from your token device: ", Asked::Other),
            ("Token: ", Asked::Other),
            ("Your duress password: ", Asked::Other),
            ("", Asked::Other),
            ("New password: ", Asked::NewPassword),
            ("Retype new password: ", Asked::NewPassword),
            ("(current) UNIX password: ", Asked::NewPassword),
            ("Current password: ", Asked::NewPassword),
            ("Neues Passwort: ", Asked::NewPassword),
        ] {
            assert_eq!(asked(prompt, "root", "gw1"), kind, "{prompt}");
        }
    }
}
