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
        if let Some((_, shelf)) = self.shelves.iter().find(|(of, _)| *of == spec) {
            let ready = shelf.ready().pop_front();
            self.refill(spec, shelf);
            if let Some(pair) = ready {
                return Ok(pair);
            }
        }
        let key_spec = spec::from_data_key_pair_spec(spec);
        if !is_slow(key_spec, Work::Generate) {
            return make(key_spec, &*self.rng);
        }
        let rng = Arc::clone(&self.rng);
        self.pool.run(move || make(key_spec, &*rng)).await.map_err(|_| OpError::Throttled)?
    }

    /// Queues one pair for the shelf, and after it the next, until the shelf is full.
    fn refill(&self, spec: DataKeyPairSpec, shelf: &Arc<Shelf>) {
        refill(Arc::downgrade(&self.pool), Arc::clone(&self.rng), spec, Arc::clone(shelf));
    }
}

fn refill(pool: std::sync::Weak<SlowPool>, rng: Arc<dyn Rng>, spec: DataKeyPairSpec, shelf: Arc<Shelf>) {
    if shelf.ready().len() >= made_ahead(spec) || shelf.filling.swap(true, Ordering::AcqRel) {
        return;
    }
    let Some(alive) = pool.upgrade() else { return };
    let on_shelf = Arc::clone(&shelf);
    // One at a time, at the queue's end: callers who wait for slow work come first.
    let queued = alive.submit(move || {
        let made = make(spec::from_data_key_pair_spec(spec), &*rng);
        on_shelf.filling.store(false, Ordering::Release);
        if let Ok(pair) = made {
            on_shelf.ready().push_back(pair);
            refill(pool, rng, spec, on_shelf);
        }
    });
    if queued.is_err() {
        shelf.filling.store(false, Ordering::Release);
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
