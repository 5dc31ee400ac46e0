//! The decoder against the oracle over requests of all operations, and reader and writer against another JSON library.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use serde_json::{Map, Value, json};
use strongroom_core::generated::OpName;
use strongroom_core::world::Timestamp;

use super::*;
use crate::json::oracle::{judge, matches_slowly};
use crate::kms::constraint::{Member, Shape, Structure, TextShape};
use crate::kms::generated::constraints::PATTERNS;
use crate::kms::{self, decode_any, input_structure};

/// A string that fits each pattern of the model.
fn fitting(source: &str) -> &'static str {
    match source {
        "^[a-zA-Z0-9:/_-]+$" => "alias/a-B_9:x",
        "^[a-f0-9]+$" => "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "cluster-[2-7a-zA-Z]{11,16}" => "cluster-abcdefghijk",
        "^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$" => "arn:aws:s3:us-east-1:111122223333:x",
        r"^[a-zA-Z0-9:/_\s.-]+$" => "a b\tc/d.e",
        r"[\u0020-\u00FF]*" => "marker ÿ",
        r"[\w]+" => "default_1",
        r"[\u0009\u000A\u000D\u0020-\u00FF]+" => "{\t\"Version\":\r\n\"é\"}",
        r"^[\w+=,.@:/-]+$" => "arn:aws:iam::111122223333:role/a+b",
        r"^([a-z]+-){2,3}\d+$" => "us-gov-west-1",
        r"^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$" => "rds.amazonaws.com",
        "^[A-Z2-7]+$" => "ABCDEFGHIJKLMNOPQRST",
        r"^[a-zA-Z0-9\/+=]+$" => "abcdefghijabcdefghijabcdefghijabcdefghij/+=",
        "^[a-zA-Z0-9-_.]+$" => "xks-key_1.a",
        "^https://[a-zA-Z0-9.-]+$" => "https://proxy.example",
        r"^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$" => "/example/kms/xks/v1",
        r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$" => {
            "com.amazonaws.vpce.us-east-1.vpce-svc-0a"
        }
        "[0-9]{12}" => "111122223333",
        r"^\p{ASCII}+$" => "alias/a",
        other => panic!("no example of {other}"),
    }
}

fn valid_text(shape: &TextShape) -> String {
    match shape.pattern {
        Some(pattern) => fitting(pattern.source).to_owned(),
        None => "v".repeat(shape.min_chars.max(1)),
    }
}

/// Strings at the limits of a shape, within and without, and some of no shape at all.
fn text(shape: &'static TextShape) -> BoxedStrategy<Value> {
    let lengths =
        [0, 1, shape.min_chars.saturating_sub(1), shape.min_chars, shape.max_chars, shape.max_chars.saturating_add(1)];
    let lengths: Vec<usize> = lengths.into_iter().filter(|len| *len <= 10_000).collect();
    let at_limits =
        (select(lengths), select(vec!["a", "é", "😀", "7", "/", " "])).prop_map(|(len, unit)| unit.repeat(len));
    prop_oneof![
        3 => Just(valid_text(shape)),
        3 => at_limits,
        1 => any::<String>(),
    ]
    .prop_map(Value::String)
    .boxed()
}

fn blob(min: usize, max: usize) -> BoxedStrategy<Value> {
    let lengths = vec![min.saturating_sub(1), min, min + 1, max.min(10_000), max.min(10_000) + 1];
    let fitting = select(lengths).prop_map(|len| json!(base64_simd::STANDARD.encode_to_string(vec![0x5a; len])));
    prop_oneof![6 => fitting, 1 => "[A-Za-z0-9+/]{0,9}={0,2}".prop_map(Value::String)].boxed()
}

fn near(min: i32, max: i32) -> BoxedStrategy<Value> {
    let (min, max) = (i64::from(min), i64::from(max));
    prop_oneof![
        select(vec![min - 1, min, min + 1, max - 1, max, max + 1]).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3000.0..3000.0).prop_map(|number: f64| json!(number)),
    ]
    .boxed()
}

