//! The program: what it says, which signals it obeys, what it leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use rustls::version::TLS13;

use crate::client::{Raw, post};
use crate::program::{PASSPHRASE_ENV, Program, configure, run_to_end, strongroom};
use crate::tls::Client;

#[tokio::test]
async fn dev_says_one_line_and_ends_on_a_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let program = Program::dev(None);
        let expect = format!(
            "strongroom dev: listening on http://{} (account 000000000000, access key test, secret test) and for admin on http://{}\n",
            program.address,
            program.admin.expect("was asked for")
        );
        assert_eq!(program.ready_line, expect);
        let mut raw = Raw::connect(program.address).await;
        raw.send(post("/", "{}")).await;
        let reply = raw.reply().await;
        reply.assert_dressed();
        assert_eq!(reply.status, 400, "unsigned: {reply:?}");
        assert!(reply.body.contains("__type"), "{reply:?}");
        assert_eq!(reply.header("x-strongroom-mode"), Some("dev"));
        program.signal(signal);
        let ended = program.end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
        raw.assert_closed().await;
    }
}

#[tokio::test]
async fn a_request_under_way_is_finished() {
    let program = Program::dev(None);
    let mut raw = Raw::connect(program.address).await;
    let (first, last) = whole_request();
    raw.send(first).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    program.signal(Signal::SIGTERM);
    tokio::time::sleep(Duration::from_millis(200)).await;
    raw.send(last).await;
    let reply = raw.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (400, Some("close")), "{reply:?}");
    assert_eq!(program.end().code, Some(0));
}

/// A request but for its last byte, and that byte.
fn whole_request() -> (String, String) {
    let mut first = post("/", "{}");
    let last = first.split_off(first.len() - 1);
    (first, last)
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let program = Program::dev(None);
    let mut raw = Raw::connect(program.address).await;
    raw.send(whole_request().0).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    program.signal(Signal::SIGTERM);
    tokio::time::sleep(Duration::from_millis(100)).await;
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().code, Some(1));
}

#[test]
fn dev_with_data_makes_a_directory_for_its_owner_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("deep/data");
    let program = Program::dev(Some(&data));
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("root.key")), 0o600);
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().code, Some(0));
    // And starts on it again.
    let program = Program::dev(Some(&data));
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().code, Some(0));
}

#[test]
fn it_leaves_no_core_and_lets_nobody_trace_it() {
    let program = Program::dev(None);
    let limits = fs::read_to_string(format!("/proc/{}/limits", program.pid())).expect("is readable");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("is listed");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    // What is not dumpable belongs to root, whoever started it; for root itself, only the limit can be seen.
    use std::os::unix::fs::MetadataExt;
    let owner = fs::metadata(format!("/proc/{}/mem", program.pid())).expect("exists").uid();
    assert_eq!(owner, 0);
}

#[tokio::test]
async fn init_makes_what_serve_needs() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "");
    assert_eq!(mode(&dir.path().join("data")), 0o700);
    assert_eq!(mode(&dir.path().join("root.key")), 0o600);
    assert_eq!(mode(&dir.path().join("key.pem")), 0o600);

    let program = Program::start(strongroom(["serve", "--config", &config]));
    let admin = program.admin.expect("is configured");
    let expect =
        format!("strongroom serve: listening on https://{} and for admin on http://{admin}\n", program.address);
    assert_eq!(program.ready_line, expect);
    for name in ["localhost", "127.0.0.1", "::1"] {
        let mut raw = Raw::over(client(dir.path(), name, &program).await.expect("the certificate names it"));
        raw.send(post("/", "{}")).await;
        let reply = raw.reply().await;
        reply.assert_dressed();
        assert_eq!((reply.status, reply.header("x-strongroom-mode")), (400, None));
    }
    program.signal(Signal::SIGTERM);
    let ended = program.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn init_touches_nothing_that_exists() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "");
    let files = ["root.key", "cert.pem", "key.pem", "strongroom.toml"];
    let read = || files.map(|file| fs::read(dir.path().join(file)).expect("is there"));
    let before = read();
    let again = run_to_end(strongroom(["init", "--config", &config]));
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(read(), before);
    assert_eq!(again.stdout.lines().filter(|line| line.starts_with("kept ")).count(), 3, "{again:?}");
    assert!(again.stdout.contains(&format!("strongroom serve --config {config}")), "{again:?}");
    assert!(again.stdout.contains(PASSPHRASE_ENV), "{again:?}");
}

#[tokio::test]
async fn a_hang_up_reads_the_certificate_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "");
    let program = Program::start(strongroom(["serve", "--config", &config]));
    assert!(client(dir.path(), "localhost", &program).await.is_ok());

    // A bad file: the pair in use stays, and the log says why.
    let good = fs::read(dir.path().join("cert.pem")).expect("is there");
    fs::write(dir.path().join("cert.pem"), "nothing").expect("writes");
    program.signal(Signal::SIGHUP);
    tokio::time::sleep(Duration::from_millis(300)).await;
    fs::write(dir.path().join("cert.pem"), good).expect("writes");
    assert!(client(dir.path(), "localhost", &program).await.is_ok(), "the old pair is in use");

    crate::tls::write_pair(dir.path(), "localhost");
    assert!(client(dir.path(), "localhost", &program).await.is_err(), "not read yet");
    program.signal(Signal::SIGHUP);
    let mut tries = 0;
    while client(dir.path(), "localhost", &program).await.is_err() {
        tries += 1;
        assert!(tries < 100, "the new pair never comes into use");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    program.signal(Signal::SIGTERM);
    let ended = program.end();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("cert.pem holds no certificate"), "{}", ended.stderr);
}

#[tokio::test]
async fn limits_of_the_file_are_in_force() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "head_timeout_ms = 200\nbody_bytes = 8192");
    let program = Program::start(strongroom(["serve", "--config", &config]));
    let mut raw = Raw::over(client(dir.path(), "localhost", &program).await.expect("shakes hands"));
    raw.send(post("/", &"x".repeat(8193))).await;
    let reply = raw.reply().await;
    reply.assert_dressed();
    assert_eq!(reply.status, 413);
    raw.send("POST / HT").await;
    raw.assert_closed().await;
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (args, expect) in [
        (&["--help"][..], "Exit codes:"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["serve", "--help"], "[[account.access_key]]"),
        (&["dev", "--help"], "127.0.0.1:4599"),
    ] {
        let ended = run_to_end(strongroom(args.iter().copied()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains(expect), "{ended:?}");
    }
}

async fn client(
    dir: &Path,
    name: &str,
    program: &Program,
) -> std::io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    let groups = rustls::crypto::aws_lc_rs::default_provider().kx_groups;
    let trusted = dir.join("cert.pem");
    Client { trusted: &trusted, name, versions: &[&TLS13], groups, alpn: &["http/1.1"] }.connect(program.address).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("exists").permissions().mode() & 0o777
}
