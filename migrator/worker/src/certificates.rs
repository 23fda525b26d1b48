//! Copying certificate and key, and proving that they belong together.

mod judge;

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use postoffice::names::{RelativePath, destination_name};
use rustix::io::Errno;

use crate::capabilities::{Capabilities, CertificateFiles};
use crate::copy_file::{CopyFailure, Source, write_copy};
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::names::TEMPORARY_PREFIX;
use crate::tree::{Folder, read_at};
use protocol::{Count, Expected, Secret};

/// Certificates and keys are small; a file beyond this is neither.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Proves that the key fits the certificate; then copies both files, readable by their owner alone, or, where they are only
/// looked at, says what else clients will find wrong with them.
///
/// # Errors
/// [`WorkerError::Refused`] where either cannot be read or they do not fit; nothing is copied then.
pub fn certificates(
    capabilities: &Capabilities,
    monitor: &dyn Monitor,
    key_password: Option<&Secret>,
    dns_name: Option<&str>,
) -> Result<()> {
    monitor.phase("look at the certificates", Expected::default());
    let Some(files) = &capabilities.certificates else {
        return Err(WorkerError::Order {
            text: "No certificate was named".into(),
        });
    };
    let CertificateFiles {
        certificate,
        key,
        target,
    } = files;
    let certificate_bytes = read_small(&certificate.0, &certificate.1)?;
    let key_bytes = zeroize::Zeroizing::new(read_small(&key.0, &key.1)?);
    let parsed = parse_certificate(&certificate_bytes)?;
    let private = parse_key(&key_bytes, key_password)?;
    prove_fit(&parsed, &private)?;
    let Some(target) = target else {
        judge::judge(&parsed, dns_name, &certificate.1, monitor);
        return Ok(());
    };
    let both: [(_, &[u8]); 2] = [(certificate, &certificate_bytes), (key, &key_bytes)];
    for ((folder, name), bytes) in both {
        // What is there already may be another agent's, with an owner of its own.
        let there = read_small(target, &destination_name(name)).map(zeroize::Zeroizing::new);
        if there.is_ok_and(|there| **there == *bytes) {
            continue;
        }
        copy_one(folder, name, target)?;
        monitor.count(Count::FilesCopied, 1);
    }
    rustix::fs::syncfs(target).map_err(|source| WorkerError::SyncFailed { files: 2, source })
}

fn refused(code: &'static str, text: String, remedy: &str) -> WorkerError {
    WorkerError::Refused {
        code,
        text,
        remedy: remedy.to_owned(),
    }
}

fn read_small(folder: &Folder, name: &[u8]) -> Result<Vec<u8>> {
    let shown = postoffice::names::printable(name);
    let unreadable = |errno: Errno| {
        refused(
            "certificate-unreadable",
            format!("{shown} could not be read: {errno}"),
            "Correct [poa] certificate and key in the worksheet; nothing was copied",
        )
    };
    let (file, attributes) = folder.open_file(name).map_err(unreadable)?;
    if attributes.size > FILE_BYTES_MAX {
        return Err(unreadable(Errno::FBIG));
    }
    let mut bytes = vec![0; usize::try_from(attributes.size).unwrap_or(0)];
    let length = read_at(&file, &mut bytes, 0).map_err(unreadable)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn parse_certificate(bytes: &[u8]) -> Result<X509> {
    X509::from_pem(bytes)
        .or_else(|_| X509::from_der(bytes))
        .map_err(|_| {
            refused(
                "certificate-unreadable",
                "The certificate is neither PEM nor DER".into(),
                "Name the certificate file in [poa] certificate; nothing was copied",
            )
        })
}

fn parse_key(bytes: &[u8], password: Option<&Secret>) -> Result<PKey<Private>> {
    let secret = password.map_or(&b""[..], |secret| secret.0.as_bytes());
    PKey::private_key_from_pem_passphrase(bytes, secret)
        .or_else(|_| PKey::private_key_from_pkcs8_passphrase(bytes, secret))
        .or_else(|_| PKey::private_key_from_der(bytes))
        .map_err(|_| match (judge::is_encrypted(bytes), password) {
            (true, None) => refused(
                "key-password-missing",
                "The key is encrypted, and the worksheet names no password for it".into(),
                "Say in [poa] key_password where its password is to be found; nothing was copied",
            ),
            (true, Some(_)) => refused(
                "key-password-wrong",
                "The key cannot be read with the password that the worksheet names".into(),
                "Correct what [poa] key_password leads to; nothing was copied",
            ),
            (false, _) => refused(
                "key-unreadable",
                "The key is none in PEM or DER".into(),
                "Name the key file in [poa] key; nothing was copied",
            ),
        })
}

fn prove_fit(certificate: &X509, key: &PKey<Private>) -> Result<()> {
    if certificate
        .public_key()
        .is_ok_and(|public| key.public_eq(&public))
    {
        return Ok(());
    }
    Err(refused(
        "key-does-not-fit",
        "The key does not belong to the certificate".into(),
        "Name the key that belongs to the certificate; nothing was copied",
    ))
}

fn copy_one(folder: &Folder, name: &[u8], target: &Folder) -> Result<()> {
    let path = RelativePath::root().join(name);
    let failed = |errno| WorkerError::writing("copy", &path, errno);
    let source =
        Source::open(folder, name).map_err(|errno| WorkerError::reading("open", &path, errno))?;
    let temporary = [TEMPORARY_PREFIX, b"certificate"].concat();
    target.remove_file(&temporary).map_err(failed)?;
    match write_copy(&source, target, &temporary) {
        Ok(_) => target
            .rename_over(&temporary, &destination_name(name))
            .map_err(failed),
        Err(CopyFailure::Read(errno)) => Err(WorkerError::reading("read", &path, errno)),
        Err(CopyFailure::Write(errno)) => Err(failed(errno)),
        Err(CopyFailure::Changed) => Err(failed(Errno::AGAIN)),
    }
}
