//! Comparing a mailbox of the migrated post office with the same one at the source.

use std::fmt::Write as _;

use postoffice::names::printable;
use protocol::{Finding, Secret, Verdict};
use secrecy::ExposeSecret as _;

use super::copy_certificates::place_of;
use super::secrets::of_mailbox;
use crate::controller::{Controller, StepError, StepOutcome};
use crate::mailbox::{
    ConnectionFacts, FolderComparison, MailboxAnswer, MailboxComparison, MailboxEvent,
    MailboxProgress, MailboxRequest, ServerAddress, Side,
};
use crate::numbers;
use crate::worksheet::HostAndPort;

/// How long connecting may take, and how long a server may then be silent.
const TIMEOUT_SECONDS: u64 = 60;

/// Logs in at both servers and compares folders, counts and messages.
///
/// # Errors
/// A finding for a person where the destination lacks something that the source had when it was copied; what kept either
/// from being read.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let Some(test) = controller.worksheet.mailbox_test.clone() else {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no mailbox; log in to one with a client and compare it by hand"
                .into(),
        ));
    };
    let what = of_mailbox(&test.user);
    let password = controller.local.secret(&test.password, &what)?;
    let request = MailboxRequest {
        user: test.user.clone(),
        password: Secret(password.expose_secret().to_owned()),
        source: address(&test.source_imap),
        destination: address(&test.destination_imap),
        certificate: copied_certificate(controller).await?,
        sample_messages: test.sample_messages,
        pass_began_seconds: last_pass_began(controller).await?,
        timeout_seconds: TIMEOUT_SECONDS,
    };
    match ask(controller, &request).await? {
        MailboxAnswer::Compared(comparison) => judge(controller, &test.user, &comparison),
        MailboxAnswer::Failed {
            side,
            is_temporary,
            text,
        } => Err(not_read(side, is_temporary, text)),
    }
}

fn not_read(side: Side, is_temporary: bool, text: String) -> StepError {
    let verdict = if is_temporary {
        Verdict::Temporary
    } else {
        Verdict::NeedsAttention
    };
    let remedy = "Run the test again, which goes on where it was; where it says the same, see that IMAP is enabled for both POAs and \
                  that [mailbox_test] of the worksheet is right; the addresses are those that the destination reaches";
    Finding::new("mailbox-not-read", verdict, text, remedy)
        .about(side.word().as_bytes())
        .into()
}

fn address(server: &HostAndPort) -> ServerAddress {
    ServerAddress {
        host: server.host.clone(),
        port: server.port,
    }
}

/// Has the comparison made at the destination, which reaches both servers.
async fn ask(
    controller: &Controller,
    request: &MailboxRequest,
) -> Result<MailboxAnswer, StepError> {
    let unclear = |error: serde_json::Error| StepError::Protocol {
        text: format!("no comparison of mailboxes: {error}"),
    };
    let link = controller.link()?;
    let command = link.worker("mailbox");
    let text = serde_json::to_vec(request).map_err(unclear)?;
    let console = controller.console();
    let mut answer = None;
    let mut take = |line: &[u8]| {
        match serde_json::from_slice(line).map_err(unclear)? {
            MailboxEvent::Progress(progress) => {
                console.progress("comparing the mailbox", &how_far(&progress));
            }
            MailboxEvent::End(end) => answer = Some(end),
        }
        Ok(())
    };
    let ended = link.run_with_lines(&command, text, &mut take).await?;
    ended.require_success(&command)?;
    answer.ok_or_else(|| StepError::Protocol {
        text: "no comparison of mailboxes: it ended without one".to_owned(),
    })
}

fn how_far(progress: &MailboxProgress) -> String {
    let mut text = format!(
        "{} of {} folders, {}",
        numbers::count(progress.folders_done),
        numbers::count(progress.folders),
        printable(progress.folder.as_bytes())
    );
    if progress.messages > 0 {
        let _ = write!(text, ": {} messages", numbers::count(progress.messages));
    }
    text
}

