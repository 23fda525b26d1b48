use super::super::model::SECTIONS;
use super::super::schema::{Presence, Setting};
use super::super::value::{Value, Wrong};
use super::super::{SourceKind, Worksheet, template};

const KINDS: [SourceKind; 4] = [
    SourceKind::Mounted,
    SourceKind::Cifs,
    SourceKind::Ncp,
    SourceKind::Nfs,
];

/// The template with the settings on that a filter chooses, and the sections that they are in.
fn switched_on(kind: SourceKind, all: bool) -> String {
    let mut section = String::new();
    let mut lines = Vec::new();
    for line in template(kind).lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        if bare.starts_with('[') {
            section = bare.trim_matches(['[', ']']).to_owned();
            lines.push(if all {
                bare.to_owned()
            } else {
                line.to_owned()
            });
            continue;
        }
        let name = bare.split(" = ").next().unwrap_or_default();
        let schema = SECTIONS.iter().find(|schema| schema.name == section);
        let setting =
            schema.and_then(|schema| schema.settings().find(|setting| setting.name == name));
        let is_required = schema.is_some_and(|schema| schema.presence == Presence::Required);
        let on = setting.is_some_and(|setting| all || is_required && setting.is_required);
        lines.push(if on { bare.to_owned() } else { line.to_owned() });
    }
    lines.join("\n")
}

#[test]
fn templates_are_worksheets() {
    for kind in KINDS {
        Worksheet::parse(&switched_on(kind, false)).expect("with what is required");
        let all = Worksheet::parse(&switched_on(kind, true)).expect("with everything");
        assert!(
            all.mailbox_test.is_some() && all.documents.len() == 1 && all.poa.certificate.is_some()
        );
        assert!(
            template(kind)
                .lines()
                .all(|line| line.chars().count() <= 120),
            "lines are short"
        );
    }
    let untouched =
        Worksheet::parse(&template(SourceKind::Mounted)).expect_err("something is required");
    assert!(
        untouched
            .problems()
            .iter()
            .all(|problem| problem.message.contains("is missing in")),
        "{untouched}"
    );
}

#[test]
fn defaults_and_examples_of_the_table_are_right() {
    for schema in SECTIONS {
        for setting in schema.settings() {
            let shown = (setting.shown)();
            let toml = toml::de::DeValue::parse(&shown).expect(setting.name);
            let toml = toml.get_ref();
            (setting.check)(Value { toml, local: None }).expect(setting.name);
            assert!(!setting.doc.ends_with('.'), "{}", setting.doc);
        }
    }
}

/// A right value that is not the one of the template.
fn other_value(setting: &Setting) -> String {
    let check = |text: &str| {
        let toml = toml::de::DeValue::parse(text).expect("TOML");
        let toml = toml.get_ref();
        (setting.check)(Value { toml, local: None })
    };
    let mut candidates: Vec<String> = [
        "\"/other\"",
        "\"other\"",
        "\"other:7\"",
        "\"7M\"",
        "\"other.deb\"",
        "{ file = \"other\" }",
        "7",
        "false",
        "true",
        "[\"other\"]",
        "[7]",
    ]
    .map(str::to_owned)
    .into();
    if let Err(Wrong::NotOneOf(words)) = check("\"?\"") {
        candidates.extend(words.iter().map(|word| format!("\"{word}\"")));
    }
    let shown = (setting.shown)();
    candidates.retain(|text| *text != shown && check(text).is_ok());
    candidates.into_iter().next().expect(setting.name)
}

#[test]
fn every_setting_reaches_the_worksheet() {
    for kind in KINDS {
        let text = switched_on(kind, true);
        let all = Worksheet::parse(&text).expect("with everything");
        let lines: Vec<&str> = text.lines().collect();
        let mut section = "";
        let mut count = 0;
        for (at, line) in lines.iter().enumerate() {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']);
            }
            let name = line.split(" = ").next().unwrap_or_default();
            let schema = SECTIONS.iter().find(|schema| schema.name == section);
            // The kind decides which of the others there are.
            let Some(setting) = schema
                .and_then(|schema| schema.setting(name))
                .filter(|_| name != "kind")
            else {
                continue;
            };
            let other = format!("{name} = {}", other_value(setting));
            let mut lines = lines.clone();
            lines[at] = &other;
            let changed = Worksheet::parse(&lines.join("\n")).expect(&other);
            assert_ne!(changed, all, "[{section}] {other}");
            count += 1;
        }
        assert!(count > 50, "{count}");
    }
}
