"""A ciphertext that was changed anywhere, however little, is no ciphertext."""

import hashlib

import pytest

from harness.checks import NO_TEXT, check_fault
from harness.wire import unblob

CONTEXT = {"tenant": "7"}

DOES_NOT_EXIST = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
    "or you are not allowed to access."
)


@pytest.fixture
def sealed(kms, key):
    made = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"sixteen bytes...", EncryptionContext=CONTEXT)
    return unblob(made["CiphertextBlob"])


def check_refused(kms, key, blob):
    for member in ({}, {"KeyId": key["KeyId"]}):
        members = {"CiphertextBlob": blob, "EncryptionContext": CONTEXT, **member}
        check_fault(kms, "Decrypt", members, "InvalidCiphertextException", NO_TEXT)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_byte_flipped_in_turn(kms, key, sealed, mask):
    for position in range(len(sealed)):
        blob = bytearray(sealed)
        blob[position] ^= mask
        check_refused(kms, key, blob)
    assert kms.ok("Decrypt", CiphertextBlob=sealed, EncryptionContext=CONTEXT)


def test_every_truncation(kms, key, sealed):
    for length in range(1, len(sealed)):
        check_refused(kms, key, sealed[:length])


def test_bytes_before_and_behind(kms, key, sealed):
    for blob in (sealed + b"\0", b"\0" + sealed, sealed + sealed, sealed[::-1], sealed[1:], sealed + sealed[-16:]):
        check_refused(kms, key, blob)


def test_reencrypt_refuses_the_same(kms, key, sealed):
    for position in range(len(sealed)):
        blob = bytearray(sealed)
        blob[position] ^= 0x01
        members = {"CiphertextBlob": blob, "SourceEncryptionContext": CONTEXT, "DestinationKeyId": key["KeyId"]}
        check_fault(kms, "ReEncrypt", members, "InvalidCiphertextException", NO_TEXT)


def test_a_forged_header_gains_nothing(kms, key, sealed):
    """The header check is no secret: whoever makes it fit only reaches the next refusal."""
    fields = {"key id": 3, "account": 23, "key material id": 24, "derivation nonce": 56, "IV": 72}
    for field, position in fields.items():
        blob = bytearray(sealed)
        blob[position] ^= 0x01
        blob[84:88] = hashlib.sha256(blob[:84]).digest()[:4]
        reply = kms.call("Decrypt", CiphertextBlob=bytes(blob), EncryptionContext=CONTEXT)
        if field in ("key id", "account"):
            assert (reply.code, reply.message) == ("AccessDeniedException", DOES_NOT_EXIST), field
        else:
            assert reply.code in ("InvalidCiphertextException", "AccessDeniedException"), (field, reply.json)


def test_halves_of_two_ciphertexts(kms, key, sealed):
    """The same key, the same context, the same length: still each part belongs to its own message."""
    made = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"sixteen more ...", EncryptionContext=CONTEXT)
    other = unblob(made["CiphertextBlob"])
    for cut in (72, 84, 88, len(sealed) - 16):
        check_refused(kms, key, sealed[:cut] + other[cut:])
