//! What calls leave on the record. The operations come from the list.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;
use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_core::world::{NoEntropy, Rng};
use strongroom_crypto::rng::SystemRng;
use strongroom_store::{Batch, Record, Store, StoreFuture, Table};

use crate::fixtures::smallest;
use crate::kms::{OWNER, TestKms};

#[test]
fn every_operation_leaves_one_record() {
    for op in OpName::ALL {
        let kms = TestKms::new();
        let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        let before = kms.events().len();
        let answer = kms.call(*op, &smallest(*op, &key.arn));
        let events = kms.events().split_off(before);
        let calls: Vec<&Value> = events.iter().filter(|event| event["eventType"] == "AwsApiCall").collect();
        assert_eq!(calls.len(), 1, "{op}: {events:?}");
        assert_eq!(calls[0]["eventName"], op.as_str());
        assert_eq!(calls[0]["recipientAccountId"], OWNER);
        assert_eq!(calls[0]["readOnly"], strongroom_wire::kms::facts(*op).read_only);
        let code = answer.err().map(|(code, _)| code);
        assert_eq!(calls[0]["errorCode"].as_str(), code.as_deref(), "{op}");
        assert!(calls[0]["responseElements"].is_null() || code.is_none(), "{op}: a failure has no reply");
        let ids: HashSet<&str> = events.iter().map(|event| event["eventID"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), events.len(), "{op}: ids are used once");
    }
}

/// A store, and randomness, that panic when they are told to.
#[derive(Default)]
pub(crate) struct Armed(AtomicBool);

impl Armed {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn check(&self) {
        assert!(!self.0.load(Ordering::SeqCst), "planned");
    }
}

pub(crate) struct PanickingStore(pub(crate) Arc<dyn Store>, pub(crate) Arc<Armed>);

impl Store for PanickingStore {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        self.1.check();
        self.0.get(table, key)
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        self.1.check();
        self.0.scan(table, prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        self.1.check();
        self.0.commit(batch)
    }
}

struct PanickingRng(Arc<Armed>);

/// Only GenerateRandom asks for so many bytes.
const FATAL_BYTES: usize = 77;

impl Rng for PanickingRng {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy> {
        if out.len() == FATAL_BYTES {
            self.0.check();
        }
        SystemRng.fill(out)
    }
}

#[test]
fn a_panic_leaves_its_record_too() {
    for op in OpName::ALL {
        let first = TestKms::new();
        let key = first.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        let mut body = smallest(*op, &key.arn);
        if *op == OpName::GenerateRandom {
            body = json!({"NumberOfBytes": FATAL_BYTES});
        }
        if *op == OpName::Decrypt {
            let encrypted = first.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
            body["CiphertextBlob"] = encrypted["CiphertextBlob"].clone();
        }
        // A node that has no key in memory.
        let armed = Arc::new(Armed::default());
        let store = Arc::new(PanickingStore(first.store(), Arc::clone(&armed)));
        let kms = first.restarted_over(store, Arc::new(PanickingRng(Arc::clone(&armed))));
        armed.set();
        let (code, _) = kms.call(*op, &body).unwrap_err();
        let events = kms.events();
        assert_eq!(events.len(), 1, "{op}: {events:?}");
        assert_eq!(
            (events[0]["eventName"].as_str(), events[0]["errorCode"].as_str()),
            (Some(op.as_str()), Some(&*code))
        );
        let is_offered = code != "UnsupportedOperationException";
        assert_eq!(code == "KMSInternalException", is_offered, "{op}: {code}");
    }
}

/// A refusal prints what the request had; its record does not grow with it.
#[test]
fn a_record_is_bounded() {
    let kms = TestKms::new();
    let (code, message) = kms.call(OpName::DescribeKey, &json!({"KeyId": "é\u{1}".repeat(10_000)})).unwrap_err();
    assert_eq!(code, "ValidationException");
    let event = kms.events().pop().unwrap();
    let kept = event["errorMessage"].as_str().unwrap();
    assert!(message.unwrap().starts_with(kept) && kept.len() > 16_000, "{} bytes", kept.len());
    assert!(event.to_string().len() < 150_000);
}

#[test]
fn what_is_turned_away_is_on_the_record() {
    let kms = TestKms::new();
    let signed = |body: &str| kms.signed_headers(OWNER, "us-east-1", OpName::DescribeKey, body);
    let mut unknown = signed("{}");
    unknown.insert("x-amz-target", HeaderValue::from_static("TrentService.Explode"));
    let mut unsigned = signed("{}");
    unsigned.remove("authorization");
    let mut forged = signed("{}");
    let other = signed("{ }")["authorization"].clone();
    forged.insert("authorization", other);
    let mut nobody = signed("{}");
    let claim = nobody["authorization"].to_str().unwrap().replace("AKIA111122223333", "AKIANOBODY");
    nobody.insert("authorization", HeaderValue::from_str(&claim).unwrap());

    let rows = [
        ("POST", unknown, "{}", "Explode", "UnknownOperationException", "Unknown", None),
        ("GET", signed("{}"), "{}", "DescribeKey", "UnknownOperationException", "Unknown", None),
        ("POST", unsigned, "{}", "DescribeKey", "MissingAuthenticationTokenException", "Unknown", None),
        ("POST", forged, "{}", "DescribeKey", "InvalidSignatureException", "Unknown", None),
        ("POST", nobody, "{}", "DescribeKey", "UnrecognizedClientException", "Unknown", None),
        ("POST", signed("{"), "{", "DescribeKey", "SerializationException", "IAMUser", Some(OWNER)),
        ("POST", signed("{}"), "{}", "DescribeKey", "ValidationException", "IAMUser", Some(OWNER)),
    ];
    for (method, headers, body, name, code, kind, account) in rows {
        let before = kms.events().len();
        let (status, reply) = kms.send(method, &headers, body.as_bytes());
        let events = kms.events().split_off(before);
        let [event] = &events[..] else { panic!("{code}: {events:?}") };
        assert!(status >= 400, "{code}");
        assert_eq!(reply["__type"], code);
        assert_eq!(event["eventName"], name, "{code}");
        assert_eq!(event["errorCode"], code);
        assert_eq!(event["userIdentity"]["type"], kind, "{code}");
        assert_eq!(event["recipientAccountId"].as_str(), account, "{code}");
        assert_eq!(event["requestParameters"], Value::Null, "{code}: nothing of a body that was not understood");
        assert_eq!(event["eventSource"], "kms.amazonaws.com");
        assert_eq!(event["eventCategory"], "Management");
    }
}
