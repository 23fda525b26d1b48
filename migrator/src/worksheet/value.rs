//! What a setting may say: a function for each form of value, which gives the value or tells what is wrong with it.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use protocol::{Bandwidth, NotABandwidth};
use serde::de::DeserializeOwned;
use serde::de::Error as _;
use serde::de::value::StrDeserializer;
use toml::de::DeValue;

use super::kinds::{HostAndPort, Package, PackageKind};
use super::secret::SecretReference;

/// A value of a worksheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) toml: &'a DeValue<'a>,
    /// Where the files are that it may name, where that matters.
    pub(super) local: Option<Local<'a>>,
}

/// Where the files of a worksheet are: on the machine that it is read on, relative to its folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local<'a> {
    /// The folder of the worksheet.
    pub(super) folder: &'a Path,
    pub(super) needed: Needed,
}

/// Which of the files that a worksheet names must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// All of them.
    All,
    /// All but the software, which only stage one takes along, and files with secrets, which are read by the commands that
    /// need them.
    Always,
}

/// What is wrong with a value, in a sentence that begins behind the name of the setting.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    #[error("must be one of {}", .0.join(", "))]
    NotOneOf(&'static [&'static str]),
    #[error("{0}")]
    Other(String),
}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::NotOneOf(expected)
    }
}

type Read<T> = Result<T, Wrong>;

impl<'a> Value<'a> {
    /// Another value of the same worksheet.
    fn with(self, toml: &'a DeValue<'a>) -> Self {
        Self { toml, ..self }
    }

    fn must_be<T>(self, wanted: &str) -> Read<T> {
        let found = match self.toml {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        wrong(format_args!("must be {wanted}, and is {found}"))
    }

    fn str(self) -> Read<&'a str> {
        let DeValue::String(text) = self.toml else {
            return self.must_be("a text in quotes");
        };
        let is_plain = !text.chars().any(char::is_control);
        require(is_plain, "must not hold control characters")?;
        Ok(text)
    }

    fn words(self) -> Read<&'a str> {
        let text = self.str()?;
        require(!text.is_empty(), "must not be empty")?;
        Ok(text)
    }

    fn list<T>(self, wanted: &str, read: impl Fn(Self) -> Read<T>) -> Read<Vec<T>> {
        match self.toml {
            DeValue::Array(items) => items
                .iter()
                .map(|item| read(self.with(item.get_ref())))
                .collect(),
            _ => self.must_be(wanted),
        }
    }

    /// The whole path of a file of this machine, which must be readable where it is needed.
    fn file(self, text: &str, is_always_needed: bool) -> Read<PathBuf> {
        let Some(local) = self.local else {
            return Ok(text.into());
        };
        let file = local.folder.join(text);
        if is_always_needed || local.needed == Needed::All {
            read_from(&file).map_err(|error| {
                let shown = file.display();
                Wrong::custom(format_args!("names {shown}, which cannot be read: {error}"))
            })?;
        }
        Ok(file)
    }
}

fn require(condition: bool, message: &str) -> Read<()> {
    if condition { Ok(()) } else { wrong(message) }
}

fn wrong<T>(message: impl fmt::Display) -> Read<T> {
    Err(Wrong::custom(message))
}

fn read_from(file: &Path) -> std::io::Result<()> {
    let metadata = fs::metadata(file)?;
    if metadata.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    // Opening a pipe would wait for whoever writes into it.
    if metadata.is_file() {
        File::open(file)?;
    }
    Ok(())
}

/// Any text that is not empty.
pub(super) fn text(value: Value<'_>) -> Read<String> {
    value.words().map(str::to_owned)
}

/// Any texts that are not empty.
pub(super) fn texts(value: Value<'_>) -> Read<Vec<String>> {
    const WANTED: &str = "a list of texts";
    value.list(WANTED, |item| match item.toml {
        DeValue::String(_) => text(item),
        _ => item.must_be(WANTED),
    })
}

/// `true` or `false`.
pub(super) fn flag(value: Value<'_>) -> Read<bool> {
    match value.toml {
        DeValue::Boolean(flag) => Ok(*flag),
        _ => value.must_be("true or false"),
    }
}

/// A whole number in a range.
pub(super) fn number<N: TryFrom<u64>, const LEAST: u64, const MOST: u64>(
    value: Value<'_>,
) -> Read<N> {
    let DeValue::Integer(integer) = value.toml else {
        return value.must_be("a whole number");
    };
    u64::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .filter(|number| (LEAST..=MOST).contains(number))
        .and_then(|number| N::try_from(number).ok())
        .ok_or_else(|| Wrong::custom(format_args!("must be from {LEAST} to {MOST}")))
}

/// How many at a time; 0 leaves that open.
pub(super) fn workers(value: Value<'_>) -> Read<Option<usize>> {
    let workers = number::<_, 0, 256>(value)?;
    Ok(Some(workers).filter(|&workers| workers > 0))
}

/// A TCP port.
pub(super) fn port(value: Value<'_>) -> Read<u16> {
    number::<_, 1, 65535>(value)
}

/// TCP ports.
pub(super) fn ports(value: Value<'_>) -> Read<Vec<u16>> {
    value.list("a list of ports", port)
}

