use super::*;

fn section() -> Section {
    Section {
        name: "sales.main".into(),
        server: "/opt/gw/bin/gwpoa".into(),
        command: "/etc/init.d/grpwise".into(),
        startup: "/opt/gw/share/sales.poa".into(),
        delay_seconds: 2,
        wait_seconds: 10,
    }
}

fn planned(text: &str) -> Result<Option<String>, Trouble> {
    let planned = plan(text.as_bytes(), &section())?;
    Ok(planned.map(|bytes| String::from_utf8(bytes).expect("text")))
}

const OTHERS: &str =
    "; comment\nshow = no\n\n[mta.main]\nserver=/opt/gw/bin/gwmta\nstartup=main.mta\n; odd  \n";

#[test]
fn a_section_is_added_once_and_others_stay_byte_for_byte() {
    for before in ["", OTHERS, OTHERS.trim_end()] {
        let once = planned(before).expect("planned").expect("a change");
        assert!(once.starts_with(before), "{once}");
        assert!(once.ends_with(&section().lines("\n")), "{once}");
        assert_eq!(planned(&once), Ok(None));
    }
}

#[test]
fn a_section_that_says_something_else_is_replaced_where_it_stands() {
    let after = "[zz.main]\nstartup=zz.poa\n";
    let old = "[Sales.MAIN]\nserver = /old\nstartup = sales.poa\n";
    let text = planned(&format!("{OTHERS}{old}{after}"))
        .expect("planned")
        .expect("a change");
    assert_eq!(text, format!("{OTHERS}{}\n{after}", section().lines("\n")));
    assert_eq!(planned(&text), Ok(None));
}

#[test]
fn what_an_administrator_tuned_in_the_right_section_is_kept() {
    let text = section().lines("\n").replace("delay = 2", "delay = 30") + "show\n";
    assert_eq!(planned(&text), Ok(None));
}

#[test]
fn the_same_section_or_startup_file_twice_is_refused() {
    let twice = section().lines("\n") + &section().lines("\n");
    assert_eq!(planned(&twice), Err(Trouble::Twice("sales.main".into())));
    let taken = "[other.main]\nstartup = /opt/gw/share/sales.poa\n";
    assert_eq!(
        planned(taken),
        Err(Trouble::StartupTaken("other.main".into()))
    );
}

#[test]
fn what_would_break_the_file_is_refused() {
    for name in ["a]b", "a\nb", "", " a"] {
        let section = Section {
            name: name.into(),
            ..section()
        };
        assert_eq!(plan(b"", &section), Err(Trouble::Unwritable), "{name:?}");
    }
}

#[test]
fn line_ends_of_the_file_are_kept() {
    let text = planned("[mta.main]\r\nstartup=main.mta\r\n")
        .expect("planned")
        .expect("a change");
    assert!(!text.replace("\r\n", "").contains('\n'), "{text:?}");
}
