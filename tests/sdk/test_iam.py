"""Identities by IAM's own API, through boto3 and the AWS CLI: every operation, and what follows for keys."""

import contextlib
import io
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from awscli.clidriver import create_clidriver
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.wire import Credentials

OPERATIONS = set(json.loads((Path(__file__).parents[2] / "model/iam.json").read_text())["operations"])

_accounts = itertools.count(500_000_000_001)

ISSUER = "id.example.com/realm"
THUMBPRINT = "0123456789abcdef0123456789abcdef01234567"


def allow(*actions, resource="*"):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(principal):
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def client(server, service, credentials):
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name=credentials.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret,
        verify=str(server.ca) if server.ca else None,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def root():
    """The root user of an account that nobody else uses."""
    return Credentials(access_key=str(next(_accounts)), secret="any")


@pytest.fixture
def iam(dev_server, root):
    return client(dev_server, "iam", root)


def snake(name):
    name = name.replace("OpenIDConnect", "OpenIdConnect").replace("ClientID", "ClientId")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Boto3:
    def __init__(self, server, credentials):
        self.client = client(server, "iam", credentials)

    def __call__(self, operation, members):
        answer = getattr(self.client, snake(operation))(**members)
        answer.pop("ResponseMetadata")
        return answer


class Cli:
    """`aws iam …`, in this process: starting Python for each call would take minutes."""

    def __init__(self, server, credentials, monkeypatch):
        self.server = server
        for name, value in {
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret,
            "AWS_DEFAULT_REGION": credentials.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }.items():
            monkeypatch.setenv(name, value)
        self.driver = create_clidriver()

    def __call__(self, operation, members):
        out, err = io.StringIO(), io.StringIO()
        line = ["--output", "json", "--endpoint-url", self.server.endpoint, "iam", snake(operation).replace("_", "-")]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = self.driver.main([*line, "--cli-input-json", json.dumps(members)])
        assert code == 0, f"{operation}: {err.getvalue()}"
        return json.loads(out.getvalue()) if out.getvalue().strip() else {}


