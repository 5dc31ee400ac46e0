"""Rotation on demand and its settings, through boto3. The tests of the service move its clock; here time is real."""

from datetime import UTC, datetime, timedelta

import pytest


def test_a_rotation_on_demand_keeps_what_was_encrypted(place):
    kms = place.boto3()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = []
    for _ in range(3):
        sealed.append(kms.encrypt(KeyId=key, Plaintext=b"attack at dawn")["CiphertextBlob"])
        kms.rotate_key_on_demand(KeyId=key)
    opened = [kms.decrypt(CiphertextBlob=blob) for blob in sealed]
    assert [reply["Plaintext"] for reply in opened] == [b"attack at dawn"] * 3
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": 3}
    )
    rotations = [rotation for page in pages for rotation in page["Rotations"]]
    assert [rotation.get("RotationType") for rotation in rotations] == ["ON_DEMAND"] * 3 + [None]
    assert [rotation["KeyMaterialState"] for rotation in rotations] == ["CURRENT"] + ["NON_CURRENT"] * 3
    ids = [rotation["KeyMaterialId"] for rotation in rotations]
    assert len(set(ids)) == 4
    # Newest first; the newest has encrypted nothing yet.
    assert [reply["KeyMaterialId"] for reply in opened] == ids[:0:-1]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == ids[0]


def test_the_schedule_is_told(place):
    kms = place.boto3()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    expected = datetime.now(UTC) + timedelta(days=90)
    assert abs(status["NextRotationDate"] - expected) < timedelta(minutes=1)
    kms.disable_key_rotation(KeyId=key)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is False
    assert "NextRotationDate" not in status


def test_there_is_a_limit(place):
    kms = place.boto3()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key)
    with pytest.raises(kms.exceptions.LimitExceededException):
        kms.rotate_key_on_demand(KeyId=key)


def test_the_last_use_is_told(place):
    kms = place.boto3()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert kms.get_key_last_usage(KeyId=key)["KeyLastUsage"] == {}
    kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    used = kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]
    assert used["Operation"] == "GenerateDataKey"
    assert abs(used["Timestamp"] - datetime.now(UTC)) < timedelta(minutes=1)
