//! Key material that owners bring: every spec, every way to wrap it, and everything that is refused.

use serde_json::{Value, json};
use strongroom_core::generated::{AlgorithmSpec, EncryptionAlgorithmSpec, KeySpec, KeyUsage, OpName};
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::spec;
use strongroom_core::world::Timestamp;
use strongroom_crypto::material::{Material, SymmetricSuite};
use strongroom_crypto::public::PublicKey;
use strongroom_crypto::rng::SystemRng;
use strongroom_crypto::wrap::kwp_wrap;

use crate::fixtures::{blob, bytes, smallest};
use crate::kms::{Answer, OWNER, TestKey, TestKms, expect_code};

/// The material of symmetric test keys.
pub(crate) const MATERIAL: [u8; 32] = [1; 32];

/// The encryption under the wrapping key that an algorithm begins with.
const fn outer(algorithm: AlgorithmSpec) -> EncryptionAlgorithmSpec {
    match algorithm {
        AlgorithmSpec::RsaesOaepSha1 | AlgorithmSpec::RsaAesKeyWrapSha1 => EncryptionAlgorithmSpec::RsaesOaepSha1,
        AlgorithmSpec::RsaesOaepSha256 | AlgorithmSpec::RsaAesKeyWrapSha256 => EncryptionAlgorithmSpec::RsaesOaepSha256,
        AlgorithmSpec::Sm2Pke => EncryptionAlgorithmSpec::Sm2Pke,
        AlgorithmSpec::RsaesPkcs1V15 => panic!("no longer offered"),
    }
}

fn wrap(algorithm: AlgorithmSpec, wrapping_spec: KeySpec, public_key: &[u8], material: &[u8]) -> Vec<u8> {
    let wrapping_key = PublicKey::from_spki(wrapping_spec, public_key).unwrap();
    let encrypt = |bytes: &[u8]| wrapping_key.encrypt(outer(algorithm), bytes, &SystemRng).unwrap();
    if matches!(algorithm, AlgorithmSpec::RsaAesKeyWrapSha1 | AlgorithmSpec::RsaAesKeyWrapSha256) {
        let kwp = kwp_wrap(&SecretArray::from_slice(&[3; 32]).unwrap(), &SecretBytes::copy_from(material)).unwrap();
        return [encrypt(&[3; 32]), kwp].concat();
    }
    encrypt(material)
}

/// Material wrapped as the parameters of an import by this algorithm and wrapping key spec ask for.
pub(crate) fn wrap_for((algorithm, wrapping): (&str, &str), public_key: &[u8], material: &[u8]) -> Vec<u8> {
    wrap(algorithm.parse().unwrap(), wrapping.parse().unwrap(), public_key, material)
}

/// Parameters from the service, and the material wrapped with them.
fn request_by(kms: &TestKms, key: &TestKey, algorithm: AlgorithmSpec, wrapping: KeySpec, material: &[u8]) -> Value {
    let body = json!({"WrappingAlgorithm": algorithm.as_str(), "WrappingKeySpec": wrapping.as_str()});
    let parameters = kms.with_key(key, OpName::GetParametersForImport, &body).unwrap();
    assert_eq!(parameters["KeyId"], json!(key.arn));
    let wrapped = wrap(algorithm, wrapping, &bytes(&parameters["PublicKey"]), material);
    json!({
        "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": blob(&wrapped),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    })
}

/// A whole request but for the key, which imports `material` without expiry.
pub(crate) fn import_request(kms: &TestKms, key: &TestKey, material: &[u8]) -> Value {
    request_by(kms, key, AlgorithmSpec::RsaAesKeyWrapSha256, KeySpec::Rsa2048, material)
}

fn import(kms: &TestKms, key: &TestKey, material: &[u8], more: &Value) -> Answer {
    let mut request = import_request(kms, key, material);
    for (member, value) in more.as_object().unwrap() {
        request[member] = value.clone();
    }
    kms.with_key(key, OpName::ImportKeyMaterial, &request)
}

/// Material of `spec` as its owner has it.
fn fresh_material(spec: KeySpec) -> Vec<u8> {
    let material = Material::generate(spec, SymmetricSuite::Aes, &SystemRng).unwrap();
    let form = material.private_key_pkcs8().or_else(|_| material.to_stored()).unwrap();
    form.expose().to_vec()
}

