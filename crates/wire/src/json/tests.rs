//! The rules of the front end, row by row.

use strongroom_core::generated::{DataKeySpec, EncryptionAlgorithmSpec, OpName, SigningAlgorithmSpec};

use super::*;
use crate::kms::{self, Admitted, decode_any};

fn serialization(text: &'static str) -> Result<(), BadRequest> {
    Err(BadRequest::Serialization(Some(text.into())))
}

fn silent() -> Result<(), BadRequest> {
    Err(BadRequest::Serialization(None))
}

fn validation(message: &str) -> Result<(), BadRequest> {
    Err(BadRequest::Validation(message.into()))
}

#[track_caller]
fn check(op: OpName, body: impl AsRef<[u8]>, expect: Result<(), BadRequest>) {
    let body = body.as_ref();
    assert_eq!(decode_any(op, body), expect, "{}", String::from_utf8_lossy(body));
}

#[test]
fn bodies_that_are_no_object_are_refused_without_a_word() {
    for body in [
        &b""[..],
        b" ",
        b"null",
        b"\"a\"",
        b"[]",
        b"1",
        b"true",
        b"{",
        b"{\"KeyId\"",
        b"{\"KeyId\":",
        b"{\"KeyId\":\"a\"",
        b"{\"KeyId\":\"a\",}",
        b"{,}",
        b"{\"KeyId\" \"a\"}",
        b"{KeyId:\"a\"}",
        b"{'KeyId':'a'}",
        b"{\"KeyId\":\"a\"}}",
        b"{\"KeyId\":\"a\"} x",
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b"{\"KeyId\":\"\xff\"}",
        b"{\"KeyId\":\"\xc3\"}",
        b"{\"KeyId\":\"a\nb\"}",
        b"{\"KeyId\":\"\\ud800\"}",
        b"{\"KeyId\":\"\\udc00\"}",
        b"{\"KeyId\":\"\\ud800\\u0041\"}",
        b"{\"KeyId\":\"\\ud800x\"}",
        b"{\"KeyId\":\"\\x\"}",
        b"{\"KeyId\":\"\\u12\"}",
        b"{\"KeyId\":\"\\u12g4\"}",
        b"{\"KeyId\":\"\\\"}",
        b"{\"X\":01}",
        b"{\"X\":1.}",
        b"{\"X\":.5}",
        b"{\"X\":+1}",
        b"{\"X\":1e}",
        b"{\"X\":-}",
        b"{\"X\":nul}",
        b"{\"X\":True}",
        b"{\"X\":NaN}",
        b"{\"X\":[1 2]}",
        b"{\"X\":[1,]}",
        b"{\"X\":[}",
        b"{\"X\":]}",
        b"{\"KeyId\":nul}",
        b"{\"KeyId\":tru}",
        b"{\"KeyId\":-}",
        b"{\"Limit\":\"a}",
    ] {
        check(OpName::DescribeKey, body, silent());
        check(OpName::ListKeys, body, silent());
    }
    check(OpName::ListKeys, " {\t}\r\n", Ok(()));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{{\"X\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    check(OpName::ListKeys, nested(63), Ok(()));
    check(OpName::ListKeys, nested(64), silent());
    check(OpName::ListKeys, nested(500_000), silent());
    let objects = "{\"X\":".repeat(500_000);
    check(OpName::ListKeys, objects, silent());
}

#[test]
fn wrong_types_are_told_in_the_services_words() {
    use OpName::*;
    const LIST: &str = "Start of list found where not expected";
    const STRUCTURE: &str = "Start of structure or map found where not expected.";
    for (op, member, value, text) in [
        (ListKeys, "Limit", "\"1\"", "STRING_VALUE can not be converted to an Integer"),
        (ListKeys, "Limit", "true", "TRUE_VALUE can not be converted to an Integer"),
        (ListKeys, "Limit", "[]", LIST),
        (ListKeys, "Limit", "{}", STRUCTURE),
        (ListKeys, "Marker", "1", "NUMBER_VALUE can not be converted to a String"),
        (ListKeys, "Marker", "true", "TRUE_VALUE can not be converted to a String"),
        (ListKeys, "Marker", "false", "FALSE_VALUE can not be converted to a String"),
        (ListKeys, "Marker", "[\"a\"]", LIST),
        (ListKeys, "Marker", "{\"a\":1}", STRUCTURE),
        (ListKeys, "ResourceOwners", "\"SELF\"", "Expected list or null"),
        (ListKeys, "ResourceOwners", "{}", STRUCTURE),
        (ListKeys, "ResourceOwners", "[1]", "NUMBER_VALUE can not be converted to a String"),
        (ListKeys, "ResourceOwners", "[[\"SELF\"]]", LIST),
        (CreateKey, "KeySpec", "3", "NUMBER_VALUE can not be converted to a String"),
        (CreateKey, "MultiRegion", "\"true\"", "STRING_VALUE can not be converted to a Boolean"),
        (CreateKey, "MultiRegion", "0", "NUMBER_VALUE can not be converted to a Boolean"),
        (CreateKey, "Tags", "{}", STRUCTURE),
        (CreateKey, "Tags", "[1]", "Expected null"),
        (CreateKey, "Tags", "[[]]", LIST),
        (CreateKey, "Tags", "[{\"TagKey\":1}]", "NUMBER_VALUE can not be converted to a String"),
        (Encrypt, "Plaintext", "1", "NUMBER_VALUE can not be converted to a Blob"),
        (Encrypt, "Plaintext", "[1,2]", LIST),
        (Encrypt, "EncryptionContext", "\"a\"", "Expected null"),
        (Encrypt, "EncryptionContext", "[]", LIST),
        (Encrypt, "EncryptionContext", "{\"a\":1}", "NUMBER_VALUE can not be converted to a String"),
        (Encrypt, "EncryptionContext", "{\"a\":{}}", STRUCTURE),
        (ImportKeyMaterial, "ValidTo", "true", "TRUE_VALUE can not be converted to milliseconds since epoch"),
        (ImportKeyMaterial, "ValidTo", "\"soon\"", "STRING_VALUE can not be converted to milliseconds since epoch"),
        (Decrypt, "Recipient", "7", "Expected null"),
    ] {
        check(op, format!("{{\"{member}\":{value}}}"), serialization(text));
        // A wrong type is told before any constraint, wherever it stands.
        check(op, format!("{{\"KeyId\":\"\",\"{member}\":{value}}}"), serialization(text));
        check(op, format!("{{\"{member}\":{value},\"KeyId\":\"\"}}"), serialization(text));
    }
    for bad in ["!", "YQ", "YQ=", "YR==", "YQ==YQ==", " YQ==", "Y-__", "=", "Y\\u0000=="] {
        check(Encrypt, format!(r#"{{"KeyId":"a","Plaintext":"{bad}"}}"#), silent());
        check(Decrypt, format!(r#"{{"CiphertextBlob":"{bad}"}}"#), silent());
    }
}

#[test]
fn numbers_are_read_as_the_service_reads_them() {
    let limit = |body: &str| decode::<kms::ListKeysInput>(body.as_bytes()).map(|input| input.limit);
    for (number, expect) in [("7", 7), ("7.99", 7), ("1e2", 100), ("1.5E1", 15), ("1000", 1000), ("0.1e1", 1)] {
        assert_eq!(limit(&format!("{{\"Limit\":{number}}}")), Ok(Some(expect)), "{number}");
    }
    for (number, shown, edge) in [
        ("0", "0", "greater than or equal to 1"),
        ("-0", "0", "greater than or equal to 1"),
        ("0.999", "0", "greater than or equal to 1"),
        ("-5", "-5", "greater than or equal to 1"),
        ("1001", "1001", "less than or equal to 1000"),
        ("2147483648", "2147483648", "less than or equal to 1000"),
        ("99999999999999999999", "9223372036854775807", "less than or equal to 1000"),
        ("-1e400", "-9223372036854775808", "greater than or equal to 1"),
    ] {
        let message = format!(
            "1 validation error detected: Value '{shown}' at 'limit' failed to satisfy constraint: \
             Member must have value {edge}"
        );
        check(OpName::ListKeys, format!("{{\"Limit\":{number}}}"), validation(&message));
    }
}

#[test]
fn timestamps_come_in_many_forms() {
    let body = |value: &str| {
        format!(r#"{{"KeyId":"a","ImportToken":"YQ==","EncryptedKeyMaterial":"YQ==","ValidTo":{value}}}"#)
    };
    for (value, millis) in [
        ("1700000000", 1_700_000_000_000),
        ("1571767572.317", 1_571_767_572_317),
        ("1.499288695918E9", 1_499_288_695_918),
        ("1700000000.0004", 1_700_000_000_000),
        ("-1.5", -1500),
        ("\"2015-08-30T12:36:00.5Z\"", 1_440_938_160_500),
        ("1e300", 253_402_300_799_999),
        ("-1e400", -253_402_300_799_999),
    ] {
        let input = decode::<kms::ImportKeyMaterialInput>(body(value).as_bytes()).expect("valid");
        assert_eq!(input.valid_to.map(strongroom_core::world::Timestamp::as_millis), Some(millis), "{value}");
    }
}

#[test]
fn members_are_found_and_others_passed_over() {
    let body = r#"{"X":[{"a":[1,-2.5e3,true,false,null,"\u00e9"]}],"\u004beyId":"al\u0069as\/a","KeySpec":null,
        "NumberOfBytes" : 16 ,"EncryptionContext":{"a":"1","\ud83d\ude00":"\n","a":"2"},"GrantTokens":["t","u"],
        "keyId":5,"DryRun":true}"#;
    let input = decode::<kms::GenerateDataKeyInput>(body.as_bytes()).expect("valid");
    assert_eq!(input.key_id, "alias/a");
    assert_eq!((input.key_spec, input.number_of_bytes, input.dry_run), (None, Some(16), Some(true)));
    assert_eq!(input.grant_tokens, Some(vec!["t".into(), "u".into()]));
    let context = input.encryption_context.expect("present");
    assert_eq!(context.into_iter().collect::<Vec<_>>(), [("a".into(), "2".into()), ("😀".into(), "\n".into())]);

    // The last of two members counts, even where the first is wrong or the last is null.
    let input = decode::<kms::GenerateDataKeyInput>(br#"{"KeyId":"","KeyId":"b","KeySpec":"X","KeySpec":"AES_256"}"#);
    let input = input.expect("valid");
    assert_eq!((input.key_id.as_str(), input.key_spec), ("b", Some(DataKeySpec::Aes256)));
    let input = decode::<kms::ListKeysInput>(br#"{"Limit":5,"Limit":null}"#).expect("valid");
    assert_eq!(input.limit, None);
}

#[test]
fn blobs_and_secrets_are_decoded() {
    let body = br#"{"KeyId":"a","Plaintext":"aGVs\u0062G8\/","EncryptionAlgorithm":"RSAES_OAEP_SHA_1"}"#;
    let input = decode::<kms::EncryptInput>(body).expect("valid");
    assert_eq!(input.plaintext.expose(), b"hello?");
    assert_eq!(input.encryption_algorithm, Some(EncryptionAlgorithmSpec::RsaesOaepSha1));
    let body = br#"{"CustomKeyStoreId":"cks-1","KeyStorePassword":"pass\u0077ord"}"#;
    let input = decode::<kms::UpdateCustomKeyStoreInput>(body).expect("valid");
    let password = input.key_store_password.expect("present");
    assert_eq!(password.expose(), "password");
    assert!(!format!("{password:?}").contains("pass"));
}

#[test]
fn some_values_pass_that_no_key_can_offer() {
    let body = |algorithm: &str| format!(r#"{{"KeyId":"a","Message":"YQ==","SigningAlgorithm":"{algorithm}"}}"#);
    let sign =
        |algorithm: &str| decode::<kms::SignInput>(body(algorithm).as_bytes()).map(|input| input.signing_algorithm);
    assert_eq!(sign("SYMMETRIC_DEFAULT"), Ok(Admitted::Foreign("SYMMETRIC_DEFAULT")));
    assert_eq!(sign("ECDSA_SHA_256"), Ok(Admitted::Offered(SigningAlgorithmSpec::EcdsaSha256)));
    assert!(sign("symmetric_default").is_err());
}

#[test]
fn violations_are_told_all_at_once() {
    use OpName::*;
    check(
        Encrypt,
        "{}",
        validation(
            "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; \
             Value at 'plaintext' failed to satisfy constraint: Member must not be null",
        ),
    );
    check(
        GetPublicKey,
        r#"{"KeyId":""}"#,
        validation(
            "2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length \
             greater than or equal to 1; Value '' at 'keyId' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: ^\\p{ASCII}+$",
        ),
    );
    check(
        DescribeKey,
        r#"{"KeyId":"ключ"}"#,
        validation(
            "1 validation error detected: Value 'ключ' at 'keyId' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: ^\\p{ASCII}+$",
        ),
    );
    check(
        Verify,
        r#"{"KeyId":"a","SigningAlgorithm":null}"#,
        validation(
            "3 validation errors detected: Value at 'message' failed to satisfy constraint: Member must not be null; \
             Value null at 'signature' failed to satisfy constraint: Member must not be null; Value null at \
             'signingAlgorithm' failed to satisfy constraint: Member must not be null",
        ),
    );
    check(
        GenerateMac,
        r#"{"Message":"YQ==","KeyId":"a","MacAlgorithm":"HMAC_SHA_1"}"#,
        validation(
            "1 validation error detected: Value 'HMAC_SHA_1' at 'macAlgorithm' failed to satisfy constraint: Member must \
             satisfy enum value set: [HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]",
        ),
    );
    check(
        TagResource,
        r#"{"KeyId":"a","Tags":[{"TagKey":"a","TagValue":""},{"TagKey":"","TagValue":null},null]}"#,
        validation(
            "3 validation errors detected: Value '' at 'tags.2.member.tagKey' failed to satisfy constraint: Member must \
             have length greater than or equal to 1; Value null at 'tags.2.member.tagValue' failed to satisfy \
             constraint: Member must not be null; Value null at 'tags.3.member' failed to satisfy constraint: Member \
             must not be null",
        ),
    );
    check(
        UntagResource,
        r#"{"KeyId":"a","TagKeys":["a",""]}"#,
        validation(
            "1 validation error detected: Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must have length less than or equal to 128, Member must have length greater than or \
             equal to 1]",
        ),
    );
    check(
        ListKeys,
        r#"{"ResourceOwners":[]}"#,
        validation(
            "1 validation error detected: Value '[]' at 'resourceOwners' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        ),
    );
    check(
        ListKeys,
        r#"{"ResourceOwners":["SELF","ME"]}"#,
        validation(
            "1 validation error detected: Value '[SELF, ME]' at 'resourceOwners' failed to satisfy constraint: Member \
             must satisfy constraint: [Member must satisfy enum value set: [SELF, OTHER_ACCOUNTS_VIA_RAM]]",
        ),
    );
    check(
        CreateGrant,
        r#"{"KeyId":"a","Operations":["Sign"],"Constraints":{"EncryptionContextEquals":{"b":null,"a":"1"},"SourceArn":"arn"}}"#,
        validation(
            "3 validation errors detected: Value '{a=1, b=null}' at 'constraints.encryptionContextEquals' failed to \
             satisfy constraint: Map value must satisfy constraint: [Member must not be null]; Value 'arn' at \
             'constraints.sourceArn' failed to satisfy constraint: Member must have length greater than or equal to 20; \
             Value 'arn' at 'constraints.sourceArn' failed to satisfy constraint: Member must satisfy regular expression \
             pattern: ^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
        ),
    );
    check(
        Decrypt,
        format!(r#"{{"CiphertextBlob":"{}"}}"#, base64_simd::STANDARD.encode_to_string([0; 6145])),
        validation(
            "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=6145 cap=6145]' at 'ciphertextBlob' \
             failed to satisfy constraint: Member must have length less than or equal to 6144",
        ),
    );
}

#[test]
fn sensitive_values_are_in_no_message() {
    let plaintext = base64_simd::STANDARD.encode_to_string("attack at dawn".repeat(400));
    check(
        OpName::Encrypt,
        format!(r#"{{"KeyId":"a","Plaintext":"{plaintext}"}}"#),
        validation(
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less \
             than or equal to 4096",
        ),
    );
    check(
        OpName::UpdateCustomKeyStore,
        r#"{"CustomKeyStoreId":"c","KeyStorePassword":"secret","XksProxyAuthenticationCredential":
            {"AccessKeyId":"ABCDEFGHIJKLMNOPQRS1","RawSecretAccessKey":null}}"#,
        validation(
            "3 validation errors detected: Value at 'keyStorePassword' failed to satisfy constraint: Member must have \
             length greater than or equal to 7; Value at 'xksProxyAuthenticationCredential.accessKeyId' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: ^[A-Z2-7]+$; Value at \
             'xksProxyAuthenticationCredential.rawSecretAccessKey' failed to satisfy constraint: Member must not be null",
        ),
    );
}

#[test]
fn messages_are_bounded() {
    let message = |op, body: String| match decode_any(op, body.as_bytes()) {
        Err(BadRequest::Validation(message)) => message,
        other => panic!("{other:?}"),
    };
    // Values up to the limit are whole: 2,049 characters are one too many, and are still shown.
    let key_id = "k".repeat(2049);
    let shown = message(OpName::DescribeKey, format!(r#"{{"KeyId":"{key_id}"}}"#));
    assert!(shown.contains(&format!("Value '{key_id}' at")), "{shown}");
    let long = message(OpName::DescribeKey, format!(r#"{{"KeyId":"{}"}}"#, "é".repeat(600_000)));
    assert!(long.starts_with("2 validation errors detected: Value 'éé") && long.len() <= 4 << 20, "{}", long.len());
    assert!(long.contains("é...' at 'keyId' failed to satisfy constraint: Member must have length less"));
    let tags = vec!["{}"; 50_000].join(",");
    let many = message(OpName::TagResource, format!(r#"{{"KeyId":"a","Tags":[{tags}]}}"#));
    assert!(many.starts_with("100000 validation errors detected: Value null at 'tags.1.member.tagKey'"), "{many}");
    assert!(many.len() <= 16_384, "what is beyond the first hundred is counted: {}", many.len());
    let tokens = vec!["\"tttttttttttttttt\""; 10_000].join(",");
    let list = message(OpName::DescribeKey, format!(r#"{{"KeyId":"a","GrantTokens":[{tokens}]}}"#));
    assert!(
        list.len() <= 4 << 20
            && list.ends_with(
                "' at 'grantTokens' failed to satisfy constraint: Member must have \
        length less than or equal to 10"
            ),
        "{list}"
    );
}
