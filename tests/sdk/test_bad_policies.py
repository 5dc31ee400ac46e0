"""Policy documents that are none, to KMS and to IAM: the error of each API at once, and nothing stored."""

import json
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "520000000005"
ROOT_ARN = f"arn:aws:iam::{ACCOUNT}:root"

#: An answer takes no longer than this, over the network and from a build that is not optimized. The policy engine's own
#: tests measure the work itself.
ANSWER_SECONDS = 0.5


def kms_statement(**changes):
    return {"Effect": "Allow", "Principal": {"AWS": ROOT_ARN}, "Action": "kms:*", "Resource": "*", **changes}


def iam_statement(**changes):
    return {"Effect": "Allow", "Action": "kms:*", "Resource": "*", **changes}


def trust_statement(**changes):
    return {"Effect": "Allow", "Principal": {"AWS": ROOT_ARN}, "Action": "sts:AssumeRole", **changes}


STATEMENTS = {"key": kms_statement, "identity": iam_statement, "trust": trust_statement}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def both(kind, first, second, member="Effect"):
    """A statement that has a member twice."""
    text = document(STATEMENTS[kind]())
    return text.replace(f'"{member}": "{first}"', f'"{member}": "{first}", "{member}": "{second}"')


def for_every_kind(kind):
    """What is bad in policies of every kind, and what the message says of it."""
    statement = STATEMENTS[kind]
    unpaired = document(statement(Sid="x")).replace('"x"', '"\\ud800"')
    return {
        "no JSON": ("{", "invalid Json"),
        "text behind": (document(statement()) + "x", "invalid Json"),
        "a lone surrogate": (unpaired, "invalid Json"),
        "a member twice": (both(kind, "Allow", "Deny"), "occurs more than once"),
        "a list": ("[" + document(statement()) + "]", "invalid value for policy"),
        "no statements": ('{"Version": "2012-10-17"}', "Statement"),
        "a depth bomb": ('{"Statement": ' + "[" * 1_000 + "]" * 1_000 + "}", "levels of nesting"),
        "objects in objects": ('{"a": ' * 300 + "1" + "}" * 300, "levels of nesting"),
        "an unknown version": (document(statement()).replace("2012-10-17", "2026-01-01"), "valid version"),
        "an unknown element": (document(statement(Effects="Allow")), "unknown element"),
        "an unknown effect": (document(statement(Effect="allow")), "Invalid effect"),
        "no effect": (document({"Action": "kms:*"}), "Effect"),
        "an effect of another type": (document(statement(Effect=True)), "invalid value for Effect"),
        "an action of another type": (document(statement(Action={"kms": "*"})), "invalid value for Action"),
        "an action without a service": (document(statement(Action="Encrypt")), "prefaced by a vendor"),
        "a wildcard for a service": (document(statement(Action="k*:Encrypt")), "Vendor k* is not valid"),
        "an unknown operator": (document(statement(Condition={"StringSame": {"aws:userid": "x"}})), "StringSame"),
        "an operator in lower case": (document(statement(Condition={"stringequals": {"aws:userid": "x"}})), "string"),
        "a condition of another type": (document(statement(Condition=["x"])), "invalid value for Condition"),
        "no number": (document(statement(Condition={"NumericEquals": {"aws:userid": "x"}})), 'Invalid value "x"'),
        "no network": (document(statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}})), "10.0.0.0/99"),
        "an action and its negation": (document(statement(NotAction="kms:*")), "both Action and NotAction"),
    }


def with_principals(kind):
    statement = STATEMENTS[kind]
    invalid = "invalid principals" if kind == "key" else "Invalid principal in policy"
    named = {
        "a wildcard in a user": f"arn:aws:iam::{ACCOUNT}:user/*",
        "a wildcard in a name": f"arn:aws:iam::{ACCOUNT}:role/a*b",
        "a wildcard in an account": "arn:aws:iam::5200*0005:root",
        "a wildcard beside": "**",
        "a user that is not there": f"arn:aws:iam::{ACCOUNT}:user/nobody",
        "a role that is not there": f"arn:aws:iam::{ACCOUNT}:role/nobody",
        "a session of a role that is not there": f"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/s",
        "a user of another partition": f"arn:aws-cn:iam::{ACCOUNT}:user/here",
        "the account in another partition": f"arn:aws-us-gov:iam::{ACCOUNT}:root",
        "a group": f"arn:aws:iam::{ACCOUNT}:group/admins",
        "a resource": "arn:aws:s3:::bucket",
        "no ARN": "nobody",
        "nothing": "",
    }
    rows = {name: (document(statement(Principal={"AWS": arn})), invalid) for name, arn in named.items()}
    rows["a wildcard for services"] = (document(statement(Principal={"Service": "*.amazonaws.com"})), invalid)
    rows["an unknown kind"] = (document(statement(Principal={"Azure": "x"})), "unknown element")
    rows["a principal of another type"] = (document(statement(Principal=7)), "invalid value for Principal")
    return rows


KEY = {
    **for_every_kind("key"),
    **with_principals("key"),
    "no principal": (document(iam_statement()), "invalid principals"),
    "everybody but some are allowed": (
        document({"Effect": "Allow", "NotPrincipal": {"AWS": ROOT_ARN}, "Action": "kms:*", "Resource": "*"}),
        "NotPrincipal",
    ),
    "2,000 statements": (json.dumps({"Statement": [{}] * 2_000}), "1000 statements"),
    "10,000 statements": ('{"Statement":[' + ",".join(["{}"] * 10_000) + "]}", "1000 statements"),
    "overly permissive": (
        document(kms_statement(Condition={"ForAllValues:StringEquals": {"kms:EncryptionContext:a": "b"}})),
        "OverlyPermissiveCondition",
    ),
    "the caller locks itself out": (
        document(kms_statement(Action="kms:Encrypt")),
        "The new key policy will not allow you to update the key policy in the future.",
    ),
}

