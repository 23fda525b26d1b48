//! The name that somebody probably meant.

/// The nearest of some names, where one is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let enough = 1 + name.len() / 4;
    let distances = names
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate));
    distances
        .filter(|&(distance, _)| distance <= enough)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, removed or replaced to make one of the other; neighbours that changed places
/// count as two.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (at, &candidate) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != candidate);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["host", "port", "user", "known_hosts", "job_folder"];
        for (typed, meant) in [
            ("hots", Some("host")),
            ("Host", Some("host")),
            ("usr", Some("user")),
            ("known_host", Some("known_hosts")),
            ("jobfolder", Some("job_folder")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, names), meant, "{typed}");
        }
    }
}
