//! Ansible, with the collection installed from what it builds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A folder with the installed collection, an inventory and what the collection keeps.
pub(crate) struct Ansible {
    pub(crate) folder: PathBuf,
}

/// What a playbook came to.
pub(crate) struct Played {
    pub(crate) is_fine: bool,
    /// How many tasks changed something, for each post office.
    pub(crate) changed: BTreeMap<String, u64>,
    pub(crate) output: String,
}

impl Played {
    /// The post offices of which something was changed.
    pub(crate) fn changed(&self) -> Vec<&str> {
        let changed = self.changed.iter();
        changed
            .filter(|(_, tasks)| **tasks > 0)
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

impl Ansible {
    /// Builds the collection and installs it below a folder; none where there is no Ansible.
    pub(crate) fn install(folder: &Path) -> Option<Self> {
        let version = Command::new("ansible-playbook").arg("--version").output();
        if !version.is_ok_and(|output| output.status.success()) {
            println!("SKIPPED: there is no ansible-playbook here");
            return None;
        }
        let ansible = Self {
            folder: folder.to_owned(),
        };
        std::fs::write(folder.join("ansible.cfg"), "[defaults]\n").expect("written");
        let collection = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrator/fleet");
        let galaxy = |arguments: &[&str]| {
            let mut command = ansible.command("ansible-galaxy");
            let command = command.arg("collection").args(arguments);
            let output = command.output().expect("run");
            assert!(output.status.success(), "{arguments:?}: {output:?}");
        };
        let built = folder.join("gwmigrate-fleet-0.1.0.tar.gz");
        let text = |path: &Path| path.to_str().expect("text").to_owned();
        let into = text(folder);
        galaxy(&["build", &text(&collection), "--output-path", &into]);
        galaxy(&["install", &text(&built), "--offline", "-p", &into]);
        Some(ansible)
    }

    /// A program of Ansible, with nothing of this machine's own settings.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .env("ANSIBLE_CONFIG", self.folder.join("ansible.cfg"))
            .env("ANSIBLE_HOME", self.folder.join("home"))
            .env("ANSIBLE_COLLECTIONS_PATH", &self.folder)
            .env("ANSIBLE_PIPELINING", "1")
            .env("ANSIBLE_NOCOLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Writes the inventory: variables of all post offices, and of each.
    pub(crate) fn write_inventory(&self, all: &Value, hosts: &BTreeMap<String, Value>) {
        let inventory = json!({ "all": { "vars": all, "hosts": hosts } });
        // JSON is YAML.
        let file = self.folder.join("inventory.yml");
        std::fs::write(file, inventory.to_string()).expect("written");
    }

    /// What the collection keeps.
    pub(crate) fn kept(&self, name: &str) -> PathBuf {
        self.folder.join("gwmigrate").join(name)
    }

    /// Begins a playbook of the collection.
    pub(crate) fn begin(&self, playbook: &str, variables: &Value, arguments: &[&str]) -> Child {
        let mut command = self.command("ansible-playbook");
        command
            .args(["-i", "inventory.yml"])
            .arg(format!("gwmigrate.fleet.{playbook}"))
            .args(["-e", &variables.to_string()])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("run")
    }

    /// Runs a playbook of the collection.
    pub(crate) fn play(&self, playbook: &str, variables: &Value, arguments: &[&str]) -> Played {
        let child = self.begin(playbook, variables, arguments);
        played(&child.wait_with_output().expect("an end"))
    }
}

/// What came of a playbook that ended.
pub(crate) fn played(output: &std::process::Output) -> Played {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout);
    let recap = said.rsplit("PLAY RECAP").next().unwrap_or_default();
    let line = |line: &str| {
        let (name, counts) = line.split_once(" : ")?;
        let mut counts = counts.split_whitespace();
        let changed = counts.find_map(|count| count.strip_prefix("changed="))?;
        Some((name.trim().to_owned(), changed.parse().ok()?))
    };
    Played {
        is_fine: output.status.success(),
        changed: recap.lines().filter_map(line).collect(),
        output: said + &text(&output.stderr),
    }
}
