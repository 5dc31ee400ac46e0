//! Quotas through the front of the service: who is refused, in which words, and what that leaves.

use serde_json::{Value, json};
use strongroom_core::generated::{EncryptionAlgorithmSpec, OpName, SigningAlgorithmSpec};
use strongroom_service::{Quotas, RequestQuota, RequestRates, Value as Figure};

use crate::fixtures::smallest;
use crate::kms::{Answer, BOB, OWNER, STRANGER, TestKms};

const NO_KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// A node whose quotas are one request a second each, but for those in `others`.
fn one_a_second(others: &[(RequestQuota, f64)]) -> TestKms {
    let mut rates = RequestRates::default();
    for (quota, rate) in RequestQuota::all().map(|quota| (quota, 1.0)).chain(others.iter().copied()) {
        rates.set(quota, rate).unwrap();
    }
    TestKms::with_quotas(Quotas { requests: Some(rates), ..Quotas::default() })
}

fn is_throttled(answer: &Answer) -> bool {
    let text = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";
    match answer {
        Err((code, message)) if code == "ThrottlingException" => {
            assert_eq!(message.as_deref(), Some(text));
            true
        }
        Ok(_) | Err(_) => false,
    }
}

/// How often calls of this operation were throttled, by the figures.
fn throttles(kms: &TestKms, op: OpName) -> u64 {
    let families = kms.node().metrics();
    let family = families.iter().find(|family| family.name == "strongroom_throttles").unwrap();
    let own = [("service", "kms"), ("operation", op.as_str())];
    match family.samples.iter().find(|sample| sample.labels == own).map(|sample| &sample.value) {
        Some(Figure::Counter(count)) => *count,
        Some(_) => panic!("not a counter"),
        None => 0,
    }
}

/// Whatever a call comes to, it counts; the second one of a second is refused, on the record and in the figures.
#[test]
fn every_operation_is_counted() {
    let kms = one_a_second(&[]);
    for op in OpName::ALL {
        kms.clock.advance_millis(1_000);
        let body = smallest(*op, NO_KEY);
        assert!(!is_throttled(&kms.call(*op, &body)), "{op}: the first");
        let events = kms.events().len();
        assert!(is_throttled(&kms.call(*op, &body)), "{op}: the second");
        let event = kms.events().pop().unwrap();
        assert_eq!(kms.events().len(), events + 1, "{op}");
        assert_eq!((&event["eventName"], &event["errorCode"]), (&json!(op.as_str()), &json!("ThrottlingException")));
        assert!(event["responseElements"].is_null());
        assert_eq!(throttles(&kms, *op), 1, "{op}");
        kms.clock.advance_millis(1_000);
        assert!(!is_throttled(&kms.call(*op, &body)), "{op}: a second later");
    }
}

/// Requests that cannot be read count too, and signatures that are not good do not.
#[test]
fn bad_requests_count_and_strangers_to_the_account_do_not() {
    let kms = one_a_second(&[]);
    let unreadable = json!({"KeyId": 5});
    assert!(!is_throttled(&kms.call(OpName::Decrypt, &unreadable)));
    assert!(is_throttled(&kms.call(OpName::Decrypt, &unreadable)));
    kms.clock.advance_millis(1_000);
    let body = "{}";
    let mut headers = kms.signed_headers(OWNER, "us-east-1", OpName::ListKeys, body);
    headers.insert(
        "authorization",
        headers["authorization"].to_str().unwrap().replace("Signature=", "Signature=0").parse().unwrap(),
    );
    for _ in 0..10 {
        let (_, refused) = kms.send("POST", &headers, body.as_bytes());
        assert_ne!(refused["__type"], "ThrottlingException");
    }
    assert!(kms.call(OpName::ListKeys, &json!({})).is_ok(), "nothing was taken");
}

#[test]
fn the_flood_of_one_account_leaves_the_other_its_own() {
    let kms = one_a_second(&[]);
    let list = |account, region| kms.call_as(account, region, OpName::ListKeys, &json!({}));
    assert!(list(OWNER, "us-east-1").is_ok());
    for _ in 0..200 {
        assert!(is_throttled(&list(OWNER, "us-east-1")));
    }
    assert!(is_throttled(&list(BOB, "us-east-1")), "of the same account");
    assert!(list(STRANGER, "us-east-1").is_ok());
    assert!(list(OWNER, "eu-west-1").is_ok(), "each Region by itself");
}

