"""The story of the README, told by boto3: create a key, get data keys and data key pairs, decrypt them again."""

import pytest
from botocore.exceptions import ClientError

from harness.keys import check_pair

CONTEXT = {"Department": "IT", "Purpose": "Test"}


def test_from_a_new_key_to_a_decrypted_private_key(place):
    kms = place.boto3()
    key = kms.create_key(Description="the story")["KeyMetadata"]
    assert (key["KeyState"], key["Enabled"], key["KeySpec"]) == ("Enabled", True, "SYMMETRIC_DEFAULT")
    alias = f"alias/story-{key['KeyId']}"
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])

    data_key = kms.generate_data_key(KeyId=alias, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert data_key["KeyId"] == key["Arn"]
    assert len(data_key["Plaintext"]) == 32
    opened = kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == data_key["Plaintext"]

    pair = kms.generate_data_key_pair_without_plaintext(KeyId=alias, KeyPairSpec="ECC_NIST_P256")
    assert "PrivateKeyPlaintext" not in pair
    private = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"]
    check_pair("ECC_NIST_P256", pair["PublicKey"], private)

    kms.disable_key(KeyId=key["KeyId"])
    with pytest.raises(kms.exceptions.DisabledException):
        kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=CONTEXT)
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=CONTEXT)["KeyId"] == key["Arn"]


def test_faults_arrive_as_the_exceptions_of_the_sdk(place):
    kms = place.boto3()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
    missing = "00000000-0000-4000-8000-000000000000"

    def check(exception, call):
        with pytest.raises(exception) as raised:
            call()
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert raised.value.response["ResponseMetadata"]["RequestId"]

    check(kms.exceptions.NotFoundException, lambda: kms.describe_key(KeyId=missing))
    check(kms.exceptions.InvalidArnException, lambda: kms.enable_key(KeyId="alias/x"))
    check(kms.exceptions.InvalidCiphertextException, lambda: kms.decrypt(CiphertextBlob=sealed[:-1]))
    check(kms.exceptions.UnsupportedOperationException, lambda: kms.get_public_key(KeyId=key))
    check(kms.exceptions.DryRunOperationException, lambda: kms.encrypt(KeyId=key, Plaintext=b"x", DryRun=True))
    check(kms.exceptions.KMSInvalidStateException, lambda: kms.cancel_key_deletion(KeyId=key))
    check(kms.exceptions.InvalidMarkerException, lambda: kms.list_keys(Marker="no marker"))


def test_a_wrong_secret_is_refused(place):
    with pytest.raises(ClientError) as raised:
        place.boto3(secret="not the secret").list_keys()
    assert raised.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_paginators_see_every_key_once(place):
    kms = place.boto3()
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})
    listed = [key["KeyId"] for page in pages for key in page["Keys"]]
    assert made <= set(listed)
    assert len(listed) == len(set(listed))
