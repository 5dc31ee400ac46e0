//! What an operation costs, so that slow ones go to a pool of their own and do not delay symmetric calls.
//!
//! The figures are medians on one core of the project's machine, in microseconds, of the slowest algorithm where there are
//! several. Rough, but their order does not change: RustCrypto's are an upper bound.

use strongroom_core::generated::KeySpec;

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// [`Material::generate`](crate::material::Material::generate).
    Generate,
    /// [`Material::from_stored`](crate::material::Material::from_stored).
    Open,
    /// Signing, decryption, agreement, decapsulation, MAC.
    Private,
    /// Verification, encryption, encapsulation.
    Public,
}

/// What a call may cost on the connection's own task: more than that, and the calls behind it notice.
pub const INLINE_MAX_US: u32 = 45;

/// Whether the work belongs on the pool for slow mathematics.
pub const fn is_slow(spec: KeySpec, work: Work) -> bool {
    cost_us(spec, work) > INLINE_MAX_US
}

/// The rough cost in microseconds.
pub const fn cost_us(spec: KeySpec, work: Work) -> u32 {
    let [generate, open, private, public] = match spec {
        KeySpec::SymmetricDefault | KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => {
            [2, 2, 2, 2]
        }
        KeySpec::Rsa2048 => [48_000, 130, 240, 16],
        KeySpec::Rsa3072 => [177_000, 250, 690, 33],
        KeySpec::Rsa4096 => [360_000, 410, 1_470, 57],
        KeySpec::EccNistP256 => [9, 9, 35, 39],
        KeySpec::EccNistP384 => [43, 43, 102, 157],
        KeySpec::EccNistP521 => [69, 66, 167, 280],
        KeySpec::EccSecgP256k1 => [191, 191, 193, 181],
        KeySpec::EccNistEdwards25519 => [7, 8, 45, 43],
        KeySpec::MlDsa44 => [25, 25, 1_000, 150],
        KeySpec::MlDsa65 => [42, 42, 1_500, 200],
        KeySpec::MlDsa87 => [64, 64, 2_000, 300],
        KeySpec::MlKem512 => [100, 100, 10, 14],
        KeySpec::MlKem768 => [150, 150, 17, 21],
        KeySpec::MlKem1024 => [210, 210, 25, 31],
        KeySpec::Sm2 => [200, 200, 175, 390],
    };
    match work {
        Work::Generate => generate,
        Work::Open => open,
        Work::Private => private,
        Work::Public => public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_work_stays_and_slow_work_goes() {
        use KeySpec as K;
        for spec in [K::SymmetricDefault, K::Hmac224, K::Hmac512, K::EccNistP256, K::EccNistEdwards25519] {
            for work in [Work::Generate, Work::Open, Work::Private, Work::Public] {
                assert!(!is_slow(spec, work), "{spec} {work:?}");
            }
        }
        for spec in [K::MlKem512, K::MlKem768, K::MlKem1024] {
            assert!(!is_slow(spec, Work::Private) && !is_slow(spec, Work::Public), "{spec}");
        }
        for spec in
            [K::Rsa2048, K::Rsa4096, K::MlDsa44, K::MlDsa87, K::EccNistP384, K::EccNistP521, K::EccSecgP256k1, K::Sm2]
        {
            assert!(is_slow(spec, Work::Private), "{spec}");
        }
        for spec in [K::Rsa2048, K::Rsa3072, K::Rsa4096] {
            assert!(is_slow(spec, Work::Generate) && is_slow(spec, Work::Open), "{spec}");
        }
    }
}
