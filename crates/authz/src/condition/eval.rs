//! Evaluates conditions against a request.
//!
//! # Invariants
//! - A key without a value fits inverted operators and `…IfExists`, and no others (IAM User Guide, "Condition operators").
//! - What cannot be compared is a [`FaultKind`], not an answer: a statement that allows does not apply then, one that denies does.

use std::cell::Cell;
use std::net::IpAddr;

use strongroom_core::world::Timestamp;

use crate::caller::{Caller, Principal};
use crate::condition::arn::ArnPattern;
use crate::condition::keys::{CallerFact, Cardinality, ConditionKey, KeyName, Reach, Source};
use crate::condition::operators::{Operator, Quantifier, Test};
use crate::condition::template::{Template, Variables, Version, Wildcards};
use crate::condition::values::{Decimal, Network, parse_base64, parse_bool, parse_date};
use crate::context::{RequestContext, Value, values_in_any_case};
use crate::decide::Request;
use crate::glob::{Fuel, OutOfFuel};
use crate::policy::error::Malformed;
use crate::policy::model::ConditionText;

/// Why a condition has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request's value is not of the type that the operator compares.
    WrongType,
    /// The request has several values, and the operator takes one.
    SeveralValues,
    /// Matching took more work than one decision may cost.
    TooCostly,
}

impl From<OutOfFuel> for FaultKind {
    fn from(OutOfFuel: OutOfFuel) -> Self {
        Self::TooCostly
    }
}

/// A condition, ready to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    operator: Operator,
    key: KeyName,
    operands: Operands,
}

/// The values that a policy compares with, one of which must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operands {
    Texts(Box<[Template]>),
    FoldedTexts(Box<[Template]>),
    Numbers(Box<[Decimal]>),
    Dates(Box<[Timestamp]>),
    Bools(Box<[BoolOperand]>),
    Bytes(Box<[Vec<u8>]>),
    Networks(Box<[Network]>),
    Arns(Box<[ArnPattern]>),
    Absence(Box<[bool]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum BoolOperand {
    Fixed(bool),
    Open(Template),
}

impl Condition {
    /// Prepares a condition of a document written in `version`.
    pub(crate) fn compile(text: &ConditionText, version: Version) -> Result<Self, Malformed> {
        let key = KeyName::parse(&text.key).ok_or(Malformed::NoVendor)?;
        Ok(Self { operator: text.operator, key, operands: compile_operands(text, version)? })
    }

    /// The keys that it looks at: its own, and the variables in its operands.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &KeyName> {
        std::iter::once(&self.key).chain(self.operands.variables())
    }

    /// Whether the condition holds.
    pub(crate) fn holds(&self, env: &Env<'_>) -> Result<bool, FaultKind> {
        if let Operands::Absence(wanted) = &self.operands {
            let mut is_absent = true;
            env.each_value(&self.key, &mut |_| is_absent = false);
            return Ok(wanted.contains(&is_absent));
        }
        let mut tally = Tally::default();
        env.each_value(&self.key, &mut |value| tally.add(&value, self.fits(&value, env)));
        tally.outcome(self.operator)
    }

    /// Whether one value of the request fits, inversion included.
    fn fits(&self, value: &Value<'_>, env: &Env<'_>) -> Result<bool, FaultKind> {
        Ok(self.operands.contain(self.operator.test, value, env)? != self.operator.negated)
    }
}

