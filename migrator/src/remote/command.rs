//! A command for the destination, as a list of words that is quoted exactly once, and how it ended.
//!
//! sshd hands the line of an exec request to the login shell of the user, so a list of arguments has to become one
//! line of a POSIX shell.  [`RemoteCommand::shell_line`] is the only place that does it.  Nothing secret ever goes
//! into an argument, because every user of the destination can read the arguments of every process.

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use postoffice::names::printable;
use serde::{Deserialize, Serialize};

use super::error::{ExitStatus, RemoteError};

/// With which rights a command runs on the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Privilege {
    /// As the user who logged in.
    #[default]
    AsIs,
    /// As root through `sudo`, which must not ask for a password.
    Sudo,
}

/// A program and its arguments, to be run on the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCommand {
    program: OsString,
    arguments: Vec<OsString>,
    privilege: Privilege,
    is_detached: bool,
}

/// Runs its arguments with both outputs in a file, and makes the end of that its standard error.
const DETACHED: &str = "out=$(mktemp 2>/dev/null) || out=/dev/null; \"$@\" </dev/null >\"$out\" 2>&1; status=$?; \
                        tail -c 65536 \"$out\" >&2; [ ! -f \"$out\" ] || rm -f \"$out\"; exit $status";

impl RemoteCommand {
    /// A command without arguments.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            privilege: Privilege::AsIs,
            is_detached: false,
        }
    }

    /// The same command with one more argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The same command with more arguments.
    #[must_use]
    pub fn arguments<Argument: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The same command with these rights.
    #[must_use]
    pub fn privileged(mut self, privilege: Privilege) -> Self {
        self.privilege = privilege;
        self
    }

    /// The same command, which counts as ended when its program ends, whatever that has started and left running.
    ///
    /// sshd waits for the end of both outputs, so a daemon that keeps those of the script that started it would keep the
    /// command under way.  All that the program says comes on the standard error, and it reads nothing.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.is_detached = true;
        self
    }

    /// The words that are run, `sudo` included.
    pub fn words(&self) -> impl Iterator<Item = &OsStr> {
        let prefix: &[&str] = match self.privilege {
            Privilege::AsIs => &[],
            // -n: fail instead of asking for a password, which nobody could type; --: the program is no option.
            Privilege::Sudo => &["sudo", "-n", "--"],
        };
        prefix
            .iter()
            .map(OsStr::new)
            .chain(std::iter::once(self.program.as_os_str()))
            .chain(self.arguments.iter().map(OsString::as_os_str))
    }

    /// The line for a POSIX shell that runs exactly these words.
    ///
    /// The line is text even where an argument is not: bytes that are not UTF-8 are written as `printf` escapes,
    /// because the ssh library takes lines as text only.
    pub fn shell_line(&self) -> Result<String, RemoteError> {
        let around: &[&str] = if self.is_detached {
            &["sh", "-c", DETACHED, "sh"]
        } else {
            &[]
        };
        quoted(around.iter().map(OsStr::new).chain(self.words()))
    }
}

fn quoted<'a>(words: impl Iterator<Item = &'a OsStr>) -> Result<String, RemoteError> {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        quote_into(&mut line, word.as_bytes())?;
    }
    Ok(line)
}

impl fmt::Display for RemoteCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match quoted(self.words()) {
            Ok(line) => formatter.write_str(&printable(line.as_bytes())),
            Err(_) => write!(formatter, "{}", printable(self.program.as_bytes())),
        }
    }
}

/// Words that a shell reads as its own where a command's name stands.
const RESERVED_WORDS: [&[u8]; 15] = [
    b"if",
    b"then",
    b"else",
    b"elif",
    b"fi",
    b"do",
    b"done",
    b"case",
    b"esac",
    b"while",
    b"until",
    b"for",
    b"in",
    b"function",
    b"time",
];

fn quote_into(line: &mut String, word: &[u8]) -> Result<(), RemoteError> {
    if word.contains(&0) {
        return Err(RemoteError::ArgumentHasNul {
            argument: printable(word),
        });
    }
    if let Ok(text) = std::str::from_utf8(word)
        && is_plain(word)
    {
        line.push_str(text);
        return Ok(());
    }
    if word.is_empty() {
        line.push_str("''");
    }
    for chunk in word.utf8_chunks() {
        if !chunk.valid().is_empty() {
            line.push('\'');
            line.push_str(&chunk.valid().replace('\'', "'\\''"));
            line.push('\'');
        }
        if !chunk.invalid().is_empty() {
            line.push_str("\"$(printf '");
            for byte in chunk.invalid() {
                let _ = write!(line, "\\{byte:03o}");
            }
            line.push_str("')\"");
        }
    }
    Ok(())
}

