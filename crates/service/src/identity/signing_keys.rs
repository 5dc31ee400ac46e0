//! Derived signing keys, kept so that a signature costs no derivation.

use std::sync::Arc;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use strongroom_core::ids::Region;
use strongroom_core::secret::SecretBytes;
use strongroom_wire::sigv4::SigningKey;

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
    /// The signing key for this scope, derived from `secret` when it is not at hand.
    pub(crate) fn get(
        &self,
        access_key_id: &str,
        secret: &SecretBytes,
        date: &str,
        region: Region,
        service: &str,
    ) -> Arc<SigningKey> {
        let scope = ScopeRef { access_key_id, date, region, service };
        if let Some(key) = self.0.get(&scope) {
            return key;
        }
        let key = Arc::new(SigningKey::derive(secret, date, region.as_str(), service));
        let scope = Scope { access_key_id: access_key_id.into(), date: date.into(), region, service: service.into() };
        self.0.insert(scope, Arc::clone(&key));
        key
    }
}
