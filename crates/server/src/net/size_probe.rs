#[cfg(test)]
#[tokio::test]
async fn sizes() {
    use std::sync::Arc;
    use strongroom_service::*;
    let rng = strongroom_crypto::rng::SystemRng;
    let node = Node::start(Parts { store: Arc::new(strongroom_store::MemoryStore::new()), seal: Box::new(strongroom_vault::seal::MemorySeal::random(&rng).expect("r")), clock: Arc::new(strongroom_core::world::SystemClock), rng: Arc::new(rng), identity: IdentityConfig{accounts: vec![]}, mode: Mode::Dev, limits: strongroom_service::Limits::default() }).await.expect("s");
    let headers = http::HeaderMap::new();
    let f = node.answer(Request { method: "POST", path: "/", query: None, headers: &headers, body: b"", peer: std::net::Ipv4Addr::LOCALHOST.into(), tls: None });
    println!("answer {}", std::mem::size_of_val(&f));
    println!("parts {}", std::mem::size_of::<http::request::Parts>());
    fn fut<A: super::Answer, F: std::future::Future>(_: fn(Arc<super::http::Connection<A>>, hyper::Request<hyper::body::Incoming>) -> F) -> usize { std::mem::size_of::<F>() }
    println!("respond {}", fut(super::http::Connection::<Node>::respond));
}
