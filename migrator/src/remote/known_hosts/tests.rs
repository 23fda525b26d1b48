use super::*;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

fn key() -> Vec<u8> {
    STANDARD.decode(ED25519).expect("base64")
}

fn other_key(kind: &str) -> Vec<u8> {
    let mut key = u32::try_from(kind.len())
        .expect("short")
        .to_be_bytes()
        .to_vec();
    key.extend_from_slice(kind.as_bytes());
    key.extend_from_slice(b"\0\0\0\x04abcd");
    key
}

fn line(hosts: &str, key: &[u8]) -> String {
    format!(
        "{hosts} {} {} a comment",
        algorithm(key),
        STANDARD.encode(key)
    )
}

fn known(text: &str) -> KnownHosts {
    let mut known_hosts = KnownHosts::default();
    known_hosts.add("/kh", text);
    known_hosts
}

fn at(line: usize) -> Position {
    Position {
        path: "/kh".into(),
        line,
    }
}

fn hashed(host: &str) -> String {
    let salt = b"01234567890123456789";
    let digest = Hmac::<Sha1>::new_from_slice(salt)
        .expect("key")
        .chain_update(host)
        .finalize()
        .into_bytes();
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(digest))
}

#[test]
fn each_form_of_a_host_name_matches() {
    let forms = [
        ("gw1", 22, "gw1"),
        ("GW1", 22, "gw1"),
        ("gw1", 22, "other,gw1,10.0.0.1"),
        ("gw1.example.com", 22, "*.example.com"),
        ("gw1", 22, "gw?"),
        ("gw1", 2222, "[gw1]:2222"),
        ("gw1", 2222, "[gw1]:*"),
        ("gw1", 22, &hashed("gw1")),
        ("gw1", 2222, &hashed("[gw1]:2222")),
    ];
    for (host, port, pattern) in forms {
        let text = format!("# a comment\n\n{}\r\n", line(pattern, &key()));
        assert_eq!(
            known(&text).check(host, port, &key()),
            HostKeyState::Match,
            "{pattern}"
        );
    }
}

#[test]
fn names_that_do_not_match_leave_the_host_unknown() {
    let forms = [
        ("gw1", 22, "gw2"),
        ("gw1", 2222, "gw1"),
        ("gw1", 22, "[gw1]:2222"),
        ("gw1", 22, "*,!gw1"),
        ("gw1", 22, &hashed("gw2")),
        ("gw1", 2222, &hashed("gw1")),
    ];
    for (host, port, pattern) in forms {
        assert_eq!(
            known(&line(pattern, &key())).check(host, port, &key()),
            HostKeyState::Unknown,
            "{pattern}"
        );
    }
}

#[test]
fn another_key_is_changed_and_points_at_the_entry_of_the_same_type() {
    let text = format!(
        "{}\n{}",
        line("gw1", &other_key("ssh-rsa")),
        line("gw1", &other_key("ssh-ed25519"))
    );
    assert_eq!(
        known(&text).check("gw1", 22, &key()),
        HostKeyState::Changed { known_at: at(2) }
    );
    let text = line("gw1", &other_key("ssh-rsa"));
    assert_eq!(
        known(&text).check("gw1", 22, &key()),
        HostKeyState::Changed { known_at: at(1) }
    );
}

#[test]
fn a_revoked_key_is_refused_even_where_it_is_also_listed() {
    for text in [
        format!("{}\n@revoked {}", line("gw1", &key()), line("*", &key())),
        format!("@revoked {}\n{}", line("gw1", &key()), line("gw1", &key())),
    ] {
        let state = known(&text).check("gw1", 22, &key());
        assert!(matches!(state, HostKeyState::Revoked { .. }), "{state:?}");
    }
    let other = format!(
        "@revoked {}\n{}",
        line("*", &other_key("ssh-ed25519")),
        line("gw1", &key())
    );
    assert_eq!(known(&other).check("gw1", 22, &key()), HostKeyState::Match);
}

#[test]
fn an_authority_is_no_plain_key() {
    let text = format!("@cert-authority {}", line("*", &key()));
    let state = known(&text).check("gw1", 22, &key());
    assert_eq!(
        state,
        HostKeyState::OnlyCertificateAuthority {
            authority_at: at(1)
        }
    );
    assert!(known(&text).key_types("gw1", 22).is_empty());
    let both = format!("{text}\n{}", line("gw1", &key()));
    assert_eq!(known(&both).check("gw1", 22, &key()), HostKeyState::Match);
}

#[test]
fn malformed_lines_are_skipped_and_counted() {
    let text = format!(
        "gw1\ngw1 ssh-ed25519\ngw1 ssh-ed25519 !!!\ngw1 ssh-rsa {ED25519}\n@new-marker gw1 ssh-ed25519 {ED25519}\n\
         |1|bad|x ssh-ed25519 {ED25519}\n"
    );
    let known_hosts = known(&text);
    assert_eq!(known_hosts.check("gw1", 22, &key()), HostKeyState::Unknown);
    let lines: Vec<usize> = known_hosts
        .malformed()
        .iter()
        .map(|position| position.line)
        .collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn several_files_count_together_and_missing_ones_are_empty() {
    let folder = tempfile::tempdir().expect("folder");
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    std::fs::write(&first, line("other", &key())).expect("write");
    std::fs::write(&second, line("gw1", &key())).expect("write");
    let known_hosts =
        KnownHosts::read(&[first, folder.path().join("absent"), second]).expect("readable");
    assert_eq!(known_hosts.check("gw1", 22, &key()), HostKeyState::Match);
    let error = KnownHosts::read(&[folder.path().to_owned()]).expect_err("a folder");
    assert!(
        matches!(
            error,
            crate::remote::RemoteError::KnownHostsUnreadable { .. }
        ),
        "{error}"
    );
}

#[test]
fn known_types_are_listed_once_in_the_order_of_the_files() {
    let text = [
        line("gw1", &other_key("ssh-rsa")),
        line("gw1", &key()),
        line("gw1", &other_key("ssh-rsa")),
        line("gw2", &other_key("ecdsa-sha2-nistp256")),
    ]
    .join("\n");
    assert_eq!(
        known(&text).key_types("gw1", 22),
        ["ssh-rsa", "ssh-ed25519"]
    );
}

#[test]
fn fingerprints_are_those_of_openssh() {
    // What `ssh-keygen -lf` prints for this well-known public key.
    assert_eq!(
        fingerprint(&key()),
        "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
    );
}

#[test]
fn the_line_to_add_is_one_that_matches() {
    let added = line_to_add("GW1", 2222, &key());
    assert_eq!(added, format!("[gw1]:2222 ssh-ed25519 {ED25519}"));
    assert_eq!(
        known(&added).check("gw1", 2222, &key()),
        HostKeyState::Match
    );
}