/// Whether every shell takes the word as it stands, wherever it stands.
fn is_plain(word: &[u8]) -> bool {
    !word.is_empty()
        && !RESERVED_WORDS.contains(&word)
        && word
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_@%+:,./-".contains(byte))
}

/// What a command gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// All that it wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// The output of a command that must have succeeded; its last words are in the error where it did not.
    pub fn require_success(self, command: &RemoteCommand) -> Result<Self, RemoteError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(RemoteError::command_failed(
            command,
            self.status,
            &self.stderr,
        ))
    }

    /// The standard output as text without the line end at its end; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout)
            .trim_end_matches(['\n', '\r'])
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt as _;
    use std::process::Command;

    /// What a real shell makes of the line: the words, each ended by a NUL.
    fn words_seen_by_sh(arguments: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let command = RemoteCommand::new("printf").argument("%s\\0").arguments(
            arguments
                .iter()
                .map(|argument| OsString::from_vec(argument.clone())),
        );
        let line = command.shell_line().expect("no NUL");
        let output = Command::new("sh")
            .arg("-c")
            .arg(&line)
            .output()
            .expect("sh");
        assert!(output.status.success(), "{line}: {output:?}");
        let mut words: Vec<Vec<u8>> = output
            .stdout
            .split(|&byte| byte == 0)
            .map(<[u8]>::to_vec)
            .collect();
        assert_eq!(words.pop(), Some(Vec::new()));
        words
    }

    #[test]
    fn a_real_shell_sees_the_awkward_words_unchanged() {
        let awkward: Vec<Vec<u8>> = [
            &b""[..],
            b" ",
            b"'",
            b"''",
            b"\"",
            b"a'b\"c",
            b"$HOME",
            b"`id`",
            b"$(id)",
            b"\\",
            b"\\n",
            b"a\nb",
            b"\n",
            b"trailing\n\n",
            b"\t",
            b"*",
            b"?",
            b"~",
            b"~root",
            b"a=b",
            b"-n",
            b"--",
            b"#x",
            b"!x",
            b";id",
            b"&",
            b"|",
            b"\xff",
            b"\xff\n",
            b"\n\xff",
            b"a\xfe'\xff b",
            b"\xc3\xa4",
            b"if",
            b"{a,b}",
            b"[a]",
            b"%s",
            b"\x7f",
            b"\x01",
        ]
        .iter()
        .map(|word| word.to_vec())
        .collect();
        assert_eq!(words_seen_by_sh(&awkward), awkward);
    }

    #[test]
    fn nul_is_refused() {
        let command = RemoteCommand::new("x").argument(OsString::from_vec(b"a\0b".to_vec()));
        assert!(
            matches!(command.shell_line(), Err(RemoteError::ArgumentHasNul { argument }) if argument == "a\\x00b")
        );
    }

    #[test]
    fn sudo_stands_in_front_and_never_asks() {
        let command = RemoteCommand::new("mount")
            .argument("-t")
            .argument("cifs")
            .privileged(Privilege::Sudo);
        assert_eq!(
            command.shell_line().expect("line"),
            "sudo -n -- mount -t cifs"
        );
    }

    #[test]
    fn a_detached_command_ends_with_its_program_and_says_what_that_said() {
        let script = "sleep 1000 & echo $! $1; echo no licence >&2; exit 3";
        let command = RemoteCommand::new("sh")
            .arguments(["-c", script, "sh", "a b'c"])
            .detached();
        assert!(
            !command.to_string().contains("mktemp"),
            "{command}: shown as it is"
        );
        let mut shell = Command::new("sh");
        // Waits for the end of both outputs, as sshd does.
        let output = shell.arg("-c").arg(command.shell_line().expect("line"));
        let output = output.output().expect("sh");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        let (process, rest) = said.split_once(' ').expect("a number");
        assert_eq!(rest, "a b'c\nno licence\n");
        let stopped = Command::new("kill").arg(process).status().expect("kill");
        assert!(stopped.success(), "what it started runs on");
    }

    #[test]
    fn a_program_with_an_equals_sign_is_no_assignment() {
        assert_eq!(
            RemoteCommand::new("a=b").shell_line().expect("line"),
            "'a=b'"
        );
        assert_eq!(RemoteCommand::new("if").shell_line().expect("line"), "'if'");
    }

    #[test]
    fn shown_commands_have_no_control_characters() {
        let shown = RemoteCommand::new("echo")
            .argument("a\n\x1b[2J")
            .to_string();
        assert_eq!(shown, "echo 'a\\x0a\\x1b[2J'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_real_shell_sees_any_words_unchanged(
            words in proptest::collection::vec(proptest::collection::vec(1_u8.., 0..24), 1..6)
        ) {
            prop_assert_eq!(words_seen_by_sh(&words), words);
        }
    }
}
