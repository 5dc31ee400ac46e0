"""Keys as resources: CreateKey, DescribeKey, EnableKey, DisableKey, UpdateKeyDescription, deletion."""

import re
import time

import pytest

from harness.checks import ANY_TEXT, NO_TEXT, check_fault, violations
from harness.wire import unblob

DAY_SECONDS = 86_400

POLICY = """{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::ACCOUNT:root"},
        "Action": "kms:*",
        "Resource": "*"
    }]
}"""


def test_a_new_key_has_every_default(kms):
    before = time.time()
    key = kms.key()
    assert set(key) == {
        "AWSAccountId",
        "Arn",
        "CreationDate",
        "CurrentKeyMaterialId",
        "CustomerMasterKeySpec",
        "Description",
        "Enabled",
        "EncryptionAlgorithms",
        "KeyId",
        "KeyManager",
        "KeySpec",
        "KeyState",
        "KeyUsage",
        "MultiRegion",
        "Origin",
    }
    assert key["AWSAccountId"] == kms.account
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key["KeyId"])
    assert key["Arn"] == kms.arn(f"key/{key['KeyId']}")
    assert before - 2 <= key["CreationDate"] <= time.time() + 2
    assert re.fullmatch("[0-9a-f]{64}", key["CurrentKeyMaterialId"])
    assert key["CustomerMasterKeySpec"] == key["KeySpec"] == "SYMMETRIC_DEFAULT"
    assert key["Description"] == ""
    assert (key["Enabled"], key["KeyState"]) == (True, "Enabled")
    assert (key["KeyUsage"], key["EncryptionAlgorithms"]) == ("ENCRYPT_DECRYPT", ["SYMMETRIC_DEFAULT"])
    assert (key["KeyManager"], key["Origin"], key["MultiRegion"]) == ("CUSTOMER", "AWS_KMS", False)


