//! The agent from outside: packed, installed, started, asked, stopped.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const GWSIM: &str = env!("CARGO_BIN_EXE_gwsim");

/// An installed package and a post office beside it; the agent is stopped whatever happens.
struct Installed {
    scratch: tempfile::TempDir,
}

impl Installed {
    fn new() -> Self {
        Self::with_guardian("flaim")
    }

    fn with_guardian(guardian: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let installed = Self { scratch };
        let (package, po) = (installed.path("package.tar.gz"), installed.path("po"));
        run(Command::new(GWSIM)
            .args(["package", "--program", GWSIM, "--output"])
            .arg(&package));
        run(Command::new(GWSIM)
            .args(["create", "--case", "lower", "--guardian", guardian])
            .arg(&po));
        let reader = flate2::read::GzDecoder::new(std::fs::File::open(&package).unwrap());
        tar::Archive::new(reader)
            .unpack(installed.path("software"))
            .unwrap();
        let startup = format!(
            "--home {}\n--ip 127.0.0.1\n--httpport 0\n--port 0\n",
            po.display()
        );
        std::fs::write(installed.path("software/share/sales.poa"), startup).unwrap();
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn control(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(self.path("software/bin/grpwise"))
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// The address that the agent wrote into its ready file.
    fn address(&self, port: &str) -> String {
        let ready = std::fs::read_to_string(self.path("software/run/sales.d/ready")).unwrap();
        let line = ready
            .lines()
            .find_map(|line| line.strip_prefix(port))
            .unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = Command::new(self.path("software/bin/grpwise"))
            .arg("stop")
            .output();
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

fn get(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn modified(path: &Path) -> std::time::SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn an_installed_agent_starts_answers_and_stops() {
    let installed = Installed::new();
    let host = installed.path("po/wphost.db");
    let before = modified(&host);
    assert_eq!(
        installed.control(&["status", "sales.poa"]),
        (Some(3), "unused\n".into(), String::new())
    );
    assert_eq!(
        installed.control(&["start", "sales.poa"]),
        (Some(0), "running\n".into(), String::new())
    );
    assert_eq!(installed.control(&["status", "sales"]).0, Some(0));
    // Once is enough.
    assert_eq!(installed.control(&["start"]).0, Some(0));

    let http = installed.address("http");
    let page = get(&http, "GET / HTTP/1.0\r\n\r\n");
    assert!(page.starts_with("HTTP/1.0 200 OK\r\n"), "{page}");
    for part in [
        "Version",
        "Up Time",
        "IMAP Connections: disabled",
        installed.path("po").to_str().unwrap(),
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(get(&http, "GET /other HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404"));
    assert!(TcpStream::connect(installed.address("client")).is_ok());
    assert!(modified(&host) > before);
    let logs = std::fs::read_dir(installed.path("po/wpcsout/ofs")).unwrap();
    let is_today =
        |path: PathBuf| std::fs::read_to_string(path).is_ok_and(|text| text.ends_with("Ready\n"));
    assert_eq!(
        logs.filter(|entry| is_today(entry.as_ref().unwrap().path()))
            .count(),
        1
    );

    assert_eq!(
        installed.control(&["stop", "sales.poa"]),
        (Some(0), "unused\n".into(), String::new())
    );
    assert_eq!(installed.control(&["status", "sales.poa"]).0, Some(3));
    assert!(TcpStream::connect(&http).is_err());
    assert_eq!(installed.control(&["stop"]).0, Some(0));
    assert_eq!(installed.control(&["restart"]).0, Some(2));
}

#[test]
fn an_agent_without_its_files_says_which() {
    let installed = Installed::new();
    std::fs::rename(
        installed.path("po/gwdms/lib000a"),
        installed.path("po/gwdms/lib000A"),
    )
    .unwrap();
    let (code, out, err) = installed.control(&["start", "sales.poa"]);
    assert_eq!((code, out.as_str()), (Some(1), "unused\n"));
    assert!(
        err.contains("Error C06A: library folder not found: gwdms/lib000A"),
        "{err}"
    );
    assert_eq!(installed.control(&["status"]).0, Some(3));

    std::fs::remove_file(installed.path("po/ngwguard.db")).unwrap();
    let startup = format!("@{}", installed.path("software/share/sales.poa").display());
    let direct = Command::new(GWSIM)
        .args(["poa", "--role", "linux", &startup])
        .output()
        .unwrap();
    assert_eq!(direct.status.code(), Some(1));
    assert!(
        String::from_utf8(direct.stderr)
            .unwrap()
            .contains("Error 8209: path not found: ngwguard.db")
    );
    let logs = std::fs::read_dir(installed.path("po/wpcsout/ofs")).unwrap();
    let text = logs.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok());
    let text: String = text.collect();
    assert!(
        text.contains("Error C06A") && text.contains("Error 8209"),
        "{text}"
    );
}

#[test]
fn an_agent_starts_when_gwcheck_has_made_the_names_in_the_guardian_lower_case() {
    for guardian in ["flaim", "opaque"] {
        let installed = Installed::with_guardian(guardian);
        // The guardian of the same post office as it was at the source.
        let source = installed.path("source");
        run(Command::new(GWSIM)
            .args(["create", "--case", "upper", "--guardian", guardian])
            .arg(&source));
        for entry in std::fs::read_dir(&source).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_str().unwrap().to_ascii_lowercase();
            if ["ngwguard.db", "ngwguard.01"].contains(&&*name) {
                std::fs::copy(entry.path(), installed.path("po").join(name)).unwrap();
            }
        }
        let (code, _, err) = installed.control(&["start", "sales.poa"]);
        assert_eq!(code, Some(1), "{guardian}");
        assert!(
            err.contains("Error 8209: path not found: "),
            "{guardian}: {err}"
        );

        let options = installed.path("options.xml");
        let text = format!(
            "<GWCheck database-path=\"{}\"><action name=\"analyze-fix-database\"><structure/><fix-problems/></action>\
             <process-option><misc>storelowercase</misc></process-option></GWCheck>",
            installed.path("po").display()
        );
        std::fs::write(&options, text).unwrap();
        run(Command::new(installed.path("software/bin/gwcheckt")).arg(&options));
        assert_eq!(
            installed.control(&["start", "sales.poa"]),
            (Some(0), "running\n".into(), String::new()),
            "{guardian}"
        );
    }
}

#[test]
fn a_source_startup_file_does_not_start_on_linux_and_its_conversion_does() {
    use postoffice::startup_file::{Conversion, Replacement, StartupFile};
    let installed = Installed::new();
    let po = installed.path("po");
    let is_startup = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "poa");
    let mut files = std::fs::read_dir(&po)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let source = std::fs::read(files.find(is_startup).unwrap()).unwrap();
    let target = installed.path("software/share/sales.poa");
    std::fs::write(&target, &source).unwrap();
    assert_eq!(installed.control(&["start"]).0, Some(1));

    let conversion = Conversion::new(po.to_str().unwrap())
        .with("httpport", Replacement::Value(b"0".to_vec()))
        .with("port", Replacement::Value(b"0".to_vec()));
    let converted = StartupFile::parse(&source)
        .unwrap()
        .convert(&conversion)
        .unwrap();
    let warned: Vec<&str> = converted
        .warnings
        .iter()
        .map(|warning| &*warning.switch)
        .collect();
    assert_eq!(warned, ["mtpinipaddr"]);
    let isolated = converted.file.isolated();
    assert!(!isolated.contains("mtpinipaddr") && !isolated.contains("mtpinport"));
    std::fs::write(&target, isolated.to_bytes()).unwrap();
    assert_eq!(
        installed.control(&["start"]),
        (Some(0), "running\n".into(), String::new())
    );
    assert!(installed.address("http").starts_with("127.0.0.1:"));
}

#[test]
fn the_same_program_makes_the_same_package() {
    let scratch = tempfile::tempdir().unwrap();
    let program = scratch.path().join("program");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let pack = |name: &str| {
        let output = scratch.path().join(name);
        simulator::package(&simulator::PackageOptions {
            program: &program,
            output: &output,
        })
        .unwrap();
        std::fs::read(output).unwrap()
    };
    let first = pack("first");
    assert_eq!(first, pack("second"));
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*first));
    let entries: Vec<(String, u32)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.path().unwrap().display().to_string(),
                entry.header().mode().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("bin/", 0o755),
        ("bin/gwpoa", 0o755),
        ("bin/gwcheckt", 0o777),
        ("bin/grpwise", 0o755),
        ("share/", 0o755),
        ("VERSION", 0o644),
    ];
    assert_eq!(
        entries,
        expected.map(|(name, mode)| (name.to_owned(), mode))
    );
}
