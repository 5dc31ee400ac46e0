//! What is a policy, what is not, and how one is printed.

use strongroom_authz::policy::model::{Document, PolicyKind};
use strongroom_authz::policy::{Policy, quota_chars};

const DEFAULT_POLICY: &str = r#"{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::111122223333:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"#;

#[test]
fn policies_are_printed_as_get_key_policy_prints_them() {
    let compact: String = DEFAULT_POLICY.lines().map(str::trim).collect::<String>().replace(" : ", ":");
    check(&compact, DEFAULT_POLICY);
    check(
        r#"{"Statement":{"Resource":["*"],"Principal":"*","Effect":"Deny","NotAction":["kms:Encrypt","kms:Decrypt"],
            "Condition":{"StringEquals":{"kms:ViaService":["a","b\"\\\n\u00e9\u4e2d\ud83d\ude00"],"kms:CallerAccount":1},"Bool":{"aws:SecureTransport":false}}}}"#,
        r#"{
  "Statement" : [ {
    "Effect" : "Deny",
    "Principal" : {
      "AWS" : "*"
    },
    "NotAction" : [ "kms:Encrypt", "kms:Decrypt" ],
    "Resource" : "*",
    "Condition" : {
      "StringEquals" : {
        "kms:ViaService" : [ "a", "b\"\\\né\u4e2d\ud83d\ude00" ],
        "kms:CallerAccount" : "1"
      },
      "Bool" : {
        "aws:SecureTransport" : "false"
      }
    }
  } ]
}"#,
    );
    check(
        r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{}},
            {"Effect":"Allow","Principal":{"Service":"a.b","AWS":["111122223333","444455556666"]},"Action":[]}]}"#,
        r#"{
  "Version" : "2008-10-17",
  "Statement" : [ {
    "Effect" : "Allow",
    "Principal" : { }
  }, {
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : [ "111122223333", "444455556666" ],
      "Service" : "a.b"
    },
    "Action" : [ ]
  } ]
}"#,
    );

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let policy = Policy::parse(PolicyKind::Key, text).expect("a key policy");
        assert_eq!(policy.canonical_text(), expect);
        // What was printed is read back as the same.
        let again = Policy::parse(PolicyKind::Key, expect).expect("what was printed");
        assert_eq!(again.canonical_text(), expect);
    }
}