@pytest.mark.parametrize(
    "members",
    [
        {"Description": "d" * 8192},
        {"Description": 'Schlüssel 🔑 "quoted" \\ \n'},
        {"KeySpec": "SYMMETRIC_DEFAULT"},
        {"CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
        {"KeyUsage": "ENCRYPT_DECRYPT"},
        {"Origin": "AWS_KMS"},
        {"MultiRegion": False},
        {"Tags": [{"TagKey": "Purpose", "TagValue": "Test"}, {"TagKey": "empty", "TagValue": ""}]},
        {"Policy": POLICY},
    ],
    ids=lambda members: next(iter(members)),
)
def test_what_create_key_takes(kms, members):
    if "Policy" in members:
        members = {"Policy": POLICY.replace("ACCOUNT", kms.account)}
    key = kms.key(**members)
    assert key["Description"] == members.get("Description", "")
    assert kms.ok("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"] == key


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        (
            {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
            "ValidationException",
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated.",
        ),
        (
            {"KeyUsage": "SIGN_VERIFY"},
            "ValidationException",
            "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT.",
        ),
        (
            {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "GENERATE_VERIFY_MAC"},
            "ValidationException",
            "KeyUsage GENERATE_VERIFY_MAC is not compatible with KeySpec SYMMETRIC_DEFAULT.",
        ),
        (
            {"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"},
            "UnsupportedOperationException",
            "KeySpec SM2 is not supported in this Region",
        ),
        ({"Policy": "this is no policy"}, "MalformedPolicyDocumentException", ANY_TEXT),
        ({"Policy": "{"}, "MalformedPolicyDocumentException", ANY_TEXT),
        ({"Tags": [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]}, "TagException", ANY_TEXT),
        ({"Tags": [{"TagKey": "aws:mine", "TagValue": "1"}]}, "TagException", ANY_TEXT),
        (
            {"Tags": [{"TagKey": "", "TagValue": "1"}]},
            "ValidationException",
            violations(
                "Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
    ],
)
def test_what_create_key_refuses(kms, members, code, text):
    check_fault(kms, "CreateKey", members, code, text)
    assert kms.ok("ListKeys")["Keys"] == [], "a refused call makes no key"


def test_describe_key_shows_the_same_by_every_form(kms, key):
    kms.ok_empty("CreateAlias", AliasName="alias/described", TargetKeyId=key["KeyId"])
    for form in (key["KeyId"], key["Arn"], "alias/described", kms.arn("alias/described")):
        assert kms.ok("DescribeKey", KeyId=form)["KeyMetadata"] == key, form


def test_enable_and_disable_are_idempotent(kms, key):
    for operation, state in [
        ("EnableKey", "Enabled"),
        ("DisableKey", "Disabled"),
        ("DisableKey", "Disabled"),
        ("EnableKey", "Enabled"),
    ]:
        kms.ok_empty(operation, KeyId=key["KeyId"])
        described = kms.ok("DescribeKey", KeyId=key["Arn"])["KeyMetadata"]
        assert (described["KeyState"], described["Enabled"]) == (state, state == "Enabled")


@pytest.mark.parametrize("description", ["", "new", "d" * 8192, "Ω\t"])
def test_a_description_is_replaced(kms, description):
    key = kms.key(Description="old")
    kms.ok_empty("UpdateKeyDescription", KeyId=key["Arn"], Description=description)
    assert kms.ok("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"] == {**key, "Description": description}


@pytest.mark.parametrize(("asked", "days"), [(None, 30), (7, 7), (8, 8), (30, 30)])
def test_deletion_is_scheduled_and_cancelled(kms, key, asked, days):
    members = {} if asked is None else {"PendingWindowInDays": asked}
    reply = kms.ok("ScheduleKeyDeletion", KeyId=key["KeyId"], **members)
    assert set(reply) == {"DeletionDate", "KeyId", "KeyState", "PendingWindowInDays"}
    assert (reply["KeyId"], reply["KeyState"], reply["PendingWindowInDays"]) == (key["Arn"], "PendingDeletion", days)
    assert abs(reply["DeletionDate"] - time.time() - days * DAY_SECONDS) < 60
    described = kms.ok("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]
    assert described["DeletionDate"] == reply["DeletionDate"]
    assert (described["KeyState"], described["Enabled"]) == ("PendingDeletion", False)
    assert "PendingDeletionWindowInDays" not in described

    assert kms.ok("CancelKeyDeletion", KeyId=key["KeyId"]) == {"KeyId": key["Arn"]}
    described = kms.ok("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]
    assert described == {**key, "KeyState": "Disabled", "Enabled": False}, "not the state before"


@pytest.mark.parametrize("days", [1, 6, 31, 365])
def test_windows_that_only_the_shape_allows(kms, key, days):
    check_fault(kms, "ScheduleKeyDeletion", {"KeyId": key["KeyId"], "PendingWindowInDays": days}, "ValidationException")
    assert kms.ok("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"] == key


@pytest.mark.parametrize(("days", "bound", "than"), [(0, 1, "greater"), (-1, 1, "greater"), (366, 365, "less")])
def test_windows_that_the_shape_refuses(kms, key, days, bound, than):
    text = violations(
        f"Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: "
        f"Member must have value {than} than or equal to {bound}"
    )
    members = {"KeyId": key["KeyId"], "PendingWindowInDays": days}
    check_fault(kms, "ScheduleKeyDeletion", members, "ValidationException", text)


def test_a_symmetric_key_has_no_public_key(kms, key):
    check_fault(kms, "GetPublicKey", {"KeyId": key["KeyId"]}, "UnsupportedOperationException", NO_TEXT)


def test_the_material_id_is_shown_alike_everywhere(kms, key):
    material = key["CurrentKeyMaterialId"]
    data_key = kms.ok("GenerateDataKey", KeyId=key["KeyId"], KeySpec="AES_128")
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")
    moved = kms.ok("ReEncrypt", CiphertextBlob=sealed["CiphertextBlob"], DestinationKeyId=key["KeyId"])
    assert "KeyMaterialId" not in sealed
    assert kms.ok("Decrypt", CiphertextBlob=sealed["CiphertextBlob"])["KeyMaterialId"] == material
    assert data_key["KeyMaterialId"] == material
    assert (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]) == (material, material)
    assert kms.key()["CurrentKeyMaterialId"] != material
    assert unblob(sealed["CiphertextBlob"]) != unblob(moved["CiphertextBlob"])


def test_a_multi_region_primary(kms):
    key = kms.key(MultiRegion=True)
    assert re.fullmatch("mrk-[0-9a-f]{32}", key["KeyId"])
    assert key["MultiRegion"] is True
    itself = {"Arn": key["Arn"], "Region": "us-east-1"}
    configuration = {"MultiRegionKeyType": "PRIMARY", "PrimaryKey": itself, "ReplicaKeys": []}
    assert key["MultiRegionConfiguration"] == configuration
    assert kms.ok("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"] == key
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert kms.ok("Decrypt", CiphertextBlob=sealed)["KeyId"] == key["Arn"]
