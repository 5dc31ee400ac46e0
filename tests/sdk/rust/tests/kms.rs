//! The AWS SDK for Rust, unmodified, against a running server. Endpoint, Region and credentials come from the variables
//! every AWS client reads.

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::operation::RequestId;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeyPairSpec, DataKeySpec, KeyMetadata, KeyState};

async fn client() -> Client {
    let retries = RetryConfig::disabled();
    Client::new(&aws_config::defaults(BehaviorVersion::latest()).retry_config(retries).load().await)
}

async fn new_key(kms: &Client) -> KeyMetadata {
    kms.create_key().send().await.unwrap().key_metadata.unwrap()
}

#[tokio::test]
async fn a_data_key_is_made_and_decrypted() {
    let kms = client().await;
    let key = new_key(&kms).await;
    assert_eq!(key.key_state(), Some(&KeyState::Enabled));
    let made = kms.generate_data_key().key_id(key.key_id()).key_spec(DataKeySpec::Aes256);
    let made = made.encryption_context("Purpose", "Test").send().await.unwrap();
    assert_eq!(made.key_id(), key.arn());
    assert_eq!(made.plaintext().unwrap().as_ref().len(), 32);
    let opened = kms.decrypt().ciphertext_blob(made.ciphertext_blob().unwrap().clone());
    let opened = opened.encryption_context("Purpose", "Test").send().await.unwrap();
    assert_eq!(opened.plaintext(), made.plaintext());
    assert_eq!(opened.key_material_id(), key.current_key_material_id());
}

#[tokio::test]
async fn a_key_pair_is_made_and_its_private_key_decrypted() {
    let kms = client().await;
    let key = new_key(&kms).await;
    for (spec, public_len) in [
        (DataKeyPairSpec::Rsa2048, 294),
        (DataKeyPairSpec::EccNistP256, 91),
        (DataKeyPairSpec::EccNistEdwards25519, 44),
        (DataKeyPairSpec::MlKem768, 1206),
    ] {
        let pair = kms.generate_data_key_pair().key_id(key.key_id()).key_pair_spec(spec.clone()).send().await.unwrap();
        assert_eq!(pair.key_pair_spec(), Some(&spec));
        assert_eq!(pair.public_key().unwrap().as_ref().len(), public_len);
        let opened = kms.decrypt().ciphertext_blob(pair.private_key_ciphertext_blob().unwrap().clone());
        assert_eq!(opened.send().await.unwrap().plaintext(), pair.private_key_plaintext());
    }
}

#[tokio::test]
async fn ciphertexts_move_between_keys() {
    let kms = client().await;
    let (from, to) = (new_key(&kms).await, new_key(&kms).await);
    let sealed = kms.encrypt().key_id(from.key_id()).plaintext(Blob::new(b"moved")).send().await.unwrap();
    let moved = kms.re_encrypt().ciphertext_blob(sealed.ciphertext_blob.unwrap()).destination_key_id(to.key_id());
    let moved = moved.send().await.unwrap();
    assert_eq!((moved.source_key_id(), moved.key_id()), (from.arn(), to.arn()));
    let opened = kms.decrypt().ciphertext_blob(moved.ciphertext_blob.unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext().unwrap().as_ref(), b"moved");
}

#[tokio::test]
async fn paginators_see_every_key_once() {
    let kms = client().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(new_key(&kms).await.key_id);
    }
    let mut entries = kms.list_keys().limit(2).into_paginator().items().send();
    let mut listed = Vec::new();
    while let Some(entry) = entries.next().await {
        listed.push(entry.unwrap().key_id.unwrap());
    }
    for key_id in made {
        assert_eq!(listed.iter().filter(|listed| **listed == key_id).count(), 1);
    }
}

#[tokio::test]
async fn faults_arrive_as_their_variants() {
    let kms = client().await;
    let key = new_key(&kms).await;
    kms.disable_key().key_id(key.key_id()).send().await.unwrap();

    let disabled = kms.encrypt().key_id(key.key_id()).plaintext(Blob::new(b"x")).send().await.unwrap_err();
    assert!(disabled.request_id().is_some());
    let disabled = disabled.into_service_error();
    assert!(disabled.is_disabled_exception());
    assert_eq!(disabled.message(), Some(format!("{} is disabled.", key.arn().unwrap()).as_str()));

    let missing = kms.describe_key().key_id("alias/nothing-has-this-name").send().await.unwrap_err();
    assert!(missing.into_service_error().is_not_found_exception());

    let garbage = kms.decrypt().ciphertext_blob(Blob::new(vec![0; 200])).send().await.unwrap_err();
    let garbage = garbage.into_service_error();
    assert!(garbage.is_invalid_ciphertext_exception());
    assert_eq!(garbage.message(), None);

    let neither = kms.generate_data_key().key_id(key.key_id()).send().await.unwrap_err();
    assert_eq!(neither.into_service_error().code(), Some("ValidationException"));
}

#[tokio::test]
async fn many_calls_at_once() {
    let kms = client().await;
    let key = new_key(&kms).await;
    let calls = (0..50).map(|_| {
        let call = kms.generate_data_key().key_id(key.key_id()).number_of_bytes(24);
        tokio::spawn(call.send())
    });
    let mut seen = std::collections::HashSet::new();
    for call in calls.collect::<Vec<_>>() {
        seen.insert(call.await.unwrap().unwrap().plaintext.unwrap().into_inner());
    }
    assert_eq!(seen.len(), 50);
}
