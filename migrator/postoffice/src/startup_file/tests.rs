use proptest::prelude::*;

use super::*;

const NETWARE: &[u8] = b"; Startup file of the POA\r\n\
    \r\n\
    /Home-\\\\nw1\\mail\\sales\r\n\
    /httpport-7181 /httpuser-admin /HTTPPASSWORD-\"two words\"\r\n\
    \t/mtpinipaddr-10.0.0.7\r\n\
    # a comment with /home-nothing\r\n\
    /certfile-\"sys:\\my certs\\po.crt\"\r\n\
    /noqf ; not at night\r\n\
    /rights\r\n\
    /unheard=vol1:spool\r\n\
    /odd-192.168.1.9\r\n\
    /loglevel-verbose";

fn parse(bytes: &[u8]) -> StartupFile {
    StartupFile::parse(bytes).expect("a startup file")
}

#[test]
fn a_netware_file_is_read() {
    let file = parse(NETWARE);
    assert_eq!(
        file.value("home").as_deref(),
        Some(&b"\\\\nw1\\mail\\sales"[..])
    );
    assert_eq!(
        file.value("certfile").as_deref(),
        Some(&b"sys:\\my certs\\po.crt"[..])
    );
    assert_eq!(
        file.value("httppassword").as_deref(),
        Some(&b"two words"[..])
    );
    assert_eq!(file.value("noqf"), None);
    assert!(file.contains("NOQF") && !file.contains("show"));
    let lines: Vec<_> = file
        .switches()
        .map(|switch| (switch.line, switch.name.to_owned()))
        .collect();
    let expected = [
        (3, "Home"),
        (4, "httpport"),
        (4, "httpuser"),
        (4, "HTTPPASSWORD"),
        (5, "mtpinipaddr"),
        (7, "certfile"),
        (8, "noqf"),
        (9, "rights"),
        (10, "unheard"),
        (11, "odd"),
        (12, "loglevel"),
    ];
    assert_eq!(lines, expected.map(|(line, name)| (line, name.to_owned())));
    assert_eq!(file.to_bytes(), NETWARE);
}

#[test]
fn values_of_linux_files_begin_with_a_slash() {
    for text in [
        "--home /gw/po",
        "--home-/gw/po",
        "--home=/gw/po",
        "-home /gw/po",
        "--home\t\"/gw/po\" --show",
    ] {
        assert_eq!(
            parse(text.as_bytes()).value("home").as_deref(),
            Some(&b"/gw/po"[..]),
            "{text}"
        );
    }
    // After a slash, another slash is the next switch.
    let file = parse(b"/noqf /show");
    assert_eq!(
        file.switches()
            .map(|switch| switch.value)
            .collect::<Vec<_>>(),
        [None, None]
    );
}

#[test]
fn errors_name_the_line_and_never_the_text() {
    for (text, error) in [
        ("\n/home-a secret", StartupFileError::NotASwitch { line: 2 }),
        (
            "/x\n\n/password-\"secret",
            StartupFileError::UnclosedQuote { line: 3 },
        ),
        ("/home-a / /b", StartupFileError::NoSwitchName { line: 1 }),
        ("---x", StartupFileError::NoSwitchName { line: 1 }),
        ("/home\\\\secret", StartupFileError::NotASwitch { line: 1 }),
    ] {
        assert_eq!(
            StartupFile::parse(text.as_bytes()),
            Err(error.clone()),
            "{text}"
        );
        assert!(!error.to_string().contains("secret"));
    }
    let large = vec![b'\n'; FILE_BYTES_MAX + 1];
    assert!(matches!(
        StartupFile::parse(&large),
        Err(StartupFileError::TooLarge { .. })
    ));
    assert!(!format!("{:?}", parse(b"/password-secret")).contains("secret"));
}

