use super::*;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Longer than anything here takes, for reads that must not hang.
const LONG: Duration = Duration::from_secs(20);

/// Long enough for bytes to arrive that nothing holds.
const SHORT: Duration = Duration::from_millis(150);

/// A target that sends back what it gets, and the proxy before it.
fn echo() -> Proxy {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("listening");
    let target = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            std::thread::spawn(move || {
                let mut copy = stream.try_clone().expect("cloned");
                let _ = std::io::copy(&mut stream, &mut copy);
                let _ = copy.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    Proxy::start(([127, 0, 0, 1], 0).into(), target).expect("started")
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).expect("connected");
    stream.set_read_timeout(Some(LONG)).expect("set");
    stream
}

/// Sends bytes and takes them back.
fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(bytes)?;
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back)?;
    Ok(back)
}

fn works(stream: &mut TcpStream) {
    assert_eq!(exchange(stream, b"ping").expect("answered"), b"ping");
}

/// Whether nothing comes for a while.
fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(SHORT)).expect("set");
    let result = stream.read(&mut [0; 16]);
    stream.set_read_timeout(Some(LONG)).expect("set");
    result.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn with_passage(passage: Passage) -> Conditions {
    Conditions {
        passage,
        ..Conditions::default()
    }
}

#[test]
fn everything_passes_in_order_and_is_counted() {
    let proxy = echo();
    let mut stream = connect(&proxy);
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut writing = stream.try_clone().expect("cloned");
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || {
        writing.write_all(&sent).expect("sent");
        // The end passes, too, and what is on its way back still arrives.
        writing.shutdown(std::net::Shutdown::Write).expect("ended");
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).expect("read");
    writer.join().expect("written");
    assert!(back == bytes);
    assert_eq!(proxy.bytes(), 2 * bytes.len() as u64);
}

#[test]
fn latency_delays_each_way_and_ends_when_it_is_taken_away() {
    let proxy = echo();
    let mut stream = connect(&proxy);
    works(&mut stream);
    proxy.set(Conditions {
        latency_milliseconds: 120,
        ..Conditions::default()
    });
    let began = Instant::now();
    works(&mut stream);
    assert!(began.elapsed() >= Duration::from_millis(240));
    proxy.set(Conditions {
        latency_milliseconds: 3_600_000,
        ..Conditions::default()
    });
    stream.write_all(b"late").expect("sent");
    assert!(is_silent(&mut stream));
    proxy.set(Conditions::default());
    let mut back = [0; 4];
    stream.read_exact(&mut back).expect("arrived");
    assert_eq!(&back, b"late");
}

#[test]
fn a_throttle_is_shared_by_all_connections() {
    let proxy = echo();
    let (mut one, mut two) = (connect(&proxy), connect(&proxy));
    proxy.set(Conditions {
        bytes_per_second: NonZeroU64::new(40_000),
        ..Conditions::default()
    });
    let began = Instant::now();
    let other = std::thread::spawn(move || exchange(&mut two, &[1; 10_000]).expect("answered"));
    exchange(&mut one, &[2; 10_000]).expect("answered");
    other.join().expect("ended");
    // 20000 bytes each way at 40000 a second; the two ways overlap.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(430), "{took:?}");
    proxy.set(Conditions::default());
    exchange(&mut one, &vec![3; 1_000_000]).expect("fast again");
}

#[test]
fn a_cut_strikes_one_connection_once_at_its_byte() {
    let proxy = echo();
    let (mut one, mut other) = (connect(&proxy), connect(&proxy));
    works(&mut one);
    works(&mut other);
    let before = proxy.bytes();
    proxy.cut_after_bytes(1000);
    exchange(&mut one, &[7; 5000]).expect_err("cut");
    assert_eq!(proxy.bytes() - before, 1000);
    works(&mut other);
    works(&mut connect(&proxy));
    assert!(!proxy.take_back_cut());
    proxy.cut_after_bytes(1000);
    assert!(proxy.take_back_cut());
    exchange(&mut other, &[7; 5000]).expect("not cut");
}

#[test]
fn a_reset_ends_connections_at_once_and_new_ones_work() {
    let proxy = echo();
    let mut stream = connect(&proxy);
    works(&mut stream);
    proxy.reset_connections();
    let error = stream.read(&mut [0; 16]).expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    works(&mut connect(&proxy));
}

#[test]
fn closed_connections_end_as_programs_end_them() {
    let proxy = echo();
    let mut stream = connect(&proxy);
    works(&mut stream);
    proxy.close_connections();
    assert_eq!(stream.read(&mut [0; 16]).expect("an end"), 0);
    works(&mut connect(&proxy));
}

#[test]
fn a_black_hole_tells_nobody_and_what_was_sent_arrives_afterwards() {
    let proxy = echo();
    let mut old = connect(&proxy);
    works(&mut old);
    proxy.set(with_passage(Passage::BlackHole));
    let mut new = connect(&proxy);
    for stream in [&mut old, &mut new] {
        stream.write_all(b"ping").expect("taken");
        assert!(is_silent(stream));
    }
    proxy.set(Conditions::default());
    for stream in [&mut old, &mut new] {
        let mut back = [0; 4];
        stream.read_exact(&mut back).expect("arrived");
        assert_eq!(&back, b"ping");
    }
}

#[test]
fn refused_connections_are_refused_while_others_go_on() {
    let proxy = echo();
    let mut old = connect(&proxy);
    works(&mut old);
    proxy.set(with_passage(Passage::Refuse));
    let began = Instant::now();
    loop {
        match TcpStream::connect(proxy.address()).map_err(|error| error.kind()) {
            Err(ErrorKind::ConnectionRefused) => break,
            // The thread of the proxy has yet to hear of it, or hears of it while this connection waits to be accepted:
            // that one the kernel resets.
            Ok(_) | Err(ErrorKind::ConnectionReset) => {
                assert!(began.elapsed() < LONG, "not yet refused");
            }
            Err(other) => panic!("{other}"),
        }
    }
    works(&mut old);
    proxy.set(Conditions::default());
    let began = Instant::now();
    let mut new = loop {
        match TcpStream::connect(proxy.address()) {
            Ok(stream) => break stream,
            Err(error) => assert!(began.elapsed() < LONG, "{error}"),
        }
    };
    works(&mut new);
}

#[test]
fn a_target_that_refuses_is_a_reset() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).expect("listening");
    let target = nobody.local_addr().expect("an address");
    drop(nobody);
    let proxy = Proxy::start(([127, 0, 0, 1], 0).into(), target).expect("started");
    exchange(&mut connect(&proxy), b"ping").expect_err("nobody there");
}

#[test]
fn a_proxy_that_is_dropped_takes_its_connections_with_it() {
    let proxy = echo();
    let address = proxy.address();
    let mut stream = connect(&proxy);
    works(&mut stream);
    proxy.set(Conditions {
        bytes_per_second: NonZeroU64::new(1),
        ..Conditions::default()
    });
    stream.write_all(&[0; 1000]).expect("sent");
    drop(proxy);
    while stream.read(&mut [0; 16]).is_ok_and(|length| length > 0) {}
    TcpStream::connect(address).expect_err("gone");
}