def story(account):
    """Every operation once or more, in an order that works: operation, members, and what the answer holds."""
    arn = f"arn:aws:iam::{account}"
    policy = f"{arn}:policy/team/tools"
    provider = f"{arn}:oidc-provider/{ISSUER}"
    tags = [{"Key": "Dept", "Value": "one"}]
    user, group, role = {"UserName": "ann"}, {"GroupName": "devs"}, {"RoleName": "app"}
    document = allow("kms:ListKeys")
    read_only = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"

    def names(member, key, *expect):
        return lambda answer: [item[key] for item in answer[member]] == list(expect)

    yield (
        "CreateUser",
        {**user, "Path": "/team/", "Tags": tags},
        lambda a: a["User"]["Arn"] == f"{arn}:user/team/ann" and a["User"]["UserId"].startswith("AIDA"),
    )
    yield "GetUser", user, lambda a: a["User"]["Tags"] == tags and a["User"]["Path"] == "/team/"
    yield "GetUser", {}, lambda a: a["User"]["Arn"] == f"{arn}:root"
    yield "ListUsers", {}, names("Users", "UserName", "ann")
    yield "ListUsers", {"PathPrefix": "/other/"}, names("Users", "UserName")
    yield "UpdateUser", {**user, "NewUserName": "anna", "NewPath": "/"}, None
    yield "UpdateUser", {"UserName": "ANNA", "NewUserName": "ann"}, None
    yield "TagUser", {**user, "Tags": [{"Key": "dept", "Value": "two"}, {"Key": "b", "Value": ""}]}, None
    yield "ListUserTags", user, lambda a: {t["Key"]: t["Value"] for t in a["Tags"]} == {"dept": "two", "b": ""}
    yield "UntagUser", {**user, "TagKeys": ["B", "none"]}, None
    yield "ListUserTags", user, names("Tags", "Key", "dept")

    yield "CreateGroup", {**group, "Path": "/team/"}, lambda a: a["Group"]["Arn"] == f"{arn}:group/team/devs"
    yield "ListGroups", {}, names("Groups", "GroupName", "devs")
    yield "UpdateGroup", {**group, "NewPath": "/"}, None
    yield "AddUserToGroup", {**group, **user}, None
    yield "GetGroup", group, names("Users", "UserName", "ann")
    yield "ListGroupsForUser", user, names("Groups", "GroupName", "devs")

    made = lambda a: (  # noqa: E731
        a["Policy"]["Arn"] == policy and a["Policy"]["DefaultVersionId"] == "v1" and a["Policy"]["Tags"] == tags
    )
    members = {"PolicyName": "tools", "Path": "/team/", "PolicyDocument": document, "Description": "d", "Tags": tags}
    yield "CreatePolicy", members, made
    yield "GetPolicy", {"PolicyArn": policy}, lambda a: a["Policy"]["Description"] == "d"
    yield "GetPolicy", {"PolicyArn": read_only}, lambda a: a["Policy"]["PolicyName"] == "IAMReadOnlyAccess"
    yield "ListPolicies", {"Scope": "Local"}, names("Policies", "PolicyName", "tools")
    yield "ListPolicies", {"Scope": "AWS"}, lambda a: "AdministratorAccess" in [p["PolicyName"] for p in a["Policies"]]
    yield "ListPolicies", {"OnlyAttached": True}, names("Policies", "PolicyName")
    version = {"PolicyArn": policy, "PolicyDocument": allow("kms:ListAliases")}
    yield "CreatePolicyVersion", version, lambda a: a["PolicyVersion"]["IsDefaultVersion"] is False
    yield "SetDefaultPolicyVersion", {"PolicyArn": policy, "VersionId": "v2"}, None
    yield (
        "GetPolicyVersion",
        {"PolicyArn": policy, "VersionId": "v1"},
        lambda a: a["PolicyVersion"]["Document"] == json.loads(document) and not a["PolicyVersion"]["IsDefaultVersion"],
    )
    yield "ListPolicyVersions", {"PolicyArn": policy}, names("Versions", "VersionId", "v2", "v1")
    yield "DeletePolicyVersion", {"PolicyArn": policy, "VersionId": "v1"}, None
    yield "ListPolicyVersions", {"PolicyArn": policy}, names("Versions", "VersionId", "v2")
    yield "TagPolicy", {"PolicyArn": policy, "Tags": [{"Key": "dept", "Value": "x"}]}, None
    yield "ListPolicyTags", {"PolicyArn": policy}, names("Tags", "Key", "Dept", "dept")
    yield "UntagPolicy", {"PolicyArn": policy, "TagKeys": ["dept"]}, None

    role_members = {**role, "AssumeRolePolicyDocument": trust(f"{arn}:user/ann"), "Tags": tags, "Description": "d"}
    yield (
        "CreateRole",
        role_members,
        lambda a: (
            a["Role"]["Arn"] == f"{arn}:role/app"
            and a["Role"]["AssumeRolePolicyDocument"] == json.loads(trust(f"{arn}:user/ann"))
            and a["Role"]["RoleId"].startswith("AROA")
        ),
    )
    yield "GetRole", role, lambda a: a["Role"]["MaxSessionDuration"] == 3600 and a["Role"]["Tags"] == tags
    yield "ListRoles", {}, names("Roles", "RoleName", "app")
    yield "UpdateRole", {**role, "MaxSessionDuration": 7200}, None
    yield (
        "UpdateRoleDescription",
        {**role, "Description": "new"},
        lambda a: a["Role"]["Description"] == "new" and a["Role"]["MaxSessionDuration"] == 7200,
    )
    yield "UpdateAssumeRolePolicy", {**role, "PolicyDocument": trust(f"{arn}:root")}, None
    yield "TagRole", {**role, "Tags": [{"Key": "c", "Value": "d"}]}, None
    yield "ListRoleTags", role, names("Tags", "Key", "Dept", "c")
    yield "UntagRole", {**role, "TagKeys": ["c"]}, None
    yield "ListInstanceProfilesForRole", role, names("InstanceProfiles", "InstanceProfileName")

    for noun, owner in (("User", user), ("Group", group), ("Role", role)):
        inline = {**owner, "PolicyName": "inline"}
        yield f"Put{noun}Policy", {**inline, "PolicyDocument": document}, None
        yield f"Get{noun}Policy", inline, lambda a: a["PolicyDocument"] == json.loads(document)
        yield f"List{noun}Policies", owner, lambda a: a["PolicyNames"] == ["inline"]
        yield f"Delete{noun}Policy", inline, None
        yield f"Attach{noun}Policy", {**owner, "PolicyArn": policy}, None
        yield f"Attach{noun}Policy", {**owner, "PolicyArn": read_only}, None
        attached = names("AttachedPolicies", "PolicyArn", read_only, policy)
        yield f"ListAttached{noun}Policies", owner, attached
    for noun, owner in (("User", user), ("Role", role)):
        yield f"Put{noun}PermissionsBoundary", {**owner, "PermissionsBoundary": policy}, None
        yield (
            f"Get{noun}",
            owner,
            lambda a, noun=noun: (
                a[noun]["PermissionsBoundary"]
                == {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": policy}
            ),
        )
    yield (
        "ListEntitiesForPolicy",
        {"PolicyArn": policy},
        lambda a: (
            [u["UserName"] for u in a["PolicyUsers"]] == ["ann"]
            and [g["GroupName"] for g in a["PolicyGroups"]] == ["devs"]
            and [r["RoleName"] for r in a["PolicyRoles"]] == ["app"]
        ),
    )
    yield (
        "GetPolicy",
        {"PolicyArn": policy},
        lambda a: a["Policy"]["AttachmentCount"] == 3 and a["Policy"]["PermissionsBoundaryUsageCount"] == 2,
    )
    for noun, owner in (("User", user), ("Role", role)):
        yield f"Delete{noun}PermissionsBoundary", owner, None
    for noun, owner in (("User", user), ("Group", group), ("Role", role)):
        yield f"Detach{noun}Policy", {**owner, "PolicyArn": policy}, None
        yield f"Detach{noun}Policy", {**owner, "PolicyArn": read_only}, None

    yield (
        "CreateAccessKey",
        user,
        lambda a: a["AccessKey"]["AccessKeyId"].startswith("AKIA") and len(a["AccessKey"]["SecretAccessKey"]) == 40,
    )
    yield "ListAccessKeys", user, names("AccessKeyMetadata", "Status", "Active")
    key = yield "LAST ACCESS KEY"
    yield (
        "GetAccessKeyLastUsed",
        {"AccessKeyId": key},
        lambda a: a["UserName"] == "ann" and a["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"},
    )
    yield "UpdateAccessKey", {**user, "AccessKeyId": key, "Status": "Inactive"}, None
    yield "ListAccessKeys", user, names("AccessKeyMetadata", "Status", "Inactive")
    yield "DeleteAccessKey", {**user, "AccessKeyId": key}, None

    named = {"OpenIDConnectProviderArn": provider}
    yield (
        "CreateOpenIDConnectProvider",
        {
            "Url": f"https://{ISSUER}",
            "ClientIDList": ["app"],
            "ThumbprintList": [THUMBPRINT],
            "Tags": tags,
        },
        lambda a: a["OpenIDConnectProviderArn"] == provider,
    )
    yield "ListOpenIDConnectProviders", {}, names("OpenIDConnectProviderList", "Arn", provider)
    yield "AddClientIDToOpenIDConnectProvider", {**named, "ClientID": "web"}, None
    yield "AddClientIDToOpenIDConnectProvider", {**named, "ClientID": "web"}, None
    yield "RemoveClientIDFromOpenIDConnectProvider", {**named, "ClientID": "app"}, None
    yield "UpdateOpenIDConnectProviderThumbprint", {**named, "ThumbprintList": [THUMBPRINT[::-1]]}, None
    yield (
        "GetOpenIDConnectProvider",
        named,
        lambda a: (a["Url"], a["ClientIDList"], a["ThumbprintList"]) == (ISSUER, ["web"], [THUMBPRINT[::-1]]),
    )
    yield "TagOpenIDConnectProvider", {**named, "Tags": [{"Key": "c", "Value": "d"}]}, None
    yield "ListOpenIDConnectProviderTags", named, names("Tags", "Key", "Dept", "c")
    yield "UntagOpenIDConnectProvider", {**named, "TagKeys": ["c"]}, None
    yield "DeleteOpenIDConnectProvider", named, None

    yield (
        "GetAccountSummary",
        {},
        lambda a: (
            a["SummaryMap"]["Users"] == 1 and a["SummaryMap"]["UsersQuota"] == 5000 and a["SummaryMap"]["Policies"] == 1
        ),
    )
    yield "ListAccountAliases", {}, lambda a: a["AccountAliases"] == []
    yield "RemoveUserFromGroup", {**group, **user}, None
    yield "DeleteUser", user, None
    yield "DeleteGroup", group, None
    yield "DeleteRole", role, None
    yield "DeletePolicy", {"PolicyArn": policy}, None


@pytest.mark.parametrize("kind", ["boto3", "aws"])
def test_every_operation(dev_server, root, monkeypatch, kind):
    call = Boto3(dev_server, root) if kind == "boto3" else Cli(dev_server, root, monkeypatch)
    called = set()
    last_key = None
    steps = story(root.access_key)
    step = next(steps)
    while step is not None:
        if step == "LAST ACCESS KEY":
            step = steps.send(last_key)
            continue
        operation, members, expect = step
        answer = call(operation, members)
        called.add(operation)
        assert expect is None or expect(answer), f"{operation} {members}: {answer}"
        if operation == "CreateAccessKey":
            last_key = answer["AccessKey"]["AccessKeyId"]
        step = next(steps, None)
    assert called == OPERATIONS


def refusal(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_user_may_what_its_policies_say(dev_server, root, iam):
    iam.create_user(UserName="ann")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = replace(root, access_key=made["AccessKeyId"], secret=made["SecretAccessKey"])
    kms, root_kms = client(dev_server, "kms", ann), client(dev_server, "kms", root)
    key = root_kms.create_key()["KeyMetadata"]["Arn"]
    encrypt = {"KeyId": key, "Plaintext": b"x"}

    code, message = refusal(kms.encrypt, **encrypt)
    assert code == "AccessDeniedException"
    assert message == (
        f"User: arn:aws:iam::{root.access_key}:user/ann is not authorized to perform: kms:Encrypt on resource: {key} "
        "because no identity-based policy allows the kms:Encrypt action"
    )
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=allow("kms:Encrypt", resource=key))
    kms.encrypt(**encrypt)
    assert refusal(kms.list_keys)[0] == "AccessDeniedException"

    # A boundary cuts, wherever the permission comes from.
    arn = iam.create_policy(PolicyName="b", PolicyDocument=allow("kms:ListKeys"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=arn)
    code, message = refusal(kms.encrypt, **encrypt)
    assert (code, message.partition(" because ")[2]) == (
        "AccessDeniedException",
        "no permissions boundary allows the kms:Encrypt action",
    )
    iam.delete_user_permissions_boundary(UserName="ann")

    # A group's policies are its members'.
    iam.create_group(GroupName="g")
    iam.attach_group_policy(GroupName="g", PolicyArn=arn)
    iam.add_user_to_group(GroupName="g", UserName="ann")
    kms.list_keys()
    iam.remove_user_from_group(GroupName="g", UserName="ann")
    assert refusal(kms.list_keys)[0] == "AccessDeniedException"

    # An inactive access key signs no more, an active one again, a deleted one never.
    iam.update_access_key(UserName="ann", AccessKeyId=ann.access_key, Status="Inactive")
    assert refusal(kms.encrypt, **encrypt)[0] == "UnrecognizedClientException"
    iam.update_access_key(UserName="ann", AccessKeyId=ann.access_key, Status="Active")
    kms.encrypt(**encrypt)
    used = iam.get_access_key_last_used(AccessKeyId=ann.access_key)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("kms", "us-east-1")
    iam.delete_access_key(UserName="ann", AccessKeyId=ann.access_key)
    assert refusal(kms.encrypt, **encrypt)[0] == "UnrecognizedClientException"


def test_who_is_made_anew_is_somebody_else(dev_server, root, iam):
    """A key policy means the user that it meant when it was put, not whoever has the name later."""

    def make():
        iam.create_user(UserName="ann")
        made = iam.create_access_key(UserName="ann")["AccessKey"]
        return replace(root, access_key=made["AccessKeyId"], secret=made["SecretAccessKey"])

    ann = make()
    arn = f"arn:aws:iam::{root.access_key}:user/ann"
    owner = {"Effect": "Allow", "Principal": {"AWS": root.access_key}, "Action": "kms:*", "Resource": "*"}
    named = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "kms:Encrypt", "Resource": "*"}
    root_kms = client(dev_server, "kms", root)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [owner, named]})
    key = root_kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    granted = {"GranteePrincipal": arn, "Operations": ["GenerateDataKey"]}
    root_kms.create_grant(KeyId=key, **granted)
    first = client(dev_server, "kms", ann)
    first.encrypt(KeyId=key, Plaintext=b"x")
    first.generate_data_key(KeyId=key, KeySpec="AES_256")
    user_id = iam.get_user(UserName="ann")["User"]["UserId"]
    assert arn in root_kms.get_key_policy(KeyId=key)["Policy"]

    iam.delete_access_key(UserName="ann", AccessKeyId=ann.access_key)
    iam.delete_user(UserName="ann")
    shown = root_kms.get_key_policy(KeyId=key)["Policy"]
    assert arn not in shown and user_id in shown
    assert root_kms.list_grants(KeyId=key)["Grants"][0]["GranteePrincipal"] == user_id
    again = client(dev_server, "kms", make())
    assert refusal(again.encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"
    assert refusal(again.generate_data_key, KeyId=key, KeySpec="AES_256")[0] == "AccessDeniedException"
    root_kms.put_key_policy(KeyId=key, Policy=policy)
    again.encrypt(KeyId=key, Plaintext=b"x")


def test_pages_of_a_list(iam):
    for at in range(7):
        iam.create_user(UserName=f"u{at}", Path="/a/" if at % 2 else "/b/")
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Users"]) for page in pages] == [3, 3, 1]
    assert [user["UserName"] for page in pages for user in page["Users"]] == [f"u{at}" for at in range(7)]
    marker = iam.list_users(MaxItems=1)["Marker"]
    assert refusal(iam.list_users, Marker=marker, PathPrefix="/a/")[0] == "ValidationError"
    assert refusal(iam.list_roles, Marker=marker)[0] == "ValidationError"
    assert refusal(iam.list_users, Marker="x")[0] == "ValidationError"


def test_names_differ_by_more_than_case(iam):
    iam.create_user(UserName="Ann")
    assert refusal(iam.create_user, UserName="ann") == (
        "EntityAlreadyExists",
        "User with name ann already exists.",
    )
    assert iam.get_user(UserName="aNN")["User"]["UserName"] == "Ann"


def test_configured_users(tls_server):
    """What `serve` was configured with is there, and alice is the administrator that she is made."""
    ann = Credentials("AKIAALICE00000000001", "alice-secret/of+1111")
    iam = client(tls_server, "iam", ann)
    assert iam.get_user()["User"]["Arn"] == "arn:aws:iam::111122223333:user/alice"
    attached = iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AdministratorAccess"]
    listed = iam.list_access_keys()["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in listed] == ["AKIAALICE00000000001"]
    delete = {"UserName": "alice", "AccessKeyId": "AKIAALICE00000000001"}
    assert refusal(iam.delete_access_key, **delete)[0] == "UnmodifiableEntity"
