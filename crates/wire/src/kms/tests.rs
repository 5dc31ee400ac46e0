//! What is generated, against the model itself and against the tables of the specification.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use strongroom_core::generated::OpName;

use super::facts::{Facts, KeyIdForms, ReplyBody, Resource};
use super::generated::samples::samples;
use super::*;
use crate::json::encode;

fn model() -> Value {
    serde_json::from_str(include_str!("../../../../model/kms.json")).expect("the model is JSON")
}

/// The value that a sample has, worked out from the model.
fn expected(model: &Value, name: &str, shape: &str) -> Value {
    let shape = &model["shapes"][shape];
    match shape["type"].as_str().expect("every shape has a type") {
        "string" => shape["enum"].get(0).cloned().unwrap_or_else(|| name.into()),
        "blob" => BASE64_STANDARD.encode(name).into(),
        "integer" => name.len().into(),
        "boolean" => true.into(),
        "timestamp" => json!((name.len() * 1001) as f64 / 1000.0),
        "map" => json!({ name: "value" }),
        "list" => {
            let item = expected(model, name, shape["member"]["shape"].as_str().expect("a list has items"));
            json!([item, item])
        }
        "structure" => {
            let members = shape["members"].as_object().expect("a structure has members").iter();
            let value = |member: &Value, name| expected(model, name, member["shape"].as_str().expect("a reference"));
            members.map(|(name, member)| (name.clone(), value(member, name))).collect()
        }
        other => panic!("a shape of type {other}"),
    }
}

#[test]
fn every_reply_is_written_as_the_model_has_it() {
    let (model, samples) = (model(), samples());
    for (shape, body) in &samples {
        let read: Value = serde_json::from_slice(body).expect("JSON");
        assert_eq!(read, expected(&model, "", shape), "{shape}");
    }
    let operations = model["operations"].as_object().expect("an object").values();
    let outputs = operations.filter_map(|operation| operation["output"]["shape"].as_str());
    for output in outputs {
        assert!(samples.iter().any(|(shape, _)| *shape == output), "no sample of {output}");
    }
}

#[test]
fn replies_without_members_are_an_object_and_replies_without_a_shape_nothing() {
    assert_eq!(*encode(&UpdateCustomKeyStoreOutput::default()), b"{}");
    assert_eq!(*encode(&UpdateAliasOutput), b"");
    check(
        ReplyBody::Nothing,
        &[
            "CreateAlias",
            "DeleteAlias",
            "DisableKey",
            "DisableKeyRotation",
            "EnableKey",
            "EnableKeyRotation",
            "PutKeyPolicy",
            "RetireGrant",
            "RevokeGrant",
            "TagResource",
            "UntagResource",
            "UpdateAlias",
            "UpdateKeyDescription",
            "UpdatePrimaryRegion",
        ],
    );
    check(
        ReplyBody::EmptyObject,
        &["ConnectCustomKeyStore", "DeleteCustomKeyStore", "DisconnectCustomKeyStore", "UpdateCustomKeyStore"],
    );

    #[track_caller]
    fn check(reply: ReplyBody, expect: &[&str]) {
        assert_eq!(having(|facts| facts.reply == reply), expect);
    }
}

/// The operations of which something holds.
fn having(holds: impl Fn(&Facts) -> bool) -> Vec<&'static str> {
    OpName::ALL.iter().filter(|op| holds(facts(**op))).map(|op| op.as_str()).collect()
}

#[test]
fn facts_are_those_of_the_action_table() {
    assert_eq!(OpName::ALL.len(), 56);
    for op in OpName::ALL {
        let facts = facts(*op);
        assert_eq!((facts.op, facts.target.strip_prefix(TARGET_PREFIX)), (*op, Some(op.as_str())));
    }
    // Those of the specification's lists, in the order of the model.
    assert_eq!(having(|facts| facts.dry_run).len(), 17);
    assert_eq!(having(|facts| facts.grant_tokens).len(), 17);
    assert_eq!(
        having(|facts| facts.recipient),
        ["Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair", "GenerateRandom"]
    );
    assert_eq!(having(|facts| facts.key_id_forms == KeyIdForms::All).len(), 16);
    // All of those and RetireGrant and CreateGrant can come from a grant, and nothing else.
    let from_grants = having(|facts| !facts.grant_operations.is_empty());
    assert_eq!(from_grants.len(), 18);
    for op in having(|facts| facts.key_id_forms == KeyIdForms::All) {
        assert!(from_grants.contains(&op), "{op}");
    }
    assert_eq!(having(|facts| facts.paginator.is_some()).len(), 8);
    assert_eq!(having(|facts| facts.cross_account).len(), 21);
    assert_eq!(having(|facts| facts.resource == Resource::AliasAndKey), ["CreateAlias", "DeleteAlias", "UpdateAlias"]);
    let re_encrypt = facts(OpName::ReEncrypt);
    assert_eq!(re_encrypt.actions, ["kms:ReEncryptFrom", "kms:ReEncryptTo"]);
    assert_eq!(re_encrypt.key_members, ["SourceKeyId", "DestinationKeyId"]);
    assert!(having(|facts| facts.read_only).contains(&"GenerateDataKey"));
    assert!(!having(|facts| facts.read_only).contains(&"CreateGrant"));
}

#[test]
fn what_must_not_be_logged_is_not_shown() {
    for op in OpName::ALL {
        let facts = facts(*op);
        for (member, visibility) in facts.request_members.iter().chain(facts.reply_members) {
            let secret =
                ["Plaintext", "Ciphertext", "Message", "Signature", "Mac", "Secret", "Password", "Token", "Credential"]
                    .iter()
                    .any(|word| {
                        member.contains(word) && !["MessageType", "MacAlgorithm", "MacAlgorithms"].contains(member)
                    });
            assert!(!secret || *visibility != facts::Visibility::Shown, "{op} {member}");
        }
    }
}
