//! The `[quotas]` table.

use std::collections::BTreeMap;

use serde::Deserialize;
use strongroom_service::{Quotas, RequestQuota, RequestRates, ResourceQuotas};
use toml::Spanned;

use super::{ConfigError, Reader};

/// The largest quota that is one.
const QUOTA_MAX: f64 = 1e9;

/// The table as it is written. What it does not say is as AWS has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotasText {
    throttle: Option<bool>,
    keys: Option<Spanned<f64>>,
    aliases_per_key: Option<Spanned<f64>>,
    grants_per_key: Option<Spanned<f64>>,
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
        let aws = ResourceQuotas::aws_defaults();
        let resources = ResourceQuotas {
            keys: self.resource_quota("quotas.keys", text.keys.as_ref(), aws.keys)?,
            aliases_per_key: self.resource_quota(
                "quotas.aliases_per_key",
                text.aliases_per_key.as_ref(),
                aws.aliases_per_key,
            )?,
            grants_per_key: self.resource_quota(
                "quotas.grants_per_key",
                text.grants_per_key.as_ref(),
                aws.grants_per_key,
            )?,
        };
        Ok(Quotas { requests: text.throttle.unwrap_or(true).then_some(rates), resources })
    }

    fn resource_quota(
        &self,
        field: &'static str,
        given: Option<&Spanned<f64>>,
        default: Option<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let Some(given) = given else { return Ok(default) };
        match *given.get_ref() {
            f64::INFINITY => Ok(None),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in this range")]
            number if (1.0..=QUOTA_MAX).contains(&number) && number.fract() == 0.0 => Ok(Some(number as u64)),
            _ => Err(self.wrong(given.span(), field, "a quota is a whole number from 1 to 1000000000, or inf")),
        }
    }
}