/// Values for a member: mostly near its limits, at times null or of any other type.
fn value(shape: &'static Shape) -> BoxedStrategy<Value> {
    let right = match shape {
        Shape::Text(shape) => text(shape),
        Shape::Blob(shape) => blob(shape.min_bytes, shape.max_bytes),
        Shape::Choice(shape) => {
            let values: Vec<&str> = shape.values.iter().chain(shape.admitted).copied().collect();
            prop_oneof![4 => select(values).prop_map(Value::from), 1 => "[A-Z_]{0,5}".prop_map(Value::String)].boxed()
        }
        Shape::Integer(shape) => near(shape.min, shape.max),
        Shape::Boolean => any::<bool>().prop_map(Value::Bool).boxed(),
        Shape::Timestamp => {
            prop_oneof![any::<f64>().prop_map(|at| json!(at)), Just(json!("2015-08-30T12:36:00Z"))].boxed()
        }
        Shape::List(list) => {
            let most = list.max_items.saturating_add(1).min(12);
            prop::collection::vec(value(&list.item), list.min_items.saturating_sub(1)..=most)
                .prop_map(Value::Array)
                .boxed()
        }
        Shape::TextMap => {
            let entry =
                (any::<String>(), prop_oneof![9 => any::<String>().prop_map(Value::String), 1 => Just(Value::Null)]);
            prop::collection::vec(entry, 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect())).boxed()
        }
        Shape::Structure(structure) => members(structure)
            .prop_map(|members| Value::Object(members.into_iter().collect::<Map<String, Value>>()))
            .boxed(),
    };
    prop_oneof![30 => right, 2 => Just(Value::Null), 1 => anything()].boxed()
}

fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
    .boxed()
}

/// Members of a structure in any order, some left out, some twice, and now and then one that nobody knows.
fn members(structure: &'static Structure) -> BoxedStrategy<Vec<(String, Value)>> {
    let one = |member: &'static Member| (Just(member.name.to_owned()), value(&member.shape), 0..10_u8);
    let all: Vec<_> = structure.members.iter().chain(structure.members).map(one).collect();
    let count = structure.members.len();
    (all, anything(), any::<bool>())
        .prop_map(move |(all, unknown, strange)| {
            let rows = all
                .into_iter()
                .enumerate()
                .filter(|(at, (_, _, chance))| if *at < count { *chance > 1 } else { *chance == 0 });
            let mut members: Vec<(String, Value)> = rows.map(|(_, (name, value, _))| (name, value)).collect();
            if strange {
                members.push(("Unknown".into(), unknown));
            }
            members
        })
        .prop_shuffle()
        .boxed()
}

