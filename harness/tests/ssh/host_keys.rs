//! Which host keys are trusted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gwmigrate::remote::{Remote, RemoteError};
use harness::ssh_server::KeyPair;
use hmac::{Hmac, KeyInit as _, Mac as _};
use protocol::{Explain as _, Verdict};
use sha1::Sha1;

use super::Site;

impl Site {
    fn host(&self) -> String {
        format!("[127.0.0.1]:{}", self.server.address().port())
    }

    fn key_line(&self) -> String {
        self.server.host_key().public_line()
    }
}

#[tokio::test]
async fn an_unknown_host_is_refused_with_the_line_that_makes_it_known() {
    let site = Site::new().await;
    site.know("");
    let error = site.refusal().await;
    assert_eq!(error.verdict(), Verdict::Refused);
    let RemoteError::HostKeyUnknown { line, key, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(key.algorithm, "ssh-ed25519");
    let fingerprint = key.fingerprint;
    assert!(
        fingerprint.starts_with("SHA256:") && !fingerprint.ends_with('='),
        "{fingerprint}"
    );
    assert_eq!(&*line, site.server.known_hosts_line());
    site.know(&line);
    assert_eq!(
        Remote::connect(site.options())
            .await
            .expect("known now")
            .host_key_fingerprint,
        fingerprint
    );
}

#[tokio::test]
async fn nothing_is_tried_before_the_host_key_is_known() {
    let site = Site::new().await;
    site.know("");
    site.refusal().await;
    let log = site.server.log();
    assert!(
        !log.iter().any(|line| line.contains("publickey")),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_missing_known_hosts_file_counts_as_empty() {
    let site = Site::new().await;
    std::fs::remove_file(site.path("known_hosts")).expect("remove");
    assert!(matches!(
        site.refusal().await,
        RemoteError::HostKeyUnknown { .. }
    ));
}

#[tokio::test]
async fn a_changed_host_key_is_refused_with_the_place_and_the_remedy() {
    let site = Site::new().await;
    let other = KeyPair::generate().expect("key");
    site.know(&format!("{} {}", site.host(), other.public_line()));
    let error = site.refusal().await;
    assert_eq!(error.verdict(), Verdict::Refused);
    let RemoteError::HostKeyChanged {
        known_at, remove, ..
    } = error
    else {
        panic!("{error:?}")
    };
    let file = site.path("known_hosts").display().to_string();
    assert_eq!(&*known_at, format!("{file}:2"));
    assert_eq!(
        &*remove,
        format!("ssh-keygen -f {file} -R '{}'", site.host())
    );
}

#[tokio::test]
async fn a_hashed_name_with_a_port_of_its_own_is_known() {
    let site = Site::new().await;
    let salt = b"abcdefghijklmnopqrst";
    let digest = Hmac::<Sha1>::new_from_slice(salt)
        .expect("key")
        .chain_update(site.host())
        .finalize()
        .into_bytes();
    site.know(&format!(
        "|1|{}|{} {}",
        STANDARD.encode(salt),
        STANDARD.encode(digest),
        site.key_line()
    ));
    site.connect().await;
}

#[tokio::test]
async fn a_revoked_key_is_refused_although_it_is_listed() {
    let site = Site::new().await;
    site.know(&format!(
        "{}\n@revoked * {}",
        site.server.known_hosts_line(),
        site.key_line()
    ));
    let error = site.refusal().await;
    assert!(
        matches!(error, RemoteError::HostKeyRevoked { .. }),
        "{error:?}"
    );
    assert_eq!(error.verdict(), Verdict::Refused);
}

#[tokio::test]
async fn a_host_that_only_an_authority_vouches_for_is_refused() {
    let site = Site::new().await;
    site.know(&format!("@cert-authority * {}", site.key_line()));
    let error = site.refusal().await;
    assert!(
        matches!(error, RemoteError::HostKeyOnlyCertificateAuthority { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("not supported"), "{error}");
    assert!(
        error.guidance().ends_with(&site.server.known_hosts_line()),
        "{}",
        error.guidance()
    );
}

#[tokio::test]
async fn a_server_that_comes_back_with_its_key_is_still_known() {
    let site = Site::new().await;
    let (address, key) = (site.server.address(), site.server.host_key().clone());
    let Site { folder, server } = site;
    let authorized = KeyPair::generate().expect("key");
    server.stop().await;
    let mut options = harness::ssh_server::SshServerOptions::new(folder.path());
    options.listen = address;
    options.host_key = Some(key);
    options.authorized_key = Some(authorized.public_line());
    authorized
        .write_private(&folder.path().join("new key"))
        .expect("key file");
    let server = harness::ssh_server::SshServer::start(options)
        .await
        .expect("server");
    let site = Site { folder, server };
    let mut options = site.options();
    let path = site.path("new key");
    options.authentication = vec![gwmigrate::remote::Authentication::Key {
        path,
        passphrase: None,
    }];
    Remote::connect(options).await.expect("known");
}
