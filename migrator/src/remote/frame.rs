//! Where the output of a command begins: behind a marker, so that what a login shell writes first is none of it.
//!
//! sshd gives the line of a command to the login shell of the user, which reads its startup files before that line.  What
//! these print stands in front of everything.  So a small script of `/bin/sh` writes the marker to both outputs, and
//! runs the command then.  The line says the marker's control bytes in octal: a shell that shows the lines it
//! reads does not show the marker.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::error::RemoteError;

/// The first bytes of both outputs of a command.
const MARKER: &[u8] = b"\x1egwmigrate\x1e";

/// Writes the marker to both outputs, and runs the line that its first argument holds, with escapes.
const RUN: &str =
    r#"printf "\036gwmigrate\036"; printf "\036gwmigrate\036" >&2; eval "$(printf %b "$1")""#;

/// How much of what comes before the marker is kept, in bytes.
const BEFORE_BYTES_MAX: usize = 64 * 1024;

/// The line that makes any login shell run a line of a POSIX shell.
///
/// sh, csh and fish agree on what stands between apostrophes, except for apostrophes, backslashes in front of those or of
/// each other (fish), exclamation marks (history of csh) and line ends (csh); so none of these is there.  The
/// backslashes that are there stand before digits.
pub(super) fn framed(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for byte in line.bytes() {
        match byte {
            b'\'' | b'\\' | b'!' => _ = write!(escaped, "\\0{byte:03o}"),
            b' '..=b'~' => escaped.push(char::from(byte)),
            _ => _ = write!(escaped, "\\0{byte:03o}"),
        }
    }
    format!("exec /bin/sh -c '{RUN}' sh '{escaped}'")
}

/// One output of a command, as it arrives.
#[derive(Debug, Default)]
pub(super) struct Frame {
    has_begun: bool,
    before: Vec<u8>,
}

impl Frame {
    /// Whether the marker has come.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What came before the marker, or all where that never came; at most 64 KiB.
    pub(super) fn before(&self) -> &[u8] {
        &self.before
    }

    /// Takes what arrived; gives that of it which is the command's.
    pub(super) fn take<'p>(&mut self, piece: &'p [u8]) -> Cow<'p, [u8]> {
        if self.has_begun {
            return Cow::Borrowed(piece);
        }
        self.before.extend_from_slice(piece);
        let marker = self
            .before
            .windows(MARKER.len())
            .position(|window| window == MARKER);
        if let Some(at) = marker {
            self.has_begun = true;
            let rest = self.before.split_off(at + MARKER.len());
            self.before.truncate(at);
            return Cow::Owned(rest);
        }
        // The first of it is told; the last of it may be the beginning of the marker.
        let surplus = self.before.len().saturating_sub(BEFORE_BYTES_MAX);
        let last = self.before.len() - MARKER.len().min(self.before.len());
        self.before.drain(last.saturating_sub(surplus)..last);
        Cow::Borrowed(&[])
    }
}

/// What a login shell wrote around a command that writes nothing.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// On the standard output, where answers and files are expected.
    pub(super) output: Vec<u8>,
    /// On the standard error, before the command: it is left out everywhere.
    pub(super) error_before: Vec<u8>,
    /// On the standard error, behind the command.
    pub(super) error_behind: Vec<u8>,
}

impl Around {
    /// What it means: text that would be taken for answers is refused, the rest is given to be told.
    pub(super) fn judge(self, user: &str, host: &str) -> Result<Vec<u8>, RemoteError> {
        for (text, stream) in [
            (&self.output, "standard output"),
            (&self.error_behind, "standard error"),
        ] {
            if !text.is_empty() {
                return Err(RemoteError::shell_prints(user, host, stream, text));
            }
        }
        Ok(self.error_before)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    use std::path::Path;
    use std::process::Command;

    use super::super::RemoteCommand;
    use super::*;

    /// Words that one shell or another takes for something else.
    fn awkward() -> Vec<Vec<u8>> {
        let mut words: Vec<Vec<u8>> = [
            &b""[..],
            b"!x",
            b"a!b!",
            b"!!",
            b"it's",
            b"\\",
            b"\\\\",
            b"\\'",
            b"a\\!b",
            b"a\nb\n",
            b"$HOME `id` \"x\"",
            b"%s%n",
            b"~",
            b"^a^b",
            b"*?[a]{a,b}",
            b"\xff\xfe",
            b"\xc3\xa4",
            b"\t",
            b"a;b&c|d>e<f",
            b"#",
            b"(a)",
        ]
        .iter()
        .map(|word| word.to_vec())
        .collect();
        words.push(vec![b'x'; 8000]);
        words
    }

    #[test]
    fn every_login_shell_that_is_here_runs_the_same_words() {
        let words = awkward();
        let command = RemoteCommand::new("printf")
            .argument("%s\\0")
            .arguments(words.iter().cloned().map(OsString::from_vec));
        let line = framed(&command.shell_line().expect("no NUL"));
        let home = tempfile::tempdir().expect("folder");
        let mut tried = 0;
        for shell in ["sh", "bash", "dash", "ksh", "zsh", "csh", "tcsh", "fish"] {
            let found = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(shell));
            let Some(program) = found.iter().find(|path| path.exists()) else {
                continue;
            };
            tried += 1;
            let output = Command::new(program)
                .args(["-c", &line])
                .env("HOME", home.path())
                .output()
                .expect("a shell");
            let mut frame = Frame::default();
            let seen = frame.take(&output.stdout).into_owned();
            let mut seen: Vec<_> = seen.split(|&byte| byte == 0).collect();
            assert_eq!(seen.pop(), Some(&[][..]), "{shell}: {output:?}");
            assert_eq!(seen, words, "{shell}");
            assert_eq!(output.stderr, MARKER, "{shell}");
        }
        assert!(tried > 0);
    }

    /// What shells disagree on between apostrophes is not there, whether or not they can be tried here.
    #[test]
    fn the_line_has_nothing_that_shells_disagree_on() {
        for word in awkward() {
            let command = RemoteCommand::new("echo").argument(OsString::from_vec(word));
            let line = framed(&command.shell_line().expect("no NUL"));
            assert!(
                line.bytes()
                    .all(|byte| (b' '..=b'~').contains(&byte) && byte != b'!'),
                "{line}"
            );
            let quoted: Vec<&str> = line.split('\'').collect();
            assert_eq!(quoted.len(), 5, "{line}");
            for (at, _) in line.match_indices('\\') {
                assert_eq!(line.as_bytes().get(at + 1), Some(&b'0'), "{line}");
            }
        }
    }

    #[test]
    fn output_begins_behind_the_marker_wherever_it_is_cut() {
        let all = [b"Welcome\x1egwmig", MARKER, b"answer", MARKER].concat();
        for size in 1..all.len() {
            let mut frame = Frame::default();
            let taken: Vec<u8> = all
                .chunks(size)
                .flat_map(|piece| frame.take(piece).into_owned())
                .collect();
            assert_eq!(taken, [b"answer", MARKER].concat());
            assert_eq!(frame.before(), b"Welcome\x1egwmig");
        }
    }

    #[test]
    fn a_marker_behind_very_much_text_is_still_found() {
        let mut frame = Frame::default();
        for _ in 0..100 {
            assert!(frame.take(&[b'x'; 1000]).is_empty());
        }
        assert!(frame.take(&MARKER[..4]).is_empty());
        assert_eq!(&*frame.take(&[&MARKER[4..], b"answer"].concat()), b"answer");
        assert!(frame.before().len() <= BEFORE_BYTES_MAX);
    }
}
