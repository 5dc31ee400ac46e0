//! Round trips: whatever fits the model is read as it was said, and nothing makes the reader panic.

use proptest::prelude::*;

use super::form::{Form, decode};
use super::tests::join;
use super::{OpName, iam, sts};
use crate::kms::constraint::{Shape, Structure, TextShape};

/// Texts of which each pattern of the models takes some.
const TEXTS: &[&str] = &[
    "/",
    "/a/",
    "/abc/def/",
    "a",
    "ab",
    "v1",
    "v12.x",
    "A1",
    "AKIAIOSFODNN7EXAMPLE",
    "111122223333",
    "123456",
    "arn:aws:iam::111122223333:policy/p",
    "https://issuer.example/path",
    "{\"Version\": \"2012-10-17\"} + & = %41",
    "0123456789abcdef0123456789abcdef01234567",
    "größe 部門",
    "a.member.1=b",
];

fn structure(op: OpName) -> &'static Structure {
    match op {
        OpName::Iam(op) => iam::input_structure(op),
        OpName::Sts(op) => sts::input_structure(op),
    }
}

fn again(op: OpName, form: &Form<'_>) -> Result<Vec<(String, String)>, super::form::BadRequest> {
    match op {
        OpName::Iam(op) => iam::generated::forms::again(op, form),
        OpName::Sts(op) => sts::generated::forms::again(op, form),
    }
}

/// The texts that a shape takes.
fn fitting(shape: &TextShape) -> Vec<String> {
    let pad = |text: &str| text.repeat(shape.min_chars.div_ceil(text.len()).max(1));
    let fits = |text: &String| {
        let chars = text.chars().count();
        (shape.min_chars..=shape.max_chars).contains(&chars)
            && shape.pattern.is_none_or(|pattern| pattern.matches(text))
    };
    let texts: Vec<String> = TEXTS.iter().flat_map(|text| [(*text).to_owned(), pad(text)]).filter(fits).collect();
    assert!(!texts.is_empty(), "no text fits {shape:?}");
    texts
}

type Pairs = Vec<(String, String)>;

/// Parameters that say a value of this shape under a name.
fn value(name: String, shape: Shape) -> BoxedStrategy<Pairs> {
    match shape {
        Shape::Text(text) => {
            prop::sample::select(fitting(text)).prop_map(move |value| vec![(name.clone(), value)]).boxed()
        }
        Shape::Choice(choice) => {
            prop::sample::select(choice.values).prop_map(move |value| vec![(name.clone(), value.to_owned())]).boxed()
        }
        Shape::Integer(range) => {
            (range.min..=range.max).prop_map(move |value| vec![(name.clone(), value.to_string())]).boxed()
        }
        Shape::Boolean => any::<bool>().prop_map(move |value| vec![(name.clone(), value.to_string())]).boxed(),
        Shape::Structure(structure) => members(&name, structure),
        Shape::List(list) => (list.min_items..=list.max_items.min(list.min_items + 12))
            .prop_flat_map(move |len| {
                if len == 0 {
                    return Just(vec![(name.clone(), String::new())]).boxed();
                }
                let items: Vec<_> = (1..=len).map(|at| value(format!("{name}.member.{at}"), list.item)).collect();
                items.prop_map(|items| items.concat()).boxed()
            })
            .boxed(),
        Shape::Blob(_) | Shape::Timestamp | Shape::TextMap => panic!("no such member in a request"),
    }
}

fn members(name: &str, structure: &'static Structure) -> BoxedStrategy<Pairs> {
    let members: Vec<_> = structure
        .members
        .iter()
        .map(|member| {
            let present = value(join(name, member.name), member.shape);
            // An item without any parameter would not be there.
            if member.required || (!name.is_empty() && structure.members.iter().all(|member| !member.required)) {
                present
            } else {
                prop::option::weighted(0.6, present).prop_map(Option::unwrap_or_default).boxed()
            }
        })
        .collect();
    members.prop_map(|members| members.concat()).boxed()
}

fn said() -> impl Strategy<Value = (OpName, Pairs)> {
    let ops: Vec<OpName> = OpName::all().collect();
    prop::sample::select(ops).prop_flat_map(|op| (Just(op), members("", structure(op)).prop_shuffle()))
}

fn encode(pairs: &Pairs) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_fits_the_model_is_read_as_it_was_said((op, mut pairs) in said()) {
        let text = encode(&pairs);
        let form = Form::parse(text.as_bytes()).expect("no name stands twice");
        pairs.sort();
        prop_assert_eq!(again(op, &form), Ok(pairs));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        op in prop::sample::select(OpName::all().collect::<Vec<_>>()),
        text in "(UserName|Tags|TagKeys|PolicyArns|member|Key|[.=&%0-9a-f+]){0,40}",
    ) {
        if let Ok(form) = Form::parse(text.as_bytes()) {
            // Whatever comes of it.
            let _ = again(op, &form);
        }
    }
}

#[test]
fn every_operation_reads_its_least_request() {
    for op in OpName::all() {
        let first = |text: &TextShape| fitting(text).swap_remove(0);
        let mut pairs = Pairs::new();
        for member in structure(op).members.iter().filter(|member| member.required) {
            match member.shape {
                Shape::Text(text) => pairs.push((member.name.to_owned(), first(text))),
                Shape::Choice(choice) => pairs.push((member.name.to_owned(), choice.values[0].to_owned())),
                Shape::List(_) => pairs.push((member.name.to_owned(), String::new())),
                Shape::Boolean => pairs.push((member.name.to_owned(), "true".to_owned())),
                Shape::Blob(_) | Shape::Integer(_) | Shape::Timestamp | Shape::TextMap | Shape::Structure(_) => {
                    panic!("{op}: {} is required", member.name)
                }
            }
        }
        let text = encode(&pairs);
        let form = Form::parse(text.as_bytes()).expect("a form");
        let read = match op {
            OpName::Iam(op) => iam::decode_any(op, &form),
            OpName::Sts(op) => sts::decode_any(op, &form),
        };
        assert_eq!(read, Ok(()), "{op}");
    }
    assert!(decode::<iam::GetAccountSummaryInput>(&Form::parse(b"Unknown=x").expect("a form")).is_ok());
}
