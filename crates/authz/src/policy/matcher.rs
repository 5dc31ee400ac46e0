//! Statements, prepared for matching.
//!
//! # Invariant
//! Matching neither parses nor allocates, but for policy variables and for values that are not text.

use crate::action::Action;
use crate::caller::Caller;
use crate::condition::arn::ResourcePattern;
use crate::condition::eval::{Condition, Env, FaultKind};
use crate::condition::keys::KeyName;
use crate::condition::template::Version;
use crate::glob::{self, Case, Fuel, OutOfFuel, Token};
use crate::policy::error::Malformed;
use crate::policy::model::{Effect, Element, PolicyKind, PrincipalText, Statement};
use crate::policy::principal::{Grade, PrincipalPattern, leaves_out};

/// What is matched.
pub(crate) struct Target<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) action: Action,
    pub(crate) resource_arn: &'a str,
    /// Whether the caller has a permissions boundary, which `NotPrincipal` depends on.
    pub(crate) has_boundary: bool,
}

/// How a statement met a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It applies. A statement without principals applies directly.
    Applies(Grade),
    /// It is about other actions.
    OtherAction,
    /// It is about other principals.
    OtherPrincipal,
    /// It is about other resources.
    OtherResource,
    /// The condition with this index does not hold.
    ConditionFails(usize),
    /// It could not be evaluated.
    Fault(FaultKind),
}

/// A statement, prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatementMatcher {
    effect: Effect,
    principals: Clause<PrincipalPattern>,
    actions: Clause<ActionPattern>,
    resources: Clause<ResourcePattern>,
    conditions: Box<[Condition]>,
}

/// An element of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Clause<T> {
    /// The kind of policy has no such element.
    Anything,
    /// The element is missing where it is needed: the statement has no effect.
    Nothing,
    Is(Box<[T]>),
    IsNot(Box<[T]>),
}

