"""`strongroom policy`: the operator's side of a refusal, beside boto3's side of it."""

import json
import subprocess

import pytest
from botocore.exceptions import ClientError
from conftest import boto3_client

from harness.server import BINARY
from harness.wire import Credentials

OWNER = "700000000007"
STRANGER = "800000000008"
ROOT_ARN = f"arn:aws:iam::{OWNER}:root"
DENIED = 3


@pytest.fixture(scope="module")
def owner(dev_server):
    return boto3_client(dev_server, Credentials(access_key=OWNER, secret="any"))


@pytest.fixture(scope="module")
def key(owner):
    """A key that only takes the ledger's context, and is called alias/policy-commands."""
    statements = [
        {
            "Sid": "Ledger",
            "Effect": "Allow",
            "Principal": {"AWS": ROOT_ARN},
            "Action": "kms:Encrypt",
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:EncryptionContext:app": "ledger"}},
        },
        {
            "Sid": "Manage",
            "Effect": "Allow",
            "Principal": {"AWS": ROOT_ARN},
            "NotAction": "kms:*crypt*",
            "Resource": "*",
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    arn = owner.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    owner.create_alias(AliasName="alias/policy-commands", TargetKeyId=arn)
    return arn


def run(server, *words, output="json"):
    """The command's exit code, and what it prints: parsed, when it is JSON."""
    command = [BINARY, "policy", *words, "--admin", server.admin.removeprefix("http://"), "--output", output]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={})
    if output == "table" or not done.stdout:
        return done.returncode, done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def refused(call, code="AccessDeniedException", **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    response = caught.value.response
    assert response["Error"]["Code"] == code
    return response["Error"]["Message"], response["ResponseMetadata"]["RequestId"]


def test_a_refused_call_is_explained(dev_server, owner, key):
    context = {"app": "other"}
    message, request_id = refused(owner.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)
    assert message == (
        f"User: {ROOT_ARN} is not authorized to perform: kms:Encrypt on resource: {key} "
        "because no resource-based policy allows the kms:Encrypt action"
    )
    code, told = run(dev_server, "explain", "--request-id", request_id)
    assert (code, told["allowed"], told["operation"]) == (DENIED, False, "Encrypt")
    [decision] = told["decisions"]
    failed = {one["sid"]: one.get("failed_condition") for one in decision["statements"]}
    assert failed["Ledger"] == {
        "operator": "StringEquals",
        "key": "kms:EncryptionContext:app",
        "wanted": ["ledger"],
        "actual": ["other"],
    }
    assert failed["Manage"] is None
    code, text = run(dev_server, "explain", "--request-id", request_id, output="table")
    assert code == DENIED
    assert "DENIED: no resource-based policy allows kms:Encrypt" in text
    assert "kms:EncryptionContext:app StringEquals ledger; the request has other" in text


def test_an_allowed_call_is_explained(dev_server, owner, key):
    done = owner.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"app": "ledger"})
    code, told = run(dev_server, "explain", "--request-id", done["ResponseMetadata"]["RequestId"])
    assert (code, told["allowed"]) == (0, True)
    assert "(Ledger)" in told["decisions"][0]["reason"]


