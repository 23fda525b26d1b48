//! Rules of the project that no compiler knows.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod ambient;
mod citations;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every licence expression that a dependency may have.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "Unlicense",
    "MIT-0",
    "BSL-1.0",
    "Apache-2.0 WITH LLVM-exception",
    "CDLA-Permissive-2.0",
    "OpenSSL",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace")
        .to_owned()
}

/// The files of Rust code below a folder of the project, by their path from its root.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root().join(folder)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path
                    .strip_prefix(root())
                    .expect("inside")
                    .display()
                    .to_string();
                found.insert(name, fs::read_to_string(&path).expect("read"));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn all_sources() -> BTreeMap<String, String> {
    ["migrator", "simulator", "harness", "benches"]
        .into_iter()
        .flat_map(sources)
        .collect()
}

/// The code of a file without its unit tests, which stand last by the custom of this project, and without comments.
fn production(text: &str) -> String {
    let code = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn libraries_do_not_print_read_the_environment_or_exit() {
    let forbidden = [
        "println!",
        "eprintln!",
        "print!(",
        "std::env::var",
        "env::var",
        "process::exit",
        "dbg!",
    ];
    let mut found = Vec::new();
    for folder in [
        "migrator/postoffice/src",
        "migrator/worker/src",
        "migrator/src",
    ] {
        for (name, text) in sources(folder) {
            if name == "migrator/src/program.rs" || name == "migrator/src/main.rs" {
                continue;
            }
            // Tests say what they saw.
            if name.ends_with("/tests.rs") {
                continue;
            }
            let code = production(&text);
            found.extend(
                forbidden
                    .iter()
                    .filter(|word| code.contains(**word))
                    .map(|word| format!("{name}: {word}")),
            );
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    // Put together so that this file does not find itself.
    let forbidden = [
        ["to", "do!("].concat(),
        ["unimple", "mented!("].concat(),
        ["FIX", "ME"].concat(),
    ];
    let mut found = Vec::new();
    for (name, text) in all_sources() {
        found.extend(
            forbidden
                .iter()
                .filter(|word| text.contains(*word))
                .map(|word| format!("{name}: {word}")),
        );
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("read");
    let invariants = text.split("## Invariants").nth(1).expect("the list");
    let code: String = all_sources().into_values().collect();
    let mut numbers = 0;
    for paragraph in invariants
        .split('\n')
        .collect::<Vec<_>>()
        .join(" ")
        .split(". **")
        .skip(1)
    {
        numbers += 1;
        let tests: Vec<&str> = paragraph
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| {
                word.contains('_')
                    && word
                        .bytes()
                        .all(|byte| byte == b'_' || byte.is_ascii_lowercase())
            })
            .filter(|word| *word != "known_hosts")
            .collect();
        assert!(
            !tests.is_empty(),
            "invariant {numbers} names no test: {paragraph}"
        );
        for test in tests {
            assert!(
                code.contains(&format!("fn {test}()")),
                "invariant {numbers}: no test {test}"
            );
        }
    }
    assert!(numbers >= 17, "only {numbers} invariants were found");
}

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--manifest-path",
        ])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn every_dependency_has_a_licence_that_we_may_use() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let mut refused = Vec::new();
    for package in packages {
        let licence = package["license"]
            .as_str()
            .unwrap_or_default()
            .replace('/', " OR ");
        // One alternative must be usable as a whole; each of its parts must be on the list.
        let is_fine = licence.split(" OR ").any(|alternative| {
            alternative
                .split(" AND ")
                .all(|part| LICENCES.contains(&part.trim().trim_matches(['(', ')']).trim()))
        });
        if !is_fine {
            refused.push(format!("{} {licence:?}", package["name"]));
        }
    }
    assert!(
        packages.len() > 100,
        "the list of packages is too short to be true"
    );
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn every_dependency_comes_from_the_registry() {
    for package in metadata()["packages"].as_array().expect("packages") {
        let source = package["source"].as_str();
        assert!(
            source.is_none_or(|source| source.starts_with("registry+")),
            "{} comes from {source:?}",
            package["name"]
        );
    }
}

/// A dependency that no code names is built for nothing.
#[test]
fn every_dependency_is_used() {
    // Built for their features alone.
    let for_features = ["openssl"];
    let mut unused = Vec::new();
    for package in metadata()["packages"].as_array().expect("packages") {
        let manifest = package["manifest_path"].as_str().expect("a path");
        let folder = Path::new(manifest).parent().expect("a folder");
        let Ok(folder) = folder.strip_prefix(root()) else {
            continue;
        };
        let folder = folder.display().to_string();
        let code: String = sources(&folder)
            .into_iter()
            .filter(|(name, _)| is_of_package(name, &folder))
            .map(|(_, text)| text)
            .collect();
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["rename"]
                .as_str()
                .or(dependency["name"].as_str())
                .expect("a name");
            let names = [
                format!("{}::", name.replace('-', "_")),
                format!("use {name};"),
            ];
            if !names.iter().any(|name| code.contains(name)) && !for_features.contains(&name) {
                unused.push(format!("{folder}: {name}"));
            }
        }
    }
    assert_eq!(unused, Vec::<String>::new());
}

