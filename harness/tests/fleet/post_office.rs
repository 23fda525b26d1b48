//! A post office of the site: its servers, its POA at the source, and its variables in the inventory.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use harness::embedded::{Embedded, EmbeddedOptions};
use harness::network::{Conditions, Passage, Proxy};
use harness::rehearsal;
use harness::site::{Site as _, SiteOptions};
use harness::worksheet::RehearsalWorksheet;
use serde_json::{Value, json};

/// A post office on its way.
pub(crate) struct PostOffice {
    pub(crate) name: &'static str,
    pub(crate) source_server: &'static str,
    pub(crate) destination_server: &'static str,
    network: Option<Proxy>,
    embedded: Option<Embedded>,
    source_poa: Vec<TcpListener>,
}

/// Makes a post office and its servers in a folder.
pub(crate) fn servers(folder: &Path, seed: u64, with_poa: bool) -> Embedded {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_gwrehearse"));
    let mut site = SiteOptions::bare(program, seed, 300);
    site.with_poa = with_poa;
    let options = EmbeddedOptions {
        site,
        environment: BTreeMap::new(),
        run_under: Vec::new(),
    };
    std::fs::create_dir_all(folder).expect("created");
    Embedded::start(folder, &options).expect("started")
}

/// The settings of a worksheet, as the inventory has them.
pub(crate) fn settings(sheet: &RehearsalWorksheet) -> Value {
    json!({
        "source": {
            "kind": "mounted",
            "path": sheet.source,
            "platform": "netware",
            "address": sheet.source_address,
            "poa_ports": sheet.source_ports,
        },
        "destination": {
            "host": sheet.server.ip().to_string(),
            "port": sheet.server.port(),
            "user": sheet.user,
            "key": sheet.key,
            "agent": false,
            "known_hosts": [sheet.known_hosts],
            "job_folder": sheet.job_folder,
        },
        "post_office": { "name": sheet.post_office, "folder": sheet.destination },
        "poa": {
            "http_port": sheet.http_port,
            "client_port": sheet.client_port,
            "ip": sheet.poa_address,
            "install_folder": sheet.install_folder,
            "package": sheet.package,
        },
        "copy": { "quiet_seconds": sheet.quiet_seconds, "still_seconds": 1 },
        "guardian": { "gwcheck": sheet.gwcheck },
    })
}

impl PostOffice {
    /// At the servers with these names; `at` is who else is at that destination already.
    pub(crate) fn new(
        folder: &Path,
        [name, source_server, destination_server]: [&'static str; 3],
        seed: u64,
        with_poa: bool,
        at: Option<&Self>,
    ) -> Self {
        let mut embedded = servers(&folder.join(name), seed, with_poa);
        if let Some(other) = at {
            let there = other.embedded().sheet();
            let (server, key) = (there.server, there.key.clone());
            let known_hosts = there.known_hosts.clone();
            let sheet = embedded.sheet_mut();
            (sheet.server, sheet.key, sheet.known_hosts) = (server, key, known_hosts);
            embedded.write_worksheet().expect("written");
        }
        let bind = |port| TcpListener::bind(("127.0.0.1", port)).expect("a port");
        Self {
            name,
            source_server,
            destination_server,
            network: None,
            source_poa: embedded.sheet.source_ports.map(bind).into(),
            embedded: Some(embedded),
        }
    }

    /// Puts a network between the controller and its destination.
    pub(crate) fn with_network(mut self) -> Self {
        let sheet = self.embedded.as_mut().expect("running").sheet_mut();
        let network = Proxy::start(([127, 0, 0, 1], 0).into(), sheet.server).expect("started");
        let known = std::fs::read_to_string(&sheet.known_hosts).expect("read");
        let place = |port: u16| format!("]:{port} ");
        let there = place(network.address().port());
        let known = known.replace(&place(sheet.server.port()), &there);
        assert!(known.contains(&there), "{known}");
        sheet.known_hosts = sheet.known_hosts.with_extension("through-the-network");
        std::fs::write(&sheet.known_hosts, known).expect("written");
        sheet.server = network.address();
        self.embedded().write_worksheet().expect("written");
        self.network = Some(network);
        self
    }

    /// Whether its destination can be reached.
    pub(crate) fn let_through(&self, is_open: bool) {
        let passage = if is_open {
            Passage::Open
        } else {
            Passage::Refuse
        };
        let network = self.network.as_ref().expect("a network");
        network.set(Conditions {
            passage,
            ..Conditions::default()
        });
    }

    pub(crate) fn embedded(&self) -> &Embedded {
        self.embedded.as_ref().expect("running")
    }

    /// Its variables.
    pub(crate) fn variables(&self) -> Value {
        json!({
            "gwmigrate_source_server": self.source_server,
            "gwmigrate_destination": self.destination_server,
            "gwmigrate_settings": settings(self.embedded().sheet()),
        })
    }

    pub(crate) fn stop_source_poa(&mut self) {
        self.source_poa.clear();
    }

    /// What the job at the destination says of itself, asked without the collection; null where there is none.
    pub(crate) fn job(&self) -> Value {
        let asked = rehearsal::migrate(self.embedded(), &["status"]).expect("a result");
        let mut run = asked.0;
        assert!(matches!(run.exit_code, Some(0 | 3)), "{:#?}", run.findings);
        run.result["status"].take()
    }

    /// Whether a step has come to its end.
    pub(crate) fn is_done(&self, step: &str) -> bool {
        let job = self.job();
        let steps = job["steps"].as_array();
        let mut steps = steps.into_iter().flatten();
        steps.any(|line| {
            line["step"] == step
                && ["done", "skipped"].contains(&line["state"].as_str().unwrap_or(""))
        })
    }

    /// Whether its users may work at the destination.
    pub(crate) fn is_over(&self) -> bool {
        ["starting", "live"].contains(&self.job()["life"]["life"].as_str().expect("a word"))
    }

    /// What differs between the trees, looked at without the migrator.
    pub(crate) fn differences(&self) -> Vec<String> {
        let trees = self.embedded().trees();
        harness::checks::compare_post_offices(&trees.source, &trees.destination, 1)
            .expect("compared")
    }
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        if let Some(embedded) = self.embedded.take() {
            // Its server may be another one's.
            let _ = embedded.stop_poa();
            Box::new(embedded).stop();
        }
    }
}
