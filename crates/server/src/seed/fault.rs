//! A fault rule as it is written: in a seed file, in a call of the admin listener, on the command line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strongroom_core::arn::KeyRef;
use strongroom_core::generated::OpName;
use strongroom_service::{FaultRule, InjectedError, Probability};

/// What stands for every operation and for all keys.
const ANY: &str = "*";

/// A rule in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultText {
    /// An operation such as `Decrypt`; `*` or nothing means every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
    /// A key: id, ARN, alias name or alias ARN. `*` or nothing means every call, with or without a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// `ThrottlingException`, `KMSInternalException`, `KeyUnavailableException` or `DependencyTimeoutException`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// How long the call waits first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<u32>,
    /// How often the rule acts before it is gone; without it, until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u32>,
    /// How likely it acts on a call that it meets, above 0 and up to 1; without it, always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
    /// What decides the chance: the same seed decides alike. Without it, 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
}

/// What is wrong with a rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub(crate) struct BadFault {
    /// The field.
    pub(crate) field: &'static str,
    /// What it needs.
    pub(crate) problem: String,
}

impl FaultText {
    /// The rule that is meant.
    pub(crate) fn rule(&self) -> Result<FaultRule, BadFault> {
        let bad = |field, problem: &str| BadFault { field, problem: problem.to_owned() };
        let named = |text: &Option<String>| text.clone().filter(|text| text != ANY);
        let operation = named(&self.operation).map(|name| {
            OpName::ALL
                .iter()
                .copied()
                .find(|op| op.as_str() == name)
                .ok_or_else(|| bad("operation", "the name of an operation such as Decrypt is needed, or *"))
        });
        let key = named(&self.key).map(|name| {
            name.parse::<KeyRef>()
                .map_err(|_| bad("key", "a key id, a key ARN, an alias or an alias ARN is needed, or *"))
        });
        let error = self.error.as_deref().map(|name| {
            let names = InjectedError::ALL.iter().map(|error| error.as_str()).collect::<Vec<_>>().join(", ");
            InjectedError::from_name(name).ok_or_else(|| bad("error", &format!("one of {names} is needed")))
        });
        if self.seed.is_some() && self.probability.is_none() {
            return Err(bad("seed", "there is no probability that it could decide"));
        }
        let rule = FaultRule {
            operation: operation.transpose()?,
            key: key.transpose()?,
            error: error.transpose()?,
            latency_ms: self.latency_ms.unwrap_or(0),
            count: self.count,
            probability: self.probability.map(|value| Probability { value, seed: self.seed.unwrap_or(0) }),
        };
        match rule.check() {
            Ok(()) => Ok(rule),
            Err(error) => Err(BadFault { field: error.field(), problem: error.to_string() }),
        }
    }

    /// The words for a rule.
    pub(crate) fn of(rule: &FaultRule) -> Self {
        Self {
            operation: rule.operation.map(|op| op.as_str().to_owned()),
            key: rule.key.as_ref().map(name_of),
            error: rule.error.map(|error| error.as_str().to_owned()),
            latency_ms: Some(rule.latency_ms).filter(|millis| *millis > 0),
            count: rule.count,
            probability: rule.probability.map(|probability| probability.value),
            seed: rule.probability.map(|probability| probability.seed),
        }
    }
}

fn name_of(key: &KeyRef) -> String {
    match key {
        KeyRef::Id(id) => id.to_string(),
        KeyRef::Arn(arn) => arn.to_string(),
        KeyRef::Alias(alias) => alias.to_string(),
        KeyRef::AliasArn(arn) => arn.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_written() {
        check(r#"{"error": "ThrottlingException"}"#, Ok(()));
        check(r#"{"latency_ms": 5, "operation": "Decrypt", "key": "alias/a", "count": 3}"#, Ok(()));
        check(r#"{"error": "KMSInternalException", "probability": 0.5, "seed": 7}"#, Ok(()));
        check(r#"{"error": "KeyUnavailableException", "key": "arn:aws:kms:us-east-1:111122223333:alias/a"}"#, Ok(()));
        check("{}", Err("error"));
        check(r#"{"error": "Throttling"}"#, Err("error"));
        check(r#"{"latency_ms": 5, "operation": "decrypt"}"#, Err("operation"));
        check(r#"{"latency_ms": 5, "key": "k"}"#, Err("key"));
        check(r#"{"latency_ms": 5, "count": 0}"#, Err("count"));
        check(r#"{"latency_ms": 5, "seed": 1}"#, Err("seed"));
        check(r#"{"latency_ms": 5, "probability": 2}"#, Err("probability"));
        check(r#"{"latency_ms": 1000000}"#, Err("latency_ms"));

        #[track_caller]
        fn check(json: &str, expect: Result<(), &str>) {
            let text: FaultText = serde_json::from_str(json).expect("JSON of this form");
            let rule = text.rule();
            assert_eq!(rule.as_ref().map(drop).map_err(|bad| bad.field), expect, "{json}");
            if let Ok(rule) = rule {
                assert_eq!(FaultText::of(&rule).rule(), Ok(rule));
            }
        }
    }

    #[test]
    fn a_star_means_all() {
        let text = FaultText {
            operation: Some("*".into()),
            key: Some("*".into()),
            latency_ms: Some(1),
            ..FaultText::default()
        };
        let rule = text.rule().expect("a rule");
        assert_eq!((rule.operation, rule.key), (None, None));
    }
}
