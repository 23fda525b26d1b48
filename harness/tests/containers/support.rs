//! What these tests have in common.

use std::path::PathBuf;
use std::process::Command;

use harness::back_end::BackEnd;
use harness::containers::engine_answers;
use harness::rehearsal::RehearsalOptions;
use simulator::{GuardianKind, NameCase};

/// The program that plays all roles.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_gwrehearse"))
}

/// Whether there is an engine; says so where there is none.
pub(crate) fn has_engine(test: &str) -> bool {
    match engine_answers() {
        Ok(()) => true,
        Err(error) => {
            println!("SKIPPED: {test}: {error}");
            false
        }
    }
}

/// A rehearsal of a tiny post office in containers, with users at work.
pub(crate) fn rehearsal(seed: u64) -> RehearsalOptions {
    RehearsalOptions {
        back_end: BackEnd::Containers,
        program: program(),
        seed,
        files: 300,
        case: NameCase::Mixed,
        guardian: GuardianKind::Flaim,
        guardian_engine: None,
        churn: 20,
        source_rate: 10,
        faults: Vec::new(),
        with_poa: true,
        folder: None,
        keep: false,
    }
}

/// The containers and networks that a process owns, by the engine's own client.
pub(crate) fn owned_by(pid: u32) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["container", "network"] {
        let mut command = Command::new("docker");
        command.args([
            kind,
            "ls",
            "--no-trunc",
            "--filter",
            "label=gwrehearse.owner",
        ]);
        if kind == "container" {
            command.arg("--all");
        }
        let label = r#"{{.ID}} {{.Label "gwrehearse.owner"}}"#;
        let output = command.args(["--format", label]).output().expect("ran");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let mark = format!(" {pid}:");
        found.extend(
            text.lines()
                .filter(|line| line.contains(&mark))
                .map(|line| format!("{kind} {line}")),
        );
    }
    found
}