IDENTITY = {
    **for_every_kind("identity"),
    "a principal": (document(kms_statement()), "should not specify a principal"),
    "no resource": (document({"Effect": "Allow", "Action": "kms:*"}), "must contain resources"),
    "no action": (document({"Effect": "Allow", "Resource": "*"}), "must contain actions"),
    "a resource that is no ARN": (document(iam_statement(Resource="alias/app")), "ARN format"),
    "two statements of one id": (document(*[iam_statement(Sid="a")] * 2), "must be unique"),
}

TRUST = {
    **for_every_kind("trust"),
    **with_principals("trust"),
    "no principal": (document({"Effect": "Allow", "Action": "sts:AssumeRole"}), "Principal"),
    "a resource": (document(trust_statement(Resource="*")), "Resource"),
    "an action of another service": (document(trust_statement(Action="kms:Encrypt")), "AssumeRole"),
}


@pytest.fixture(scope="module")
def clients(dev_server):
    def client(service):
        return boto3.client(
            service,
            endpoint_url=dev_server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )

    kms, iam = client("kms"), client("iam")
    iam.create_user(UserName="here")
    iam.create_role(RoleName="here", AssumeRolePolicyDocument=document(trust_statement()))
    return kms, iam


def refused(code, text, call, **members):
    began = time.monotonic()
    with pytest.raises(ClientError) as caught:
        call(**members)
    took = time.monotonic() - began
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert text in error["Message"], error
    return took


def at_once(refuse):
    """The machine is shared: one of some tries within the time shows that the work fits into it."""
    assert any(refuse() < ANSWER_SECONDS for _ in range(10)), f"no answer within {ANSWER_SECONDS} s"


@pytest.fixture(scope="module")
def key(clients):
    kms, _ = clients
    return kms.create_key()["KeyMetadata"]["KeyId"]


@pytest.mark.parametrize("name", KEY)
def test_key_policies(clients, key, name):
    kms, _ = clients
    text, reason = KEY[name]
    before = kms.get_key_policy(KeyId=key)["Policy"], len(kms.list_keys()["Keys"])
    code = "MalformedPolicyDocumentException"
    at_once(lambda: refused(code, reason, kms.put_key_policy, KeyId=key, Policy=text))
    at_once(lambda: refused(code, reason, kms.create_key, Policy=text))
    assert (kms.get_key_policy(KeyId=key)["Policy"], len(kms.list_keys()["Keys"])) == before


def test_a_key_policy_of_32_kilobytes_is_the_longest(clients, key):
    kms, _ = clients
    text = document(kms_statement())
    longest = text + " " * (32_768 - len(text))
    kms.put_key_policy(KeyId=key, Policy=longest)
    at_once(lambda: refused("LimitExceededException", "", kms.put_key_policy, KeyId=key, Policy=longest + " "))


def test_characters_beyond_latin_1_are_no_policy(clients, key):
    """The API's own pattern for documents; in IAM's too."""
    kms, iam = clients
    text = json.dumps({"Version": "2012-10-17", "Statement": kms_statement(Sid="\u4e2d")}, ensure_ascii=False)
    before = kms.get_key_policy(KeyId=key)["Policy"]
    for code, call, members in [
        ("ValidationException", kms.put_key_policy, {"KeyId": key, "Policy": text}),
        ("ValidationError", iam.create_policy, {"PolicyName": "bad", "PolicyDocument": text}),
    ]:
        refused(code, "pattern", call, **members)
    assert kms.get_key_policy(KeyId=key)["Policy"] == before


@pytest.mark.parametrize("name", IDENTITY)
def test_identity_policies(clients, name):
    _, iam = clients
    text, reason = IDENTITY[name]
    code = "MalformedPolicyDocument"
    put = {"UserName": "here", "PolicyName": "bad", "PolicyDocument": text}
    at_once(lambda: refused(code, reason, iam.put_user_policy, **put))
    at_once(lambda: refused(code, reason, iam.create_policy, PolicyName="bad", PolicyDocument=text))
    assert iam.list_user_policies(UserName="here")["PolicyNames"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []


@pytest.mark.parametrize("name", TRUST)
def test_trust_policies(clients, name):
    _, iam = clients
    text, reason = TRUST[name]
    code = "MalformedPolicyDocument"
    trust = {"RoleName": "bad", "AssumeRolePolicyDocument": text}
    at_once(lambda: refused(code, reason, iam.create_role, **trust))
    at_once(lambda: refused(code, reason, iam.update_assume_role_policy, RoleName="here", PolicyDocument=text))
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["here"]
    [statement] = iam.get_role(RoleName="here")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement == trust_statement()


def test_documents_beyond_the_quotas_of_iam(clients):
    _, iam = clients
    long = document(*[iam_statement(Resource=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{at:036}") for at in range(100)])
    for call, members in [
        (iam.put_user_policy, {"UserName": "here", "PolicyName": "bad", "PolicyDocument": long}),
        (iam.create_policy, {"PolicyName": "bad", "PolicyDocument": long}),
    ]:
        at_once(lambda call=call, members=members: refused("LimitExceeded", "", call, **members))
    assert iam.list_user_policies(UserName="here")["PolicyNames"] == []