/// Operations that share a quota, and the kinds of keys that do not.
#[test]
fn what_is_shared_is_shared() {
    use EncryptionAlgorithmSpec as E;
    use SigningAlgorithmSpec as S;
    let with = |op: OpName, member: &str, value: &str| {
        let mut body = smallest(op, NO_KEY);
        body[member] = json!(value);
        (op, body)
    };
    let plain = |op: OpName| (op, smallest(op, NO_KEY));
    let encrypt = |algorithm: E| with(OpName::Encrypt, "EncryptionAlgorithm", algorithm.as_str());
    let decrypt = |algorithm: E| with(OpName::Decrypt, "EncryptionAlgorithm", algorithm.as_str());
    let sign = |algorithm: S| with(OpName::Sign, "SigningAlgorithm", algorithm.as_str());
    let verify = |algorithm: S| with(OpName::Verify, "SigningAlgorithm", algorithm.as_str());
    let pair = |op: OpName, spec: &str| with(op, "KeyPairSpec", spec);
    let symmetric = vec![
        plain(OpName::Encrypt),
        plain(OpName::Decrypt),
        plain(OpName::ReEncrypt),
        plain(OpName::GenerateDataKey),
        plain(OpName::GenerateDataKeyWithoutPlaintext),
        plain(OpName::GenerateMac),
        plain(OpName::VerifyMac),
        plain(OpName::GenerateRandom),
        encrypt(E::SymmetricDefault),
    ];
    let rsa = vec![
        encrypt(E::RsaesOaepSha1),
        decrypt(E::RsaesOaepSha256),
        with(OpName::ReEncrypt, "SourceEncryptionAlgorithm", "RSAES_OAEP_SHA_1"),
        with(OpName::ReEncrypt, "DestinationEncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
        sign(S::RsassaPssSha512),
        verify(S::RsassaPkcs1V15Sha256),
    ];
    let ecc = vec![
        sign(S::EcdsaSha384),
        verify(S::Ed25519PhSha512),
        sign(S::Sm2Dsa),
        decrypt(E::Sm2Pke),
        plain(OpName::DeriveSharedSecret),
    ];
    let groups = [
        symmetric,
        rsa,
        ecc,
        vec![sign(S::MlDsaShake256), verify(S::MlDsaShake256)],
        vec![plain(OpName::Encapsulate), plain(OpName::Decapsulate)],
        vec![
            pair(OpName::GenerateDataKeyPair, "RSA_3072"),
            pair(OpName::GenerateDataKeyPairWithoutPlaintext, "RSA_3072"),
        ],
        vec![
            pair(OpName::GenerateDataKeyPair, "ECC_NIST_P384"),
            pair(OpName::GenerateDataKeyPairWithoutPlaintext, "ECC_NIST_P384"),
        ],
    ];
    for (at, group) in groups.iter().enumerate() {
        for (op, first) in group {
            // A ReEncrypt between two kinds counts against both quotas.
            let is_mixed = at == 1 && *op == OpName::ReEncrypt;
            let kms = one_a_second(&[]);
            assert!(!is_throttled(&kms.call(*op, first)), "{op} {first}");
            for (other_at, others) in groups.iter().enumerate() {
                let (op, body) = &others[others.len() - 1];
                let shared = other_at == at || (is_mixed && other_at == 0);
                assert_eq!(is_throttled(&kms.call(*op, body)), shared, "{op} {body} after {first}");
            }
        }
    }
}

/// A replica counts as two new keys in its Region, a new primary in both.
#[test]
fn calls_about_two_regions_count_in_both() {
    let create = RequestQuota::Operation(OpName::CreateKey);
    let kms = one_a_second(&[(create, 3.0)]);
    let key = kms.call(OpName::CreateKey, &json!({"MultiRegion": true})).unwrap();
    let id = key["KeyMetadata"]["KeyId"].as_str().unwrap();
    let there = |op: OpName, body: &Value| kms.call_as(OWNER, "eu-west-1", op, body);
    kms.call(OpName::ReplicateKey, &json!({"KeyId": id, "ReplicaRegion": "eu-west-1"})).unwrap();
    assert!(there(OpName::CreateKey, &json!({})).is_ok(), "the third of three");
    assert!(is_throttled(&there(OpName::CreateKey, &json!({}))));
    kms.clock.advance_millis(400);
    assert!(there(OpName::CreateKey, &json!({})).is_ok());

    kms.wait_days(1);
    kms.call(OpName::UpdatePrimaryRegion, &json!({"KeyId": id, "PrimaryRegion": "eu-west-1"})).unwrap();
    let back = json!({"KeyId": id, "PrimaryRegion": "us-east-1"});
    assert!(is_throttled(&there(OpName::UpdatePrimaryRegion, &back)));
    // It is refused there while it has the right here, and changes nothing.
    let primary = kms.call(OpName::DescribeKey, &json!({"KeyId": id})).unwrap();
    let primary = &primary["KeyMetadata"]["MultiRegionConfiguration"]["PrimaryKey"]["Region"];
    assert_eq!(primary, "eu-west-1");
}

#[test]
fn without_quotas_nobody_is_throttled() {
    let kms = TestKms::new();
    for _ in 0..50 {
        kms.call(OpName::CreateAlias, &smallest(OpName::CreateAlias, NO_KEY)).unwrap_err();
        assert!(kms.call(OpName::CreateKey, &json!({})).is_ok());
    }
    assert_eq!(throttles(&kms, OpName::CreateAlias), 0);
}