/// The certificate that was copied in stage one, where there is one.
async fn copied_certificate(controller: &Controller) -> Result<Option<Vec<u8>>, StepError> {
    let Some(files) = &controller.worksheet.poa.certificate else {
        return Ok(None);
    };
    let file = place_of(controller, &files.certificate);
    controller.content(&file).await
}

/// When the last pass began, in seconds since 1970, by the clock of the destination.
async fn last_pass_began(controller: &Controller) -> Result<i64, StepError> {
    let passes = controller.state().await?.passes;
    let began = passes.iter().map(|pass| pass.began_milliseconds).max();
    began
        .map(|milliseconds| milliseconds / 1000)
        .ok_or_else(|| {
            StepError::refused(
                "stage-one-not-done",
                "Nothing was copied yet, so there is nothing to compare",
                "Run `gwmigrate stage-one` first",
            )
        })
}

/// Reports what was found, and stops where something is missing.
fn judge(
    controller: &mut Controller,
    user: &str,
    comparison: &MailboxComparison,
) -> Result<StepOutcome, StepError> {
    for (side, facts) in [
        ("source", &comparison.source),
        ("destination", &comparison.destination),
    ] {
        report_connection(controller, side, facts);
    }
    for (name, folder) in &comparison.folders {
        if folder.differs() {
            controller.report(difference(name, folder));
        }
        if let Some(finding) = unread(name, folder) {
            controller.report(finding);
        }
    }
    for (side, row) in &comparison.unclear {
        controller.report(unclear_row(*side, row));
    }
    require_same(user, comparison)?;
    Ok(StepOutcome::Done(summary(user, comparison)))
}

/// Stops where something is missing.
fn require_same(user: &str, comparison: &MailboxComparison) -> Result<(), StepError> {
    let inbox = comparison.inbox().and_then(FolderComparison::why_unread);
    if let Some(why) = inbox {
        return Err(not_read(why.side, why.is_temporary, why.text.clone()));
    }
    let without_inbox = comparison.without_inbox();
    if !without_inbox.is_empty() {
        let at = without_inbox.join(" and the ");
        return Err(StepError::person(
            "mailbox-without-inbox",
            format!(
                "The mailbox of {user} has no INBOX at the {at}, so it was not the mailbox that was seen"
            ),
            "Log in there as this user with a mail client and look; see that [mailbox_test] of the worksheet names a user \
             who may use IMAP, and that the POA there has finished starting, then run this test again",
        ));
    }
    let folders = comparison.folders.iter();
    let different = folders.filter(|(_, folder)| folder.differs());
    let different: Vec<String> = different
        .map(|(name, _)| printable(name.as_bytes()))
        .collect();
    if different.is_empty() {
        return Ok(());
    }
    Err(StepError::person(
        "mailbox-differs",
        format!(
            "The mailbox of {user} is not the same at both servers: {}",
            different.join(", ")
        ),
        "Run `gwmigrate stage-one` again for another pass, then this test; what stays different needs a look at the \
         databases (`gwmigrate database check FILE`)",
    ))
}

/// What was compared and found to be the same.
fn summary(user: &str, comparison: &MailboxComparison) -> String {
    let sum = |of: fn(&FolderComparison) -> u64| comparison.folders.values().map(of).sum::<u64>();
    let mut text = format!(
        "{user}: {} folders, {} messages the same, ",
        comparison.folders.len(),
        numbers::count(sum(|folder| folder.same)),
    );
    match sum(|folder| folder.same_bytes) {
        0 => text.push_str("nothing was compared byte for byte"),
        same => {
            let _ = write!(text, "{} of them byte for byte", numbers::count(same));
        }
    }
    let arrived_since = sum(|folder| folder.arrived_since);
    if arrived_since > 0 {
        let _ = write!(
            text,
            "; {} arrived at the source since the last pass",
            numbers::count(arrived_since)
        );
    }
    let missing_at_source = sum(|folder| folder.missing_at_source);
    if missing_at_source > 0 {
        let _ = write!(
            text,
            "; {} are at the destination alone, gone at the source since or made by the test POA",
            numbers::count(missing_at_source)
        );
    }
    let changing = sum(|folder| folder.changing);
    if changing > 0 {
        let _ = write!(
            text,
            "; {} have other bytes each time they are read, so that they were compared by what names them alone",
            numbers::count(changing)
        );
    }
    text.push_str(&encryption(&comparison.source, &comparison.destination));
    text
}

