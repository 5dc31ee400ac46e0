"""The four forms of a key id, and what each operation says to an id that names no key it can use."""

import re
import uuid

import pytest

from harness.checks import ANY_TEXT, assert_fault

#: Operations that take all four forms, with the other members they need.
ALL_FORMS = {
    "DescribeKey": {},
    "Encrypt": {"Plaintext": b"x"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
    "GetPublicKey": {},
    "Decrypt": {},
    "ReEncrypt.SourceKeyId": {},
    "ReEncrypt.DestinationKeyId": {},
}

#: Operations that take a key id or key ARN alone.
KEY_FORMS = {
    "CancelKeyDeletion": {},
    "DisableKey": {},
    "EnableKey": {},
    "ListAliases": {},
    "ScheduleKeyDeletion": {},
    "UpdateKeyDescription": {"Description": "x"},
}

NO_ALIAS = "Key Aliases are not supported for this operation."


def call_with(kms, key, place, key_id):
    """Calls the operation of `place` (`Operation` or `Operation.Member`) with `key_id` in the place of a key."""
    operation, _, member = place.partition(".")
    members = dict(ALL_FORMS.get(place, KEY_FORMS.get(place)))
    if operation in ("Decrypt", "ReEncrypt"):
        members["CiphertextBlob"] = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    if operation == "ReEncrypt":
        members["DestinationKeyId"] = key["KeyId"]
    return kms.call(operation, **{**members, member or "KeyId": key_id})


def missing(kms, key):
    """Ids that name nothing, and the fault each gets from every operation."""
    unknown, family = str(uuid.uuid4()), "mrk-" + uuid.uuid4().hex
    upper = key["KeyId"].upper()
    return [
        (unknown, "NotFoundException", f"Key '{kms.arn('key/' + unknown)}' does not exist"),
        (family, "NotFoundException", f"Key '{kms.arn('key/' + family)}' does not exist"),
        (upper, "NotFoundException", f"Key '{kms.arn('key/' + upper)}' does not exist"),
        (kms.arn("key/" + unknown), "NotFoundException", f"Key '{kms.arn('key/' + unknown)}' does not exist"),
        ("foo", "NotFoundException", "Invalid keyId 'foo'"),
        (uuid.UUID(unknown).hex, "NotFoundException", f"Invalid keyId '{uuid.UUID(unknown).hex}'"),
        ("mrk-1234", "NotFoundException", "Invalid keyId 'mrk-1234'"),
        (kms.arn("key/foo"), "NotFoundException", "Invalid keyId foo"),
        (key["Arn"].replace("us-east-1", "eu-west-1"), "NotFoundException", "Invalid arn eu-west-1"),
        (key["Arn"].replace(":kms:", ":s3:"), "InvalidArnException", ANY_TEXT),
        ("arn:aws:kms:us-east-1", "InvalidArnException", ANY_TEXT),
        ("", "ValidationException", re.compile("2 validation errors detected: .*")),
        (
            "schlüssel",
            "ValidationException",
            re.compile(
                r"1 validation error detected: Value 'schlüssel' at '\w+' failed to "
                r"satisfy constraint: Member must satisfy regular expression pattern: \^\\p\{ASCII\}\+\$"
            ),
        ),
        ("x" * 2049, "ValidationException", re.compile("1 validation error detected: .*less than or equal to 2048")),
    ]


@pytest.mark.parametrize("place", [*ALL_FORMS, *KEY_FORMS])
def test_ids_that_name_nothing(kms, key, place):
    for key_id, code, text in missing(kms, key):
        assert_fault(call_with(kms, key, place, key_id), code, text)


@pytest.mark.parametrize("place", ALL_FORMS)
def test_aliases_that_do_not_exist(kms, key, place):
    for name in ("alias/none", "alias/aws/s3"):
        text = f"Alias {kms.arn(name)} is not found."
        assert_fault(call_with(kms, key, place, name), "NotFoundException", text)
        assert_fault(call_with(kms, key, place, kms.arn(name)), "NotFoundException", text)


@pytest.mark.parametrize("place", KEY_FORMS)
def test_aliases_where_only_keys_are_taken(kms, key, place):
    """Refused before anyone looks whether they exist."""
    kms.ok_empty("CreateAlias", AliasName="alias/real", TargetKeyId=key["KeyId"])
    for name in ("alias/real", "alias/none", kms.arn("alias/real"), kms.arn("alias/none")):
        assert_fault(call_with(kms, key, place, name), "InvalidArnException", NO_ALIAS)


@pytest.mark.parametrize("place", ["GetPublicKey", *KEY_FORMS])
def test_both_key_forms_are_taken(kms, key, place):
    for form in (key["KeyId"], key["Arn"]):
        reply = call_with(kms, key, place, form)
        expected = {"GetPublicKey": "UnsupportedOperationException", "CancelKeyDeletion": "KMSInvalidStateException"}
        if place == "ScheduleKeyDeletion":
            kms.ok("CancelKeyDeletion", KeyId=form)
        assert reply.code == expected.get(place), reply.json


def test_the_default_account_is_the_callers(kms, key, stranger):
    """A bare id or alias name means nothing in another account."""
    kms.ok_empty("CreateAlias", AliasName="alias/mine", TargetKeyId=key["KeyId"])
    text = f"Key '{stranger.arn('key/' + key['KeyId'])}' does not exist"
    assert_fault(stranger.call("DescribeKey", KeyId=key["KeyId"]), "NotFoundException", text)
    text = f"Alias {stranger.arn('alias/mine')} is not found."
    assert_fault(stranger.call("DescribeKey", KeyId="alias/mine"), "NotFoundException", text)
