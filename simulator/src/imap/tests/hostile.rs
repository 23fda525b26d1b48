//! Whatever a client sends, the server goes on.

use super::*;

/// Sends bytes and reads until the server hangs up or has nothing more to say.
fn provoke(served: &Served, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(served.plain);
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let mut heard = Vec::new();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut heard);
    heard
}

#[test]
fn nonsense_is_answered_and_the_server_goes_on() {
    let served = Served::new();
    let login = format!(
        "L LOGIN {} {}\r\n",
        served.accounts[0].user, served.accounts[0].password
    );
    let deep = format!(
        "{login}S SELECT INBOX\r\nX SEARCH {} SEEN\r\n",
        "NOT ".repeat(5000)
    );
    let greedy = format!(
        "{login}S SELECT INBOX\r\nX FETCH 1:* ({})\r\n",
        "BODY[] ".repeat(2000)
    );
    let ranges = format!(
        "{login}S SELECT INBOX\r\nX FETCH {}1 FLAGS\r\n",
        "1:*,".repeat(7000)
    );
    let literals = format!("A LOGIN {}\r\n", "{1+}\r\nx ".repeat(1000));
    for (bytes, answer) in [
        (b"\r\n".to_vec(), "* BAD"),
        (b"A\r\n".to_vec(), "A BAD"),
        (b"A NONSENSE\r\n".to_vec(), "A BAD"),
        (vec![0; 100], ""),
        (b"\xff\xfe\x00 LOGIN\r\n".to_vec(), "* BAD"),
        (b"A LOGIN {99999999999999999999}\r\n".to_vec(), "BAD"),
        (b"A LOGIN {4294967295}\r\n".to_vec(), "BYE"),
        (b"A LOGIN {4294967295+}\r\n".to_vec(), "BYE"),
        (literals.into_bytes(), ""),
        (vec![b'x'; 1 << 20], "BYE"),
        (
            [b"A LOGIN ".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat(),
            "BYE",
        ),
        (b"A NOOP\r\n".repeat(1000), "A OK"),
        (b"nonsense\r\n".repeat(1000), "* BYE nothing was understood"),
        (deep.into_bytes(), "BAD"),
        (greedy.into_bytes(), "X BAD"),
        (ranges.into_bytes(), "X OK"),
        (b"A STARTTLS\r\nB LOGIN a b\r\n".to_vec(), "A OK"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), ""),
    ] {
        let heard = String::from_utf8_lossy(&provoke(&served, &bytes)).into_owned();
        let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(heard.contains(answer), "{sent:?}: {heard}");
        // Somebody else is served as before.
        served.client(0).ok("NOOP");
    }
    assert_eq!(truth(&served.folder).unwrap(), served.truth);
}

#[test]
fn commands_sent_before_encryption_are_not_obeyed_behind_it() {
    let served = Served::new();
    let account = &served.accounts[0];
    let bytes = format!(
        "A STARTTLS\r\nB LOGIN {} {}\r\nC LIST \"\" *\r\n",
        account.user, account.password
    );
    let heard = String::from_utf8_lossy(&provoke(&served, bytes.as_bytes())).into_owned();
    assert!(
        !heard.contains("B OK") && !heard.contains("LIST"),
        "{heard}"
    );
}

#[test]
fn too_many_connections_are_turned_away_and_their_places_come_back() {
    let served = Served::new();
    let mut waiting: Vec<TcpStream> = Vec::new();
    let mut refused = 0;
    for _ in 0..70 {
        let stream = connect(served.plain);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.starts_with("* BYE") {
            refused += 1;
        }
        waiting.push(stream);
    }
    assert_eq!(refused, 6);
    drop(waiting);
    for _ in 0..100 {
        let stream = connect(served.plain);
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        if line.starts_with("* OK") {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no place came back");
}
