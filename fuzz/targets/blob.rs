//! Ciphertext blobs: whatever header is read is written back byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::digest::sha256;
use strongroom_vault::blob::{HEADER_BYTES, Header};

/// Where the header check stands, which no fuzzer guesses.
const CHECK: std::ops::Range<usize> = 84..HEADER_BYTES;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // Once more with a check that fits, to get past it.
    if bytes.len() >= HEADER_BYTES {
        let mut repaired = bytes.to_vec();
        let digest = sha256(&repaired[..CHECK.start]);
        repaired[CHECK].copy_from_slice(&digest[..4]);
        check(&repaired);
    }
});

fn check(bytes: &[u8]) {
    if let Ok(header) = Header::parse(bytes) {
        assert_eq!(header.to_bytes()[..], bytes[..HEADER_BYTES]);
    }
}
