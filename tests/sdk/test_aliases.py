"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases."""

import re
import time
import uuid

import pytest

from harness.checks import ANY_TEXT, NO_TEXT, check_fault


def test_an_alias_from_its_making_to_its_end(kms, key):
    before = time.time()
    kms.ok_empty("CreateAlias", AliasName="alias/app", TargetKeyId=key["KeyId"])
    [entry] = kms.ok("ListAliases", KeyId=key["KeyId"])["Aliases"]
    assert set(entry) == {"AliasArn", "AliasName", "CreationDate", "LastUpdatedDate", "TargetKeyId"}
    assert (entry["AliasName"], entry["AliasArn"]) == ("alias/app", kms.arn("alias/app"))
    assert entry["TargetKeyId"] == key["KeyId"]
    assert before - 2 <= entry["CreationDate"] == entry["LastUpdatedDate"] <= time.time() + 2

    other = kms.key()
    kms.ok_empty("UpdateAlias", AliasName="alias/app", TargetKeyId=other["Arn"])
    assert kms.ok("ListAliases", KeyId=key["KeyId"])["Aliases"] == []
    [moved] = kms.ok("ListAliases", KeyId=other["Arn"])["Aliases"]
    assert moved["TargetKeyId"] == other["KeyId"]
    assert moved["CreationDate"] == entry["CreationDate"]
    assert moved["LastUpdatedDate"] >= entry["LastUpdatedDate"]
    assert kms.ok("DescribeKey", KeyId="alias/app")["KeyMetadata"]["KeyId"] == other["KeyId"]

    kms.ok_empty("DeleteAlias", AliasName="alias/app")
    check_fault(kms, "DescribeKey", {"KeyId": "alias/app"}, "NotFoundException", not_found(kms, "app"))
    assert kms.ok("DescribeKey", KeyId=other["KeyId"])["KeyMetadata"] == other, "the key does not notice"


@pytest.mark.parametrize("name", ["a", "A-b_c/d", "0", "x" * 250, "aws", "awsome/x", "a/b/c"])
def test_names_that_may_be(kms, key, name):
    kms.ok_empty("CreateAlias", AliasName=f"alias/{name}", TargetKeyId=key["KeyId"])
    assert kms.ok("DescribeKey", KeyId=f"alias/{name}")["KeyMetadata"] == key


@pytest.mark.parametrize(
    ("name", "codes", "text"),
    [
        ("alias/aws/mine", {"NotAuthorizedException"}, NO_TEXT),
        ("alias/a:b", {"ValidationException"}, "alias/a:b contains invalid characters for an alias"),
        ("app", {"ValidationException", "InvalidAliasNameException"}, ANY_TEXT),
        ("Alias/app", {"ValidationException", "InvalidAliasNameException"}, ANY_TEXT),
        ("alias/", {"ValidationException", "InvalidAliasNameException"}, ANY_TEXT),
        ("alias/ü", {"ValidationException"}, re.compile("1 validation error detected: .*pattern.*")),
        ("alias/a b", {"ValidationException"}, re.compile("1 validation error detected: .*pattern.*")),
        (
            "alias/" + "x" * 251,
            {"ValidationException"},
            re.compile("1 validation error detected: .*less than or equal to 256"),
        ),
        ("", {"ValidationException"}, re.compile("2 validation errors detected: .*")),
        (
            "arn:aws:kms:us-east-1:111122223333:alias/app",
            {"ValidationException", "InvalidAliasNameException"},
            ANY_TEXT,
        ),
    ],
)
def test_names_that_may_not_be(kms, key, name, codes, text):
    reply = kms.call("CreateAlias", AliasName=name, TargetKeyId=key["KeyId"])
    assert reply.code in codes, reply.json
    check_fault(kms, "CreateAlias", {"AliasName": name, "TargetKeyId": key["KeyId"]}, reply.code, text)
    assert kms.ok("ListAliases", KeyId=key["KeyId"])["Aliases"] == []


def test_a_name_is_taken_once(kms, key):
    kms.ok_empty("CreateAlias", AliasName="alias/taken", TargetKeyId=key["KeyId"])
    text = f"An alias with the name {kms.arn('alias/taken')} already exists"
    for target in (key["KeyId"], kms.key()["KeyId"]):
        members = {"AliasName": "alias/taken", "TargetKeyId": target}
        check_fault(kms, "CreateAlias", members, "AlreadyExistsException", text)
    # Case counts, and another Region is another name.
    kms.ok_empty("CreateAlias", AliasName="alias/Taken", TargetKeyId=key["KeyId"])
    elsewhere = kms.with_(region="eu-west-1")
    elsewhere.ok_empty("CreateAlias", AliasName="alias/taken", TargetKeyId=elsewhere.key()["KeyId"])


def test_what_is_not_there(kms, key):
    text = not_found(kms, "none")
    check_fault(kms, "UpdateAlias", {"AliasName": "alias/none", "TargetKeyId": key["KeyId"]}, "NotFoundException", text)
    check_fault(kms, "DeleteAlias", {"AliasName": "alias/none"}, "NotFoundException", text)
    missing = str(uuid.uuid4())
    text = f"Key '{kms.arn('key/' + missing)}' does not exist"
    check_fault(kms, "CreateAlias", {"AliasName": "alias/new", "TargetKeyId": missing}, "NotFoundException", text)
    check_fault(kms, "ListAliases", {"KeyId": missing}, "NotFoundException", text)
    kms.ok_empty("CreateAlias", AliasName="alias/known", TargetKeyId=key["KeyId"])
    members = {"AliasName": "alias/known", "TargetKeyId": missing}
    check_fault(kms, "UpdateAlias", members, "NotFoundException", text)
    assert kms.ok("DescribeKey", KeyId="alias/known")["KeyMetadata"] == key


@pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias"])
def test_a_target_is_a_key(kms, key, operation):
    kms.ok_empty("CreateAlias", AliasName="alias/one", TargetKeyId=key["KeyId"])
    name = "alias/one" if operation == "UpdateAlias" else "alias/two"
    for target in ("alias/one", kms.arn("alias/one")):
        reply = kms.call(operation, AliasName=name, TargetKeyId=target)
        assert reply.code in ("ValidationException", "InvalidArnException"), reply.json


def test_a_reserved_name_is_refused_everywhere(kms, key):
    kms.ok_empty("CreateAlias", AliasName="alias/mine", TargetKeyId=key["KeyId"])
    for operation, members in [("UpdateAlias", {"TargetKeyId": key["KeyId"]}), ("DeleteAlias", {})]:
        reply = kms.call(operation, AliasName="alias/aws/s3", **members)
        assert reply.status == 400, reply.json


def not_found(kms, name):
    return f"Alias {kms.arn('alias/' + name)} is not found."