def test_refusals_of_iam_and_sts_are_explained(dev_server):
    def client(service, credentials):
        return boto3_client(dev_server, credentials, service)

    root = client("iam", Credentials(access_key=OWNER, secret="any"))
    user = root.create_user(UserName="nobody")["User"]["Arn"]
    made = root.create_access_key(UserName="nobody")["AccessKey"]
    nobody = Credentials(access_key=made["AccessKeyId"], secret=made["SecretAccessKey"])
    _, request_id = refused(client("iam", nobody).list_users, code="AccessDenied")
    code, told = run(dev_server, "explain", "--request-id", request_id)
    assert (code, told["operation"], told["decisions"][0]["principal"]) == (DENIED, "ListUsers", user)
    assert told["decisions"][0]["reason"] == "no identity-based policy allows iam:ListUsers"

    trust = {
        "Sid": "Partner",
        "Effect": "Allow",
        "Principal": {"AWS": user},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "4711"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = root.create_role(RoleName="partner", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sts = client("sts", nobody)
    asked = {"RoleSessionName": "shell", "ExternalId": "12"}
    message, request_id = refused(sts.assume_role, code="AccessDenied", RoleArn=role, **asked)
    assert message == f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {role}"
    code, told = run(dev_server, "explain", "--request-id", request_id)
    [statement] = [one for one in told["decisions"][0]["statements"] if one["sid"] == "Partner"]
    failed = {"operator": "StringEquals", "key": "sts:ExternalId", "wanted": ["4711"], "actual": ["12"]}
    assert (code, statement["failed_condition"]) == (DENIED, failed)

    gone = role.replace("partner", "gone")
    message, request_id = refused(sts.assume_role, code="AccessDenied", RoleArn=gone, **asked)
    assert message == f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {gone}"
    code, text = run(dev_server, "explain", "--request-id", request_id, output="table")
    assert code == DENIED
    assert "does not exist" in text


def test_an_unknown_request_is_said_to_be_unknown(dev_server):
    code, text = run(dev_server, "explain", "--request-id", "00000000-0000-4000-8000-000000000000")
    assert code == 1
    assert "no decision of request" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--operation", "Encrypt", "--encryption-context", "app=ledger"], 0),
        (["--operation", "Encrypt", "--encryption-context", "app=other"], DENIED),
        (["--operation", "kms:Encrypt"], DENIED),
        (["--operation", "TagResource", "--tag", "a=b"], 0),
        (["--operation", "DescribeKey", "--source-ip", "203.0.113.7", "--context", "aws:SecureTransport=false"], 0),
        (["--operation", "Encript"], 1),
        (["--operation", "Encrypt", "--context", "x"], 2),
    ],
)
def test_what_would_be_decided(dev_server, key, words, code):
    assert run(dev_server, "simulate", "--principal", ROOT_ARN, "--key", key, *words)[0] == code


def test_a_simulation_is_what_happens(dev_server, owner, key):
    """The same questions, supposed and really asked, by the alias and by strangers too."""
    stranger = boto3_client(dev_server, Credentials(access_key=STRANGER, secret="any"))
    for client, account in [(owner, OWNER), (stranger, STRANGER)]:
        for operation, call, members in [
            ("DescribeKey", client.describe_key, {}),
            ("GetKeyPolicy", client.get_key_policy, {}),
            ("Encrypt", client.encrypt, {"Plaintext": b"x"}),
        ]:
            supposed = run(dev_server, "simulate", "--principal", account, "--operation", operation, "--key", key)
            try:
                call(KeyId=key, **members)
                happens = 0
            except ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDeniedException"
                happens = DENIED
            assert supposed[0] == happens, supposed


def test_who_can(dev_server, owner, key):
    grantee = f"arn:aws:iam::{STRANGER}:root"
    grant = owner.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["Encrypt"])["GrantId"]
    alias = key.split(":key/")[0] + ":alias/policy-commands"
    code, told = run(dev_server, "who-can", "--operation", "Encrypt", "--key", alias)
    assert (code, told["action"], told["key"]) == (0, "kms:Encrypt", key)
    by = {who["principal"]: who["by"] for who in told["principals"]}
    assert set(by) == {ROOT_ARN, grantee}
    assert by[ROOT_ARN][0]["conditions"][0]["wanted"] == ["ledger"]
    assert by[grantee][0]["what"] == f"grant {grant}"
    code, text = run(dev_server, "who-can", "--operation", "Encrypt", "--key", alias, output="table")
    assert code == 0
    assert "when kms:EncryptionContext:app StringEquals ledger" in text
    code, told = run(dev_server, "who-can", "--operation", "Decrypt", "--key", alias)
    assert told["principals"] == []
