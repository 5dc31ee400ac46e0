//! The vault as a whole: what opens, what does not, and the published format.

use std::sync::Arc;

use strongroom_authz::proof::{Authorized, SystemTask};
use strongroom_core::generated::{AlgorithmSpec, EncryptionAlgorithmSpec, KeySpec, KeyState, KeyUsage, Origin};
use strongroom_core::ids::KeyMaterialId;
use strongroom_core::key::{KeyRecord, RotationState};
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::{SeededRng, Timestamp};
use strongroom_crypto::material::Material;
use strongroom_crypto::public::PublicKey;

use crate::blob::{Header, encode_context};
use crate::handle::{Handle, material_id};
use crate::seal::MemorySeal;
use crate::{Error, ImportRefusal, ImportRequest, Opening, Vault};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const CHINA_KEY: &str = "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

fn vault() -> (Vault, SeededRng) {
    let rng = SeededRng::new(1);
    let seal = MemorySeal::random(&rng).expect("seeded");
    let (vault, _) = Vault::create(&seal, &rng).expect("makes a vault");
    (vault, rng)
}

fn key_in(vault: &Vault, rng: &SeededRng, arn: &str, spec: KeySpec) -> Authorized<Arc<KeyRecord>> {
    let arn: strongroom_core::arn::KeyArn = arn.parse().expect("a key ARN");
    let wrapped = vault.new_account_key(arn.account, rng).expect("wraps");
    if !vault.has_account_key(arn.account) {
        vault.load_account_key(arn.account, &wrapped).expect("its own");
    }
    let now = Timestamp::from_millis(0);
    let record = KeyRecord {
        arn,
        creation_date: now,
        description: String::new(),
        spec,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        state: KeyState::Enabled,
        deletion_date: None,
        multi_region: None,
        policy: "{}".into(),
        policy_principals: Vec::new(),
        tags: Vec::new(),
        materials: vec![vault.new_material(&arn, spec, now, rng).expect("makes material")],
        pending_material: None,
        rotation: RotationState::default(),
        scheduled: None,
    };
    Authorized::for_system(SystemTask::Startup, Arc::new(record))
}

fn open(vault: &Vault, key: &Authorized<Arc<KeyRecord>>) -> Arc<Handle> {
    vault.open(key, key.resource().materials[0].id).expect("opens")
}

fn context(pairs: &[(&str, &str)]) -> Vec<u8> {
    let map: std::collections::BTreeMap<String, String> =
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    encode_context(map.iter())
}

#[test]
fn a_blob_opens_with_its_key_and_its_context_alone() {
    let (vault, rng) = vault();
    for arn in [KEY, CHINA_KEY] {
        let key = key_in(&vault, &rng, arn, KeySpec::SymmetricDefault);
        let handle = open(&vault, &key);
        let blob = handle.seal(&context(&[("a", "b")]), b"attack at dawn", &rng).expect("seals");
        let header = Header::parse(&blob).expect("a blob");
        assert_eq!(header.key, key.resource().arn.key);
        assert_eq!(handle.open(&header, &context(&[("a", "b")]), &blob).expect("opens").expose(), b"attack at dawn");
        for other in [&[][..], &[("a", "c")], &[("a", "b"), ("c", "d")], &[("A", "b")]] {
            assert_eq!(handle.open(&header, &context(other), &blob).unwrap_err(), Error::DoesNotOpen, "{other:?}");
        }
        let stranger = open(&vault, &key_in(&vault, &rng, arn, KeySpec::SymmetricDefault));
        let forged = Header { material: stranger.material_id(), ..header };
        assert_eq!(stranger.open(&forged, &context(&[("a", "b")]), &blob).unwrap_err(), Error::DoesNotOpen);
    }
}

#[test]
fn every_changed_byte_behind_the_header_is_noticed() {
    let (vault, rng) = vault();
    let handle = open(&vault, &key_in(&vault, &rng, KEY, KeySpec::SymmetricDefault));
    let blob = handle.seal(&context(&[]), b"x", &rng).expect("seals");
    let header = Header::parse(&blob).expect("a blob");
    for at in 0..blob.len() {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        assert_eq!(handle.open(&header, &context(&[]), &changed).unwrap_err(), Error::DoesNotOpen, "byte {at}");
    }
}

#[test]
fn materials_that_the_key_does_not_have_are_refused() {
    let (vault, rng) = vault();
    let key = key_in(&vault, &rng, KEY, KeySpec::SymmetricDefault);
    assert_eq!(vault.open(&key, KeyMaterialId([0; 32])).unwrap_err(), Error::NoSuchMaterial);
}

#[test]
fn a_forgotten_key_is_opened_again() {
    let (vault, rng) = vault();
    let key = key_in(&vault, &rng, KEY, KeySpec::SymmetricDefault);
    let first = open(&vault, &key);
    assert!(Arc::ptr_eq(&first, &open(&vault, &key)));
    vault.forget(key.resource());
    assert!(!Arc::ptr_eq(&first, &open(&vault, &key)));
}

#[test]
fn what_is_forgotten_while_it_is_opened_is_not_kept() {
    let (vault, rng) = vault();
    let key = key_in(&vault, &rng, KEY, KeySpec::EccNistP384);
    let begin = || vault.begin_open(&key, key.resource().materials[0].id).expect("may be opened");
    let Opening::Cold(cold) = begin() else { panic!("nobody opened it before") };
    vault.forget(key.resource());
    assert_eq!(cold.spec(), KeySpec::EccNistP384);
    drop(cold.open(&vault).expect("opens for who asked before"));
    let Opening::Cold(cold) = begin() else { panic!("what was forgotten is open") };
    let handle = cold.open(&vault).expect("opens");
    let Opening::Open(kept) = begin() else { panic!("what was opened is cold") };
    assert!(Arc::ptr_eq(&handle, &kept));
}

