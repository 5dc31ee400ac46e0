//! What IAM refuses, in AWS's words: calls of the root user, one after the other, each with what it is refused with.

use std::fmt::Write as _;

use crate::iam_strangers::{expect, root};
use crate::kms::TestKms;

const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const POLICY: &str = "arn:aws:iam::111122223333:policy/p";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/a.example";

type Failure = Option<(u16, &'static str, &'static str)>;

/// A trust policy that names somebody.
fn trust(principal: &str) -> String {
    let statement = format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}"#);
    format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#)
}

/// A value as a form has it.
fn escaped(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        write!(out, "%{byte:02X}").unwrap();
        out
    })
}

/// The form with its placeholders filled in.
fn form(text: &str) -> String {
    text.replace("ALLOW", &escaped(ALLOW))
        .replace("TRUST_GONE", &escaped(&trust("arn:aws:iam::111122223333:user/gone")))
        .replace("TRUST", &escaped(&trust("111122223333")))
        .replace("POLICY", POLICY)
        .replace("PROVIDER", PROVIDER)
}

#[track_caller]
fn check(rows: &[(&str, Failure)]) {
    let kms = TestKms::new();
    for (text, failure) in rows {
        expect(&kms.iam(Some(&root()), &form(text)), *failure);
    }
}

const fn gone(text: &'static str) -> Failure {
    Some((404, "NoSuchEntity", text))
}

const fn exists(text: &'static str) -> Failure {
    Some((409, "EntityAlreadyExists", text))
}

const fn conflict(text: &'static str) -> Failure {
    Some((409, "DeleteConflict", text))
}

const fn limit(text: &'static str) -> Failure {
    Some((409, "LimitExceeded", text))
}

const fn malformed(text: &'static str) -> Failure {
    Some((400, "MalformedPolicyDocument", text))
}

const fn invalid(text: &'static str) -> Failure {
    Some((400, "InvalidInput", text))
}

#[test]
fn what_is_not_there() {
    let user = gone("The user with name x cannot be found.");
    let group = gone("The group with name x cannot be found.");
    let role = gone("The role with name x cannot be found.");
    let boundary = gone("Scope ARN: arn:aws:iam::111122223333:policy/p does not exist or is not attachable.");
    check(&[
        ("GetUser&UserName=x", user),
        ("DeleteUser&UserName=x", user),
        ("UpdateUser&UserName=x&NewPath=/a/", user),
        ("CreateAccessKey&UserName=x", user),
        ("ListUserTags&UserName=x", user),
        ("PutUserPolicy&UserName=x&PolicyName=p&PolicyDocument=ALLOW", user),
        ("ListGroupsForUser&UserName=x", user),
        ("GetGroup&GroupName=x", group),
        ("AddUserToGroup&GroupName=x&UserName=alice", group),
        ("AttachGroupPolicy&GroupName=x&PolicyArn=POLICY", group),
        ("GetRole&RoleName=x", role),
        ("UpdateAssumeRolePolicy&RoleName=x&PolicyDocument=TRUST", role),
        ("DeleteRole&RoleName=x", role),
        ("GetUserPolicy&UserName=alice&PolicyName=p", gone("The user policy with name p cannot be found.")),
        ("DeleteUserPolicy&UserName=alice&PolicyName=p", gone("The user policy with name p cannot be found.")),
        ("GetPolicy&PolicyArn=POLICY", gone("Policy arn:aws:iam::111122223333:policy/p was not found.")),
        (
            "AttachUserPolicy&UserName=alice&PolicyArn=POLICY",
            gone("Policy arn:aws:iam::111122223333:policy/p does not exist or is not attachable."),
        ),
        (
            "DetachUserPolicy&UserName=alice&PolicyArn=arn:aws:iam::aws:policy/IAMFullAccess",
            gone("Policy arn:aws:iam::aws:policy/IAMFullAccess was not found."),
        ),
        ("PutUserPermissionsBoundary&UserName=alice&PermissionsBoundary=POLICY", boundary),
        ("CreateUser&UserName=new&PermissionsBoundary=POLICY", boundary),
        ("GetUser&UserName=new", gone("The user with name new cannot be found.")),
        (
            "DeleteUserPermissionsBoundary&UserName=alice",
            gone("User alice does not have a permission boundary attached."),
        ),
        (
            "DeleteAccessKey&UserName=alice&AccessKeyId=AKIA0000000000000000",
            gone("The Access Key with id AKIA0000000000000000 cannot be found."),
        ),
        (
            "GetOpenIDConnectProvider&OpenIDConnectProviderArn=PROVIDER",
            gone("OpenIDConnect Provider not found for arn arn:aws:iam::111122223333:oidc-provider/a.example"),
        ),
        ("DeleteOpenIDConnectProvider&OpenIDConnectProviderArn=PROVIDER", None),
        ("CreateGroup&GroupName=x", None),
        ("RemoveUserFromGroup&GroupName=x&UserName=alice", gone("User alice not in group x")),
        ("CreatePolicy&PolicyName=p&PolicyDocument=ALLOW", None),
        (
            "GetPolicyVersion&PolicyArn=POLICY&VersionId=v2",
            gone("Policy arn:aws:iam::111122223333:policy/p version v2 does not exist or is not attachable."),
        ),
        (
            "GetPolicy&PolicyArn=arn:aws:iam::111122223333:policy/P",
            gone("Policy arn:aws:iam::111122223333:policy/P was not found."),
        ),
        (
            "GetPolicy&PolicyArn=arn:aws:iam::111122223333:policy/a/p",
            gone("Policy arn:aws:iam::111122223333:policy/a/p was not found."),
        ),
    ]);
}