/// A key whose material was brought.
pub(crate) fn imported_key(kms: &TestKms, spec: KeySpec, usage: KeyUsage) -> TestKey {
    let key = kms.create_key_of("EXTERNAL", spec, usage);
    let material = if spec == KeySpec::SymmetricDefault { MATERIAL.to_vec() } else { fresh_material(spec) };
    kms.with_key(&key, OpName::ImportKeyMaterial, &import_request(kms, &key, &material)).unwrap();
    key
}

/// A symmetric key whose material was brought and expires.
pub(crate) fn imported_key_until(kms: &TestKms, valid_to: Timestamp) -> TestKey {
    let key = symmetric(kms);
    let seconds = valid_to.as_millis() as f64 / 1000.0;
    import(kms, &key, &MATERIAL, &json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": seconds})).unwrap();
    key
}

fn metadata(kms: &TestKms, key: &TestKey) -> Value {
    kms.with_key(key, OpName::DescribeKey, &json!({})).unwrap()["KeyMetadata"].take()
}

fn symmetric(kms: &TestKms) -> TestKey {
    kms.create_key_of("EXTERNAL", KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
}

#[test]
fn every_spec_takes_its_material_once() {
    let kms = TestKms::new();
    for spec in KeySpec::ALL {
        let usage = spec::facts(*spec).usages[0];
        let key = kms.create_key_of("EXTERNAL", *spec, usage);
        let before = metadata(&kms, &key);
        assert_eq!(before["KeyState"], "PendingImport", "{spec}");
        for absent in ["ExpirationModel", "ValidTo", "CurrentKeyMaterialId"] {
            assert_eq!(before.get(absent), None, "{spec}");
        }
        let material = fresh_material(*spec);
        let imported = import(&kms, &key, &material, &json!({})).unwrap();
        let has_ids = *spec == KeySpec::SymmetricDefault;
        assert_eq!(imported.get("KeyMaterialId").is_some(), has_ids, "{spec}");
        let after = metadata(&kms, &key);
        assert_eq!((&after["KeyState"], &after["Enabled"]), (&json!("Enabled"), &json!(true)), "{spec}");
        assert_eq!(after["ExpirationModel"], "KEY_MATERIAL_DOES_NOT_EXPIRE");
        assert_eq!(after.get("CurrentKeyMaterialId"), imported.get("KeyMaterialId"), "{spec}");

        // Deleted, the key waits for the same bytes; others are refused, and so is a second material for most specs.
        let deleted = kms.with_key(&key, OpName::DeleteImportedKeyMaterial, &json!({})).unwrap();
        assert_eq!(deleted["KeyId"], json!(key.arn));
        assert_eq!(deleted.get("KeyMaterialId"), imported.get("KeyMaterialId"));
        assert_eq!(metadata(&kms, &key)["KeyState"], "PendingImport");
        let other = import(&kms, &key, &fresh_material(*spec), &json!({}));
        expect_code(&other, Some("IncorrectKeyMaterialException"), &format!("{spec}: other material"));
        if !has_ids {
            let second = import(&kms, &key, &fresh_material(*spec), &json!({"ImportType": "NEW_KEY_MATERIAL"}));
            expect_code(&second, Some("IncorrectKeyMaterialException"), &format!("{spec}: a second material"));
        }
        assert_eq!(metadata(&kms, &key)["KeyState"], "PendingImport");
        assert_eq!(import(&kms, &key, &material, &json!({})).unwrap(), imported, "{spec}");
        assert_eq!(metadata(&kms, &key)["KeyState"], "Enabled");
    }
}

/// The private key that was brought is the one that signs.
#[test]
fn an_imported_key_pair_is_the_owners() {
    let kms = TestKms::new();
    let material = Material::generate(KeySpec::EccNistP256, SymmetricSuite::Aes, &SystemRng).unwrap();
    let key = kms.create_key_of("EXTERNAL", KeySpec::EccNistP256, KeyUsage::SignVerify);
    import(&kms, &key, material.private_key_pkcs8().unwrap().expose(), &json!({})).unwrap();
    let public = kms.with_key(&key, OpName::GetPublicKey, &json!({})).unwrap();
    assert_eq!(bytes(&public["PublicKey"]), material.public_key_spki().unwrap());
    kms.with_key(&key, OpName::Sign, &smallest(OpName::Sign, "")).unwrap();
}

#[test]
fn every_way_to_wrap_works() {
    let kms = TestKms::new();
    for algorithm in AlgorithmSpec::ALL {
        for wrapping in [KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096, KeySpec::Sm2] {
            let works = match algorithm {
                AlgorithmSpec::RsaesPkcs1V15 => false,
                AlgorithmSpec::Sm2Pke => wrapping == KeySpec::Sm2,
                AlgorithmSpec::RsaesOaepSha1
                | AlgorithmSpec::RsaesOaepSha256
                | AlgorithmSpec::RsaAesKeyWrapSha1
                | AlgorithmSpec::RsaAesKeyWrapSha256 => wrapping != KeySpec::Sm2,
            };
            let what = format!("{algorithm} {wrapping}");
            let region = if wrapping == KeySpec::Sm2 { "cn-north-1" } else { "us-east-1" };
            let made = kms.call_as(OWNER, region, OpName::CreateKey, &json!({"Origin": "EXTERNAL"})).unwrap();
            let text = |member: &str| made["KeyMetadata"][member].as_str().unwrap().to_owned();
            let (spec, usage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
            let key = TestKey { region, spec, usage, id: text("KeyId"), arn: text("Arn") };
            if works {
                let material = if region == "cn-north-1" { &MATERIAL[..16] } else { &MATERIAL };
                let request = request_by(&kms, &key, *algorithm, wrapping, material);
                kms.with_key(&key, OpName::ImportKeyMaterial, &request).unwrap();
                kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
            } else {
                let body = json!({"WrappingAlgorithm": algorithm.as_str(), "WrappingKeySpec": wrapping.as_str()});
                let answer = kms.with_key(&key, OpName::GetParametersForImport, &body);
                expect_code(&answer, Some("UnsupportedOperationException"), &what);
            }
        }
    }
}

/// The material decides what a ciphertext is: the same bytes again open what they sealed.
#[test]
fn reimported_material_opens_old_ciphertexts() {
    let kms = TestKms::new();
    let key = imported_key(&kms, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let sealed = kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    let decrypt = || kms.call(OpName::Decrypt, &json!({"CiphertextBlob": sealed["CiphertextBlob"]}));
    decrypt().unwrap();
    kms.with_key(&key, OpName::DeleteImportedKeyMaterial, &json!({})).unwrap();
    expect_code(&decrypt(), Some("KMSInvalidStateException"), "without material");
    import(&kms, &key, &MATERIAL, &json!({})).unwrap();
    assert_eq!(bytes(&decrypt().unwrap()["Plaintext"]), b"x");
}

#[test]
fn what_is_not_this_keys_is_refused() {
    let kms = TestKms::new();
    let (key, other) = (symmetric(&kms), symmetric(&kms));
    let good = import_request(&kms, &key, &MATERIAL);
    let state = || metadata(&kms, &key)["KeyState"].take();

    let check = |change: &dyn Fn(&mut Value), code: &str| {
        let mut request = good.clone();
        change(&mut request);
        expect_code(&kms.with_key(&key, OpName::ImportKeyMaterial, &request), Some(code), &request.to_string());
        assert_eq!(state(), "PendingImport", "nothing half done");
    };
    let foreign = import_request(&kms, &other, &MATERIAL);
    check(&|request| request["ImportToken"] = foreign["ImportToken"].clone(), "InvalidImportTokenException");
    check(&|request| request["ImportToken"] = blob(b"x"), "InvalidImportTokenException");
    check(&|request| request["EncryptedKeyMaterial"] = blob(b"x"), "InvalidCiphertextException");
    check(
        &|request| request["EncryptedKeyMaterial"] = foreign["EncryptedKeyMaterial"].clone(),
        "InvalidCiphertextException",
    );
    check(&|request| drop(request.as_object_mut().unwrap().remove("ExpirationModel")), "ValidationException");
    check(&|request| request["ValidTo"] = json!(1_790_100_000), "ValidationException");
    check(&|request| request["ImportType"] = json!("EXISTING_KEY_MATERIAL"), "IncorrectKeyMaterialException");
    check(&|request| request["KeyMaterialId"] = json!("0".repeat(64)), "ValidationException");
    for len in [0, 16, 31, 33] {
        if len > 0 {
            let answer = import(&kms, &key, &vec![1; len], &json!({}));
            expect_code(&answer, Some("IncorrectKeyMaterialException"), &format!("{len} bytes"));
        }
    }
    for (valid_to, what) in [(1_789_999_999, "past"), (1_790_000_000 + 366 * 86_400, "far")] {
        let more = json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": valid_to});
        expect_code(&import(&kms, &key, &MATERIAL, &more), Some("ValidationException"), what);
    }

    // The token ends after its day; until then it can be used.
    kms.clock.advance_millis(86_400_000 - 1);
    kms.with_key(&key, OpName::ImportKeyMaterial, &good).unwrap();
    kms.clock.advance_millis(1);
    let late = kms.with_key(&key, OpName::ImportKeyMaterial, &good);
    expect_code(&late, Some("ExpiredImportTokenException"), "a day later");

    // Keys whose material is made here take none.
    let own = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    for op in [OpName::GetParametersForImport, OpName::ImportKeyMaterial, OpName::DeleteImportedKeyMaterial] {
        let (code, message) = kms.with_key(&own, op, &smallest(op, "")).unwrap_err();
        assert_eq!(code, "UnsupportedOperationException", "{op}");
        assert_eq!(message, Some(format!("{} origin is AWS_KMS which is not valid for this operation.", own.arn)));
    }

    // What only symmetric keys have.
    let mac = kms.create_key_of("EXTERNAL", KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
    let answer = import(&kms, &mac, &MATERIAL, &json!({"KeyMaterialDescription": "d"}));
    expect_code(&answer, Some("ValidationException"), "a description of HMAC material");
}

/// Long material of RSA keys and P-521 does not fit into one encryption.
#[test]
fn long_material_needs_two_wraps() {
    let kms = TestKms::new();
    for (spec, usage) in [
        (KeySpec::Rsa2048, KeyUsage::SignVerify),
        (KeySpec::EccNistP521, KeyUsage::SignVerify),
        (KeySpec::Rsa4096, KeyUsage::EncryptDecrypt),
    ] {
        let key = kms.create_key_of("EXTERNAL", spec, usage);
        for algorithm in ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] {
            let body = json!({"WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"});
            let answer = kms.with_key(&key, OpName::GetParametersForImport, &body);
            expect_code(&answer, Some("UnsupportedOperationException"), &format!("{spec} {algorithm}"));
        }
    }
}

#[test]
fn expired_material_is_deleted_and_can_be_brought_again() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    let now = 1_790_000_000.123;
    let expires = |days: f64| json!({"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": now + days * 86_400.0});
    let first = import(&kms, &key, &MATERIAL, &expires(10.0)).unwrap();
    let shown = metadata(&kms, &key);
    assert_eq!(shown["ExpirationModel"], "KEY_MATERIAL_EXPIRES");
    assert_eq!(shown["ValidTo"].as_f64(), Some(now + 864_000.0));

    kms.wait_days(9);
    assert_eq!(metadata(&kms, &key)["KeyState"], "Enabled");
    kms.wait_days(1);
    let shown = metadata(&kms, &key);
    assert_eq!(shown["KeyState"], "PendingImport");
    assert_eq!((shown.get("ValidTo"), shown.get("ExpirationModel")), (None, None));
    expect_code(
        &kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")),
        Some("KMSInvalidStateException"),
        "after expiry",
    );

    // Again, now without an end; a later import may change that.
    assert_eq!(import(&kms, &key, &MATERIAL, &json!({})).unwrap(), first);
    kms.wait_days(400);
    assert_eq!(metadata(&kms, &key)["KeyState"], "Enabled");
    import(&kms, &key, &MATERIAL, &expires(411.0)).unwrap();
    kms.wait_days(1);
    assert_eq!(metadata(&kms, &key)["KeyState"], "PendingImport");
}

/// A second material waits, is rotated to, and from then on belongs to the key for good.
#[test]
fn new_material_waits_for_its_rotation() {
    let kms = TestKms::new();
    let key = imported_key(&kms, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let first = metadata(&kms, &key)["CurrentKeyMaterialId"].take();
    let sealed = kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    let rotate = || kms.with_key(&key, OpName::RotateKeyOnDemand, &json!({}));
    let list = || {
        let all = json!({"IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
        let page = kms.with_key(&key, OpName::ListKeyRotations, &all).unwrap();
        let line = |entry: &Value| {
            let text = |member: &str| entry[member].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", text("KeyMaterialState"), text("ImportState"), text("KeyMaterialDescription"))
        };
        page["Rotations"].as_array().unwrap().iter().map(line).collect::<Vec<_>>()
    };

    let (code, message) = rotate().unwrap_err();
    assert_eq!(code, "KMSInvalidStateException");
    assert_eq!(message, Some(format!("No available key material pending rotation for the key: {}.", key.arn)));
    let again = import(&kms, &key, &MATERIAL, &json!({"ImportType": "NEW_KEY_MATERIAL"}));
    expect_code(&again, Some("IncorrectKeyMaterialException"), "not new");

    let new = json!({"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "2027"});
    let dropped = import(&kms, &key, &[8; 32], &new).unwrap();
    assert_eq!(list(), ["PENDING_ROTATION IMPORTED 2027", "CURRENT IMPORTED -"]);
    // Dropped while it waits, nothing of it stays.
    kms.with_key(&key, OpName::DeleteImportedKeyMaterial, &json!({"KeyMaterialId": dropped["KeyMaterialId"]})).unwrap();
    assert_eq!(list(), ["CURRENT IMPORTED -"]);
    assert_eq!(metadata(&kms, &key)["KeyState"], "Enabled");

    let second = import(&kms, &key, &[9; 32], &new).unwrap();
    assert_eq!(metadata(&kms, &key)["CurrentKeyMaterialId"], first);
    rotate().unwrap();
    assert_eq!(metadata(&kms, &key)["CurrentKeyMaterialId"], second["KeyMaterialId"]);
    assert_eq!(list(), ["CURRENT IMPORTED 2027", "NON_CURRENT IMPORTED -"]);

    // Both are needed now: without the older one the key refuses everything.
    let older = json!({"KeyMaterialId": first});
    kms.with_key(&key, OpName::DeleteImportedKeyMaterial, &older).unwrap();
    assert_eq!(list(), ["CURRENT IMPORTED 2027", "NON_CURRENT PENDING_IMPORT -"]);
    expect_code(
        &kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")),
        Some("KMSInvalidStateException"),
        "incomplete",
    );
    let mismatch = import(&kms, &key, &[9; 32], &json!({"KeyMaterialId": first}));
    expect_code(&mismatch, Some("IncorrectKeyMaterialException"), "another id");
    import(&kms, &key, &MATERIAL, &json!({"KeyMaterialId": first})).unwrap();
    let opened = kms.call(OpName::Decrypt, &json!({"CiphertextBlob": sealed["CiphertextBlob"]})).unwrap();
    assert_eq!(opened["KeyMaterialId"], first);
    // A description stays when an import brings none.
    import(&kms, &key, &[9; 32], &json!({})).unwrap();
    assert_eq!(list(), ["CURRENT IMPORTED 2027", "NON_CURRENT IMPORTED -"]);
    let absent = json!({"KeyMaterialId": "0".repeat(64)});
    expect_code(
        &kms.with_key(&key, OpName::DeleteImportedKeyMaterial, &absent),
        Some("NotFoundException"),
        "no such material",
    );
}

#[test]
fn a_cancelled_deletion_of_an_empty_key_waits_for_its_import() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    kms.with_key(&key, OpName::DeleteImportedKeyMaterial, &json!({})).unwrap();
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({})).unwrap();
    kms.with_key(&key, OpName::CancelKeyDeletion, &json!({})).unwrap();
    assert_eq!(metadata(&kms, &key)["KeyState"], "PendingImport");
}
