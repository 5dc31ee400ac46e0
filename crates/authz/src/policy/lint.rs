//! What is wrong with a policy that the grammar allows.
//!
//! KMS refuses one such mistake; the others are advice for the operator (`policy simulate`, `doctor`).

use crate::condition::keys::{Cardinality, ConditionKey, KeyName, KeyType};
use crate::condition::operators::{Quantifier, Test};
use crate::policy::Policy;
use crate::policy::error::Malformed;
use crate::policy::model::{ConditionText, Document, Effect, PolicyKind, Statement, Version};

/// Refuses `ForAllValues` over an encryption context or a request's tag: it fits when there is none (behaviours 7.1).
pub(crate) fn refuse_overly_permissive(document: &Document) -> Result<(), Malformed> {
    let conditions = document.statements.iter().flat_map(|statement| &statement.conditions);
    for condition in conditions.filter(|condition| condition.operator.quantifier == Quantifier::ForAllValues) {
        let key = KeyName::parse(&condition.key).map(|name| name.key());
        if key == Some(ConditionKey::KmsEncryptionContext) {
            return Err(Malformed::OverlyPermissive { what: "encryption context" });
        }
        if key == Some(ConditionKey::AwsRequestTag) {
            return Err(Malformed::OverlyPermissive { what: "tag" });
        }
    }
    Ok(())
}

/// Something that is allowed and probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Which statement, from zero.
    pub statement: usize,
    /// What about it.
    pub kind: AdviceKind,
}

/// What is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdviceKind {
    /// The statement has no actions or no resources, so it never applies.
    #[error("the statement never applies: it has no {0}")]
    NeverApplies(&'static str),
    /// A set operator over a key with one value at most.
    #[error("{key} has one value at most, and ForAllValues fits when it has none")]
    ForAllValuesOfOne {
        /// The key as written.
        key: Box<str>,
    },
    /// An operator for one value over a key that may have several.
    #[error("{key} may have several values: use ForAnyValue or ForAllValues")]
    OneOfSeveral {
        /// The key as written.
        key: Box<str>,
    },
    /// An operator of another type than the key.
    #[error("{operator} does not compare values of {key}")]
    TypeDiffers {
        /// The operator as written.
        operator: Box<str>,
        /// The key as written.
        key: Box<str>,
    },
    /// A key that is never in a request to this service, as far as is known.
    #[error("{key} is not known: a request has no value for it")]
    UnknownKey {
        /// The key as written.
        key: Box<str>,
    },
    /// A key that has values in identity policies alone.
    #[error("{key} has no value in a key policy")]
    IdentityPoliciesAlone {
        /// The key as written.
        key: Box<str>,
    },
    /// Variables in the language that has none.
    #[error("${{…}} is plain text unless Version is 2012-10-17")]
    VariablesWithoutVersion,
    /// Everybody is allowed without a condition.
    #[error("the statement allows every principal of every account")]
    AllowsEverybody,
}

/// Looks through a policy.
pub fn advise(policy: &Policy) -> Vec<Advice> {
    let document = policy.document();
    let of_statement = |(at, statement): (usize, &Statement)| {
        let mut kinds = Vec::new();
        advise_statement(policy.kind(), document.language(), statement, &mut kinds);
        kinds.into_iter().map(move |kind| Advice { statement: at, kind })
    };
    document.statements.iter().enumerate().flat_map(of_statement).collect()
}

fn advise_statement(kind: PolicyKind, version: Version, statement: &Statement, advice: &mut Vec<AdviceKind>) {
    if statement.actions.as_ref().is_none_or(|actions| actions.listed().is_empty()) {
        advice.push(AdviceKind::NeverApplies("actions"));
    }
    if kind != PolicyKind::Trust && statement.resources.as_ref().is_none_or(|resources| resources.listed().is_empty()) {
        advice.push(AdviceKind::NeverApplies("resources"));
    }
    let names_everybody = statement.principals.as_ref().is_some_and(|p| p.listed().iter().any(|own| &*own.name == "*"));
    if names_everybody && statement.effect == Effect::Allow && statement.conditions.is_empty() {
        advice.push(AdviceKind::AllowsEverybody);
    }
    let mut texts = statement.conditions.iter().flat_map(|condition| &condition.values);
    let in_resources = statement.resources.iter().flat_map(|resources| resources.listed()).any(|r| r.contains("${"));
    if version == Version::V2008 && (in_resources || texts.any(|text| text.contains("${"))) {
        advice.push(AdviceKind::VariablesWithoutVersion);
    }
    statement.conditions.iter().for_each(|condition| advise_condition(kind, condition, advice));
}

