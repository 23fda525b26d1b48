//! Installing the packages of gwmigrate itself on Debian, by dpkg and by rpm, and from the tar file; and removing them.

use std::path::Path;
use std::process::Command;

use harness::containers::Containers;
use harness::site::SiteOptions;

use crate::support::{destination_container, has_engine, program};

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

fn docker(arguments: &[&str]) {
    let output = Command::new("docker")
        .args(arguments)
        .output()
        .expect("docker");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{error}");
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
    let _site = Containers::start(&site, &options, &mut |_| {}).expect("started");
    let destination = destination_container();
    let packages = packages.display().to_string();
    docker(&["cp", &packages, &format!("{destination}:/packages")]);
    docker(&["exec", &destination, "bash", "-c", INSTALL]);
}
