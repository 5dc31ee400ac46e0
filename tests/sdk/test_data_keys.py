"""GenerateDataKey, GenerateDataKeyWithoutPlaintext and GenerateRandom: sizes, rules, refusals."""

import re

import pytest

from harness.checks import ANY_TEXT, NO_TEXT, check_fault, null, shown, violations
from harness.wire import unblob

BOTH = ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]

EITHER = "Please specify either number of bytes or key spec."


@pytest.mark.parametrize("operation", BOTH)
@pytest.mark.parametrize(
    ("members", "size"),
    [
        ({"KeySpec": "AES_256"}, 32),
        ({"KeySpec": "AES_128"}, 16),
        ({"NumberOfBytes": 1}, 1),
        ({"NumberOfBytes": 64}, 64),
        ({"NumberOfBytes": 1024}, 1024),
    ],
)
def test_sizes(kms, key, operation, members, size):
    made = kms.ok(operation, KeyId=key["KeyId"], **members)
    assert made["KeyMaterialId"] == key["CurrentKeyMaterialId"]
    assert ("Plaintext" in made) == (operation == "GenerateDataKey")
    opened = kms.ok("Decrypt", CiphertextBlob=made["CiphertextBlob"])["Plaintext"]
    assert len(unblob(opened)) == size
    assert made.get("Plaintext", opened) == opened


@pytest.mark.parametrize("operation", BOTH)
@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({}, EITHER),
        ({"KeySpec": "AES_256", "NumberOfBytes": 32}, EITHER),
        (
            {"NumberOfBytes": 0},
            violations(shown(0, "numberOfBytes", "Member must have value greater than or equal to 1")),
        ),
        (
            {"NumberOfBytes": 1025},
            violations(shown(1025, "numberOfBytes", "Member must have value less than or equal to 1024")),
        ),
        (
            {"NumberOfBytes": 2**40},
            re.compile("1 validation error detected: .*'numberOfBytes'.* less than or equal to 1024"),
        ),
        (
            {"KeySpec": "AES_512"},
            re.compile("1 validation error detected: Value 'AES_512' at 'keySpec' .*enum value set: .*"),
        ),
        ({"KeyId": None, "KeySpec": "AES_256"}, violations(null("keyId"))),
    ],
)
def test_refusals(kms, key, operation, members, text):
    check_fault(kms, operation, {"KeyId": key["KeyId"], **members}, "ValidationException", text)


@pytest.mark.parametrize("operation", BOTH)
def test_the_rule_of_one_size_comes_before_the_state(kms, key, operation):
    kms.ok_empty("DisableKey", KeyId=key["KeyId"])
    check_fault(kms, operation, {"KeyId": key["KeyId"]}, "ValidationException", EITHER)


def test_no_two_data_keys_are_alike(kms, key):
    made = [kms.ok("GenerateDataKey", KeyId=key["KeyId"], KeySpec="AES_256") for _ in range(100)]
    assert len({data_key["Plaintext"] for data_key in made}) == 100


@pytest.mark.parametrize("size", [1, 16, 1024])
def test_random_bytes(kms, size):
    made = kms.ok("GenerateRandom", NumberOfBytes=size)
    assert set(made) == {"Plaintext"}
    assert len(unblob(made["Plaintext"])) == size


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({}, "ValidationException", ANY_TEXT),
        ({"NumberOfBytes": 0}, "ValidationException", re.compile("1 validation error detected: Value '0' at .*")),
        ({"NumberOfBytes": 1025}, "ValidationException", re.compile("1 validation error detected: Value '1025' at .*")),
        (
            {"NumberOfBytes": 8, "CustomKeyStoreId": "cks-1234567890abcdef0"},
            "CustomKeyStoreNotFoundException",
            ANY_TEXT,
        ),
    ],
)
def test_random_bytes_refused(kms, members, code, text):
    check_fault(kms, "GenerateRandom", members, code, text)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("Decrypt", {}),
        ("GenerateDataKey", {"KeySpec": "AES_256"}),
        ("GenerateDataKeyPair", {"KeyPairSpec": "ECC_NIST_P256"}),
        ("GenerateRandom", {"NumberOfBytes": 32}),
    ],
)
def test_a_recipient_never_gets_the_plaintext_in_the_clear(kms, key, operation, members):
    """A document that proves nothing is refused, and nothing leaks beside the refusal."""
    members = dict(members)
    if operation == "Decrypt":
        members["CiphertextBlob"] = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    elif operation != "GenerateRandom":
        members["KeyId"] = key["KeyId"]
    members["Recipient"] = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"not a document"}
    reply = kms.call(operation, **members)
    assert reply.status == 400, reply.json
    assert set(reply.json) <= {"__type", "message", "Message"}


def test_no_data_key_of_a_ciphertext_is_guessable(kms, key):
    """The encrypted copy without its context opens for nobody."""
    made = kms.ok("GenerateDataKey", KeyId=key["KeyId"], KeySpec="AES_256", EncryptionContext={"a": "b"})
    check_fault(kms, "Decrypt", {"CiphertextBlob": made["CiphertextBlob"]}, "InvalidCiphertextException", NO_TEXT)
