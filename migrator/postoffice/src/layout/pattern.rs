//! The small pattern language that the layout table is written in.
//!
//! A pattern is a path: components joined by `/`, in lower case, matched without regard to ASCII case.
//!
//! | in a component | stands for |
//! |---|---|
//! | `#` | one decimal digit |
//! | `%` | one hexadecimal digit |
//! | `@` | one ASCII letter or digit |
//! | `*` | any bytes, or none |
//! | anything else | itself |
//!
//! A last component `**` stands for one or more components of any form.  None of the special characters occurs in
//! a name that GroupWise documents, so no escape is needed.

/// Whether `path` has the form of `pattern`.
pub(super) fn path_matches(pattern: &str, path: &[&[u8]]) -> bool {
    let mut names = path.iter();
    for component in pattern.as_bytes().split(|&byte| byte == b'/') {
        let Some(name) = names.next() else {
            return false;
        };
        if component == b"**" {
            return true;
        }
        if !name_matches(component, name) {
            return false;
        }
    }
    names.next().is_none()
}

/// Whether one name has the form of one component of a pattern.
///
/// No component of the table has more than one `*`, so that the time follows the length of the name.
pub(super) fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], _) => name.is_empty(),
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|taken| name_matches(rest, &name[taken..])),
        ([symbol, pattern @ ..], [byte, name @ ..]) => {
            symbol_matches(*symbol, *byte) && name_matches(pattern, name)
        }
        ([_, ..], []) => false,
    }
}

fn symbol_matches(symbol: u8, byte: u8) -> bool {
    match symbol {
        b'#' => byte.is_ascii_digit(),
        b'%' => byte.is_ascii_hexdigit(),
        b'@' => byte.is_ascii_alphanumeric(),
        _ => byte.to_ascii_lowercase() == symbol,
    }
}

/// Where `path` names a database whose file name without `.db` has the form of `pattern`, or one of the files that a
/// FLAIM database keeps beside it: how deep the database lies, and its name without `.db`.
pub(super) fn database_base<'a>(
    pattern: &'static str,
    path: &[&'a [u8]],
) -> Option<(usize, &'a [u8])> {
    let (name, folder) = path.split_last()?;
    match role_of_folder(pattern, folder)? {
        FolderRole::Databases(base) => Some((folder.len(), database_name(base, name)?)),
        FolderRole::Logs(found) => Some((folder.len() - 1, found)),
    }
}

/// What a folder is to the databases of a pattern.
pub(super) enum FolderRole<'a> {
    /// It holds them; their names without `.db` have this form.
    Databases(&'static str),
    /// It holds the roll-forward logs of the one with this name, which FLAIM has from 4.30 on in the folder `base.rfl`.
    Logs(&'a [u8]),
}

/// What `folder` is to the databases whose path without `.db` has the form of `pattern`.
pub(super) fn role_of_folder<'a>(
    pattern: &'static str,
    folder: &[&'a [u8]],
) -> Option<FolderRole<'a>> {
    let (place, base) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let is_place = |folder: &[&[u8]]| match place {
        "" => folder.is_empty(),
        _ => path_matches(place, folder),
    };
    if is_place(folder) {
        return Some(FolderRole::Databases(base));
    }
    let (logs, above) = folder.split_last()?;
    without_extension(logs, b".rfl")
        .filter(|found| is_place(above) && name_matches(base.as_bytes(), found))
        .map(FolderRole::Logs)
}

/// The name without `.db` of the database that a file beside it belongs to, where it has the form of `base`.
///
/// Those are the database itself, the data and rollback files `base.01`, `base.0g`, `base.00r`, and the roll-forward log
/// `base` + 5 digits of base 36 + `.log`.
pub(super) fn database_name<'a>(base: &str, name: &'a [u8]) -> Option<&'a [u8]> {
    let mut found = file_bases(name).into_iter().flatten();
    found.find(|found| name_matches(base.as_bytes(), found))
}

/// The base names of the databases that a file of this name can belong to.
fn file_bases(name: &[u8]) -> [Option<&[u8]>; 3] {
    let roll_forward = without_extension(name, b".log").and_then(|stem| {
        let (base, digits) = stem.split_at_checked(stem.len().checked_sub(5)?)?;
        (!base.is_empty() && digits.iter().all(u8::is_ascii_alphanumeric)).then_some(base)
    });
    let numbered = name
        .iter()
        .rposition(|&byte| byte == b'.')
        .filter(|&dot| dot > 0 && is_file_number(&name[dot + 1..]))
        .map(|dot| &name[..dot]);
    [without_extension(name, b".db"), numbered, roll_forward]
}

fn without_extension<'a>(name: &'a [u8], extension: &[u8]) -> Option<&'a [u8]> {
    let (base, end) = name.split_at_checked(name.len().checked_sub(extension.len())?)?;
    (!base.is_empty() && end.eq_ignore_ascii_case(extension)).then_some(base)
}

/// FLAIM's number of a data or rollback file: two digits of its own base 24, and a letter from number 512 on.
fn is_file_number(extension: &[u8]) -> bool {
    const DIGITS: &[u8] = b"0123456789ghjkmnpqstwxyz";
    const SUFFIXES: &[u8] = b"rstvwxz";
    let among = |set: &[u8], byte: u8| set.contains(&byte.to_ascii_lowercase());
    match extension {
        // File 0 is `base.db` itself.
        [b'0', b'0'] => false,
        [high, low] => among(DIGITS, *high) && among(DIGITS, *low),
        [high, low, suffix] => {
            among(DIGITS, *high) && among(DIGITS, *low) && among(SUFFIXES, *suffix)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{DOCUMENT_FILES, FILES, FOLDERS};
    use super::*;

    #[test]
    fn stars_go_back_only_as_far_as_they_must() {
        for (pattern, name, matches) in [
            ("*.lck", "a.lck.lck", true),
            ("*.lck", "a.lck.db", false),
            ("u*b*d", "uxbxbxd", true),
            ("u*b*d", "uxxd", false),
            ("*", "", true),
            ("msg###", "msg25", false),
            ("fd%", "FDf", true),
            ("fd%", "fdg", false),
        ] {
            assert_eq!(
                name_matches(pattern.as_bytes(), name.as_bytes()),
                matches,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn no_component_of_the_table_has_two_stars() {
        let files = FILES.iter().chain(DOCUMENT_FILES).map(|row| row.pattern);
        let patterns = files.chain(FOLDERS.iter().map(|row| row.pattern));
        for component in patterns.flat_map(|pattern| pattern.split('/')) {
            let stars = component.matches('*').count();
            assert!(stars < 2 || component == "**", "{component}");
        }
    }

    #[test]
    fn file_numbers_are_those_of_the_format() {
        for number in ["01", "0g", "0z", "10", "Wz", "00r", "00x", "12z"] {
            assert!(is_file_number(number.as_bytes()), "{number}");
        }
        for other in [
            "00", "0a", "db", "1", "dc", "fbk", "rfl", "lck", "0123", "01a",
        ] {
            assert!(!is_file_number(other.as_bytes()), "{other}");
        }
    }
}
