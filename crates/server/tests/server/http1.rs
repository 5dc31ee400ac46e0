//! HTTP/1.1 as clients speak it, well and badly.

use std::time::Duration;

use strongroom_server::config::Limits;

use crate::answer::Server;
use crate::client::{PATIENCE, Raw, post};

#[tokio::test]
async fn a_connection_carries_many_requests() {
    let server = Server::plain(Limits::default()).await;
    let mut raw = Raw::connect(server.address).await;
    for n in 0..3 {
        raw.send(post(&format!("/{n}?a=b"), "{}")).await;
        let reply = raw.reply().await;
        reply.assert_dressed();
        assert_eq!(reply.status, 200);
        let told = format!(r#""method":"POST","path":"/{n}","query":"a=b","host":"kms.test","length":2"#);
        assert!(reply.body.contains(&told), "{}", reply.body);
        assert!(reply.body.contains(r#""peer":"127.0.0.1","tls":"""#), "{}", reply.body);
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")));
        assert!(reply.header("date").is_some());
        assert_eq!(reply.header("x-strongroom-mode"), Some("dev"));
        assert_eq!(reply.header("connection"), None);
    }
}

#[tokio::test]
async fn requests_sent_in_one_write_are_answered_in_order() {
    let server = Server::plain(Limits::default()).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send([post("/sleep/50", "{}"), post("/second", ""), post("/third", "{}")].concat()).await;
    for path in ["/sleep/50", "/second", "/third"] {
        let reply = raw.reply().await;
        assert!(reply.body.contains(path), "{reply:?}");
    }
}

#[tokio::test]
async fn bodies_arrive_in_every_framing() {
    let server = Server::plain(Limits::default()).await;
    let mut raw = Raw::connect(server.address).await;

    raw.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert!(raw.reply().await.body.contains(r#""length":5,"sum":495"#));

    // One byte at a time, head and body.
    for byte in post("/", "abcde").bytes() {
        raw.send([byte]).await;
    }
    assert!(raw.reply().await.body.contains(r#""length":5,"sum":495"#));

    raw.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert!(raw.reply().await.body.contains(r#""method":"GET","path":"/","query":"","host":"h","length":0"#));

    let large = "x".repeat(600_000);
    raw.send(post("/", &large)).await;
    assert!(raw.reply().await.body.contains(r#""length":600000,"sum":72000000"#));

    raw.send("POST / HTTP/1.0\r\ncontent-length: 1\r\n\r\nx").await;
    assert!(raw.reply().await.body.contains(r#""length":1"#));
    raw.assert_closed().await;
}

#[tokio::test]
async fn a_reply_without_a_body_says_so() {
    let server = Server::plain(Limits::default()).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send(post("/empty", "{}")).await;
    let reply = raw.reply().await;
    reply.assert_dressed();
    assert_eq!(reply.header("content-length"), Some("0"));
}

#[tokio::test]
async fn who_asks_whether_to_send_is_told() {
    let server = Server::plain(Limits { body_bytes: 8192, ..Limits::default() }).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send("POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n").await;
    assert_eq!(raw.reply().await.status, 100);
    raw.send("abcde").await;
    assert!(raw.reply().await.body.contains(r#""length":5"#));

    raw.send("POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 8193\r\n\r\n").await;
    let reply = raw.reply().await;
    reply.assert_dressed();
    assert_eq!(reply.status, 413, "no 100 before it: {reply:?}");
    raw.assert_closed().await;
}

#[tokio::test]
async fn what_is_not_http_is_told_so_in_json_and_closed() {
    check("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03").await;
    check("POST / HTTP/1.1\r\nhost h\r\n\r\n").await;
    check("POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab").await;
    check("POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n").await;
    check("POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n").await;
    check("POST / HTTP/9.9\r\n\r\n").await;
    check("POST  / HTTP/1.1\r\n\r\n").await;
    check("\0\0\0\0").await;

    async fn check(bytes: &str) {
        let server = Server::plain(Limits::default()).await;
        let mut raw = Raw::connect(server.address).await;
        raw.send(bytes).await;
        let reply = raw.reply().await;
        assert_eq!(reply.status, 400, "{bytes:?}");
        assert_eq!(reply.body, r#"{"__type":"BadRequest"}"#);
        assert_eq!(reply.header("connection"), Some("close"));
        reply.assert_dressed();
        raw.assert_closed().await;
        // Nobody else is disturbed.
        let mut other = Raw::connect(server.address).await;
        other.send(post("/", "")).await;
        assert_eq!(other.reply().await.status, 200);
    }
}

#[tokio::test]
async fn a_broken_body_is_a_bad_request() {
    let server = Server::plain(Limits::default()).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n").await;
    let reply = raw.reply().await;
    reply.assert_dressed();
    assert_eq!((reply.status, reply.header("connection")), (400, Some("close")));
    raw.assert_closed().await;
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_lets_calls_finish() {
    let server = Server::plain(Limits::default()).await;
    let mut idle = Raw::connect(server.address).await;
    let mut used = Raw::connect(server.address).await;
    let mut busy = Raw::connect(server.address).await;
    used.send(post("/", "")).await;
    used.reply().await;
    busy.send(post("/sleep/500", "{}")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.pull();
    idle.assert_closed().await;
    used.assert_closed().await;
    let reply = busy.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    busy.assert_closed().await;
    assert!(tokio::time::timeout(PATIENCE, server.ended).await.expect("ends in time").expect("no panic"));
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_its_limit() {
    let server = Server::plain(Limits { shutdown_timeout_ms: 100, ..Limits::default() }).await;
    let mut busy = Raw::connect(server.address).await;
    busy.send(post("/sleep/60000", "{}")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.pull();
    assert!(!tokio::time::timeout(PATIENCE, server.ended).await.expect("ends in time").expect("no panic"));
}
