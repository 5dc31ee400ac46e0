//! What must not start: one message, an exit code, nothing overwritten.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::program::{Ended, PASSPHRASE_ENV, Program, configure, run_to_end, strongroom};

/// A command that must fail with `code` and one line that says `expect`.
#[track_caller]
fn check(command: Command, code: i32, expect: &str) {
    let ended = run_to_end(command);
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    assert_one_message(&ended, expect);
}

#[track_caller]
fn assert_one_message(ended: &Ended, expect: &str) {
    let messages: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("strongroom: ")).collect();
    assert_eq!(messages.len(), 1, "{ended:?}");
    assert!(messages[0].contains(expect), "{ended:?}");
}

#[test]
fn a_wrong_command_line() {
    for args in [&["dev", "--listen", "0.0.0.0:4599"][..], &["dev", "--lisen", "127.0.0.1:0"], &["serve"], &[]] {
        let ended = run_to_end(strongroom(args.iter().copied()));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(!ended.stderr.is_empty());
    }
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("is bound").to_string();
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let mut command = strongroom(["dev", "--listen", &address, "--admin", "off"]);
    command.arg("--data").arg(&data);
    check(command, 1, &format!("cannot listen on {address}: another program is listening there"));
    assert!(!data.exists(), "nothing was made");
}

#[test]
fn a_second_server_on_the_same_data() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Program::dev(Some(dir.path()));
    check(dev_on(dir.path()), 1, "another server is using this data directory");
    first.signal(Signal::SIGTERM);
    assert_eq!(first.end().code, Some(0), "the first is not disturbed");
}

#[test]
fn a_lost_key_file() {
    let dir = tempfile::tempdir().expect("a directory");
    make_data(dir.path());
    fs::remove_file(dir.path().join("root.key")).expect("removes");
    let before = fs::read(dir.path().join("strongroom.db")).expect("is there");
    check(dev_on(dir.path()), 1, "its key file");
    assert!(!dir.path().join("root.key").exists(), "no new key beside old data");
    assert_eq!(fs::read(dir.path().join("strongroom.db")).expect("is there"), before);
}

#[test]
fn a_wrong_key_file() {
    let (dir, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    make_data(dir.path());
    make_data(other.path());
    let right = fs::read(dir.path().join("root.key")).expect("is there");
    fs::copy(other.path().join("root.key"), dir.path().join("root.key")).expect("copies");
    check(dev_on(dir.path()), 1, "wrong key file or passphrase");
    // Nothing was harmed: with the right key it starts.
    fs::write(dir.path().join("root.key"), right).expect("writes");
    make_data(dir.path());
}

#[test]
fn a_key_file_that_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    make_data(dir.path());
    fs::write(dir.path().join("root.key"), "hello").expect("writes");
    check(dev_on(dir.path()), 1, "not a key file");
    assert_eq!(fs::read(dir.path().join("root.key")).expect("is there"), b"hello");
}

#[test]
fn a_foreign_or_damaged_database() {
    let damaged = {
        let dir = tempfile::tempdir().expect("a directory");
        make_data(dir.path());
        let mut bytes = fs::read(dir.path().join("strongroom.db")).expect("is there");
        let middle = bytes.len() / 4;
        bytes[middle..].iter_mut().for_each(|byte| *byte ^= 0x5a);
        bytes
    };
    for content in [b"a letter to my aunt, long enough to be read as a header of 100 bytes or so".repeat(50), damaged] {
        let dir = tempfile::tempdir().expect("a directory");
        make_data(dir.path());
        for beside in ["strongroom.db-wal", "strongroom.db-shm"] {
            let _ = fs::remove_file(dir.path().join(beside));
        }
        fs::write(dir.path().join("strongroom.db"), &content).expect("writes");
        check(dev_on(dir.path()), 1, "database");
        assert_eq!(fs::read(dir.path().join("strongroom.db")).expect("is there"), content, "nothing was overwritten");
    }
}

#[test]
fn a_configuration_that_is_wrong() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "");
    let text = fs::read_to_string(&config).expect("is there");
    for (part, instead, expect) in [
        ("[limits]", "[limit]", "unknown field `limit`"),
        ("[limits]", "[limits]\nbody_bytes = 1", "limits.body_bytes: must be at least"),
        ("111122223333", "1111", "account.id: an account id has twelve digits"),
        ("data = \"data\"", "data = 5", "line 3"),
    ] {
        fs::write(&config, text.replacen(part, instead, 1)).expect("writes");
        check(serve(&config), 2, expect);
    }
    check(strongroom(["serve", "--config", "/nonexistent/strongroom.toml"]), 2, "/nonexistent/strongroom.toml");
}

#[test]
fn a_missing_or_wrong_passphrase() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "");
    let mut command = serve(&config);
    command.env_remove(PASSPHRASE_ENV);
    check(command, 2, PASSPHRASE_ENV);

    let program = Program::start(serve(&config));
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().code, Some(0));
    let mut command = serve(&config);
    command.env(PASSPHRASE_ENV, "wrong horse");
    let ended = run_to_end(command);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_one_message(&ended, "wrong key file or passphrase");
    assert!(!ended.stderr.contains("horse"), "{ended:?}");
}

#[test]
fn a_certificate_that_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "");
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let (good, secret) = (fs::read(&certificate).expect("is there"), fs::read_to_string(&key).expect("is there"));

    fs::write(&certificate, "hello").expect("writes");
    check(serve(&config), 2, "holds no certificate");
    fs::write(&certificate, &good).expect("writes");
    fs::write(&key, secret.replace("-----BEGIN", "----BEGIN")).expect("writes");
    check(serve(&config), 2, "holds no private key");
    crate::tls::write_pair(dir.path(), "localhost");
    fs::write(&certificate, &good).expect("writes");
    check(serve(&config), 2, "cannot be used");
    fs::remove_file(&certificate).expect("removes");
    check(serve(&config), 2, "cert.pem: No such file");
    let init = run_to_end(strongroom(["init", "--config", &config]));
    assert_eq!(init.code, Some(1), "half a pair is not made whole: {init:?}");
}

#[test]
fn what_init_makes_is_missing() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "");
    fs::remove_file(dir.path().join("root.key")).expect("removes");
    check(serve(&config), 1, "root.key");
    fs::remove_dir_all(dir.path().join("data")).expect("removes");
    check(serve(&config), 1, "strongroom init --config");
    assert!(!dir.path().join("data").exists(), "serve makes nothing");
}

fn serve(config: &str) -> Command {
    strongroom(["serve", "--config", config])
}

fn dev_on(data: &Path) -> Command {
    let mut command = strongroom(["dev", "--listen", "127.0.0.1:0", "--admin", "off"]);
    command.arg("--data").arg(data);
    command
}

/// Starts and stops a server on `data`.
#[track_caller]
fn make_data(data: &Path) {
    let program = Program::dev(Some(data));
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().code, Some(0));
}
