//! An answer that tells what it was asked, and a server around it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use strongroom_core::ids::RequestId;
use strongroom_server::config::Limits;
use strongroom_server::net::{Answer, Settings, Stop, TlsIdentity, serve};
use strongroom_service::{Refusal, Reply, Request};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::JSON;

/// Tells method, path, Host, body length and TLS version; `/sleep/MS` takes its time, `/empty` has no body.
pub(crate) struct Echo;

impl Answer for Echo {
    fn answer(self: &Arc<Self>, request: Request<'_>) -> impl Future<Output = Reply> + Send {
        let host = request.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        let tls = request.tls.map_or_else(String::new, |tls| {
            format!(
                "{} {} {} {}",
                tls.version,
                tls.cipher_suite,
                tls.key_exchange.as_deref().unwrap_or("none"),
                tls.host.as_deref().unwrap_or("none")
            )
        });
        let told = format!(
            r#"{{"method":"{}","path":"{}","query":"{}","host":"{host}","length":{},"sum":{},"peer":"{}","tls":"{tls}"}}"#,
            request.method,
            request.path,
            request.query.unwrap_or_default(),
            request.body.len(),
            request.body.iter().map(|byte| u64::from(*byte)).sum::<u64>(),
            request.peer,
        );
        let sleep_ms = request.path.strip_prefix("/sleep/").and_then(|ms| ms.parse().ok());
        let body = if request.path == "/empty" { Vec::new() } else { told.into_bytes() };
        async move {
            if let Some(ms) = sleep_ms {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            reply(200, body)
        }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        let status = match refusal {
            Refusal::BodyTooLarge => 413,
            Refusal::HeadTooLarge => 431,
            Refusal::Timeout => 408,
            Refusal::BadRequest => 400,
            Refusal::Overloaded => 503,
        };
        reply(status, format!(r#"{{"__type":"{refusal:?}"}}"#).into_bytes())
    }
}

fn reply(status: u16, body: Vec<u8>) -> Reply {
    Reply { status, request_id: RequestId::from_random([7; 16]), content_type: JSON, body: body.into() }
}

/// A running accept loop.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: Stop,
    /// Ends with whether everything under way had ended in time.
    pub(crate) ended: JoinHandle<bool>,
}

impl Server {
    /// Plain HTTP with `limits`.
    pub(crate) async fn plain(limits: Limits) -> Self {
        Self::start(limits, None).await
    }

    pub(crate) async fn start(limits: Limits, tls: Option<Arc<TlsIdentity>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("is bound");
        let stop = Stop::default();
        let settings = Settings { limits, tls, dev: true };
        let ended = tokio::spawn(serve(listener, settings, Arc::new(Echo), stop.clone()));
        Self { address, stop, ended }
    }
}
