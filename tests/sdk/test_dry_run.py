"""DryRun: a call that never succeeds, and says whether it would have."""

import pytest

from harness.checks import ANY_TEXT, NO_TEXT, check_fault

CALLS = {
    "Encrypt": {"Plaintext": b"x"},
    "Decrypt": {},
    "ReEncrypt": {},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyPairSpec": "RSA_2048"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "RSA_2048"},
}


def members_of(kms, key, operation):
    members = dict(CALLS[operation])
    if operation in ("Decrypt", "ReEncrypt"):
        members["CiphertextBlob"] = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    members["DestinationKeyId" if operation == "ReEncrypt" else "KeyId"] = key["KeyId"]
    return members


@pytest.mark.parametrize("operation", CALLS)
def test_would_have_succeeded(kms, key, operation):
    members = members_of(kms, key, operation)
    check_fault(kms, operation, {**members, "DryRun": True}, "DryRunOperationException")
    kms.ok(operation, **members, DryRun=False)


@pytest.mark.parametrize("operation", CALLS)
def test_would_have_failed(kms, key, operation):
    members = {**members_of(kms, key, operation), "DryRun": True}
    kms.ok_empty("DisableKey", KeyId=key["KeyId"])
    check_fault(kms, operation, members, "DisabledException", f"{key['Arn']} is disabled.")


def test_a_dry_decrypt_looks_at_the_ciphertext(kms, key):
    members = {"CiphertextBlob": b"garbage", "DryRun": True}
    check_fault(kms, "Decrypt", members, "InvalidCiphertextException", NO_TEXT)
    members["DestinationKeyId"] = key["KeyId"]
    check_fault(kms, "ReEncrypt", members, "InvalidCiphertextException", NO_TEXT)


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("Decrypt", {"DryRun": True, "KeyId": "KEY"}, "DryRunOperationException"),
        ("Decrypt", {"DryRun": True}, "ValidationException"),
        ("Decrypt", {"DryRun": False, "KeyId": "KEY"}, "ValidationException"),
        ("Decrypt", {"KeyId": "KEY"}, "ValidationException"),
        ("Decrypt", {"DryRun": True, "KeyId": "MISSING"}, "NotFoundException"),
        ("ReEncrypt", {"DryRun": True, "SourceKeyId": "KEY", "DestinationKeyId": "KEY"}, "DryRunOperationException"),
        ("ReEncrypt", {"DryRun": True, "DestinationKeyId": "KEY"}, "ValidationException"),
        ("ReEncrypt", {"DryRun": True, "SourceKeyId": "KEY"}, "ValidationException"),
        ("ReEncrypt", {"DryRun": True, "SourceKeyId": "MISSING", "DestinationKeyId": "KEY"}, "NotFoundException"),
    ],
)
def test_without_a_ciphertext(kms, key, operation, members, code):
    """IGNORE_CIPHERTEXT asks about the key alone; then the key must be named."""
    names = {"KEY": key["KeyId"], "MISSING": "00000000-0000-4000-8000-000000000000"}
    members = {member: names.get(value, value) for member, value in members.items()}
    check_fault(kms, operation, {**members, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}, code, ANY_TEXT)


def test_an_unknown_modifier(kms, key):
    members = {"KeyId": key["KeyId"], "DryRun": True, "DryRunModifiers": ["IGNORE_EVERYTHING"]}
    check_fault(kms, "Decrypt", members, "ValidationException")


def test_a_dry_run_makes_nothing(kms, key):
    """No reply of a dry run holds more than the fault."""
    for operation in CALLS:
        reply = kms.call(operation, **members_of(kms, key, operation), DryRun=True)
        assert set(reply.json) <= {"__type", "message"}, reply.json
