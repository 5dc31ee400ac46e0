//! An OpenTelemetry collector: OTLP 1.0 logs over HTTP, in the protocol's binary encoding.
//!
//! The record's body is the event; its id, name and error are attributes. Plain HTTP: a collector is a neighbour, and TLS to one
//! farther away is its own business.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use strongroom_wire::time::parse_iso8601;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::{Sink, parsed};
use crate::net::{Whole, read_whole};

/// From the first packet to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const ANSWER_MAX_BYTES: usize = 1 << 20;
/// Where a collector takes logs unless the address says otherwise.
const PATH: &str = "/v1/logs";

/// Where a collector takes logs: `http://host:port/v1/logs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorAddress {
    host: String,
    port: u16,
    path: String,
}

impl FromStr for CollectorAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "an address such as \"http://127.0.0.1:4318/v1/logs\"";
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        if uri.scheme_str() != Some("http") {
            return Err(FORM);
        }
        let (host, port) = (uri.host().ok_or(FORM)?.to_owned(), uri.port_u16().ok_or(FORM)?);
        let path = uri.path_and_query().map(|path| path.as_str()).filter(|path| *path != "/").unwrap_or(PATH);
        Ok(Self { host, port, path: path.to_owned() })
    }
}

/// A way to a collector.
pub(super) struct Otlp {
    address: CollectorAddress,
    runtime: Runtime,
}

impl Otlp {
    /// # Errors
    /// When the system refuses what a socket is waited for with.
    pub(super) fn new(address: CollectorAddress) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { address, runtime })
    }

    async fn post(&self, body: Vec<u8>) -> io::Result<Vec<u8>> {
        let CollectorAddress { host, port, path } = &self.address;
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), *port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let connection = tokio::spawn(connection);
        let request = Request::post(path.as_str())
            .header(HOST, format!("{host}:{port}"))
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, "strongroom")
            .body(Whole::new(body))
            .map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let answer = read_whole(response.into_body(), ANSWER_MAX_BYTES).await;
        connection.abort();
        match status {
            StatusCode::OK => answer,
            status => Err(io::Error::other(format!("the collector answered with status {}", status.as_u16()))),
        }
    }
}

impl Sink for Otlp {
    fn send(&mut self, events: &[Vec<u8>]) -> io::Result<u64> {
        let body = request(events).encode_to_vec();
        let sending = async {
            let late = io::Error::new(io::ErrorKind::TimedOut, "the collector did not answer in time");
            tokio::time::timeout(TIMEOUT, self.post(body)).await.unwrap_or(Err(late))
        };
        let answer = self.runtime.block_on(sending)?;
        let answer = ExportLogsServiceResponse::decode(&answer[..]).map_err(io::Error::other)?;
        // What a collector refuses it must not be sent again (OTLP, partial success).
        let refused = answer.partial_success.map_or(0, |partial| partial.rejected_log_records);
        Ok(u64::try_from(refused).unwrap_or(0))
    }
}

fn request(events: &[Vec<u8>]) -> ExportLogsServiceRequest {
    let version = attribute("service.version", env!("CARGO_PKG_VERSION"));
    let resource =
        Resource { attributes: vec![attribute("service.name", "strongroom"), version], ..Resource::default() };
    let scope = InstrumentationScope { name: "strongroom.audit".to_owned(), ..InstrumentationScope::default() };
    let log_records = events.iter().map(|event| record(event)).collect();
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource),
            scope_logs: vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }],
            ..ResourceLogs::default()
        }],
    }
}

fn record(event: &[u8]) -> LogRecord {
    let parsed = parsed(event);
    let millis = parsed["eventTime"].as_str().and_then(parse_iso8601).map_or(0, |at| at.as_millis());
    let nanos = u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000);
    let named = [("event.id", "eventID"), ("event.source", "eventSource"), ("error.type", "errorCode")];
    let attributes = named.iter().filter_map(|(name, member)| Some(attribute(name, parsed[*member].as_str()?)));
    LogRecord {
        time_unix_nano: nanos,
        observed_time_unix_nano: nanos,
        severity_number: SeverityNumber::Info.into(),
        severity_text: "INFO".to_owned(),
        body: Some(text(&String::from_utf8_lossy(event))),
        attributes: attributes.collect(),
        event_name: parsed["eventName"].as_str().unwrap_or_default().to_owned(),
        ..LogRecord::default()
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(text(value)), ..KeyValue::default() }
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        check("http://127.0.0.1:4318/v1/logs", Some(("127.0.0.1", 4318, "/v1/logs")));
        check("http://collector:4318", Some(("collector", 4318, "/v1/logs")));
        check("http://collector:4318/", Some(("collector", 4318, "/v1/logs")));
        check("http://[::1]:80/otlp/v1/logs", Some(("[::1]", 80, "/otlp/v1/logs")));
        check("https://collector:4318", None);
        check("http://collector", None);
        check("http://collector:4318/a b", None);
        check("collector:4318", None);

        #[track_caller]
        fn check(text: &str, expect: Option<(&str, u16, &str)>) {
            let read = text.parse::<CollectorAddress>().ok();
            assert_eq!(read.as_ref().map(|read| (&*read.host, read.port, &*read.path)), expect, "{text}");
        }
    }

    #[test]
    fn an_event_becomes_a_log_record() {
        let event = br#"{"eventTime":"2026-09-21T14:13:20Z","eventID":"0-1","eventName":"Encrypt"}"#.to_vec();
        let request = request(std::slice::from_ref(&event));
        let record = &request.resource_logs[0].scope_logs[0].log_records[0];
        assert_eq!(record.time_unix_nano, 1_790_000_000_000_000_000);
        assert_eq!(record.body, Some(text(&String::from_utf8_lossy(&event))));
        assert_eq!(record.event_name, "Encrypt");
        assert_eq!(record.attributes, [attribute("event.id", "0-1")]);
    }
}
