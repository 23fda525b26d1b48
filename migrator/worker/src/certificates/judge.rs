//! What clients will find wrong with a certificate that its key fits.

use std::cmp::Ordering;

use openssl::asn1::Asn1Time;
use openssl::nid::Nid;
use openssl::x509::X509;

use crate::monitor::Monitor;
use protocol::{Finding, Verdict};

/// The tag of a sequence in DER.
const DER_SEQUENCE: u8 = 0x30;

/// Reports what is wrong with the times and the names of a certificate.
pub(super) fn judge(
    certificate: &X509,
    dns_name: Option<&str>,
    file: &[u8],
    monitor: &dyn Monitor,
) {
    let report = |code, verdict, text: String, remedy: &str| {
        monitor.finding(Finding::new(code, verdict, text, remedy).about(file));
    };
    if let Ok(now) = Asn1Time::days_from_now(0) {
        let remedy = "Get a new certificate; clients will refuse this one";
        if certificate.not_after() < now {
            let text = format!("the certificate expired on {}", certificate.not_after());
            report("certificate-expired", Verdict::NeedsAttention, text, remedy);
        } else if certificate.not_before() > now {
            let from = certificate.not_before();
            let text = format!("the certificate is valid only from {from}");
            report(
                "certificate-not-yet-valid",
                Verdict::NeedsAttention,
                text,
                remedy,
            );
        }
    }
    let (issuer, subject) = (certificate.issuer_name(), certificate.subject_name());
    if issuer.try_cmp(subject).is_ok_and(Ordering::is_eq) {
        report(
            "certificate-self-signed",
            Verdict::Done,
            "the certificate vouches for itself; clients that check ask their users about it"
                .to_owned(),
            "Nothing, where it was so at the source; otherwise get one from an authority that clients know",
        );
    }
    let names = names(certificate);
    if let Some(wanted) = dns_name.filter(|wanted| !names.iter().any(|name| fits(name, wanted))) {
        let shown: Vec<String> = names
            .iter()
            .map(|name| postoffice::names::printable(name.as_bytes()))
            .collect();
        report(
            "certificate-other-name",
            Verdict::NeedsAttention,
            format!(
                "the certificate is for {}, and clients will use the name {wanted}",
                shown.join(", ")
            ),
            "Get a certificate for the name in [poa] dns_name, or correct that",
        );
    }
}

/// The names that a certificate is for: the alternative ones, or, where there are none, its common name.
fn names(certificate: &X509) -> Vec<String> {
    let alternatives = certificate.subject_alt_names();
    let names: Vec<String> = alternatives
        .iter()
        .flatten()
        .filter_map(|name| name.dnsname().map(str::to_owned))
        .collect();
    if !names.is_empty() {
        return names;
    }
    let common = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
    common
        .filter_map(|entry| entry.data().to_string().ok())
        .collect()
}

/// Whether a name of a certificate stands for a host; a star stands for the first part of one (RFC 6125).
fn fits(name: &str, host: &str) -> bool {
    let (name, host) = (name.trim_end_matches('.'), host.trim_end_matches('.'));
    match name.strip_prefix("*.") {
        None => name.eq_ignore_ascii_case(host),
        Some(domain) => host
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(domain)),
    }
}

/// Whether a key is in a form that needs a password.
pub(super) fn is_encrypted(key: &[u8]) -> bool {
    // In PEM it is said; in DER comes a sequence, its length, and then the version, or, where it is encrypted, how.
    if key.windows(9).any(|part| part == b"ENCRYPTED") {
        return true;
    }
    let [DER_SEQUENCE, length, rest @ ..] = key else {
        return false;
    };
    let more = if *length < 0x80 { 0 } else { length & 0x7f };
    rest.get(usize::from(more)) == Some(&DER_SEQUENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_a_host_as_clients_take_it() {
        for (name, host, is_fit) in [
            ("poa.example", "POA.example", true),
            ("poa.example", "poa.example.", true),
            ("*.example", "poa.example", true),
            ("*.example", "a.poa.example", false),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("mail.example", "poa.example", false),
        ] {
            assert_eq!(fits(name, host), is_fit, "{name} {host}");
        }
    }
}
