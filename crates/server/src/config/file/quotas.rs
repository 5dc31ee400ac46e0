//! The `[quotas]` table.

use std::collections::BTreeMap;

use serde::Deserialize;
use strongroom_service::{Quotas, RequestQuota, RequestRates};
use toml::Spanned;

use super::{ConfigError, Reader};

/// The table as it is written. What it does not say is as AWS has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotasText {
    throttle: Option<bool>,
    #[serde(default)]
    requests_per_second: BTreeMap<String, Spanned<f64>>,
}

/// A file that has this table alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotasFile {
    pub(super) quotas: QuotasText,
}

impl Reader<'_> {
    pub(super) fn quotas(&self, text: &QuotasText) -> Result<Quotas, ConfigError> {
        let mut rates = RequestRates::default();
        for (name, per_second) in &text.requests_per_second {
            let wrong = |problem: &dyn std::fmt::Display| {
                self.wrong(per_second.span(), "quotas.requests_per_second", &problem.to_string())
            };
            let quota: RequestQuota = name.parse().map_err(|error| wrong(&error))?;
            rates.set(quota, *per_second.get_ref()).map_err(|error| wrong(&error))?;
        }
        Ok(Quotas { requests: text.throttle.unwrap_or(true).then_some(rates) })
    }
}
