"""Key policies, grants and tags through boto3: who is let in, who is not, and what comes back."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import boto3_client

from harness.server import IDENTITIES
from harness.wire import Credentials

ROOT_ARN = "arn:aws:iam::111122223333:root"
ALICE_ARN = "arn:aws:iam::111122223333:user/alice"
STRANGER_ARN = "arn:aws:iam::444455556666:root"


@pytest.fixture(scope="module")
def callers(tls_server):
    """Clients for the root and for alice of one account, and for the root of another."""
    return [boto3_client(tls_server, Credentials(key, secret)) for _, key, secret, _ in IDENTITIES]


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(principal, *actions, effect="Allow", **condition):
    statement = {"Effect": effect, "Principal": {"AWS": principal}, "Action": actions, "Resource": "*"}
    return {**statement, "Condition": condition} if condition else statement


#: The root alone manages the key, whatever else its policy says.
MANAGE = allow(
    ROOT_ARN,
    "kms:*Polic*",
    "kms:*Grant*",
    "kms:*Tag*",
    "kms:*Resource*",
    "kms:DescribeKey",
    ArnEquals={"aws:PrincipalArn": ROOT_ARN},
)


def refused(code, call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"] == code
    return caught.value.response["Error"]["Message"]


def test_a_key_policy_decides_until_it_is_replaced(callers):
    root, alice, stranger = callers
    key = root.create_key(Policy=document(MANAGE))["KeyMetadata"]["Arn"]
    encrypt = {"KeyId": key, "Plaintext": b"x"}
    text = refused("AccessDeniedException", alice.encrypt, **encrypt)
    assert text == (
        f"User: {ALICE_ARN} is not authorized to perform: kms:Encrypt on resource: {key} "
        "because no resource-based policy allows the kms:Encrypt action"
    )
    assert "no resource-based policies allow access" in refused("AccessDeniedException", stranger.encrypt, **encrypt)

    team = {"kms:EncryptionContext:team": "blue"}
    root.put_key_policy(KeyId=key, Policy=document(MANAGE, allow(ALICE_ARN, "kms:*crypt", StringEquals=team)))
    refused("AccessDeniedException", alice.encrypt, **encrypt)
    blob = alice.encrypt(EncryptionContext={"team": "blue"}, **encrypt)["CiphertextBlob"]
    assert alice.decrypt(CiphertextBlob=blob, EncryptionContext={"team": "blue"})["Plaintext"] == b"x"

    deny = allow("*", "kms:Encrypt", effect="Deny")
    root.put_key_policy(KeyId=key, Policy=document(MANAGE, allow(ALICE_ARN, "kms:*"), deny))
    text = refused("AccessDeniedException", alice.encrypt, EncryptionContext={"team": "blue"}, **encrypt)
    assert text.endswith("with an explicit deny in a resource-based policy")

    root.put_key_policy(KeyId=key, Policy=document(MANAGE, allow(STRANGER_ARN, "kms:Encrypt", "kms:DisableKey")))
    assert stranger.encrypt(**encrypt)["KeyId"] == key
    refused("AccessDeniedException", stranger.disable_key, KeyId=key)
    assert root.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]


def test_a_policy_comes_back_as_it_was_meant(callers):
    root, *_ = callers
    sent = document(allow(ROOT_ARN, "kms:*"), allow("*", "kms:Encrypt", Bool={"aws:SecureTransport": "true"}))
    key = root.create_key(Policy=sent)["KeyMetadata"]["KeyId"]
    got = root.get_key_policy(KeyId=key, PolicyName="default")
    assert got["PolicyName"] == "default"
    assert got["Policy"].startswith('{\n  "Version" : "2012-10-17",\n  "Statement" : [ {\n')
    wide, open_to_all = json.loads(got["Policy"])["Statement"]
    assert wide["Principal"] == {"AWS": ROOT_ARN}
    assert open_to_all["Condition"] == {"Bool": {"aws:SecureTransport": "true"}}


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (document(allow(ALICE_ARN, "kms:*")), "MalformedPolicyDocumentException"),
        (document(allow(ROOT_ARN, "kms:*"), allow("nobody", "kms:*")), "MalformedPolicyDocumentException"),
        (document(allow(ROOT_ARN, "kms:*", StringSame={"aws:userid": "x"})), "MalformedPolicyDocumentException"),
        (document(*[allow(ROOT_ARN, "kms:*")] * 300), "LimitExceededException"),
    ],
    ids=["locks out", "no principal", "no operator", "too long"],
)
def test_policies_that_are_refused(callers, policy, code):
    root, *_ = callers
    key = root.create_key()["KeyMetadata"]["KeyId"]
    before = root.get_key_policy(KeyId=key)["Policy"]
    refused(code, root.put_key_policy, KeyId=key, Policy=policy)
    refused(code, root.create_key, Policy=policy)
    assert root.get_key_policy(KeyId=key)["Policy"] == before


def test_a_grant_from_its_making_to_its_end(callers):
    root, alice, stranger = callers
    key = root.create_key(Policy=document(MANAGE))["KeyMetadata"]["Arn"]
    members = {
        "KeyId": key,
        "GranteePrincipal": ALICE_ARN,
        "RetiringPrincipal": STRANGER_ARN,
        "Operations": ["GenerateDataKey", "Decrypt"],
        "Constraints": {"EncryptionContextSubset": {"volume": "7"}},
        "Name": f"retry-{uuid.uuid4()}",
    }
    refused("DryRunOperationException", root.create_grant, DryRun=True, **members)
    made = root.create_grant(**members)
    assert root.create_grant(**members)["GrantId"] == made["GrantId"]

    tokens = [made["GrantToken"]]
    data_key = {"KeyId": key, "KeySpec": "AES_256"}
    refused("AccessDeniedException", alice.generate_data_key, GrantTokens=tokens, **data_key)
    refused("InvalidGrantTokenException", alice.generate_data_key, GrantTokens=["made-up"], **data_key)
    context = {"volume": "7", "host": "a"}
    fresh = alice.generate_data_key(EncryptionContext=context, GrantTokens=tokens, **data_key)
    opened = alice.decrypt(CiphertextBlob=fresh["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == fresh["Plaintext"]

    [entry] = root.list_grants(KeyId=key)["Grants"]
    assert entry["IssuingAccount"] == ROOT_ARN
    for member in ("KeyId", "GranteePrincipal", "RetiringPrincipal", "Operations", "Constraints", "Name"):
        assert entry[member] == members[member]
    retirable = stranger.list_retirable_grants(RetiringPrincipal=STRANGER_ARN)["Grants"]
    assert entry in retirable

    refused("AccessDeniedException", alice.revoke_grant, KeyId=key, GrantId=made["GrantId"])
    stranger.retire_grant(GrantToken=made["GrantToken"])
    refused("AccessDeniedException", alice.generate_data_key, EncryptionContext=context, **data_key)
    assert root.list_grants(KeyId=key)["Grants"] == []
    refused("NotFoundException", root.revoke_grant, KeyId=key, GrantId=made["GrantId"])


def test_grants_are_paged(callers):
    root, *_ = callers
    key = root.create_key()["KeyMetadata"]["KeyId"]
    made = {
        root.create_grant(KeyId=key, GranteePrincipal=ALICE_ARN, Operations=["Decrypt"])["GrantId"] for _ in range(12)
    }
    pages = list(root.get_paginator("list_grants").paginate(KeyId=key, PaginationConfig={"PageSize": 5}))
    assert [len(page["Grants"]) for page in pages] == [5, 5, 2]
    assert {grant["GrantId"] for page in pages for grant in page["Grants"]} == made


def test_tags_decide_who_may_set_them(callers):
    root, alice, _ = callers
    of_blue = allow(ALICE_ARN, "kms:TagResource", StringEquals={"aws:RequestTag/Team": "blue"})
    made = root.create_key(Policy=document(MANAGE, of_blue), Tags=[{"TagKey": "Purpose", "TagValue": "test"}])
    key = made["KeyMetadata"]["KeyId"]
    refused("AccessDeniedException", alice.tag_resource, KeyId=key, Tags=[{"TagKey": "Team", "TagValue": "red"}])
    alice.tag_resource(KeyId=key, Tags=[{"TagKey": "Team", "TagValue": "blue"}])
    root.tag_resource(KeyId=key, Tags=[{"TagKey": "Purpose", "TagValue": "changed"}])
    tags = {tag["TagKey"]: tag["TagValue"] for tag in root.list_resource_tags(KeyId=key)["Tags"]}
    assert tags == {"Purpose": "changed", "Team": "blue"}
    root.untag_resource(KeyId=key, TagKeys=["Purpose", "absent"])
    assert root.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "Team", "TagValue": "blue"}]
