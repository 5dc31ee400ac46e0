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
import logs
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.issuer import AUDIENCE, ISSUER, Issuer, b64, team
from harness.server import BINARY, dev


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture(scope="module", params=["file", "url"])
def server(request, issuer, tmp_path_factory):
    """A server that has the issuer's keys from a file, or from a URL on this machine."""
    data, audit = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("audit")
    if request.param == "file":
        path = tmp_path_factory.mktemp("issuer") / "jwks.json"
        path.write_bytes(issuer.jwks())
        with dev(data, audit=audit, more=["--oidc", f"{ISSUER}={path}"]) as running:
            running.audit = audit
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
        with dev(data, audit=audit, more=["--oidc", f"{ISSUER}=http://127.0.0.1:{keys.server_port}/jwks"]) as running:
            running.audit = audit
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


NOT_A_TOKEN = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity "
    "documentation for requirements"
)
NO_SIGNATURE = "The signature of the ID Token is not valid"
NO_ALGORITHM = "The algorithm of the ID Token is not supported"


def bad_tokens(issuer):
    """What is wrong, the token, and what STS says of it: status, code, and text where it is always the same."""
    now = int(time.time())
    head, claims, signature = issuer.token().split(".")
    forged = b64(json.dumps({"iss": ISSUER, "sub": "root", "aud": AUDIENCE, "iat": now, "exp": now + 600}).encode())
    deep = b"[" * 6_000 + b"]" * 6_000
    rsa_header = b'{"alg":"RS256","kid":"r"}'
    none, none_again = b64(b'{"alg":"none"}'), b64(b'{"alg":"None","kid":"r"}')
    other = Issuer()
    invalid = [
        ("for another audience", issuer.token(aud="another"), "Incorrect token audience"),
        ("for several others", issuer.token(aud=["another", "third"]), "Incorrect token audience"),
        ("for another party", issuer.token(azp="another"), "Incorrect token audience"),
        ("not yet valid", issuer.token(nbf=now + 3_600), "Token is not yet valid"),
        ("issued tomorrow", issuer.token(iat=now + 86_400), "Token is not yet valid"),
        ("signed by another", other.token(), NO_SIGNATURE),
        ("signed by another, without a key id", other.token(header={"kid": None}), NO_SIGNATURE),
        ("forged claims", f"{head}.{forged}.{signature}", NO_SIGNATURE),
        ("zeros for a signature", f"{head}.{claims}.{b64(bytes(256))}", NO_SIGNATURE),
        ("no signature", f"{head}.{claims}.", NO_SIGNATURE),
        ("alg none", f"{none}.{claims}.", NO_ALGORITHM),
        ("alg None", f"{none_again}.{claims}.{signature}", NO_ALGORITHM),
        ("alg twice", issuer.signed("RS256", b'{"alg":"RS256","kid":"r","alg":"none"}', b"{}"), NO_ALGORITHM),
        ("the public key as a secret", issuer.token("HS256"), NO_ALGORITHM),
        ("critical extensions", issuer.token(header={"crit": ["b64"], "b64": False}), NO_ALGORITHM),
        ("an unknown key id", issuer.token(header={"kid": "x"}), NO_KEY),
        ("the id of another key", issuer.token(header={"kid": "e"}), NO_KEY),
        ("the algorithm of another key", issuer.token("RS256", header={"alg": "ES256"}), NO_KEY),
        ("a key of its own", other.token(header={"jwk": json.loads(other.jwks())["keys"][0]}), NO_SIGNATURE),
        ("an unknown issuer", issuer.token(iss="https://elsewhere.test"), None),
        ("an issuer without TLS", issuer.token(iss=ISSUER.replace("https", "http")), None),
        ("no token", "not a token", NOT_A_TOKEN),
        ("an access token", "ya29." + "a" * 200, NOT_A_TOKEN),
        ("five parts", f"{head}.{claims}.{signature}.{claims}.{signature}", NOT_A_TOKEN),
        ("nested garbage", f"{b64(deep)}.{claims}.{signature}", NOT_A_TOKEN),
        ("nested claims", issuer.signed("RS256", rsa_header, b'{"iss":' + deep + b"}"), NOT_A_TOKEN),
        ("claims that are no object", issuer.signed("RS256", rsa_header, b'["iss"]'), NOT_A_TOKEN),
        ("no base64", f"{head}.{claims[:-1]}*.{signature}", NOT_A_TOKEN),
        ("padded base64", f"{head}=.{claims}.{signature}", NOT_A_TOKEN),
        ("20,000 letters", "a" * 20_000, NOT_A_TOKEN),
        ("20,000 dots", "." * 20_000, NOT_A_TOKEN),
    ]
    return [
        ("expired", issuer.token(exp=now - 1), 400, "ExpiredTokenException", None),
        *((name, token, 400, "InvalidIdentityToken", text) for name, token, text in invalid),
        ("no subject", issuer.token(without=["sub"]), 403, "IDPRejectedClaim", "Missing a required claim: sub"),
        ("no expiry", issuer.token(without=["exp"]), 403, "IDPRejectedClaim", "Missing a required claim: exp"),
        ("an expiry in words", issuer.token(exp="soon"), 403, "IDPRejectedClaim", "The claim exp is not valid"),
        ("two values of a tag", issuer.token(**team(["a", "b"])), 403, "IDPRejectedClaim", None),
        ("another subject", issuer.token(sub="another"), 403, "AccessDenied", None),
        ("longer than the API takes", "a" * 20_001, 400, "ValidationError", None),
    ]


