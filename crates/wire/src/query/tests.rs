//! What is generated, against the models themselves; forms and XML by rows.

use http::HeaderValue;
use proptest::prelude::*;
use serde_json::{Value, json};
use strongroom_core::ids::RequestId;

use super::form::{BadRequest, decode};
use super::*;
use crate::kms::SecretText;

/// Says a value as parameters, as a client would.
pub(crate) trait ToForm {
    /// Adds the parameters of a value called `name`; `""` for the input itself.
    fn put(&self, name: &str, out: &mut Vec<(String, String)>);
}

pub(crate) fn join(name: &str, member: &str) -> String {
    if name.is_empty() { member.to_owned() } else { format!("{name}.{member}") }
}

/// The parameters of an input, sorted.
pub(crate) fn pairs(input: &impl ToForm) -> Vec<(String, String)> {
    let mut out = Vec::new();
    input.put("", &mut out);
    out.sort();
    out
}

impl ToForm for String {
    fn put(&self, name: &str, out: &mut Vec<(String, String)>) {
        out.push((name.to_owned(), self.clone()));
    }
}

impl ToForm for SecretText {
    fn put(&self, name: &str, out: &mut Vec<(String, String)>) {
        out.push((name.to_owned(), self.expose().to_owned()));
    }
}

impl ToForm for i32 {
    fn put(&self, name: &str, out: &mut Vec<(String, String)>) {
        out.push((name.to_owned(), self.to_string()));
    }
}

impl ToForm for bool {
    fn put(&self, name: &str, out: &mut Vec<(String, String)>) {
        out.push((name.to_owned(), self.to_string()));
    }
}

impl<T: ToForm> ToForm for Option<T> {
    fn put(&self, name: &str, out: &mut Vec<(String, String)>) {
        if let Some(value) = self {
            value.put(name, out);
        }
    }
}

impl<T: ToForm> ToForm for Vec<T> {
    fn put(&self, name: &str, out: &mut Vec<(String, String)>) {
        if self.is_empty() {
            out.push((name.to_owned(), String::new()));
        }
        for (at, item) in self.iter().enumerate() {
            item.put(&format!("{name}.member.{}", at + 1), out);
        }
    }
}

fn request_id() -> RequestId {
    RequestId::from_random([7; 16])
}