fn advise_condition(kind: PolicyKind, condition: &ConditionText, advice: &mut Vec<AdviceKind>) {
    let Some(name) = KeyName::parse(&condition.key) else { return };
    let key = || condition.key.clone();
    if name.key() == ConditionKey::Unlisted {
        // Claims of web identity tokens are named by their provider, whose name has a dot.
        if !condition.key.contains('.') {
            advice.push(AdviceKind::UnknownKey { key: key() });
        }
        return;
    }
    let facts = name.key().facts();
    if facts.reach == crate::condition::keys::Reach::IdentityPolicies && kind == PolicyKind::Key {
        advice.push(AdviceKind::IdentityPoliciesAlone { key: key() });
    }
    match (facts.cardinality, condition.operator.quantifier) {
        (Cardinality::Single, Quantifier::ForAllValues) => advice.push(AdviceKind::ForAllValuesOfOne { key: key() }),
        (Cardinality::Multiple, Quantifier::Single) if condition.operator.test != Test::Null => {
            advice.push(AdviceKind::OneOfSeveral { key: key() });
        }
        (Cardinality::Single, Quantifier::Single | Quantifier::ForAnyValue)
        | (Cardinality::Multiple, Quantifier::Single | Quantifier::ForAllValues | Quantifier::ForAnyValue) => {}
    }
    if !compares(condition.operator.test, name.key(), facts.value_type) {
        advice.push(AdviceKind::TypeDiffers { operator: condition.operator_name.clone(), key: key() });
    }
}

/// Whether a test compares values of a type. `aws:EpochTime` is a moment and a number.
fn compares(test: Test, key: ConditionKey, value_type: KeyType) -> bool {
    match test {
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => {
            matches!(value_type, KeyType::String | KeyType::Arn)
        }
        Test::ArnLike => matches!(value_type, KeyType::Arn | KeyType::String),
        Test::NumericEquals
        | Test::NumericLessThan
        | Test::NumericLessThanEquals
        | Test::NumericGreaterThan
        | Test::NumericGreaterThanEquals => value_type == KeyType::Numeric || key == ConditionKey::AwsEpochTime,
        Test::DateEquals
        | Test::DateLessThan
        | Test::DateLessThanEquals
        | Test::DateGreaterThan
        | Test::DateGreaterThanEquals => value_type == KeyType::Date,
        Test::Bool => value_type == KeyType::Bool,
        Test::IpAddress => value_type == KeyType::Ip,
        Test::BinaryEquals => false,
        Test::Null => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice() {
        let statement = |rest: &str| format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"111122223333"}},{rest}}}"#);
        let with_condition =
            |condition: &str| statement(&format!(r#""Action":"kms:*","Resource":"*","Condition":{{{condition}}}"#));
        let key = |key: &str| Box::<str>::from(key);
        check(&statement(r#""Action":"kms:*","Resource":"*""#), &[]);
        check(&statement(r#""Resource":"*""#), &[AdviceKind::NeverApplies("actions")]);
        check(
            &statement(r#""Action":[]"#),
            &[AdviceKind::NeverApplies("actions"), AdviceKind::NeverApplies("resources")],
        );
        check(
            &with_condition(r#""ForAllValues:StringEquals":{"kms:ViaService":"x"}"#),
            &[AdviceKind::ForAllValuesOfOne { key: key("kms:ViaService") }],
        );
        check(
            &with_condition(r#""StringEquals":{"kms:EncryptionContextKeys":"x"}"#),
            &[AdviceKind::OneOfSeveral { key: key("kms:EncryptionContextKeys") }],
        );
        check(
            &with_condition(r#""NumericEquals":{"kms:ViaService":"1"}"#),
            &[AdviceKind::TypeDiffers { operator: key("NumericEquals"), key: key("kms:ViaService") }],
        );
        check(&with_condition(r#""NumericLessThan":{"aws:EpochTime":"1"}"#), &[]);
        check(
            &with_condition(r#""StringEquals":{"kms:Oops":"x"}"#),
            &[AdviceKind::UnknownKey { key: key("kms:Oops") }],
        );
        check(&with_condition(r#""StringEquals":{"id.example.com:sub":"x"}"#), &[]);
        check(
            &with_condition(r#""StringEquals":{"aws:ResourceTag/x":"x"}"#),
            &[AdviceKind::IdentityPoliciesAlone { key: key("aws:ResourceTag/x") }],
        );
        check(
            r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"arn:aws:kms:us-east-1:111122223333:${aws:username}"}"#,
            &[AdviceKind::AllowsEverybody, AdviceKind::VariablesWithoutVersion],
        );

        #[track_caller]
        fn check(statement: &str, expect: &[AdviceKind]) {
            let text = format!(r#"{{"Statement":{statement}}}"#);
            let policy = Policy::parse(PolicyKind::Key, &text).expect("a key policy");
            let got: Vec<_> = advise(&policy).into_iter().map(|advice| advice.kind).collect();
            assert_eq!(got, expect);
        }
    }

    #[test]
    fn overly_permissive_conditions_are_refused_in_key_policies() {
        let text = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*",
            "Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:App":"x"}}}}"#;
        let error = Policy::parse(PolicyKind::Key, text).expect_err("it fits when there is no encryption context");
        assert!(error.to_string().starts_with("OverlyPermissiveCondition:"), "{error}");
    }
}
