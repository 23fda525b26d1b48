//! One value of a worksheet: what it must be, and what it is.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::field::Kind;
use super::secret::SecretReference;

/// A checked value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    /// Files of this machine.
    Files(Vec<PathBuf>),
    Flag(bool),
    Number(u64),
    Ports(Vec<u16>),
    Secret(SecretReference),
}

/// The value, or what is wrong with it in a sentence that begins behind its name.
pub(super) fn check(kind: Kind, value: &DeValue<'_>) -> Result<Value, String> {
    match kind {
        Kind::Texts => check_texts(value).map(Value::Texts),
        Kind::LocalPaths => {
            let texts = check_texts(value)?;
            Ok(Value::Files(texts.into_iter().map(PathBuf::from).collect()))
        }
        Kind::Flag => match value {
            DeValue::Boolean(flag) => Ok(Value::Flag(*flag)),
            other => Err(wrong_type("true or false", other)),
        },
        Kind::Number(least, most) => check_number(value, least, most).map(Value::Number),
        Kind::Port => check_port(value).map(|port| Value::Number(port.into())),
        Kind::Ports => match value {
            DeValue::Array(items) => items
                .iter()
                .map(|item| check_port(item.get_ref()))
                .collect::<Result<_, _>>()
                .map(Value::Ports),
            other => Err(wrong_type("a list of ports", other)),
        },
        Kind::Secret => check_secret(value).map(Value::Secret),
        _ => match value {
            DeValue::String(text) => check_text(kind, text).map(|()| match kind {
                Kind::LocalPath => Value::Files(vec![text.as_ref().into()]),
                _ => Value::Text(text.to_string()),
            }),
            other => Err(wrong_type("a text in quotes", other)),
        },
    }
}

fn check_text(kind: Kind, text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters".into());
    }
    if text.is_empty() && kind != Kind::InnerPath {
        return Err("must not be empty".into());
    }
    match kind {
        Kind::AbsolutePath => check_absolute(text),
        Kind::LowercasePath => check_absolute(text).and_then(|()| {
            if text.chars().any(char::is_uppercase) {
                Err("must be all lower case: on Linux GroupWise finds nothing else".into())
            } else {
                Ok(())
            }
        }),
        Kind::InnerPath if text.starts_with(['/', '\\']) => {
            Err("must be relative to the share".into())
        }
        Kind::InnerPath if text.contains('\\') => {
            Err("must be written with `/` between folders".into())
        }
        Kind::InnerPath if text.split('/').any(|name| name == "..") => {
            Err("must not lead out of the share".into())
        }
        Kind::Choice(words) if !words.contains(&text) => {
            Err(format!("must be one of {}", words.join(", ")))
        }
        Kind::JobName if !is_job_name(text) => {
            Err("must be made of lower-case letters, digits, `_` and `-`".into())
        }
        Kind::HostAndPort => match text.rsplit_once(':') {
            Some((host, port))
                if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) =>
            {
                Ok(())
            }
            _ => Err("must be a host and a port, as in \"gw1:143\"".into()),
        },
        _ => Ok(()),
    }
}

fn check_absolute(text: &str) -> Result<(), String> {
    if !text.starts_with('/') {
        return Err("must be a path from the root, beginning with `/`".into());
    }
    if text.split('/').any(|name| name == "." || name == "..") {
        return Err("must not have `.` or `..` in it".into());
    }
    if text.trim_matches('/').is_empty() {
        return Err("must not be the root".into());
    }
    Ok(())
}

/// Whether a text can name a job.
pub(super) fn is_job_name(text: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    !text.is_empty() && text.len() <= 64 && !text.starts_with('-') && text.chars().all(is_fine)
}

fn check_texts(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let DeValue::Array(items) = value else {
        return Err(wrong_type("a list of texts", value));
    };
    let texts = items.iter().map(|item| match item.get_ref() {
        DeValue::String(text) => check_text(Kind::Text, text).map(|()| text.to_string()),
        other => Err(wrong_type("a list of texts", other)),
    });
    texts.collect()
}

fn check_number(value: &DeValue<'_>, least: u64, most: u64) -> Result<u64, String> {
    let DeValue::Integer(integer) = value else {
        return Err(wrong_type("a whole number", value));
    };
    u64::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be from {least} to {most}"))
}

fn check_port(value: &DeValue<'_>) -> Result<u16, String> {
    let number = check_number(value, 1, u16::MAX.into())?;
    u16::try_from(number).map_err(|_| "must be a port".into())
}

const SECRET_FORMS: &str = "must say where the secret is to be found: { file = \"…\" }, { environment = \"NAME\" } or { prompt = true }";

fn check_secret(value: &DeValue<'_>) -> Result<SecretReference, String> {
    match value {
        DeValue::String(_) => Err(format!(
            "must not stand in the worksheet itself, where others can read it; it {SECRET_FORMS}"
        )),
        DeValue::Table(table) => secret_from(table).ok_or_else(|| SECRET_FORMS.to_owned()),
        _ => Err(SECRET_FORMS.to_owned()),
    }
}

fn secret_from(table: &DeTable<'_>) -> Option<SecretReference> {
    let mut entries = table.iter();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else {
        return None;
    };
    match (key.get_ref().as_ref(), value.get_ref()) {
        ("file", DeValue::String(path)) if !path.is_empty() => {
            Some(SecretReference::File(path.as_ref().into()))
        }
        ("environment", DeValue::String(name))
            if !name.is_empty() && !name.contains(['=', '\0']) =>
        {
            Some(SecretReference::Environment(name.to_string()))
        }
        ("prompt", DeValue::Boolean(true)) => Some(SecretReference::Prompt),
        _ => None,
    }
}

fn wrong_type(wanted: &str, found: &DeValue<'_>) -> String {
    let found = match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    format!("must be {wanted}, and is {found}")
}
