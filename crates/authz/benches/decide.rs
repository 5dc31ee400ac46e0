//! What one decision costs: the typical key, and keys with a thousand grants.
//!
//! The budget: 5 µs for the default policy, three statements and ten grants; 50 µs with a thousand grants.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_authz::action::Action;
use strongroom_authz::caller::{Caller, Session};
use strongroom_authz::condition::keys::ConditionKey;
use strongroom_authz::context::{Pairs, RequestContext, Value, encryption_context_values};
use strongroom_authz::decide::{AttachedPolicy, CrossAccount, Policies, Request, ResourcePolicies};
use strongroom_authz::grants::{Grant, GrantConstraints, GrantPrincipal, GrantSet};
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_authz::proof::authorize;
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::GrantOperation;
use strongroom_core::ids::{AccountId, GrantId, Partition};

const KEY_POLICY: &str = r#"{"Version":"2012-10-17","Id":"key-default-1","Statement":[
    {"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},
    {"Sid":"Use","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:role/batch","arn:aws:iam::111122223333:user/ann"]},
     "Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*",
     "Condition":{"StringEquals":{"kms:EncryptionContext:app":"ledger"}}},
    {"Sid":"Attach","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/batch"},
     "Action":["kms:CreateGrant","kms:ListGrants","kms:RevokeGrant"],"Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}},
    {"Sid":"Tls","Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
const IDENTITY_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"arn:aws:kms:*:111122223333:key/*",
     "Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}]}"#;

struct Context {
    encryption_context: Vec<(String, String)>,
}

impl RequestContext for Context {
    fn values(&self, key: ConditionKey, rest: &str, each: &mut dyn FnMut(Value<'_>)) {
        encryption_context_values(&self.encryption_context, key, rest, each);
        if key == ConditionKey::AwsSecureTransport {
            each(Value::Bool(true));
        } else if key == ConditionKey::AwsResourceTag && rest.eq_ignore_ascii_case("team") {
            each(Value::Text("blue"));
        }
    }

    fn encryption_context(&self) -> Option<&dyn Pairs> {
        Some(&self.encryption_context)
    }
}

fn account() -> AccountId {
    "111122223333".parse().expect("twelve digits")
}

fn key() -> KeyArn {
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().expect("a key ARN")
}

fn attached(kind: PolicyKind, text: &str) -> AttachedPolicy {
    AttachedPolicy { name: "default".into(), policy: Arc::new(Policy::parse(kind, text).expect("a policy")) }
}

fn role_session() -> Caller {
    Caller::assumed_role(Partition::Aws, account(), "/", "app", "AROAAPPAPPAPPAPPAPPA", "one", Session::default())
        .with_tags([("team", "blue")])
}

/// Grants whose grantee and required volume depend on their number.
fn grants(count: u32, grantee: impl Fn(u32) -> String, is_constrained: bool) -> GrantSet {
    let mut set = GrantSet::default();
    for number in 0..count {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let volume = is_constrained.then(|| vec![("volume".to_owned(), number.to_string())]);
        set.insert(Arc::new(Grant {
            id: GrantId(id),
            grantee: GrantPrincipal::parse_arn(&grantee(number)).expect("a principal"),
            retiring: None,
            issuing_account: GrantPrincipal::account(Partition::Aws, account()),
            operations: [GrantOperation::Decrypt, GrantOperation::Encrypt].into_iter().collect(),
            constraints: GrantConstraints { encryption_context_subset: volume, ..GrantConstraints::default() },
        }));
    }
    set
}

fn bench(c: &mut Criterion) {
    let others = |number: u32| format!("arn:aws:iam::111122223333:role/service-{number}");
    let own = |_: u32| "arn:aws:iam::111122223333:role/app".to_owned();
    let ledger = [("app", "ledger"), ("volume", "7")];
    // The caller of the last row names a volume that none of its thousand grants is for.
    let nowhere = [("app", "ledger"), ("volume", "none")];
    let typical = grants(10, others, true);
    let rows = [
        ("typical: identity policy allows", &typical, &ledger, Action::kms("Decrypt"), true),
        ("typical: refused with its trace", &typical, &ledger, Action::kms("Sign"), true),
        ("1000 grants of others", &grants(1000, others, true), &ledger, Action::kms("Decrypt"), true),
        ("1000 grants of the caller, one fits", &grants(1000, own, true), &ledger, Action::kms("Decrypt"), false),
        ("1000 grants of the caller, none fits", &grants(1000, own, true), &nowhere, Action::kms("Decrypt"), false),
        (
            "1000 grants of the caller without constraints",
            &grants(1000, own, false),
            &ledger,
            Action::kms("Decrypt"),
            false,
        ),
        (
            "1000 grants of the caller, DescribeKey",
            &grants(1000, own, true),
            &ledger,
            Action::kms("DescribeKey"),
            false,
        ),
    ];
    for (name, set, pairs, action, has_identity_policy) in rows {
        bench_row(c, name, set, pairs, action, has_identity_policy);
    }
}

fn bench_row(
    c: &mut Criterion,
    name: &str,
    grants: &GrantSet,
    pairs: &[(&str, &str)],
    action: Action,
    has_identity_policy: bool,
) {
    let context =
        Context { encryption_context: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect() };
    let key_policy = [attached(PolicyKind::Key, KEY_POLICY)];
    let identity = [attached(PolicyKind::Identity, IDENTITY_POLICY)];
    let policies = Policies {
        resource: Some(ResourcePolicies { policies: &key_policy, grants: Some(grants) }),
        identity: if has_identity_policy { &identity } else { &[] },
        ..Policies::default()
    };
    let caller = role_session();
    let request = Request {
        caller: &caller,
        action,
        context: &context,
        cross_account: CrossAccount::Effective,
        proposed_grant: None,
    };
    c.bench_function(name, |b| b.iter(|| black_box(authorize(black_box(&request), &policies, key())).is_ok()));
}

criterion_group!(benches, bench);
criterion_main!(benches);
