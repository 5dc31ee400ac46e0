//! Multi-Region keys: one key in several Regions, what its members share and what each has for itself.

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, MacAlgorithmSpec, OpName, SigningAlgorithmSpec};
use strongroom_core::spec;

use crate::fixtures::{allow, allow_account, blob, bytes, policy, smallest};
use crate::import::{MATERIAL, import_request};
use crate::kms::{Answer, BOB, DAVE, OWNER, ROOT, STRANGER, TestKey, TestKms, expect_code};

const HOME: &str = "us-east-1";
const ABROAD: &str = "eu-west-1";
const FAR: &str = "ap-south-1";
const DAY: f64 = 86_400.0;

/// A primary in us-east-1.
fn primary_of(kms: &TestKms, more: &Value) -> TestKey {
    let mut body = json!({"MultiRegion": true});
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    let made = kms.call(OpName::CreateKey, &body).unwrap();
    let metadata = &made["KeyMetadata"];
    let text = |member: &str| metadata[member].as_str().unwrap().to_owned();
    let spec = metadata["KeySpec"].as_str().unwrap().parse().unwrap();
    let usage = metadata["KeyUsage"].as_str().unwrap().parse().unwrap();
    TestKey { region: HOME, spec, usage, id: text("KeyId"), arn: text("Arn") }
}

pub(crate) fn primary(kms: &TestKms) -> TestKey {
    primary_of(kms, &json!({}))
}

fn replicate(kms: &TestKms, key: &TestKey, region: &str, more: &Value) -> Answer {
    let mut body = more.clone();
    body["ReplicaRegion"] = json!(region);
    kms.with_key(key, OpName::ReplicateKey, &body)
}

fn in_region(key: &TestKey, region: &'static str) -> TestKey {
    let arn = key.arn.replace(key.region, region);
    TestKey { region, spec: key.spec, usage: key.usage, id: key.id.clone(), arn }
}

/// A replica that has left `Creating`.
pub(crate) fn replica(kms: &TestKms, key: &TestKey, region: &'static str) -> TestKey {
    replicate(kms, key, region, &json!({})).unwrap();
    kms.wait_days(0);
    in_region(key, region)
}

fn metadata(kms: &TestKms, key: &TestKey) -> Value {
    kms.with_key(key, OpName::DescribeKey, &json!({})).unwrap()["KeyMetadata"].take()
}

fn state(kms: &TestKms, key: &TestKey) -> String {
    metadata(kms, key)["KeyState"].as_str().unwrap().to_owned()
}

fn configuration(kind: &str, key: &TestKey, primary: &'static str, replicas: &[&'static str]) -> Value {
    let member = |region: &'static str| json!({"Arn": in_region(key, region).arn, "Region": region});
    json!({
        "MultiRegionKeyType": kind,
        "PrimaryKey": member(primary),
        "ReplicaKeys": replicas.iter().map(|region| member(region)).collect::<Vec<_>>(),
    })
}