#[test]
fn what_is_there_already() {
    check(&[
        ("CreateUser&UserName=X", None),
        ("CreateUser&UserName=x", exists("User with name x already exists.")),
        ("UpdateUser&UserName=x&NewUserName=ALICE", exists("User with name ALICE already exists.")),
        ("UpdateUser&UserName=X&NewUserName=x", None),
        ("CreateGroup&GroupName=X", None),
        ("CreateGroup&GroupName=x&Path=/a/", exists("Group with name x already exists.")),
        ("CreateRole&RoleName=X&AssumeRolePolicyDocument=TRUST", None),
        ("CreateRole&RoleName=x&AssumeRolePolicyDocument=TRUST", exists("Role with name x already exists.")),
        ("CreatePolicy&PolicyName=P&PolicyDocument=ALLOW", None),
        (
            "CreatePolicy&PolicyName=p&Path=/a/&PolicyDocument=ALLOW",
            exists("A policy called p already exists. Duplicate names are not allowed."),
        ),
        ("CreateOpenIDConnectProvider&Url=https://a.example", None),
        (
            "CreateOpenIDConnectProvider&Url=https://a.example",
            exists("Provider with url https://a.example already exists."),
        ),
    ]);
}

#[test]
fn what_something_still_belongs_to() {
    let attached = conflict("Cannot delete entity, must detach all policies first.");
    let inline = conflict("Cannot delete entity, must delete policies first.");
    let keys = conflict("Cannot delete entity, must delete access keys first.");
    let members = conflict("Cannot delete entity, must remove users from group first.");
    check(&[
        ("DeleteUser&UserName=alice", attached),
        ("DetachUserPolicy&UserName=alice&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess", None),
        // Alice has an access key of the configuration.
        ("DeleteUser&UserName=alice", keys),
        ("CreateUser&UserName=x", None),
        ("PutUserPolicy&UserName=x&PolicyName=p&PolicyDocument=ALLOW", None),
        ("DeleteUser&UserName=x", inline),
        ("DeleteUserPolicy&UserName=x&PolicyName=p", None),
        ("CreateGroup&GroupName=g", None),
        ("AddUserToGroup&GroupName=g&UserName=x", None),
        ("DeleteUser&UserName=x", members),
        ("DeleteGroup&GroupName=g", members),
        ("RemoveUserFromGroup&GroupName=g&UserName=x", None),
        ("PutGroupPolicy&GroupName=g&PolicyName=p&PolicyDocument=ALLOW", None),
        ("DeleteGroup&GroupName=g", inline),
        ("DeleteGroupPolicy&GroupName=g&PolicyName=p", None),
        ("DeleteGroup&GroupName=g", None),
        ("CreateRole&RoleName=r&AssumeRolePolicyDocument=TRUST", None),
        ("CreatePolicy&PolicyName=p&PolicyDocument=ALLOW", None),
        ("AttachRolePolicy&RoleName=r&PolicyArn=POLICY", None),
        ("DeleteRole&RoleName=r", attached),
        ("DeletePolicy&PolicyArn=POLICY", conflict("Cannot delete a policy attached to entities.")),
        ("DetachRolePolicy&RoleName=r&PolicyArn=POLICY", None),
        ("PutUserPermissionsBoundary&UserName=x&PermissionsBoundary=POLICY", None),
        ("DeletePolicy&PolicyArn=POLICY", conflict("Cannot delete a policy attached to entities.")),
        ("DeleteUser&UserName=x", None),
        ("CreatePolicyVersion&PolicyArn=POLICY&PolicyDocument=ALLOW", None),
        (
            "DeletePolicy&PolicyArn=POLICY",
            conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The \
                 default version is deleted with the policy.",
            ),
        ),
        (
            "DeletePolicyVersion&PolicyArn=POLICY&VersionId=v1",
            conflict("Cannot delete the default version of a policy."),
        ),
        ("DeletePolicyVersion&PolicyArn=POLICY&VersionId=v2", None),
        ("DeletePolicy&PolicyArn=POLICY", None),
        ("DeleteRole&RoleName=r", None),
        ("DeleteRole&RoleName=r", gone("The role with name r cannot be found.")),
    ]);
}

