"""Whole lives of keys, told by boto3 and by the AWS CLI, while `strongroom dev clock` moves the years along."""

import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from harness.clients import CALLERS, Refused, tool
from harness.openssl import wrap
from harness.server import dev
from harness.wire import Credentials

HOME, ABROAD = "us-east-1", "eu-west-1"
DAY = timedelta(days=1)
#: How long a test may take between two looks at the clock.
SLACK = timedelta(minutes=5)


@pytest.fixture
def server():
    """A `strongroom dev` of its own: its clock is nobody else's."""
    with dev() as server:
        yield server


@pytest.fixture(params=CALLERS)
def caller(request, server):
    """Makes a caller of either kind."""

    def caller(credentials=Credentials(), service="kms"):
        return CALLERS[request.param](server, credentials, service)

    return caller


@pytest.fixture
def kms(caller):
    return caller()


def refuses(code, call, operation, **members):
    with pytest.raises(Refused) as refused:
        call(operation, **members)
    assert refused.value.code == code, refused.value
    return refused.value.text


def now(server):
    """What the clock of the keys shows."""
    return datetime.fromisoformat(tool(server, "clock", "show")["now"])


def state(kms, key):
    return kms("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"]


def new_key(kms, **members):
    return kms("CreateKey", **members)["KeyMetadata"]["KeyId"]