fn compile_operands(text: &ConditionText, version: Version) -> Result<Operands, Malformed> {
    fn all<T>(text: &ConditionText, parse: impl Fn(&str) -> Option<T>) -> Result<Box<[T]>, Malformed> {
        let bad = |value: &str| Malformed::OperandType { operator: text.operator_name.clone(), value: value.into() };
        text.values.iter().map(|value| parse(value).ok_or_else(|| bad(value))).collect()
    }
    let templates = |wildcards| -> Result<Box<[Template]>, Malformed> {
        text.values.iter().map(|value| Template::parse(value, version, wildcards)).collect()
    };
    Ok(match text.operator.test {
        Test::StringEquals => Operands::Texts(templates(Wildcards::Literal)?),
        Test::StringEqualsIgnoreCase => Operands::FoldedTexts(templates(Wildcards::Literal)?),
        Test::StringLike => Operands::Texts(templates(Wildcards::Expand)?),
        Test::NumericEquals
        | Test::NumericLessThan
        | Test::NumericLessThanEquals
        | Test::NumericGreaterThan
        | Test::NumericGreaterThanEquals => Operands::Numbers(all(text, Decimal::parse)?),
        Test::DateEquals
        | Test::DateLessThan
        | Test::DateLessThanEquals
        | Test::DateGreaterThan
        | Test::DateGreaterThanEquals => Operands::Dates(all(text, parse_date)?),
        Test::Bool => Operands::Bools(all(text, |value| compile_bool(value, version))?),
        Test::BinaryEquals => Operands::Bytes(all(text, parse_base64)?),
        Test::IpAddress => Operands::Networks(all(text, Network::parse)?),
        Test::ArnLike => {
            Operands::Arns(text.values.iter().map(|value| ArnPattern::parse(value, version)).collect::<Result<_, _>>()?)
        }
        Test::Null => Operands::Absence(all(text, parse_bool)?),
    })
}

fn compile_bool(value: &str, version: Version) -> Option<BoolOperand> {
    if let Some(truth) = parse_bool(value) {
        return Some(BoolOperand::Fixed(truth));
    }
    match Template::parse(value, version, Wildcards::Literal).ok()? {
        open @ Template::Open(_) => Some(BoolOperand::Open(open)),
        Template::Fixed(_) => None,
    }
}

impl Operands {
    fn variables(&self) -> Box<dyn Iterator<Item = &KeyName> + '_> {
        match self {
            Self::Texts(templates) | Self::FoldedTexts(templates) => {
                Box::new(templates.iter().flat_map(Template::variables))
            }
            Self::Arns(patterns) => Box::new(patterns.iter().flat_map(ArnPattern::variables)),
            Self::Bools(operands) => Box::new(operands.iter().flat_map(BoolOperand::variables)),
            Self::Numbers(_) | Self::Dates(_) | Self::Bytes(_) | Self::Networks(_) | Self::Absence(_) => {
                Box::new(std::iter::empty())
            }
        }
    }

    /// Whether one of the operands fits `value`, before inversion.
    fn contain(&self, test: Test, value: &Value<'_>, env: &Env<'_>) -> Result<bool, FaultKind> {
        let wrong_type = FaultKind::WrongType;
        match self {
            Self::Texts(templates) => {
                let text = value.text().ok_or(wrong_type)?;
                any(templates, |template| Ok(template.matches(&text, env, env.fuel)?))
            }
            Self::FoldedTexts(templates) => {
                let text = fold(&value.text().ok_or(wrong_type)?);
                any(templates, |template| Ok(template.text(env).is_some_and(|own| fold(&own) == text)))
            }
            Self::Numbers(numbers) => {
                let number = as_decimal(value).ok_or(wrong_type)?;
                Ok(numbers.iter().any(|own| compare(test, &number, own)))
            }
            Self::Dates(dates) => {
                let date = as_date(value).ok_or(wrong_type)?;
                Ok(dates.iter().any(|own| compare(test, &date, own)))
            }
            Self::Bools(bools) => {
                let truth = as_bool(value).ok_or(wrong_type)?;
                Ok(bools.iter().any(|own| own.value(env) == Some(truth)))
            }
            Self::Bytes(all_bytes) => {
                let bytes = as_bytes(value).ok_or(wrong_type)?;
                Ok(all_bytes.iter().any(|own| own == bytes))
            }
            Self::Networks(networks) => {
                let address = as_ip(value).ok_or(wrong_type)?;
                Ok(networks.iter().any(|own| own.contains(address)))
            }
            Self::Arns(patterns) => {
                let arn = value.text().ok_or(wrong_type)?;
                any(patterns, |pattern| Ok(pattern.matches(&arn, env, env.fuel)?))
            }
            // `Null` asks whether there is a value, and here is one.
            Self::Absence(wanted) => Ok(wanted.contains(&false)),
        }
    }
}

