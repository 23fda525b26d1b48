//! Records and changes of fields as the roll-forward log writes them (flaim-format.md 10).

use super::bytes::Walk;
use super::field::{FIELD_LEVEL_MAX, FieldKind, RawField};
use super::record::Record;
use super::version::Version;

/// How the log writes the fields of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Before 4.60.
    Plain,
    /// 4.60: fields may be encrypted.
    Encryptable,
    /// From 4.61 on: values may be longer than 64 KiB.
    Large,
}

/// The most changes of one record in one go; positions have 16 bits.
const CHANGES_MAX: u32 = 65_536;

const CUT: &str = "a record is cut short";
const MALFORMED: &str = "a record is malformed";
const ENCRYPTED: &str = "a field is encrypted";

/// One field on its own.
#[derive(Debug, Clone)]
struct LooseField {
    level: u16,
    tag: u16,
    kind: FieldKind,
    value: Vec<u8>,
}

/// Reads a whole record.
pub(super) fn read(number: u32, body: &[u8], form: Form) -> Result<Record, &'static str> {
    let mut walk = Walk::new(body);
    let mut fields = Vec::new();
    loop {
        let tag = walk.u16().ok_or(CUT)?;
        if tag == 0 {
            break;
        }
        let (kind, level) = kind_and_level(&mut walk)?;
        let length = match form {
            Form::Plain | Form::Encryptable => u32::from(walk.u16().ok_or(CUT)?),
            Form::Large => walk.u32().ok_or(CUT)?,
        };
        if form != Form::Plain && walk.u8().ok_or(CUT)? != 0 {
            return Err(ENCRYPTED);
        }
        let value = take(&mut walk, length)?;
        fields.push(LooseField {
            level,
            tag,
            kind,
            value,
        });
    }
    if !walk.is_done() {
        return Err(MALFORMED);
    }
    assemble(number, &fields)
}

/// Applies changes of fields to a record.
pub(super) fn change(
    old: &Record,
    body: &[u8],
    version: Version,
    bytes_max: usize,
) -> Result<Record, &'static str> {
    let mut fields: Vec<LooseField> = old.fields().map(loosen).collect();
    let mut bytes = old.data.len();
    let mut walk = Walk::new(body);
    for _ in 0..CHANGES_MAX {
        let kind = walk.u8().ok_or(CUT)?;
        let position = usize::from(walk.u16().ok_or(CUT)?);
        if kind == 4 {
            if !walk.is_done() {
                return Err(MALFORMED);
            }
            return assemble(old.number, &fields);
        }
        let index = position.checked_sub(1).ok_or(MALFORMED)?;
        match kind {
            1 | 7 => {
                let field = inserted(&mut walk, kind == 7)?;
                bytes = bytes.saturating_add(field.value.len());
                if index > fields.len() {
                    return Err(MALFORMED);
                }
                fields.insert(index, field);
            }
            2 => remove(&mut fields, index, version.has_encryption())?,
            3 | 9 => {
                let value = modified(&mut walk, kind == 9)?;
                bytes = bytes.saturating_add(value.len());
                fields.get_mut(index).ok_or(MALFORMED)?.value = value;
            }
            5 | 6 | 8 | 10 => return Err(ENCRYPTED),
            _ => return Err(MALFORMED),
        }
        if bytes > bytes_max {
            return Err("a record grows larger than the limit");
        }
    }
    Err("a record changes in too many places")
}

fn loosen(field: super::record::Field<'_>) -> LooseField {
    LooseField {
        level: field.level,
        tag: field.tag,
        kind: field.kind,
        value: field.stored.to_vec(),
    }
}

fn inserted(walk: &mut Walk<'_>, is_large: bool) -> Result<LooseField, &'static str> {
    let tag = walk.u16().ok_or(CUT)?;
    let (kind, level) = kind_and_level(walk)?;
    let length = length(walk, is_large)?;
    Ok(LooseField {
        level,
        tag,
        kind,
        value: take(walk, length)?,
    })
}

fn modified(walk: &mut Walk<'_>, is_large: bool) -> Result<Vec<u8>, &'static str> {
    if walk.u8().ok_or(CUT)? != 1 {
        return Err(MALFORMED);
    }
    let length = length(walk, is_large)?;
    take(walk, length)
}

fn remove(
    fields: &mut Vec<LooseField>,
    index: usize,
    with_subtree: bool,
) -> Result<(), &'static str> {
    let level = fields.get(index).ok_or(MALFORMED)?.level;
    let below = fields.iter().skip(index + 1);
    let descendants = below.take_while(|field| with_subtree && field.level > level);
    let end = index + 1 + descendants.count();
    fields.drain(index..end);
    Ok(())
}

fn kind_and_level(walk: &mut Walk<'_>) -> Result<(FieldKind, u16), &'static str> {
    let kind = walk.u8().ok_or(CUT)?;
    let level = walk.u8().ok_or(CUT)?;
    let kind = FieldKind::from_code(kind).ok_or(MALFORMED)?;
    Ok((kind, u16::from(level)))
}

fn length(walk: &mut Walk<'_>, is_large: bool) -> Result<u32, &'static str> {
    if is_large {
        walk.u32().ok_or(CUT)
    } else {
        walk.u16().map(u32::from).ok_or(CUT)
    }
}

fn take(walk: &mut Walk<'_>, length: u32) -> Result<Vec<u8>, &'static str> {
    let length = usize::try_from(length).map_err(|_| CUT)?;
    walk.take(length).map(<[u8]>::to_vec).ok_or(CUT)
}

fn assemble(number: u32, loose: &[LooseField]) -> Result<Record, &'static str> {
    let mut data = Vec::new();
    let mut fields = Vec::with_capacity(loose.len());
    let mut level_max = 0;
    for field in loose {
        if field.level > level_max || field.level > FIELD_LEVEL_MAX {
            return Err("a field stands on an impossible level");
        }
        level_max = field.level + 1;
        let start = data.len();
        data.extend_from_slice(&field.value);
        fields.push(RawField {
            level: field.level,
            tag: field.tag,
            kind: field.kind,
            is_encrypted: false,
            value: start..data.len(),
            head: start,
        });
    }
    if fields.is_empty() {
        return Err("a record has no fields");
    }
    Ok(Record {
        number,
        data,
        fields,
    })
}