#[test]
fn what_is_malformed_is_refused_with_its_reason() {
    use PolicyKind::{Identity, Key, Trust};
    let key = |statement: &str| format!(r#"{{"Statement":{{{statement}}}}}"#);
    let body = r#""Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*""#;
    let identity = r#""Effect":"Allow","Action":"kms:*","Resource":"*""#;
    let trust = r#""Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole""#;
    let condition = |text: &str| key(&format!(r#"{body},"Condition":{text}"#));

    check(Key, "", "This policy contains invalid Json");
    check(Key, "[]", "Syntax errors in policy: invalid value for policy.");
    check(Key, r#""text""#, "Syntax errors in policy: invalid value for policy.");
    check(Key, "{\"Statement\":\u{1}}", "The policy contains characters that are not allowed.");
    check(Key, "{\"Id\":\"\u{100}\"}", "The policy contains characters that are not allowed.");
    check(Key, r#"{"Id":"\udc00"}"#, "This policy contains invalid Json");
    check(Key, "{}", "Missing required field Statement");
    check(Key, r#"{"Statement":[]}"#, "Missing required field Statement");
    check(Key, r#"{"Statement":[1]}"#, "Syntax errors in policy: invalid value for Statement.");
    check(Key, r#"{"Statement":null}"#, "Syntax errors in policy: invalid value for Statement.");
    check(
        Key,
        &format!(r#"{{"Version":"2020-01-01","Statement":{{{body}}}}}"#),
        "The policy must contain a valid version string",
    );
    check(
        Key,
        &format!(r#"{{"Version":2012,"Statement":{{{body}}}}}"#),
        "Syntax errors in policy: invalid value for Version.",
    );
    check(
        Key,
        &format!(r#"{{"version":"2012-10-17","Statement":{{{body}}}}}"#),
        "Syntax errors in policy: unknown element \"version\".",
    );
    check(Key, &key(&format!(r#"{body},"Effects":1"#)), "Syntax errors in policy: unknown element \"Effects\".");
    check(Key, &key(r#""Principal":"*""#), "Missing required field Effect");
    check(Key, &key(r#""Effect":"allow","Principal":"*""#), "Invalid effect: allow");
    check(
        Key,
        &key(&format!(r#"{body},"Effect":"Deny""#)),
        "This policy contains invalid Json: the key \"Effect\" occurs more than once",
    );
    check(
        Key,
        &key(&format!(r#"{body},"NotAction":"kms:*""#)),
        "Syntax errors in policy: a statement has both Action and NotAction.",
    );
    check(
        Key,
        &key(&format!(r#"{body},"NotResource":"*""#)),
        "Syntax errors in policy: a statement has both Resource and NotResource.",
    );
    check(
        Key,
        &key(r#""Effect":"Deny","Principal":"*","NotPrincipal":"*""#),
        "Syntax errors in policy: a statement has both Principal and NotPrincipal.",
    );
    check(
        Key,
        &key(r#""Effect":"Deny","Principal":"*","NotAction":[]"#),
        "Syntax errors in policy: NotAction must not be empty.",
    );
    check(
        Key,
        &key(r#""Effect":"Deny","Principal":"*","NotResource":[]"#),
        "Syntax errors in policy: NotResource must not be empty.",
    );
    check(
        Key,
        &key(r#""Effect":"Deny","NotPrincipal":{}"#),
        "Syntax errors in policy: NotPrincipal must not be empty.",
    );
    check(Key, &key(r#""Effect":"Allow","NotPrincipal":"*""#), "NotPrincipal is not supported with the Allow effect.");

    let invalid_principals = "Policy contains a statement with one or more invalid principals.";
    check(Key, &key(r#""Effect":"Allow","Action":"kms:*""#), invalid_principals);
    for principal in [
        r#""ann""#,
        r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#,
        r#"{"AWS":"arn:aws:iam::1111*3333:root"}"#,
        r#"{"AWS":["111122223333","*a"]}"#,
        r#"{"Service":"*"}"#,
        r#"{"Federated":"*"}"#,
        r#"{"CanonicalUser":"79a59d"}"#,
    ] {
        check(Key, &key(&format!(r#""Effect":"Allow","Principal":{principal}"#)), invalid_principals);
    }
    check(
        Key,
        &key(r#""Effect":"Allow","Principal":{"aws":"*"}"#),
        "Syntax errors in policy: unknown element \"aws\".",
    );
    check(Key, &key(r#""Effect":"Allow","Principal":["*"]"#), "Syntax errors in policy: invalid value for Principal.");
    check(
        Key,
        &key(r#""Effect":"Allow","Principal":{"AWS":7}"#),
        "Syntax errors in policy: invalid value for Principal.",
    );

    let vendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
    let action = |action: &str| key(&format!(r#""Effect":"Allow","Principal":"*","Action":{action}"#));
    check(Key, &action(r#""Encrypt""#), vendor);
    check(Key, &action(r#""kms:""#), vendor);
    check(Key, &action(r#""k*:Encrypt""#), "Vendor k* is not valid");
    check(Key, &action(r#"[["kms:Encrypt"]]"#), "Syntax errors in policy: invalid value for Action.");
    check(Key, &action("{}"), "Syntax errors in policy: invalid value for Action.");
    let resource = |resource: &str| key(&format!(r#""Effect":"Allow","Principal":"*","Resource":"{resource}""#));
    check(Key, &resource("key/x"), "Resource key/x must be in ARN format or \"*\".");
    check(Key, &resource("**"), "Resource ** must be in ARN format or \"*\".");

    check(Key, &condition("[]"), "Syntax errors in policy: invalid value for Condition.");
    check(Key, &condition(r#"{"StringEquals":"x"}"#), "Syntax errors in policy: invalid value for Condition.");
    check(Key, &condition(r#"{"StringEquals":{"aws:x":{}}}"#), "Syntax errors in policy: invalid value for Condition.");
    check(
        Key,
        &condition(r#"{"StringEquals":{"aws:x":null}}"#),
        "Syntax errors in policy: invalid value for Condition.",
    );
    check(Key, &condition(r#"{"StringMatches":{"aws:x":"y"}}"#), "Invalid Condition type : StringMatches.");
    check(Key, &condition(r#"{"stringequals":{"aws:x":"y"}}"#), "Invalid Condition type : stringequals.");
    check(Key, &condition(r#"{"NullIfExists":{"aws:x":"true"}}"#), "Invalid Condition type : NullIfExists.");
    check(
        Key,
        &condition(r#"{"ForEachValue:StringEquals":{"aws:x":"y"}}"#),
        "Invalid Condition type : ForEachValue:StringEquals.",
    );
    check(Key, &condition(r#"{"StringEquals":{"username":"y"}}"#), vendor);
    for (operator, value) in [
        ("NumericEquals", "ten"),
        ("NumericLessThan", "1e3"),
        ("DateEquals", "2026-02-30"),
        ("DateLessThan", "yesterday"),
        ("Bool", "yes"),
        ("Null", "maybe"),
        ("Null", "${aws:userid}"),
        ("BinaryEquals", "not base64"),
        ("IpAddress", "10.0.0.0/33"),
        ("NotIpAddress", "10.0.0"),
        ("NumericEquals", "${aws:EpochTime}"),
    ] {
        let expect = format!("Invalid value \"{value}\" for the condition type {operator}.");
        check(Key, &condition(&format!(r#"{{"{operator}":{{"aws:x":"{value}"}}}}"#)), &expect);
    }
    let newer = |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":{{{statement}}}}}"#);
    check(
        Identity,
        &newer(r#""Effect":"Allow","Action":"*","Resource":"arn:aws:kms:us-east-1:${aws:PrincipalAccount}:key/*""#),
        "Invalid policy variable: arn:aws:kms:us-east-1:${aws:PrincipalAccount}:key/*",
    );
    check(
        Identity,
        &newer(r#""Effect":"Allow","Action":"*","Resource":"arn:aws:kms:us-east-1:111122223333:alias/${x""#),
        "Invalid policy variable: ${x",
    );

    check(Identity, &key(&format!(r#"{identity},"Principal":"*""#)), "Policy document should not specify a principal.");
    check(
        Identity,
        &key(&format!(r#"{identity},"NotPrincipal":"*""#)),
        "Policy document should not specify a principal.",
    );
    check(Identity, &key(r#""Effect":"Allow","Resource":"*""#), "Policy statement must contain actions.");
    check(Identity, &key(r#""Effect":"Allow","Action":"kms:*""#), "Policy statement must contain resources.");
    check(
        Identity,
        &key(&format!(r#"{identity},"Sid":"two words""#)),
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    );
    check(
        Identity,
        &format!(r#"{{"Statement":[{{{identity},"Sid":"a"}},{{{identity},"Sid":"a"}}]}}"#),
        "Statement IDs (SID) in a single policy must be unique.",
    );
    check(Trust, &key(r#""Effect":"Allow","Action":"sts:AssumeRole""#), "Missing required field Principal");
    check(Trust, &key(&format!(r#"{trust},"Resource":"*""#)), "Has prohibited field Resource");
    check(
        Trust,
        &key(r#""Effect":"Deny","NotPrincipal":"*","Action":"sts:AssumeRole""#),
        "Has prohibited field NotPrincipal",
    );
    check(
        Trust,
        &key(r#""Effect":"Allow","Principal":"*","Action":"kms:Encrypt""#),
        "AssumeRole policy may only specify STS AssumeRole actions.",
    );
    check(
        Trust,
        &key(r#""Effect":"Allow","Principal":"*","Action":"*""#),
        "AssumeRole policy may only specify STS AssumeRole actions.",
    );
    check(
        Trust,
        &key(r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},"Action":"sts:AssumeRole""#),
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:user/*\"",
    );

    #[track_caller]
    fn check(kind: PolicyKind, text: &str, expect: &str) {
        let error = Policy::parse(kind, text).expect_err(text);
        assert_eq!(error.to_string(), expect, "{text}");
    }
}

#[test]
fn what_the_grammar_allows_is_accepted() {
    use PolicyKind::{Identity, Key, Trust};
    check(Key, DEFAULT_POLICY);
    check(Key, r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"}}}"#);
    check(
        Key,
        r#"{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"NotAction":"kms:*","NotResource":"arn:aws:kms:*"}]}"#,
    );
    check(
        Key,
        r#"{"Statement":{"Sid":"two words","Effect":"Allow","Principal":{"AWS":[],"Service":["a.b","c.d"]},"Action":[]}}"#,
    );
    check(
        Key,
        r#"{"Statement":[{"Sid":"a","Effect":"Allow","Principal":"*"},{"Sid":"a","Effect":"Allow","Principal":"*"}]}"#,
    );
    check(
        Key,
        &format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{{"CanonicalUser":"{}"}}}}}}"#, "a1".repeat(32)),
    );
    check(
        Identity,
        r#"{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Allow","Action":"*:*","Resource":["*","arn:aws:kms"]}}"#,
    );
    check(
        Identity,
        r#"{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:x":true},"NumericEquals":{"aws:x":[1,2.5]},"StringEquals":{}}}}"#,
    );
    check(
        Trust,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/id.example.com/a"},"Action":"sts:AssumeRoleWithWebIdentity"}}"#,
    );
    check(
        Trust,
        r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"AROAAPPAPPAPPAPPAPPA"},"Action":["sts:AssumeRole","STS:TagSession"]}}"#,
    );

    #[track_caller]
    fn check(kind: PolicyKind, text: &str) {
        let policy = Policy::parse(kind, text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let printed = policy.canonical_text();
        assert_eq!(Document::parse(kind, &printed).as_ref(), Ok(policy.document()), "{printed}");
    }
}

#[test]
fn principals_are_bound_to_unique_ids_and_back() {
    let text = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:user/ann","*"],"Service":"a.b"}}}"#;
    let policy = Policy::parse(PolicyKind::Key, text).expect("a key policy");
    let ann = "arn:aws:iam::111122223333:user/ann";
    let stored = policy
        .with_principals(&mut |name| (name == ann).then(|| "AIDAANNANNANNANNANNA".into()))
        .expect("an id is a principal");
    let names: Vec<&str> = stored.principals().map(|principal| &*principal.name).collect();
    assert_eq!(names, ["AIDAANNANNANNANNANNA", "*", "a.b"]);
    let shown = stored
        .with_principals(&mut |name| name.starts_with("AIDA").then(|| ann.into()))
        .expect("an ARN is a principal");
    assert_eq!(shown, policy);
    assert!(policy.with_principals(&mut |_| Some("nobody".into())).is_err());
}

#[test]
fn quotas_do_not_count_white_space() {
    assert_eq!(quota_chars(" { \"a\" :\n\t1 } "), 7);
}