/// Structures of replies, each as XML.
type Samples = Vec<(&'static str, Vec<u8>)>;

fn models() -> [(Value, Samples); 2] {
    let model = |text| serde_json::from_str(text).expect("the model is JSON");
    [
        (model(include_str!("../../../../model/iam.json")), iam::generated::samples::samples()),
        (model(include_str!("../../../../model/sts.json")), sts::generated::samples::samples()),
    ]
}

/// What a sample says, worked out from the model, in the order of its members.
fn expected(model: &Value, name: &str, shape: &str) -> Value {
    let shape = &model["shapes"][shape];
    match shape["type"].as_str().expect("every shape has a type") {
        "string" => shape["enum"].get(0).cloned().unwrap_or_else(|| name.into()),
        "integer" => name.len().to_string().into(),
        "boolean" => "true".into(),
        "timestamp" => format!("1970-01-01T00:00:{:02}Z", name.len() * 1001 / 1000).into(),
        "map" => {
            let key = &model["shapes"][shape["key"]["shape"].as_str().expect("a map has keys")]["enum"][0];
            json!([["entry", [["key", key], ["value", name.len().to_string()]]]])
        }
        "list" => {
            let item = expected(model, name, shape["member"]["shape"].as_str().expect("a list has items"));
            json!([["member", item], ["member", item]])
        }
        "structure" => {
            let members = shape["members"].as_object().expect("a structure has members").iter();
            let value = |member: &Value, name| expected(model, name, member["shape"].as_str().expect("a reference"));
            let mut members: Vec<Value> = members.map(|(name, member)| json!([name, value(member, name)])).collect();
            members.sort_by_key(|pair| pair[0].to_string());
            members.into()
        }
        other => panic!("a shape of type {other}"),
    }
}

/// An element as its text, or as pairs of its children's names and contents.
fn read(node: roxmltree::Node<'_, '_>) -> Value {
    let elements = || node.children().filter(roxmltree::Node::is_element);
    if elements().next().is_none() && node.text().is_some() {
        return node.text().into();
    }
    let mut children: Vec<Value> = elements().map(|child| json!([child.tag_name().name(), read(child)])).collect();
    // Items keep their order among themselves; members of structures have none to keep.
    children.sort_by_key(|pair| pair[0].to_string());
    children.into()
}

#[test]
fn every_reply_is_written_as_the_model_has_it() {
    for (model, samples) in models() {
        for (shape, body) in &samples {
            let text = std::str::from_utf8(body).expect("XML is UTF-8");
            let document = roxmltree::Document::parse(text).expect("XML");
            assert_eq!(read(document.root_element()), expected(&model, "", shape), "{shape}");
        }
        let operations = model["operations"].as_object().expect("an object").values();
        for output in operations.filter_map(|operation| operation["output"]["shape"].as_str()) {
            assert!(samples.iter().any(|(shape, _)| *shape == output), "no sample of {output}");
        }
    }
}

#[test]
fn replies_have_aws_frame() {
    let check = |body: &[u8], expect: &str| assert_eq!(std::str::from_utf8(body).expect("UTF-8"), expect);
    let output = sts::GetCallerIdentityOutput {
        user_id: Some("AIDA1".into()),
        account: Some("111122223333".into()),
        arn: Some("arn:aws:iam::111122223333:user/a&b<c>\"d\"\u{1}".into()),
    };
    check(
        &xml::encode(Api::Sts, "GetCallerIdentity", &output, request_id()),
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <UserId>AIDA1</UserId><Account>111122223333</Account>\
         <Arn>arn:aws:iam::111122223333:user/a&amp;b&lt;c&gt;&quot;d&quot;\u{fffd}</Arn></GetCallerIdentityResult>\
         <ResponseMetadata><RequestId>07070707-0707-4707-8707-070707070707</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>",
    );
    check(
        &xml::encode(Api::Iam, "DeleteUser", &iam::DeleteUserOutput, request_id()),
        "<DeleteUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ResponseMetadata>\
         <RequestId>07070707-0707-4707-8707-070707070707</RequestId></ResponseMetadata></DeleteUserResponse>",
    );
    check(
        &Fault::new(ErrorCode::NoSuchEntity, "no <user>").encode(Api::Iam, request_id()),
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
         <Code>NoSuchEntity</Code><Message>no &lt;user&gt;</Message></Error>\
         <RequestId>07070707-0707-4707-8707-070707070707</RequestId></ErrorResponse>",
    );
    check(
        &Fault::new(ErrorCode::ServiceFailure, "").encode(Api::Sts, request_id()),
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Receiver</Type>\
         <Code>ServiceFailure</Code><Message></Message></Error>\
         <RequestId>07070707-0707-4707-8707-070707070707</RequestId></ErrorResponse>",
    );
}

#[test]
fn operations_are_those_that_were_asked_for() {
    assert_eq!(OpName::all().count(), iam::OpName::ALL.len() + 5);
    let unsigned: Vec<OpName> = OpName::all().filter(|op| op.is_unsigned()).collect();
    assert_eq!(unsigned, [OpName::Sts(sts::OpName::AssumeRoleWithWebIdentity)]);
    for op in OpName::all().filter(|op| op.api() == Api::Iam) {
        let reads = op.as_str().starts_with("Get") || op.as_str().starts_with("List");
        assert_eq!(op.is_read_only(), reads, "{op}");
    }
}

#[test]
fn errors_have_the_status_of_the_models() {
    for (code, status) in [
        (ErrorCode::NoSuchEntity, 404),
        (ErrorCode::EntityAlreadyExists, 409),
        (ErrorCode::LimitExceeded, 409),
        (ErrorCode::IDPRejectedClaim, 403),
        (ErrorCode::InvalidIdentityToken, 400),
        (ErrorCode::ExpiredTokenException, 400),
        (ErrorCode::ExpiredToken, 403),
        (ErrorCode::SignatureDoesNotMatch, 403),
        (ErrorCode::ServiceFailure, 500),
    ] {
        assert_eq!(code.status(), status, "{}", code.as_str());
    }
}

#[test]
fn operations_are_found_by_action_and_version() {
    check("Action=GetCallerIdentity&Version=2011-06-15", Ok("GetCallerIdentity"));
    check("Version=2010-05-08&Action=GetUser", Ok("GetUser"));
    check("Action=GetUser&Version=2011-06-15", Err((Api::Sts, ErrorCode::InvalidAction)));
    check("Action=getuser&Version=2010-05-08", Err((Api::Iam, ErrorCode::InvalidAction)));
    check("Action=GetUser", Err((Api::Iam, ErrorCode::NoSuchVersion)));
    check("Action=GetUser&Version=2012-01-01", Err((Api::Iam, ErrorCode::NoSuchVersion)));
    check("Version=2010-05-08", Err((Api::Iam, ErrorCode::MissingAction)));
    check("", Err((Api::Sts, ErrorCode::MissingAction)));

    #[track_caller]
    fn check(form: &str, expect: Result<&str, (Api, ErrorCode)>) {
        let form = Form::parse(form.as_bytes()).expect("a form");
        let found = resolve(&form);
        assert_eq!(found.as_ref().map(|op| op.as_str()).map_err(|no| (no.api, no.fault.code)), expect);
    }
}

#[test]
fn requests_of_the_protocol_are_told_apart() {
    check("POST", "/", None, Some("application/x-www-form-urlencoded; charset=utf-8"), "a=b", Some("a=b"));
    check("POST", "/", Some("Action=X"), Some("Application/X-WWW-form-urlencoded"), "", Some(""));
    check("GET", "/", Some("Version=1&Action=X"), None, "", Some("Version=1&Action=X"));
    check("GET", "/", Some("NoAction=X"), None, "", None);
    check("GET", "/", Some("Action=X"), None, "body", None);
    check("GET", "/x", Some("Action=X"), None, "", None);
    check("GET", "/", None, None, "", None);
    check("PUT", "/", None, Some("application/x-www-form-urlencoded"), "a=b", None);
    check("POST", "/", None, Some("application/x-amz-json-1.1"), "a=b", None);
    check("POST", "/", None, None, "a=b", None);

    #[track_caller]
    fn check(method: &str, path: &str, query: Option<&str>, kind: Option<&str>, body: &str, expect: Option<&str>) {
        let kind = kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_str(kind).expect("a header value")));
        let found = parameters(method, path, query, &kind.into_iter().collect(), body.as_bytes());
        assert_eq!(found, expect.map(str::as_bytes));
    }
}

