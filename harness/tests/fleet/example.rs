//! The inventory that the README of the collection shows.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::ansible::Ansible;

/// Looks at worksheets alone.
const OFFLINE: &str = "#!/bin/sh\nexec \"$(dirname \"$0\")/bin/gwmigrate\" \"$@\" --offline\n";

#[test]
fn the_inventory_of_the_readme_makes_worksheets_that_gwmigrate_accepts() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let Some(ansible) = Ansible::install(folder.path()) else {
        return;
    };
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrator/fleet/README.md");
    let readme = fs::read_to_string(readme).expect("read");
    let inventory = readme.split("```yaml\n").nth(1).expect("an example");
    let inventory = inventory.split("```").next().expect("its end");
    let here = folder.path().to_str().expect("text");
    fs::write(at("inventory.yml"), inventory.replace("/srv/fleet", here)).expect("written");
    for name in ["key", "reader.password", "groupwise-server.rpm"] {
        fs::write(at(name), "x").expect("written");
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o600)).expect("set");
    }
    let program = at("offline");
    fs::write(&program, OFFLINE).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    fs::create_dir(at("bin")).expect("created");
    let player = PathBuf::from(env!("CARGO_BIN_EXE_gwrehearse"));
    symlink(player, at("bin/gwmigrate")).expect("linked");

    let played = ansible.play("check", &json!({ "gwmigrate_program": program }), &[]);
    assert!(played.is_fine, "{}", played.output);
    for (name, port) in [("sales", "1677"), ("legal", "1678")] {
        let worksheet = fs::read_to_string(ansible.kept(&format!("{name}.toml"))).expect("made");
        assert!(worksheet.contains(port), "{worksheet}");
        let mode = fs::metadata(ansible.kept(&format!("{name}.toml"))).expect("there");
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
}
