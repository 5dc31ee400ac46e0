//! Request bodies of all 56 operations: decoding takes anything without a panic, and calls nothing else JSON than JSON.
//!
//! The first byte of the input chooses the operation, the rest is the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use strongroom_core::generated::OpName;
use strongroom_wire::json::BadRequest;
use strongroom_wire::kms::decode_any;

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let operation = OpName::ALL[usize::from(*choice) % OpName::ALL.len()];
    let decoded = decode_any(operation, body);
    if let Err(BadRequest::Validation(message)) = &decoded {
        assert!(message.contains(" detected: "), "{message}");
    }
    if !is_object(body) {
        let refused = matches!(decoded, Err(BadRequest::Serialization(_)));
        assert!(refused, "{operation} took what is no JSON object");
    }
});

/// By an independent reader, which looks at the grammar alone and at any depth.
fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}
