//! Families of figures as text: OpenMetrics 1.0, or Prometheus' older format for whoever does not ask for it.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use strongroom_service::{Family, Value};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposition {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Prometheus,
}

impl Exposition {
    /// The format that an Accept header asks for; Prometheus' own for whoever asks for nothing.
    pub(crate) fn wanted_by(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            Some(_) | None => Self::Prometheus,
        }
    }

    /// Its media type.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The families in this format.
    ///
    /// # Errors
    /// None that a string gives rise to.
    pub(crate) fn encode(self, families: Vec<Family>) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Families(families)));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(match self {
            Self::OpenMetrics => text,
            Self::Prometheus => to_prometheus(&text),
        })
    }
}

/// In the older format a counter is called as its samples are, with `_total`, and nothing marks the end.
fn to_prometheus(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len() + 1024);
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let help = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '));
        match (help, lines.peek().and_then(|next| next.strip_suffix(" counter"))) {
            (Some((name, text)), Some(_)) => {
                out += &format!("# HELP {name}_total {text}\n# TYPE {name}_total counter\n");
                lines.next();
            }
            (_, _) if line == "# EOF" => {}
            (_, _) => {
                out += line;
                out.push('\n');
            }
        }
    }
    out
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let Some(first) = family.samples.first() else { continue };
            let kind = match first.value {
                Value::Counter(_) => MetricType::Counter,
                Value::Gauge(_) => MetricType::Gauge,
                Value::Histogram { .. } => MetricType::Histogram,
            };
            let mut encoder = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for sample in &family.samples {
                match sample.labels.is_empty() {
                    true => value(&mut encoder, &sample.value)?,
                    false => value(&mut encoder.encode_family(&sample.labels)?, &sample.value)?,
                }
            }
        }
        Ok(())
    }
}

fn value(encoder: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    type NoExemplar = [(&'static str, &'static str); 0];
    match value {
        Value::Counter(count) => encoder.encode_counter::<NoExemplar, _, u64>(count, None),
        Value::Gauge(value) => encoder.encode_gauge(value),
        Value::Histogram { buckets, sum } => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            encoder.encode_histogram::<NoExemplar>(*sum, count, buckets, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_service::Sample;

    use super::*;

    fn families() -> Vec<Family> {
        let labelled = |operation, value| Sample { labels: vec![("operation", operation)], value };
        let histogram = Value::Histogram { buckets: vec![(0.5, 1), (f64::INFINITY, 2)], sum: 3.25 };
        vec![
            Family::new("t_calls", "Calls", vec![labelled("Sign", Value::Counter(3))]),
            Family::new("t_seconds", "Time", vec![labelled("Sign", histogram)]),
            Family::gauge("t_sealed", "Sealed", 0.0),
            Family::counter("t_lost", "Lost", 7),
            Family::new("t_nothing", "Without series", Vec::new()),
        ]
    }

    #[test]
    fn both_formats_are_exact() {
        let open = "# HELP t_calls Calls\n# TYPE t_calls counter\nt_calls_total{operation=\"Sign\"} 3\n\
            # HELP t_seconds Time\n# TYPE t_seconds histogram\nt_seconds_sum{operation=\"Sign\"} 3.25\n\
            t_seconds_count{operation=\"Sign\"} 3\nt_seconds_bucket{le=\"0.5\",operation=\"Sign\"} 1\n\
            t_seconds_bucket{le=\"+Inf\",operation=\"Sign\"} 3\n# HELP t_sealed Sealed\n# TYPE t_sealed gauge\n\
            t_sealed 0.0\n# HELP t_lost Lost\n# TYPE t_lost counter\nt_lost_total 7\n# EOF\n";
        let encoded = Exposition::OpenMetrics.encode(families()).expect("a string takes it");
        assert_eq!(encoded, open);
        let old = Exposition::Prometheus.encode(families()).expect("a string takes it");
        assert!(old.contains("# TYPE t_calls_total counter\nt_calls_total{operation=\"Sign\"} 3\n"), "{old}");
        assert!(old.contains("# TYPE t_lost_total counter\nt_lost_total 7\n"), "{old}");
        assert!(!old.contains("EOF") && old.contains("# TYPE t_seconds histogram\n"), "{old}");
    }

    #[test]
    fn the_format_is_chosen_by_the_accept_header() {
        check(None, Exposition::Prometheus);
        check(Some("*/*"), Exposition::Prometheus);
        check(Some("text/plain;version=0.0.4"), Exposition::Prometheus);
        let scraper =
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5";
        check(Some(scraper), Exposition::OpenMetrics);

        #[track_caller]
        fn check(accept: Option<&str>, expect: Exposition) {
            assert_eq!(Exposition::wanted_by(accept), expect);
        }
    }
}
