//! Colors: the word that a line begins with, so that what is wrong is seen at once.

use clap::builder::styling::{AnsiColor, Style};

/// The words, and how each is shown.
fn styles() -> [(&'static str, Style); 8] {
    let red = AnsiColor::Red.on_default().bold();
    let yellow = AnsiColor::Yellow.on_default().bold();
    let green = AnsiColor::Green.on_default();
    [
        ("error [", red),
        ("STOP ", red),
        ("NOT PROVEN", red),
        ("warning [", yellow),
        ("BY HAND ", yellow),
        ("PAUSED ", yellow),
        ("USERS ARE OUT", red),
        ("done ", green),
    ]
}

/// The same text with the first word of each line in its color, where it has one.
pub(super) fn paint(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let word = line.trim_start();
        let before = &line[..line.len() - word.len()];
        let style = styles()
            .into_iter()
            .find(|(first, _)| word.starts_with(first));
        style.map_or_else(
            || line.to_owned(),
            |(first, style)| {
                let first = first.trim_end_matches([' ', '[']);
                let rest = &word[first.len()..];
                format!("{before}{style}{first}{style:#}{rest}")
            },
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_alone_has_a_color_and_nothing_else_changes() {
        let text = "Findings:\n  warning [name-kept]: a: done in part\n      error [x]: y";
        let painted = paint(text);
        assert_eq!(
            painted,
            "Findings:\n  \u{1b}[1m\u{1b}[33mwarning\u{1b}[0m [name-kept]: a: done in part\n      \u{1b}[1m\u{1b}[31merror\u{1b}[0m [x]: y"
        );
        assert_eq!(
            paint("  Next: gwmigrate finish"),
            "  Next: gwmigrate finish"
        );
    }
}
