//! Data key pairs: made on the pool for slow work where that is slow, RSA ones ahead of time.
//!
//! # Invariants
//! - Pairs made ahead are few, bounded per spec, and handed out once; they are wiped with the process.
//! - Nothing is made ahead of the first request for a spec: an idle service computes nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_core::generated::{DataKeyPairSpec, KeySpec};
use strongroom_core::secret::SecretBytes;
use strongroom_core::spec;
use strongroom_core::world::Rng;
use strongroom_crypto::cost::{Work, is_slow};
use strongroom_crypto::material::{Material, SymmetricSuite};

use crate::error::OpError;
use crate::slow::SlowPool;

/// A fresh pair, encoded.
pub(crate) struct KeyPair {
    /// DER SubjectPublicKeyInfo.
    pub(crate) public_key: Vec<u8>,
    /// DER PKCS#8.
    pub(crate) private_key: SecretBytes,
}

/// How many pairs are kept ahead, by spec; a pair of RSA_4096 costs some hundred milliseconds.
const fn made_ahead(spec: DataKeyPairSpec) -> usize {
    match spec {
        DataKeyPairSpec::Rsa2048 => 16,
        DataKeyPairSpec::Rsa3072 => 8,
        DataKeyPairSpec::Rsa4096 => 4,
        DataKeyPairSpec::EccNistP256
        | DataKeyPairSpec::EccNistP384
        | DataKeyPairSpec::EccNistP521
        | DataKeyPairSpec::EccSecgP256k1
        | DataKeyPairSpec::EccNistEdwards25519
        | DataKeyPairSpec::MlKem512
        | DataKeyPairSpec::MlKem768
        | DataKeyPairSpec::MlKem1024
        | DataKeyPairSpec::Sm2 => 0,
    }
}

/// Makes pairs.
pub(crate) struct KeyPairs {
    pool: Arc<SlowPool>,
    rng: Arc<dyn Rng>,
    shelves: Vec<(DataKeyPairSpec, Arc<Shelf>)>,
}

/// The pairs of one spec that are ready.
#[derive(Default)]
struct Shelf {
    ready: Mutex<VecDeque<KeyPair>>,
    filling: AtomicBool,
}

impl KeyPairs {
    pub(crate) fn new(pool: Arc<SlowPool>, rng: Arc<dyn Rng>) -> Self {
        let shelves = DataKeyPairSpec::ALL.iter().filter(|spec| made_ahead(**spec) > 0);
        Self { pool, rng, shelves: shelves.map(|spec| (*spec, Arc::default())).collect() }
    }

    /// A fresh pair.
    ///
    /// # Errors
    /// [`OpError::Throttled`] when the pool is full.
    pub(crate) async fn take(&self, spec: DataKeyPairSpec) -> Result<KeyPair, OpError> {
        let shelf = self.shelves.iter().find(|(of, _)| *of == spec).map(|(_, shelf)| shelf);
        let ready = shelf.and_then(|shelf| shelf.ready().pop_front());
        let pair = match ready {
            Some(pair) => Ok(pair),
            None => self.make_now(spec::from_data_key_pair_spec(spec)).await,
        };
        // After the caller's own pair: callers come first.
        if let Some(shelf) = shelf {
            refill(&self.pool, &self.rng, spec, shelf);
        }
        pair
    }

    async fn make_now(&self, spec: KeySpec) -> Result<KeyPair, OpError> {
        if !is_slow(spec, Work::Generate) {
            return make(spec, &*self.rng);
        }
        let rng = Arc::clone(&self.rng);
        self.pool.run(spec, Work::Generate, move || make(spec, &*rng)).await?
    }
}

/// Has pairs made for the shelf, one after the other, until it is full or others wait.
fn refill(pool: &Arc<SlowPool>, rng: &Arc<dyn Rng>, spec: DataKeyPairSpec, shelf: &Arc<Shelf>) {
    if shelf.ready().len() >= made_ahead(spec) || shelf.filling.swap(true, Ordering::AcqRel) {
        return;
    }
    // The job must not keep the pool alive whose thread runs it.
    let (pool_of_job, rng, filling) = (Arc::downgrade(pool), Arc::clone(rng), Filling(Arc::clone(shelf)));
    let key_spec = spec::from_data_key_pair_spec(spec);
    let job = move || {
        while filling.0.ready().len() < made_ahead(spec) {
            let Ok(pair) = make(key_spec, &*rng) else { return };
            filling.0.ready().push_back(pair);
            let others_wait = |pool: Arc<SlowPool>| pool.has_more_than(key_spec, Work::Generate);
            if pool_of_job.upgrade().is_none_or(others_wait) {
                return;
            }
        }
    };
    // A lane that is busy is no failure: the next call for a pair asks again.
    let _ = pool.run_when_idle(key_spec, Work::Generate, job);
}

/// Held by whoever fills a shelf; gives the place back however that ends.
struct Filling(Arc<Shelf>);

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.filling.store(false, Ordering::Release);
    }
}

impl Shelf {
    fn ready(&self) -> std::sync::MutexGuard<'_, VecDeque<KeyPair>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(spec: KeySpec, rng: &dyn Rng) -> Result<KeyPair, OpError> {
    let pair = || {
        // Pairs are asymmetric, and those have no suite to choose.
        let material = Material::generate(spec, SymmetricSuite::Aes, rng)?;
        Ok(KeyPair { public_key: material.public_key_spki()?, private_key: material.private_key_pkcs8()? })
    };
    pair().map_err(|error: strongroom_crypto::error::Error| strongroom_vault::Error::from(error).into())
}
