//! Forms for all operations of IAM and STS: decoding takes anything without a panic, and its refusals are written as XML that a
//! reader takes.
//!
//! The first two bytes of the input choose the operation, the rest are the parameters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_core::ids::RequestId;
use strongroom_wire::query::form::{BadRequest, Form};
use strongroom_wire::query::{Fault, OpName, iam, resolve, sts};

fuzz_target!(|input: &[u8]| {
    let Some(([first, second], text)) = input.split_first_chunk() else { return };
    let operations = iam::OpName::ALL.len() + sts::OpName::ALL.len();
    let choice = usize::from(u16::from_be_bytes([*first, *second])) % operations;
    let op = OpName::all().nth(choice).expect("below the number of operations");
    let form = match Form::parse(text) {
        Ok(form) => form,
        Err(bad) => return check(op, bad),
    };
    if let Err(unresolved) = resolve(&form) {
        read_back(&unresolved.fault.encode(unresolved.api, RequestId::from_random([0; 16])));
    }
    let decoded = match op {
        OpName::Iam(op) => iam::decode_any(op, &form),
        OpName::Sts(op) => sts::decode_any(op, &form),
    };
    if let Err(bad) = decoded {
        if let BadRequest::Validation(message) = &bad {
            assert!(message.contains(" detected: "), "{message}");
        }
        check(op, bad);
    }
});

fn check(op: OpName, bad: BadRequest) {
    read_back(&Fault::from(bad).encode(op.api(), RequestId::from_random([0; 16])));
}

/// By an independent reader.
fn read_back(body: &[u8]) {
    let text = std::str::from_utf8(body).expect("UTF-8");
    roxmltree::Document::parse(text).expect("XML");
}
