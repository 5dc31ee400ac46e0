"""`docs/ciphertext-format.md`: its vectors through the independent decryptor, and live blobs against its layout."""

import json
import re
import subprocess
import sys
from pathlib import Path

import decrypt_blob
import pytest
from decrypt_blob import Refused, decrypt, key_material_id, read_header

from harness.server import ROOT
from harness.wire import unblob

PAGE = (ROOT / "docs/ciphertext-format.md").read_text()


def vectors():
    """The vectors of the page, by their headings."""
    parts = re.split(r"^### ", PAGE.partition("## Test vectors")[2], flags=re.M)[1:]
    return {part.partition("\n")[0]: Vector(part) for part in parts}


class Vector:
    """One vector: every line is `- name …` with the values in backquotes."""

    def __init__(self, text):
        def values(name):
            return re.findall("`([^`]*)`", re.search(rf"^- {name}.*$", text, re.M).group())

        suite, self.account, self.key_id = values("suite")
        self.suite = int(suite, 16)
        [material] = values("key material `")
        self.material = bytes.fromhex(material)
        [self.material_id] = values("key material id")
        context = values("encryption context")
        self.context = json.loads(context[0]) if context else {}
        [plaintext] = values("plaintext")
        self.plaintext = plaintext.encode()
        [blob] = values("blob")
        self.blob = bytes.fromhex(blob)


VECTORS = vectors()


def test_the_page_has_vectors_of_both_suites():
    assert {vector.suite for vector in VECTORS.values()} == {1, 2}
    assert any(vector.context for vector in VECTORS.values())
    assert any(vector.key_id.startswith("mrk-") for vector in VECTORS.values())


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_opens(name):
    vector = VECTORS[name]
    header = read_header(vector.blob)
    assert (header.key_id, header.account) == (vector.key_id, vector.account)
    assert header.suite is decrypt_blob.SUITES[vector.suite]
    assert header.material_id == vector.material_id == key_material_id(vector.material, vector.key_id)
    assert decrypt(vector.blob, vector.material, vector.context) == vector.plaintext


@pytest.mark.parametrize("name", VECTORS)
def test_an_altered_vector_does_not_open(name):
    vector = VECTORS[name]
    for position in range(len(vector.blob)):
        altered = bytearray(vector.blob)
        altered[position] ^= 1
        with pytest.raises(Refused):
            decrypt(bytes(altered), vector.material, vector.context)
    for context in ({**vector.context, "more": ""}, {"tenant": "8"}):
        with pytest.raises(Refused):
            decrypt(vector.blob, vector.material, context)
    with pytest.raises(Refused):
        decrypt(vector.blob, bytes(len(vector.material)), vector.context)


def test_the_decryptor_is_a_program():
    vector = VECTORS["Vector 1"]
    command = [sys.executable, Path(decrypt_blob.__file__), vector.material.hex()]
    done = subprocess.run(command, input=vector.blob, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, vector.plaintext), done.stderr
    done = subprocess.run([*command, "a=b"], input=vector.blob, capture_output=True, timeout=60)
    assert done.returncode != 0 and done.stderr.startswith(b"refused: ")


@pytest.mark.parametrize(
    ("region", "suite"), [("us-east-1", 1), ("eu-west-1", 1), ("cn-north-1", 2), ("cn-northwest-1", 2)]
)
def test_live_blobs_have_the_layout_of_the_page(kms, region, suite):
    kms = kms.with_(region=region)
    key = kms.key()
    nonces = set()
    for size in (1, 32, 4096):
        blob = unblob(kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x" * size)["CiphertextBlob"])
        assert len(blob) == size + 104
        header = read_header(blob)
        assert header.suite is decrypt_blob.SUITES[suite]
        assert (header.key_id, header.account) == (key["KeyId"], kms.account)
        assert header.material_id == key["CurrentKeyMaterialId"]
        nonces |= {header.derivation_nonce, header.iv}
    assert len(nonces) == 6, "nothing random is used twice"


def test_every_blob_of_every_operation_has_it(kms, key):
    base = {"KeyId": key["KeyId"]}
    sealed = kms.ok("Encrypt", **base, Plaintext=b"x")["CiphertextBlob"]
    blobs = [
        kms.ok("GenerateDataKey", **base, KeySpec="AES_256")["CiphertextBlob"],
        kms.ok("GenerateDataKeyWithoutPlaintext", **base, NumberOfBytes=7)["CiphertextBlob"],
        kms.ok("GenerateDataKeyPair", **base, KeyPairSpec="ECC_NIST_P256")["PrivateKeyCiphertextBlob"],
        kms.ok("GenerateDataKeyPairWithoutPlaintext", **base, KeyPairSpec="RSA_2048")["PrivateKeyCiphertextBlob"],
        kms.ok("ReEncrypt", CiphertextBlob=sealed, DestinationKeyId=key["KeyId"])["CiphertextBlob"],
    ]
    for blob in blobs:
        assert read_header(unblob(blob)).material_id == key["CurrentKeyMaterialId"]
