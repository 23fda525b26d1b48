//! Whether a text has the shape of a name that GroupWise gives to a file or folder of a post office.
//!
//! The layout of a post office decides (post-office-layout.md 1); what it does not know is left alone.

use serde::{Deserialize, Serialize};

use crate::layout::{
    FileClass, FolderClass, classify_file, classify_folder, is_known_file_name,
    is_known_folder_name,
};
use crate::names::{KeptReason, LowerCased, RelativePath, is_entry_name, lower_case};

/// What the values of a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameShape {
    /// The name of a file.
    FileName,
    /// The path of a folder, from the root of the post office or from one of its folders.
    FolderPath,
    /// The path of a file, likewise.
    FilePath,
}

/// Why a value with capital letters is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftAloneReason {
    /// It has a capital letter outside ASCII; such a file keeps its name too.
    NonAsciiCapital,
    /// It begins at the root of a file system.
    AbsolutePath,
    /// It begins with a server's name.
    UncPath,
    /// It names a drive or a volume.
    DriveOrVolume,
    /// It has blanks, which no name of GroupWise has.
    Blank,
    /// It has empty parts, `.` or `..`, or characters that no name has.
    NotAPath,
    /// It has folders where only a name may stand.
    NotASingleName,
    /// No file or folder of GroupWise has such a name.
    UnknownName,
}

impl LeftAloneReason {
    /// The reason in words, for a sentence like "left alone because ...".
    pub fn words(self) -> &'static str {
        match self {
            Self::NonAsciiCapital => "it has a capital letter outside ASCII",
            Self::AbsolutePath => "it is an absolute path",
            Self::UncPath => "it names a server",
            Self::DriveOrVolume => "it names a drive or a volume",
            Self::Blank => "it has blanks",
            Self::NotAPath => "it is not a path",
            Self::NotASingleName => "it is a path where only a name may stand",
            Self::UnknownName => "GroupWise gives no file or folder such a name",
        }
    }
}

/// What files with databases in them end in.
const DATABASE_EXTENSIONS: [&[u8]; 4] = [b"db", b"dc", b"fbk", b"rfl"];
/// The longest name before the dot under DOS.
const STEM_BYTES_MAX: usize = 8;

/// Whether a text has a shape, or why it is left alone.
pub(super) fn fits(text: &str, shape: NameShape) -> Result<(), LeftAloneReason> {
    if let LowerCased::Kept(reason) = lower_case(text.as_bytes()) {
        return Err(match reason {
            KeptReason::NonAsciiCapital => LeftAloneReason::NonAsciiCapital,
            KeptReason::NotUtf8 => LeftAloneReason::NotAPath,
        });
    }
    refuse_absolute(text)?;
    if text.chars().any(char::is_whitespace) {
        return Err(LeftAloneReason::Blank);
    }
    let names: Vec<&[u8]> = text.split(['/', '\\']).map(str::as_bytes).collect();
    let is_path = names.iter().all(|name| is_entry_name(name)) && !text.contains(char::is_control);
    if !is_path {
        return Err(LeftAloneReason::NotAPath);
    }
    let Some((last, folders)) = names.split_last() else {
        return Err(LeftAloneReason::NotAPath);
    };
    let path = names
        .iter()
        .fold(RelativePath::root(), |path, name| path.join(name));
    let are_known = |names: &[&[u8]]| names.iter().all(|name| is_known_folder_name(name));
    let is_known = match shape {
        NameShape::FileName if !folders.is_empty() => return Err(LeftAloneReason::NotASingleName),
        NameShape::FileName => is_file_name(last),
        NameShape::FolderPath => classify_folder(&path) != FolderClass::Other || are_known(&names),
        NameShape::FilePath => {
            classify_file(&path) != FileClass::Other || (are_known(folders) && is_file_name(last))
        }
    };
    if is_known {
        Ok(())
    } else {
        Err(LeftAloneReason::UnknownName)
    }
}

