//! Does each step on the service and on the reference, and compares what both say.

use std::collections::HashMap;

use serde_json::{Value, json};
use strongroom_core::generated::OpName;

use super::Difference;
use super::imports::Token;
use super::reference::{Grant, Kind, Made, Reference, Rule, Terms, What};
use super::steps::{Land, Step};
use crate::kms::{ROOT, TestKms};

/// Where the test's clock begins.
const START: i64 = 1_790_000_000_123;

/// A service and the reference of it.
pub(super) struct Driver {
    kms: TestKms,
    pub(super) region: &'static str,
    /// Where replicas are made.
    other_region: &'static str,
    pub(super) wrapping: (&'static str, &'static str),
    pub(super) reference: Reference,
    pub(super) made: Vec<Made>,
    pub(super) tokens: HashMap<usize, Token>,
}

impl Driver {
    pub(super) fn new(land: Land) -> Self {
        let (region, other_region, wrapping) = match land {
            Land::World { .. } => ("us-east-1", "eu-west-1", ("RSAES_OAEP_SHA_256", "RSA_2048")),
            Land::China => ("cn-north-1", "cn-northwest-1", ("SM2PKE", "SM2")),
        };
        let reference = Reference::at(START);
        Self {
            kms: TestKms::new(),
            region,
            other_region,
            wrapping,
            reference,
            made: Vec::new(),
            tokens: HashMap::new(),
        }
    }

    /// Plays all steps, and looks at everything after the last one.
    ///
    /// # Errors
    /// The first difference.
    pub(super) fn play(&mut self, steps: &[Step]) -> Result<(), Difference> {
        for step in steps {
            let key = self.step(*step).map_err(|difference| format!("{step:?}: {difference}"))?;
            if let Some(key) = key {
                self.look_at_metadata(key).map_err(|difference| format!("after {step:?}: {difference}"))?;
            }
        }
        self.look().map_err(|difference| format!("at the end: {difference}"))
    }

    /// One step. Tells the key that it may have changed.
    fn step(&mut self, step: Step) -> Result<Option<usize>, Difference> {
        let keys = self.reference.keys.len();
        let key = |at: u8| (keys > 0).then(|| usize::from(at) % keys);
        match step {
            Step::CreateKey(kind) => self.create_key(kind).map(Some),
            Step::Wait { minutes, tasks } => self.wait(minutes, tasks),
            Step::Restart => self.restart(),
            Step::Look => self.look().map(|()| None),
            Step::EnableKey(at) => self.on(key(at), Self::enable_key),
            Step::DisableKey(at) => self.on(key(at), Self::disable_key),
            Step::ScheduleKeyDeletion(at, days) => self.on(key(at), |all, key| all.schedule_key_deletion(key, days)),
            Step::CancelKeyDeletion(at) => self.on(key(at), Self::cancel_key_deletion),
            Step::EnableKeyRotation(at, days) => self.on(key(at), |all, key| all.enable_key_rotation(key, days)),
            Step::DisableKeyRotation(at) => self.on(key(at), Self::disable_key_rotation),
            Step::RotateKeyOnDemand(at) => self.on(key(at), Self::rotate_key_on_demand),
            Step::ImportKeyMaterial(import) => self.on(key(import.key), |all, key| all.import(key, import)),
            Step::DeleteImportedKeyMaterial(at, named) => self.on(key(at), |all, key| all.delete_material(key, named)),
            Step::CreateAlias(alias, at) => self.on(key(at), |all, key| all.create_alias(alias, key)),
            Step::UpdateAlias(alias, at) => self.on(key(at), |all, key| all.update_alias(alias, key)),
            Step::DeleteAlias(alias) => self.delete_alias(alias),
            Step::CreateGrant { key: at, name, bob_retires, operation } => {
                let terms = self.terms(name, bob_retires, operation);
                self.on(key(at), |all, key| all.create_grant(key, terms))
            }
            Step::RevokeGrant(at) => self.end_grant(at, OpName::RevokeGrant, false),
            Step::RetireGrant { grant, by_token } => self.end_grant(grant, OpName::RetireGrant, by_token),
            Step::TagResource(at, tag, value) => self.on(key(at), |all, key| all.tag(key, tag, value)),
            Step::UntagResource(at, tag) => self.on(key(at), |all, key| all.untag(key, tag)),
            Step::UpdateKeyDescription(at, text) => self.on(key(at), |all, key| all.describe(key, text)),
            Step::PutKeyPolicy(at, text) => self.on(key(at), |all, key| all.put_policy(key, text)),
            Step::ReplicateKey(at) => self.on(key(at), Self::replicate_key),
            Step::UpdatePrimaryRegion(at) => self.on(key(at), Self::update_primary_region),
            Step::Encrypt(at) => self.on(key(at), |all, key| all.encrypt(all.at(key), all.id(key), Ok(key))),
            Step::EncryptByAlias(alias) => {
                let alias = alias_name(alias);
                let key = self.reference.resolve(self.region, &alias);
                self.encrypt(self.region, json!(alias), key).map(|()| key.ok())
            }
            Step::Decrypt { made, with, same_context } => self.decrypt(made, with.and_then(key), same_context),
            Step::ReEncrypt(made, at) => self.on(key(at), |all, key| all.re_encrypt(made, key)),
            Step::GenerateMac(at) => self.on(key(at), |all, key| all.mark(What::Mac, key)),
            Step::Sign(at) => self.on(key(at), |all, key| all.mark(What::Signature, key)),
            Step::Verify(made) => self.verify(made),
        }
    }

