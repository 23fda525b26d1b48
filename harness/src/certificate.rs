//! The certificate of a simulated post office: one that vouches for itself, made anew for each rehearsal.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::{X509, X509NameBuilder};

use crate::error::{HarnessError, io_error};

/// The length of its key.
const KEY_BITS: u32 = 2048;

/// How long a day is, in seconds.
const DAY_SECONDS: i64 = 24 * 3600;

/// What a certificate is to be like.
#[derive(Debug, Clone, Copy)]
pub struct CertificateOptions<'a> {
    /// The name that it is for.
    pub name: &'a str,
    /// From how many days from now it is good.
    pub from_days: i64,
    /// Until how many days from now it is good.
    pub until_days: i64,
    /// What the key is encrypted with, where it is.
    pub key_password: Option<&'a str>,
}

impl Default for CertificateOptions<'_> {
    fn default() -> Self {
        Self {
            name: "poa.example",
            from_days: -1,
            until_days: 30,
            key_password: None,
        }
    }
}

/// A certificate and its key, in files of the source server.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key, encrypted where there is a password.
    pub key: PathBuf,
    /// The key as it is, for the agent of the source; not where the migrator is told to look.
    pub plain_key: PathBuf,
    /// The file with the key's password, where it has one; the administrator's, and not the source server's.
    pub key_password_file: Option<PathBuf>,
}

/// Makes a certificate and its key in a folder of the source server, which is made for them; what only the administrator
/// knows goes into the folder `keys`.
///
/// # Errors
/// What making and writing them says.
pub fn make_certificate(
    folder: &Path,
    keys: &Path,
    options: &CertificateOptions<'_>,
) -> Result<CertificateFiles, HarnessError> {
    let failed = |error: ErrorStack| io_error("make a certificate in", folder)(error.into());
    let (certificate, key) = generate(options).map_err(failed)?;
    let plain = key.private_key_to_pem_pkcs8().map_err(failed)?;
    let kept = match options.key_password {
        None => plain.clone(),
        Some(password) => {
            let cipher = Cipher::aes_256_cbc();
            let encrypted = key.private_key_to_pem_pkcs8_passphrase(cipher, password.as_bytes());
            encrypted.map_err(failed)?
        }
    };
    fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    let files = CertificateFiles {
        certificate: folder.join("POA.CRT"),
        key: folder.join("POA.KEY"),
        plain_key: keys.join("poa-plain.key"),
        key_password_file: options.key_password.map(|_| keys.join("poa-key-password")),
    };
    for (path, bytes) in [
        (&files.certificate, certificate),
        (&files.key, kept),
        (&files.plain_key, plain),
    ] {
        fs::write(path, bytes).map_err(io_error("write", path))?;
    }
    if let (Some(path), Some(password)) = (&files.key_password_file, options.key_password) {
        write_secret(path, password.as_bytes()).map_err(io_error("write", path))?;
    }
    Ok(files)
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// What writing says, and a file that is there already.
pub fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

fn generate(options: &CertificateOptions<'_>) -> Result<(Vec<u8>, PKey<Private>), ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(KEY_BITS)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", options.name)?;
    let name = name.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_pubkey(&key)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
    let day = |days: i64| Asn1Time::from_unix(now.saturating_add(days * DAY_SECONDS));
    builder.set_not_before(&*day(options.from_days)?)?;
    builder.set_not_after(&*day(options.until_days)?)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((builder.build().to_pem()?, key))
}
