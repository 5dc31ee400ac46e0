//! From JSON to a checked document.
//!
//! Source: IAM User Guide, "Grammar of the IAM JSON policy language"; for key policies behaviours 7.1.

use std::collections::HashSet;

use crate::condition::keys::KeyName;
use crate::condition::operators::Operator;
use crate::policy::MAX_STATEMENTS;
use crate::policy::error::{Malformed, PolicyError};
use crate::policy::json::Json;
use crate::policy::model::{
    ConditionText, Document, Effect, Element, PolicyKind, PrincipalKind, PrincipalText, Statement, Version,
};
use crate::policy::principal::PrincipalPattern;

impl Document {
    /// Reads and checks a document of `kind`.
    ///
    /// # Errors
    /// [`PolicyError`] with the reason.
    pub fn parse(kind: PolicyKind, text: &str) -> Result<Self, PolicyError> {
        let limit_bytes = kind.max_bytes();
        if text.len() > limit_bytes {
            return Err(PolicyError::TooLong { bytes: text.len(), limit_bytes });
        }
        // The API's pattern for policy documents.
        if !text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')) {
            return Err(Malformed::Characters.into());
        }
        let Json::Object(members) = Json::parse(text)? else { return Err(Malformed::WrongType("policy").into()) };
        Ok(parse_document(kind, members)?)
    }
}

fn parse_document(kind: PolicyKind, members: Vec<(String, Json)>) -> Result<Document, Malformed> {
    let (mut version, mut id, mut statements) = (None, None, None);
    for (name, value) in members {
        match name.as_str() {
            "Version" => version = Some(parse_version(&value)?),
            "Id" => id = Some(parse_text(value, "Id")?),
            "Statement" => statements = Some(parse_statements(kind, value)?),
            _ => return Err(Malformed::UnknownElement(name.into())),
        }
    }
    let statements = statements.ok_or(Malformed::Missing("Statement"))?;
    if statements.is_empty() {
        return Err(Malformed::Missing("Statement"));
    }
    Ok(Document { version, id, statements })
}

fn parse_version(value: &Json) -> Result<Version, Malformed> {
    match value {
        Json::Text(text) if text == "2012-10-17" => Ok(Version::V2012),
        Json::Text(text) if text == "2008-10-17" => Ok(Version::V2008),
        Json::Text(_) => Err(Malformed::UnknownVersion),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err(Malformed::WrongType("Version"))
        }
    }
}

fn parse_text(value: Json, element: &'static str) -> Result<Box<str>, Malformed> {
    match value {
        Json::Text(text) => Ok(text.into()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err(Malformed::WrongType(element))
        }
    }
}

/// One text, or a list of them.
fn parse_texts(value: Json, element: &'static str) -> Result<Vec<Box<str>>, Malformed> {
    items(value).into_iter().map(|item| parse_text(item, element)).collect()
}

/// The items of a list; what is no list is its own only item.
fn items(value: Json) -> Vec<Json> {
    if let Json::Array(items) = value { items } else { vec![value] }
}

fn parse_statements(kind: PolicyKind, value: Json) -> Result<Vec<Statement>, Malformed> {
    let items = items(value);
    if items.len() > MAX_STATEMENTS {
        return Err(Malformed::TooManyStatements);
    }
    let mut sids = HashSet::new();
    let mut statements = Vec::with_capacity(items.len());
    for item in items {
        let Json::Object(members) = item else { return Err(Malformed::WrongType("Statement")) };
        let statement = parse_statement(kind, members)?;
        // Ids describe in key policies, and identify in the others.
        if let (Some(sid), PolicyKind::Identity | PolicyKind::Trust) = (&statement.sid, kind)
            && !sid.is_empty()
            && !sids.insert(sid.clone())
        {
            return Err(Malformed::DuplicateSid);
        }
        statements.push(statement);
    }
    Ok(statements)
}

