//! Servers that want more than a key or a password, and servers that count.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use gwmigrate::remote::{Authentication, ConnectOptions, Person, Remote, RemoteError, public_half};
use harness::ssh_server::{KeyPair, MethodKind, SshServerOptions};
use protocol::{Explain as _, Verdict};

use super::{Site, eventually};

const CODE: &str = "Verification code: ";

/// A site that wants these steps, with a password and a code.
async fn site(steps: &[MethodKind], prompts: &[(&str, &str)]) -> Site {
    let change = |options: &mut SshServerOptions| {
        options.password = Some("the password".into());
        options.steps = steps.to_vec();
        options.prompts = prompts
            .iter()
            .map(|(prompt, answer)| ((*prompt).to_owned(), (*answer).to_owned()))
            .collect();
    };
    Site::with(change).await
}

/// Somebody who types this, and what they were asked.
fn person(options: &mut ConnectOptions, typed: &'static str) -> Arc<Mutex<Vec<String>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    options.person = Some(Person::new(move |question: &str| {
        notes.lock().expect("a lock").push(question.to_owned());
        Some(typed.into())
    }));
    asked
}

fn password() -> Authentication {
    Authentication::Password("the password".into())
}

async fn refusal(options: ConnectOptions) -> RemoteError {
    Remote::connect(options)
        .await
        .map(|_| ())
        .expect_err("refused")
}

fn logged(site: &Site, line: &str) -> usize {
    site.server
        .log()
        .iter()
        .filter(|noted| noted.contains(line))
        .count()
}

/// An accepted key was told as refused, and the password went by a method that was not offered.
#[tokio::test]
async fn a_key_and_then_a_password_are_two_steps_in_either_order() {
    use MethodKind::{KeyboardInteractive, Password, PublicKey};
    for steps in [
        &[PublicKey, Password][..],
        &[Password, PublicKey],
        &[PublicKey, KeyboardInteractive],
        &[KeyboardInteractive, PublicKey],
        &[PublicKey, Password, PublicKey],
    ] {
        let asks = steps.contains(&KeyboardInteractive);
        let prompts = [("Password: ", "the password")];
        let site = site(steps, &prompts[..usize::from(asks)]).await;
        let mut options = site.options();
        let with_key = options.authentication.clone();
        options.authentication.push(password());
        if steps.len() == 3 {
            options.authentication.extend(with_key.clone());
        }
        Remote::connect(options.clone())
            .await
            .unwrap_or_else(|error| panic!("{steps:?}: {error}"));
        assert_eq!(logged(&site, "refused "), 0, "{:?}", site.server.log());

        // Without the second way it is told what was accepted, and what is wanted.
        if steps[0] == PublicKey && !asks {
            options.authentication = with_key;
            let text = refusal(options).await.to_string();
            assert!(
                text.contains("accepted as one step; the server accepts: password"),
                "{text}"
            );
        }
    }
}

/// Every hidden question was answered with the password of the login.
#[tokio::test]
async fn a_code_is_asked_of_the_person_and_never_answered_with_the_password() {
    use MethodKind::{KeyboardInteractive, PublicKey};
    for prompts in [
        &[(CODE, "123456")][..],
        &[("Password: ", "the password"), (CODE, "123456")],
    ] {
        let site = site(&[PublicKey, KeyboardInteractive], prompts).await;
        let mut options = site.options();
        options.authentication.push(password());
        let asked = person(&mut options, "123456");
        Remote::connect(options.clone()).await.expect("connected");
        assert_eq!(
            *asked.lock().expect("a lock"),
            ["root@127.0.0.1 asks: Verification code:"]
        );

        // Where nobody is there the question is told, and gets no answer that the server would count.
        options.person = None;
        let error = refusal(options).await;
        assert_eq!(
            (error.code(), error.verdict()),
            ("remote-prompt-unanswered", Verdict::Usage)
        );
        assert!(error.to_string().contains("Verification code:"), "{error}");
        assert_eq!(logged(&site, "wrong answer"), 0, "{:?}", site.server.log());
    }
}

#[tokio::test]
async fn a_code_alone_is_asked_for_where_keys_are_not_asked_for() {
    let site = site(&[MethodKind::KeyboardInteractive], &[(CODE, "123456")]).await;
    let mut options = site.options();
    person(&mut options, "123456");
    Remote::connect(options).await.expect("connected");
}

