"""Workloads without static keys, from an empty account on: once by boto3, once by the AWS CLI.

A user and its access key, a provider, a role that trusts it, a key that sessions of one team may use; then tags change.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.issuer import AUDIENCE, ISSUER, Issuer, team
from harness.server import dev

REGION = "us-east-1"


class Refused(Exception):
    """The code that a call was refused with."""


class Boto3:
    """Calls by boto3."""

    def __init__(self, server):
        self.server = server

    def call(self, credentials, service, operation, **parameters):
        client = boto3.client(
            service,
            endpoint_url=self.server.endpoint,
            region_name=REGION,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            return getattr(client, xform_name(operation))(**parameters)
        except ClientError as error:
            raise Refused(error.response["Error"]["Code"]) from error


class Cli:
    """Calls by the AWS CLI."""

    def __init__(self, server):
        self.server = server

    def call(self, credentials, service, operation, **parameters):
        command = [Path(sys.executable).parent / "aws", service, xform_name(operation, "-"), "--output", "json"]
        done = subprocess.run(
            [*command, "--cli-input-json", json.dumps(parameters)],
            env=self.environment(credentials),
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode == 0:
            return json.loads(done.stdout or "{}")
        raise Refused(re.search(r"An error occurred \((\w+)\)", done.stderr).group(1))

    def environment(self, credentials):
        variables = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        }
        token = credentials.get("SessionToken")
        return {**variables, "AWS_SESSION_TOKEN": token} if token else variables


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture(scope="module")
def server(issuer, tmp_path_factory):
    path = tmp_path_factory.mktemp("issuer") / "jwks.json"
    path.write_bytes(issuer.jwks())
    with dev(more=["--oidc", f"{ISSUER}={path}"]) as running:
        yield running


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def root_of(account):
    """The root user of an account of its own: `dev` takes any secret of one that nobody configured."""
    return {"AccessKeyId": account, "SecretAccessKey": "any"}


class World:
    """What an administrator sets up with access keys of its own."""

    def __init__(self, hands, account):
        self.hands = hands
        root = root_of(account)
        hands.call(root, "iam", "CreateUser", UserName="admin")
        everything = document({"Effect": "Allow", "Action": ["iam:*", "kms:*"], "Resource": "*"})
        hands.call(root, "iam", "PutUserPolicy", UserName="admin", PolicyName="all", PolicyDocument=everything)
        self.admin = hands.call(root, "iam", "CreateAccessKey", UserName="admin")["AccessKey"]
        who = hands.call(self.admin, "sts", "GetCallerIdentity")
        assert (who["Account"], who["Arn"]) == (account, f"arn:aws:iam::{account}:user/admin")

        provider = hands.call(self.admin, "iam", "CreateOpenIDConnectProvider", Url=ISSUER, ClientIDList=[AUDIENCE])[
            "OpenIDConnectProviderArn"
        ]
        by_token = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
            "Condition": {"StringEquals": {"issuer.test/realm:aud": AUDIENCE, "issuer.test/realm:sub": "app"}},
        }
        by_user = {"Effect": "Allow", "Principal": {"AWS": who["Arn"]}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
        self.role = hands.call(
            self.admin, "iam", "CreateRole", RoleName="app", AssumeRolePolicyDocument=document(by_token, by_user)
        )["Role"]["Arn"]
        of_account = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        of_team = {
            "Effect": "Allow",
            "Principal": {"AWS": self.role},
            "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}},
        }
        self.key = hands.call(self.admin, "kms", "CreateKey", Policy=document(of_account, of_team))["KeyMetadata"][
            "Arn"
        ]

    def by_token(self, token):
        return self.hands.call(
            root_of("999999999999"),
            "sts",
            "AssumeRoleWithWebIdentity",
            RoleArn=self.role,
            RoleSessionName="job",
            WebIdentityToken=token,
        )["Credentials"]

    def by_user(self, *tags):
        return self.hands.call(
            self.admin,
            "sts",
            "AssumeRole",
            RoleArn=self.role,
            RoleSessionName="shell",
            Tags=[{"Key": key, "Value": value} for key, value in tags],
        )["Credentials"]

    def may_use_the_key(self, credentials):
        try:
            made = self.hands.call(credentials, "kms", "GenerateDataKey", KeyId=self.key, KeySpec="AES_256")
        except Refused as refused:
            assert str(refused) == "AccessDeniedException"
            return False
        assert made["KeyId"] == self.key
        return True


@pytest.fixture(scope="module", params=[(Boto3, "510000000001"), (Cli, "510000000002")], ids=["boto3", "aws"])
def world(request, server):
    hands, account = request.param
    return World(hands(server), account)


def test_a_key_is_used_by_virtue_of_a_tag_of_the_token_until_that_changes(world, issuer):
    assert world.may_use_the_key(world.by_token(issuer.token(**team("blue"))))
    assert not world.may_use_the_key(world.by_token(issuer.token(**team("red"))))
    assert not world.may_use_the_key(world.by_token(issuer.token()))


def test_a_key_is_used_by_virtue_of_a_tag_that_was_passed_until_that_changes(world):
    assert world.may_use_the_key(world.by_user(("team", "blue")))
    assert not world.may_use_the_key(world.by_user(("team", "red")))
    assert not world.may_use_the_key(world.by_user())


def test_a_tag_of_the_role_counts_at_once(world):
    """A session that is under way already is judged by the role's tags as they are."""
    session = world.by_user()
    for value, may in [("blue", True), ("red", False)]:
        tags = [{"Key": "team", "Value": value}]
        world.hands.call(world.admin, "iam", "TagRole", RoleName="app", Tags=tags)
        assert world.may_use_the_key(session) == may, value
    world.hands.call(world.admin, "iam", "UntagRole", RoleName="app", TagKeys=["team"])


def test_the_role_tells_when_it_was_last_used(world, issuer):
    session = world.by_token(issuer.token())
    world.hands.call(session, "sts", "GetCallerIdentity")
    role = world.hands.call(world.admin, "iam", "GetRole", RoleName="app")["Role"]
    assert role["RoleLastUsed"]["Region"] == REGION and role["RoleLastUsed"]["LastUsedDate"]


def test_the_credential_provider_of_boto3(world, server, issuer, tmp_path, monkeypatch):
    """The variables that Kubernetes sets are all that a program needs."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    token = tmp_path / "token"
    for name, value in {
        "AWS_ROLE_ARN": world.role,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_SESSION_NAME": "pod",
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)

    token.write_text(issuer.token(**team("blue")))
    session = boto3.Session()
    assert session.client("sts").get_caller_identity()["Arn"].endswith(":assumed-role/app/pod")
    assert session.get_credentials().method == "assume-role-with-web-identity"
    assert session.client("kms").encrypt(KeyId=world.key, Plaintext=b"x")["KeyId"] == world.key

    token.write_text(issuer.token(**team("red")))
    with pytest.raises(ClientError) as denied:
        boto3.Session().client("kms").encrypt(KeyId=world.key, Plaintext=b"x")
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
