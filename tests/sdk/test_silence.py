"""Nothing secret leaves by the side: every operation runs with the log at its loudest, then all output is searched.

What is secret the models say: every blob and every member that is marked sensitive, of requests and replies alike.
Beside them stand session tokens and grant tokens.
"""

import base64
import json
import subprocess
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.issuer import AUDIENCE, ISSUER, Issuer
from harness.server import BINARY, IDENTITIES, Installation
from harness.wire import Credentials, Kms

PLAINTEXT = b"the eagle lands at midnight, bring the others"
MESSAGE = b"a message that was to be signed and not to be told"

#: What no model marks, and nobody is to read.
UNMARKED = {"SessionToken", "GrantToken", "GrantTokens", "ImportToken"}

#: Below this a text stands somewhere by chance.
SECRET_MIN_BYTES = 12

SERVICES = ("kms", "iam", "sts")


def b64(data):
    return base64.b64encode(data).decode()


def forms(secret):
    """How a secret might be spelt."""
    return {
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        b64(secret).rstrip("=").encode()[:-2],
        repr(list(secret)).encode(),
    }


class Secrets:
    """Clients of a server, and every secret that they sent and got."""

    def __init__(self, server, access_key, secret):
        self.all = {secret.encode()}
        self.server = server
        self.signs = {"aws_access_key_id": access_key, "aws_secret_access_key": secret}
        self.clients = {service: self.client(service, **self.signs) for service in SERVICES}

    def client(self, service, **signs):
        return boto3.client(
            service,
            endpoint_url=self.server.endpoint,
            region_name="us-east-1",
            verify=str(self.server.ca),
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            **signs,
        )

    def call(self, service, operation, client=None, **members):
        """A call that may fail."""
        client = client or self.clients[service]
        model = client.meta.service_model.operation_model(operation)
        if model.input_shape:
            self.note(model.input_shape, members)
        try:
            reply = client._make_api_call(operation, members)
        except ClientError:
            return None
        if model.output_shape:
            self.note(model.output_shape, reply)
        return reply

    def ok(self, service, operation, client=None, **members):
        reply = self.call(service, operation, client, **members)
        assert reply is not None, operation
        return reply

    def note(self, shape, value, name=None):
        """Remembers each secret in a value of this shape."""
        is_secret = shape.type_name == "blob" or shape.metadata.get("sensitive") or name in UNMARKED
        match value:
            case dict() if shape.type_name == "structure":
                for member, of in shape.members.items():
                    if member in value:
                        self.note(of, value[member], member)
            case list():
                for one in value:
                    self.note(shape.member, one, name)
            case str() if is_secret:
                self.all.add(value.encode())
            case bytes() if is_secret:
                self.all.add(value)


def filled(shape, label, depth=0):
    """A value of this shape with a secret of its own in each place for one, and harmless texts in all others."""
    if shape.type_name == "structure":
        return {name: filled(of, f"{label}.{name}", depth + 1) for name, of in shape.members.items() if depth < 4}
    if shape.type_name == "list":
        return [filled(shape.member, label, depth + 1)]
    if shape.type_name == "map":
        return {"harmless": filled(shape.value, label, depth + 1)}
    if shape.type_name == "blob":
        return f"blob that nobody is to read: {label}".encode()
    if shape.type_name == "string":
        return f"secret-of-{label}" if shape.metadata.get("sensitive") or label.endswith("Token") else "harmless"
    return {"boolean": False, "integer": 1, "long": 1, "float": 1.0, "double": 1.0, "timestamp": 1.0}[shape.type_name]


def call_everything(secrets):
    """Every operation of every API, each member filled: most are refused, and what they brought is not to be told."""
    for service in SERVICES:
        model = secrets.clients[service].meta.service_model
        for operation in model.operation_names:
            shape = model.operation_model(operation).input_shape
            members = filled(shape, operation) if shape else {}
            secrets.call(service, operation, **members)
            if service == "kms" and "KeyId" in members:
                key = secrets.ok("kms", "CreateKey")["KeyMetadata"]["KeyId"]
                of_bytes = {name: of for name, of in members.items() if isinstance(of, bytes) or name in UNMARKED}
                secrets.call(service, operation, KeyId=key, **of_bytes)


