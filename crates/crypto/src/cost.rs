//! What an operation costs, so that slow ones go to a pool of their own and do not delay symmetric calls.
//!
//! The figures are medians on one core of the project's machine, in microseconds: rough, but their order does not change.

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
        KeySpec::Rsa2048 => [48_000, 134, 241, 16],
        KeySpec::Rsa3072 => [177_000, 260, 690, 33],
        KeySpec::Rsa4096 => [360_000, 411, 1_474, 57],
        KeySpec::EccNistP256 => [9, 8, 39, 39],
        KeySpec::EccNistP384 => [43, 43, 157, 157],
        KeySpec::EccNistP521 => [69, 66, 280, 280],
        KeySpec::EccSecgP256k1 => [191, 191, 193, 181],
        KeySpec::EccNistEdwards25519 => [7, 7, 7, 27],
        KeySpec::MlDsa44 => [25, 25, 84, 22],
        KeySpec::MlDsa65 => [42, 42, 127, 36],
        KeySpec::MlDsa87 => [64, 64, 157, 57],
        KeySpec::MlKem512 => [30, 30, 12, 10],
        KeySpec::MlKem768 => [40, 40, 17, 14],
        KeySpec::MlKem1024 => [60, 60, 25, 21],
        KeySpec::Sm2 => [300, 300, 300, 300],
    };
    match work {
        Work::Generate => generate,
        Work::Open => open,
        Work::Private => private,
        Work::Public => public,
    }
}
