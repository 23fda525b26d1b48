//! Whether the Linux POA answers users, and proves itself with the certificate of the source.

use std::net::TcpStream;

use super::play::Play;
use crate::checks::{Check, tls};
use crate::error::{HarnessError, io_error};

impl Play<'_> {
    pub(super) fn check_answers(&mut self) -> Result<(), HarnessError> {
        if !self.options.with_poa {
            return Ok(());
        }
        let sheet = self.site.sheet();
        let address = self.site.poa_address();
        let failures = match TcpStream::connect(address) {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("nothing answers at {address}: {error}")],
        };
        let mut checks = vec![Check::new("the Linux POA answers", failures)];
        if let (Some(files), Some(imap)) = (&sheet.certificate, self.site.imap_address()) {
            let name = files.certificate.file_name().unwrap_or_default();
            let certificate = &self.site.folder().join("source/CERTS").join(name);
            let mut failures = tls::check_status_page(address, certificate)
                .map_err(io_error("read", certificate))?;
            let imap = tls::check_imap(imap, certificate);
            failures.extend(imap.map_err(io_error("read", certificate))?);
            let name =
                "the Linux POA shows its status page and serves IMAP with the source's certificate";
            checks.push(Check::new(name, failures));
        }
        self.checks.append(&mut checks);
        Ok(())
    }

    /// Whether the agent runs as the user that the worksheet names.
    pub(super) fn check_user(&mut self) -> Result<(), HarnessError> {
        let Some((wanted, found)) = self.site.poa_user()? else {
            return Ok(());
        };
        let failures = if found == wanted {
            Vec::new()
        } else {
            vec![format!("it runs as {found:?}, and not as {wanted}")]
        };
        let name = format!("the Linux POA runs as {wanted}");
        self.checks.push(Check::new(name, failures));
        Ok(())
    }
}
