//! What a tired administrator sees: text, one line a step, the most important line last.

use harness::site::Site as _;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use crate::support::Stage;

fn shown(stage: &Stage, arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .args(arguments)
        .output()
        .expect("run");
    let text = String::from_utf8(output.stdout).expect("text");
    (text, output.status.code())
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

#[test]
fn every_command_ends_with_the_line_that_matters() {
    let stage = Stage::new();
    let (text, code) = shown(&stage, &["status"]);
    assert_eq!((last_line(&text), code), ("Nothing to do", Some(3)));
    let (text, code) = shown(&stage, &["check"]);
    assert!(text.contains("pass    source-readable: "), "{text}");
    // Items that stand in the queues since long ago are a person's business.
    assert!(text.contains("warning stale-queues: "), "{text}");
    let end = "Done, with 1 finding for a person";
    assert_eq!((last_line(&text), code), (end, Some(1)));

    let (text, code) = shown(&stage, &["stage-one"]);
    assert!(
        text.starts_with("Stage one: users keep working\n"),
        "{text}"
    );
    assert!(text.contains("done    copy data"), "{text}");
    assert!(
        last_line(&text).starts_with("Done. Next: gwmigrate test-mailbox"),
        "{text}"
    );
    assert_eq!(code, Some(0));

    let (text, code) = shown(&stage, &["stage-two"]);
    assert!(text.contains("STOP    manual checklist"), "{text}");
    assert!(
        text.contains("[ ] replicated: "),
        "each open item is explained: {text}"
    );
    assert!(
        text.contains("\nBack: The source is untouched and users work on it"),
        "{text}"
    );
    assert_eq!(
        (last_line(&text), code),
        ("Stopped: 1 finding for a person, see above", Some(1))
    );

    let (text, _) = shown(&stage, &["status"]);
    assert!(text.contains("[ x ] copy data"), "{text}");
    assert!(text.contains("[ ! ] manual checklist"), "{text}");
    assert!(last_line(&text).starts_with("Next: gwmigrate "), "{text}");
    stage.prepare();
    let (text, _) = shown(&stage, &["status"]);
    assert!(text.contains("Next: gwmigrate stage-two"), "{text}");

    let (text, code) = shown(&stage, &["stage-two"]);
    assert!(text.contains("done    lowercase guardian"), "{text}");
    assert_eq!(
        (last_line(&text), code),
        ("Done. Next: gwmigrate finish", Some(0))
    );
    let (text, _) = shown(&stage, &["status"]);
    assert!(text.contains("Next: gwmigrate finish"), "{text}");
    let (text, _) = shown(&stage, &["report"]);
    assert!(text.contains("Manifest: "), "{text}");
    a_page_shows_all_of_it(&stage);
}

/// What `report --html` writes, beside what `check` said.
fn a_page_shows_all_of_it(stage: &Stage) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (page, check) = (file("page.html"), file("check.json"));
    let wrong = shown(stage, &["report", "--html", &page, "--check", &check]);
    assert!(wrong.0.contains("[check-unreadable]"), "{}", wrong.0);
    assert_eq!(wrong.1, Some(2));
    let (text, _) = shown(stage, &["--json", "check"]);
    std::fs::write(&check, text).expect("written");

    // Nobody is at work, so watching ends at once.
    let arguments = ["report", "--html", &page, "--check", &check, "--watch"];
    let (text, code) = shown(stage, &arguments);
    assert_eq!(code, Some(0), "{text}");
    let written = std::fs::read_to_string(&page).expect("a page");
    for wanted in [
        "Both trees are proven equal",
        "gwmigrate finish",
        "As estimated before",
        "All of these steps",
        "Read whole by the seal",
        "<polyline",
        "Start the POA at the source again",
        "The POA at the source is stopped",
    ] {
        assert!(written.contains(wanted), "{wanted} in {written}");
    }
    // It needs nothing but itself, and stays as it is.
    for unwanted in ["<script", "http:", "https:", "http-equiv"] {
        assert!(!written.contains(unwanted), "{unwanted} in {written}");
    }
    let nowhere = file("no-folder/page.html");
    let (text, code) = shown(stage, &["report", "--html", &nowhere]);
    assert!(text.contains("[page-not-written]"), "{text}");
    assert_eq!(code, Some(2));
}

