"""Several accounts and Regions in one process: what crosses the borders, and what does not."""

import re

import pytest

from harness.checks import assert_fault, check_fault
from harness.server import IDENTITIES
from harness.wire import Credentials, Kms, unblob

DOES_NOT_EXIST = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
    "or you are not allowed to access."
)

#: Operations that other accounts may be allowed, by key ARN or alias ARN.
CROSS_ACCOUNT = {
    "DescribeKey": {},
    "Encrypt": {"Plaintext": b"x"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "GetPublicKey": {},
}

OWN_ACCOUNT_ALONE = {
    "CancelKeyDeletion": {},
    "DisableKey": {},
    "EnableKey": {},
    "ScheduleKeyDeletion": {},
    "UpdateKeyDescription": {"Description": "taken over"},
}


def denied(stranger, operation, arn):
    caller = re.escape(f"arn:aws:iam::{stranger.account}:") + r"\S+"
    return re.compile(
        f"User: {caller} is not authorized to perform: kms:{operation} on resource: {re.escape(arn)} because "
        "the resource does not exist in this Region, no resource-based policies allow access, "
        "or a resource-based policy explicitly denies access"
    )


@pytest.mark.parametrize("operation", CROSS_ACCOUNT)
def test_a_stranger_is_denied(kms, key, stranger, operation):
    """And cannot tell a key that exists from one that does not."""
    missing = key["Arn"][:-12] + "000000000000"
    for arn in (key["Arn"], missing):
        members = {"KeyId": arn, **CROSS_ACCOUNT[operation]}
        check_fault(stranger, operation, members, "AccessDeniedException", denied(stranger, operation, arn))


@pytest.mark.parametrize("operation", OWN_ACCOUNT_ALONE)
def test_a_stranger_manages_nothing(kms, key, stranger, operation):
    reply = stranger.call(operation, KeyId=key["Arn"], **OWN_ACCOUNT_ALONE[operation])
    assert reply.code in ("AccessDeniedException", "NotFoundException"), reply.json
    assert kms.ok("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"] == key


def test_a_strangers_alias(kms, key, stranger):
    kms.ok_empty("CreateAlias", AliasName="alias/shared", TargetKeyId=key["KeyId"])
    replies = [stranger.call("Encrypt", KeyId=kms.arn(name), Plaintext=b"x") for name in ("alias/shared", "alias/none")]
    codes = {reply.code for reply in replies}
    assert codes <= {"AccessDeniedException", "NotFoundException"}, codes
    assert len(codes) == 1, "an alias that exists looks like one that does not"


def test_a_strangers_ciphertext(kms, key, stranger):
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    check_fault(stranger, "Decrypt", {"CiphertextBlob": sealed}, "AccessDeniedException", DOES_NOT_EXIST)
    members = {"CiphertextBlob": sealed, "DestinationKeyId": stranger.key()["KeyId"]}
    check_fault(stranger, "ReEncrypt", members, "AccessDeniedException", DOES_NOT_EXIST)
    own = stranger.ok("Encrypt", KeyId=stranger.key()["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    reply = stranger.call("ReEncrypt", CiphertextBlob=own, DestinationKeyId=key["Arn"])
    assert_fault(reply, "AccessDeniedException", denied(stranger, "ReEncryptTo", key["Arn"]))


def test_lists_end_at_the_border(kms, key, stranger):
    kms.ok_empty("CreateAlias", AliasName="alias/here", TargetKeyId=key["KeyId"])
    assert stranger.ok("ListKeys")["Keys"] == []
    assert "alias/here" not in {entry["AliasName"] for entry in stranger.ok("ListAliases")["Aliases"]}
    elsewhere = kms.with_(region="eu-west-1")
    assert elsewhere.ok("ListKeys")["Keys"] == []
    assert "alias/here" not in {entry["AliasName"] for entry in elsewhere.ok("ListAliases")["Aliases"]}


@pytest.mark.parametrize("region", ["eu-west-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1"])
def test_the_region_is_that_of_the_signature(kms, region):
    kms = kms.with_(region=region)
    partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    key = kms.key()
    assert key["Arn"] == f"arn:{partition}:kms:{region}:{kms.account}:key/{key['KeyId']}"
    sealed = kms.ok("Encrypt", KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]
    assert kms.ok("Decrypt", CiphertextBlob=sealed)["KeyId"] == key["Arn"]


def test_a_key_lives_in_one_region(kms, key):
    elsewhere = kms.with_(region="eu-west-1")
    text = f"Key '{elsewhere.arn('key/' + key['KeyId'])}' does not exist"
    check_fault(elsewhere, "DescribeKey", {"KeyId": key["KeyId"]}, "NotFoundException", text)
    check_fault(elsewhere, "DescribeKey", {"KeyId": key["Arn"]}, "NotFoundException", "Invalid arn us-east-1")
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    check_fault(elsewhere, "Decrypt", {"CiphertextBlob": sealed}, "AccessDeniedException", DOES_NOT_EXIST)


@pytest.mark.parametrize(
    ("members", "size"), [({"KeySpec": "AES_128"}, 16), ({"KeySpec": "AES_256"}, 32), ({"NumberOfBytes": 7}, 7)]
)
def test_china_has_the_same_api_over_another_cipher(kms, members, size):
    kms = kms.with_(region="cn-north-1")
    key = kms.key()
    assert (key["KeySpec"], key["EncryptionAlgorithms"]) == ("SYMMETRIC_DEFAULT", ["SYMMETRIC_DEFAULT"])
    made = kms.ok("GenerateDataKey", KeyId=key["KeyId"], EncryptionContext={"a": "b"}, **members)
    assert len(unblob(made["Plaintext"])) == size
    blob = unblob(made["CiphertextBlob"])
    assert blob[:2] == b"\x01\x02", "suite 2 of the ciphertext format: SM4"
    opened = kms.ok("Decrypt", CiphertextBlob=blob, EncryptionContext={"a": "b"})
    assert opened["Plaintext"] == made["Plaintext"]
    for position in range(len(blob)):
        altered = bytearray(blob)
        altered[position] ^= 0x10
        members = {"CiphertextBlob": altered, "EncryptionContext": {"a": "b"}}
        check_fault(kms, "Decrypt", members, "InvalidCiphertextException", None)


def test_users_of_one_account_share_its_keys(tls_server):
    """Until policies are enforced every principal of an account may use the account's keys."""
    root, alice, other = (Kms(tls_server, Credentials(key, secret)) for _, key, secret, _ in IDENTITIES)
    key = root.key()
    sealed = alice.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert root.ok("Decrypt", CiphertextBlob=sealed)["KeyId"] == key["Arn"]
    assert key["AWSAccountId"] == IDENTITIES[0][0]
    check_fault(other, "Decrypt", {"CiphertextBlob": sealed}, "AccessDeniedException", DOES_NOT_EXIST)
    reply = other.call("Encrypt", KeyId=key["Arn"], Plaintext=b"x")
    assert reply.code == "AccessDeniedException"
    assert reply.message.startswith(f"User: arn:aws:iam::{IDENTITIES[2][0]}:root is not authorized")
