use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;

fn worksheet(poa: &str) -> Worksheet {
    let text = format!(
        "[source]\nkind = \"mounted\"\npath = \"/mnt/source/po\"\nplatform = \"windows\"\n\
         [destination]\nhost = \"gw1\"\nuser = \"migrate\"\nprivilege = \"sudo\"\njob_folder = \"/var/job\"\n\
         [post_office]\nname = \"sales\"\ndomain = \"main\"\nfolder = \"/gwsystem/sales\"\n[poa]\n{poa}"
    );
    match Worksheet::parse(&text) {
        Ok(worksheet) => worksheet,
        Err(problems) => panic!("{problems}"),
    }
}

#[test]
fn every_built_in_profile_is_of_the_form_and_has_its_name() {
    for generation in Generation::ALL {
        let (name, text) = (generation.name(), text_of(generation));
        assert_eq!(parse(name, text).expect(name).name, name);
        let in_worksheet = toml::Value::try_from(generation).expect("written");
        assert_eq!(in_worksheet.as_str(), Some(name));
    }
}

#[test]
fn what_is_printed_can_be_read_again() {
    for generation in Generation::ALL {
        let (name, text) = (generation.name(), text_of(generation));
        let profile = parse(name, text).expect(name);
        let printed = toml::to_string(&profile).expect("written");
        assert_eq!(parse(name, &printed).expect("read"), profile);
    }
}

#[test]
fn a_key_that_no_profile_has_is_refused() {
    for (before, after) in [
        ("[agent]\n", "[agent]\nprograms = \"/x\"\n"),
        ("[control]\n", "[control]\nverbs = []\n"),
        ("[[gwha.service]]\n", "[[gwha.service]]\nrestart = []\n"),
        ("title =", "titel ="),
    ] {
        let text = text_of(Generation::V2014).replacen(before, after, 1);
        assert!(
            matches!(parse("mine", &text), Err(ProfileError::Form { .. })),
            "{after}"
        );
    }
}

#[test]
fn the_generation_follows_from_the_package_unless_it_is_said() {
    for (poa, expected) in [
        ("", "portable"),
        ("package = \"a.tar.gz\"", "portable"),
        ("package = \"a.rpm\"", "2014"),
        ("package = \"a.deb\"", "2014"),
        ("package = \"a.rpm\"\ngeneration = \"2012\"", "2012"),
        ("control = \"/opt/bin/control\"", "portable"),
    ] {
        assert_eq!(of(&worksheet(poa)).expect(poa).name, expected, "{poa}");
    }
}

#[test]
fn names_and_places_are_filled_in() {
    let profile = of(&worksheet("package = \"a.rpm\"")).expect("a profile");
    assert_eq!(profile.control.service.as_deref(), Some("sales.main"));
    let profile = of(&worksheet("package = \"a.rpm\"\nservice = \"Sales.Other\"")).expect("one");
    assert_eq!(profile.control.service.as_deref(), Some("Sales.Other"));
    let profile = of(&worksheet("install_folder = \"/srv/gw\"")).expect("a profile");
    assert_eq!(profile.control.command, Path::new("/srv/gw/bin/grpwise"));
    assert_eq!(profile.agent.startup_folder, Path::new("/srv/gw/share"));
    let profile = of(&worksheet("generation = \"8\"\ncontrol = \"/x/y\"")).expect("a profile");
    assert_eq!(profile.control.command, Path::new("/x/y"));
}

#[test]
fn a_file_of_the_administrator_takes_the_place_of_a_generation() {
    let scratch = tempfile::tempdir().expect("a folder");
    let file = scratch.path().join("mine.toml");
    let text = text_of(Generation::V2014).replace("rcgrpwise", "mine");
    fs::write(&file, text).expect("written");
    let sheet = worksheet(&format!("profile = {file:?}"));
    let profile = of(&sheet).expect("a profile");
    assert_eq!(profile.control.command, Path::new("/usr/sbin/mine"));
    fs::write(&file, "name = 1").expect("written");
    assert!(matches!(of(&sheet), Err(ProfileError::Form { .. })));
    fs::remove_file(&file).expect("removed");
    assert!(matches!(of(&sheet), Err(ProfileError::Read { .. })));
}

