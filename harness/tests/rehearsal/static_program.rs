//! The static build of `gwmigrate`, made as the guide says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds it beside the program of the tests, and says where it is.
pub(crate) fn static_program() -> PathBuf {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let folder = Path::new(env!("CARGO_BIN_EXE_gwrehearse"))
        .ancestors()
        .nth(2)
        .expect("the folder of the builds");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--locked",
            "-p",
            "gwmigrate",
            "--target",
            &target,
        ])
        .arg("--target-dir")
        .arg(folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo");
    assert!(
        built.success(),
        "what it takes is in the guide, For an older Linux"
    );
    folder.join(target).join("release/gwmigrate")
}