fn encrypt(kms: &TestKms, key: &TestKey) -> Value {
    kms.with_key(key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap()["CiphertextBlob"].take()
}

/// Decrypts in the key's Region without naming the key, as the holder of a ciphertext does.
fn decrypt(kms: &TestKms, key: &TestKey, ciphertext: &Value) -> Value {
    let opened = kms.call_as(OWNER, key.region, OpName::Decrypt, &json!({"CiphertextBlob": ciphertext})).unwrap();
    assert_eq!((&opened["KeyId"], &opened["Plaintext"]), (&json!(key.arn), &blob(b"x")));
    opened["KeyMaterialId"].clone()
}

#[test]
fn a_replica_is_told_as_aws_tells_it() {
    let kms = TestKms::new();
    let key = primary_of(&kms, &json!({"Description": "of the primary", "Tags": [{"TagKey": "a", "TagValue": "b"}]}));
    let own = metadata(&kms, &key);
    assert!(key.id.starts_with("mrk-"));
    assert_eq!(own["MultiRegionConfiguration"], configuration("PRIMARY", &key, HOME, &[]));

    kms.clock.advance_millis(5_000);
    let reply = replicate(&kms, &key, ABROAD, &json!({})).unwrap();
    let there = in_region(&key, ABROAD);
    let told = &reply["ReplicaKeyMetadata"];
    assert_eq!(told["KeyState"], "Creating");
    assert_eq!(told["Enabled"], false);
    assert_eq!(told["Arn"], json!(there.arn));
    assert_eq!(told["Description"], "", "not copied");
    assert_eq!(told["CreationDate"].as_f64().unwrap(), own["CreationDate"].as_f64().unwrap() + 5.0);
    assert_eq!(told["MultiRegionConfiguration"], configuration("REPLICA", &key, HOME, &[ABROAD]));
    assert_eq!(told["CurrentKeyMaterialId"], own["CurrentKeyMaterialId"]);
    assert_eq!(reply["ReplicaTags"], json!([]), "not copied");
    assert!(reply["ReplicaPolicy"].as_str().unwrap().contains("arn:aws:iam::111122223333:root"));
    assert_eq!(metadata(&kms, &key)["MultiRegionConfiguration"], configuration("PRIMARY", &key, HOME, &[ABROAD]));
    assert_eq!(metadata(&kms, &there), *told);

    kms.wait_days(0);
    assert_eq!(state(&kms, &there), "Enabled");
    let listed = kms.call_as(OWNER, ABROAD, OpName::ListKeys, &json!({})).unwrap();
    assert_eq!(listed["Keys"], json!([{"KeyId": key.id, "KeyArn": there.arn}]));

    // Policy, description and tags are the replica's own.
    let text = policy(&[allow_account()]);
    let own = json!({"Description": "far", "Policy": text, "Tags": [{"TagKey": "c", "TagValue": "d"}]});
    let reply = replicate(&kms, &key, FAR, &own).unwrap();
    assert_eq!(reply["ReplicaKeyMetadata"]["Description"], "far");
    assert_eq!(reply["ReplicaTags"], own["Tags"]);
    let far = in_region(&key, FAR);
    let tags = kms.with_key(&far, OpName::ListResourceTags, &json!({})).unwrap();
    assert_eq!(tags["Tags"], own["Tags"]);
    let stored = kms.with_key(&far, OpName::GetKeyPolicy, &json!({})).unwrap();
    assert_eq!(reply["ReplicaPolicy"], stored["Policy"]);
    for (member, kind) in [(&key, "PRIMARY"), (&there, "REPLICA"), (&far, "REPLICA")] {
        let told = &metadata(&kms, member)["MultiRegionConfiguration"];
        assert_eq!(*told, configuration(kind, &key, HOME, &[ABROAD, FAR]), "{}", member.region);
    }
}

/// Every spec that can be in several Regions: what one member made, the other opens or verifies.
#[test]
fn members_are_one_key() {
    let kms = TestKms::new();
    for spec in KeySpec::ALL.iter().filter(|spec| **spec != KeySpec::Sm2) {
        for usage in spec::facts(*spec).usages {
            let key = primary_of(&kms, &json!({"KeySpec": spec.as_str(), "KeyUsage": usage.as_str()}));
            let there = replica(&kms, &key, ABROAD);
            for (from, to) in [(&key, &there), (&there, &key)] {
                interchange(&kms, from, to);
            }
        }
    }
}

fn interchange(kms: &TestKms, from: &TestKey, to: &TestKey) {
    let facts = spec::facts(from.spec);
    let make = |op: OpName, body: Value| kms.with_key(from, op, &body).unwrap();
    let take = |op: OpName, body: Value| kms.with_key(to, op, &body).unwrap();
    if from.spec != KeySpec::SymmetricDefault && facts.mac.is_empty() {
        let publics = [from, to].map(|key| kms.with_key(key, OpName::GetPublicKey, &json!({})).unwrap());
        assert_eq!(publics[0]["PublicKey"], publics[1]["PublicKey"], "{}", from.spec);
    }
    match from.usage {
        KeyUsage::EncryptDecrypt if from.spec == KeySpec::SymmetricDefault => {
            decrypt(kms, to, &encrypt(kms, from));
        }
        KeyUsage::EncryptDecrypt => {
            let algorithm = "RSAES_OAEP_SHA_256";
            let made = make(OpName::Encrypt, json!({"Plaintext": blob(b"x"), "EncryptionAlgorithm": algorithm}));
            let body = json!({"CiphertextBlob": made["CiphertextBlob"], "EncryptionAlgorithm": algorithm});
            assert_eq!(take(OpName::Decrypt, body)["Plaintext"], blob(b"x"));
        }
        KeyUsage::SignVerify => {
            let algorithm: SigningAlgorithmSpec = facts.signing[0];
            let body = json!({"Message": blob(b"x"), "SigningAlgorithm": algorithm.as_str()});
            let mut signed = body.clone();
            signed["Signature"] = make(OpName::Sign, body)["Signature"].clone();
            assert_eq!(take(OpName::Verify, signed)["SignatureValid"], true);
        }
        KeyUsage::GenerateVerifyMac => {
            let algorithm: MacAlgorithmSpec = facts.mac[0];
            let body = json!({"Message": blob(b"x"), "MacAlgorithm": algorithm.as_str()});
            let mut made = body.clone();
            made["Mac"] = make(OpName::GenerateMac, body)["Mac"].clone();
            assert_eq!(take(OpName::VerifyMac, made)["MacValid"], true);
        }
        KeyUsage::KeyAgreement => {
            let peer = make(OpName::GetPublicKey, json!({}))["PublicKey"].clone();
            let body = json!({"KeyAgreementAlgorithm": "ECDH", "PublicKey": peer});
            let secrets = [from, to].map(|key| kms.with_key(key, OpName::DeriveSharedSecret, &body).unwrap());
            assert_eq!(secrets[0]["SharedSecret"], secrets[1]["SharedSecret"]);
        }
        KeyUsage::EncapsulateDecapsulate => {
            let made = make(OpName::Encapsulate, json!({"EncapsulationAlgorithm": "ML_KEM"}));
            let body = json!({
                "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": made["SharedSecretCiphertextBlob"]
            });
            let opened = take(OpName::Decapsulate, body);
            let secret = opened.as_object().unwrap().iter().find(|(name, _)| name.starts_with("SharedSecret")).unwrap();
            assert_eq!(made.get(secret.0), Some(secret.1), "{made} {opened}");
        }
    }
}

/// The primary rotates, and every member has the new material at the same moment.
#[test]
fn rotation_happens_at_the_primary_for_all() {
    let kms = TestKms::new();
    let key = primary(&kms);
    let there = replica(&kms, &key, ABROAD);
    let first = encrypt(&kms, &there);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    let status = |key: &TestKey| {
        let mut status = kms.with_key(key, OpName::GetKeyRotationStatus, &json!({})).unwrap();
        assert_eq!(status["KeyId"].take(), json!(key.arn));
        status
    };
    assert_eq!(status(&there)["RotationPeriodInDays"], 90);
    assert_eq!(status(&key), status(&there));

    // A disabled replica takes part; a replica that comes later has all materials.
    kms.with_key(&there, OpName::DisableKey, &json!({})).unwrap();
    kms.wait_days(90);
    kms.with_key(&there, OpName::EnableKey, &json!({})).unwrap();
    kms.with_key(&key, OpName::RotateKeyOnDemand, &json!({})).unwrap();
    let second = encrypt(&kms, &key);
    let far = replica(&kms, &key, FAR);
    let rotations = |key: &TestKey| {
        kms.with_key(key, OpName::ListKeyRotations, &json!({"IncludeKeyMaterial": "ALL_KEY_MATERIAL"})).unwrap()
    };
    assert_eq!(rotations(&key)["Rotations"].as_array().unwrap().len(), 3);
    for member in [&key, &there, &far] {
        assert_eq!(rotations(member), rotations(&key), "{}", member.region);
        assert_eq!(status(member), status(&key), "{}", member.region);
        assert_ne!(decrypt(&kms, member, &first), decrypt(&kms, member, &second));
        let current = metadata(&kms, member)["CurrentKeyMaterialId"].clone();
        assert_eq!(decrypt(&kms, &key, &encrypt(&kms, member)), current, "all encrypt with the newest");
        assert_eq!(decrypt(&kms, member, &second), current);
    }
    for op in [OpName::EnableKeyRotation, OpName::DisableKeyRotation, OpName::RotateKeyOnDemand] {
        let text = format!("{} is not a multi-Region primary key.", there.arn);
        let refused = Err(("UnsupportedOperationException".to_owned(), Some(text)));
        assert_eq!(kms.with_key(&there, op, &json!({})), refused, "{op}");
    }
    // Nobody but the primary keeps the date.
    kms.with_key(&key, OpName::DisableKey, &json!({})).unwrap();
    kms.wait_days(1000);
    assert_eq!(rotations(&there)["Rotations"].as_array().unwrap().len(), 3);
    kms.with_key(&key, OpName::EnableKey, &json!({})).unwrap();
    assert_eq!(rotations(&there)["Rotations"].as_array().unwrap().len(), 4);
    kms.with_key(&key, OpName::DisableKeyRotation, &json!({})).unwrap();
    assert_eq!(status(&far)["KeyRotationEnabled"], false);
}

#[test]
fn the_primary_moves() {
    let kms = TestKms::new();
    let key = primary(&kms);
    let there = replica(&kms, &key, ABROAD);
    let far = replica(&kms, &key, FAR);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    let moved = kms.with_key(&key, OpName::UpdatePrimaryRegion, &json!({"PrimaryRegion": ABROAD})).unwrap();
    assert_eq!(moved, Value::Null);
    for (member, kind, state) in
        [(&key, "REPLICA", "Updating"), (&there, "PRIMARY", "Updating"), (&far, "REPLICA", "Enabled")]
    {
        let told = metadata(&kms, member);
        assert_eq!(told["KeyState"], state, "{}", member.region);
        assert_eq!(told["MultiRegionConfiguration"], configuration(kind, &key, ABROAD, &[HOME, FAR]));
        decrypt(&kms, &key, &encrypt(&kms, member));
    }
    for op in [OpName::DisableKey, OpName::EnableKey, OpName::ScheduleKeyDeletion] {
        let text = format!("{} is updating.", there.arn);
        let refused = Err(("KMSInvalidStateException".to_owned(), Some(text)));
        assert_eq!(kms.with_key(&there, op, &json!({})), refused, "{op}");
    }
    expect_code(&replicate(&kms, &there, "eu-west-2", &json!({})), Some("KMSInvalidStateException"), "updating");

    // A node that is started now finds both in the schedule.
    let kms = kms.restarted();
    kms.wait_days(0);
    assert_eq!([&key, &there].map(|key| state(&kms, key)), ["Enabled", "Enabled"]);
    kms.wait_days(90);
    let rotated = kms.with_key(&key, OpName::ListKeyRotations, &json!({})).unwrap();
    assert_eq!(rotated["Rotations"].as_array().unwrap().len(), 1, "the new primary keeps the schedule");
    expect_code(&replicate(&kms, &key, "eu-west-2", &json!({})), Some("UnsupportedOperationException"), "no primary");
    kms.with_key(&there, OpName::UpdatePrimaryRegion, &json!({"PrimaryRegion": HOME})).unwrap();
    // While both are updating it can move once more.
    kms.with_key(&key, OpName::UpdatePrimaryRegion, &json!({"PrimaryRegion": FAR})).unwrap();
    kms.wait_days(0);
    let expect = configuration("PRIMARY", &key, FAR, &[ABROAD, HOME]);
    let told = metadata(&kms, &far)["MultiRegionConfiguration"].clone();
    assert_eq!(told["PrimaryKey"], expect["PrimaryKey"]);
    assert_eq!(told["ReplicaKeys"].as_array().unwrap().len(), 2);
}

/// A replica that nobody finished creating before the end of the node is finished by the next.
#[test]
fn creation_survives_the_node() {
    let kms = TestKms::new();
    let key = primary(&kms);
    replicate(&kms, &key, ABROAD, &json!({})).unwrap();
    let there = in_region(&key, ABROAD);
    let refused = kms.with_key(&there, OpName::Encrypt, &smallest(OpName::Encrypt, ""));
    assert_eq!(refused, Err(("KMSInvalidStateException".to_owned(), Some(format!("{} is creating.", there.arn)))));
    let kms = kms.restarted();
    assert_eq!(state(&kms, &there), "Creating");
    kms.wait_days(0);
    assert_eq!(state(&kms, &there), "Enabled");
    decrypt(&kms, &there, &encrypt(&kms, &key));
}

/// A primary is destroyed after its replicas: its own waiting period begins when the last is gone.
#[test]
fn a_primary_waits_for_its_replicas() {
    let kms = TestKms::new();
    let key = primary(&kms);
    let there = replica(&kms, &key, ABROAD);
    let far = replica(&kms, &key, FAR);
    let window = json!({"PendingWindowInDays": 7});
    let scheduled = kms.with_key(&key, OpName::ScheduleKeyDeletion, &window).unwrap();
    let expect = json!({"KeyId": key.arn, "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": 7});
    assert_eq!(scheduled, expect);
    let told = metadata(&kms, &key);
    assert_eq!((&told["KeyState"], &told["PendingDeletionWindowInDays"]), (&expect["KeyState"], &json!(7)));
    assert_eq!(told.get("DeletionDate"), None);
    let refused = kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, ""));
    expect_code(&refused, Some("KMSInvalidStateException"), "pending replica deletion");
    expect_code(&kms.with_key(&key, OpName::ScheduleKeyDeletion, &window), Some("KMSInvalidStateException"), "again");

    // Cancelled, it is as any other; replicas go on by themselves.
    assert_eq!(kms.with_key(&key, OpName::CancelKeyDeletion, &json!({})).unwrap(), json!({"KeyId": key.arn}));
    assert_eq!(metadata(&kms, &key).get("PendingDeletionWindowInDays"), None);
    assert_eq!(state(&kms, &key), "Disabled");
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &window).unwrap();
    let sealed = encrypt(&kms, &there);
    kms.wait_days(100);
    assert_eq!(state(&kms, &key), "PendingReplicaDeletion");

    kms.with_key(&there, OpName::ScheduleKeyDeletion, &window).unwrap();
    kms.wait_days(7);
    expect_code(&kms.with_key(&there, OpName::DescribeKey, &json!({})), Some("NotFoundException"), "destroyed");
    assert_eq!(metadata(&kms, &far)["MultiRegionConfiguration"], configuration("REPLICA", &key, HOME, &[FAR]));
    assert_eq!(state(&kms, &key), "PendingReplicaDeletion");
    decrypt(&kms, &far, &sealed);

    kms.with_key(&far, OpName::ScheduleKeyDeletion, &window).unwrap();
    kms.wait_days(7);
    let told = metadata(&kms, &key);
    assert_eq!(told["KeyState"], "PendingDeletion");
    assert_eq!(told["DeletionDate"].as_f64().unwrap(), 1_790_000_000.123 + 121.0 * DAY);
    assert_eq!(told["MultiRegionConfiguration"], configuration("PRIMARY", &key, HOME, &[]));
    // Cancelled now, it can be replicated to the same Region again.
    kms.with_key(&key, OpName::CancelKeyDeletion, &json!({})).unwrap();
    kms.with_key(&key, OpName::EnableKey, &json!({})).unwrap();
    let there = replica(&kms, &key, ABROAD);
    decrypt(&kms, &there, &sealed);
    kms.with_key(&there, OpName::ScheduleKeyDeletion, &window).unwrap();
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &window).unwrap();
    for _ in 0..2 {
        kms.wait_days(7);
    }
    for key in [&key, &there] {
        expect_code(&kms.with_key(key, OpName::DescribeKey, &json!({})), Some("NotFoundException"), key.region);
    }
}