#[test]
fn lists_are_read_in_the_order_of_their_numbers() {
    check("TagKeys.member.2=b&TagKeys.member.1=a&TagKeys.member.10=c", Ok(&["a", "b", "c"]));
    check("TagKeys.member.7=a", Ok(&["a"]));
    check("TagKeys=", Ok(&[]));
    check("TagKeys.member.1=%41%20+%C3%A4", Ok(&["A  ä"]));
    for malformed in [
        "TagKeys=a",
        "TagKeys.1=a",
        "TagKeys.member=a",
        "TagKeys.member.0=a",
        "TagKeys.member.01=a",
        "TagKeys.member.-1=a",
        "TagKeys.member.x=a",
        "TagKeys.member.=a",
        "TagKeys.member.4294967296=a",
        "TagKeys.member.1.Key=a",
        "TagKeys.member.1=a&TagKeys.member.1.x=a",
        "TagKeys.member.1=a&TagKeys=",
        "TagKeys.member.1=a&TagKeys.x=b",
    ] {
        check(malformed, Err(()));
    }

    #[track_caller]
    fn check(parameters: &str, expect: Result<&[&str], ()>) {
        let text = format!("UserName=u&{parameters}");
        let form = Form::parse(text.as_bytes()).expect("a form");
        let read = decode::<iam::UntagUserInput>(&form).map(|input| input.tag_keys);
        match expect {
            Ok(keys) => assert_eq!(read.expect(parameters), keys),
            Err(()) => assert!(matches!(read, Err(BadRequest::Type(_))), "{parameters}: {read:?}"),
        }
    }
}

