//! The keys between the root and the material, and what each wrap is bound to.
//!
//! | wrapped | under | bound to |
//! |---|---|---|
//! | storage key | root key | purpose, version |
//! | account wrapping key | root key | purpose, account, version |
//! | audit signing key | root key | purpose, version |
//! | key material | account wrapping key | purpose, key ARN (so Region and account), material id, spec, version |
//!
//! The root key itself is sealed by a [`SealProvider`](crate::seal::SealProvider).

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::KeySpec;
use strongroom_core::ids::{AccountId, KeyMaterialId};
use strongroom_core::key::Wrapped;
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::Rng;
use strongroom_crypto::derived::{DerivingKey, MessageNonce};

use crate::Error;

/// What a wrap is for. The label separates the derived keys, the associated data bind the rest.
enum Purpose<'a> {
    StorageKey,
    AccountKey(AccountId),
    AuditKey,
    Material { arn: &'a KeyArn, id: KeyMaterialId, spec: KeySpec },
}

impl Purpose<'_> {
    const fn label(&self) -> &'static [u8] {
        match self {
            Self::StorageKey => b"strongroom/v1/storage-key",
            Self::AccountKey(_) => b"strongroom/v1/account-wrapping-key",
            Self::AuditKey => b"strongroom/v1/audit-signing-key",
            Self::Material { .. } => b"strongroom/v1/key-material",
        }
    }

    fn associated_data(&self, version: u32) -> Vec<u8> {
        let mut aad = Vec::with_capacity(192);
        aad.extend_from_slice(&version.to_be_bytes());
        let mut put = |part: &[u8]| {
            let len = u32::try_from(part.len()).expect("ARNs and names are short");
            aad.extend_from_slice(&len.to_be_bytes());
            aad.extend_from_slice(part);
        };
        match self {
            Self::StorageKey | Self::AuditKey => {}
            Self::AccountKey(account) => put(account.as_str().as_bytes()),
            Self::Material { arn, id, spec } => {
                put(arn.to_string().as_bytes());
                put(&id.0);
                put(spec.as_str().as_bytes());
            }
        }
        aad
    }
}

fn wrap(
    under: &DerivingKey,
    purpose: &Purpose<'_>,
    version: u32,
    secret: &[u8],
    rng: &dyn Rng,
) -> Result<Wrapped, Error> {
    let nonce = MessageNonce::random(rng)?;
    let mut bytes = nonce.to_bytes().to_vec();
    under.seal(purpose.label(), &nonce, &purpose.associated_data(version), secret, &mut bytes);
    Ok(Wrapped { wrapping_key_version: version, bytes })
}

fn unwrap(under: &DerivingKey, purpose: &Purpose<'_>, version: u32, wrapped: &Wrapped) -> Result<SecretBytes, Error> {
    let (nonce, sealed) = wrapped.bytes.split_first_chunk::<{ MessageNonce::LEN }>().ok_or(Error::Damaged)?;
    if wrapped.wrapping_key_version != version {
        return Err(Error::Damaged);
    }
    let nonce = MessageNonce::from_bytes(nonce);
    under.open(purpose.label(), &nonce, &purpose.associated_data(version), sealed).map_err(|_| Error::Damaged)
}

fn key_from(secret: &SecretBytes) -> Result<SecretArray<32>, Error> {
    SecretArray::from_slice(secret.expose()).ok_or(Error::Damaged)
}

fn new_key(rng: &dyn Rng) -> Result<SecretArray<32>, Error> {
    Ok(SecretArray::init(|key| rng.fill(key))?)
}

/// The version that the root key has until it is rotated.
const ROOT_KEY_VERSION: u32 = 1;

/// The root key, prepared to wrap.
pub(crate) struct RootKey(DerivingKey);

impl RootKey {
    pub(crate) fn new(key: &SecretArray<32>) -> Self {
        Self(DerivingKey::new(key))
    }

    /// A new storage key and its wrapped form.
    pub(crate) fn new_storage_key(&self, rng: &dyn Rng) -> Result<Wrapped, Error> {
        wrap(&self.0, &Purpose::StorageKey, ROOT_KEY_VERSION, new_key(rng)?.expose(), rng)
    }

    pub(crate) fn storage_key(&self, wrapped: &Wrapped) -> Result<SecretArray<32>, Error> {
        key_from(&unwrap(&self.0, &Purpose::StorageKey, ROOT_KEY_VERSION, wrapped)?)
    }

    pub(crate) fn wrap_audit_key(&self, stored: &SecretBytes, rng: &dyn Rng) -> Result<Wrapped, Error> {
        wrap(&self.0, &Purpose::AuditKey, ROOT_KEY_VERSION, stored.expose(), rng)
    }

