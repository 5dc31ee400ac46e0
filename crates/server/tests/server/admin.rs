//! The admin listener of the real program: who is let in, what it answers, and the commands that ask it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::client::{Raw, RawReply};
use crate::program::{Ended, Program, configure, run_to_end, strongroom};

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> RawReply {
    let mut raw = Raw::connect(address).await;
    let length = body.len();
    raw.send(format!("{method} {path} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n{body}")).await;
    raw.reply().await
}

/// Strings that tell one answer from another.
fn word(reply: &RawReply) -> String {
    let json: Value = serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("JSON: {reply:?}"));
    json["error"].as_str().or(json["status"].as_str()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn in_dev_programs_of_this_machine_are_let_in_and_browsers_are_not() {
    let program = Program::dev(None);
    let admin = program.admin.expect("was asked for");
    check(admin, "GET", "/healthz", "host: localhost\r\n", 200, "ok").await;
    check(admin, "GET", "/readyz", "host: 127.0.0.1:4600\r\n", 200, "ready").await;
    check(admin, "GET", "/status", "host: [::1]:4600\r\n", 200, "").await;
    check(admin, "GET", "/status", "host: localhost\r\norigin: http://localhost\r\n", 403, "forbidden").await;
    check(admin, "GET", "/healthz", "host: localhost\r\norigin: null\r\n", 403, "forbidden").await;
    check(admin, "GET", "/status", "host: evil.example\r\n", 403, "forbidden").await;
    check(admin, "GET", "/nothing", "host: localhost\r\n", 404, "not_found").await;
    check(admin, "POST", "/healthz", "host: localhost\r\n", 404, "not_found").await;
    check(admin, "POST", "/log-level", "host: localhost\r\n", 400, "bad_request").await;
    assert_eq!(ask(admin, "GET", "/healthz", "host: localhost\r\n", "").await.header("x-strongroom-mode"), Some("dev"));

    async fn check(admin: SocketAddr, method: &str, path: &str, headers: &str, status: u16, expect: &str) {
        let reply = ask(admin, method, path, headers, "").await;
        assert_eq!((reply.status, word(&reply).as_str()), (status, expect), "{method} {path} {headers:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn in_serve_the_token_lets_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = configure(dir.path(), "");
    let program = Program::start(strongroom(["serve", "--config", &config]));
    let admin = program.admin.expect("is configured");
    let file = dir.path().join("data/admin.token");
    assert_eq!(fs::metadata(&file).expect("was made").permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&file).expect("is text");
    let token = token.trim_end();
    let (head, tail) = token.split_at(32);

    check(admin, "/healthz", "", 200).await;
    check(admin, "/readyz", "", 200).await;
    check(admin, "/status", "", 403).await;
    check(admin, "/status", &format!("authorization: Bearer {token}\r\n"), 200).await;
    check(admin, "/status", &format!("authorization: Bearer {token}0\r\n"), 403).await;
    check(admin, "/status", &format!("authorization: Bearer {head}\r\n"), 403).await;
    check(admin, "/status", &format!("authorization: Bearer {tail}{head}\r\n"), 403).await;
    check(admin, "/status", "authorization: Bearer \r\n", 403).await;
    check(admin, "/status", &format!("authorization: Basic {token}\r\n"), 403).await;

    async fn check(admin: SocketAddr, path: &str, headers: &str, status: u16) {
        let reply = ask(admin, "GET", path, &format!("host: strongroom\r\n{headers}"), "").await;
        assert_eq!(reply.status, status, "{path} {headers:?}: {reply:?}");
    }

    // The commands find the address and the token.
    let address = admin.to_string();
    let status = command(&["status", "--config", &config, "--admin", &address, "--output", "json"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    let json: Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!((json["mode"].as_str(), json["ready"].as_bool()), (Some("serve"), Some(true)));
    let file = file.to_str().expect("is text");
    let status = command(&["status", "--admin", &address, "--admin-token-file", file]);
    assert_eq!(status.code, Some(0), "{status:?}");
    let refused = command(&["status", "--admin", &address]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("admin.token"), "{refused:?}");

    program.signal(Signal::SIGTERM);
    let ended = program.end();
    assert!(!ended.stderr.contains(token), "{ended:?}");
}

#[test]
fn the_log_level_changes_while_it_runs() {
    let program = Program::dev(None);
    let address = program.admin.expect("was asked for").to_string();
    let level = |more: &[&str]| {
        let ended = command(&[&["log-level", "--admin", &address], more].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.trim().to_owned()
    };
    assert_eq!(level(&[]), "info");
    assert_eq!(level(&["trace"]), "trace");
    assert_eq!(level(&[]), "trace");
    assert_eq!(level(&["error", "--output", "json"]), "{\n  \"level\": \"error\"\n}");
    program.signal(Signal::SIGTERM);
    let ended = program.end();
    assert!(ended.stderr.contains("the log level was changed"), "{ended:?}");
}

#[test]
fn a_taken_default_port_is_no_reason_not_to_start_and_a_taken_choice_is() {
    let first = Program::dev(None);
    let taken = first.admin.expect("was asked for").to_string();
    let refused = command(&["dev", "--listen", "127.0.0.1:0", "--admin", &taken]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("another program is listening there"), "{refused:?}");

    // Whoever of all tests has the default port, one of these two has not.
    let both = [(); 2].map(|()| Program::start(strongroom(["dev", "--listen", "127.0.0.1:0"])));
    assert!(both.iter().any(|program| program.admin.is_none()));
    let off = Program::start(strongroom(["dev", "--listen", "127.0.0.1:0", "--admin", "off"]));
    assert_eq!(off.admin, None);
    off.signal(Signal::SIGTERM);
    assert!(!off.end().stderr.contains("admin"), "it was told to have none");
}

#[test]
fn nobody_home() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        listener.local_addr().expect("is bound").to_string()
    };
    let ended = command(&["status", "--admin", &address]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&format!("no server answers on the admin address {address}")), "{ended:?}");
    let ended = command(&["status", "--config", "/nonexistent/strongroom.toml"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[test]
fn the_admin_address_of_dev_is_on_loopback() {
    for address in ["0.0.0.0:0", "192.0.2.1:4600", "on"] {
        let ended = command(&["dev", "--listen", "127.0.0.1:0", "--admin", address]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
}

fn command(args: &[&str]) -> Ended {
    assert!(Path::new(env!("CARGO_BIN_EXE_strongroom")).exists());
    run_to_end(strongroom(args.iter().copied()))
}

#[tokio::test]
async fn figures_in_both_formats() {
    let program = Program::dev(None);
    let admin = program.admin.expect("was asked for");
    let mut raw = Raw::connect(program.address).await;
    raw.send(crate::client::post("/", "{}")).await;
    raw.reply().await;

    let text = ask(admin, "GET", "/metrics", "host: localhost\r\n", "").await;
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(text.body.contains("# TYPE strongroom_calls_total counter\n"), "{}", text.body);
    assert!(
        text.body.contains(
            "strongroom_calls_total{service=\"kms\",operation=\"None\",code=\"UnknownOperationException\"} 1\n"
        ),
        "{}",
        text.body
    );
    assert!(text.body.contains("strongroom_build_info{version=\""), "{}", text.body);

    let accept = "host: localhost\r\naccept: application/openmetrics-text;version=1.0.0\r\n";
    let open = ask(admin, "GET", "/metrics", accept, "").await;
    assert_eq!(open.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(open.body.ends_with("# EOF\n") && open.body.contains("# TYPE strongroom_calls counter\n"), "{}", open.body);
}