fn parse_statement(kind: PolicyKind, members: Vec<(String, Json)>) -> Result<Statement, Malformed> {
    let (mut sid, mut effect, mut conditions) = (None, None, Vec::new());
    let (mut principals, mut actions, mut resources) = (None, None, None);
    for (name, value) in members {
        match name.as_str() {
            "Sid" => sid = Some(parse_sid(kind, value)?),
            "Effect" => effect = Some(parse_effect(value)?),
            "Principal" => {
                set(&mut principals, Element::Is(parse_principals(kind, value)?), "Principal", "NotPrincipal")?
            }
            "NotPrincipal" => {
                set(&mut principals, Element::IsNot(parse_principals(kind, value)?), "Principal", "NotPrincipal")?;
            }
            "Action" => set(&mut actions, Element::Is(parse_texts(value, "Action")?), "Action", "NotAction")?,
            "NotAction" => set(&mut actions, Element::IsNot(parse_texts(value, "NotAction")?), "Action", "NotAction")?,
            "Resource" => set(&mut resources, Element::Is(parse_texts(value, "Resource")?), "Resource", "NotResource")?,
            "NotResource" => {
                set(&mut resources, Element::IsNot(parse_texts(value, "NotResource")?), "Resource", "NotResource")?;
            }
            "Condition" => conditions = parse_conditions(value)?,
            _ => return Err(Malformed::UnknownElement(name.into())),
        }
    }
    let effect = effect.ok_or(Malformed::Missing("Effect"))?;
    let statement = Statement { sid, effect, principals, actions, resources, conditions };
    check_statement(kind, &statement)?;
    Ok(statement)
}

fn set<T>(
    slot: &mut Option<Element<T>>,
    value: Element<T>,
    name: &'static str,
    negation: &'static str,
) -> Result<(), Malformed> {
    if slot.replace(value).is_some() { Err(Malformed::Both(name, negation)) } else { Ok(()) }
}

fn parse_sid(kind: PolicyKind, value: Json) -> Result<Box<str>, Malformed> {
    let sid = parse_text(value, "Sid")?;
    let is_free = match kind {
        PolicyKind::Key => true,
        PolicyKind::Identity | PolicyKind::Trust => sid.bytes().all(|b| b.is_ascii_alphanumeric()),
    };
    if is_free { Ok(sid) } else { Err(Malformed::Sid) }
}

fn parse_effect(value: Json) -> Result<Effect, Malformed> {
    match &*parse_text(value, "Effect")? {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(Malformed::UnknownEffect(other.into())),
    }
}