/// How the two servers were read, as the end of a sentence.
fn encryption(source: &ConnectionFacts, destination: &ConnectionFacts) -> String {
    let plain: Vec<&str> = [("source", source), ("destination", destination)]
        .into_iter()
        .filter(|(_, facts)| !facts.is_encrypted)
        .map(|(side, _)| side)
        .collect();
    let fit = [source, destination].map(|facts| facts.certificate_fits);
    if !plain.is_empty() {
        format!("; not encrypted at the {}", plain.join(" and the "))
    } else if fit == [Some(true), Some(true)] {
        "; encrypted, both with the certificate that was copied".to_owned()
    } else {
        "; encrypted".to_owned()
    }
}

fn report_connection(controller: &mut Controller, side: &str, facts: &ConnectionFacts) {
    if facts.certificate_fits == Some(false) {
        controller.report(
            Finding::new(
                "mailbox-certificate",
                Verdict::NeedsAttention,
                format!("the POA at the {side} shows another certificate than the one that was copied"),
                "Look at the certificate of both POAs; clients warn about one that they do not know",
            )
            .about(side.as_bytes()),
        );
    }
}

fn difference(name: &str, folder: &FolderComparison) -> Finding {
    let count = |number: Option<u64>| number.map_or("no such folder".into(), numbers::count);
    let mut text = format!(
        "source: {}, destination: {}; {} missing at the destination, {} with other bytes, {} only there",
        count(folder.at_source),
        count(folder.at_destination),
        numbers::count(folder.missing_at_destination),
        numbers::count(folder.other_bytes),
        numbers::count(folder.missing_at_source)
    );
    if let Some(first) = folder.named.first() {
        let arrived = jiff::Timestamp::from_second(first.arrived_seconds)
            .map_or_else(|_| "an unknown time".into(), |time| time.to_string());
        let _ = write!(text, "; the first that is missing arrived at {arrived}");
    }
    let remedy = "Run another pass, then this test again; what changed at the source meanwhile shows here too";
    Finding::new(
        "mailbox-folder-differs",
        Verdict::NeedsAttention,
        text,
        remedy,
    )
    .about(name.as_bytes())
}

/// A folder that could not be read, or in which messages could not.
fn unread(name: &str, folder: &FolderComparison) -> Option<Finding> {
    let first = folder.unread.first()?;
    let finding = if folder.why_unread().is_some() {
        let texts: Vec<&str> = folder.unread.iter().map(|one| one.text.as_str()).collect();
        Finding::new(
            "mailbox-folder-unread",
            Verdict::NeedsAttention,
            format!("This folder was not compared: {}", texts.join("; ")),
            "All others were compared. Look at it with a mail client at both servers: GroupWise lists some that are no folders; where \
             it opens there, run the test again",
        )
    } else {
        Finding::new(
            "mailbox-message-unread",
            Verdict::NeedsAttention,
            format!(
                "{} messages of this folder were not compared byte for byte; the first: {}",
                numbers::count(folder.unread_messages),
                first.text
            ),
            "Look at that folder with a mail client at both servers; a message that opens at neither was damaged before",
        )
    };
    Some(finding.about(name.as_bytes()))
}