#[test]
fn a_conversion_changes_style_and_home_and_reports_the_rest() {
    let conversion = Conversion::new("/gw system/sales")
        .with("CERTFILE", Replacement::Value(b"/etc/po.crt".to_vec()));
    let converted = parse(NETWARE).convert(&conversion).expect("converts");
    let expected = "; Startup file of the POA\n\
        \n\
        --home \"/gw system/sales\"\n\
        --httpport 7181 --httpuser admin --httppassword \"two words\"\n\
        \t--mtpinipaddr 10.0.0.7\n\
        # a comment with /home-nothing\n\
        --certfile /etc/po.crt\n\
        --noqf ; not at night\n\
        \n\
        --unheard vol1:spool\n\
        --odd 192.168.1.9\n\
        --loglevel verbose";
    assert_eq!(
        String::from_utf8_lossy(&converted.file.to_bytes()),
        expected
    );
    let warnings: Vec<_> = converted.warnings.iter().map(ToString::to_string).collect();
    let reported = [
        "line 5: --mtpinipaddr 10.0.0.7",
        "line 10: --unheard vol1:spool",
        "line 11: --odd 192.168.1.9",
    ];
    assert_eq!(warnings, reported);
    let changes: Vec<_> = converted.changes.iter().map(ToString::to_string).collect();
    assert!(changes.contains(
        &"line 3: --home was \\x5c\\x5cnw1\\x5cmail\\x5csales, is /gw system/sales".into()
    ));
    assert!(changes.contains(&"line 9: --rights left out".into()));
    assert!(!changes.iter().any(|change| change.contains("two words")));
}

#[test]
fn what_means_nothing_on_linux_is_left_out_and_what_means_something_else_is_noted() {
    let text = b"/home-\\\\nw1\\mail\\po\r\n/User-.agent.org /PASSWORD-\"my secret\"\r\n/rights\r\n--show\r\n/NoConfig /noqf\r\n";
    let source = parse(text);
    let conversion = Conversion::new("/gw/po");
    let converted = source.convert(&conversion).expect("converts");
    let file = converted.file.to_bytes();
    assert_eq!(
        String::from_utf8_lossy(&file)
            .split_ascii_whitespace()
            .collect::<Vec<_>>(),
        ["--home", "/gw/po", "--noconfig", "--noqf"]
    );
    let notes = converted.notes.iter();
    let notes: Vec<_> = notes
        .map(|note| (note.line, note.switch, note.on_linux))
        .collect();
    assert_eq!(notes.len(), 5, "{notes:?}");
    for (line, switch, on_linux) in notes {
        let is_told = matches!(on_linux, OnLinux::Told(_));
        assert_eq!(is_told, switch == "noconfig", "line {line}: {switch}");
    }
    assert!(!format!("{:?}", converted.changes).contains("secret"));
    // What the worksheet says of a switch goes before the table.
    let keeps = conversion.with("rights", Replacement::Keep);
    let kept = source.convert(&keeps).expect("converts").file;
    assert!(kept.contains("rights"));
}

#[test]
fn a_missing_home_is_added() {
    let converted = parse(b"--noqf")
        .convert(&Conversion::new("/gw/po"))
        .expect("converts");
    assert_eq!(converted.file.to_bytes(), b"--noqf\n--home /gw/po\n");
    assert_eq!(converted.changes[0].kind, ChangeKind::Added);
}

#[test]
fn paths_of_every_platform_are_reported() {
    for value in [
        "\\\\server\\vol",
        "D:\\po",
        "sys:certs",
        "/etc/x",
        "a\\b",
        "10.1.2.3",
        "10.1.2.3:7100",
        "::1",
    ] {
        let file = parse(format!("/unknown-{value}").as_bytes());
        let warnings = file
            .convert(&Conversion::new("/po"))
            .expect("converts")
            .warnings;
        assert_eq!(warnings.len(), 1, "{value}");
    }
    for value in ["7181", "verbose", "on"] {
        let file = parse(format!("/unknown-{value}").as_bytes());
        assert_eq!(
            file.convert(&Conversion::new("/po"))
                .expect("converts")
                .warnings,
            [],
            "{value}"
        );
    }
    // A password may look like anything and must not be shown.
    let secret = parse(b"/httppassword-a\\b /unheardpwd-c\\d")
        .convert(&Conversion::new("/po"))
        .expect("converts");
    assert_eq!(secret.warnings, []);
}

#[test]
fn an_isolated_agent_is_out_of_reach() {
    let isolated = parse(
        b"--home /po\n--ip 10.0.0.9\n--mtpinport 7100 --MtpInIpAddr 10.0.0.9\n--mtpoutport 1",
    )
    .isolated();
    assert_eq!(isolated.to_bytes(), b"--home /po\n--ip 127.0.0.1\n");
}

