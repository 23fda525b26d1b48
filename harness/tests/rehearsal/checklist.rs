//! The checklist: what a probe can see is confirmed by it, the rest by a person, and all of it is remembered.

use harness::site::Site as _;

use harness::rehearsal::CommandRun;
use serde_json::Value as Json;

use crate::support::{Stage, finding};

fn item<'a>(run: &'a CommandRun, name: &str) -> &'a Json {
    let items = run.result.as_array().expect("a checklist");
    let mut named = items.iter().filter(|item| item["name"] == name);
    named.next().expect("the item")
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_a_probe_sees_is_confirmed_by_it_and_the_rest_by_a_person() {
    let mut stage = Stage::new();
    let line = ("poa".to_owned(), "dns_name = \"localhost\"".to_owned());
    stage.embedded_mut().sheet.extra.push(line);
    stage.embedded().write_worksheet().expect("written");
    stage.migrate(&["stage-one"]);

    // The POA at the source still answers.
    let port = stage.embedded().sheet.source_ports[0];
    let run = stage.expect(&["prepare"], 1);
    let stopped = item(&run, "source-poa-stopped");
    assert_eq!(
        (&stopped["confirmed"], &stopped["probed"]["holds"]),
        (&Json::Null, &Json::from(false))
    );
    assert!(
        stopped["probed"]["seen"]
            .as_str()
            .expect("text")
            .contains(&port.to_string()),
        "{stopped}"
    );
    stage.stop_source_poa();

    let run = stage.expect(&["prepare"], 1);
    let stopped = item(&run, "source-poa-stopped");
    assert_eq!(stopped["confirmed"]["by"], "probe", "{stopped}");
    let name = item(&run, "ip-address");
    assert!(
        name["probed"]["seen"]
            .as_str()
            .expect("text")
            .contains("localhost leads to"),
        "{name}"
    );
    assert_eq!(
        item(&run, "replicated")["probed"],
        Json::Null,
        "only a person can tell"
    );
    let open = finding(&run, "checklist-open");
    assert!(
        open.text.contains("replicated") && !open.text.contains("source-poa-stopped"),
        "{open:#?}"
    );

    let run = stage.expect(
        &[
            "prepare",
            "--confirm",
            "objects-reconfigured",
            "--confirm",
            "replicated",
            "--confirm",
            "ip-address",
            "--by",
            "Ann",
            "--note",
            "seen at 22:40",
        ],
        0,
    );
    let replicated = &item(&run, "replicated")["confirmed"];
    assert_eq!(
        (&replicated["by"], &replicated["note"]),
        (&Json::from("Ann"), &Json::from("seen at 22:40"))
    );
    stage.expect(&["stage-two"], 0);
}
