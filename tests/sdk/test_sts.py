"""STS and IAM by boto3 and the AWS CLI: who one is, roles, and workloads that bring a token of their own issuer."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.issuer import AUDIENCE, ISSUER, Issuer, b64
from harness.server import dev


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture(scope="module", params=["file", "url"])
def server(request, issuer, tmp_path_factory):
    """A server that has the issuer's keys from a file, or from a URL on this machine."""
    if request.param == "file":
        path = tmp_path_factory.mktemp("issuer") / "jwks.json"
        path.write_bytes(issuer.jwks())
        with dev(more=["--oidc", f"{ISSUER}={path}"]) as running:
            yield running
        return

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(issuer.jwks())

        def log_message(self, *_):
            pass

    keys = http.server.HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=keys.serve_forever)
    thread.start()
    try:
        with dev(more=["--oidc", f"{ISSUER}=http://127.0.0.1:{keys.server_port}/jwks"]) as running:
            yield running
    finally:
        keys.shutdown()
        thread.join()
        keys.server_close()


def client(server, service, credentials=None):
    named = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test"}
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=named["AccessKeyId"],
        aws_secret_access_key=named["SecretAccessKey"],
        aws_session_token=named.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def world(server):
    """A role that trusts the issuer's provider, and a key that its sessions of one team may use."""
    iam = client(server, "iam")
    provider = iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=[AUDIENCE], ThumbprintList=["0" * 40])[
        "OpenIDConnectProviderArn"
    ]
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
            "Condition": {"StringEquals": {"issuer.test/realm:sub": "app"}},
        },
    }
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    root = role.rsplit(":role", 1)[0] + ":root"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"AWS": role},
                "Action": "kms:Encrypt",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}},
            },
        ],
    }
    key = client(server, "kms").create_key(Policy=json.dumps(policy))["KeyMetadata"]["KeyId"]
    return role, key


def assume(server, role, token):
    reply = client(server, "sts").assume_role_with_web_identity(
        RoleArn=role, RoleSessionName="job", WebIdentityToken=token
    )
    return reply["Credentials"]


def team(name):
    return {"https://aws.amazon.com/tags": {"principal_tags": {"team": [name]}}}


def test_a_key_policy_asks_for_a_tag_of_the_token(server, issuer, world):
    role, key = world
    blue = client(server, "kms", assume(server, role, issuer.token(**team("blue"))))
    assert blue.encrypt(KeyId=key, Plaintext=b"hello")["KeyId"].endswith(key)
    red = client(server, "kms", assume(server, role, issuer.token(**team("red"))))
    with pytest.raises(ClientError) as denied:
        red.encrypt(KeyId=key, Plaintext=b"hello")
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256"])
def test_every_algorithm(server, issuer, world, algorithm):
    role, _ = world
    credentials = assume(server, role, issuer.token(algorithm))
    who = client(server, "sts", credentials).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{who['Account']}:assumed-role/worker/job"


def test_bad_tokens(server, issuer, world):
    role, _ = world
    head, claims, _ = issuer.token().split(".")
    none = b64(b'{"alg":"none"}')
    rows = [
        (issuer.token(exp=int(time.time()) - 1), "ExpiredTokenException"),
        (issuer.token(aud="another"), "InvalidIdentityToken"),
        (Issuer().token(), "InvalidIdentityToken"),
        (f"{none}.{claims}.", "InvalidIdentityToken"),
        (f"{head}.{claims}.{b64(bytes(256))}", "InvalidIdentityToken"),
        (issuer.token(sub="another"), "AccessDenied"),
    ]
    for token, code in rows:
        with pytest.raises(ClientError) as refused:
            assume(server, role, token)
        assert refused.value.response["Error"]["Code"] == code


def test_the_credential_provider_of_workloads(server, issuer, world, tmp_path):
    """The variables that Kubernetes sets are all that a workload needs; the AWS CLI reads them too."""
    role, key = world
    token = tmp_path / "token"
    token.write_text(issuer.token(**team("blue")))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ROLE_ARN": role,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    aws = Path(sys.executable).parent / "aws"
    encrypt = [aws, "kms", "encrypt", "--key-id", key, "--plaintext", "aGVsbG8="]
    for command, expect in [
        ([*encrypt, "--query", "KeyId", "--output", "text"], key),
        ([aws, "sts", "get-caller-identity", "--query", "Arn", "--output", "text"], ":assumed-role/worker/"),
    ]:
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0 and expect in run.stdout, run.stderr


def test_a_user_with_an_access_key_assumes_a_role(server):
    iam = client(server, "iam")
    user = iam.create_user(UserName="carol")["User"]["Arn"]
    carol = client(server, "sts", iam.create_access_key(UserName="carol")["AccessKey"])
    assert carol.get_caller_identity()["Arn"] == user
    trust = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"},
    }
    role = iam.create_role(RoleName="ops", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    session = carol.assume_role(RoleArn=role, RoleSessionName="s1")["Credentials"]
    who = client(server, "sts", session).get_caller_identity()
    assert who["Arn"].endswith(":assumed-role/ops/s1")
    with pytest.raises(ClientError) as denied:
        client(server, "kms", session).list_keys()
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
