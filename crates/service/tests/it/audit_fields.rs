//! Every operation's event against the table of behaviours 13.4, field by field. An operation that is not in the match does not
//! compile.

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_wire::kms::facts;

use crate::fixtures::{blob, policy, smallest};
use crate::import::import_request;
use crate::kms::{OWNER, TestKey, TestKms};
use crate::multi_region;

/// A call and what its event must have. A member that the table leaves open is not looked at.
struct Row {
    region: &'static str,
    body: Value,
    parameters: Value,
    response: Option<Value>,
    additional: Value,
    resources: Vec<String>,
}

impl Row {
    /// A call about `key`, without a shown reply.
    fn about(key: &TestKey, body: Value, parameters: Value) -> Self {
        let resources = vec![key.arn.clone()];
        Self { region: key.region, body, parameters, response: Some(Value::Null), additional: Value::Null, resources }
    }

    /// A call about no key.
    fn of_account(body: Value, parameters: Value) -> Self {
        Self {
            region: "us-east-1",
            body,
            parameters,
            response: Some(Value::Null),
            additional: Value::Null,
            resources: vec![],
        }
    }

    fn replies(self, response: Value) -> Self {
        Self { response: Some(response), ..self }
    }

    fn replies_anything(self) -> Self {
        Self { response: None, ..self }
    }

    fn adds(self, additional: Value) -> Self {
        Self { additional, ..self }
    }

    fn and(self, arn: &str) -> Self {
        let mut resources = self.resources;
        resources.push(arn.to_owned());
        Self { resources, ..self }
    }
}

/// What the rows work with.
struct World {
    kms: TestKms,
    symmetric: TestKey,
}

impl World {
    fn new() -> Self {
        let kms = TestKms::new();
        let symmetric = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        Self { kms, symmetric }
    }

    fn material(&self) -> Value {
        let key = self.kms.with_key(&self.symmetric, OpName::DescribeKey, &json!({})).unwrap();
        key["KeyMetadata"]["CurrentKeyMaterialId"].clone()
    }

    fn sealed(&self) -> Value {
        let body = json!({"Plaintext": blob(b"x"), "EncryptionContext": {"a": "b"}});
        self.kms.with_key(&self.symmetric, OpName::Encrypt, &body).unwrap()["CiphertextBlob"].clone()
    }

    fn grant(&self, retiring: &str) -> Value {
        let body = json!({
            "GranteePrincipal": "arn:aws:iam::111122223333:user/bob",
            "RetiringPrincipal": retiring,
            "Operations": ["Decrypt"],
        });
        self.kms.with_key(&self.symmetric, OpName::CreateGrant, &body).unwrap()["GrantId"].clone()
    }

    fn alias(&self) -> String {
        self.kms.call(OpName::CreateAlias, &smallest(OpName::CreateAlias, &self.symmetric.id)).unwrap();
        self.symmetric.arn.replace(&format!("key/{}", self.symmetric.id), "alias/app")
    }