fn refuse_absolute(text: &str) -> Result<(), LeftAloneReason> {
    let is_separator = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
    let mut bytes = text.as_bytes().iter();
    if is_separator(bytes.next()) {
        return Err(if is_separator(bytes.next()) {
            LeftAloneReason::UncPath
        } else {
            LeftAloneReason::AbsolutePath
        });
    }
    if text.contains(':') {
        return Err(LeftAloneReason::DriveOrVolume);
    }
    Ok(())
}

fn is_file_name(name: &[u8]) -> bool {
    is_known_file_name(name) || is_short_database_name(name)
}

/// Whether this is a name as DOS has it, with the extension of a database.
fn is_short_database_name(name: &[u8]) -> bool {
    let Some(dot) = name.iter().position(|byte| *byte == b'.') else {
        return false;
    };
    let (stem, extension) = (&name[..dot], &name[dot + 1..]);
    let is_stem = (1..=STEM_BYTES_MAX).contains(&stem.len())
        && stem
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-$~".contains(byte));
    is_stem
        && DATABASE_EXTENSIONS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groupwise_fit() {
        for (text, shape) in [
            ("USERABC.DB", NameShape::FileName),
            ("MSG3.DB", NameShape::FileName),
            ("Ngwguard.FBK", NameShape::FileName),
            ("XYZ12345.DB", NameShape::FileName),
            ("OFUSER", NameShape::FolderPath),
            ("GWDMS/LIB000A", NameShape::FolderPath),
            ("GWDMS\\LIB000A\\DOCS\\FDA", NameShape::FolderPath),
            ("LIB000A", NameShape::FolderPath),
            ("OFFILES/FDF6", NameShape::FolderPath),
            ("OFUSER\\USERABC.DB", NameShape::FilePath),
            ("OFFILES/FD3C/1A2B3C4D.000", NameShape::FilePath),
            ("LIB000A/DMDD000A.DB", NameShape::FilePath),
        ] {
            assert_eq!(fits(text, shape), Ok(()), "{text}");
        }
    }

    #[test]
    fn other_text_is_left_alone_with_a_reason() {
        for (text, shape, reason) in [
            (
                "Quarterly Report",
                NameShape::FileName,
                LeftAloneReason::Blank,
            ),
            ("Secret", NameShape::FileName, LeftAloneReason::UnknownName),
            (
                "Report.DOC",
                NameShape::FileName,
                LeftAloneReason::UnknownName,
            ),
            (
                "VERYLONGNAME.DB",
                NameShape::FileName,
                LeftAloneReason::UnknownName,
            ),
            (
                "OFUSER/X.DB",
                NameShape::FileName,
                LeftAloneReason::NotASingleName,
            ),
            (
                "Budget",
                NameShape::FolderPath,
                LeftAloneReason::UnknownName,
            ),
            (
                "OFUSER/Budget",
                NameShape::FolderPath,
                LeftAloneReason::UnknownName,
            ),
            (
                "OFUSER//INDEX",
                NameShape::FolderPath,
                LeftAloneReason::NotAPath,
            ),
            (
                "../OFUSER",
                NameShape::FolderPath,
                LeftAloneReason::NotAPath,
            ),
            (
                "/OFUSER",
                NameShape::FolderPath,
                LeftAloneReason::AbsolutePath,
            ),
            (
                "\\OFUSER",
                NameShape::FolderPath,
                LeftAloneReason::AbsolutePath,
            ),
            (
                "\\\\SERVER\\MAIL",
                NameShape::FolderPath,
                LeftAloneReason::UncPath,
            ),
            (
                "C:\\OFUSER",
                NameShape::FolderPath,
                LeftAloneReason::DriveOrVolume,
            ),
            (
                "VOL1:OFUSER",
                NameShape::FolderPath,
                LeftAloneReason::DriveOrVolume,
            ),
            (
                "ÄUSER.DB",
                NameShape::FileName,
                LeftAloneReason::NonAsciiCapital,
            ),
            (
                "OFUSER/X\u{7}.DB",
                NameShape::FilePath,
                LeftAloneReason::NotAPath,
            ),
            ("", NameShape::FileName, LeftAloneReason::NotAPath),
        ] {
            assert_eq!(fits(text, shape), Err(reason), "{text}");
        }
    }
}