#[test]
fn types_are_asked_before_constraints() {
    check("MaxItems=x&UserName=", "MalformedInput", "MaxItems is not an integer");
    check("MaxItems=", "MalformedInput", "MaxItems is not an integer");
    check("MaxItems=1&MaxItems=1", "MalformedQueryString", "The query string names a parameter twice");
    check(
        "MaxItems=0&PathPrefix=x",
        "ValidationError",
        "2 validation errors detected: Value 'x' at 'pathPrefix' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: \\u002F[\\u0021-\\u007F]*; Value '0' at 'maxItems' failed to satisfy constraint: \
         Member must have value greater than or equal to 1",
    );

    #[track_caller]
    fn check(parameters: &str, code: &str, message: &str) {
        let form = Form::parse(parameters.as_bytes());
        let refused = form.and_then(|form| decode::<iam::ListUsersInput>(&form)).expect_err(parameters);
        let fault = Fault::from(refused);
        assert_eq!((fault.code.as_str(), &*fault.message), (code, message));
    }
}

#[test]
fn constraints_speak_as_aws_does() {
    let refused = |parameters: &str| {
        let form = Form::parse(parameters.as_bytes()).expect("a form");
        match decode::<sts::AssumeRoleInput>(&form) {
            Err(BadRequest::Validation(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refused("RoleSessionName=a+b"),
        "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; \
         Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: \
         [\\w+=,.@-]*"
    );
    let role = "RoleArn=arn:aws:iam::111122223333:role/r&RoleSessionName=ab";
    assert_eq!(
        refused(&format!("{role}&Tags.member.1.Value=v")),
        "1 validation error detected: Value null at 'tags.1.member.key' failed to satisfy constraint: Member must not be \
         null"
    );
    let tags: String = (1..=51).map(|n| format!("&Tags.member.{n}.Key=k{n}&Tags.member.{n}.Value=")).collect();
    assert_eq!(
        refused(&format!("{role}{tags}")),
        "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or \
         equal to 50"
    );
}

#[test]
fn credentials_are_not_printed() {
    let text = "RoleArn=arn:aws:iam::111122223333:role/r&RoleSessionName=ab&WebIdentityToken=secret%2Dtoken";
    let form = Form::parse(text.as_bytes()).expect("a form");
    let input = decode::<sts::AssumeRoleWithWebIdentityInput>(&form).expect("whole");
    assert_eq!(input.web_identity_token.expose(), "secret-token");
    assert!(!format!("{form:?} {input:?}").contains("secret"));
    let short = Form::parse(b"WebIdentityToken=s3").expect("a form");
    let refused = decode::<sts::AssumeRoleWithWebIdentityInput>(&short).expect_err("too short");
    assert!(!format!("{refused:?}").contains("s3"));
}

#[test]
fn unicode_categories_are_those_of_the_patterns() {
    let pattern = iam::generated::constraints::PATTERNS.iter().find(|pattern| pattern.source.contains(r"\p{L}"));
    let pattern = pattern.expect("tags have one");
    for (text, expect) in [
        ("Team 1_.:/=+-@", true),
        ("Größe", true),
        ("部門", true),
        ("Ⅻ½٣", true),
        ("\u{a0}\u{2028}", true),
        // A combining mark is alphabetic and no letter.
        ("\u{901}", false),
        ("\t", false),
        ("a\u{200b}", false),
        ("!", false),
        ("\u{fffd}", false),
    ] {
        assert_eq!(pattern.matches(text), expect, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_written_so_that_it_can_be_read(text in any::<String>()) {
        let body = Fault::new(ErrorCode::NoSuchEntity, text.clone()).encode(Api::Iam, request_id());
        let document = std::str::from_utf8(&body).expect("UTF-8");
        let document = roxmltree::Document::parse(document).expect("XML");
        let message = document.descendants().find(|node| node.has_tag_name(("https://iam.amazonaws.com/doc/2010-05-08/", "Message")));
        let unwritable = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
        let expect: String = text.chars().map(|c| if unwritable(c) { '\u{fffd}' } else { c }).collect();
        prop_assert_eq!(message.expect("a message").text().unwrap_or_default(), expect);
    }
}
