//! Conditions of every operator over any values: what they come to obeys the laws of inversion, of `…IfExists` and of the set
//! operators, and of a list of operands one is enough.
//!
//! The input is text: a line each for the operator (`StringLike`), the key, the language, the operands and the request's values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strongroom_authz::action::Action;
use strongroom_authz::caller::Caller;
use strongroom_authz::condition::keys::{KeyName, Source};
use strongroom_authz::condition::operators::{Operator, Quantifier, Test};
use strongroom_authz::context::FixedContext;
use strongroom_authz::decide::{AttachedPolicy, CrossAccount, FaultKind, Outcome, Policies, Request, explain};
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_core::ids::Partition;

const QUANTIFIERS: [Quantifier; 3] = [Quantifier::Single, Quantifier::ForAllValues, Quantifier::ForAnyValue];

/// How many operands and values a scene has, so that a run stays short.
const TEXTS_MAX: usize = 5;

fuzz_target!(|text: &str| {
    if let Some(scene) = Scene::read(text) {
        scene.check();
    }
});

/// What a condition came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Holds,
    Fails,
    Fault,
}

impl Came {
    fn of(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }

    fn inverted(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
            Self::Fault => Self::Fault,
        }
    }
}

struct Scene<'a> {
    operator: Operator,
    key: &'a str,
    version: &'a str,
    operands: Vec<&'a str>,
    values: Vec<&'a str>,
}

impl<'a> Scene<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut lines = text.lines();
        let operator = Operator::parse(lines.next()?)?;
        let mut scene =
            Self { operator, key: "aws:TagKeys", version: "2012-10-17", operands: Vec::new(), values: Vec::new() };
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "key" => scene.key = rest,
                "version" => scene.version = rest,
                "operand" => scene.operands.push(rest),
                "value" => scene.values.push(rest),
                _ => return None,
            }
        }
        // What is the caller's has the caller's values, whatever the context says.
        let is_of_context = !matches!(KeyName::parse(scene.key)?.key().facts().source, Source::Caller(_));
        (is_of_context && scene.operands.len().max(scene.values.len()) <= TEXTS_MAX).then_some(scene)
    }

    /// What an operator with these operands comes to for these values; `None` when there can be no such condition or request,
    /// or when it costs too much: then the whole differs from its parts.
    fn come(&self, operator: Operator, operands: &[&str], values: &[&str]) -> Option<Came> {
        let statement = json!({
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": { operator.to_string(): { self.key: operands } },
        });
        let text = json!({"Version": self.version, "Statement": statement}).to_string();
        let policy = Policy::parse(PolicyKind::Identity, &text).ok()?;
        let mut context = FixedContext::new();
        for value in values {
            context.add_text(self.key, value).ok()?;
        }
        let account = "111122223333".parse().expect("twelve digits");
        let caller = Caller::user(Partition::Aws, account, "/", "ann", "AIDAANNANNANNANNANNA");
        let request = Request {
            caller: &caller,
            action: Action::kms("Decrypt"),
            context: &context,
            cross_account: CrossAccount::Effective,
            proposed_grant: None,
        };
        let attached = [AttachedPolicy { name: "policy".into(), policy: policy.into() }];
        let policies = Policies { identity: &attached, ..Policies::default() };
        let (decision, trace) = explain(&request, &policies, account, "*");
        let came = match trace.statements.first()?.outcome {
            Outcome::Applies(_) => Came::Holds,
            Outcome::ConditionFails(0) => Came::Fails,
            Outcome::Fault(FaultKind::TooCostly) => return None,
            Outcome::Fault(FaultKind::WrongType | FaultKind::SeveralValues) => Came::Fault,
            other => panic!("{other:?}: the statement is about everything"),
        };
        assert_eq!(decision.is_allow(), came == Came::Holds, "what cannot be compared does not allow");
        Some(came)
    }

    fn check(&self) {
        if self.operator.test == Test::Null {
            return self.check_null();
        }
        for quantifier in QUANTIFIERS {
            self.check_quantifier(Operator { quantifier, if_exists: false, ..self.operator });
        }
    }

    fn check_null(&self) {
        let Some(came) = self.come(self.operator, &self.operands, &self.values) else { return };
        let wanted = if self.values.is_empty() { "true" } else { "false" };
        let is_wanted = self.operands.iter().any(|operand| operand.eq_ignore_ascii_case(wanted));
        assert_eq!(came, Came::of(is_wanted));
    }

    fn check_quantifier(&self, operator: Operator) {
        let Some(came) = self.come(operator, &self.operands, &self.values) else { return };
        let lenient = self.come(Operator { if_exists: true, ..operator }, &self.operands, &self.values);
        assert_eq!(lenient, Some(if self.values.is_empty() { Came::Holds } else { came }), "…IfExists");

        let single = Operator { quantifier: Quantifier::Single, ..operator };
        let each = self.values.iter().map(|value| self.come(single, &self.operands, &[value]));
        let Some(each) = each.collect::<Option<Vec<Came>>>() else { return };
        // Texts that are empty count as no values for the set operators.
        let is_nothing = self.values.iter().all(|value| value.is_empty());
        let has_fault = each.contains(&Came::Fault);
        let expect = match operator.quantifier {
            Quantifier::Single => match each[..] {
                [] => Came::of(operator.negated),
                [only] => only,
                _ => Came::Fault,
            },
            Quantifier::ForAllValues if is_nothing => Came::Holds,
            Quantifier::ForAnyValue if is_nothing => Came::Fails,
            Quantifier::ForAllValues | Quantifier::ForAnyValue if has_fault => Came::Fault,
            Quantifier::ForAllValues => Came::of(each.iter().all(|one| *one == Came::Holds)),
            Quantifier::ForAnyValue => Came::of(each.contains(&Came::Holds)),
        };
        assert_eq!(came, expect, "{operator} of {each:?}");

        if let [value] = self.values[..] {
            self.check_one_value(single, value);
        }
    }

    /// One value against several operands, and inverted.
    fn check_one_value(&self, single: Operator, value: &str) {
        let Some(came) = self.come(single, &self.operands, &[value]) else { return };
        let plain = Operator { negated: false, ..single };
        let Some(fits) = self.come(plain, &self.operands, &[value]) else { return };
        assert_eq!(came, if single.negated { fits.inverted() } else { fits }, "inversion");
        let each = self.operands.iter().map(|operand| self.come(plain, &[operand], &[value]));
        let Some(each) = each.collect::<Option<Vec<Came>>>() else { return };
        if !each.contains(&Came::Fault) && fits != Came::Fault {
            assert_eq!(fits, Came::of(each.contains(&Came::Holds)), "one operand is enough: {each:?}");
        }
    }
}
