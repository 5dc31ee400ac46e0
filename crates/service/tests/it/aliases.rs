//! Aliases under concurrent change, and what ReEncrypt does before it decrypts.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_service::{Quotas, Request, ResourceQuotas};
use strongroom_store::MemoryStore;

use crate::fixtures::{blob, bytes};
use crate::hanging_up::SlowStore;
use crate::kms::{OWNER, TestKms, expect_code};

/// All calls at once; how many succeeded.
fn all_at_once(kms: &TestKms, op: OpName, bodies: &[Value]) -> usize {
    let requests: Vec<_> = bodies
        .iter()
        .map(|body| {
            let body = body.to_string();
            (kms.signed_headers(OWNER, "us-east-1", op, &body), body)
        })
        .collect();
    let call = |(headers, body): &(http::HeaderMap, String)| {
        let (node, headers, body) = (Arc::clone(kms.node()), headers.clone(), body.clone());
        tokio::spawn(async move {
            let request = Request {
                method: "POST",
                path: "/",
                query: None,
                headers: &headers,
                body: body.as_bytes(),
                peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
                tls: None,
            };
            node.answer(request).await.status == 200
        })
    };
    kms.runtime().block_on(async {
        let tasks: Vec<_> = requests.iter().map(call).collect();
        let mut succeeded = 0;
        for task in tasks {
            succeeded += usize::from(task.await.unwrap());
        }
        succeeded
    })
}

#[test]
fn fifty_aliases_and_no_more_however_many_come_at_once() {
    let quotas = Quotas { requests: None, resources: ResourceQuotas::aws_defaults() };
    let kms = TestKms::with_quotas_over(Arc::new(SlowStore(MemoryStore::new())), quotas);
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let create = |at: usize| json!({"AliasName": format!("alias/n{at}"), "TargetKeyId": key.id});
    let bodies: Vec<_> = (0..70).map(create).collect();
    assert_eq!(all_at_once(&kms, OpName::CreateAlias, &bodies), 50);
    let listed = kms.call(OpName::ListAliases, &json!({"KeyId": key.id, "Limit": 100})).unwrap();
    assert_eq!(listed["Aliases"].as_array().unwrap().len(), 50);
}

#[test]
fn index_and_aliases_agree_after_a_scramble() {
    let kms = TestKms::over(Arc::new(SlowStore(MemoryStore::new())));
    let keys = [(), (), ()].map(|()| kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt));
    for at in 0..4 {
        let body = json!({"AliasName": format!("alias/n{at}"), "TargetKeyId": keys[0].id});
        kms.call(OpName::CreateAlias, &body).unwrap();
    }
    let moves: Vec<_> =
        (0..48).map(|at| json!({"AliasName": format!("alias/n{}", at % 4), "TargetKeyId": keys[at % 3].id})).collect();
    all_at_once(&kms, OpName::UpdateAlias, &moves);
    let all = kms.call(OpName::ListAliases, &json!({})).unwrap();
    let all = all["Aliases"].as_array().unwrap();
    assert_eq!(all.len(), 4);
    for key in &keys {
        let of_key = kms.call(OpName::ListAliases, &json!({"KeyId": key.id})).unwrap();
        let expect: Vec<_> = all.iter().filter(|alias| alias["TargetKeyId"] == key.id.as_str()).cloned().collect();
        assert_eq!(of_key["Aliases"], json!(expect));
    }
}

#[test]
fn the_destination_is_looked_at_before_anything_is_decrypted() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let made = kms.with_key(&key, OpName::Encrypt, &json!({"Plaintext": blob(b"x")})).unwrap();
    let mut tampered = bytes(&made["CiphertextBlob"]);
    *tampered.last_mut().unwrap() ^= 1;
    let call = |destination: &str| {
        kms.call(OpName::ReEncrypt, &json!({"CiphertextBlob": blob(&tampered), "DestinationKeyId": destination}))
    };
    expect_code(&call("alias/none"), Some("NotFoundException"), "no destination");
    expect_code(&call(&key.id), Some("InvalidCiphertextException"), "a good destination");
}

/// A ciphertext of the empty message can be made with the public key alone; nothing can be done with it here.
#[test]
fn an_empty_plaintext_from_elsewhere_is_no_plaintext() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    let public = kms.with_key(&key, OpName::GetPublicKey, &json!({})).unwrap();
    let public =
        strongroom_crypto::public::PublicKey::from_spki(KeySpec::Rsa2048, &bytes(&public["PublicKey"])).unwrap();
    let algorithm = strongroom_core::generated::EncryptionAlgorithmSpec::RsaesOaepSha256;
    let sealed = public.encrypt(algorithm, b"", &strongroom_crypto::rng::SystemRng).unwrap();
    let request = json!({"CiphertextBlob": blob(&sealed), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    expect_code(&kms.with_key(&key, OpName::Decrypt, &request), Some("InvalidCiphertextException"), "Decrypt");
    let to = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let request = json!({
        "CiphertextBlob": blob(&sealed), "SourceKeyId": key.id,
        "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "DestinationKeyId": to.id,
    });
    expect_code(&kms.call(OpName::ReEncrypt, &request), Some("InvalidCiphertextException"), "ReEncrypt");
}