fn body(members: &[(String, Value)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn every_request_is_judged_as_the_oracle_judges_it() {
    let mut verdicts = [0_u32; 3];
    for op in OpName::ALL {
        let structure = input_structure(*op);
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..100 {
            let members = members(structure).new_tree(&mut runner).expect("a strategy without filters").current();
            let expect = judge(structure, &members);
            verdicts[match &expect {
                Ok(()) => 0,
                Err(BadRequest::Serialization(_)) => 1,
                Err(BadRequest::Validation(_)) => 2,
            }] += 1;
            assert_eq!(decode_any(*op, body(&members).as_bytes()), expect, "{op} {}", body(&members));
        }
    }
    assert!(verdicts.iter().all(|count| *count > 200), "all three verdicts are met often: {verdicts:?}");
}

/// From a request that has every member, each constraint of each member is broken alone, in all operations.
#[test]
fn every_constraint_is_felt_alone() {
    let mut broken = 0;
    for op in OpName::ALL {
        let structure = input_structure(*op);
        let whole: Vec<(String, Value)> =
            structure.members.iter().map(|member| (member.name.into(), valid(&member.shape))).collect();
        assert_eq!(decode_any(*op, body(&whole).as_bytes()), Ok(()), "{op} {}", body(&whole));
        for (at, member) in structure.members.iter().enumerate() {
            for bad in violating(member) {
                let mut members = whole.clone();
                members[at].1 = bad;
                let got = decode_any(*op, body(&members).as_bytes());
                let Err(BadRequest::Validation(message)) = &got else { panic!("{op} {}: {got:?}", member.name) };
                assert!(
                    message.starts_with("1 validation error detected: Value ") || message.starts_with("2 "),
                    "{message}"
                );
                assert!(message.contains(&format!("at '{}", member.path)), "{message}");
                assert_eq!(got, judge(structure, &members));
                broken += 1;
            }
            let mut members = whole.clone();
            members.remove(at);
            assert_eq!(decode_any(*op, body(&members).as_bytes()).is_err(), member.required, "{op} {}", member.name);
        }
    }
    assert!(broken > 500, "{broken}");
}

fn valid(shape: &Shape) -> Value {
    match shape {
        Shape::Text(shape) => valid_text(shape).into(),
        Shape::Blob(_) => "YQ==".into(),
        Shape::Choice(shape) => shape.values[0].into(),
        Shape::Integer(shape) => shape.min.into(),
        Shape::Boolean => true.into(),
        Shape::Timestamp => json!(1_700_000_000.5),
        Shape::List(list) => vec![valid(&list.item)].into(),
        Shape::TextMap => json!({"a": "b"}),
        Shape::Structure(structure) => {
            structure.members.iter().map(|member| (member.name.to_owned(), valid(&member.shape))).collect()
        }
    }
}

fn violating(member: &Member) -> Vec<Value> {
    let mut out = if member.required { vec![Value::Null] } else { Vec::new() };
    match &member.shape {
        Shape::Text(shape) => {
            if shape.min_chars > 0 {
                out.push("a".repeat(shape.min_chars - 1).into());
            }
            if shape.max_chars < usize::MAX {
                out.push("a".repeat(shape.max_chars + 1).into());
            }
            if shape.pattern.is_some() {
                out.push("Ā\u{1}".repeat(shape.min_chars).into());
            }
        }
        Shape::Blob(shape) => {
            for len in [shape.min_bytes - 1, shape.max_bytes + 1] {
                out.push(base64_simd::STANDARD.encode_to_string(vec![0; len]).into());
            }
        }
        Shape::Choice(_) => out.extend([json!(""), json!("nope")]),
        Shape::Integer(shape) => out.extend([json!(i64::from(shape.min) - 1), json!(i64::from(shape.max) + 1)]),
        Shape::List(list) => {
            if list.max_items < usize::MAX {
                out.push(vec![valid(&list.item); list.max_items + 1].into());
            }
            out.push(vec![Value::Null].into());
        }
        Shape::TextMap => out.push(json!({"a": null})),
        Shape::Structure(structure) => {
            for member in structure.members {
                let mut whole = valid(&Shape::Structure(structure));
                for bad in violating(member) {
                    whole[member.name] = bad;
                    out.push(whole.clone());
                }
            }
        }
        Shape::Boolean | Shape::Timestamp => {}
    }
    out
}

#[test]
fn every_pattern_has_its_matcher() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for pattern in PATTERNS {
        let example = fitting(pattern.source);
        assert!(pattern.matches(example) && matches_slowly(pattern, example), "{}", pattern.source);
        let near = (any::<prop::sample::Index>(), any::<char>(), 0..3_u8);
        let near = near.prop_map(|(at, c, change)| {
            let mut text: Vec<char> = example.chars().collect();
            let at = at.index(text.len());
            match change {
                0 => text[at] = c,
                1 => text.insert(at, c),
                _ => drop(text.remove(at)),
            }
            text.into_iter().collect::<String>()
        });
        let texts = prop_oneof![near, any::<String>(), "[ -~]{0,3}", Just(String::new()), Just(format!("{example}\n"))];
        for _ in 0..200 {
            let text = texts.new_tree(&mut runner).expect("a strategy without filters").current();
            assert_eq!(pattern.matches(&text), matches_slowly(pattern, &text), "{} {text:?}", pattern.source);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_reader_takes_what_is_json(
        value in anything(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), select(b" \"\\{}[],:0123456789.eE+-ntu\x1f\x80/".to_vec())), 0..3),
    ) {
        let mut text = value.to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let mut reader = Reader::new(&text);
        let took = reader.as_mut().is_ok_and(|reader| reader.skip().and_then(|()| reader.end()).is_ok());
        let expect = match serde_json::from_slice::<Value>(&text) {
            Ok(_) => true,
            // Numbers that no float holds are numbers all the same.
            Err(error) if error.to_string().starts_with("number out of range") => return Ok(()),
            Err(_) => false,
        };
        prop_assert_eq!(took, expect, "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn strings_mean_the_same_however_escaped(text in any::<String>(), escaped in any::<u64>()) {
        let written = |(at, c): (usize, char)| match c {
            c if escaped >> (at % 64) & 1 == 0 && !matches!(c, '"' | '\\' | '\0'..='\x1f') => c.to_string(),
            c => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        };
        let mixed: String = text.chars().enumerate().map(written).collect();
        for written in [format!("\"{mixed}\""), json!(text).to_string()] {
            let mut reader = Reader::new(written.as_bytes()).expect("UTF-8");
            let read = reader.text().expect("a string").expect("not null");
            prop_assert_eq!(read.as_str(), &text);
        }
    }

    #[test]
    fn numbers_mean_the_same(number in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?") {
        let body = format!("{{\"Limit\":{number}}}");
        let float: f64 = number.parse().expect("a float");
        let fits = (1.0..1001.0).contains(&float);
        prop_assert_eq!(decode::<kms::ListKeysInput>(body.as_bytes()).is_ok(), fits);
    }

    #[test]
    fn replies_are_json(key_id in any::<String>(), blob in any::<Vec<u8>>(), millis in -253_402_300_799_999..253_402_300_799_999_i64) {
        let output = kms::GetParametersForImportOutput {
            key_id: Some(key_id.clone()),
            import_token: Some(blob.clone()),
            public_key: None,
            parameters_valid_to: Some(Timestamp::from_millis(millis)),
        };
        let written = encode(&output);
        prop_assert_eq!(written.len(), written.capacity());
        let read: Value = serde_json::from_slice(&written).expect("JSON");
        prop_assert_eq!(&read["KeyId"], &json!(key_id));
        prop_assert_eq!(&read["ImportToken"], &json!(base64_simd::STANDARD.encode_to_string(&blob)));
        let at = read["ParametersValidTo"].as_f64().expect("a number");
        prop_assert_eq!((at * 1000.0).round() as i64, millis);
        prop_assert!(read["ParametersValidTo"].is_f64(), "no fraction: {}", read["ParametersValidTo"]);
        prop_assert!(read.get("PublicKey").is_none());
    }

    #[test]
    fn what_travels_both_ways_comes_back(
        equals in any::<Option<std::collections::BTreeMap<String, String>>>(),
        subset in any::<Option<std::collections::BTreeMap<String, String>>>(),
    ) {
        let constraints = kms::GrantConstraints {
            encryption_context_equals: equals,
            encryption_context_subset: subset,
            source_arn: Some("arn:aws:s3:us-east-1:111122223333:x".into()),
        };
        prop_assert_eq!(decode::<kms::GrantConstraints>(&encode(&constraints)), Ok(constraints));
    }

    #[test]
    fn tags_come_back(key in "\\PC{1,128}", value in "\\PC{0,256}") {
        let tag = kms::Tag { tag_key: key, tag_value: value };
        prop_assert_eq!(decode::<kms::Tag>(&encode(&tag)), Ok(tag));
    }

    #[test]
    fn no_body_makes_the_decoder_fall_over(op in select(OpName::ALL.to_vec()), body in any::<Vec<u8>>()) {
        prop_assert!(decode_any(op, &body).is_err());
    }
}