#[test]
fn a_service_without_a_name_is_told_with_the_other_problems() {
    let text = "[source]\nkind = \"mounted\"\npath = \"/mnt/source/po\"\nplatform = \"windows\"\n\
                [destination]\nhost = \"gw1\"\n[post_office]\nname = \"sales\"\nfolder = \"/gwsystem/sales\"\n\
                [poa]\npackage = \"a.rpm\"\nhttp_port = 0\n";
    let problems = Worksheet::parse(text).expect_err("problems").to_string();
    assert!(problems.contains("[post_office] domain"), "{problems}");
    assert!(problems.contains("http_port"), "{problems}");
}

/// What stands in the brackets of each call that names a program.
fn called(code: &str, call: &str) -> Vec<String> {
    let calls = code.split(call).skip(1);
    calls
        .map(|rest| {
            let mut depth = 0_i32;
            let end = rest.find(|character| {
                depth += match character {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                depth < 0
            });
            rest[..end.unwrap_or(0)].trim().to_owned()
        })
        .collect()
}

/// The programs that the code of the controller names, and the expressions where it does not.
fn programs_in_the_code() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let code = text.split("#[cfg(test)]\nmod tests").next();
            let is_test =
                path.ends_with("tests.rs") || path.parent().is_some_and(|at| at.ends_with("tests"));
            if let (Some(code), false) = (code, is_test) {
                found.extend(called(code, ".command("));
                found.extend(called(code, "RemoteCommand::new("));
            }
        }
    }
    found
}

#[test]
fn every_program_that_is_run_at_the_destination_is_in_the_list() {
    let known: BTreeSet<String> = COMMANDS
        .iter()
        .map(|command| format!("{:?}", command.program))
        .collect();
    // Programs of the profile, the worker, and the one place that makes them.
    let by_name = [
        "control.command",
        "program.clone()",
        "program(controller)?",
        "self.job_folder.join(PROGRAM_FILE)",
        "program",
        "",
        // Told to everybody; not run as root.
        "\"cat\"",
        "\"busctl\"",
        "\"true\"",
        "\"uname\"",
    ];
    let found = programs_in_the_code();
    assert!(found.len() > 10, "{found:?}");
    let unknown: Vec<&String> = found
        .iter()
        .filter(|program| !known.contains(*program) && !by_name.contains(&program.as_str()))
        // Runs on the machine of the administrator, or is printed for it.
        .filter(|program| *program != "\"ssh-keygen\"")
        .collect();
    assert_eq!(unknown, Vec::<&String>::new());
    for command in &known {
        assert!(found.contains(command), "{command} is run by nobody");
    }
}

#[test]
fn sudoers_names_what_the_job_runs_and_nothing_of_other_jobs() {
    let sheet = worksheet("package = \"a.rpm\"\nrun_as_user = \"gwpoa\"");
    let text = sudoers(&sheet, &of(&sheet).expect("a profile"));
    for expected in [
        "/var/job/gwmigrate worker *",
        "/usr/sbin/rcgrpwise start sales.main",
        "/etc/init.d/gwha stop",
        "/usr/bin/rpm -U --replacepkgs -- /var/job/software/a.rpm",
        "migrate ALL = (root) NOPASSWD: GWMIGRATE_WORKER",
        // Commands have no terminal, and RHEL before 7.4 and its kin want one.
        "\nDefaults:migrate !requiretty\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    // A source that is mounted already is never mounted, and an rpm is no deb.
    // Nor does root run what the worker does itself.
    for absent in [
        "/mount ", "/sh ", "/dpkg", "/tar ", "/find ", "/cat ", "/chown ", "setcap", "getent",
        "/date",
    ] {
        assert!(!text.contains(absent), "{absent}\n{text}");
    }
}

/// As it stands in sudoers, the pattern is what is run; the comma of the options must not end it.
#[test]
fn sudoers_lets_a_netware_volume_be_mounted_for_reading() {
    let text = "[source]\nkind = \"ncp\"\nserver = \"nw1\"\nshare = \"MAIL\"\nuser = \"admin\"\npassword = { prompt = true }\n\
                mount_point = \"/mnt/nw1\"\nplatform = \"netware\"\n[destination]\nhost = \"gw1\"\nuser = \"migrate\"\n\
                privilege = \"sudo\"\njob_folder = \"/var/job\"\n[post_office]\nname = \"sales\"\nfolder = \"/gwsystem/sales\"\n";
    let sheet = Worksheet::parse(text).expect("a worksheet");
    let text = sudoers(&sheet, &of(&sheet).expect("a profile"));
    let expected = r"env HOME\=* ncpmount -m -t 900 -r 100 -o tcp\,ro -S * /mnt/nw1";
    assert!(text.contains(expected), "{text}");
}
