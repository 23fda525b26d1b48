//! Uploading files.

use std::path::Path;

use tokio::sync::{oneshot, watch};
use zeroize::Zeroizing;

use super::engine::Order;
use super::error::RemoteError;
use super::handle::Remote;
use super::transfer::{Source, UploadOrder, Uploaded};

/// The mode of a file that was made from bytes: nobody but its owner may read it.
pub const PRIVATE_MODE: u32 = 0o600;

impl Remote {
    /// Uploads a local file, which replaces the target when it has arrived whole.
    ///
    /// `progress` hears how many bytes have arrived.
    pub async fn upload(
        &self,
        local: &Path,
        target: &Path,
        mode: u32,
        progress: impl Fn(u64),
    ) -> Result<Uploaded, RemoteError> {
        self.transfer(Source::File(local.to_owned()), target, mode, progress)
            .await
    }

    /// Uploads a small file from memory with mode 0600; the bytes are wiped afterwards.
    pub async fn upload_bytes(
        &self,
        bytes: impl Into<Zeroizing<Vec<u8>>>,
        target: &Path,
    ) -> Result<Uploaded, RemoteError> {
        self.transfer(Source::Bytes(bytes.into()), target, PRIVATE_MODE, |_| {})
            .await
    }

    async fn transfer(
        &self,
        source: Source,
        target: &Path,
        mode: u32,
        progress: impl Fn(u64),
    ) -> Result<Uploaded, RemoteError> {
        let (sent, mut arrived) = watch::channel(0);
        let (done, mut ended) = oneshot::channel();
        self.order(Order::Upload(UploadOrder {
            source,
            target: target.to_owned(),
            mode,
            progress: sent,
            done,
        }))
        .await?;
        // Each step of the session thread is bounded, so this ends; dropping it makes the thread clean up.
        loop {
            tokio::select! {
                biased;
                result = &mut ended => return self.ended(result),
                Ok(()) = arrived.changed() => {
                    let bytes = *arrived.borrow_and_update();
                    progress(bytes);
                }
            }
        }
    }
}
