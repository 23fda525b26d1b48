use super::super::model::SECTIONS;
use super::super::schema::Presence;
use super::super::value::Value;
use super::super::{SourceKind, Worksheet, template};

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
    for kind in [
        SourceKind::Mounted,
        SourceKind::Cifs,
        SourceKind::Ncp,
        SourceKind::Nfs,
    ] {
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
