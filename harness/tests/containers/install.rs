//! Installing the packages of gwmigrate itself on Debian, by dpkg and by rpm, and from the tar file; and removing them.

use std::path::Path;
use std::process::Command;

use harness::containers::Containers;
use harness::site::SiteOptions;

use crate::static_program::static_program;
use crate::support::{has_engine, program};

/// What is done in the container; the packages lie in `/packages`.
const INSTALL: &str = r#"
set -eu
everything() { find / -xdev \( -path /proc -o -path /tmp -o -path /var -o -path /run -o -path /packages -o -path /root/.rpmdb \) -prune -o -print | sort; }
try() {
    gwmigrate --version | grep -q '^gwmigrate '
    MANPAGER=cat man gwmigrate-stage-two 2>/dev/null | grep -q 'gwmigrate-stage-two'
    bash -c '
        source /usr/share/bash-completion/completions/gwmigrate
        COMP_WORDS=(gwmigrate sta) COMP_CWORD=1
        _gwmigrate gwmigrate sta gwmigrate
        echo "${COMPREPLY[*]}"' | grep -q '^stage-one stage-two status$'
    grep -q '^kind = "cifs"' /usr/share/doc/gwmigrate/worksheet.toml
    test -s "$1/_gwmigrate" && test -s /usr/share/fish/vendor_completions.d/gwmigrate.fish
    test -s /usr/share/ansible/collections/ansible_collections/gwmigrate/fleet/plugins/modules/check.py
}
# As every system has it that is not as small as this image.
mkdir -p /usr/share/man/man1
everything >/tmp/before
dpkg --path-include='/usr/share/man/*' --path-include='/usr/share/doc/*' --install /packages/*.deb
try /usr/share/zsh/vendor-completions
dpkg --purge gwmigrate
everything >/tmp/after && diff /tmp/before /tmp/after
rpm --install --nodeps /packages/*.rpm
try /usr/share/zsh/site-functions
rpm --erase --nodeps gwmigrate
everything >/tmp/after && diff /tmp/before /tmp/after
tar --extract --file /packages/*.tar.gz --directory /opt
/opt/gwmigrate-*/bin/gwmigrate --version
"#;

/// Runs the engine's own client; returns what it prints.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .args(arguments)
        .output()
        .expect("docker");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{error}");
    text.trim().to_owned()
}

#[test]
fn the_packages_of_gwmigrate_are_installed_used_and_removed_without_a_trace() {
    if !has_engine("installing the packages of gwmigrate") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let packages = folder.path().join("packages");
    std::fs::create_dir(&packages).expect("a folder");
    // The program of the tests is also gwmigrate, by its name.
    gwmigrate::packages::write_all(Path::new(&program()), &packages).expect("packages");
    let options = SiteOptions::bare(program(), 3, 300);
    let site = folder.path().join("site");
    let site = Containers::start(&site, &options, &mut |_| {}).expect("started");
    let destination = site.destination_id();
    let packages = packages.display().to_string();
    docker(&["cp", &packages, &format!("{destination}:/packages")]);
    docker(&["exec", destination, "bash", "-c", INSTALL]);
}

/// The image is the tar file, so there is no loader and no library in it.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn the_tar_file_of_a_static_program_is_enough_for_any_linux() {
    if !has_engine("the static program") {
        return;
    }
    let packages = tempfile::tempdir().expect("a folder");
    let made =
        gwmigrate::packages::write_all(&static_program(), packages.path()).expect("packages");
    let tar = made
        .iter()
        .find(|file| file.to_string_lossy().ends_with("-static.tar.gz"));
    let tar = tar.expect("a static tar file").display().to_string();
    let version = env!("CARGO_PKG_VERSION");
    let image = docker(&["import", &tar]);
    let program = format!("/gwmigrate-{version}/bin/gwmigrate");
    let run = |arguments: &[&str]| {
        let run = ["run", "--rm", "--network", "none", &image, &program];
        docker(&[&run, arguments].concat())
    };
    assert!(run(&["--version"]).starts_with(&format!("gwmigrate {version}")));
    assert!(run(&["worksheet", "--kind", "cifs"]).contains("kind = \"cifs\""));
    docker(&["image", "rm", &image]);
}