fn any<T>(items: &[T], mut fits: impl FnMut(&T) -> Result<bool, FaultKind>) -> Result<bool, FaultKind> {
    for item in items {
        if fits(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compare<T: Ord>(test: Test, value: &T, own: &T) -> bool {
    match test {
        Test::NumericLessThan | Test::DateLessThan => value < own,
        Test::NumericLessThanEquals | Test::DateLessThanEquals => value <= own,
        Test::NumericGreaterThan | Test::DateGreaterThan => value > own,
        Test::NumericGreaterThanEquals | Test::DateGreaterThanEquals => value >= own,
        Test::StringEquals
        | Test::StringEqualsIgnoreCase
        | Test::StringLike
        | Test::NumericEquals
        | Test::DateEquals
        | Test::Bool
        | Test::BinaryEquals
        | Test::IpAddress
        | Test::ArnLike
        | Test::Null => value == own,
    }
}

fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl BoolOperand {
    fn variables(&self) -> impl Iterator<Item = &KeyName> {
        match self {
            Self::Fixed(_) => None,
            Self::Open(template) => Some(template.variables()),
        }
        .into_iter()
        .flatten()
    }

    fn value(&self, env: &Env<'_>) -> Option<bool> {
        match self {
            Self::Fixed(truth) => Some(*truth),
            Self::Open(template) => parse_bool(&template.text(env)?),
        }
    }
}

fn as_decimal(value: &Value<'_>) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(Decimal::from_whole(*number)),
        Value::Date(date) => Some(Decimal::from_millis(date.as_millis())),
        Value::Text(text) => Decimal::parse(text),
        Value::Bool(_) | Value::Ip(_) | Value::Bytes(_) => None,
    }
}

fn as_date(value: &Value<'_>) -> Option<Timestamp> {
    match value {
        Value::Date(date) => Some(*date),
        Value::Number(seconds) => seconds.checked_mul(1000).map(Timestamp::from_millis),
        Value::Text(text) => parse_date(text),
        Value::Bool(_) | Value::Ip(_) | Value::Bytes(_) => None,
    }
}

fn as_bool(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Text(text) => parse_bool(text),
        Value::Number(_) | Value::Date(_) | Value::Ip(_) | Value::Bytes(_) => None,
    }
}

fn as_bytes<'a>(value: &'a Value<'_>) -> Option<&'a [u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::Text(text) => Some(text.as_bytes()),
        Value::Number(_) | Value::Date(_) | Value::Bool(_) | Value::Ip(_) => None,
    }
}

fn as_ip(value: &Value<'_>) -> Option<IpAddr> {
    match value {
        Value::Ip(ip) => Some(*ip),
        Value::Text(text) => text.parse().ok(),
        Value::Number(_) | Value::Date(_) | Value::Bool(_) | Value::Bytes(_) => None,
    }
}

/// What the values of a key came to.
#[derive(Default)]
struct Tally {
    values: usize,
    /// Values other than the empty text, which set operators take for no value at all.
    substantial: usize,
    fitting: usize,
    fault: Option<FaultKind>,
}

impl Tally {
    fn add(&mut self, value: &Value<'_>, fits: Result<bool, FaultKind>) {
        self.values += 1;
        self.substantial += usize::from(*value != Value::Text(""));
        match fits {
            Ok(fits) => self.fitting += usize::from(fits),
            Err(fault) => self.fault = Some(fault),
        }
    }

    fn outcome(self, operator: Operator) -> Result<bool, FaultKind> {
        if self.values == 0 && operator.if_exists {
            return Ok(true);
        }
        match operator.quantifier {
            Quantifier::Single if self.values == 0 => Ok(operator.negated),
            Quantifier::Single if self.values > 1 => Err(FaultKind::SeveralValues),
            Quantifier::ForAllValues if self.substantial == 0 => Ok(true),
            Quantifier::ForAnyValue if self.substantial == 0 => Ok(false),
            Quantifier::Single | Quantifier::ForAllValues | Quantifier::ForAnyValue => match self.fault {
                Some(fault) => Err(fault),
                None if operator.quantifier == Quantifier::ForAnyValue => Ok(self.fitting > 0),
                None => Ok(self.fitting == self.values),
            },
        }
    }
}

