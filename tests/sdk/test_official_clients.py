"""The AWS CLI, the SDKs for JavaScript and Rust, and the Encryption SDK: unmodified, over HTTP and over TLS."""

import base64
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import aws_encryption_sdk
import pytest
from aws_encryption_sdk.exceptions import DecryptKeyError, MasterKeyProviderError
from aws_encryption_sdk.identifiers import CommitmentPolicy
from botocore.session import Session

from harness.keys import check_pair
from harness.server import ROOT

HERE = Path(__file__).parent
MEGABYTE = 1 << 20
CONTEXT = {"Department": "IT", "Purpose": "Test"}


class Cli:
    """`aws kms …`, as a shell would call it."""

    def __init__(self, place, folder):
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **place.environment()}
        self._folder = folder

    def run(self, *arguments):
        command = [Path(sys.executable).with_name("aws"), "--output", "json", "kms", *arguments]
        return subprocess.run(
            command, env=self._environment, cwd=self._folder, capture_output=True, text=True, timeout=120
        )

    def ok(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout else None


@pytest.fixture
def cli(place, tmp_path):
    return Cli(place, tmp_path)


def test_cli_tells_the_story(cli, tmp_path):
    key = cli.ok("create-key", "--description", "from the command line")["KeyMetadata"]
    alias = f"alias/cli-{key['KeyId']}"
    assert cli.ok("create-alias", "--alias-name", alias, "--target-key-id", key["KeyId"]) is None
    assert cli.ok("describe-key", "--key-id", alias)["KeyMetadata"]["Description"] == "from the command line"

    (tmp_path / "plain").write_bytes(b"hello \x00 world")
    sealed = cli.ok("encrypt", "--key-id", alias, "--plaintext", "fileb://plain", "--encryption-context", "a=b")
    (tmp_path / "sealed").write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
    opened = cli.ok("decrypt", "--ciphertext-blob", "fileb://sealed", "--encryption-context", "a=b")
    assert base64.b64decode(opened["Plaintext"]) == b"hello \x00 world"

    data_key = cli.ok("generate-data-key", "--key-id", alias, "--key-spec", "AES_256")
    assert len(base64.b64decode(data_key["Plaintext"])) == 32
    long_key = cli.ok("generate-data-key", "--key-id", key["KeyId"], "--number-of-bytes", "64")
    assert len(base64.b64decode(long_key["Plaintext"])) == 64
    listed = cli.ok("list-aliases", "--key-id", key["KeyId"])["Aliases"]
    assert [entry["AliasName"] for entry in listed] == [alias]
    cli.ok("delete-alias", "--alias-name", alias)


@pytest.mark.parametrize("spec", ["ECC_NIST_P384", "RSA_2048", "ML_KEM_768"])
def test_cli_gets_a_key_pair_whose_private_key_decrypts(cli, tmp_path, spec):
    key = cli.ok("create-key")["KeyMetadata"]["KeyId"]
    arguments = ["--key-id", key, "--key-pair-spec", spec]
    pair = cli.ok("generate-data-key-pair-without-plaintext", *arguments)
    (tmp_path / "sealed").write_bytes(base64.b64decode(pair["PrivateKeyCiphertextBlob"]))
    private = cli.ok("decrypt", "--ciphertext-blob", "fileb://sealed")["Plaintext"]
    check_pair(spec, base64.b64decode(pair["PublicKey"]), base64.b64decode(private))


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["describe-key", "--key-id", "foo"], "NotFoundException", "Invalid keyId 'foo'"),
        (
            ["enable-key", "--key-id", "alias/x"],
            "InvalidArnException",
            "Key Aliases are not supported for this operation.",
        ),
        (["list-keys", "--marker", "x", "--no-paginate"], "InvalidMarkerException", ""),
        (
            ["generate-data-key", "--key-id", "alias/none"],
            "ValidationException",
            "Please specify either number of bytes or key spec.",
        ),
    ],
)
def test_cli_shows_the_faults(cli, arguments, code, text):
    done = cli.run(*arguments)
    assert done.returncode != 0
    assert text in done.stderr
    assert code is None or f"({code})" in done.stderr