/// One of the words of an enum.
pub(super) fn choice<T: DeserializeOwned>(value: Value<'_>) -> Read<T> {
    T::deserialize(StrDeserializer::new(value.words()?))
}

/// Lower-case letters, digits, `_` and `-`.
pub(super) fn job(value: Value<'_>) -> Read<String> {
    let text = value.words()?;
    let form = "must be made of lower-case letters, digits, `_` and `-`";
    require(is_job(text), form)?;
    Ok(text.to_owned())
}

/// Whether a text can name a job.
pub(super) fn is_job(text: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    !text.is_empty() && text.len() <= 64 && !text.starts_with('-') && text.chars().all(is_fine)
}

/// A limit for what is taken from the source.
pub(super) fn bandwidth(value: Value<'_>) -> Read<Bandwidth> {
    let parsed: Result<Bandwidth, NotABandwidth> = value.words()?.parse();
    parsed.map_err(Wrong::custom)
}

/// A host and a port.
pub(super) fn host_and_port(value: Value<'_>) -> Read<HostAndPort> {
    let parsed = value.words()?.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse().ok().filter(|&port| port > 0)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then(|| HostAndPort {
            host: bare.to_owned(),
            port,
        })
    });
    parsed.ok_or_else(|| Wrong::custom("must be a host and a port, as in \"gw1:143\""))
}

/// A path at the source, from the root or from the post office's folder.
pub(super) fn source_path(value: Value<'_>) -> Read<PathBuf> {
    value.words().map(PathBuf::from)
}

/// A path from the root.
pub(super) fn absolute_path(value: Value<'_>) -> Read<PathBuf> {
    let text = value.words()?;
    let begins = text.starts_with('/');
    require(begins, "must be a path from the root, beginning with `/`")?;
    let is_straight = !text.split('/').any(|name| name == "." || name == "..");
    require(is_straight, "must not have `.` or `..` in it")?;
    require(!text.trim_matches('/').is_empty(), "must not be the root")?;
    Ok(text.into())
}

/// A path from the root without capital letters.
pub(super) fn lowercase_path(value: Value<'_>) -> Read<PathBuf> {
    let path = absolute_path(value)?;
    let is_lower = !value.str()?.chars().any(char::is_uppercase);
    let why = "must be all lower case: on Linux GroupWise finds nothing else";
    require(is_lower, why)?;
    Ok(path)
}

/// A path inside a share, which is empty for the share itself.
pub(super) fn inner_path(value: Value<'_>) -> Read<PathBuf> {
    let text = value.str()?;
    let is_relative = !text.starts_with(['/', '\\']);
    require(is_relative, "must be relative to the share")?;
    let is_ours = !text.contains('\\');
    require(is_ours, "must be written with `/` between folders")?;
    let stays = text.split('/').all(|name| name != "..");
    require(stays, "must not lead out of the share")?;
    Ok(text.into())
}

/// A file of this machine.
pub(super) fn local_file(value: Value<'_>) -> Read<PathBuf> {
    value.file(value.words()?, true)
}

/// Such files.
pub(super) fn local_files(value: Value<'_>) -> Read<Vec<PathBuf>> {
    let texts = texts(value)?;
    texts.iter().map(|text| value.file(text, true)).collect()
}

/// Software, a file of this machine.
pub(super) fn package(value: Value<'_>) -> Read<Package> {
    let kind = package_kind(value)?;
    let path = value.file(value.words()?, false)?;
    Ok(Package { path, kind })
}

/// What software is by its name, wherever it is.
pub(super) fn package_kind(value: Value<'_>) -> Read<PackageKind> {
    let name = value.words()?.to_ascii_lowercase();
    let kind = [
        (".rpm", PackageKind::Rpm),
        (".deb", PackageKind::Deb),
        (".tar.gz", PackageKind::TarGz),
        (".tgz", PackageKind::TarGz),
    ]
    .into_iter()
    .find_map(|(ending, kind)| name.ends_with(ending).then_some(kind));
    kind.ok_or_else(|| Wrong::custom("must end in .rpm, .deb, .tar.gz or .tgz"))
}

const SECRET_FORMS: &str = "must say where the secret is to be found: { file = \"…\" }, { environment = \"NAME\" } or { prompt = true }";

/// Where a secret is to be found.
pub(super) fn secret(value: Value<'_>) -> Read<SecretReference> {
    let table = value.toml.as_table().filter(|table| table.len() == 1);
    let entry = table.and_then(|table| table.iter().next());
    Ok(
        match entry.map(|(key, value)| (&**key.get_ref(), value.get_ref())) {
            Some(("file", DeValue::String(path))) if !path.is_empty() => {
                SecretReference::File(value.file(path, false)?)
            }
            Some(("environment", DeValue::String(name)))
                if !name.is_empty() && !name.contains(['=', '\0']) =>
            {
                SecretReference::Environment(name.to_string())
            }
            Some(("prompt", DeValue::Boolean(true))) => SecretReference::Prompt,
            _ if value.toml.is_str() => {
                return wrong(format_args!(
                    "must not stand in the worksheet itself, where others can read it; it {SECRET_FORMS}"
                ));
            }
            _ => return wrong(SECRET_FORMS),
        },
    )
}