/// Whether a file is of the package in a folder, and not of one in a folder below it.
fn is_of_package(file: &str, folder: &str) -> bool {
    let inside = file.strip_prefix(folder).unwrap_or_default();
    let mut path = root().join(folder);
    let mut parts = inside.trim_start_matches('/').split('/').peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        if parts.peek().is_some() && path.join("Cargo.toml").exists() {
            return false;
        }
    }
    true
}

#[test]
fn crates_depend_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("gwmigrate-postoffice", &[][..]),
        ("gwmigrate-protocol", &["gwmigrate-postoffice"][..]),
        (
            "gwmigrate-worker",
            &["gwmigrate-postoffice", "gwmigrate-protocol"][..],
        ),
        (
            "gwmigrate",
            &[
                "gwmigrate-postoffice",
                "gwmigrate-protocol",
                "gwmigrate-worker",
            ][..],
        ),
        ("gwsim", &["gwmigrate-postoffice"][..]),
        (
            "gwrehearse",
            &[
                "gwmigrate",
                "gwmigrate-postoffice",
                "gwmigrate-protocol",
                "gwmigrate-worker",
                "gwsim",
            ][..],
        ),
        (
            "benches",
            &[
                "gwmigrate-postoffice",
                "gwmigrate-protocol",
                "gwmigrate-worker",
                "gwsim",
            ][..],
        ),
    ]);
    // Tests alone: databases to work on.
    let for_tests = ("gwmigrate-worker", "gwsim");
    let metadata = metadata();
    let mut seen = 0;
    for package in metadata["packages"].as_array().expect("packages") {
        let Some(allowed_here) = package["name"].as_str().and_then(|name| allowed.get(name)) else {
            continue;
        };
        seen += 1;
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name");
            let is_for_tests = dependency["kind"] == "dev"
                && package["name"] == for_tests.0
                && name == for_tests.1;
            if allowed.contains_key(name) && !is_for_tests {
                assert!(
                    allowed_here.contains(&name),
                    "{} depends on {name}",
                    package["name"]
                );
            }
        }
    }
    assert_eq!(seen, allowed.len());
}

/// The program is controller and worker; what is the controller of it knows the worker by the protocol alone.
#[test]
fn the_controller_uses_nothing_of_the_worker() {
    let of_the_worker = |name: &str| {
        name.starts_with("migrator/src/database")
            || [
                "migrator/src/cli.rs",
                "migrator/src/cli/database_command.rs",
                "migrator/src/cli/worker_command.rs",
            ]
            .contains(&name)
    };
    let found: Vec<String> = sources("migrator/src")
        .into_iter()
        .filter(|(name, text)| !of_the_worker(name) && production(text).contains("worker::"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_top_level_holds_what_the_design_names() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "migrator",
        "simulator",
        "harness",
        "containers",
        "benches",
        "target",
    ];
    for entry in fs::read_dir(root()).expect("listed") {
        let name = entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "{name} at the top level"
        );
    }
}

/// It is for somebody who has three minutes; what is longer has a text of its own.
#[test]
fn the_readme_stays_below_eight_kilobytes() {
    let bytes = fs::read(root().join("README.md")).expect("read").len();
    assert!(bytes < 8 << 10, "README.md has {bytes} bytes");
}
