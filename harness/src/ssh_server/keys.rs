//! Keys of servers and of those who log in.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};

/// Why a key could not be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key itself is wrong.
    #[error("Not a usable key: {0}")]
    Key(#[from] russh::keys::ssh_key::Error),
    /// The file could not be written.
    #[error("Could not write the key: {0}")]
    Write(#[from] std::io::Error),
}

/// An ed25519 key.
#[derive(Debug, Clone)]
pub struct KeyPair(PrivateKey);

impl KeyPair {
    /// A new key.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self(PrivateKey::random(
            &mut rand::rng(),
            Algorithm::Ed25519,
        )?))
    }

    /// The public half as a line of `authorized_keys`.
    pub fn public_line(&self) -> String {
        // A key that was generated can always be written down; an empty line would let nobody in.
        self.0.public_key().to_openssh().unwrap_or_default()
    }

    /// The private half in OpenSSH's format.
    pub fn private_text(&self) -> Result<String, KeyError> {
        Ok(self.0.to_openssh(LineEnding::LF)?.to_string())
    }

    /// Writes the private half as a new file that only its owner can read, in OpenSSH's format.
    pub fn write_private(&self, path: &Path) -> Result<(), KeyError> {
        let text = self.private_text()?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(file.write_all(text.as_bytes())?)
    }

    pub(super) fn private_key(&self) -> &PrivateKey {
        &self.0
    }
}

pub(super) fn public_key(line: &str) -> Result<PublicKey, KeyError> {
    Ok(PublicKey::from_openssh(line)?)
}