/// What conditions are evaluated in.
pub(crate) struct Env<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) context: &'a dyn RequestContext,
    pub(crate) fuel: &'a Fuel,
    /// Whether the policy at hand belongs to an identity, where some keys alone have values.
    pub(crate) is_identity_policy: Cell<bool>,
    /// Keys whose values are not known yet, when it is asked who could do something at all.
    pub(crate) open: Option<&'a dyn Fn(&KeyName) -> bool>,
}

impl<'a> Env<'a> {
    pub(crate) fn new(request: &Request<'a>, fuel: &'a Fuel) -> Self {
        let &Request { caller, context, .. } = request;
        Self { caller, context, fuel, is_identity_policy: Cell::new(false), open: None }
    }

    /// Whether nobody can say yet if the condition holds.
    pub(crate) fn leaves_open(&self, condition: &Condition) -> bool {
        self.open.is_some_and(|is_open| condition.keys().any(is_open))
    }

    /// Calls `each` with the values of `name`.
    pub(crate) fn each_value(&self, name: &KeyName, each: &mut dyn FnMut(Value<'_>)) {
        let facts = name.key().facts();
        if facts.reach == Reach::IdentityPolicies && !self.is_identity_policy.get() {
            return;
        }
        match facts.source {
            Source::Caller(fact) => self.each_caller_value(fact, name.rest(), each),
            Source::Request | Source::Operation | Source::Resource => {
                self.context.values(name.key(), name.rest(), each);
            }
        }
    }

    fn each_caller_value(&self, fact: CallerFact, rest: &str, each: &mut dyn FnMut(Value<'_>)) {
        let caller = self.caller;
        let session = caller.session();
        let is_service = *caller.principal() == Principal::Service;
        let value = match fact {
            CallerFact::Tag => return values_in_any_case(caller.tags(), rest, each),
            CallerFact::MfaAge => return self.each_mfa_age(each),
            CallerFact::Account => caller.account_text().map(Value::Text),
            CallerFact::Arn => caller.account().map(|_| Value::Text(caller.principal_arn())),
            CallerFact::FederatedProvider => {
                session.and_then(|session| session.federated_provider.as_deref()).map(Value::Text)
            }
            CallerFact::IsService => Some(Value::Bool(is_service)),
            CallerFact::MfaPresent => session.map(|session| Value::Bool(session.mfa_at.is_some())),
            CallerFact::ServiceName => is_service.then(|| Value::Text(caller.arn())),
            CallerFact::SourceIdentity => {
                session.and_then(|session| session.source_identity.as_deref()).map(Value::Text)
            }
            CallerFact::TokenIssueTime => session.map(|session| Value::Date(session.issued_at)),
            CallerFact::Type => Some(Value::Text(caller.principal_type())),
            CallerFact::UserId => Some(Value::Text(caller.user_id())),
            CallerFact::Username => caller.user_name().map(Value::Text),
        };
        if let Some(value) = value {
            each(value);
        }
    }

    /// Seconds since the second factor was proved.
    fn each_mfa_age(&self, each: &mut dyn FnMut(Value<'_>)) {
        let Some(mfa_at) = self.caller.session().and_then(|session| session.mfa_at) else { return };
        self.context.values(ConditionKey::AwsCurrentTime, "", &mut |now| {
            if let Some(now) = as_date(&now) {
                each(Value::Number(now.as_secs() - mfa_at.as_secs()));
            }
        });
    }
}

impl Variables for Env<'_> {
    fn value_of(&self, name: &KeyName) -> Option<String> {
        if name.key().facts().cardinality == Cardinality::Multiple {
            return None;
        }
        let (mut found, mut count) = (None, 0);
        self.each_value(name, &mut |value| {
            count += 1;
            found = value.text().map(|text| text.into_owned());
        });
        found.filter(|_| count == 1)
    }
}
