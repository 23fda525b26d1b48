//! What can be wrong with a startup file.

use thiserror::Error;

/// Why a startup file could not be read or changed.  Nothing of its text is shown, because it may be secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StartupFileError {
    /// The file is larger than any startup file.
    #[error(
        "The startup file has {bytes} bytes, more than {}",
        super::FILE_BYTES_MAX
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Something on a line is neither a switch nor a comment; often a value with blanks that lacks its quotes.
    #[error("Line {line} has a word that is no switch; a value with blanks needs quotes")]
    NotASwitch {
        /// The line, counted from 1.
        line: usize,
    },
    /// A `/` or `--` with no name after it.
    #[error("Line {line} has a switch without a name")]
    NoSwitchName {
        /// The line, counted from 1.
        line: usize,
    },
    /// A quote is opened and not closed on its line.
    #[error("Line {line} has a quote that is not closed")]
    UnclosedQuote {
        /// The line, counted from 1.
        line: usize,
    },
    /// A name with characters that no switch has.
    #[error("`{name}` is not the name of a switch")]
    NotAName {
        /// The name.
        name: String,
    },
    /// A value with a quote or a line end, for which startup files have no way of writing.
    #[error("The value of `{name}` has a quote or a line end, which a startup file cannot hold")]
    ValueNotWritable {
        /// The switch that was to have it.
        name: String,
    },
}
