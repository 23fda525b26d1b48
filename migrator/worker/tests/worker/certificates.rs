//! Certificate and key: every form in which a POA may have them, and everything that can be wrong with them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::{X509, X509NameBuilder};
use protocol::{Secret, Task, Verdict};

use crate::support::{Done, Site, look};

/// A certificate and its key, made for one test.
struct Pair {
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate that is valid from and until so many days from now.
fn pair(from_days: i64, until_days: i64) -> Pair {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "poa.example").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let day = |days: i64| {
        let seconds = i64::try_from(now.as_secs()).unwrap() + days * 24 * 3600;
        Asn1Time::from_unix(seconds).unwrap()
    };
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&day(from_days)).unwrap();
    builder.set_not_after(&day(until_days)).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    Pair {
        certificate: builder.build(),
        key,
    }
}

const PASSWORD: &str = "open, sesame";

/// The key in every form that is known, with whether it is encrypted.
fn forms_of(key: &PKey<Private>) -> Vec<(&'static str, Vec<u8>, bool)> {
    let (rsa, cipher, password) = (
        key.rsa().unwrap(),
        Cipher::aes_256_cbc(),
        PASSWORD.as_bytes(),
    );
    vec![
        (
            "PKCS 8, PEM",
            key.private_key_to_pem_pkcs8().unwrap(),
            false,
        ),
        ("PKCS 8, DER", key.private_key_to_pkcs8().unwrap(), false),
        ("PKCS 1, PEM", rsa.private_key_to_pem().unwrap(), false),
        ("PKCS 1, DER", rsa.private_key_to_der().unwrap(), false),
        (
            "PKCS 8, PEM, encrypted",
            key.private_key_to_pem_pkcs8_passphrase(cipher, password)
                .unwrap(),
            true,
        ),
        (
            "PKCS 1, PEM, encrypted",
            rsa.private_key_to_pem_passphrase(cipher, password).unwrap(),
            true,
        ),
        (
            "PKCS 8, DER, encrypted",
            key.private_key_to_pkcs8_passphrase(cipher, password)
                .unwrap(),
            true,
        ),
    ]
}

struct Files {
    site: Site,
    target: PathBuf,
}

impl Files {
    fn new(certificate: &[u8], key: &[u8]) -> Self {
        let site = Site::with_post_office();
        fs::write(site.source.join("POA.B64"), certificate).unwrap();
        fs::write(site.source.join("POA.KEY"), key).unwrap();
        let target = site.root.join("certificates");
        fs::create_dir(&target).unwrap();
        Self { site, target }
    }

    fn copy(&self, password: Option<&str>) -> Done {
        self.run(password, Some(self.target.display().to_string()), None)
    }

    fn look(&self, dns_name: Option<&str>) -> Done {
        self.run(None, None, dns_name)
    }

    fn run(&self, password: Option<&str>, target: Option<String>, dns_name: Option<&str>) -> Done {
        let path = |name| self.site.source.join(name).display().to_string();
        self.site.run(Task::Certificates {
            certificate: path("POA.B64"),
            key: path("POA.KEY"),
            target,
            dns_name: dns_name.map(str::to_owned),
            key_password: password.map(|password| Secret(password.to_owned())),
        })
    }

