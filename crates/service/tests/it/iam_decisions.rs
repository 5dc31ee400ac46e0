//! What identity policies decide about IAM itself: resources, condition keys, boundaries; and what a change is worth.

use strongroom_store::MemoryStore;

use crate::iam_strangers::{expect, key_of, nobody, root};
use crate::kms::TestKms;

/// Gives `who` one inline policy.
fn may(kms: &TestKms, who: &str, statement: &str) {
    let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    let document: String = document.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!("PutUserPolicy&UserName={who}&PolicyName=p&PolicyDocument={document}");
    expect(&kms.iam(Some(&root()), &form), None);
}

/// One statement, and for each call whether it lets it through.
#[track_caller]
fn check(statement: &str, calls: &[(&str, bool)]) {
    let kms = TestKms::new();
    let ann = nobody(&kms, "ann");
    for form in [
        "CreateUser&UserName=x&Path=/team/&Tags.member.1.Key=Dept&Tags.member.1.Value=one",
        "CreateUser&UserName=y",
        "CreateGroup&GroupName=g",
    ] {
        expect(&kms.iam(Some(&root()), form), None);
    }
    may(&kms, "ann", statement);
    for (form, is_allowed) in calls {
        let reply = kms.iam(Some(&ann), form);
        let failure = (reply.status != 200).then(|| reply.get("Code").unwrap());
        assert_ne!(failure.as_deref() == Some("AccessDenied"), *is_allowed, "{form}: {reply:?}");
    }
}

