"""The worked examples of the AWS documentation: the same requests, with a key of ours in the place of theirs.

The documentation names the key in five ways: by id, by ARN, by alias name, by alias ARN, and by id together with an
encryption context.
"""

import pytest

from harness.keys import check_pair
from harness.wire import unblob

CONTEXT = {"Department": "IT", "Purpose": "Test"}

FORMS = ["key id", "key ARN", "alias name", "alias ARN", "encryption context"]


@pytest.fixture
def request_members(kms, key):
    kms.ok_empty("CreateAlias", AliasName="alias/ExampleAlias", TargetKeyId=key["KeyId"])
    return {
        "key id": {"KeyId": key["KeyId"]},
        "key ARN": {"KeyId": key["Arn"]},
        "alias name": {"KeyId": "alias/ExampleAlias"},
        "alias ARN": {"KeyId": kms.arn("alias/ExampleAlias")},
        "encryption context": {"KeyId": key["KeyId"], "EncryptionContext": CONTEXT},
    }


@pytest.mark.parametrize("form", FORMS)
def test_generate_data_key(kms, key, request_members, form):
    members = request_members[form]
    made = kms.ok("GenerateDataKey", KeySpec="AES_256", **members)
    assert set(made) == {"CiphertextBlob", "KeyId", "KeyMaterialId", "Plaintext"}
    assert made["KeyId"] == key["Arn"]
    assert len(unblob(made["Plaintext"])) == 32
    check_opens(kms, members, made["CiphertextBlob"], made["Plaintext"])


@pytest.mark.parametrize("form", FORMS)
def test_generate_data_key_of_512_bits(kms, request_members, form):
    members = request_members[form]
    made = kms.ok("GenerateDataKey", NumberOfBytes=64, **members)
    assert len(unblob(made["Plaintext"])) == 64
    check_opens(kms, members, made["CiphertextBlob"], made["Plaintext"])


@pytest.mark.parametrize("form", FORMS)
def test_generate_data_key_without_plaintext(kms, key, request_members, form):
    members = request_members[form]
    made = kms.ok("GenerateDataKeyWithoutPlaintext", KeySpec="AES_256", **members)
    assert set(made) == {"CiphertextBlob", "KeyId", "KeyMaterialId"}
    assert made["KeyId"] == key["Arn"]
    check_opens(kms, members, made["CiphertextBlob"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spec", ["ECC_NIST_P384", "RSA_3072"])
def test_generate_data_key_pair_without_plaintext(kms, key, request_members, form, spec):
    members = request_members[form]
    made = kms.ok("GenerateDataKeyPairWithoutPlaintext", KeyPairSpec=spec, **members)
    assert (made["KeyId"], made["KeyPairSpec"]) == (key["Arn"], spec)
    private = check_opens(kms, members, made["PrivateKeyCiphertextBlob"])
    check_pair(spec, unblob(made["PublicKey"]), private)


def check_opens(kms, members, sealed, plaintext=None):
    """The blob opens with the context it was made with, and with no other."""
    context = members.get("EncryptionContext", {})
    opened = kms.ok("Decrypt", CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"]
    assert plaintext in (None, opened)
    other = kms.call("Decrypt", CiphertextBlob=sealed, EncryptionContext={**context, "Department": "Sales"})
    assert other.code == "InvalidCiphertextException"
    return unblob(opened)
