//! What an operation costs, so that slow ones go to a pool of their own and do not delay symmetric calls.
//!
//! The figures are medians on one core in microseconds, of the slowest algorithm where there are several, as `cargo xtask bench`
//! prints them. Another machine has others, but their order does not change.

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
        KeySpec::Rsa2048 => [39_000, 109, 212, 14],
        KeySpec::Rsa3072 => [172_000, 203, 611, 27],
        KeySpec::Rsa4096 => [332_000, 351, 1_300, 47],
        KeySpec::EccNistP256 => [8, 9, 31, 34],
        KeySpec::EccNistP384 => [37, 39, 98, 137],
        KeySpec::EccNistP521 => [61, 70, 161, 238],
        KeySpec::EccSecgP256k1 => [159, 160, 165, 159],
        KeySpec::EccNistEdwards25519 => [6, 6, 15, 28],
        KeySpec::MlDsa44 => [22, 22, 501, 62],
        KeySpec::MlDsa65 => [37, 36, 764, 87],
        KeySpec::MlDsa87 => [55, 55, 867, 127],
        KeySpec::MlKem512 => [31, 29, 10, 8],
        KeySpec::MlKem768 => [50, 46, 15, 13],
        KeySpec::MlKem1024 => [75, 69, 23, 19],
        KeySpec::Sm2 => [134, 134, 138, 303],
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