#[test]
fn resources_and_conditions() {
    let allow = |action: &str, rest: &str| format!(r#"{{"Effect":"Allow","Action":"{action}"{rest}}}"#);
    let resource = |arn: &str| format!(r#","Resource":"arn:aws:iam::111122223333:{arn}""#);
    let when = |operator: &str, key: &str, value: &str| {
        format!(r#","Resource":"*","Condition":{{"{operator}":{{"{key}":"{value}"}}}}"#)
    };
    check(
        &allow("iam:GetUser", &resource("user/team/*")),
        &[("GetUser&UserName=x", true), ("GetUser&UserName=y", false), ("GetUser&UserName=none", false)],
    );
    check(
        &allow("iam:GetUser", &resource("user/${aws:username}")),
        &[("GetUser", true), ("GetUser&UserName=x", false)],
    );
    check(
        &allow("iam:*", &when("StringEquals", "iam:ResourceTag/Dept", "one")),
        &[("GetUser&UserName=x", true), ("GetUser&UserName=y", false)],
    );
    check(
        &allow("iam:*", &when("StringEquals", "aws:ResourceTag/Dept", "one")),
        &[("GetUser&UserName=x", true), ("GetUser&UserName=y", false)],
    );
    check(
        &allow("iam:Attach*", &when("ArnEquals", "iam:PolicyARN", "arn:aws:iam::aws:policy/ReadOnlyAccess")),
        &[
            ("AttachUserPolicy&UserName=y&PolicyArn=arn:aws:iam::aws:policy/ReadOnlyAccess", true),
            ("AttachUserPolicy&UserName=y&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess", false),
        ],
    );
    check(
        &allow("iam:*", &when("StringEquals", "aws:RequestTag/Dept", "two")),
        &[
            ("CreateUser&UserName=a", false),
            ("CreateUser&UserName=a&Tags.member.1.Key=Dept&Tags.member.1.Value=one", false),
            ("CreateUser&UserName=a&Tags.member.1.Key=dept&Tags.member.1.Value=two", true),
            ("TagUser&UserName=y&Tags.member.1.Key=Dept&Tags.member.1.Value=two", true),
        ],
    );
    // Who may create may not therefore tag.
    check(
        &allow("iam:CreateUser", r#","Resource":"*""#),
        &[("CreateUser&UserName=a", true), ("CreateUser&UserName=b&Tags.member.1.Key=a&Tags.member.1.Value=b", false)],
    );
    check(
        &allow("iam:Untag*", &when("ForAllValues:StringEquals", "aws:TagKeys", "Dept")),
        &[
            ("UntagUser&UserName=x&TagKeys.member.1=Dept", true),
            ("UntagUser&UserName=x&TagKeys.member.1=Dept&TagKeys.member.2=Other", false),
        ],
    );
    // Moving needs the right to both places.
    check(
        &allow("iam:UpdateUser", &resource("user/team/*")),
        &[("UpdateUser&UserName=x&NewPath=/other/", false), ("UpdateUser&UserName=x&NewPath=/team/a/", true)],
    );
    // Those who are made, and changed, must have a boundary: how administration is delegated.
    check(
        &allow("iam:*", &when("ArnEquals", "iam:PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess")),
        &[
            ("CreateUser&UserName=a", false),
            ("CreateUser&UserName=a&PermissionsBoundary=arn:aws:iam::aws:policy/AdministratorAccess", false),
            ("CreateUser&UserName=a&PermissionsBoundary=arn:aws:iam::aws:policy/ReadOnlyAccess", true),
            ("AttachUserPolicy&UserName=y&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess", false),
            ("AttachUserPolicy&UserName=a&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess", true),
            ("PutUserPermissionsBoundary&UserName=a&PermissionsBoundary=arn:aws:iam::aws:policy/IAMFullAccess", false),
        ],
    );
}

#[test]
fn policies_of_the_service_belong_to_nobody() {
    let kms = TestKms::new();
    for op in [
        "DeletePolicy",
        "CreatePolicyVersion",
        "SetDefaultPolicyVersion",
        "DeletePolicyVersion",
        "TagPolicy",
        "UntagPolicy",
    ] {
        let rest = match op {
            "CreatePolicyVersion" => "&PolicyDocument=x",
            "SetDefaultPolicyVersion" | "DeletePolicyVersion" => "&VersionId=v1",
            "TagPolicy" => "&Tags.member.1.Key=a&Tags.member.1.Value=b",
            "UntagPolicy" => "&TagKeys.member.1=a",
            _ => "",
        };
        let form = format!("{op}&PolicyArn=arn:aws:iam::aws:policy/ReadOnlyAccess{rest}");
        assert_eq!(kms.iam(Some(&root()), &form).failure(), (403, "AccessDenied".to_owned()), "{op}");
    }
}

/// What was answered is there after a restart, and what was taken back is not.
#[test]
fn changes_are_there_after_a_restart() {
    let kms = TestKms::over(std::sync::Arc::new(MemoryStore::new()));
    let ann = nobody(&kms, "ann");
    may(&kms, "ann", r#"{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}"#);
    let second = key_of(&kms, "ann");
    let form = format!("UpdateAccessKey&UserName=ann&AccessKeyId={}&Status=Inactive", second.access_key_id);
    expect(&kms.iam(Some(&root()), &form), None);
    expect(&kms.iam(Some(&root()), "UpdateUser&UserName=ann&NewUserName=anna&NewPath=/team/"), None);
    for kms in [kms.restarted(), kms] {
        let reply = kms.iam(Some(&ann), "GetUser");
        assert_eq!(reply.get("Arn").as_deref(), Some("arn:aws:iam::111122223333:user/team/anna"), "{reply:?}");
        let refused = kms.iam(Some(&second), "GetUser");
        assert_eq!(refused.failure(), (403, "InvalidClientTokenId".to_owned()));
    }
}

/// Two nodes over one store: the later change is decided on what the earlier one left.
#[test]
fn two_nodes_lose_no_change() {
    let one = TestKms::over(std::sync::Arc::new(MemoryStore::new()));
    let other = one.restarted();
    // Both have the account in memory.
    for kms in [&one, &other] {
        expect(&kms.iam(Some(&root()), "GetUser&UserName=alice"), None);
    }
    expect(&one.iam(Some(&root()), "CreateUser&UserName=x"), None);
    expect(&other.iam(Some(&root()), "CreateUser&UserName=y"), None);
    let taken = Some((409, "EntityAlreadyExists", "User with name X already exists."));
    expect(&other.iam(Some(&root()), "CreateUser&UserName=X"), taken);
    for name in ["x", "y"] {
        expect(&other.iam(Some(&root()), &format!("GetUser&UserName={name}")), None);
    }
    expect(&one.iam(Some(&root()), "DeleteUser&UserName=y"), None);
    expect(&one.restarted().iam(Some(&root()), "GetUser&UserName=x"), None);
}