    fn copied(&self) -> Vec<String> {
        let names = fs::read_dir(&self.target).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn every_form_of_certificate_and_key_is_copied_and_readable_by_its_owner_alone() {
    let pair = pair(-1, 365);
    for certificate in [
        pair.certificate.to_pem().unwrap(),
        pair.certificate.to_der().unwrap(),
    ] {
        for (form, key, is_encrypted) in forms_of(&pair.key) {
            let files = Files::new(&certificate, &key);
            let before = look(&files.site.source);
            files.copy(is_encrypted.then_some(PASSWORD)).clean();
            assert_eq!(files.copied(), ["poa.b64", "poa.key"], "{form}");
            for (name, bytes) in [("poa.b64", &certificate), ("poa.key", &key)] {
                let path = files.target.join(name);
                assert_eq!(&fs::read(&path).unwrap(), bytes, "{form}");
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{form}");
            }
            assert_eq!(look(&files.site.source), before, "{form}");
            // The step may be run again.
            files.copy(is_encrypted.then_some(PASSWORD)).clean();
        }
    }
}

#[test]
fn an_encrypted_key_without_its_password_is_refused_and_nothing_is_copied() {
    let pair = pair(-1, 365);
    let certificate = pair.certificate.to_pem().unwrap();
    for (form, key, _) in forms_of(&pair.key).into_iter().filter(|form| form.2) {
        let files = Files::new(&certificate, &key);
        for (password, code) in [
            (None, "key-password-missing"),
            (Some("wrong"), "key-password-wrong"),
        ] {
            let done = files.copy(password);
            assert_eq!(done.error_code(), Some(code), "{form} {password:?}");
            assert_eq!(files.copied(), Vec::<String>::new(), "{form}");
        }
    }
}

#[test]
fn a_key_of_another_certificate_is_refused_and_nothing_is_copied() {
    let (one, other) = (pair(-1, 365), pair(-1, 365));
    let files = Files::new(
        &one.certificate.to_pem().unwrap(),
        &other.key.private_key_to_pem_pkcs8().unwrap(),
    );
    files.copy(None).assert_refused("key-does-not-fit");
    assert_eq!(files.copied(), Vec::<String>::new());
}

#[test]
fn a_certificate_out_of_its_time_is_reported_before_it_is_copied() {
    for (from, until, code) in [
        (-30, -1, "certificate-expired"),
        (10, 30, "certificate-not-yet-valid"),
    ] {
        let pair = pair(from, until);
        let files = Files::new(
            &pair.certificate.to_pem().unwrap(),
            &pair.key.private_key_to_pem_pkcs8().unwrap(),
        );
        let done = files.look(None);
        assert_eq!(done.worst(), Verdict::NeedsAttention);
        assert_eq!(done.with_code(code).len(), 1, "{code}");
        assert_eq!(files.copied(), Vec::<String>::new());
        files.copy(None).clean();
        assert_eq!(files.copied(), ["poa.b64", "poa.key"]);
    }
}

#[test]
fn a_certificate_for_another_name_or_that_vouches_for_itself_is_reported() {
    let pair = pair(-1, 365);
    let files = Files::new(
        &pair.certificate.to_pem().unwrap(),
        &pair.key.private_key_to_pem_pkcs8().unwrap(),
    );
    let fits = files.look(Some("POA.example"));
    assert_eq!(fits.worst(), Verdict::Done);
    assert_eq!(fits.with_code("certificate-self-signed").len(), 1);
    let other = files.look(Some("mail.example"));
    let found = other.with_code("certificate-other-name");
    assert!(
        found.len() == 1 && found[0].text.contains("poa.example"),
        "{found:?}"
    );
    assert_eq!(other.worst(), Verdict::NeedsAttention);
}

#[test]
fn what_is_no_certificate_or_no_key_is_refused() {
    let pair = pair(-1, 365);
    let certificate = pair.certificate.to_pem().unwrap();
    let key = pair.key.private_key_to_pem_pkcs8().unwrap();
    for (certificate, key, code) in [
        (
            &b"not a certificate"[..],
            &key[..],
            "certificate-unreadable",
        ),
        (b"", &key, "certificate-unreadable"),
        (&key, &key, "certificate-unreadable"),
        (&certificate, b"not a key", "key-unreadable"),
        (&certificate, &certificate, "key-unreadable"),
        (
            &certificate[..certificate.len() / 2],
            &key,
            "certificate-unreadable",
        ),
        (&vec![b'A'; (1 << 20) + 1], &key, "certificate-unreadable"),
    ] {
        let files = Files::new(certificate, key);
        files.copy(None).assert_refused(code);
        assert_eq!(files.copied(), Vec::<String>::new(), "{code}");
    }
}

#[test]
fn a_certificate_that_is_a_link_or_missing_is_refused() {
    let pair = pair(-1, 365);
    let files = Files::new(
        &pair.certificate.to_pem().unwrap(),
        &pair.key.private_key_to_pem_pkcs8().unwrap(),
    );
    let path = files.site.source.join("POA.KEY");
    let elsewhere = files.site.root.join("elsewhere.key");
    fs::rename(&path, &elsewhere).unwrap();
    files.copy(None).assert_refused("certificate-unreadable");
    symlink(&elsewhere, &path).unwrap();
    files.copy(None).assert_refused("certificate-unreadable");
    assert_eq!(files.copied(), Vec::<String>::new());
}