def test_javascript_sdk(place, closing_lines):
    """The tests are in `node/kms.test.mjs`."""
    environment = {"PATH": os.environ["PATH"], **place.environment()}
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", "kms.test.mjs"],
        cwd=HERE / "node",
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    counts = {
        word: int(number) for word, number in re.findall(r"^# (pass|fail|skipped|todo) (\d+)$", done.stdout, re.M)
    }
    closing_lines.append(f"node --test, {place.server.endpoint}: {counts}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert counts["pass"] > 0
    assert (counts["fail"], counts["skipped"], counts["todo"]) == (0, 0, 0)


def test_rust_sdk(place, closing_lines):
    """The tests are in `rust/tests/kms.rs`."""
    environment = {**os.environ, **place.environment(), "CARGO_TARGET_DIR": ROOT / "target/test-env/rust"}
    done = subprocess.run(
        ["cargo", "test", "--quiet", "--locked", "--manifest-path", HERE / "rust/Cargo.toml"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    results = re.findall(r"^test result: (.*)$", done.stdout, re.M)
    closing_lines.extend(f"Rust SDK, {place.server.endpoint}: {line}" for line in results)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(int(number) for number in re.findall(r"(\d+) passed", done.stdout)) > 0
    assert not re.search(r"[1-9]\d* ignored", done.stdout), done.stdout


@pytest.fixture
def encryption_sdk(place, monkeypatch):
    """The Encryption SDK finds the server by the variables every AWS client reads."""
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    return aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)


def provider(*arns):
    return aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=list(arns), botocore_session=Session())


@pytest.fixture
def arn(place):
    return place.boto3().create_key()["KeyMetadata"]["Arn"]


@pytest.mark.parametrize("size", [0, 1, MEGABYTE])
def test_encryption_sdk_round_trip(encryption_sdk, arn, size):
    plaintext = os.urandom(size)
    message, header = encryption_sdk.encrypt(source=plaintext, key_provider=provider(arn), encryption_context=CONTEXT)
    opened, header = encryption_sdk.decrypt(source=message, key_provider=provider(arn))
    assert opened == plaintext
    assert CONTEXT.items() <= header.encryption_context.items()


def test_encryption_sdk_streams(encryption_sdk, arn):
    plaintext = os.urandom(MEGABYTE)
    message, opened = io.BytesIO(), io.BytesIO()
    with encryption_sdk.stream(
        mode="e", source=io.BytesIO(plaintext), key_provider=provider(arn), encryption_context=CONTEXT
    ) as encryptor:
        for chunk in encryptor:
            message.write(chunk)
    message.seek(0)
    with encryption_sdk.stream(mode="d", source=message, key_provider=provider(arn)) as decryptor:
        for chunk in decryptor:
            opened.write(chunk)
    assert opened.getvalue() == plaintext


def test_encryption_sdk_with_two_keys(encryption_sdk, place, arn):
    """Either key opens the message; a third opens nothing."""
    second, third = (place.boto3().create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    message, _ = encryption_sdk.encrypt(source=b"for both", key_provider=provider(arn, second))
    for opener in (arn, second):
        assert encryption_sdk.decrypt(source=message, key_provider=provider(opener))[0] == b"for both"
    with pytest.raises((DecryptKeyError, MasterKeyProviderError)):
        encryption_sdk.decrypt(source=message, key_provider=provider(third))


def test_encryption_sdk_with_a_disabled_key(encryption_sdk, place, arn):
    message, _ = encryption_sdk.encrypt(source=b"x", key_provider=provider(arn))
    place.boto3().disable_key(KeyId=arn)
    with pytest.raises((DecryptKeyError, MasterKeyProviderError)):
        encryption_sdk.decrypt(source=message, key_provider=provider(arn))
