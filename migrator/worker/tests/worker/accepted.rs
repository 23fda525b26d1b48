//! What a person accepts of the findings, and what nobody can.

use protocol::{
    AcceptedLine, Extent, Finding, Reply, Request, Step, StepState, Verdict, mark, worst,
};
use worker::service::call;

use crate::support::Site;

fn found(code: &'static str, verdict: Verdict, subject: &str, text: &str) -> Finding {
    Finding::new(code, verdict, text, "look").about(subject.as_bytes())
}

/// A job whose last run found this.
fn job(findings: &[Finding]) -> Site {
    let site = Site::fast();
    let step = Step::CopyData;
    let (state, detail) = (StepState::Done, String::new());
    let findings = findings.to_vec();
    let request = Request::EndStep {
        step,
        state,
        detail,
        findings,
    };
    assert_eq!(call(&site.job, request), Reply::Done);
    site
}

fn accept(site: &Site, code: &str, extent: Extent, subject: &str) -> Reply {
    let (code, subject) = (code.to_owned(), subject.to_owned());
    let (by, note) = ("Ann".to_owned(), "known".to_owned());
    let request = Request::Accept {
        code,
        extent,
        subject,
        by,
        note,
    };
    call(&site.job, request)
}

fn withdraw(site: &Site, code: &str, extent: Extent, subject: &str) -> Reply {
    let (code, subject) = (code.to_owned(), subject.to_owned());
    let request = Request::WithdrawAcceptance {
        code,
        extent,
        subject,
    };
    call(&site.job, request)
}

fn accepted(site: &Site) -> Vec<AcceptedLine> {
    match call(&site.job, Request::Status) {
        Reply::Status(state) => state.accepted,
        other => panic!("{other:?}"),
    }
}

/// What a finding comes to.
fn comes_to(site: &Site, mut finding: Finding) -> Verdict {
    mark(&accepted(site), &mut finding);
    worst([&finding])
}

fn refusal(reply: Reply) -> Finding {
    match reply {
        Reply::Failed(finding) => finding,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_finding_is_accepted_by_code_entry_and_text() {
    let kept = |subject, text| found("name-kept", Verdict::NeedsAttention, subject, text);
    let site = job(&[kept("a", "seen"), kept("b", "seen"), kept("", "seen")]);
    assert_eq!(
        accept(&site, "name-kept", Extent::Finding, "a"),
        Reply::Done
    );
    assert_eq!(comes_to(&site, kept("a", "seen")), Verdict::Done);
    assert_eq!(
        comes_to(&site, kept("a", "seen twice")),
        Verdict::NeedsAttention
    );
    assert_eq!(comes_to(&site, kept("b", "seen")), Verdict::NeedsAttention);
    assert_eq!(comes_to(&site, kept("", "seen")), Verdict::NeedsAttention);
    let other = found("not-a-file", Verdict::NeedsAttention, "a", "seen");
    assert_eq!(comes_to(&site, other), Verdict::NeedsAttention);
    // About the whole job is not everything.
    assert_eq!(accept(&site, "name-kept", Extent::Finding, ""), Reply::Done);
    assert_eq!(comes_to(&site, kept("", "seen")), Verdict::Done);
    assert_eq!(comes_to(&site, kept("b", "seen")), Verdict::NeedsAttention);
    // Twice is once, and the later word counts.
    assert_eq!(
        accept(&site, "name-kept", Extent::Finding, "a"),
        Reply::Done
    );
    assert_eq!(accepted(&site).len(), 2);
    assert_eq!(
        withdraw(&site, "name-kept", Extent::Finding, "a"),
        Reply::Done
    );
    assert_eq!(comes_to(&site, kept("a", "seen")), Verdict::NeedsAttention);
    let again = refusal(withdraw(&site, "name-kept", Extent::Finding, "a"));
    assert_eq!(
        (&*again.code, again.verdict),
        ("not-accepted", Verdict::Usage)
    );
}

#[test]
fn a_whole_code_is_accepted_by_saying_so_and_covers_what_comes_later() {
    let kept = |subject| found("name-kept", Verdict::NeedsAttention, subject, "seen");
    let site = job(&[kept("a"), kept("b")]);
    assert_eq!(accept(&site, "name-kept", Extent::Code, ""), Reply::Done);
    assert_eq!(comes_to(&site, kept("later")), Verdict::Done);
    let worse = found("name-kept", Verdict::Refused, "a", "seen");
    assert_eq!(comes_to(&site, worse), Verdict::Refused);
    let other = found("name", Verdict::NeedsAttention, "a", "seen");
    assert_eq!(comes_to(&site, other), Verdict::NeedsAttention);
}

#[test]
fn what_protects_mail_and_what_was_not_found_cannot_be_accepted() {
    let errors = [
        Verdict::Usage,
        Verdict::Temporary,
        Verdict::Refused,
        Verdict::Unproven,
        Verdict::Interrupted,
    ];
    for verdict in errors {
        let site = job(&[found("seal-differs", verdict, "a", "seen")]);
        for (extent, subject) in [(Extent::Finding, "a"), (Extent::Code, "")] {
            let said = refusal(accept(&site, "seal-differs", extent, subject));
            let shown = (&*said.code, said.verdict);
            assert_eq!(shown, ("cannot-be-accepted", Verdict::Refused), "{said}");
        }
        assert_eq!(accepted(&site), []);
    }
    let site = job(&[
        found("name-kept", Verdict::NeedsAttention, "a", "seen"),
        found("note", Verdict::Done, "a", "seen"),
    ]);
    for (code, extent, subject) in [
        ("name-kept", Extent::Finding, "b"),
        ("name-kept", Extent::Finding, ""),
        ("name", Extent::Code, ""),
        ("note", Extent::Code, ""),
    ] {
        let said = refusal(accept(&site, code, extent, subject));
        let shown = (&*said.code, said.verdict);
        assert_eq!(shown, ("nothing-to-accept", Verdict::Usage), "{said}");
        assert_eq!(said.remedy.contains("about: a"), code != "name", "{said}");
    }
    assert_eq!(accepted(&site), []);
}

#[test]
fn a_group_of_which_one_cannot_be_accepted_is_not_accepted_by_halves() {
    let known = Verdict::NeedsAttention;
    let mut findings: Vec<Finding> = (0..protocol::GROUP_FROM)
        .map(|number| found("not-a-file", known, &format!("link {number}"), "no file"))
        .collect();
    findings.push(found("not-a-file", Verdict::Unproven, "link z", "no file"));
    let site = job(&findings);
    let refused = refusal(accept(&site, "not-a-file", Extent::Finding, ""));
    assert_eq!(refused.code, "cannot-be-accepted");
    assert_eq!(accepted(&site), Vec::new());
}
