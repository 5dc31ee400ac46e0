//! Derived signing keys, kept so that a signature costs no derivation.

use std::sync::Arc;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use strongroom_core::ids::Region;
use strongroom_core::secret::SecretBytes;
use strongroom_wire::sigv4::{SigningKey, Unverified};

use crate::metrics::CacheFigures;

/// Access key × day × Region × service combinations kept at most.
const SIGNING_KEYS_MAX: usize = 4096;

/// What a derived key belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Scope {
    access_key_id: Box<str>,
    date: Box<str>,
    region: Region,
    service: Box<str>,
}

/// The same, borrowed from a request.
#[derive(Clone, Copy, Hash)]
struct ScopeRef<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: Region,
    service: &'a str,
}

impl Equivalent<Scope> for ScopeRef<'_> {
    fn equivalent(&self, scope: &Scope) -> bool {
        self.access_key_id == &*scope.access_key_id
            && self.date == &*scope.date
            && self.region == scope.region
            && self.service == &*scope.service
    }
}

/// The cache of derived keys. An evicted key is wiped at once.
pub(crate) struct SigningKeys(Cache<Scope, Arc<SigningKey>>);

impl Default for SigningKeys {
    fn default() -> Self {
        Self(Cache::new(SIGNING_KEYS_MAX))
    }
}

impl SigningKeys {
    /// Forgets all derived keys: their access keys may have other secrets now.
    pub(crate) fn forget_all(&self) {
        self.0.clear();
    }

    /// How often a key was there.
    pub(crate) fn figures(&self) -> CacheFigures {
        CacheFigures { name: "signing_keys", hits: self.0.hits(), misses: self.0.misses(), entries: self.0.len() }
    }

    /// Has `check` judge the signature under the key of this scope.
    ///
    /// A derived key is kept once a signature under it was good: whoever merely knows an access key id cannot push out the keys
    /// of those who sign.
    ///
    /// # Errors
    /// What `check` returns.
    pub(crate) fn with<E>(
        &self,
        unverified: &Unverified<'_>,
        secret: &SecretBytes,
        check: impl FnOnce(&SigningKey) -> Result<(), E>,
    ) -> Result<(), E> {
        let scope = ScopeRef {
            access_key_id: unverified.access_key_id(),
            date: unverified.date(),
            region: unverified.region(),
            service: unverified.service(),
        };
        if let Some(key) = self.0.get(&scope) {
            return check(&key);
        }
        let key = SigningKey::derive(secret, scope.date, scope.region.as_str(), scope.service);
        check(&key)?;
        let scope = Scope {
            access_key_id: scope.access_key_id.into(),
            date: scope.date.into(),
            region: scope.region,
            service: scope.service.into(),
        };
        self.0.insert(scope, Arc::new(key));
        Ok(())
    }
}