/// The same on a terminal of so many columns, as it is written there.
fn on_terminal(stage: &Stage, columns: u16, arguments: &str) -> (String, Option<i32>) {
    let (program, worksheet) = (
        stage.embedded().migrator(),
        stage.embedded().worksheet_path(),
    );
    let line = format!(
        "stty cols {columns} rows 50; exec {} --worksheet {} {arguments}",
        program.display(),
        worksheet.display()
    );
    let output = Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code())
}

/// The lines that stay on a screen: what is cleared or written over is gone, and a line of the screen is one here too.
fn screen(written: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_full = column == columns && !letter.is_control();
        if letter == '\n' || is_full {
            row += 1;
            lines.resize(lines.len().max(row + 1), Vec::new());
        }
        match letter {
            '\n' => {}
            '\r' => column = 0,
            '\x1b' if letters.next_if_eq(&'[').is_some() => {
                let mut number = String::new();
                while let Some(digit) = letters.next_if(|next| !next.is_ascii_alphabetic()) {
                    number.push(digit);
                }
                let count = number.parse().unwrap_or(1);
                match letters.next() {
                    Some('A') => row = row.saturating_sub(count),
                    Some('B') => row = (row + count).min(lines.len() - 1),
                    Some('K') => lines[row].clear(),
                    // A color.
                    Some('m') => {}
                    other => panic!("what does {number}{other:?} do?"),
                }
            }
            letter => {
                column = if is_full { 0 } else { column };
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
                column += 1;
            }
        }
    }
    let text = |line: Vec<char>| line.into_iter().collect::<String>().trim_end().to_owned();
    lines.into_iter().map(text).collect()
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_screen_breaks_no_word_keeps_no_bar_and_ends_with_the_findings() {
    is_readable_on(80);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_wider_screen_breaks_no_word_either() {
    is_readable_on(120);
}

/// The commands to the end of stage two, on a screen of so many columns.
fn is_readable_on(columns: u16) {
    let mut stage = Stage::new();
    stage.embedded_mut().sheet.quiet_seconds = 3;
    stage.embedded().write_worksheet().expect("written");
    for number in 0..9_u8 {
        let name = [b"NOT", &[0xff, b'0' + number][..]].concat();
        let name = OsStr::from_bytes(&name);
        std::fs::write(stage.source().join("OFFILES/FD0").join(name), "x").expect("written");
    }
    for command in ["check", "stage-one", "stage-two"] {
        if command == "stage-two" {
            stage.prepare();
        }
        let (written, code) = on_terminal(&stage, columns, command);
        let shown = screen(&written, columns.into());
        let text = shown.join("\n");
        println!("{columns} columns:\n{text}");
        assert_eq!(code, Some(1), "{text}");
        // Broken between words: nothing reaches the last column but words that fit nowhere.
        for line in &shown {
            let is_one_word = line.trim().split(' ').count() == 1;
            let width = line.chars().count();
            assert!(width <= columns.into() || is_one_word, "{line}");
        }
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("is not valid UTF-8 and "), "{text}");
        // The bar is gone with what it said.
        let drawn = written.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_progress =
            |line: &String| line.trim_start().starts_with('[') || line.ends_with(" files");
        assert!(drawn.contains(" 0 files "), "{written}");
        assert!(!shown.iter().any(is_progress), "{text}");
        // Those that are like others are one line, also at the end.
        assert!(words.contains("and 6 more [name-kept]"), "{text}");
        let (_, end) = words.split_once("Findings: ").expect("the findings");
        assert_eq!(end.matches("[name-kept]").count(), 1, "{text}");
        assert!(
            end.contains(" more of this kind) Nothing, unless"),
            "{text}"
        );
        if command == "stage-two" {
            assert!(
                drawn.contains("wait whether anything changes 3 s"),
                "{drawn}"
            );
            assert!(drawn.contains("] copy the databases"), "{drawn}");
        }
    }
}
