//! What is left of these tests in a build without containers.

use assert_cmd::Command;

/// Stands in the list for the tests that this build does not have.
#[test]
#[ignore = "not built: cargo test -p gwrehearse --features containers --test containers"]
fn everything_between_containers() {
    panic!("this build has no containers");
}

#[test]
fn a_back_end_that_is_not_built_says_how_it_is() {
    for (arguments, option) in [
        (["--backend", "containers"].as_slice(), "containers"),
        (["--backend", "vm"].as_slice(), "vm"),
        (["soak", "--backend", "containers"].as_slice(), "containers"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_gwrehearse"))
            .args(arguments)
            .output()
            .expect("ran");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(
            String::from_utf8(output.stdout).expect("text"),
            format!(
                "This program was built without that back end; with it: \
                 cargo run --release --features containers -- --backend {option}\n"
            )
        );
    }
}