#[test]
fn what_is_no_policy_and_no_name() {
    check(&[
        ("CreatePolicy&PolicyName=p&PolicyDocument=x", malformed("This policy contains invalid Json")),
        (
            "CreatePolicy&PolicyName=p&PolicyDocument=TRUST",
            malformed("Policy document should not specify a principal."),
        ),
        ("CreateRole&RoleName=r&AssumeRolePolicyDocument=ALLOW", malformed("Missing required field Principal")),
        (
            "CreateRole&RoleName=r&AssumeRolePolicyDocument=TRUST_GONE",
            malformed("Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:user/gone\""),
        ),
        ("PutUserPolicy&UserName=bob&PolicyName=p&PolicyDocument={}", malformed("Missing required field Statement")),
        (
            "AttachUserPolicy&UserName=bob&PolicyArn=arn:aws:iam::aws:user/x",
            invalid("ARN arn:aws:iam::aws:user/x is not valid."),
        ),
        (
            "TagUser&UserName=bob&Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=A&Tags.member.2.Value=2",
            invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive."),
        ),
        (
            "TagUser&UserName=bob&Tags.member.1.Key=aws:a&Tags.member.1.Value=1",
            invalid("Tag keys starting with 'aws:' are reserved for system use."),
        ),
        ("CreateOpenIDConnectProvider&Url=http://a.example", invalid("Invalid Open ID Connect Provider URL")),
        ("CreateOpenIDConnectProvider&Url=https://a.example/?x=1", invalid("Invalid Open ID Connect Provider URL")),
        (
            "UpdateAccessKey&UserName=bob&AccessKeyId=AKIA111122223333BOB&Status=Inactive",
            Some((
                400,
                "UnmodifiableEntity",
                "The access key AKIA111122223333BOB stands in the configuration of this service and is changed there.",
            )),
        ),
        (
            "UpdateUser&UserName=bob&NewUserName=rob",
            Some((
                400,
                "UnmodifiableEntity",
                "The user bob is named in the configuration of this service and keeps its name.",
            )),
        ),
        ("UpdateUser&UserName=bob&NewPath=/team/", None),
    ]);
}

