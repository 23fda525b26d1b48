use super::{Needed, SMALL, Worksheet, complaint, complaints};

const PATH: &str = r#"path = "/mnt/source/po""#;
const FOLDER: &str = r#"folder = "/gwsystem/sales""#;
const NAME: &str = r#"name = "Sales""#;
const HOST: &str = r#"host = "gw1""#;

/// What replaces which line of a worksheet, and what is said about it.
const BAD_VALUES: &[(&str, &str, &str)] = &[
    (
        PATH,
        r#"path = "mnt/po""#,
        "4: `path` must be a path from the root, beginning with `/`",
    ),
    (
        PATH,
        r#"path = "/mnt/../po""#,
        "4: `path` must not have `.` or `..` in it",
    ),
    (PATH, r#"path = "/""#, "4: `path` must not be the root"),
    (PATH, r#"path = """#, "4: `path` must not be empty"),
    (
        PATH,
        r#"path = "/a\u001b""#,
        "4: `path` must not hold control characters",
    ),
    (
        FOLDER,
        r#"folder = "/gwsystem/Übung""#,
        "12: `folder` must be all lower case: on Linux GroupWise finds nothing else",
    ),
    (
        r#"platform = "netware""#,
        r#"platform = "os2""#,
        "5: `platform` must be one of netware, windows, linux",
    ),
    (
        NAME,
        r#"name = "Sales office""#,
        "11: this cannot name the job as well; give it a name of its own, as in job = \"sales\"",
    ),
    (
        NAME,
        "name = \"S\"\njob = \"A b\"",
        "12: `job` must be made of lower-case letters, digits, `_` and `-`",
    ),
    (
        HOST,
        "host = \"gw1\"\nport = -1",
        "9: `port` must be from 1 to 65535",
    ),
    (
        HOST,
        "host = \"gw1\"\nport = \"22\"",
        "9: `port` must be a whole number, and is a text",
    ),
    (
        HOST,
        "host = \"gw1\"\nagent = \"no\"",
        "9: `agent` must be true or false, and is a text",
    ),
    (
        HOST,
        "host = \"gw1\"\nagent = false",
        "9: without the agent there is no way to log in; give `key` or `password`",
    ),
    (
        HOST,
        "host = \"gw1\"\nkey_password = { prompt = true }",
        "9: `key_password` needs `key`",
    ),
    (
        HOST,
        "host = \"gw1\"\nknown_hosts = \"x\"",
        "9: `known_hosts` must be a list of texts, and is a text",
    ),
    (
        HOST,
        "host = \"gw1\"\nknown_hosts = [1]",
        "9: `known_hosts` must be a list of texts, and is a whole number",
    ),
    (
        HOST,
        "host = \"gw1\"\nhots = \"gw1\"",
        "9: there is no setting `hots` in [destination]; did you mean `host`?",
    ),
    (
        HOST,
        "host = \"gw1\"\n[poa]\npackage = \"a.zip\"",
        "10: `package` must end in .rpm, .deb, .tar.gz or .tgz",
    ),
    (
        HOST,
        "host = \"gw1\"\n[poa]\ncertificate = \"a\"",
        "10: `certificate` needs `key`",
    ),
    (
        HOST,
        "host = \"gw1\"\n[poa]\nkey = \"a\"",
        "10: `key` needs `certificate`",
    ),
    (
        HOST,
        "host = \"gw1\"\n[copy]\nremoval_limit_percent = 101",
        "10: `removal_limit_percent` must be from 0 to 100",
    ),
    (
        HOST,
        "host = \"gw1\"\n[guardian]\nengine = \"hand\"",
        "10: `engine` must be one of auto, built-in, gwcheck, none",
    ),
    (
        HOST,
        "host = \"gw1\"\n[[copy]]\nretries = 1",
        "9: `copy` must be a section, written as [copy]",
    ),
    (
        HOST,
        "host = \"gw1\"\n[documents]\nareas = 1",
        "10: [documents] has nothing but [[documents.area]]",
    ),
    (
        HOST,
        "host = \"gw1\"\n[documents.area]\nlibrary = \"x\"",
        "9: it must be written as [[documents.area]]",
    ),
    (
        r#"kind = "mounted""#,
        r#"kind = "ftp""#,
        "3: `kind` must be one of mounted, cifs, ncp, nfs",
    ),
    (
        HOST,
        "host = \"gw1\"\nagent = false\nkey = 5",
        "10: `key` must be a text in quotes, and is a whole number",
    ),
    (
        "[source]",
        "colour = 1\n[source]",
        "2: there is no setting `colour`",
    ),
];

#[test]
fn each_bad_value_is_refused() {
    for (from, to, expected) in BAD_VALUES {
        assert_eq!(complaint(from, to), *expected, "{to}");
    }
}

#[test]
fn secrets_stand_in_no_other_form() {
    for wrong in [
        "\"x\"",
        "5",
        "{}",
        "{ prompt = false }",
        "{ file = \"a\", prompt = true }",
        "{ files = \"a\" }",
        "{ file = \"\" }",
        "{ environment = \"A=B\" }",
    ] {
        let message = complaint(
            r#"host = "gw1""#,
            &format!("host = \"gw1\"\npassword = {wrong}"),
        );
        assert!(message.contains("{ prompt = true }"), "{wrong}: {message}");
    }
}

#[test]
fn shares_are_not_led_out_of() {
    for (folder, expected) in [
        ("/po", "relative to the share"),
        ("\\\\po", "relative to the share"),
        ("a\\\\po", "with `/` between folders"),
        ("../po", "lead out of the share"),
    ] {
        let text = SMALL.replace(
            "kind = \"mounted\"\npath = \"/mnt/source/po\"",
            &format!("kind = \"nfs\"\nserver = \"s\"\nshare = \"/x\"\nfolder = \"{folder}\""),
        );
        let complaints = complaints(&text);
        assert!(
            complaints.len() == 1 && complaints[0].contains(expected),
            "{folder}: {complaints:?}"
        );
    }
}

#[test]
fn software_that_is_not_there_hides_no_other_mistake() {
    let folder = tempfile::tempdir().expect("folder");
    let text = format!("{SMALL}\n[poa]\npackage = \"a.rpm\"\n");
    let problems = Worksheet::parse_in(folder.path(), &text, Needed::All).expect_err("problems");
    let messages = problems.problems().iter().map(|problem| &*problem.message);
    let messages: Vec<&str> = messages.collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("cannot be read"), "{messages:?}");
    assert!(messages[1].contains("[post_office] domain"), "{messages:?}");
}