fn parse_principals(kind: PolicyKind, value: Json) -> Result<Vec<PrincipalText>, Malformed> {
    let members = match value {
        Json::Text(text) if text == "*" => vec![("AWS".to_owned(), Json::Text(text))],
        Json::Object(members) => members,
        Json::Text(text) => return Err(bad_principal(kind, PrincipalKind::Aws, &text)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => return Err(Malformed::WrongType("Principal")),
    };
    let mut principals = Vec::new();
    for (name, value) in members {
        let name_kind = PrincipalKind::ALL.iter().copied().find(|own| own.as_str() == name);
        let name_kind = name_kind.ok_or_else(|| Malformed::UnknownElement(name.as_str().into()))?;
        for name in parse_texts(value, "Principal")? {
            let text = PrincipalText { kind: name_kind, name };
            if PrincipalPattern::parse(&text).is_none() {
                return Err(bad_principal(kind, name_kind, &text.name));
            }
            principals.push(text);
        }
    }
    Ok(principals)
}

fn bad_principal(kind: PolicyKind, name_kind: PrincipalKind, name: &str) -> Malformed {
    match kind {
        PolicyKind::Key => Malformed::KeyPrincipal,
        PolicyKind::Identity => Malformed::PrincipalInIdentityPolicy,
        PolicyKind::Trust => Malformed::TrustPrincipal { kind: name_kind.as_str(), name: name.into() },
    }
}

fn parse_conditions(value: Json) -> Result<Vec<ConditionText>, Malformed> {
    let Json::Object(operators) = value else { return Err(Malformed::WrongType("Condition")) };
    let mut conditions = Vec::new();
    for (operator_name, keys) in operators {
        let operator =
            Operator::parse(&operator_name).ok_or_else(|| Malformed::UnknownOperator(operator_name.as_str().into()))?;
        let Json::Object(keys) = keys else { return Err(Malformed::WrongType("Condition")) };
        for (key, values) in keys {
            KeyName::parse(&key).ok_or(Malformed::NoVendor)?;
            conditions.push(ConditionText {
                operator_name: operator_name.as_str().into(),
                operator,
                key: key.into(),
                values: parse_condition_values(values)?,
            });
        }
    }
    Ok(conditions)
}

fn parse_condition_values(value: Json) -> Result<Vec<Box<str>>, Malformed> {
    let scalar = |value: Json| match value {
        Json::Text(text) | Json::Number(text) => Ok(text.into()),
        Json::Bool(truth) => Ok(if truth { "true" } else { "false" }.into()),
        Json::Null | Json::Array(_) | Json::Object(_) => Err(Malformed::WrongType("Condition")),
    };
    items(value).into_iter().map(scalar).collect()
}

/// The rules that concern a statement as a whole.
fn check_statement(kind: PolicyKind, statement: &Statement) -> Result<(), Malformed> {
    check_principals(kind, statement)?;
    check_actions(kind, statement.actions.as_ref())?;
    check_resources(kind, statement.resources.as_ref())
}

fn check_principals(kind: PolicyKind, statement: &Statement) -> Result<(), Malformed> {
    match (kind, &statement.principals) {
        (PolicyKind::Identity, None) => Ok(()),
        (PolicyKind::Identity, Some(_)) => Err(Malformed::PrincipalInIdentityPolicy),
        (PolicyKind::Key, None) => Err(Malformed::KeyPrincipal),
        (PolicyKind::Trust, None) => Err(Malformed::Missing("Principal")),
        (PolicyKind::Trust, Some(Element::IsNot(_))) => Err(Malformed::Prohibited("NotPrincipal")),
        (PolicyKind::Key, Some(Element::IsNot(_))) if statement.effect == Effect::Allow => {
            Err(Malformed::NotPrincipalAllows)
        }
        (PolicyKind::Key, Some(Element::IsNot(listed))) if listed.is_empty() => {
            Err(Malformed::EmptyNegation("NotPrincipal"))
        }
        (PolicyKind::Key | PolicyKind::Trust, Some(Element::Is(_) | Element::IsNot(_))) => Ok(()),
    }
}

fn check_actions(kind: PolicyKind, actions: Option<&Element<Vec<Box<str>>>>) -> Result<(), Malformed> {
    let Some(actions) = actions else {
        return match kind {
            PolicyKind::Key => Ok(()),
            PolicyKind::Identity | PolicyKind::Trust => Err(Malformed::NoActions),
        };
    };
    if matches!(actions, Element::IsNot(listed) if listed.is_empty()) {
        return Err(Malformed::EmptyNegation("NotAction"));
    }
    actions.listed().iter().try_for_each(|action| check_action(kind, action))
}

fn check_action(kind: PolicyKind, action: &str) -> Result<(), Malformed> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if matches!(action, "*" | "*:*") {
        return if kind == PolicyKind::Trust { Err(Malformed::NotAssumeRole) } else { Ok(()) };
    }
    let (vendor, name) = action.split_once(':').ok_or(Malformed::NoVendor)?;
    if name.is_empty() {
        return Err(Malformed::NoVendor);
    }
    if !is_word(vendor) {
        return Err(Malformed::Vendor(vendor.into()));
    }
    if kind == PolicyKind::Trust && !vendor.eq_ignore_ascii_case("sts") {
        return Err(Malformed::NotAssumeRole);
    }
    Ok(())
}

fn check_resources(kind: PolicyKind, resources: Option<&Element<Vec<Box<str>>>>) -> Result<(), Malformed> {
    match (kind, resources) {
        (PolicyKind::Identity, None) => Err(Malformed::NoResources),
        (PolicyKind::Trust, Some(_)) => Err(Malformed::Prohibited("Resource")),
        (PolicyKind::Key | PolicyKind::Trust, None) => Ok(()),
        (PolicyKind::Key | PolicyKind::Identity, Some(Element::IsNot(listed))) if listed.is_empty() => {
            Err(Malformed::EmptyNegation("NotResource"))
        }
        (PolicyKind::Key | PolicyKind::Identity, Some(resources)) => {
            let bad = resources.listed().iter().find(|resource| &***resource != "*" && !resource.starts_with("arn:"));
            bad.map_or(Ok(()), |resource| Err(Malformed::Resource(resource.clone())))
        }
    }
}