    pub(crate) fn unwrap_audit_key(&self, wrapped: &Wrapped) -> Result<SecretBytes, Error> {
        unwrap(&self.0, &Purpose::AuditKey, ROOT_KEY_VERSION, wrapped)
    }

    /// A new account wrapping key in its wrapped form.
    pub(crate) fn new_account_key(&self, account: AccountId, rng: &dyn Rng) -> Result<Wrapped, Error> {
        wrap(&self.0, &Purpose::AccountKey(account), ROOT_KEY_VERSION, new_key(rng)?.expose(), rng)
    }

    pub(crate) fn account_key(&self, account: AccountId, version: u32, wrapped: &Wrapped) -> Result<AccountKey, Error> {
        let key = key_from(&unwrap(&self.0, &Purpose::AccountKey(account), ROOT_KEY_VERSION, wrapped)?)?;
        Ok(AccountKey { version, key: DerivingKey::new(&key) })
    }
}

/// An account's wrapping key of one version.
pub(crate) struct AccountKey {
    version: u32,
    key: DerivingKey,
}

impl AccountKey {
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn wrap_material(
        &self,
        arn: &KeyArn,
        id: KeyMaterialId,
        spec: KeySpec,
        stored: &SecretBytes,
        rng: &dyn Rng,
    ) -> Result<Wrapped, Error> {
        wrap(&self.key, &Purpose::Material { arn, id, spec }, self.version, stored.expose(), rng)
    }

    pub(crate) fn unwrap_material(
        &self,
        arn: &KeyArn,
        id: KeyMaterialId,
        spec: KeySpec,
        wrapped: &Wrapped,
    ) -> Result<SecretBytes, Error> {
        unwrap(&self.key, &Purpose::Material { arn, id, spec }, self.version, wrapped)
    }
}

#[cfg(test)]
mod tests {
    use strongroom_core::world::SeededRng;

    use super::*;

    fn arn(text: &str) -> KeyArn {
        text.parse().expect("a key ARN")
    }

    #[test]
    fn material_opens_at_its_own_place_alone() {
        let rng = SeededRng::new(1);
        let root = RootKey::new(&SecretArray::from_slice(&[1; 32]).expect("32 bytes"));
        let account: AccountId = "111122223333".parse().expect("an account");
        let wrapped_account_key = root.new_account_key(account, &rng).expect("wraps");
        let key = root.account_key(account, 1, &wrapped_account_key).expect("opens");

        let home = arn("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
        let id = KeyMaterialId([3; 32]);
        let secret = SecretBytes::copy_from(&[9; 32]);
        let wrapped = key.wrap_material(&home, id, KeySpec::SymmetricDefault, &secret, &rng).expect("wraps");

        check(&key, &home, id, KeySpec::SymmetricDefault, &wrapped, true);
        let elsewhere = arn("arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
        check(&key, &elsewhere, id, KeySpec::SymmetricDefault, &wrapped, false);
        let other_key = arn("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ac");
        check(&key, &other_key, id, KeySpec::SymmetricDefault, &wrapped, false);
        check(&key, &home, KeyMaterialId([4; 32]), KeySpec::SymmetricDefault, &wrapped, false);
        check(&key, &home, id, KeySpec::Hmac256, &wrapped, false);
        let newer = root.account_key(account, 2, &wrapped_account_key).expect("opens");
        check(&newer, &home, id, KeySpec::SymmetricDefault, &wrapped, false);
        let other_account: AccountId = "111122223334".parse().expect("an account");
        assert!(matches!(root.account_key(other_account, 1, &wrapped_account_key), Err(Error::Damaged)));
        assert!(matches!(root.storage_key(&wrapped_account_key), Err(Error::Damaged)));

        #[track_caller]
        fn check(key: &AccountKey, arn: &KeyArn, id: KeyMaterialId, spec: KeySpec, wrapped: &Wrapped, opens: bool) {
            assert_eq!(key.unwrap_material(arn, id, spec, wrapped).is_ok(), opens);
        }
    }

    #[test]
    fn cut_wraps_do_not_open() {
        let rng = SeededRng::new(1);
        let root = RootKey::new(&SecretArray::from_slice(&[1; 32]).expect("32 bytes"));
        let wrapped = root.new_storage_key(&rng).expect("wraps");
        for len in 0..wrapped.bytes.len() {
            let cut = Wrapped { bytes: wrapped.bytes[..len].to_vec(), ..wrapped.clone() };
            assert!(root.storage_key(&cut).is_err(), "{len} bytes");
        }
        assert!(root.storage_key(&wrapped).is_ok());
    }
}