    fn on(
        &mut self,
        key: Option<usize>,
        step: impl FnOnce(&mut Self, usize) -> Result<(), Difference>,
    ) -> Result<Option<usize>, Difference> {
        let Some(key) = key else { return Ok(None) };
        step(self, key).map(|()| Some(key))
    }

    /// Where a key lives.
    pub(super) fn at(&self, key: usize) -> &'static str {
        self.reference.keys[key].region
    }

    /// Both Regions.
    pub(super) fn regions(&self) -> [&'static str; 2] {
        [self.region, self.other_region]
    }

    /// The Region where the key is not.
    fn opposite(&self, key: usize) -> &'static str {
        if self.at(key) == self.region { self.other_region } else { self.region }
    }

    pub(super) fn id(&self, key: usize) -> Value {
        json!(self.reference.keys[key].id)
    }

    /// Calls, and compares the outcome with the rule's. The answer of a success is handed on, with what the rule said.
    pub(super) fn agree<T>(
        &self,
        region: &str,
        op: OpName,
        body: &Value,
        rule: Rule<T>,
    ) -> Result<Option<(Value, T)>, Difference> {
        match (self.kms.call_as(ROOT, region, op, body), rule) {
            (Ok(answer), Ok(outcome)) => Ok(Some((answer, outcome))),
            (Err((code, _)), Err(expected)) if code == expected => Ok(None),
            (got, rule) => {
                let expected = rule.err().unwrap_or("a success");
                Err(format!("{op} of {body} in {region}: expected {expected}, got {got:?}"))
            }
        }
    }

    /// The same for an operation that tells nothing.
    fn agree_on(&self, region: &str, op: OpName, body: &Value, rule: Rule) -> Result<(), Difference> {
        self.agree(region, op, body, rule).map(drop)
    }

    fn create_key(&mut self, kind: Kind) -> Result<usize, Difference> {
        let origin = if kind.is_external { "EXTERNAL" } else { "AWS_KMS" };
        let body = json!({
            "KeySpec": kind.spec.as_str(), "KeyUsage": kind.usage.as_str(), "Origin": origin,
            "MultiRegion": kind.is_multi_region,
        });
        let answer = self.agree(self.region, OpName::CreateKey, &body, Ok(()))?;
        let metadata = &answer.ok_or("a rule that is always fulfilled")?.0["KeyMetadata"];
        let text = |member: &str| metadata[member].as_str().unwrap_or_default().to_owned();
        self.reference.create_key(kind, self.region, text("KeyId"), text("Arn"));
        Ok(self.reference.keys.len() - 1)
    }

    fn wait(&mut self, minutes: i64, tasks: bool) -> Result<Option<usize>, Difference> {
        self.reference.now += minutes * 60_000;
        self.kms.clock.advance_millis(minutes * 60_000);
        if tasks {
            self.kms.runtime().block_on(self.kms.node().run_due_tasks());
            self.reference.run_due_tasks();
        }
        Ok(None)
    }

    fn restart(&mut self) -> Result<Option<usize>, Difference> {
        self.kms.runtime().block_on(self.kms.node().shut_down());
        self.kms = self.kms.restarted();
        Ok(None)
    }

    fn enable_key(&mut self, key: usize) -> Result<(), Difference> {
        let rule = self.reference.enable_key(key);
        self.agree_on(self.at(key), OpName::EnableKey, &json!({"KeyId": self.id(key)}), rule)
    }

    fn disable_key(&mut self, key: usize) -> Result<(), Difference> {
        let rule = self.reference.disable_key(key);
        self.agree_on(self.at(key), OpName::DisableKey, &json!({"KeyId": self.id(key)}), rule)
    }

    fn schedule_key_deletion(&mut self, key: usize, days: i64) -> Result<(), Difference> {
        let rule = self.reference.schedule_key_deletion(key, days);
        let body = json!({"KeyId": self.id(key), "PendingWindowInDays": days});
        let Some((answer, date)) = self.agree(self.at(key), OpName::ScheduleKeyDeletion, &body, rule)? else {
            return Ok(());
        };
        same("DeletionDate", &millis(&answer["DeletionDate"]), &date)
    }

    fn cancel_key_deletion(&mut self, key: usize) -> Result<(), Difference> {
        let rule = self.reference.cancel_key_deletion(key);
        self.agree_on(self.at(key), OpName::CancelKeyDeletion, &json!({"KeyId": self.id(key)}), rule)
    }

    fn replicate_key(&mut self, key: usize) -> Result<(), Difference> {
        let region = self.opposite(key);
        let rule = self.reference.replicate_key(key, region);
        self.agree_on(
            self.at(key),
            OpName::ReplicateKey,
            &json!({"KeyId": self.id(key), "ReplicaRegion": region}),
            rule,
        )
    }

    fn update_primary_region(&mut self, key: usize) -> Result<(), Difference> {
        let region = self.opposite(key);
        let rule = self.reference.update_primary_region(key, region);
        let body = json!({"KeyId": self.id(key), "PrimaryRegion": region});
        self.agree_on(self.at(key), OpName::UpdatePrimaryRegion, &body, rule)
    }

    fn enable_key_rotation(&mut self, key: usize, days: i64) -> Result<(), Difference> {
        let rule = self.reference.enable_key_rotation(key, days);
        let body = json!({"KeyId": self.id(key), "RotationPeriodInDays": days});
        self.agree_on(self.at(key), OpName::EnableKeyRotation, &body, rule)
    }

    fn disable_key_rotation(&mut self, key: usize) -> Result<(), Difference> {
        let rule = self.reference.disable_key_rotation(key);
        self.agree_on(self.at(key), OpName::DisableKeyRotation, &json!({"KeyId": self.id(key)}), rule)
    }

    fn rotate_key_on_demand(&mut self, key: usize) -> Result<(), Difference> {
        let rule = self.reference.rotate_on_demand(key);
        self.agree_on(self.at(key), OpName::RotateKeyOnDemand, &json!({"KeyId": self.id(key)}), rule)
    }

    fn create_alias(&mut self, alias: u8, key: usize) -> Result<(), Difference> {
        let rule = self.reference.create_alias(&alias_name(alias), key);
        self.agree_on(
            self.at(key),
            OpName::CreateAlias,
            &json!({"AliasName": alias_name(alias), "TargetKeyId": self.id(key)}),
            rule,
        )
    }

    fn update_alias(&mut self, alias: u8, key: usize) -> Result<(), Difference> {
        let rule = self.reference.update_alias(&alias_name(alias), key);
        self.agree_on(
            self.at(key),
            OpName::UpdateAlias,
            &json!({"AliasName": alias_name(alias), "TargetKeyId": self.id(key)}),
            rule,
        )
    }

    fn delete_alias(&mut self, alias: u8) -> Result<Option<usize>, Difference> {
        let rule = self.reference.delete_alias(self.region, &alias_name(alias));
        self.agree_on(self.region, OpName::DeleteAlias, &json!({"AliasName": alias_name(alias)}), rule).map(|()| None)
    }

    pub(super) fn user(&self, name: &str) -> String {
        let partition = if self.region.starts_with("cn-") { "aws-cn" } else { "aws" };
        format!("arn:{partition}:iam::111122223333:user/{name}")
    }

    fn terms(&self, name: Option<u8>, bob_retires: bool, operation: &'static str) -> Terms {
        Terms {
            name: name.map(|number| format!("grant-{number}")),
            grantee: self.user("alice"),
            retiring: bob_retires.then(|| self.user("bob")),
            operation,
        }
    }

    fn create_grant(&mut self, key: usize, terms: Terms) -> Result<(), Difference> {
        let mut body = json!({
            "KeyId": self.id(key), "GranteePrincipal": terms.grantee, "Operations": [terms.operation],
        });
        for (member, value) in [("Name", &terms.name), ("RetiringPrincipal", &terms.retiring)] {
            if let Some(value) = value {
                body[member] = json!(value);
            }
        }
        let rule = self.reference.create_grant(key, &terms);
        let Some((answer, twin)) = self.agree(self.at(key), OpName::CreateGrant, &body, rule)? else { return Ok(()) };
        let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
        match twin {
            Some(twin) => same("GrantId of the same request", &text("GrantId"), &twin),
            None => {
                let (id, token) = (text("GrantId"), text("GrantToken"));
                if self.reference.grants.iter().any(|grant| grant.id == id) {
                    return Err(format!("the grant id {id} is not new"));
                }
                self.reference.grants.push(Grant { key, terms, id, token, is_gone: false });
                Ok(())
            }
        }
    }

    fn end_grant(&mut self, at: u8, op: OpName, by_token: bool) -> Result<Option<usize>, Difference> {
        let grants = self.reference.grants.len();
        if grants == 0 {
            return Ok(None);
        }
        let at = usize::from(at) % grants;
        let Grant { key, id, token, .. } = self.reference.grants[at].clone();
        let body = match by_token {
            true => json!({"GrantToken": token}),
            false => json!({"KeyId": self.reference.keys[key].arn, "GrantId": id}),
        };
        let rule = self.reference.end_grant(at);
        self.agree_on(self.at(key), op, &body, rule).map(|()| Some(key))
    }

    fn tag(&mut self, key: usize, tag: u8, value: u8) -> Result<(), Difference> {
        let (tag, value) = (format!("tag-{tag}"), format!("value {value}"));
        let rule = self.reference.admit(OpName::TagResource, key);
        let body = json!({"KeyId": self.id(key), "Tags": [{"TagKey": tag, "TagValue": value}]});
        if rule.is_ok() {
            self.reference.keys[key].tags.insert(tag, value);
        }
        self.agree_on(self.at(key), OpName::TagResource, &body, rule)
    }

    fn untag(&mut self, key: usize, tag: u8) -> Result<(), Difference> {
        let tag = format!("tag-{tag}");
        let rule = self.reference.admit(OpName::UntagResource, key);
        if rule.is_ok() {
            self.reference.keys[key].tags.remove(&tag);
        }
        self.agree_on(self.at(key), OpName::UntagResource, &json!({"KeyId": self.id(key), "TagKeys": [tag]}), rule)
    }

    fn describe(&mut self, key: usize, text: u8) -> Result<(), Difference> {
        let text = "x".repeat(usize::from(text));
        let rule = self.reference.admit(OpName::UpdateKeyDescription, key);
        let body = json!({"KeyId": self.id(key), "Description": text});
        if rule.is_ok() {
            self.reference.keys[key].description = text;
        }
        self.agree_on(self.at(key), OpName::UpdateKeyDescription, &body, rule)
    }

    fn put_policy(&mut self, key: usize, number: u8) -> Result<(), Difference> {
        let root = self.user("x").replace("user/x", "root");
        let statement = json!({
            "Sid": format!("s{number}"), "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*",
        });
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let rule = self.reference.admit(OpName::PutKeyPolicy, key);
        if rule.is_ok() {
            self.reference.keys[key].policy = Some(number);
        }
        self.agree_on(self.at(key), OpName::PutKeyPolicy, &json!({"KeyId": self.id(key), "Policy": policy}), rule)
    }
}

pub(super) fn alias_name(number: u8) -> String {
    format!("alias/a{number}")
}

/// A moment as the API tells it, in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "moments of this test are small")]
pub(super) fn millis(value: &Value) -> Option<i64> {
    value.as_f64().map(|seconds| (seconds * 1000.0).round() as i64)
}

#[expect(clippy::cast_precision_loss, reason = "moments of this test are small")]
pub(super) fn seconds(millis: i64) -> Value {
    json!(millis as f64 / 1000.0)
}

/// Two things that must be equal.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), Difference> {
    if got == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, got {got:?}")) }
}

/// A name that the service chose: heard once, it stays.
pub(super) fn learn(known: &mut Option<String>, heard: &Value) -> Result<(), Difference> {
    let heard = heard.as_str().ok_or("an id is missing")?.to_owned();
    match known {
        Some(known) => same("KeyMaterialId", &heard, known),
        None => {
            *known = Some(heard);
            Ok(())
        }
    }
}