impl StatementMatcher {
    pub(crate) fn compile(kind: PolicyKind, statement: &Statement, version: Version) -> Result<Self, Malformed> {
        let parse_principal = |text: &PrincipalText| PrincipalPattern::parse(text).ok_or(Malformed::KeyPrincipal);
        let principals = match kind {
            PolicyKind::Identity => Clause::Anything,
            PolicyKind::Key | PolicyKind::Trust => Clause::compile(statement.principals.as_ref(), parse_principal)?,
        };
        let resources = match kind {
            PolicyKind::Trust => Clause::Anything,
            PolicyKind::Key | PolicyKind::Identity => {
                Clause::compile(statement.resources.as_ref(), |text| ResourcePattern::parse(text, version))?
            }
        };
        Ok(Self {
            effect: statement.effect,
            principals,
            actions: Clause::compile(statement.actions.as_ref(), |text| Ok(ActionPattern::parse(text)))?,
            resources,
            conditions: statement
                .conditions
                .iter()
                .map(|text| Condition::compile(text, version))
                .collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn effect(&self) -> Effect {
        self.effect
    }

    /// The condition keys that its conditions and resources look at.
    pub(crate) fn condition_keys(&self) -> impl Iterator<Item = &KeyName> {
        let of_resources = self.resources.patterns().iter().flat_map(ResourcePattern::variables);
        self.conditions.iter().flat_map(Condition::keys).chain(of_resources)
    }

    /// The condition keys that one of its conditions looks at.
    pub(crate) fn keys_of_condition(&self, at: usize) -> impl Iterator<Item = &KeyName> {
        self.conditions.get(at).into_iter().flat_map(Condition::keys)
    }

    /// How this statement meets a request.
    pub(crate) fn outcome(&self, target: &Target<'_>, env: &Env<'_>) -> Outcome {
        self.try_outcome(target, env).unwrap_or_else(Outcome::Fault)
    }

    fn try_outcome(&self, target: &Target<'_>, env: &Env<'_>) -> Result<Outcome, FaultKind> {
        if !self.actions.contains(|pattern| pattern.matches(target.action, env.fuel))? {
            return Ok(Outcome::OtherAction);
        }
        let Some(grade) = self.grade(target) else { return Ok(Outcome::OtherPrincipal) };
        if !self.resources.contains(|pattern| pattern.matches(target.resource_arn, env, env.fuel))? {
            return Ok(Outcome::OtherResource);
        }
        let mut left_open = None;
        for (at, condition) in self.conditions.iter().enumerate() {
            if env.leaves_open(condition) {
                left_open = left_open.or(Some(at));
            } else if !condition.holds(env)? {
                return Ok(Outcome::ConditionFails(at));
            }
        }
        Ok(match (left_open, self.effect) {
            (Some(at), Effect::Deny) => Outcome::ConditionFails(at),
            (Some(_), Effect::Allow) | (None, _) => Outcome::Applies(grade),
        })
    }

    /// How directly the statement means the caller.
    fn grade(&self, target: &Target<'_>) -> Option<Grade> {
        match (&self.principals, self.effect) {
            (Clause::Anything, _) => Some(Grade::Direct),
            (Clause::Nothing, _) => None,
            (Clause::Is(patterns), Effect::Allow) => patterns.iter().filter_map(|own| own.grade(target.caller)).max(),
            (Clause::Is(patterns), Effect::Deny) => {
                patterns.iter().any(|own| own.covers(target.caller)).then_some(Grade::Direct)
            }
            (Clause::IsNot(patterns), Effect::Deny) => {
                (!leaves_out(patterns, target.caller, target.has_boundary)).then_some(Grade::Direct)
            }
            // Documents that allow everybody else are refused.
            (Clause::IsNot(_), Effect::Allow) => None,
        }
    }
}

impl<T> Clause<T> {
    fn compile<S>(
        element: Option<&Element<Vec<S>>>,
        parse: impl Fn(&S) -> Result<T, Malformed>,
    ) -> Result<Self, Malformed> {
        Ok(match element {
            None => Self::Nothing,
            Some(Element::Is(listed)) => Self::Is(listed.iter().map(parse).collect::<Result<_, _>>()?),
            Some(Element::IsNot(listed)) => Self::IsNot(listed.iter().map(parse).collect::<Result<_, _>>()?),
        })
    }

    fn patterns(&self) -> &[T] {
        match self {
            Self::Is(patterns) | Self::IsNot(patterns) => patterns,
            Self::Anything | Self::Nothing => &[],
        }
    }

    fn contains(&self, mut fits: impl FnMut(&T) -> Result<bool, OutOfFuel>) -> Result<bool, OutOfFuel> {
        let (patterns, is_negated) = match self {
            Self::Anything => return Ok(true),
            Self::Nothing => return Ok(false),
            Self::Is(patterns) => (patterns, false),
            Self::IsNot(patterns) => (patterns, true),
        };
        for pattern in patterns {
            if fits(pattern)? {
                return Ok(!is_negated);
            }
        }
        Ok(is_negated)
    }
}

/// The pattern of an action. Actions compare without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ActionPattern {
    /// `*`
    Any,
    /// `service:name`, with wildcards in the name.
    Named { service: Box<str>, name: Box<[Token]> },
}

impl ActionPattern {
    fn parse(text: &str) -> Self {
        match text.split_once(':') {
            None | Some(("*", _)) => Self::Any,
            Some((service, name)) => Self::Named { service: service.into(), name: glob::tokens(name).into() },
        }
    }

    fn matches(&self, action: Action, fuel: &Fuel) -> Result<bool, OutOfFuel> {
        match self {
            Self::Any => Ok(true),
            Self::Named { service, .. } if !service.eq_ignore_ascii_case(action.service()) => Ok(false),
            Self::Named { name, .. } => glob::matches(name, action.name(), Case::Ignored, fuel),
        }
    }
}