def succeed_with_secrets(secrets):
    """Each operation of KMS that gives or takes a secret, with success; then those that fail late."""

    def ok(operation, **members):
        return secrets.ok("kms", operation, **members)

    def new_key(**members):
        return ok("CreateKey", **members)["KeyMetadata"]["KeyId"]

    key = new_key()
    blob = ok("Encrypt", KeyId=key, Plaintext=PLAINTEXT)["CiphertextBlob"]
    assert ok("Decrypt", CiphertextBlob=blob)["Plaintext"] == PLAINTEXT
    ok("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=key)
    for members in (
        {"KeyId": key, "Plaintext": PLAINTEXT * 200},
        {"KeyId": "alias/nobody", "Plaintext": PLAINTEXT},
        {"KeyId": key, "Plaintext": PLAINTEXT, "EncryptionAlgorithm": "NONSENSE"},
    ):
        assert secrets.call("kms", "Encrypt", **members) is None
    assert secrets.call("kms", "Decrypt", CiphertextBlob=b"broken" * 20) is None
    for spec in ("AES_256", "AES_128"):
        ok("GenerateDataKey", KeyId=key, KeySpec=spec)
    ok("GenerateDataKeyWithoutPlaintext", KeyId=key, KeySpec="AES_256")
    ok("GenerateDataKeyPair", KeyId=key, KeyPairSpec="ECC_NIST_P256")
    ok("GenerateDataKeyPairWithoutPlaintext", KeyId=key, KeyPairSpec="ECC_NIST_P256")
    ok("GenerateRandom", NumberOfBytes=32)

    mac = {"KeyId": new_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"), "MacAlgorithm": "HMAC_SHA_256"}
    made = ok("GenerateMac", Message=MESSAGE, **mac)["Mac"]
    ok("VerifyMac", Message=MESSAGE, Mac=made, **mac)
    assert secrets.call("kms", "VerifyMac", Message=MESSAGE, Mac=bytes(range(32)), **mac) is None

    signing = new_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    signed = {"KeyId": signing, "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    ok("Verify", Signature=ok("Sign", **signed)["Signature"], **signed)

    agreeing = [new_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT") for _ in range(2)]
    peer = ok("GetPublicKey", KeyId=agreeing[1])["PublicKey"]
    ok("DeriveSharedSecret", KeyId=agreeing[0], KeyAgreementAlgorithm="ECDH", PublicKey=peer)

    grantee = f"arn:aws:iam::{IDENTITIES[0][0]}:root"
    token = ok("CreateGrant", KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"])["GrantToken"]
    ok("Decrypt", CiphertextBlob=blob, GrantTokens=[token])

    outside = new_key(Origin="EXTERNAL")
    asked = {"KeyId": outside, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    parameters = ok("GetParametersForImport", **asked)
    material = bytes(range(100, 132))
    secrets.all.add(material)
    ok(
        "ImportKeyMaterial",
        KeyId=outside,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrap(parameters["PublicKey"], material),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )


def wrap(public_key, material):
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    sha256 = hashes.SHA256()
    key = serialization.load_der_public_key(public_key)
    return key.encrypt(material, padding.OAEP(padding.MGF1(sha256), sha256, None))


def prove_who_one_is(secrets, issuer):
    """Access keys, sessions, and tokens of an identity provider, good ones and bad ones."""
    made = secrets.ok("iam", "CreateUser", UserName="carol")["User"]["UserName"]
    secrets.ok("iam", "CreateAccessKey", UserName=made)
    session = secrets.ok("sts", "GetSessionToken")["Credentials"]
    signs = {
        "aws_access_key_id": session["AccessKeyId"],
        "aws_secret_access_key": session["SecretAccessKey"],
        "aws_session_token": session["SessionToken"],
    }
    secrets.ok("kms", "ListKeys", secrets.client("kms", **signs))
    forged = "a session token that nobody ever issued"
    secrets.all.add(forged.encode())
    assert secrets.call("kms", "ListKeys", secrets.client("kms", **{**signs, "aws_session_token": forged})) is None

    provider = secrets.ok(
        "iam", "CreateOpenIDConnectProvider", Url=ISSUER, ClientIDList=[AUDIENCE], ThumbprintList=["0" * 40]
    )["OpenIDConnectProviderArn"]
    trust = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = secrets.ok("iam", "CreateRole", RoleName="worker", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    named = {"RoleArn": role, "RoleSessionName": "job"}
    good = issuer.token()
    secrets.ok("sts", "AssumeRoleWithWebIdentity", WebIdentityToken=good, **named)
    for bad in (issuer.token(exp=1), issuer.token(aud="another"), good[:-4] + "AAAA", good.partition(".")[2]):
        assert secrets.call("sts", "AssumeRoleWithWebIdentity", WebIdentityToken=bad, **named) is None
    # The part of each that is as good as the whole.
    secrets.all |= {token.rpartition(".")[2].encode() for token in secrets_of_tokens(secrets)}


def secrets_of_tokens(secrets):
    return [text.decode() for text in secrets.all if text.count(b".") == 2 and text.startswith(b"eyJ")]


def send_what_is_no_call(server, credentials):
    """Bodies that are not understood."""
    kms = Kms(server, credentials)
    kms.send("TrentService.Encrypt", b'{"KeyId": "x", "Plaintext": "' + b64(PLAINTEXT).encode() + b'"')
    kms.send("TrentService.NoSuchOperation", json.dumps({"Plaintext": b64(PLAINTEXT)}).encode())
    kms.close()


def test_all_output_is_silent_about_secrets(tmp_path):
    installation, issuer = Installation(tmp_path), Issuer()
    (tmp_path / "jwks.json").write_bytes(issuer.jwks())
    text = installation.config.read_text()
    installation.config.write_text(f'{text}[[oidc.issuer]]\nurl = "{ISSUER}"\njwks_file = "jwks.json"\n')
    assert installation.init().returncode == 0
    _, access_key, secret, _ = IDENTITIES[0]
    with installation.serve(STRONGROOM_LOG="trace") as server:
        secrets = Secrets(server, access_key, secret)
        succeed_with_secrets(secrets)
        prove_who_one_is(secrets, issuer)
        call_everything(secrets)
        send_what_is_no_call(server, Credentials(access_key, secret))
        with urllib.request.urlopen(f"{server.admin}/metrics", timeout=10) as reply:
            output = reply.read()
        token = (installation.data / "admin.token").read_text().strip()
        address = server.admin.removeprefix("http://")
        status = subprocess.run(
            [BINARY, "status", "--config", installation.config, "--admin", address], capture_output=True, timeout=30
        )
        output += status.stdout + status.stderr + server.ready_line.encode()
    output += server.stderr().encode()
    # Everything that the server wrote but the sealed database and the token's own file.
    for path in installation.data.rglob("*"):
        if path.is_file() and path.name not in {"admin.token", "lock"} and not path.name.startswith("strongroom.db"):
            output += path.read_bytes()

    assert b"TRACE" in output or b"DEBUG" in output, "the log was loud"
    assert b'operation="GenerateDataKey"' in output
    assert b'"eventName":"AssumeRoleWithWebIdentity"' in output, "the audit log is part of it"
    hidden = secrets.all | {installation.environment["STRONGROOM_PASSPHRASE"].encode(), token.encode()}
    hidden = [one for one in hidden if len(one) >= SECRET_MIN_BYTES]
    assert len(hidden) > 60, "secrets were looked for"
    assert [one for one in hidden if is_told(one, output)] == []


def is_told(secret, output):
    return any(form in output for form in forms(secret))


def test_a_secret_is_found_in_every_spelling():
    """This test can fail."""
    for spelling in (PLAINTEXT, PLAINTEXT.hex().encode(), b64(PLAINTEXT).encode(), repr(list(PLAINTEXT)).encode()):
        assert is_told(PLAINTEXT, b"a line of a log: " + spelling + b", and more")
    assert not is_told(PLAINTEXT, b"a line of a log")
