use super::*;

/// A worksheet whose source is a share, with this behind it.
fn with_area(area: &str) -> String {
    format!("{FULL}\n[[documents.area]]\n{area}\n")
}

fn network(text: &str) -> (NetworkSource, Option<String>) {
    let area = Worksheet::parse(&with_area(text)).expect("right").documents;
    let area = area.into_iter().next_back().expect("an area");
    let network = area.access.network().cloned().expect("a share");
    (network, area.address)
}

#[test]
fn an_area_on_the_source_server_needs_nothing_but_its_share() {
    let (area, address) =
        network("library = \"x\"\nshare = \"docs\"\nfolder = \"a/b\"\ndestination = \"/gw/x\"");
    assert_eq!(
        (
            area.protocol,
            area.server.as_str(),
            area.share.as_str(),
            area.user.as_str()
        ),
        (Protocol::Cifs, "fs1", "docs", "migration")
    );
    assert_eq!(
        area.password,
        Some(SecretReference::File("/root/password".into()))
    );
    assert_eq!(
        area.mount_point,
        PathBuf::from("/mnt/gwmigrate-sales-2-documents-3")
    );
    assert_eq!(area.folder, PathBuf::from("a/b"));
    assert_eq!(address.as_deref(), Some("10.0.0.7"));
    assert!(area.options.is_empty());
}

#[test]
fn an_area_on_another_server_says_everything_itself() {
    let text = "library = \"x\"\nserver = \"fs2\"\nshare = \"docs\"\nuser = \"reader\"\npassword = { prompt = true }\n\
                mount_point = \"/mnt/x\"\noptions = [\"vers=1.0\"]\naddress = \"10.0.0.9\"\ndestination = \"/gw/x\"";
    let (area, address) = network(text);
    assert_eq!(
        (area.server.as_str(), area.user.as_str(), area.password),
        ("fs2", "reader", Some(SecretReference::Prompt))
    );
    assert_eq!(address.as_deref(), Some("10.0.0.9"));
    let (area, address) = network(
        "library = \"x\"\nkind = \"nfs\"\nserver = \"fs3\"\nshare = \"/docs\"\ndestination = \"/gw/x\"",
    );
    assert_eq!(
        (area.protocol, area.user.as_str(), area.password),
        (Protocol::Nfs, "", None)
    );
    assert_eq!(address, None);
}

#[test]
fn an_area_that_says_too_little_or_too_much_is_told_what() {
    let complaints = |area: &str| {
        let mut complaints = complaints(&with_area(area));
        for complaint in &mut complaints {
            *complaint = complaint.split_once(": ").expect("a line").1.to_owned();
        }
        complaints
    };
    assert_eq!(
        complaints("library = \"x\"\nserver = \"fs2\"\nshare = \"docs\"\ndestination = \"/gw/x\""),
        ["user", "password"].map(|name| format!(
            "`{name}` is missing in [documents.area]; [source] has none that holds here"
        ))
    );
    assert_eq!(
        complaints(
            "library = \"x\"\nsource = \"/mnt/c\"\nshare = \"docs\"\ndestination = \"/gw/x\""
        ),
        ["`share` makes no sense with kind = \"mounted\""]
    );
    assert_eq!(
        complaints("library = \"x\"\ndestination = \"/gw/x\""),
        ["`share` is missing in [documents.area]; for example: share = \"docs\""]
    );
}

#[test]
fn two_shares_at_one_place_are_refused_and_one_share_twice_is_not() {
    let area = |share: &str| {
        let place = "mount_point = \"/mnt/gwmigrate-sales-2\"";
        with_area(&format!(
            "library = \"x\"\nshare = \"{share}\"\n{place}\ndestination = \"/gw/x\""
        ))
    };
    Worksheet::parse(&area("mail")).expect("the same share");
    let complaints = complaints(&area("docs"));
    assert!(
        complaints[0].contains("another share is mounted at this `mount_point`"),
        "{complaints:?}"
    );
}

#[test]
fn beside_a_source_that_is_mounted_already_an_area_may_still_be_a_share() {
    let text = format!(
        "{SMALL}\n[[documents.area]]\nlibrary = \"x\"\nkind = \"cifs\"\nserver = \"fs2\"\nshare = \"docs\"\n\
         user = \"reader\"\npassword = {{ prompt = true }}\ndestination = \"/gw/x\"\n"
    );
    let worksheet = Worksheet::parse(&text).expect("right");
    assert!(worksheet.documents[0].access.network().is_some());
}

#[test]
fn an_area_on_another_server_is_mounted_by_whoever_mounts_the_source_unless_it_says_otherwise() {
    let client = |source: &str, lines: &str| {
        let toml = with_area(&format!(
            "library = \"x\"\nserver = \"fs2\"\nuser = \"reader\"\npassword = {{ prompt = true }}\nshare = \"/docs\"\n\
             destination = \"/gw/x\"\n{lines}"
        ));
        let toml = toml.replacen("kind = \"cifs\"", &format!("kind = \"cifs\"\n{source}"), 1);
        let sheet = Worksheet::parse(&toml).expect("right");
        let area = sheet.documents.into_iter().next_back().expect("an area");
        area.access.network().expect("a share").client
    };
    let rclone = "client = \"rclone\"";
    assert_eq!(client("", ""), MountClient::Kernel);
    assert_eq!(client(rclone, ""), MountClient::Rclone);
    assert_eq!(client(rclone, "client = \"kernel\""), MountClient::Kernel);
    assert_eq!(client("", rclone), MountClient::Rclone);
    assert_eq!(client(rclone, "kind = \"ncp\""), MountClient::Kernel);
}
