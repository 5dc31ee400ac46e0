//! Each limit from both sides: what is just allowed, and what is just too much.

use std::time::{Duration, Instant};

use strongroom_server::config::Limits;

use crate::answer::Server;
use crate::client::{Raw, post};

#[tokio::test]
async fn a_head_has_a_size() {
    let limits = Limits { head_bytes: 8192, ..Limits::default() };
    check(&limits, &format!("x-pad: {}\r\n", "x".repeat(7000)), 200).await;
    check(&limits, &format!("x-pad: {}\r\n", "x".repeat(9000)), 431).await;
    check(&limits, &format!("x-pad: {}\r\n", "x".repeat(500_000)), 431).await;
    check(&limits, &"a: b\r\n".repeat(98), 200).await;
    check(&limits, &"a: b\r\n".repeat(200), 431).await;

    async fn check(limits: &Limits, headers: &str, status: u16) {
        let server = Server::plain(limits.clone()).await;
        let mut raw = Raw::connect(server.address).await;
        raw.send(format!("POST / HTTP/1.1\r\nhost: h\r\n{headers}\r\n")).await;
        let reply = raw.reply().await;
        reply.assert_dressed();
        assert_eq!(reply.status, status, "{} bytes of headers", headers.len());
        if status != 200 {
            assert_eq!(reply.body, r#"{"__type":"HeadTooLarge"}"#);
            raw.assert_closed().await;
        }
    }
}

#[tokio::test]
async fn a_body_has_a_size() {
    let server = Server::plain(Limits { body_bytes: 10_000, ..Limits::default() }).await;
    let mut raw = Raw::connect(server.address).await;
    // The connection lives on: what was too large has been read to its end.
    for (length, status) in [(10_000, 200), (10_001, 413), (9_999, 200), (200_000, 413), (1, 200)] {
        raw.send(post("/", &"x".repeat(length))).await;
        let reply = raw.reply().await;
        reply.assert_dressed();
        assert_eq!(reply.status, status, "{length} bytes");
    }
    for (chunks, status) in [(10, 200), (11, 413), (300, 413), (10, 200)] {
        let body = format!("3e8\r\n{}\r\n", "x".repeat(1000)).repeat(chunks);
        raw.send(format!("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{body}0\r\n\r\n")).await;
        let reply = raw.reply().await;
        reply.assert_dressed();
        assert_eq!(reply.status, status, "{chunks} chunks");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let limits = Limits { body_bytes: 10_000, discarded_body_bytes: 50_000, ..Limits::default() };
    let server = Server::plain(limits).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send(format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n{}", "x".repeat(70_000))).await;
    let reply = raw.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    raw.assert_closed().await;
}

#[tokio::test]
async fn a_head_has_its_time() {
    let limits = Limits { head_timeout_ms: 200, ..Limits::default() };
    let server = Server::plain(limits).await;
    // A first request, and one after another: both kinds of wait are the same.
    let mut raw = Raw::connect(server.address).await;
    raw.send("POST / HTT").await;
    assert_closed_after(&mut raw, 200).await;

    let mut raw = Raw::connect(server.address).await;
    raw.send(post("/", "{}")).await;
    raw.reply().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    raw.send("POST / HTTP/1.1\r\nhost:").await;
    assert_closed_after(&mut raw, 200).await;

    // A byte now and then does not help.
    let mut raw = Raw::connect(server.address).await;
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(150) {
        raw.send("P").await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    raw.assert_closed().await;
    assert!(since.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_body_has_its_time() {
    let server = Server::plain(Limits { body_timeout_ms: 200, ..Limits::default() }).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send(post("/", "{}")).await;
    raw.reply().await;
    let since = Instant::now();
    raw.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nabc").await;
    let reply = raw.reply().await;
    reply.assert_dressed();
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert_eq!(reply.body, r#"{"__type":"Timeout"}"#);
    assert!((200..5000).contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
    raw.assert_closed().await;
}

#[tokio::test]
async fn a_slow_body_within_its_time_is_taken() {
    let server = Server::plain(Limits { head_timeout_ms: 100, ..Limits::default() }).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nab").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    raw.send("cde").await;
    assert!(raw.reply().await.body.contains(r#""length":5"#));
}

#[tokio::test]
async fn an_answer_has_its_time() {
    let server = Server::plain(Limits { reply_timeout_ms: 200, ..Limits::default() }).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send(post("/sleep/60000", "{}")).await;
    let reply = raw.reply().await;
    reply.assert_dressed();
    assert_eq!(reply.status, 408);
    // The request was read whole, so that the connection can go on.
    raw.send(post("/sleep/10", "{}")).await;
    assert_eq!(raw.reply().await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_has_its_time() {
    let server = Server::plain(Limits { idle_timeout_ms: 400, ..Limits::default() }).await;
    let mut silent = Raw::connect(server.address).await;
    let mut used = Raw::connect(server.address).await;
    // Each request starts the time anew; an answer that takes longer is not idleness.
    for _ in 0..3 {
        used.send(post("/sleep/600", "{}")).await;
        assert_eq!(used.reply().await.status, 200);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    silent.assert_closed().await;
    assert_closed_after(&mut used, 100).await;
}

#[tokio::test]
async fn connections_have_a_number() {
    let server = Server::plain(Limits { connections: 2, ..Limits::default() }).await;
    let mut first = Raw::connect(server.address).await;
    let mut second = Raw::connect(server.address).await;
    for raw in [&mut first, &mut second] {
        raw.send(post("/", "")).await;
        assert_eq!(raw.reply().await.status, 200);
    }
    let mut third = Raw::connect(server.address).await;
    third.send(post("/", "")).await;
    let reply = third.reply().await;
    reply.assert_dressed();
    assert_eq!((reply.status, reply.header("connection")), (503, Some("close")));
    assert_eq!(reply.body, r#"{"__type":"Overloaded"}"#);
    third.assert_closed().await;

    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut fourth = Raw::connect(server.address).await;
    fourth.send(post("/", "")).await;
    assert_eq!(fourth.reply().await.status, 200, "the place of the first is free");
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_let_go() {
    let limits = Limits { write_timeout_ms: 300, connections: 1, ..Limits::default() };
    let server = Server::plain(limits).await;
    let stream = tokio::net::TcpStream::connect(server.address).await.expect("listens");
    let request = post("/", "");
    // Requests without end, replies unread: both directions fill up.
    let mut pushing = stream;
    let pushed = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while pushing.write_all(request.as_bytes()).await.is_ok() {}
    });
    tokio::time::timeout(crate::client::PATIENCE, pushed).await.expect("the server gives up").expect("no panic");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut next = Raw::connect(server.address).await;
    next.send(post("/", "")).await;
    assert_eq!(next.reply().await.status, 200, "its place is free");
}

async fn assert_closed_after(raw: &mut Raw<tokio::net::TcpStream>, least_ms: u128) {
    let since = Instant::now();
    raw.assert_closed().await;
    assert!((least_ms - 50..5000).contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
}