    fn external(&self) -> TestKey {
        self.kms.create_key_of("EXTERNAL", KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
    }

    fn row(&self, op: OpName) -> Row {
        let key = &self.symmetric;
        let id = json!(key.id);
        let key_alone = json!({"keyId": id});
        let arn_alone = json!({"keyId": key.arn});
        let context = json!({"a": "b"});
        let used = json!({"keyMaterialId": self.material()});
        match op {
            OpName::Encrypt => Row::about(
                key,
                json!({"KeyId": key.id, "Plaintext": blob(b"x"), "EncryptionContext": context, "GrantTokens": []}),
                json!({
                    "keyId": key.arn, "encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context,
                    "grantTokens": [],
                }),
            )
            .adds(used),
            OpName::Decrypt => Row::about(
                key,
                json!({"CiphertextBlob": self.sealed(), "EncryptionContext": context}),
                json!({"keyId": key.arn, "encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context}),
            )
            .adds(used),
            OpName::ReEncrypt => {
                let other = self.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
                let described = self.kms.with_key(&other, OpName::DescribeKey, &json!({})).unwrap();
                Row::about(
                    key,
                    json!({
                        "CiphertextBlob": self.sealed(), "SourceEncryptionContext": context, "DestinationKeyId": other.id,
                    }),
                    json!({
                        "sourceEncryptionContext": context, "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                        "destinationKeyId": other.id, "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                    }),
                )
                .adds(json!({
                    "sourceKeyMaterialId": self.material(),
                    "destinationKeyMaterialId": described["KeyMetadata"]["CurrentKeyMaterialId"],
                }))
                .and(&other.arn)
            }
            OpName::GenerateDataKey | OpName::GenerateDataKeyWithoutPlaintext => Row::about(
                key,
                json!({"KeyId": key.id, "NumberOfBytes": 32, "EncryptionContext": context}),
                json!({"keyId": id, "numberOfBytes": 32, "encryptionContext": context}),
            )
            .adds(used),
            OpName::GenerateDataKeyPair | OpName::GenerateDataKeyPairWithoutPlaintext => Row::about(
                key,
                json!({"KeyId": key.id, "KeyPairSpec": "ECC_NIST_P256"}),
                json!({"keyId": id, "keyPairSpec": "ECC_NIST_P256"}),
            )
            .adds(used),
            OpName::GenerateRandom => Row::of_account(json!({"NumberOfBytes": 8}), Value::Null),
            OpName::Sign | OpName::Verify => {
                let key = self.kms.create_key(KeySpec::EccNistP256, KeyUsage::SignVerify);
                let request = json!({"KeyId": key.id, "Message": blob(b"x"), "SigningAlgorithm": "ECDSA_SHA_256"});
                let mut body = request.clone();
                if op == OpName::Verify {
                    body["Signature"] = self.kms.call(OpName::Sign, &request).unwrap()["Signature"].clone();
                }
                let parameters = json!({"keyId": key.id, "signingAlgorithm": "ECDSA_SHA_256", "messageType": "RAW"});
                Row::about(&key, body, parameters)
            }
            OpName::GenerateMac | OpName::VerifyMac => {
                let key = self.kms.create_key(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
                let request = json!({"KeyId": key.id, "Message": blob(b"x"), "MacAlgorithm": "HMAC_SHA_256"});
                let mut body = request.clone();
                if op == OpName::VerifyMac {
                    body["Mac"] = self.kms.call(OpName::GenerateMac, &request).unwrap()["Mac"].clone();
                }
                Row::about(&key, body, json!({"keyId": key.id, "macAlgorithm": "HMAC_SHA_256"}))
            }
            OpName::Encapsulate | OpName::Decapsulate => {
                let key = self.kms.create_key(KeySpec::MlKem768, KeyUsage::EncapsulateDecapsulate);
                let request = json!({"KeyId": key.id, "EncapsulationAlgorithm": "ML_KEM"});
                let mut body = request.clone();
                if op == OpName::Decapsulate {
                    let made = self.kms.call(OpName::Encapsulate, &request).unwrap();
                    body["SharedSecretCiphertextBlob"] = made["SharedSecretCiphertextBlob"].clone();
                }
                Row::about(&key, body, json!({"keyId": key.id, "encapsulationAlgorithm": "ML_KEM"}))
            }
            OpName::DeriveSharedSecret => {
                let key = self.kms.create_key(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
                let peer = self.kms.create_key(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
                let public = self.kms.with_key(&peer, OpName::GetPublicKey, &json!({})).unwrap()["PublicKey"].clone();
                let body = json!({"KeyId": key.id, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public});
                Row::about(&key, body, json!({"keyId": key.id, "keyAgreementAlgorithm": "ECDH"}))
            }
            OpName::CreateKey => Row::of_account(
                json!({"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
                json!({
                    "description": "", "origin": "AWS_KMS", "bypassPolicyLockoutSafetyCheck": false,
                    "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "keySpec": "SYMMETRIC_DEFAULT",
                    "keyUsage": "ENCRYPT_DECRYPT", "tags": [{"tagKey": "a", "tagValue": "b"}],
                }),
            )
            .replies_anything(),
            OpName::CreateGrant => {
                let body = json!({
                    "KeyId": key.id, "GranteePrincipal": "arn:aws:iam::111122223333:user/bob", "Name": "n",
                    "Operations": ["Decrypt"], "Constraints": {"EncryptionContextSubset": context},
                });
                Row::about(
                    key,
                    body,
                    json!({
                        "keyId": id, "granteePrincipal": "arn:aws:iam::111122223333:user/bob", "name": "n",
                        "operations": ["Decrypt"], "constraints": {"encryptionContextSubset": context},
                    }),
                )
                .replies_anything()
            }
            OpName::RetireGrant => {
                let grant = self.grant("arn:aws:iam::111122223333:user/alice");
                Row::about(key, json!({"KeyId": key.arn, "GrantId": grant}), Value::Null)
                    .replies(arn_alone)
                    .adds(json!({"grantId": grant}))
            }
            OpName::RevokeGrant => {
                let grant = self.grant("arn:aws:iam::111122223333:user/alice");
                Row::about(key, json!({"KeyId": key.id, "GrantId": grant}), json!({"keyId": id, "grantId": grant}))
                    .replies(arn_alone)
            }
            OpName::ScheduleKeyDeletion => Row::about(
                key,
                json!({"KeyId": key.id, "PendingWindowInDays": 7}),
                json!({"keyId": id, "pendingWindowInDays": 7}),
            )
            .replies(json!({
                "keyId": key.arn, "keyState": "PendingDeletion", "pendingWindowInDays": 7,
                "deletionDate": "Sep 28, 2026, 2:13:20 PM",
            })),
            OpName::CancelKeyDeletion => {
                self.kms.with_key(key, OpName::ScheduleKeyDeletion, &json!({})).unwrap();
                Row::about(key, json!({"KeyId": key.id}), key_alone).replies(arn_alone)
            }
            OpName::ImportKeyMaterial => {
                let key = self.external();
                let mut body = import_request(&self.kms, &key, &[1; 32]);
                body["KeyId"] = json!(key.id);
                body["ExpirationModel"] = json!("KEY_MATERIAL_EXPIRES");
                body["ValidTo"] = json!(1_790_100_000.0);
                body["KeyMaterialDescription"] = json!("brought");
                Row::about(
                    &key,
                    body,
                    json!({
                        "keyId": key.id, "expirationModel": "KEY_MATERIAL_EXPIRES", "keyMaterialDescription": "brought",
                        "validTo": "Sep 22, 2026, 6:00:00 PM",
                    }),
                )
                .replies_anything()
            }
            OpName::DeleteImportedKeyMaterial => {
                let key = crate::import::imported_key(&self.kms, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
                Row::about(&key, json!({"KeyId": key.id}), json!({"keyId": key.id})).replies_anything()
            }
            OpName::GetParametersForImport => {
                let key = self.external();
                Row::about(
                    &key,
                    smallest(op, &key.id),
                    json!({"keyId": key.id, "wrappingAlgorithm": "RSAES_OAEP_SHA_256", "wrappingKeySpec": "RSA_2048"}),
                )
            }
            OpName::EnableKeyRotation => Row::about(
                key,
                json!({"KeyId": key.id, "RotationPeriodInDays": 90}),
                json!({"keyId": id, "rotationPeriodInDays": 90}),
            )
            .replies(arn_alone),
            OpName::DisableKeyRotation | OpName::EnableKey | OpName::DisableKey | OpName::RotateKeyOnDemand => {
                Row::about(key, json!({"KeyId": key.id}), key_alone).replies(arn_alone)
            }
            OpName::UpdateKeyDescription => {
                Row::about(key, json!({"KeyId": key.id, "Description": "d"}), json!({"keyId": id, "description": "d"}))
                    .replies(arn_alone)
            }
            OpName::ListKeyRotations => Row::about(
                key,
                json!({"KeyId": key.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}),
                json!({"keyId": id, "includeKeyMaterial": "ALL_KEY_MATERIAL"}),
            ),
            OpName::DescribeKey
            | OpName::GetKeyLastUsage
            | OpName::GetKeyPolicy
            | OpName::GetKeyRotationStatus
            | OpName::ListKeyPolicies
            | OpName::ListGrants
            | OpName::ListResourceTags => Row::about(key, json!({"KeyId": key.id}), key_alone),
            OpName::GetPublicKey => {
                let key = self.kms.create_key(KeySpec::EccNistP256, KeyUsage::SignVerify);
                Row::about(&key, json!({"KeyId": key.id}), json!({"keyId": key.id}))
            }
            OpName::CreateAlias => {
                let alias = key.arn.replace(&format!("key/{}", key.id), "alias/app");
                let mut row =
                    Row::about(key, smallest(op, &key.id), json!({"aliasName": "alias/app", "targetKeyId": id}));
                row.resources.insert(0, alias);
                row
            }
            OpName::UpdateAlias => {
                let alias = self.alias();
                let other = self.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
                let mut row = Row::about(
                    key,
                    smallest(op, &other.id),
                    json!({"aliasName": "alias/app", "targetKeyId": other.id}),
                );
                row.resources.insert(0, alias);
                row.and(&other.arn)
            }
            OpName::DeleteAlias => {
                let alias = self.alias();
                let mut row = Row::about(key, smallest(op, ""), json!({"aliasName": "alias/app"}));
                row.resources.insert(0, alias);
                row
            }
            OpName::TagResource => {
                Row::about(key, smallest(op, &key.id), json!({"keyId": id, "tags": [{"tagKey": "a", "tagValue": "b"}]}))
            }
            OpName::UntagResource => Row::about(key, smallest(op, &key.id), json!({"keyId": id, "tagKeys": ["a"]})),
            OpName::PutKeyPolicy => {
                let text = policy(&[crate::fixtures::allow_account()]);
                Row::about(
                    key,
                    json!({"KeyId": key.id, "Policy": text}),
                    json!({
                        "keyId": id, "policyName": "default", "policy": text, "bypassPolicyLockoutSafetyCheck": false,
                    }),
                )
            }
            OpName::ListAliases => Row::of_account(json!({"KeyId": key.id}), key_alone),
            OpName::ListKeys => Row::of_account(json!({"Limit": 5}), json!({"limit": 5})),
            OpName::ListRetirableGrants => {
                Row::of_account(smallest(op, ""), json!({"retiringPrincipal": "arn:aws:iam::111122223333:user/alice"}))
            }
            OpName::ReplicateKey => {
                let key = multi_region::primary(&self.kms);
                Row::about(
                    &key,
                    json!({"KeyId": key.id, "ReplicaRegion": "eu-west-1"}),
                    json!({
                        "keyId": key.id, "replicaRegion": "eu-west-1", "bypassPolicyLockoutSafetyCheck": false,
                        "description": "",
                    }),
                )
                .replies_anything()
            }
            OpName::UpdatePrimaryRegion => {
                let key = multi_region::primary(&self.kms);
                multi_region::replica(&self.kms, &key, "eu-west-1");
                Row::about(
                    &key,
                    json!({"KeyId": key.id, "PrimaryRegion": "eu-west-1"}),
                    json!({"keyId": key.id, "primaryRegion": "eu-west-1"}),
                )
                .replies(json!({"keyId": key.arn}))
            }
            OpName::ConnectCustomKeyStore | OpName::DeleteCustomKeyStore | OpName::DisconnectCustomKeyStore => {
                Row::of_account(smallest(op, ""), json!({"customKeyStoreId": "cks-1234567890abcdef0"}))
            }
            OpName::UpdateCustomKeyStore => Row::of_account(
                json!({"CustomKeyStoreId": "cks-1234567890abcdef0", "KeyStorePassword": "password-of-the-store"}),
                json!({"customKeyStoreId": "cks-1234567890abcdef0"}),
            ),
            OpName::CreateCustomKeyStore => Row::of_account(
                json!({"CustomKeyStoreName": "store", "KeyStorePassword": "password-of-the-store"}),
                json!({"customKeyStoreName": "store"}),
            ),
            OpName::DescribeCustomKeyStores => Row::of_account(json!({}), Value::Null),
        }
    }
}

#[test]
fn every_operation_shows_what_the_table_says() {
    for op in OpName::ALL {
        let world = World::new();
        let row = world.row(*op);
        let before = world.kms.events().len();
        let answer = world.kms.call_as(OWNER, row.region, *op, &row.body);
        let events = world.kms.events().split_off(before);
        let event = events.iter().find(|event| event["eventType"] == "AwsApiCall").unwrap();
        assert_eq!(event["requestParameters"], row.parameters, "{op}: {answer:?}");
        assert_eq!(event["additionalEventData"], row.additional, "{op}: {answer:?}");
        if let Some(response) = row.response {
            assert_eq!(event["responseElements"], response, "{op}: {answer:?}");
        }
        if *op != OpName::CreateKey {
            let resources: Vec<&str> =
                event["resources"].as_array().unwrap().iter().map(|one| one["ARN"].as_str().unwrap()).collect();
            assert_eq!(resources, row.resources, "{op}: {answer:?}");
        }
        for resource in event["resources"].as_array().unwrap() {
            assert_eq!((&resource["accountId"], &resource["type"]), (&json!(OWNER), &json!("AWS::KMS::Key")), "{op}");
        }
        check_envelope(*op, event);
        let open = [
            "\"plaintext",
            "password-of-the-store",
            "\"ciphertextBlob",
            "\"signature\"",
            "\"mac\"",
            "\"sharedSecret",
            "\"importToken",
            "\"encryptedKeyMaterial",
            "\"grantToken\"",
        ];
        let text = event.to_string();
        assert!(!open.iter().any(|hidden| text.contains(hidden)), "{op}: {text}");
    }
}

/// The members that all events have, and no others.
fn check_envelope(op: OpName, event: &Value) {
    const ALWAYS: [&str; 18] = [
        "awsRegion",
        "eventCategory",
        "eventID",
        "eventName",
        "eventSource",
        "eventTime",
        "eventType",
        "eventVersion",
        "managementEvent",
        "readOnly",
        "recipientAccountId",
        "requestID",
        "requestParameters",
        "resources",
        "responseElements",
        "sourceIPAddress",
        "tlsDetails",
        "userIdentity",
    ];
    let mut members: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    members.retain(|member| !["additionalEventData", "errorCode", "errorMessage", "userAgent"].contains(member));
    members.sort_unstable();
    assert_eq!(members, ALWAYS, "{op}");
    assert_eq!(event["eventVersion"], "1.11", "{op}");
    assert_eq!(event["eventTime"], "2026-09-21T14:13:20Z", "{op}");
    assert_eq!(event["eventName"], op.as_str());
    assert_eq!(event["readOnly"], facts(op).read_only, "{op}");
    assert_eq!(event["managementEvent"], true, "{op}");
    assert_eq!(event["sourceIPAddress"], "127.0.0.1", "{op}");
    assert_eq!(
        event["userIdentity"],
        json!({
            "type": "IAMUser", "principalId": event["userIdentity"]["principalId"],
            "arn": "arn:aws:iam::111122223333:user/alice", "accountId": OWNER, "accessKeyId": "AKIA111122223333",
            "userName": "alice",
        }),
        "{op}"
    );
}

/// A call on a key of several Regions leaves a record in each Region where it changes something, with one request id.
#[test]
fn other_regions_have_records_of_their_own() {
    let kms = TestKms::new();
    let key = multi_region::primary(&kms);
    let there = key.arn.replace("us-east-1", "eu-west-1");
    let both = |op: OpName, body: Value| {
        let before = kms.events().len();
        kms.with_key(&key, op, &body).unwrap();
        let events = kms.events().split_off(before);
        let [here, elsewhere] = &events[..] else { panic!("{op}: two of {events:?}") };
        assert_eq!((&here["eventName"], &here["awsRegion"]), (&json!(op.as_str()), &json!("us-east-1")));
        assert_eq!(elsewhere["awsRegion"], "eu-west-1", "{op}");
        assert_eq!(elsewhere["resources"], json!([{"accountId": OWNER, "type": "AWS::KMS::Key", "ARN": there}]));
        assert_eq!(elsewhere["eventType"], "AwsApiCall", "{op}");
        assert_eq!(elsewhere["requestID"], here["requestID"], "{op}");
        assert_ne!(elsewhere["eventID"], here["eventID"], "{op}");
        let mut carried = here["userIdentity"].clone();
        carried["invokedBy"] = json!("kms.amazonaws.com");
        assert_eq!(elsewhere["userIdentity"], carried, "{op}");
        assert_eq!(elsewhere["sourceIPAddress"], here["sourceIPAddress"], "{op}");
        assert_eq!(elsewhere["userAgent"], "AWS Internal", "{op}");
        assert_eq!(here["resources"], json!([{"accountId": OWNER, "type": "AWS::KMS::Key", "ARN": key.arn}]), "{op}");
        elsewhere.clone()
    };
    let tags = json!([{"TagKey": "a", "TagValue": "b"}]);
    let created = both(OpName::ReplicateKey, json!({"ReplicaRegion": "eu-west-1", "Description": "d", "Tags": tags}));
    assert_eq!(created["eventName"], "CreateKey");
    assert_eq!(
        created["requestParameters"],
        json!({
            "description": "d", "origin": "AWS_KMS", "bypassPolicyLockoutSafetyCheck": false, "multiRegion": true,
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT", "keySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT",
            "tags": [{"tagKey": "a", "tagValue": "b"}],
        })
    );
    let metadata = &created["responseElements"]["keyMetadata"];
    assert_eq!((&metadata["arn"], &metadata["keyState"]), (&json!(there), &json!("Creating")));

    // Once it is made: AWS names the primary.
    let before = kms.events().len();
    kms.wait_days(0);
    let [synchronized] = &kms.events().split_off(before)[..] else { panic!("one event") };
    assert_eq!(
        (&synchronized["eventName"], &synchronized["awsRegion"]),
        (&json!("SynchronizeMultiRegionKey"), &json!("us-east-1"))
    );
    assert_eq!(synchronized["responseElements"], json!({"keyId": key.arn}));
    assert_eq!(synchronized["requestParameters"], Value::Null);

    let moved = both(OpName::UpdatePrimaryRegion, json!({"PrimaryRegion": "eu-west-1"}));
    assert_eq!(moved["eventName"], "UpdatePrimaryRegion");
    assert_eq!(moved["requestParameters"], json!({"keyId": there, "primaryRegion": "eu-west-1"}));
    assert_eq!(moved["responseElements"], json!({"keyId": there}));

    // What was refused changed nothing anywhere.
    let before = kms.events().len();
    kms.with_key(&key, OpName::UpdatePrimaryRegion, &json!({"PrimaryRegion": "eu-west-1"})).unwrap_err();
    assert_eq!(kms.events().len(), before + 1);
}

#[test]
fn what_the_service_does_by_itself_is_on_the_record() {
    let world = World::new();
    let kms = &world.kms;
    let rotating = &world.symmetric;
    let first = world.material();
    kms.with_key(rotating, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    let expiring = crate::import::imported_key_until(
        kms,
        strongroom_core::world::Timestamp::from_millis(1_790_000_000_123).plus_days(20),
    );
    let dying = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    kms.with_key(&dying, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 30})).unwrap();
    let before = kms.events().len();
    kms.wait_days(91);
    let events = kms.events().split_off(before);
    let of = |name: &str| {
        let [event] = &events.iter().filter(|event| event["eventName"] == name).collect::<Vec<_>>()[..] else {
            panic!("one {name} in {events:?}")
        };
        (*event).clone()
    };
    for (name, key) in [("RotateKey", rotating), ("DeleteExpiredKeyMaterial", &expiring), ("DeleteKey", &dying)] {
        let event = of(name);
        assert_eq!(event["eventType"], "AwsServiceEvent", "{name}");
        assert_eq!(event["userIdentity"], json!({"accountId": OWNER, "invokedBy": "AWS Internal"}), "{name}");
        assert_eq!(event["sourceIPAddress"], "AWS Internal", "{name}");
        assert_eq!(event["requestParameters"], Value::Null, "{name}");
        assert_eq!(event["responseElements"], json!({"keyId": key.arn}), "{name}");
        assert_eq!(event["resources"][0]["ARN"], key.arn, "{name}");
        assert_eq!(event["readOnly"], false, "{name}");
        assert_eq!(event["recipientAccountId"], OWNER, "{name}");
        assert_eq!(event.get("requestID"), None, "{name}");
    }
    assert_eq!(
        of("RotateKey")["serviceEventDetails"],
        json!({
            "keyId": rotating.id, "rotationType": "AUTOMATIC", "keyOrigin": "AWS_KMS",
            "previousKeyMaterialId": first, "currentKeyMaterialId": world.material(),
        })
    );
    assert_eq!(of("DeleteExpiredKeyMaterial")["serviceEventDetails"]["keyId"], expiring.id);
}
