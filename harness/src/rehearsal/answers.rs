//! Whether the Linux POA answers users, and proves itself with the certificate of the source.

use std::net::TcpStream;

use super::play::Play;
use super::{RehearsalError, io_error};
use crate::checks::{Check, tls};

impl Play<'_> {
    pub(super) fn check_answers(&mut self) -> Result<(), RehearsalError> {
        if !self.options.with_poa {
            return Ok(());
        }
        let sheet = &self.embedded.sheet;
        let port = sheet.http_port;
        let failures = match TcpStream::connect(("127.0.0.1", port)) {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("nothing answers on port {port}: {error}")],
        };
        let mut checks = vec![Check::new("the Linux POA answers", failures)];
        if let (Some(files), Some(test)) = (&sheet.certificate, &sheet.mailbox_test) {
            let certificate = &files.certificate;
            let mut failures =
                tls::check_status_page(port, certificate).map_err(io_error("read", certificate))?;
            let imap = tls::check_imap(test.destination_port, certificate);
            failures.extend(imap.map_err(io_error("read", certificate))?);
            let name =
                "the Linux POA shows its status page and serves IMAP with the source's certificate";
            checks.push(Check::new(name, failures));
        }
        self.checks.append(&mut checks);
        Ok(())
    }
}