fn unclear_row(side: Side, row: &str) -> Finding {
    Finding::new(
        "mailbox-folder-unclear",
        Verdict::NeedsAttention,
        format!("A row in the list of folders of the {} is unintelligible: {row}", side.word()),
        "All others were compared. Look at the folders of this user with a mail client at both servers",
    )
    .about(side.word().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Explain as _;

    #[test]
    fn how_the_servers_were_read_is_said() {
        let facts = |is_encrypted, certificate_fits| ConnectionFacts {
            is_encrypted,
            certificate_fits,
        };
        let fits = facts(true, Some(true));
        let plain = facts(false, None);
        for (source, destination, wanted) in [
            (
                &fits,
                &fits,
                "; encrypted, both with the certificate that was copied",
            ),
            (&fits, &facts(true, Some(false)), "; encrypted"),
            (&plain, &fits, "; not encrypted at the source"),
            (
                &plain,
                &plain,
                "; not encrypted at the source and the destination",
            ),
        ] {
            assert_eq!(encryption(source, destination), wanted);
        }
    }

    fn comparison(folders: &[(&str, FolderComparison)]) -> MailboxComparison {
        MailboxComparison {
            folders: folders
                .iter()
                .map(|(name, folder)| ((*name).to_owned(), folder.clone()))
                .collect(),
            ..MailboxComparison::default()
        }
    }

    fn folder(at_source: Option<u64>, at_destination: Option<u64>) -> FolderComparison {
        FolderComparison {
            at_source,
            at_destination,
            ..FolderComparison::default()
        }
    }

    #[test]
    fn a_mailbox_without_an_inbox_on_either_side_never_passes() {
        let cabinet = || ("Cabinet", folder(Some(1), Some(1)));
        for (folders, at) in [
            (vec![], "the source and the destination"),
            (vec![cabinet()], "the source and the destination"),
            (
                vec![cabinet(), ("INBOX", folder(Some(1), None))],
                "at the destination",
            ),
            (
                vec![cabinet(), ("INBOX", folder(None, Some(1)))],
                "at the source",
            ),
        ] {
            let error = require_same("uabc", &comparison(&folders)).unwrap_err();
            let finding = error.to_finding();
            assert_eq!(finding.code, "mailbox-without-inbox");
            assert_eq!(finding.verdict, Verdict::NeedsAttention);
            assert!(finding.text.contains(at), "{finding:?}");
            assert!(!finding.remedy.is_empty());
        }
        let whole = comparison(&[cabinet(), ("INBOX", folder(Some(0), Some(0)))]);
        assert!(require_same("uabc", &whole).is_ok());
    }

    #[test]
    fn a_difference_is_named_by_its_folder() {
        let inbox = folder(Some(3), Some(3));
        let other = FolderComparison {
            other_bytes: 1,
            ..inbox.clone()
        };
        let folders = [("INBOX", inbox), ("Cab\u{7}inet", other)];
        let error = require_same("uabc", &comparison(&folders)).unwrap_err();
        let finding = error.to_finding();
        assert_eq!(finding.code, "mailbox-differs");
        assert!(finding.text.ends_with(": Cab\\x07inet"), "{finding:?}");
    }

    #[test]
    fn where_no_bytes_were_compared_it_is_said() {
        let empty = comparison(&[("INBOX", folder(Some(0), Some(0)))]);
        assert_eq!(
            summary("uabc", &empty),
            "uabc: 1 folders, 0 messages the same, nothing was compared byte for byte; not encrypted at the source and the \
             destination"
        );
        let some = FolderComparison {
            same: 7,
            same_bytes: 5,
            arrived_since: 2,
            ..folder(Some(9), Some(7))
        };
        let text = summary("uabc", &comparison(&[("INBOX", some)]));
        assert!(
            text.starts_with(
                "uabc: 1 folders, 7 messages the same, 5 of them byte for byte; 2 arrived"
            ),
            "{text}"
        );
    }
}
