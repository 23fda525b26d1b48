use super::super::field::{FIELDS, Need, SECTIONS};
use super::super::{Protocol, Worksheet, template, value};

/// The template with the settings on that a filter chooses, and the sections that they are in.
fn switched_on(kind: Option<Protocol>, all: bool) -> String {
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
        let field = FIELDS
            .iter()
            .find(|field| field.section == section && field.name == name);
        let is_required = SECTIONS
            .iter()
            .any(|one| one.name == section && one.is_required);
        let on = field.is_some_and(|field| all || is_required && field.need == Need::Required);
        lines.push(if on { bare.to_owned() } else { line.to_owned() });
    }
    lines.join("\n")
}

#[test]
fn templates_are_worksheets() {
    for kind in [
        None,
        Some(Protocol::Cifs),
        Some(Protocol::Ncp),
        Some(Protocol::Nfs),
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
    let untouched = Worksheet::parse(&template(None)).expect_err("something is required");
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
    for field in FIELDS {
        let literals = [
            Some(field.example),
            if let Need::Default(value) = field.need {
                Some(value)
            } else {
                None
            },
        ];
        for literal in literals.into_iter().flatten() {
            let value = toml::de::DeValue::parse(literal).expect(field.name);
            value::check(field.kind, value.get_ref()).expect(field.name);
        }
        assert!(
            SECTIONS.iter().any(|section| section.name == field.section),
            "{}",
            field.section
        );
        assert!(!field.doc.ends_with('.'), "{}", field.doc);
    }
}
