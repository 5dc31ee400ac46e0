//! What calls of IAM and STS leave on the record. The operations come from the lists.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_crypto::rng::SystemRng;
use strongroom_wire::query::{Api, OpName, iam, sts};

use crate::audit::{Armed, PanickingStore};
use crate::iam_fixtures::smallest;
use crate::iam_strangers::{expect, root};
use crate::kms::{OWNER, TestKms};
use crate::query::{Signer, Xml};

const ROLE: &str = "arn:aws:iam::111122223333:role/here";

/// A well-formed call of every operation of both.
fn calls() -> Vec<(OpName, String)> {
    let of_sts = |op: sts::OpName| match op {
        sts::OpName::AssumeRole => format!("AssumeRole&RoleArn={ROLE}&RoleSessionName=s1"),
        sts::OpName::AssumeRoleWithWebIdentity => {
            format!("AssumeRoleWithWebIdentity&RoleArn={ROLE}&RoleSessionName=s1&WebIdentityToken=none-at-all")
        }
        sts::OpName::GetAccessKeyInfo => format!("GetAccessKeyInfo&AccessKeyId=AKIA{OWNER}"),
        sts::OpName::GetCallerIdentity | sts::OpName::GetSessionToken => op.to_string(),
    };
    let iam = iam::OpName::ALL.iter().map(|op| (OpName::Iam(*op), smallest(*op, "here")));
    iam.chain(sts::OpName::ALL.iter().map(|op| (OpName::Sts(*op), of_sts(*op)))).collect()
}

impl TestKms {
    /// The reply to a call of alice or of the root user, and the events that it left.
    fn query_and_events(&self, op: OpName, form: &str) -> (Xml, Vec<Value>) {
        let before = self.events().len();
        let reply = match op {
            OpName::Iam(_) => self.iam(Some(&root()), form),
            OpName::Sts(_) => self.sts(Some(&Signer::configured(OWNER, "sts")), form),
        };
        (reply, self.events().split_off(before))
    }
}

#[test]
fn every_operation_of_iam_and_sts_leaves_one_record() {
    let mut succeeded = HashSet::new();
    for (op, form) in calls() {
        // Where nothing is there yet, and where what it names is.
        for is_there in [false, true] {
            let kms = TestKms::new();
            if is_there {
                lay(&kms);
            }
            let (reply, events) = kms.query_and_events(op, &form);
            let [event] = &events[..] else { panic!("{op}: {events:?}") };
            let source = match op.api() {
                Api::Iam => "iam.amazonaws.com",
                Api::Sts => "sts.amazonaws.com",
            };
            assert_eq!((event["eventSource"].as_str(), event["eventName"].as_str()), (Some(source), Some(op.as_str())));
            assert_eq!(event["readOnly"], op.is_read_only(), "{op}");
            assert_eq!(event["requestID"].as_str(), reply.get("RequestId").as_deref(), "{op}");
            assert_eq!(event["eventType"], "AwsApiCall", "{op}");
            let account = (!op.is_unsigned()).then_some(OWNER);
            assert_eq!(event["userIdentity"]["accountId"].as_str(), account, "{op}");
            assert_eq!(event["recipientAccountId"].as_str(), account, "{op}");
            if reply.status == 200 {
                assert_eq!(event.get("errorCode"), None, "{op}");
                succeeded.insert(op.as_str());
            } else {
                assert_eq!(event["errorCode"].as_str(), reply.get("Code").as_deref(), "{op}");
                assert_eq!(event["errorMessage"].as_str(), reply.get("Message").as_deref(), "{op}");
                assert_eq!(event["responseElements"], Value::Null, "{op}");
            }
            let text = event.to_string();
            for secret in ["SecretAccessKey", "SessionToken"].into_iter().filter_map(|element| reply.get(element)) {
                assert!(!text.contains(&secret), "{op}: {text}");
            }
            assert!(!text.contains("none-at-all"), "{op}: a token is in {text}");
        }
    }
    assert!(succeeded.len() > 50, "{succeeded:?}");
}

/// What the operator does is on the record too: an account, and the root user's access key, are not made in silence.
#[test]
fn a_new_account_is_on_the_record() {
    let kms = TestKms::new();
    let before = kms.events().len();
    let made = kms.runtime().block_on(kms.node().create_account(None, Some("team".into()))).unwrap();
    let events = kms.events().split_off(before);
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&event["eventSource"], &event["eventName"]), (&json!("admin.strongroom"), &json!("CreateAccount")));
    assert_eq!(event["userIdentity"], json!({"type": "AWSService", "invokedBy": "admin.strongroom"}));
    assert_eq!(event["recipientAccountId"], made.id.as_str());
    assert_eq!(
        event["serviceEventDetails"],
        json!({"accountId": made.id.as_str(), "alias": "team", "accessKeyId": made.access_key_id})
    );
    assert!(!event.to_string().contains(std::str::from_utf8(made.secret.expose()).unwrap()));
    kms.runtime().block_on(kms.node().create_account(Some(made.id), None)).unwrap_err();
    assert_eq!(kms.events().len(), before + 1, "nothing was made");
}

/// Something of every kind, under the name `here`.
fn lay(kms: &TestKms) {
    for op in [
        iam::OpName::CreateUser,
        iam::OpName::CreateGroup,
        iam::OpName::CreateRole,
        iam::OpName::CreatePolicy,
        iam::OpName::CreateOpenIDConnectProvider,
        iam::OpName::AddUserToGroup,
        iam::OpName::PutUserPolicy,
        iam::OpName::PutGroupPolicy,
        iam::OpName::PutRolePolicy,
    ] {
        expect(&kms.iam(Some(&root()), &smallest(op, "here")), None);
    }
}

/// Every operation that changes something, with a store that panics under it.
#[test]
fn a_panic_of_iam_leaves_its_record_too() {
    let mut without = Vec::new();
    for (op, form) in calls().into_iter().filter(|(op, _)| !op.is_read_only()) {
        let mut has_panicked = false;
        // Some get as far as that only where there is something, others where there is nothing.
        for is_there in [false, true] {
            let first = TestKms::new();
            let armed = Arc::new(Armed::default());
            let store = Arc::new(PanickingStore(first.store(), Arc::clone(&armed)));
            let kms = first.restarted_over(store, Arc::new(SystemRng));
            if is_there {
                lay(&kms);
            }
            armed.set();
            let (reply, events) = kms.query_and_events(op, &form);
            let [event] = &events[..] else { panic!("{op}: {events:?}") };
            assert_eq!(event["eventName"], op.as_str());
            assert_eq!(event["errorCode"].as_str(), reply.get("Code").as_deref(), "{op}");
            has_panicked |= event["errorCode"] == "ServiceFailure";
        }
        if !has_panicked {
            without.push(op.as_str());
        }
    }
    assert_eq!(without, [""; 0], "operations that never came to the store");
}