#[test]
fn quotas() {
    let kms = TestKms::new();
    let call = |text: &str, failure| expect(&kms.iam(Some(&root()), &form(text)), failure);
    call("CreateUser&UserName=x", None);
    for _ in 0..2 {
        call("CreateAccessKey&UserName=x", None);
    }
    call("CreateAccessKey&UserName=x", limit("Cannot exceed quota for AccessKeysPerUser: 2"));
    // One of alice's two is the configuration's.
    call("CreateAccessKey&UserName=alice", None);
    call("CreateAccessKey&UserName=alice", limit("Cannot exceed quota for AccessKeysPerUser: 2"));

    for at in 0..=10 {
        let failure = if at < 10 { None } else { limit("Cannot exceed quota for GroupsPerUser: 10") };
        call(&format!("CreateGroup&GroupName=g{at}"), None);
        call(&format!("AddUserToGroup&GroupName=g{at}&UserName=x"), failure);
        let failure = if at < 10 { None } else { limit("Cannot exceed quota for PoliciesPerUser: 10") };
        call(&format!("CreatePolicy&PolicyName=p{at}&PolicyDocument=ALLOW"), None);
        call(&format!("AttachUserPolicy&UserName=x&PolicyArn=POLICY{at}"), failure);
    }
    call("AttachUserPolicy&UserName=x&PolicyArn=POLICY0", None);

    let too_many = limit(
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    );
    for at in 2..=6 {
        let failure = if at < 6 { None } else { too_many };
        call("CreatePolicyVersion&PolicyArn=POLICY0&PolicyDocument=ALLOW", failure);
    }
    call("DeletePolicyVersion&PolicyArn=POLICY0&VersionId=v3", None);
    let reply = kms.iam(Some(&root()), &form("CreatePolicyVersion&PolicyArn=POLICY0&PolicyDocument=ALLOW"));
    assert_eq!(reply.get("VersionId").as_deref(), Some("v6"), "no number is used again");

    // White space does not count, in managed and in inline policies.
    let long = |chars: usize| {
        let padding = "x".repeat(chars - 84);
        let text = format!(
            "{{ \"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\"Action\":\"a:{padding}\",\"Resource\":\"*\"}} \n }}"
        );
        assert_eq!(text.chars().filter(|c| !c.is_whitespace()).count(), chars);
        escaped(&text)
    };
    call(&format!("CreatePolicy&PolicyName=long&PolicyDocument={}", long(6_144)), None);
    let failure = limit("Cannot exceed quota for PolicySize: 6144");
    call(&format!("CreatePolicy&PolicyName=longer&PolicyDocument={}", long(6_145)), failure);
    call(&format!("PutUserPolicy&UserName=x&PolicyName=a&PolicyDocument={}", long(1_000)), None);
    call(&format!("PutUserPolicy&UserName=x&PolicyName=b&PolicyDocument={}", long(1_048)), None);
    call(&format!("PutUserPolicy&UserName=x&PolicyName=b&PolicyDocument={}", long(1_048)), None);
    let failure = limit("Maximum policy size of 2048 bytes exceeded for user x");
    call(&format!("PutUserPolicy&UserName=x&PolicyName=b&PolicyDocument={}", long(1_049)), failure);
    let failure = limit("Maximum policy size of 5120 bytes exceeded for group g0");
    call(&format!("PutGroupPolicy&GroupName=g0&PolicyName=a&PolicyDocument={}", long(5_120)), None);
    call(&format!("PutGroupPolicy&GroupName=g0&PolicyName=b&PolicyDocument={}", long(100)), failure);

    let tags = |from: usize, count: usize| {
        (0..count).fold(String::new(), |mut out, at| {
            let (n, key) = (at + 1, from + at);
            write!(out, "&Tags.member.{n}.Key=k{key}&Tags.member.{n}.Value=").unwrap();
            out
        })
    };
    call(&format!("TagUser&UserName=x{}", tags(0, 50)), None);
    call(&format!("TagUser&UserName=x{}", tags(0, 50)), None);
    let failure = limit("The number of tags has reached the maximum limit.");
    call(&format!("TagUser&UserName=x{}", tags(50, 1)), failure);

    call("CreateOpenIDConnectProvider&Url=https://a.example", None);
    for at in 0..=100 {
        let failure =
            if at < 100 { None } else { limit("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100") };
        call(&format!("AddClientIDToOpenIDConnectProvider&OpenIDConnectProviderArn=PROVIDER&ClientID=c{at}"), failure);
    }
}