#[test]
fn the_seal_guards_the_vault() {
    let rng = SeededRng::new(1);
    let (seal, other) = (MemorySeal::random(&rng).expect("seeded"), MemorySeal::random(&rng).expect("seeded"));
    let (vault, genesis) = Vault::create(&seal, &rng).expect("makes a vault");
    let name = crate::RecordName { table: 1, key: b"k", version: 1 };
    let sealed = vault.seal_record(name, b"record", &rng).expect("seals");
    let again = Vault::unseal(&seal, &genesis).expect("its own seal");
    assert_eq!(again.open_record(name, &sealed).expect("its own record").expose(), b"record");
    assert!(Vault::unseal(&other, &genesis).is_err());
    let (stranger, _) = Vault::create(&seal, &rng).expect("makes a vault");
    assert_eq!(stranger.open_record(name, &sealed).unwrap_err(), Error::Damaged);
}

/// The vectors of `docs/ciphertext-format.md`, made again from their inputs.
#[test]
fn the_published_vectors_hold() {
    let page = include_str!("../../../docs/ciphertext-format.md");
    for (number, (arn, pairs)) in
        [(KEY, &[][..]), (KEY, &[("tenant", "7"), ("größe", "")]), (CHINA_KEY, &[("a", "b")])].iter().enumerate()
    {
        let arn = arn.parse().expect("a key ARN");
        let suite = crate::handle::suite_of(&arn);
        let bytes = (0..).take(suite.material_bytes()).map(|at: u8| at).collect::<Vec<_>>();
        let stored = SecretBytes::from_vec(bytes);
        let material = Material::from_stored(KeySpec::SymmetricDefault, &stored).expect("raw bytes");
        let handle = Handle::new(arn, material_id(&arn, &stored), material);
        let rng = SeededRng::new(u64::try_from(number).expect("small"));
        let blob = handle.seal(&context(pairs), b"attack at dawn", &rng).expect("seals");
        for (what, value) in [("key material", hex(stored.expose())), ("blob", hex(&blob))] {
            assert!(page.contains(&value), "vector {}: the page lacks {what} {value}", number + 1);
        }
        assert!(page.contains(&handle.material_id().to_string()), "vector {}: {}", number + 1, handle.material_id());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A token opens for its key alone, for its time alone, and as it was made.
#[test]
fn imported_material_needs_its_own_token() {
    let (vault, rng) = vault();
    let key = key_in(&vault, &rng, KEY, KeySpec::SymmetricDefault);
    let other = key_in(&vault, &rng, &KEY.replace("0ab", "0ac"), KeySpec::SymmetricDefault);
    let now = Timestamp::from_millis(1000);
    let algorithm = AlgorithmSpec::RsaesOaepSha256;
    let parameters =
        vault.import_parameters(&key, algorithm, KeySpec::Rsa2048, now.plus_days(1), &rng).expect("makes a pair");
    let wrapping_key = PublicKey::from_spki(KeySpec::Rsa2048, &parameters.public_key_spki).expect("a public key");
    let wrap =
        |bytes: &[u8]| wrapping_key.encrypt(EncryptionAlgorithmSpec::RsaesOaepSha256, bytes, &rng).expect("fits");
    let good = wrap(&[5; 32]);
    let import = |key, token: &[u8], wrapped: &[u8], at| {
        vault.import_material(key, &ImportRequest { token, wrapped }, at, &rng).map(|material| material.id)
    };

    let id = import(&key, &parameters.token, &good, now).expect("its own token");
    assert_eq!(id, material_id(&key.resource().arn, &SecretBytes::copy_from(&[5; 32])));
    assert_eq!(import(&key, &parameters.token, &wrap(&[5; 32]), now.plus_days(1).plus_millis(-1)), Ok(id));
    assert_eq!(import(&key, &parameters.token, &good, now.plus_days(1)), Err(ImportRefusal::TokenExpired));
    assert_eq!(import(&other, &parameters.token, &good, now), Err(ImportRefusal::Token));
    assert_eq!(import(&key, &parameters.token, &good[1..], now), Err(ImportRefusal::Ciphertext));
    assert_eq!(import(&key, &parameters.token, &wrap(&[5; 31]), now), Err(ImportRefusal::Material));
    for at in (0..parameters.token.len()).step_by(11) {
        let mut changed = parameters.token.clone();
        changed[at] ^= 1;
        assert_eq!(import(&key, &changed, &good, now), Err(ImportRefusal::Token), "byte {at}");
        assert_eq!(import(&key, &parameters.token[..at], &good, now), Err(ImportRefusal::Token), "{at} bytes");
    }
    // What the API takes at most.
    let largest = vault.import_parameters(&key, AlgorithmSpec::RsaAesKeyWrapSha256, KeySpec::Rsa4096, now, &rng);
    let largest = largest.expect("makes a pair");
    assert!(largest.token.len() <= 6144 && largest.public_key_spki.len() <= 4096);
}

/// An open copy that outlived its material is of no use.
#[test]
fn deleted_material_does_not_open() {
    let (vault, rng) = vault();
    let key = key_in(&vault, &rng, KEY, KeySpec::SymmetricDefault);
    let id = open(&vault, &key).material_id();
    let mut record = KeyRecord::clone(key.resource());
    record.materials[0].wrapped = None;
    let without = Authorized::for_system(SystemTask::Startup, Arc::new(record));
    assert_eq!(vault.open(&without, id).unwrap_err(), Error::NoSuchMaterial);
}
