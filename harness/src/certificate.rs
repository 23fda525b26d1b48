//! The certificate of a simulated post office: one that vouches for itself, made anew for each rehearsal.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};

use crate::rehearsal::{RehearsalError, io_error};

/// The length of its key.
const KEY_BITS: u32 = 2048;

/// For how long it is good, in days.
const DAYS: u32 = 30;

/// A certificate and its key, in files of the source server.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Makes both in a folder of the source server, which is made for them.
///
/// # Errors
/// What making and writing them says.
pub fn make_certificate(folder: &Path) -> Result<CertificateFiles, RehearsalError> {
    let (certificate, key) =
        generate().map_err(|error| io_error("make a certificate in", folder)(error.into()))?;
    fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    let files = CertificateFiles {
        certificate: folder.join("POA.CRT"),
        key: folder.join("POA.KEY"),
    };
    for (path, bytes) in [(&files.certificate, certificate), (&files.key, key)] {
        fs::write(path, bytes).map_err(io_error("write", path))?;
    }
    Ok(files)
}

fn generate() -> Result<(Vec<u8>, Vec<u8>), ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(KEY_BITS)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "poa.example")?;
    let name = name.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_pubkey(&key)?;
    let (from, to) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(DAYS)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&to)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((builder.build().to_pem()?, key.private_key_to_pem_pkcs8()?))
}