#[test]
fn set_and_remove_touch_only_their_switch() {
    let mut file = parse(b"; top\r\n/home-a /port-1 ; end\r\n/show\r\n");
    file.set("PORT", "1 2").expect("can be written");
    file.set("log", "d:\\logs").expect("can be written");
    file.remove("show");
    assert_eq!(
        file.to_bytes(),
        b"; top\r\n/home-a /port-\"1 2\" ; end\r\n/log-d:\\logs\r\n"
    );
    assert!(matches!(
        file.set("a", "\"x"),
        Err(StartupFileError::ValueNotWritable { .. })
    ));
    assert!(matches!(
        file.set("a-b", "x"),
        Err(StartupFileError::NotAName { .. })
    ));
}

#[test]
fn file_names_are_those_of_the_platform() {
    assert_eq!(startup_file_name("Headquarters", true), "headquar.poa");
    assert_eq!(startup_file_name("Headquarters", false), "headquarters.poa");
    assert_eq!(startup_file_name("Prüfungsamt", true), "prüfungs.poa");
}

fn writable_value() -> impl Strategy<Value = Vec<u8>> {
    let writable = any::<u8>().prop_filter("writable", |byte| !b"\"\r\n".contains(byte));
    proptest::collection::vec(writable, 0..12)
}

type Switches = Vec<(
    &'static str,
    String,
    &'static str,
    Option<Vec<u8>>,
    &'static str,
)>;

/// Introducer, name, separator, value and what follows; one platform per file, because a slash after a blank means
/// something else on each.
fn written_switches() -> impl Strategy<Value = Switches> {
    any::<bool>().prop_flat_map(|netware| {
        let introducers: &[&str] = if netware { &["/"] } else { &["-", "--"] };
        let introducer = proptest::sample::select(introducers);
        let separator = prop_oneof![Just("-"), Just("="), Just(" "), Just("\t ")];
        let end = prop_oneof![Just("\r\n"), Just("\n"), Just(" ")];
        let value = proptest::option::of(writable_value());
        let switch = (
            introducer,
            "[a-zA-Z][a-zA-Z0-9]{0,7}",
            separator,
            value,
            end,
        );
        proptest::collection::vec(switch, 0..8)
    })
}

proptest! {
    #[test]
    fn an_unchanged_file_keeps_its_bytes(bytes in "[/;#\"=a-z \t\r\n\u{e9}-]{0,40}") {
        if let Ok(file) = StartupFile::parse(bytes.as_bytes()) {
            prop_assert_eq!(file.to_bytes(), bytes.into_bytes());
        }
    }

    #[test]
    fn what_is_written_is_read_and_survives_conversion(
        switches in written_switches()
    ) {
        let mut bytes = Vec::new();
        for (introducer, name, separator, value, end) in &switches {
            bytes.extend_from_slice(format!("{introducer}{name}").as_bytes());
            if let Some(value) = value {
                bytes.extend_from_slice(&[separator.as_bytes(), b"\"", value, b"\""].concat());
            }
            bytes.extend_from_slice(end.as_bytes());
        }
        let file = parse(&bytes);
        prop_assert_eq!(file.to_bytes(), bytes);
        let read: Vec<_> = file.switches().map(|switch| (switch.name.to_owned(), switch.value)).collect();
        let expected: Vec<_> = switches.into_iter().map(|(_, name, _, value, _)| (name, value)).collect();
        prop_assert_eq!(&read, &expected);

        let home = b"/new home".to_vec();
        let converted = file.convert(&Conversion::new(home.clone())).expect("converts").file;
        let reread = parse(&converted.to_bytes());
        let linux: Vec<_> = reread.switches().map(|switch| (switch.name.to_owned(), switch.value)).collect();
        let mut wanted: Vec<_> = read
            .into_iter()
            .map(|(name, value)| match name.to_ascii_lowercase() {
                name if name == "home" => (name, Some(home.clone())),
                name => (name, value),
            })
            .collect();
        if !wanted.iter().any(|(name, _)| name == "home") {
            wanted.push(("home".into(), Some(home)));
        }
        prop_assert_eq!(linux, wanted);
    }

    #[test]
    fn a_value_that_was_set_is_read(value in writable_value(), start in prop_oneof![
        Just("/noqf /x 1 /show"), Just("--x 1 --show"), Just("-x -show"), Just("/x"), Just("")
    ]) {
        let mut file = parse(start.as_bytes());
        let others = file.switches().filter(|switch| switch.name != "x").count();
        file.set("x", &value).expect("can be written");
        let reread = parse(&file.to_bytes());
        prop_assert_eq!(reread.value("x"), Some(value));
        prop_assert_eq!(reread.switches().count(), others + 1);
    }
}