/// Imported material is brought to each Region by its owner, and rotates when it is everywhere.
#[test]
fn imported_material_is_brought_to_each_region() {
    let kms = TestKms::new();
    let key = primary_of(&kms, &json!({"Origin": "EXTERNAL"}));
    expect_code(&replicate(&kms, &key, ABROAD, &json!({})), Some("KMSInvalidStateException"), "pending import");
    let import = |key: &TestKey, material: &[u8], kind: Option<&str>| {
        let mut request = import_request(&kms, key, material);
        if let Some(kind) = kind {
            request["ImportType"] = json!(kind);
        }
        kms.with_key(key, OpName::ImportKeyMaterial, &request)
    };
    import(&key, &MATERIAL, None).unwrap();
    let there = replica(&kms, &key, ABROAD);
    assert_eq!(state(&kms, &there), "PendingImport");
    expect_code(&import(&there, &[8; 32], None), Some("IncorrectKeyMaterialException"), "other material");
    let new = Some("NEW_KEY_MATERIAL");
    expect_code(&import(&there, &[8; 32], new), Some("UnsupportedOperationException"), "new at a replica");
    assert_eq!(import(&there, &MATERIAL, None).unwrap()["KeyMaterialId"], metadata(&kms, &key)["CurrentKeyMaterialId"]);
    assert_eq!(state(&kms, &there), "Enabled");
    let sealed = encrypt(&kms, &key);
    decrypt(&kms, &there, &sealed);

    // The next material waits until it is in every Region.
    import(&key, &[8; 32], new).unwrap();
    let newest = |key: &TestKey| {
        let all = json!({"IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
        let listed = kms.with_key(key, OpName::ListKeyRotations, &all).unwrap();
        let newest = &listed["Rotations"][0];
        [&newest["KeyMaterialState"], &newest["ImportState"]].map(|text| text.as_str().unwrap().to_owned())
    };
    assert_eq!(newest(&key), ["PENDING_MULTI_REGION_IMPORT_AND_ROTATION", "IMPORTED"]);
    assert_eq!(newest(&there), ["PENDING_MULTI_REGION_IMPORT_AND_ROTATION", "PENDING_IMPORT"]);
    let too_early = kms.with_key(&key, OpName::RotateKeyOnDemand, &json!({}));
    expect_code(&too_early, Some("KMSInvalidStateException"), "not everywhere");
    import(&there, &[8; 32], Some("EXISTING_KEY_MATERIAL")).unwrap();
    assert_eq!([&key, &there].map(newest), [["PENDING_ROTATION", "IMPORTED"]; 2]);
    kms.with_key(&key, OpName::RotateKeyOnDemand, &json!({})).unwrap();
    for member in [&key, &there] {
        decrypt(&kms, member, &sealed);
        assert_eq!(newest(member), ["CURRENT", "IMPORTED"]);
    }
    assert_eq!(decrypt(&kms, &there, &encrypt(&kms, &key)), metadata(&kms, &there)["CurrentKeyMaterialId"]);

    // What a replica loses the others keep; what the primary had pending all drop.
    kms.with_key(&there, OpName::DeleteImportedKeyMaterial, &json!({})).unwrap();
    assert_eq!([&key, &there].map(|key| state(&kms, key)), ["Enabled", "PendingImport"]);
    import(&there, &[8; 32], None).unwrap();
    let pending = import(&key, &[9; 32], new).unwrap();
    import(&there, &[9; 32], None).unwrap();
    let body = json!({"KeyMaterialId": pending["KeyMaterialId"]});
    kms.with_key(&key, OpName::DeleteImportedKeyMaterial, &body).unwrap();
    assert_eq!([&key, &there].map(newest), [["CURRENT", "IMPORTED"]; 2]);

    // A replica that comes later waits for everything.
    let far = replica(&kms, &key, FAR);
    import(&far, &[8; 32], None).unwrap();
    assert_eq!(state(&kms, &far), "PendingImport");
    import(&far, &MATERIAL, None).unwrap();
    decrypt(&kms, &far, &sealed);
}

#[test]
fn what_cannot_be_is_refused() {
    let kms = TestKms::in_regions(&[HOME, ABROAD, FAR, "cn-north-1"]);
    let key = primary(&kms);
    let there = replica(&kms, &key, ABROAD);
    let single = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let unsupported = "UnsupportedOperationException";
    for (op, member) in [(OpName::ReplicateKey, "ReplicaRegion"), (OpName::UpdatePrimaryRegion, "PrimaryRegion")] {
        let check = |key: &TestKey, id: &str, region: &str, code: &str, text: &str| {
            let body = json!({"KeyId": id, member: region});
            let answer = kms.call_as(OWNER, key.region, op, &body);
            expect_code(&answer, Some(code), &format!("{op} {id} {region}"));
            let message = answer.unwrap_err().1.unwrap();
            assert!(message.contains(text), "{op} {id} {region}: {message}");
        };
        check(&key, &key.id, "eu-west-2", unsupported, "is not enabled");
        check(&key, &key.id, "cn-north-1", unsupported, "is in another partition");
        check(&key, &key.id, "nowhere", "ValidationException", "nowhere");
        check(&key, "alias/a", ABROAD, "InvalidArnException", "Key Aliases are not supported for this operation.");
        check(&key, &there.arn, FAR, "NotFoundException", "Invalid arn eu-west-1");
        check(&single, &single.id, ABROAD, unsupported, "is not a multi-Region primary key.");
        check(&there, &there.id, FAR, unsupported, "is not a multi-Region primary key.");
        let missing = format!("mrk-{}", "0".repeat(32));
        check(&key, &missing, ABROAD, "NotFoundException", &missing);
    }
    for region in [HOME, ABROAD] {
        expect_code(&replicate(&kms, &key, region, &json!({})), Some("AlreadyExistsException"), region);
    }
    let stays = kms.with_key(&key, OpName::UpdatePrimaryRegion, &json!({"PrimaryRegion": HOME}));
    expect_code(&stays, Some("UnsupportedOperationException"), "it is there already");
    let elsewhere = kms.with_key(&key, OpName::UpdatePrimaryRegion, &json!({"PrimaryRegion": FAR}));
    let missing = format!("Key '{}' does not exist", in_region(&key, FAR).arn);
    assert_eq!(elsewhere, Err(("NotFoundException".to_owned(), Some(missing))));
    for (body, code) in [
        (json!({"Tags": [{"TagKey": "aws:a", "TagValue": ""}]}), "TagException"),
        (json!({"Policy": "{}"}), "MalformedPolicyDocumentException"),
        (
            json!({"Policy": policy(&[allow("arn:aws:iam::444455556666:root", "kms:*")])}),
            "MalformedPolicyDocumentException",
        ),
    ] {
        expect_code(&replicate(&kms, &key, FAR, &body), Some(code), &body.to_string());
    }
    // Both must be enabled, the primary first.
    let to_abroad = json!({"PrimaryRegion": ABROAD});
    kms.with_key(&there, OpName::DisableKey, &json!({})).unwrap();
    let disabled = kms.with_key(&key, OpName::UpdatePrimaryRegion, &to_abroad);
    assert_eq!(disabled, Err(("DisabledException".to_owned(), Some(format!("{} is disabled.", there.arn)))));
    kms.with_key(&key, OpName::DisableKey, &json!({})).unwrap();
    let disabled = kms.with_key(&key, OpName::UpdatePrimaryRegion, &to_abroad);
    assert_eq!(disabled, Err(("DisabledException".to_owned(), Some(format!("{} is disabled.", key.arn)))));
    expect_code(&replicate(&kms, &key, FAR, &json!({})), Some("DisabledException"), "a disabled primary");
    // Nothing of all that left a trace.
    let gone = kms.call_as(OWNER, FAR, OpName::ListKeys, &json!({})).unwrap();
    assert_eq!(gone["Keys"], json!([]));
    assert_eq!(metadata(&kms, &key)["MultiRegionConfiguration"], configuration("PRIMARY", &key, HOME, &[ABROAD]));
}

/// A request that is signed for a Region that is not served is not looked at.
#[test]
fn requests_for_other_regions_are_turned_away() {
    let kms = TestKms::in_regions(&[HOME]);
    kms.call(OpName::ListKeys, &json!({})).unwrap();
    let text = "Credential should be scoped to a valid region, not 'eu-west-1'. ";
    let refused = Err(("InvalidSignatureException".to_owned(), Some(text.to_owned())));
    assert_eq!(kms.call_as(OWNER, ABROAD, OpName::ListKeys, &json!({})), refused);
}

/// Replication needs a right on the primary and the right to make a key; policies can ask for the Region.
#[test]
fn both_sides_must_allow_it() {
    let kms = TestKms::new();
    let key = primary(&kms);
    let put = |key: &TestKey, statements: &[Value]| {
        let body = json!({"KeyId": key.id, "Policy": policy(statements), "BypassPolicyLockoutSafetyCheck": true});
        kms.call_as(ROOT, key.region, OpName::PutKeyPolicy, &body).unwrap();
    };
    let when = |mut statement: Value, operator: &str, name: &str, value: &str| {
        statement["Condition"] = json!({operator: {name: value}});
        statement
    };
    let call = |caller: &str, key: &TestKey, op: OpName, member: &str, region: &str| {
        let answer = kms.call_as(caller, key.region, op, &json!({"KeyId": key.arn, member: region}));
        answer.err().map(|(code, message)| format!("{code} {}", message.unwrap_or_default()))
    };
    let replicate = |caller: &str, region: &str| call(caller, &key, OpName::ReplicateKey, "ReplicaRegion", region);
    let manage = |key: &TestKey, more: &[Value]| {
        let own = when(
            allow("arn:aws:iam::111122223333:root", "kms:*"),
            "ArnEquals",
            "aws:PrincipalArn",
            "arn:aws:iam::111122223333:root",
        );
        put(key, &[&[own][..], more].concat());
    };
    let bob = |action: &str| allow("arn:aws:iam::111122223333:user/bob", action);
    let dave = |action: &str| allow("arn:aws:iam::111122223333:user/dave", action);

    manage(&key, &[]);
    let denied = replicate(BOB, ABROAD).unwrap();
    assert!(denied.starts_with("AccessDeniedException") && denied.contains("kms:ReplicateKey"), "{denied}");
    // Dave has no policy of her own: the key lets her replicate it, but nobody lets her make keys.
    manage(&key, &[dave("kms:ReplicateKey")]);
    let denied = replicate(DAVE, ABROAD).unwrap();
    assert!(denied.starts_with("AccessDeniedException") && denied.contains("kms:CreateKey"), "{denied}");
    let stranger = replicate(STRANGER, ABROAD).unwrap();
    assert!(stranger.starts_with("AccessDeniedException") && stranger.contains("kms:ReplicateKey"), "{stranger}");

    manage(&key, &[when(bob("kms:ReplicateKey"), "StringEquals", "kms:ReplicaRegion", ABROAD)]);
    assert!(replicate(BOB, FAR).is_some());
    assert_eq!(replicate(BOB, ABROAD), None);
    kms.wait_days(0);

    let there = in_region(&key, ABROAD);
    let update = |caller: &str| call(caller, &key, OpName::UpdatePrimaryRegion, "PrimaryRegion", ABROAD);
    let may_move = |region: &str| when(bob("kms:UpdatePrimaryRegion"), "StringEquals", "kms:PrimaryRegion", region);
    manage(&key, &[may_move(FAR)]);
    manage(&there, &[may_move(ABROAD)]);
    assert!(update(BOB).unwrap().contains(&key.arn), "the primary refuses");
    manage(&key, &[may_move(ABROAD)]);
    manage(&there, &[may_move(FAR)]);
    assert!(update(BOB).unwrap().contains(&there.arn), "the replica refuses");
    manage(&there, &[may_move(ABROAD)]);
    assert_eq!(update(BOB), None);
}

/// Two nodes over one store: each sees what the other did to the family.
#[test]
fn several_nodes_agree_about_a_family() {
    let store = std::sync::Arc::new(strongroom_store::MemoryStore::new());
    let (one, two) = (TestKms::over(store.clone()), TestKms::over(store));
    let key = primary(&one);
    metadata(&two, &key);
    let there = replica(&one, &key, ABROAD);
    // The second node has the primary in memory as it was before.
    expect_code(&replicate(&two, &key, ABROAD, &json!({})), Some("AlreadyExistsException"), "made by the other node");
    two.with_key(&key, OpName::RotateKeyOnDemand, &json!({})).unwrap();
    let sealed = encrypt(&two, &key);
    // The first node learns of the new material when its own change meets it.
    one.with_key(&key, OpName::RotateKeyOnDemand, &json!({})).unwrap();
    decrypt(&one, &there, &sealed);
    assert_eq!(bytes(&sealed).len(), 105);
}
