//! Calls as OpenTelemetry traces, exported by OTLP (gRPC) to a collector when one is configured.
//!
//! # Invariants
//! - Without a collector no span is made: a call pays for one look at a flag.
//! - A span holds what the audit record's head holds (operation, request id, error code) and nothing of a body.
//! - A collector that is slow or away costs spans, never a call: they wait in a bounded queue, and are dropped beyond it.
//!
//! # Not here
//! TLS to the collector: it runs on this machine or its network, as collectors do.

use std::sync::OnceLock;
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanId, TraceId, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, IdGenerator, SdkTracerProvider, Span, SpanData, SpanProcessor};
use strongroom_core::world::Rng;
use strongroom_crypto::rng::SystemRng;
use tracing::Subscriber;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

/// The target of every span that belongs to a trace; the service uses it, too.
const TARGET: &str = "strongroom::call";

/// How long the last spans may take on their way when the server ends.
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// Where spans go, once there is a collector. The layer that feeds it exists from the start, when there is none yet.
static COLLECTOR: OnceLock<BatchSpanProcessor> = OnceLock::new();

/// The layer that turns spans into traces.
pub(super) fn layer<S>() -> OpenTelemetryLayer<S, opentelemetry_sdk::trace::Tracer>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let provider =
        SdkTracerProvider::builder().with_id_generator(OwnRandomness).with_span_processor(ToCollector).build();
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("strongroom"))
        .with_location(false)
        .with_threads(false)
        // A span is named by its operation, which is known only after it was entered.
        .with_context_activation(false)
}

/// Which spans the layer gets: none before there is a collector.
pub(super) fn targets(on: bool) -> Targets {
    Targets::new().with_target(TARGET, if on { LevelFilter::DEBUG } else { LevelFilter::OFF })
}

/// Exports to the collector at `endpoint` from now on. Called once, inside the runtime.
///
/// # Errors
/// When the endpoint is none.
pub(crate) fn export_to(endpoint: &str) -> Result<(), ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let mut processor = BatchSpanProcessor::builder(exporter).build();
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    processor.set_resource(&Resource::builder().with_service_name("strongroom").with_attribute(version).build());
    if COLLECTOR.set(processor).is_ok() {
        super::log::trace_calls();
    }
    Ok(())
}

/// Sends what is left. Called at the end, inside the runtime.
pub(crate) async fn finish() {
    if let Some(collector) = COLLECTOR.get() {
        let sending = tokio::task::spawn_blocking(|| collector.shutdown_with_timeout(LAST_EXPORT));
        if !matches!(sending.await, Ok(Ok(()))) {
            tracing::warn!("the last spans did not reach the collector");
        }
    }
}

/// The span of one call, under the caller's own when a W3C `traceparent` names it. Disabled when nobody listens.
pub(crate) fn call_span(headers: &HeaderMap) -> tracing::Span {
    let span = tracing::debug_span!(
        target: TARGET,
        "call",
        otel.name = Empty,
        otel.kind = "server",
        rpc.system = "aws-api",
        operation = Empty,
        request.id = Empty,
        error.code = Empty,
    );
    if !span.is_disabled() {
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
        // Refused only where the layer is missing, and then there is nothing to join.
        let _ = span.set_parent(parent);
    }
    span
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Hands spans on to the collector that there may be.
#[derive(Debug)]
struct ToCollector;

impl SpanProcessor for ToCollector {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        if let Some(collector) = COLLECTOR.get() {
            collector.on_start(span, cx);
        }
    }

    fn on_end(&self, span: SpanData) {
        if let Some(collector) = COLLECTOR.get() {
            collector.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        COLLECTOR.get().map_or(Ok(()), SpanProcessor::force_flush)
    }

    /// The collector outlives the layer; [`finish`] ends it.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Identifiers from the service's own generator.
#[derive(Debug)]
struct OwnRandomness;

impl IdGenerator for OwnRandomness {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(random())
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(random())
    }
}

/// Without randomness the identifier is the invalid one, and its span is not exported.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = SystemRng.fill(&mut bytes);
    bytes
}