def test_bad_tokens(server, issuer, world):
    """Each is refused in STS's words, and is on the record, which has nothing of the token."""
    role, _ = world
    rows = bad_tokens(issuer)
    before = len(of_web_identity(server))
    for name, token, status, code, text in rows:
        with pytest.raises(ClientError) as refused:
            assume(server, role, token)
        response = refused.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == status, name
        assert response["Error"]["Code"] == code, name
        assert text in (None, response["Error"]["Message"]), name
    events = of_web_identity(server)[before:]
    assert [event["errorCode"] for event in events] == [code for _, _, _, code, _ in rows]
    written = "".join(path.read_text() for path in logs.files(server.audit)) + server.stderr()
    for name, token, *_ in rows:
        for part in [token, *(part for part in token.split(".") if len(part) > 40)]:
            # What the API does not take is too long for the record as well; the others could stand there.
            assert part not in written, f"a part of the token of {name!r} is on the record"


def test_a_token_that_the_role_does_not_trust_is_explained(server, issuer, world):
    role, _ = world
    with pytest.raises(ClientError) as refused:
        assume(server, role, issuer.token(sub="another"))
    request_id = refused.value.response["ResponseMetadata"]["RequestId"]
    admin = server.admin.removeprefix("http://")
    words = ["explain", "--request-id", request_id, "--admin", admin, "--output", "json"]
    done = subprocess.run([BINARY, "policy", *words], capture_output=True, text=True, timeout=60, env={})
    told = json.loads(done.stdout)
    assert (done.returncode, told["operation"]) == (3, "AssumeRoleWithWebIdentity")
    assert told["decisions"][0]["principal"].endswith(":oidc-provider/issuer.test/realm")
    failed = told["decisions"][0]["statements"][0]["failed_condition"]
    assert (failed["key"], failed["wanted"], failed["actual"]) == ("issuer.test/realm:sub", ["app"], ["another"])


def of_web_identity(server):
    return [event for event in logs.events(server.audit) if event["eventName"] == "AssumeRoleWithWebIdentity"]


def test_a_token_without_a_key_id_is_tried_with_every_key(server, issuer, world):
    role, _ = world
    for algorithm in ("RS256", "ES256"):
        assert assume(server, role, issuer.token(algorithm, header={"kid": None}))["SessionToken"]


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
