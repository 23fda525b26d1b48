//! Long lines, broken between words.

/// How much further the rest of a line stands to the right than its beginning.
const INDENT: usize = 4;

/// The least that a line holds, however narrow the screen is.
const WIDTH_MIN: usize = 20;

/// Breaks each line of a text at spaces, so that none is longer than `columns`; a word that is longer stays whole.
pub(super) fn wrap(text: &str, columns: usize) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let begins = line.len() - line.trim_start().len();
        let indent = (begins + INDENT).min(columns.saturating_sub(WIDTH_MIN));
        let (mut rest, mut first) = (line.trim_end(), true);
        loop {
            // A word that fits without the indent stands further to the left.
            let word = rest.split(' ').next().unwrap_or_default().chars().count();
            let before = if first {
                0
            } else {
                indent.min(columns.saturating_sub(word))
            };
            let skipped = if first { begins } else { 0 };
            let end = end_of_line(rest, skipped, columns.saturating_sub(before));
            lines.push(format!("{:before$}{}", "", rest[..end].trim_end()));
            rest = rest[end..].trim_start();
            if rest.is_empty() {
                break;
            }
            first = false;
        }
    }
    lines.join("\n")
}

/// Where a line ends: behind everything, at the last space that fits, or at the first one where none does; what is skipped
/// is never broken.
fn end_of_line(text: &str, skipped: usize, width: usize) -> usize {
    if text.chars().count() <= width {
        return text.len();
    }
    let mut end = None;
    for (column, (at, letter)) in text.char_indices().enumerate() {
        if letter != ' ' || at <= skipped {
            continue;
        }
        if column > width && end.is_some() {
            break;
        }
        end = Some(at);
        if column > width {
            break;
        }
    }
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_no_word_is() {
        assert_eq!(wrap("one two three", 80), "one two three");
        assert_eq!(
            wrap("  done    copy data      first pass over everything", 30),
            "  done    copy data      first\n      pass over everything"
        );
        assert_eq!(
            wrap("a\n      look at it there then run it again", 30),
            "a\n      look at it there then\n          run it again"
        );
        let path = "/a/very/long/path/that/does/not/fit/at/all";
        assert_eq!(
            wrap(&format!("see {path} there"), 20),
            format!("see\n{path}\nthere")
        );
        assert_eq!(
            wrap("      Report: /job/reports/0001-one.json at it", 30),
            "      Report:\n    /job/reports/0001-one.json\n          at it"
        );
        assert_eq!(wrap("", 80), "");
        // An exact fit is no reason to break.
        assert_eq!(wrap("abc defg", 8), "abc defg");
        assert_eq!(wrap("äöü äöüß", 8), "äöü äöüß");
    }

    #[test]
    fn nothing_is_lost_at_any_width() {
        let text = "      warning [x]: A/B: it is no regular file   and  is not copied\n          see there";
        let words =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        for columns in 0..120 {
            let wrapped = wrap(text, columns);
            assert_eq!(words(&wrapped), words(text), "{columns}");
            let is_narrow = |line: &str| line.chars().count() <= columns.max(WIDTH_MIN);
            let longest = |line: &str| line.split_whitespace().count() == 1;
            let fits = wrapped.lines().all(|line| is_narrow(line) || longest(line));
            assert!(fits || columns < 30, "{columns}: {wrapped}");
        }
    }
}
