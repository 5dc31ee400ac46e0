"""Nothing secret leaves by the side: every operation runs with the log at its loudest, then all output is searched."""

import base64
import json
import subprocess
import urllib.request

from harness.server import BINARY, IDENTITIES, Installation
from harness.wire import Credentials, Kms

PLAINTEXT = b"the eagle lands at midnight, bring the others"
MESSAGE = b"a message that was to be signed and not to be told"


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


def every_operation(kms):
    """Calls each operation that has a secret in its request or reply, and some that fail; returns the secrets."""
    secrets = [PLAINTEXT, MESSAGE]
    key = kms.key()["KeyId"]
    blob = kms.ok("Encrypt", KeyId=key, Plaintext=b64(PLAINTEXT))["CiphertextBlob"]
    assert kms.ok("Decrypt", CiphertextBlob=blob)["Plaintext"] == b64(PLAINTEXT)
    kms.ok("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=key)
    kms.call("Decrypt", CiphertextBlob=b64(b"broken" * 20))
    kms.call("Encrypt", KeyId=key, Plaintext=b64(PLAINTEXT * 200))
    kms.call("Encrypt", KeyId="alias/nobody", Plaintext=b64(PLAINTEXT))
    kms.call("Encrypt", KeyId=key, Plaintext=b64(PLAINTEXT), EncryptionAlgorithm="NONSENSE")
    kms.send("TrentService.Encrypt", b'{"KeyId": "x", "Plaintext": "' + b64(PLAINTEXT).encode() + b'"')
    kms.send("TrentService.NoSuchOperation", json.dumps({"Plaintext": b64(PLAINTEXT)}).encode())
    for spec in ("AES_256", "AES_128"):
        secrets.append(base64.b64decode(kms.ok("GenerateDataKey", KeyId=key, KeySpec=spec)["Plaintext"]))
    pair = kms.ok("GenerateDataKeyPair", KeyId=key, KeyPairSpec="ECC_NIST_P256")
    secrets.append(base64.b64decode(pair["PrivateKeyPlaintext"]))
    secrets.append(base64.b64decode(kms.ok("GenerateRandom", NumberOfBytes=32)["Plaintext"]))
    kms.ok("GenerateDataKeyWithoutPlaintext", KeyId=key, KeySpec="AES_256")

    mac = kms.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
    made = kms.ok("GenerateMac", KeyId=mac, Message=b64(MESSAGE), MacAlgorithm="HMAC_SHA_256")["Mac"]
    kms.ok("VerifyMac", KeyId=mac, Message=b64(MESSAGE), MacAlgorithm="HMAC_SHA_256", Mac=made)
    kms.call("VerifyMac", KeyId=mac, Message=b64(MESSAGE), MacAlgorithm="HMAC_SHA_256", Mac=b64(bytes(32)))

    signing = kms.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
    signed = {"KeyId": signing, "Message": b64(MESSAGE), "SigningAlgorithm": "ECDSA_SHA_256"}
    kms.ok("Verify", **signed, Signature=kms.ok("Sign", **signed)["Signature"])

    agreeing = [kms.key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyId"] for _ in range(2)]
    peer = kms.ok("GetPublicKey", KeyId=agreeing[1])["PublicKey"]
    shared = kms.ok("DeriveSharedSecret", KeyId=agreeing[0], KeyAgreementAlgorithm="ECDH", PublicKey=peer)
    secrets.append(base64.b64decode(shared["SharedSecret"]))

    token = kms.ok("CreateGrant", KeyId=key, GranteePrincipal=kms_root(), Operations=["Decrypt"])["GrantToken"]
    secrets.append(token.encode())
    kms.ok("Decrypt", CiphertextBlob=blob, GrantTokens=[token])

    outside = kms.key(Origin="EXTERNAL")["KeyId"]
    asked = {"KeyId": outside, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    parameters = kms.ok("GetParametersForImport", **asked)
    secrets.append(base64.b64decode(parameters["ImportToken"]))
    material = bytes(range(100, 132))
    secrets.append(material)
    wrapped = wrap(base64.b64decode(parameters["PublicKey"]), material)
    kms.ok(
        "ImportKeyMaterial",
        KeyId=outside,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=b64(wrapped),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )
    call_all_others(kms, key)
    return secrets


def kms_root():
    return f"arn:aws:iam::{IDENTITIES[0][0]}:root"


def wrap(public_key, material):
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    sha256 = hashes.SHA256()
    key = serialization.load_der_public_key(public_key)
    return key.encrypt(material, padding.OAEP(padding.MGF1(sha256), sha256, None))


def call_all_others(kms, key):
    """Every operation of the API at least once, with the plaintext in every place that takes a text."""
    import boto3

    shape = boto3.client(
        "kms", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    ).meta.service_model
    for name in shape.operation_names:
        members = shape.operation_model(name).input_shape.members
        filled = {}
        for member, of in members.items():
            if of.type_name == "string" and "KeyId" not in member:
                filled[member] = PLAINTEXT.decode()
            elif of.type_name == "blob":
                filled[member] = b64(PLAINTEXT)
        kms.call(name, **({"KeyId": key} if "KeyId" in members else {}), **filled)


def test_all_output_is_silent_about_secrets(tmp_path):
    installation = Installation(tmp_path)
    assert installation.init().returncode == 0
    _, access_key, secret, _ = IDENTITIES[0]
    with installation.serve(STRONGROOM_LOG="trace") as server:
        kms = Kms(server, Credentials(access_key, secret))
        secrets = every_operation(kms)
        kms.close()
        with urllib.request.urlopen(f"{server.admin}/metrics", timeout=10) as reply:
            output = reply.read()
        token = (installation.data / "admin.token").read_text().strip()
        address = server.admin.removeprefix("http://")
        status = subprocess.run(
            [BINARY, "status", "--config", installation.config, "--admin", address], capture_output=True, timeout=30
        )
        output += status.stdout + status.stderr + server.ready_line.encode()
        process = server
    output += process.stderr().encode()
    # Everything that the server wrote but the sealed database and the token's own file.
    for path in installation.data.rglob("*"):
        if path.is_file() and path.name not in {"admin.token", "lock"} and not path.name.startswith("strongroom.db"):
            output += path.read_bytes()

    assert b"TRACE" in output or b"DEBUG" in output, "the log was loud"
    assert b'operation="GenerateDataKey"' in output
    passwords = [secret.encode(), installation.environment["STRONGROOM_PASSPHRASE"].encode(), token.encode()]
    for hidden in [*secrets, *passwords]:
        for form in forms(hidden):
            assert form not in output, f"a secret of {len(hidden)} bytes is in the output"
