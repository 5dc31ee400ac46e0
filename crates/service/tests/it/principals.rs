//! Users and roles that key policies and grants name: those of known accounts must exist.

use serde_json::json;
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};

use crate::fixtures::{allow, allow_account, policy};
use crate::kms::{OWNER, TestKms, expect_code};

/// Principals, and whether they can be named.
const PRINCIPALS: &[(&str, bool)] = &[
    ("arn:aws:iam::111122223333:root", true),
    ("111122223333", true),
    ("arn:aws:iam::111122223333:user/bob", true),
    ("arn:aws:iam::444455556666:user/bob", true),
    ("arn:aws:iam::111122223333:user/Bob", false),
    ("arn:aws:iam::111122223333:user/team/bob", false),
    ("arn:aws:iam::111122223333:user/carol", false),
    ("arn:aws:iam::444455556666:user/carol", false),
    ("arn:aws:iam::111122223333:role/bob", false),
    ("arn:aws:sts::111122223333:assumed-role/app/one", false),
    // Nobody of this partition has an ARN of another one.
    ("arn:aws-cn:iam::111122223333:user/bob", false),
    ("arn:aws-cn:iam::111122223333:root", false),
    ("arn:aws-us-gov:iam::777788889999:user/carol", false),
    // Accounts that are not known here are taken at their word.
    ("arn:aws:iam::777788889999:user/carol", true),
    ("arn:aws:sts::777788889999:assumed-role/app/one", true),
    ("*", true),
];

#[test]
fn key_policies_name_who_exists() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    for (principal, exists) in PRINCIPALS {
        let document = policy(&[allow_account(), allow(principal, "kms:Decrypt")]);
        let expect = (!exists).then_some("MalformedPolicyDocumentException");
        let put = kms.with_key(&key, OpName::PutKeyPolicy, &json!({"Policy": document}));
        expect_code(&put, expect, principal);
        if let Err((_, message)) = &put {
            let text = "Policy contains a statement with one or more invalid principals.";
            assert_eq!(message.as_deref(), Some(text));
        }
        expect_code(&kms.call(OpName::CreateKey, &json!({"Policy": document})), expect, principal);
        let shown = kms.with_key(&key, OpName::GetKeyPolicy, &json!({})).unwrap();
        assert_eq!(shown["Policy"].as_str().unwrap().contains(&format!("\"{principal}\"")), *exists, "{principal}");
    }
}

#[test]
fn grants_name_who_exists() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let bob = "arn:aws:iam::111122223333:user/bob";
    for (principal, exists) in PRINCIPALS.iter().filter(|(principal, _)| principal.starts_with("arn:")) {
        let expect = (!exists).then_some("InvalidArnException");
        for body in [
            json!({"GranteePrincipal": principal, "Operations": ["Decrypt"]}),
            json!({"GranteePrincipal": bob, "RetiringPrincipal": principal, "Operations": ["Decrypt"]}),
        ] {
            expect_code(&kms.with_key(&key, OpName::CreateGrant, &body), expect, principal);
        }
    }
    let shown = kms.with_key(&key, OpName::ListGrants, &json!({"GranteePrincipal": bob})).unwrap();
    for grant in shown["Grants"].as_array().unwrap() {
        assert_eq!(grant["GranteePrincipal"], bob);
    }
}

#[test]
fn each_partition_has_names_of_its_own() {
    let kms = TestKms::new();
    for (region, partition, other) in [("cn-north-1", "aws-cn", "aws"), ("us-east-1", "aws", "aws-cn")] {
        let root = format!("arn:{partition}:iam::111122223333:root");
        let document = |partition: &str| {
            policy(&[
                allow(&root, "kms:*"),
                allow(&format!("arn:{partition}:iam::111122223333:user/bob"), "kms:Decrypt"),
            ])
        };
        let create = |partition| kms.call_as(OWNER, region, OpName::CreateKey, &json!({"Policy": document(partition)}));
        expect_code(&create(partition), None, region);
        expect_code(&create(other), Some("MalformedPolicyDocumentException"), region);
    }
}