def test_three_years_of_yearly_rotation(server, kms):
    """Each year has its own material: new ciphertexts name it, old ones open with theirs, and the history tells all."""
    made = kms("CreateKey", Description="payments")["KeyMetadata"]
    key, created = made["KeyId"], made["CreationDate"]
    kms("EnableKeyRotation", KeyId=key, RotationPeriodInDays=365)
    context = {"purpose": "archive"}
    sealed, current = [], []
    for year in range(4):
        plaintext = f"year {year}".encode()
        reply = kms("Encrypt", KeyId=key, Plaintext=plaintext, EncryptionContext=context)
        sealed.append(reply["CiphertextBlob"])
        current.append(kms("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"])
        status = kms("GetKeyRotationStatus", KeyId=key)
        assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
        assert abs(status["NextRotationDate"] - created - (year + 1) * 365 * DAY) < SLACK
        if year < 3:
            # A day short of the date nothing has happened.
            tool(server, "clock", "advance", "364d")
            assert kms("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == current[year]
            tool(server, "clock", "advance", "1d")
    assert len(set(current)) == 4
    for year, blob in enumerate(sealed):
        opened = kms("Decrypt", CiphertextBlob=blob, EncryptionContext=context)
        assert (opened["Plaintext"], opened["KeyMaterialId"]) == (f"year {year}".encode(), current[year])
        assert opened["KeyId"] == made["Arn"]

    rotations = kms("ListKeyRotations", KeyId=key)["Rotations"]
    assert [rotation["KeyMaterialId"] for rotation in rotations] == current[:0:-1]
    assert [rotation["KeyMaterialState"] for rotation in rotations] == ["CURRENT", "NON_CURRENT", "NON_CURRENT"]
    for year, rotation in enumerate(reversed(rotations), 1):
        assert rotation["RotationType"] == "AUTOMATIC"
        assert abs(rotation["RotationDate"] - created - year * 365 * DAY) < SLACK
    everything = kms("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [rotation["KeyMaterialId"] for rotation in everything] == current[::-1]
    assert "RotationDate" not in everything[-1], "the first material was there from the beginning"

    # What was encrypted first moves on to the material of today.
    moved = kms(
        "ReEncrypt",
        CiphertextBlob=sealed[0],
        SourceEncryptionContext=context,
        DestinationKeyId=key,
        DestinationEncryptionContext=context,
    )
    assert (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]) == (current[0], current[3])
    again = kms("Decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext=context)
    assert (again["Plaintext"], again["KeyMaterialId"]) == (b"year 0", current[3])

    # A rotation on demand leaves the schedule; a key that no longer rotates keeps its materials.
    kms("RotateKeyOnDemand", KeyId=key)
    status = kms("GetKeyRotationStatus", KeyId=key)
    assert abs(status["NextRotationDate"] - created - 4 * 365 * DAY) < SLACK
    assert kms("ListKeyRotations", KeyId=key)["Rotations"][0]["RotationType"] == "ON_DEMAND"
    kms("DisableKeyRotation", KeyId=key)
    tool(server, "clock", "advance", "1000d")
    assert len(kms("ListKeyRotations", KeyId=key)["Rotations"]) == 4
    assert kms("Decrypt", CiphertextBlob=sealed[1], EncryptionContext=context)["Plaintext"] == b"year 1"


def test_a_disabled_key_catches_up(server, kms):
    key = new_key(kms)
    kms("EnableKeyRotation", KeyId=key)
    kms("DisableKey", KeyId=key)
    tool(server, "clock", "advance", "800d")
    assert kms("ListKeyRotations", KeyId=key)["Rotations"] == []
    kms("EnableKey", KeyId=key)
    [rotation] = kms("ListKeyRotations", KeyId=key)["Rotations"]
    assert abs(rotation["RotationDate"] - now(server)) < SLACK
    following = kms("GetKeyRotationStatus", KeyId=key)["NextRotationDate"]
    assert abs(following - now(server) - 365 * DAY) < SLACK


def test_a_key_is_destroyed_at_its_date(server, kms):
    key = new_key(kms, Tags=[{"TagKey": "team", "TagValue": "payments"}])
    kms("CreateAlias", AliasName="alias/doomed", TargetKeyId=key)
    sealed = kms("Encrypt", KeyId="alias/doomed", Plaintext=b"attack at dawn")["CiphertextBlob"]
    scheduled = kms("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    assert (scheduled["KeyState"], scheduled["PendingWindowInDays"]) == ("PendingDeletion", 7)
    assert abs(scheduled["DeletionDate"] - now(server) - 7 * DAY) < SLACK

    # Its owner thinks again: the key comes back, disabled.
    tool(server, "clock", "advance", "6d23h")
    refuses("KMSInvalidStateException", kms, "Decrypt", CiphertextBlob=sealed)
    kms("CancelKeyDeletion", KeyId=key)
    refuses("DisabledException", kms, "Decrypt", CiphertextBlob=sealed)
    kms("EnableKey", KeyId=key)
    tool(server, "clock", "advance", "30d")
    assert kms("Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"

    kms("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    tool(server, "clock", "advance", "6d23h")
    described = kms("DescribeKey", KeyId="alias/doomed")["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("PendingDeletion", False)
    tool(server, "clock", "set", described["DeletionDate"].astimezone(UTC).isoformat().replace("+00:00", "Z"))
    tool(server, "clock", "advance", "1s")
    assert "does not exist" in refuses("NotFoundException", kms, "DescribeKey", KeyId=key)
    assert "is not found" in refuses("NotFoundException", kms, "DescribeKey", KeyId="alias/doomed")
    refuses("NotFoundException", kms, "CancelKeyDeletion", KeyId=key)
    refuses("AccessDeniedException", kms, "Decrypt", CiphertextBlob=sealed)
    assert kms("ListAliases")["Aliases"] == []
    assert kms("ListKeys")["Keys"] == []
    # The name is free for another key.
    kms("CreateAlias", AliasName="alias/doomed", TargetKeyId=new_key(kms))


def parameters_for(kms, key, algorithm="RSAES_OAEP_SHA_256"):
    return kms("GetParametersForImport", KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048")


def bring(kms, key, parameters, material, **members):
    members.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    return kms(
        "ImportKeyMaterial",
        KeyId=key,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrap("RSAES_OAEP_SHA_256", parameters["PublicKey"], material),
        **members,
    )


def test_imported_material_expires_and_comes_back(server, kms):
    key, material = new_key(kms, Origin="EXTERNAL"), os.urandom(32)
    expiry = now(server) + 30 * DAY
    first = bring(kms, key, parameters_for(kms, key), material, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=expiry)
    sealed = kms("Encrypt", KeyId=key, Plaintext=b"attack at dawn")["CiphertextBlob"]
    tool(server, "clock", "advance", "29d")
    described = kms("DescribeKey", KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["ExpirationModel"]) == ("Enabled", "KEY_MATERIAL_EXPIRES")
    assert abs(described["ValidTo"] - expiry) < timedelta(seconds=1)
    assert kms("Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"

    tool(server, "clock", "advance", "1d")
    described = kms("DescribeKey", KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("PendingImport", False)
    assert "ValidTo" not in described
    assert "is pending import." in refuses("KMSInvalidStateException", kms, "Decrypt", CiphertextBlob=sealed)
    [entry] = kms("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert (entry["KeyMaterialId"], entry["ImportState"]) == (first["KeyMaterialId"], "PENDING_IMPORT")

    # Other bytes are refused; the same ones open what they encrypted, without an end this time.
    parameters = parameters_for(kms, key)
    with pytest.raises(Refused, match="IncorrectKeyMaterialException"):
        bring(kms, key, parameters, os.urandom(32))
    again = bring(kms, key, parameters, material)
    assert again["KeyMaterialId"] == first["KeyMaterialId"]
    described = kms("DescribeKey", KeyId=key)["KeyMetadata"]
    assert described["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    tool(server, "clock", "advance", "3650d")
    assert kms("Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"


def test_an_import_token_is_good_for_a_day(server, kms):
    key, material = new_key(kms, Origin="EXTERNAL"), os.urandom(32)
    parameters = parameters_for(kms, key)
    assert abs(parameters["ParametersValidTo"] - now(server) - DAY) < SLACK
    tool(server, "clock", "advance", "23h50m")
    bring(kms, key, parameters, material)
    assert state(kms, key) == "Enabled"
    kms("DeleteImportedKeyMaterial", KeyId=key)
    tool(server, "clock", "advance", "10m")
    with pytest.raises(Refused, match="ExpiredImportTokenException"):
        bring(kms, key, parameters, material)
    assert state(kms, key) == "PendingImport"
    bring(kms, key, parameters_for(kms, key), material)
    assert state(kms, key) == "Enabled"


def test_a_session_is_over_when_the_clock_says_so(server, caller):
    iam = caller(service="iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
            "Action": "sts:AssumeRole",
        },
    }
    role = iam("CreateRole", RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam("AttachRolePolicy", RoleName="worker", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    user = iam("CreateUser", UserName="ops")["User"]
    iam("AttachUserPolicy", UserName="ops", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    made = iam("CreateAccessKey", UserName=user["UserName"])["AccessKey"]
    sts = caller(Credentials(made["AccessKeyId"], made["SecretAccessKey"]), "sts")
    given = sts("AssumeRole", RoleArn=role, RoleSessionName="night", DurationSeconds=3600)["Credentials"]
    assert abs(given["Expiration"] - now(server) - timedelta(hours=1)) < SLACK
    session = caller(Credentials(given["AccessKeyId"], given["SecretAccessKey"], token=given["SessionToken"]))
    key = new_key(session)
    tool(server, "clock", "advance", "50m")
    session("DescribeKey", KeyId=key)
    tool(server, "clock", "advance", "10m")
    refuses("ExpiredTokenException", session, "DescribeKey", KeyId=key)
    # Access keys have no end.
    tool(server, "clock", "advance", "400d")
    caller(Credentials(made["AccessKeyId"], made["SecretAccessKey"]))("DescribeKey", KeyId=key)


def test_a_replica_opens_what_the_primary_encrypted(server, caller):
    home, abroad = (caller(Credentials(region=region)) for region in (HOME, ABROAD))
    key = new_key(home, MultiRegion=True, Description="at home")
    context = {"tenant": "7"}
    sealed = home("Encrypt", KeyId=key, Plaintext=b"attack at dawn", EncryptionContext=context)["CiphertextBlob"]
    refuses("AccessDeniedException", abroad, "Decrypt", CiphertextBlob=sealed, EncryptionContext=context)
    made = home("ReplicateKey", KeyId=key, ReplicaRegion=ABROAD, Description="abroad")["ReplicaKeyMetadata"]
    assert (made["KeyId"], made["KeyState"]) == (key, "Creating")
    deadline = time.monotonic() + 30
    while state(abroad, key) == "Creating":
        assert time.monotonic() < deadline
    opened = abroad("Decrypt", CiphertextBlob=sealed, EncryptionContext=context)
    assert (opened["Plaintext"], opened["KeyId"]) == (b"attack at dawn", made["Arn"])
    back = abroad("Encrypt", KeyId=key, Plaintext=b"at noon", EncryptionContext=context)["CiphertextBlob"]
    assert home("Decrypt", CiphertextBlob=back, EncryptionContext=context)["Plaintext"] == b"at noon"

    # The primary rotates for both, at its date.
    home("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
    tool(server, "clock", "advance", "90d")
    current = {call("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] for call in (home, abroad)}
    assert len(current) == 1
    assert len(abroad("ListKeyRotations", KeyId=key)["Rotations"]) == 1
    assert abroad("GetKeyRotationStatus", KeyId=key)["KeyRotationEnabled"] is True
    assert abroad("Decrypt", CiphertextBlob=sealed, EncryptionContext=context)["KeyMaterialId"] not in current

    # The primary waits for its replica, and then for its own date.
    waiting = home("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    assert waiting["KeyState"] == "PendingReplicaDeletion" and "DeletionDate" not in waiting
    tool(server, "clock", "advance", "60d")
    assert state(home, key) == "PendingReplicaDeletion"
    assert abroad("Decrypt", CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"attack at dawn"
    abroad("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    tool(server, "clock", "advance", "7d")
    refuses("NotFoundException", abroad, "DescribeKey", KeyId=key)
    described = home("DescribeKey", KeyId=key)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"
    assert abs(described["DeletionDate"] - now(server) - 7 * DAY) < SLACK
    tool(server, "clock", "advance", "7d")
    refuses("NotFoundException", home, "DescribeKey", KeyId=key)


def test_an_imported_key_of_two_regions_rotates(server, caller):
    """New material comes to the primary, then to its replica, and only then can the primary rotate to it, for both."""
    home, abroad = (caller(Credentials(region=region)) for region in (HOME, ABROAD))
    key, materials = new_key(home, Origin="EXTERNAL", MultiRegion=True), [os.urandom(32) for _ in range(2)]
    tokens = {home: parameters_for(home, key)}
    first = bring(home, key, tokens[home], materials[0])["KeyMaterialId"]
    home("ReplicateKey", KeyId=key, ReplicaRegion=ABROAD)
    tool(server, "clock", "advance", "1s")
    assert state(abroad, key) == "PendingImport"
    tokens[abroad] = parameters_for(abroad, key)
    # A replica takes what its primary has, and nothing else; a token is for one Region's key.
    with pytest.raises(Refused, match="IncorrectKeyMaterialException"):
        bring(abroad, key, tokens[abroad], materials[1])
    with pytest.raises(Refused, match="InvalidImportTokenException"):
        bring(abroad, key, tokens[home], materials[0])
    assert bring(abroad, key, tokens[abroad], materials[0])["KeyMaterialId"] == first
    sealed = home("Encrypt", KeyId=key, Plaintext=b"attack at dawn")["CiphertextBlob"]
    assert abroad("Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"

    def newest(kms):
        entry = kms("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"][0]
        return entry["KeyMaterialState"], entry["ImportState"], entry["KeyMaterialId"]

    new = {"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "the second"}
    with pytest.raises(Refused, match="UnsupportedOperationException"):
        bring(abroad, key, tokens[abroad], materials[1], **new)
    second = bring(home, key, tokens[home], materials[1], **new)["KeyMaterialId"]
    waiting = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
    assert (newest(home), newest(abroad)) == ((waiting, "IMPORTED", second), (waiting, "PENDING_IMPORT", second))
    refuses("KMSInvalidStateException", home, "RotateKeyOnDemand", KeyId=key)
    bring(abroad, key, tokens[abroad], materials[1], ImportType="EXISTING_KEY_MATERIAL")
    for kms in (home, abroad):
        assert newest(kms) == ("PENDING_ROTATION", "IMPORTED", second)
        assert kms("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == first
    refuses("UnsupportedOperationException", abroad, "RotateKeyOnDemand", KeyId=key)
    home("RotateKeyOnDemand", KeyId=key)
    for kms in (home, abroad):
        assert newest(kms) == ("CURRENT", "IMPORTED", second)
        made = kms("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        for reader in (home, abroad):
            assert reader("Decrypt", CiphertextBlob=made)["KeyMaterialId"] == second
            assert reader("Decrypt", CiphertextBlob=sealed)["KeyMaterialId"] == first
    # One material less, be it an old one, and the key of that Region waits; the other works on.
    abroad("DeleteImportedKeyMaterial", KeyId=key, KeyMaterialId=first)
    assert (state(home, key), state(abroad, key)) == ("Enabled", "PendingImport")
    refuses("KMSInvalidStateException", abroad, "Encrypt", KeyId=key, Plaintext=b"x")
