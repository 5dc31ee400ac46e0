"""Multi-Region keys through boto3: one key in two Regions, as an application uses it."""

import time

import pytest

HOME, ABROAD = "us-east-1", "eu-west-1"

#: Every kind of key, with one algorithm of it.
SIGNING = {
    "RSA_2048": "RSASSA_PSS_SHA_256",
    "ECC_NIST_P256": "ECDSA_SHA_256",
    "ECC_NIST_EDWARDS25519": "ED25519_SHA_512",
    "ML_DSA_65": "ML_DSA_SHAKE_256",
}


def wait_for(kms, key, state="Enabled"):
    """A new replica is `Creating`, and a primary that moves is `Updating`, for a moment."""
    deadline = time.monotonic() + 20
    while kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != state:
        assert time.monotonic() < deadline, f"not {state}"
        time.sleep(0.05)


@pytest.fixture
def regions(place):
    return place.boto3(region=HOME), place.boto3(region=ABROAD)


def replicated(regions, **members):
    home, abroad = regions
    key = home.create_key(MultiRegion=True, **members)["KeyMetadata"]["KeyId"]
    made = home.replicate_key(KeyId=key, ReplicaRegion=ABROAD)
    assert made["ReplicaKeyMetadata"]["KeyState"] == "Creating"
    wait_for(abroad, key)
    return key


def test_a_ciphertext_opens_in_the_other_region(regions):
    home, abroad = regions
    key = replicated(regions)
    context = {"purpose": "demo"}
    for one, other in ((home, abroad), (abroad, home)):
        sealed = one.encrypt(KeyId=key, Plaintext=b"attack at dawn", EncryptionContext=context)
        opened = other.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
        assert opened["Plaintext"] == b"attack at dawn"
        assert opened["KeyId"] != sealed["KeyId"]
    opened = abroad.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    assert opened["KeyId"].split(":")[3] == ABROAD
    # The primary rotates for both.
    home.rotate_key_on_demand(KeyId=key)
    new = abroad.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    current = home.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert home.decrypt(CiphertextBlob=new)["KeyMaterialId"] == current
    assert home.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)["KeyMaterialId"] != current


@pytest.mark.parametrize("spec", SIGNING)
def test_a_signature_verifies_in_the_other_region(regions, spec):
    home, abroad = regions
    key = replicated(regions, KeySpec=spec, KeyUsage="SIGN_VERIFY")
    request = {"KeyId": key, "Message": b"a message", "SigningAlgorithm": SIGNING[spec]}
    signature = home.sign(**request)["Signature"]
    assert abroad.verify(Signature=signature, **request)["SignatureValid"]
    assert abroad.get_public_key(KeyId=key)["PublicKey"] == home.get_public_key(KeyId=key)["PublicKey"]


def test_a_mac_verifies_in_the_other_region(regions):
    home, abroad = regions
    key = replicated(regions, KeySpec="HMAC_384", KeyUsage="GENERATE_VERIFY_MAC")
    request = {"KeyId": key, "Message": b"a message", "MacAlgorithm": "HMAC_SHA_384"}
    mac = abroad.generate_mac(**request)["Mac"]
    assert home.verify_mac(Mac=mac, **request)["MacValid"]


def test_an_rsa_ciphertext_opens_in_the_other_region(regions):
    home, abroad = regions
    key = replicated(regions, KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    request = {"KeyId": key, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    sealed = home.encrypt(Plaintext=b"x", **request)["CiphertextBlob"]
    assert abroad.decrypt(CiphertextBlob=sealed, **request)["Plaintext"] == b"x"


def test_the_primary_moves_and_goes_last(regions):
    home, abroad = regions
    key = replicated(regions)
    home.update_primary_region(KeyId=key, PrimaryRegion=ABROAD)
    for kms, kind in ((home, "REPLICA"), (abroad, "PRIMARY")):
        wait_for(kms, key)
        family = kms.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]
        assert family["MultiRegionKeyType"] == kind
        assert family["PrimaryKey"]["Region"] == ABROAD
        assert [replica["Region"] for replica in family["ReplicaKeys"]] == [HOME]
    pending = abroad.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert pending["KeyState"] == "PendingReplicaDeletion"
    assert "DeletionDate" not in pending
    assert home.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["KeyState"] == "PendingDeletion"
    assert abroad.describe_key(KeyId=key)["KeyMetadata"]["PendingDeletionWindowInDays"] == 7
    abroad.cancel_key_deletion(KeyId=key)
    wait_for(abroad, key, "Disabled")


def test_what_cannot_be_replicated(regions):
    home, abroad = regions
    key = replicated(regions)
    single = home.create_key()["KeyMetadata"]["KeyId"]
    for kms, key_id, region in ((home, single, ABROAD), (abroad, key, "eu-west-2")):
        with pytest.raises(kms.exceptions.UnsupportedOperationException):
            kms.replicate_key(KeyId=key_id, ReplicaRegion=region)
    for region in (HOME, ABROAD):
        with pytest.raises(home.exceptions.AlreadyExistsException):
            home.replicate_key(KeyId=key, ReplicaRegion=region)