/// A password that is wrong is given once, however many methods and questions there are: servers lock accounts.
#[tokio::test]
async fn a_password_is_given_once() {
    for prompts in [
        &[][..],
        &[("Password: ", "another")],
        &[
            ("Password: ", "the password"),
            ("Password: ", "the password"),
        ],
    ] {
        let site = site(&[], prompts).await;
        let mut options = site.options();
        let wrong = Authentication::Password("a wrong one".into());
        let given = if prompts.len() == 2 {
            password()
        } else {
            wrong
        };
        options.authentication = vec![given.clone(), given];
        let error = refusal(options).await;
        assert_eq!(error.verdict(), Verdict::Usage, "{error:?}");
        let answers = logged(&site, " answer to ");
        let given = if prompts.is_empty() {
            logged(&site, "refused password")
        } else {
            answers
        };
        assert_eq!(given, 1, "{prompts:?}: {:?}", site.server.log());
    }
}

/// The server that hung up on the second step was told as passing.
#[tokio::test]
async fn a_hang_up_behind_a_wrong_password_is_not_run_again() {
    for second in [MethodKind::Password, MethodKind::KeyboardInteractive] {
        let change = |options: &mut SshServerOptions| {
            options.password = Some("the password".into());
            options.keyboard_interactive = second == MethodKind::KeyboardInteractive;
            options.steps = vec![MethodKind::PublicKey, second];
            options.tries_max = 2;
        };
        let site = Site::with(change).await;
        let mut options = site.options();
        options
            .authentication
            .push(Authentication::Password("a wrong one".into()));
        let error = refusal(options).await;
        assert_eq!(
            (error.code(), error.verdict()),
            ("remote-too-many-tries", Verdict::Usage),
            "{error:?}"
        );
        assert!(
            error.to_string().contains("accepted as one step"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_password_that_must_be_changed_is_told() {
    for (prompt, instructions) in [
        ("New password: ", ""),
        (
            "Password: ",
            "You are required to change your password immediately (password aged).",
        ),
    ] {
        let change = |options: &mut SshServerOptions| {
            options.prompts = vec![(prompt.into(), String::new())];
            options.instructions = instructions.into();
            options.steps = vec![MethodKind::KeyboardInteractive];
        };
        let site = Site::with(change).await;
        let mut options = site.options();
        options.authentication = vec![password()];
        let asked = person(&mut options, "x");
        let error = refusal(options).await;
        assert_eq!(error.code(), "remote-password-expired", "{error:?}");
        assert_eq!(logged(&site, " answer to "), 0);
        assert!(asked.lock().expect("a lock").is_empty());
    }
}

/// An agent of OpenSSH with these keys.
struct Agent(Child);

impl Agent {
    async fn with(site: &Site, keys: &[&str]) -> Self {
        let socket = site.path("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent");
        let agent = Self(child);
        eventually("the agent listens", || socket.exists()).await;
        for key in keys {
            let added = Command::new("ssh-add")
                .arg(site.path(key))
                .env("SSH_AUTH_SOCK", &socket)
                .stderr(Stdio::null())
                .status();
            assert!(added.expect("ssh-add").success());
        }
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn agent(site: &Site, only: Option<&str>) -> Authentication {
    Authentication::Agent {
        socket: site.path("agent"),
        only: only.map(|name| public_half(&site.path(name)).expect("a public half").blob),
    }
}

/// The hang-up was told as passing, so that it was run again, and newer servers locked the address out.
#[tokio::test]
async fn an_agent_with_more_keys_than_the_server_takes_is_told_and_the_remedy_is_enough() {
    let site = Site::with(|options| options.tries_max = 3).await;
    let others = ["one", "two", "three", "four"];
    for name in others {
        let key = KeyPair::generate().expect("key");
        key.write_private(&site.path(name)).expect("key file");
    }
    let _agent = Agent::with(&site, &[&others[..], &["key"]].concat()).await;
    let mut options = site.options();
    options.authentication = vec![agent(&site, None)];
    let error = refusal(options.clone()).await;
    assert_eq!(
        (error.code(), error.verdict()),
        ("remote-too-many-tries", Verdict::Usage),
        "{error:?}"
    );
    let told = error.to_finding().to_string();
    assert!(
        told.contains("Too many authentication failures") && told.contains("key = "),
        "{told}"
    );

    options.authentication = vec![agent(&site, Some("key"))];
    Remote::connect(options.clone()).await.expect("connected");

    // A key that the agent has not is not searched for among the others.
    KeyPair::generate()
        .expect("key")
        .write_private(&site.path("five"))
        .expect("key file");
    options.authentication = vec![agent(&site, Some("five"))];
    let text = refusal(options).await.to_string();
    assert!(
        text.contains("none of its 5 keys is the one of `key`"),
        "{text}"
    );
}
