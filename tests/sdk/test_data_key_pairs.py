"""Data key pairs of all twelve specs: encodings, and that the decrypted private key fits the public one."""

import pytest

from harness.checks import check_fault
from harness.keys import check_pair
from harness.specs import PAIR_SPECS
from harness.wire import unblob

CONTEXT = {"Purpose": "Test"}


def home_of(kms, spec):
    """A caller in a Region that offers `spec`: SM2 exists in the China Regions alone."""
    return kms.with_(region="cn-north-1") if spec == "SM2" else kms


@pytest.mark.parametrize("spec", PAIR_SPECS)
def test_a_pair_with_plaintext(kms, spec):
    kms = home_of(kms, spec)
    key = kms.key()
    pair = kms.ok("GenerateDataKeyPair", KeyId=key["KeyId"], KeyPairSpec=spec, EncryptionContext=CONTEXT)
    members = {"KeyId", "KeyMaterialId", "KeyPairSpec", "PrivateKeyCiphertextBlob", "PrivateKeyPlaintext", "PublicKey"}
    assert set(pair) == members
    assert (pair["KeyId"], pair["KeyPairSpec"]) == (key["Arn"], spec)
    assert pair["KeyMaterialId"] == key["CurrentKeyMaterialId"]
    check_pair(spec, unblob(pair["PublicKey"]), unblob(pair["PrivateKeyPlaintext"]))
    opened = kms.ok("Decrypt", CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == pair["PrivateKeyPlaintext"]


@pytest.mark.parametrize("spec", PAIR_SPECS)
def test_a_pair_without_plaintext(kms, spec):
    kms = home_of(kms, spec)
    key = kms.key()
    pair = kms.ok("GenerateDataKeyPairWithoutPlaintext", KeyId=key["Arn"], KeyPairSpec=spec, EncryptionContext=CONTEXT)
    assert set(pair) == {"KeyId", "KeyMaterialId", "KeyPairSpec", "PrivateKeyCiphertextBlob", "PublicKey"}
    assert (pair["KeyId"], pair["KeyPairSpec"]) == (key["Arn"], spec)
    sealed = pair["PrivateKeyCiphertextBlob"]
    check_fault(kms, "Decrypt", {"CiphertextBlob": sealed}, "InvalidCiphertextException", None)
    opened = kms.ok("Decrypt", CiphertextBlob=sealed, EncryptionContext=CONTEXT)
    assert opened["KeyMaterialId"] == pair["KeyMaterialId"]
    check_pair(spec, unblob(pair["PublicKey"]), unblob(opened["Plaintext"]))


@pytest.mark.parametrize("operation", ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"])
@pytest.mark.parametrize(
    ("region", "spec"),
    [
        ("us-east-1", "SM2"),
        ("eu-central-1", "SM2"),
        ("cn-north-1", "ML_KEM_512"),
        ("cn-northwest-1", "ML_KEM_768"),
        ("cn-north-1", "ML_KEM_1024"),
    ],
)
def test_specs_that_a_region_does_not_offer(kms, operation, region, spec):
    kms = kms.with_(region=region)
    key = kms.key()
    check_fault(kms, operation, {"KeyId": key["KeyId"], "KeyPairSpec": spec}, "UnsupportedOperationException")


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519", "ML_KEM_768"])
def test_no_two_pairs_are_alike(kms, key, spec):
    """Pairs generated ahead must be handed out once."""
    pairs = [kms.ok("GenerateDataKeyPair", KeyId=key["KeyId"], KeyPairSpec=spec) for _ in range(6)]
    for member in ("PublicKey", "PrivateKeyPlaintext", "PrivateKeyCiphertextBlob"):
        assert len({pair[member] for pair in pairs}) == 6, member
