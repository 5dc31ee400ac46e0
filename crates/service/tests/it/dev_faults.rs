//! Faults by rule: which calls they meet, what those answer, and that nobody without rights meets them.

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_service::{FaultRule, InjectedError, Probability};

use crate::kms::{Answer, OWNER, STRANGER, TestKey, TestKms, expect_code};

const THROTTLE: FaultRule = FaultRule {
    operation: None,
    key: None,
    error: Some(InjectedError::Throttling),
    latency_ms: 0,
    count: None,
    probability: None,
};

fn add(kms: &TestKms, rule: FaultRule) -> u64 {
    kms.node().dev().unwrap().add_fault(rule).unwrap()
}

fn on_key(name: &str) -> FaultRule {
    FaultRule { key: Some(name.parse().unwrap()), ..THROTTLE }
}

fn symmetric(kms: &TestKms) -> TestKey {
    kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
}

fn encrypt(kms: &TestKms, key: &TestKey) -> Answer {
    kms.with_key(key, OpName::Encrypt, &json!({"Plaintext": "YQ=="}))
}

#[test]
fn every_error_has_its_name_and_status() {
    let kms = TestKms::dev();
    let key = symmetric(&kms);
    for error in InjectedError::ALL {
        let id = add(&kms, FaultRule { error: Some(*error), ..THROTTLE });
        // `call` looks at the status too.
        expect_code(&encrypt(&kms, &key), Some(error.as_str()), error.as_str());
        assert_eq!(kms.node().dev().unwrap().clear_faults(Some(id)), 1);
    }
    encrypt(&kms, &key).unwrap();
}

#[test]
fn a_rule_names_an_operation() {
    let kms = TestKms::dev();
    let key = symmetric(&kms);
    add(&kms, FaultRule { operation: Some(OpName::Encrypt), ..THROTTLE });
    expect_code(&encrypt(&kms, &key), Some("ThrottlingException"), "Encrypt");
    for op in [OpName::DescribeKey, OpName::GetKeyPolicy, OpName::ListGrants] {
        kms.with_key(&key, op, &json!({})).unwrap();
    }
}

#[test]
fn a_rule_for_all_meets_operations_of_every_kind() {
    let kms = TestKms::dev();
    let key = symmetric(&kms);
    let sealed = encrypt(&kms, &key).unwrap();
    let alias = json!({"AliasName": "alias/a", "TargetKeyId": key.id});
    add(&kms, THROTTLE);
    let calls: &[(OpName, Value)] = &[
        (OpName::CreateKey, json!({})),
        (OpName::ListKeys, json!({})),
        (OpName::ListAliases, json!({})),
        (OpName::GenerateRandom, json!({"NumberOfBytes": 1})),
        (OpName::CreateAlias, alias),
        (OpName::Decrypt, json!({"CiphertextBlob": sealed["CiphertextBlob"]})),
        (OpName::ScheduleKeyDeletion, json!({"KeyId": key.id})),
        (OpName::ListRetirableGrants, json!({"RetiringPrincipal": "arn:aws:iam::111122223333:user/alice"})),
    ];
    for (op, body) in calls {
        expect_code(&kms.call(*op, body), Some("ThrottlingException"), op.as_str());
    }
    kms.node().dev().unwrap().clear_faults(None);
    // Nothing of what was asked was done.
    let state = kms.with_key(&key, OpName::DescribeKey, &json!({})).unwrap();
    assert_eq!(state["KeyMetadata"]["KeyState"], "Enabled");
    assert_eq!(kms.call(OpName::ListKeys, &json!({})).unwrap()["Keys"].as_array().unwrap().len(), 1);
}

#[test]
fn a_rule_names_a_key_however_it_is_called() {
    let kms = TestKms::dev();
    let (key, other) = (symmetric(&kms), symmetric(&kms));
    kms.call(OpName::CreateAlias, &json!({"AliasName": "alias/app", "TargetKeyId": key.id})).unwrap();
    let alias_arn = "arn:aws:kms:us-east-1:111122223333:alias/app";
    for name in [&*key.id, &key.arn, "alias/app", alias_arn] {
        let id = add(&kms, on_key(name));
        for called in [&*key.id, &key.arn, "alias/app", alias_arn] {
            let answer = kms.call(OpName::Encrypt, &json!({"KeyId": called, "Plaintext": "YQ=="}));
            expect_code(&answer, Some("ThrottlingException"), &format!("a rule for {name}, a call of {called}"));
        }
        encrypt(&kms, &other).unwrap();
        kms.call(OpName::GenerateRandom, &json!({"NumberOfBytes": 1})).unwrap();
        kms.node().dev().unwrap().clear_faults(Some(id));
    }
    for name in ["alias/other", "arn:aws:kms:eu-west-1:111122223333:alias/app"] {
        add(&kms, on_key(name));
        encrypt(&kms, &key).unwrap();
    }
}

#[test]
fn both_keys_of_a_reencryption_are_met() {
    let kms = TestKms::dev();
    let (from, to) = (symmetric(&kms), symmetric(&kms));
    let sealed = encrypt(&kms, &from).unwrap();
    let body = json!({"CiphertextBlob": sealed["CiphertextBlob"], "DestinationKeyId": to.id});
    for key in [&from, &to] {
        let id = add(&kms, on_key(&key.id));
        expect_code(&kms.call(OpName::ReEncrypt, &body), Some("ThrottlingException"), &key.id);
        kms.node().dev().unwrap().clear_faults(Some(id));
    }
    add(&kms, FaultRule { error: None, latency_ms: 1, ..THROTTLE });
    kms.call(OpName::ReEncrypt, &body).unwrap();
    assert_eq!(kms.node().dev().unwrap().faults()[0].met, 1, "one call, whatever number of keys");
}

#[test]
fn a_count_is_for_calls_that_are_allowed() {
    let kms = TestKms::dev();
    let key = symmetric(&kms);
    add(&kms, FaultRule { count: Some(3), ..on_key(&key.id) });
    for _ in 0..5 {
        let answer = kms.call_as(STRANGER, "us-east-1", OpName::DescribeKey, &json!({"KeyId": key.arn}));
        expect_code(&answer, Some("AccessDeniedException"), "a stranger");
    }
    for _ in 0..3 {
        expect_code(&encrypt(&kms, &key), Some("ThrottlingException"), "the next three");
    }
    encrypt(&kms, &key).unwrap();
    assert!(kms.node().dev().unwrap().faults().is_empty());
}

#[test]
fn a_seed_makes_chance_repeatable() {
    let run = |seed| {
        let kms = TestKms::dev();
        let key = symmetric(&kms);
        add(&kms, FaultRule { probability: Some(Probability { value: 0.5, seed }), ..THROTTLE });
        (0..32).map(|_| encrypt(&kms, &key).is_err()).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert!(run(1).contains(&true) && run(1).contains(&false));
}

#[test]
fn a_delay_passes_and_the_call_goes_on() {
    let kms = TestKms::dev();
    let key = symmetric(&kms);
    add(&kms, FaultRule { error: None, latency_ms: 30, ..on_key(&key.id) });
    let start = std::time::Instant::now();
    encrypt(&kms, &key).unwrap();
    assert!(start.elapsed().as_millis() >= 30);
    assert_eq!(kms.call_as(OWNER, "us-east-1", OpName::ListKeys, &json!({})).unwrap()["Truncated"], false);
}
