"""All key specs: creation, metadata, public keys, and the table of spec × usage."""

import pytest

from harness import openssl
from harness.checks import NO_TEXT, check_fault
from harness.keys import check_public
from harness.specs import LISTS, NO_CUSTOMER_MASTER_KEY_SPEC, PAIRS, PUBLIC_BYTES, SPECS, USAGES, is_symmetric
from harness.wire import unblob


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
def test_a_key_of_every_spec_and_usage(every_key, spec, usage):
    kms, key = every_key(spec, usage)
    assert (key["KeySpec"], key["KeyUsage"], key["KeyState"]) == (spec, usage, "Enabled")
    assert key.get("CustomerMasterKeySpec") == (None if spec in NO_CUSTOMER_MASTER_KEY_SPEC else spec)
    assert {member: key[member] for member in LISTS.values() if member in key} == {LISTS[usage]: SPECS[spec][usage]}
    assert ("CurrentKeyMaterialId" in key) == (spec == "SYMMETRIC_DEFAULT")
    assert kms.ok("DescribeKey", KeyId=key["Arn"])["KeyMetadata"] == key


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
def test_public_keys(every_key, spec, usage):
    kms, key = every_key(spec, usage)
    if is_symmetric(spec):
        check_fault(kms, "GetPublicKey", {"KeyId": key["KeyId"]}, "UnsupportedOperationException", NO_TEXT)
        return
    reply = kms.ok("GetPublicKey", KeyId=key["KeyId"])
    expected = {"KeyId": key["Arn"], "KeySpec": spec, "KeyUsage": usage, LISTS[usage]: SPECS[spec][usage]}
    if spec not in NO_CUSTOMER_MASTER_KEY_SPEC:
        expected["CustomerMasterKeySpec"] = spec
    public = unblob(reply.pop("PublicKey"))
    assert reply == expected
    assert len(public) == PUBLIC_BYTES[spec]
    if spec == "SM2":
        assert "SM2" in openssl.text_of_public(public)
    elif spec != "ML_KEM_512":
        # The one that no independent program here reads; test_key_encapsulation computes with it.
        check_public(spec, public)
    assert unblob(kms.ok("GetPublicKey", KeyId=key["Arn"])["PublicKey"]) == public


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("usage", [None, *USAGES])
def test_pairs_that_cannot_be(kms, spec, usage):
    kms = kms.with_(region="cn-north-1") if spec == "SM2" else kms
    members = {"KeySpec": spec} if usage is None else {"KeySpec": spec, "KeyUsage": usage}
    if usage is None and spec != "SYMMETRIC_DEFAULT":
        text = "You must specify a KeyUsage value for an asymmetric CMK."
        if spec.startswith("HMAC_"):
            # The specification has this text for asymmetric specs; HMAC specs need the member as well.
            check_fault(kms, "CreateKey", members, "ValidationException")
        else:
            check_fault(kms, "CreateKey", members, "ValidationException", text)
    elif usage is not None and usage not in SPECS[spec]:
        text = f"KeyUsage {usage} is not compatible with KeySpec {spec}."
        check_fault(kms, "CreateKey", members, "ValidationException", text)
    elif spec in ("RSA_4096", "RSA_3072"):
        # Made once for the tests above; another costs seconds and shows nothing new.
        return
    else:
        assert kms.key(**members)["KeySpec"] == spec


@pytest.mark.parametrize("usage", SPECS["SM2"])
def test_sm2_exists_in_china_alone(kms, usage):
    members = {"KeySpec": "SM2", "KeyUsage": usage}
    check_fault(
        kms, "CreateKey", members, "UnsupportedOperationException", "KeySpec SM2 is not supported in this Region"
    )
    assert kms.with_(region="cn-northwest-1").key(**members)["KeySpec"] == "SM2"


@pytest.mark.parametrize("spec", ["ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"])
def test_ml_kem_does_not_exist_in_china(kms, spec):
    members = {"KeySpec": spec, "KeyUsage": "ENCAPSULATE_DECAPSULATE"}
    check_fault(kms.with_(region="cn-north-1"), "CreateKey", members, "UnsupportedOperationException")


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec not in NO_CUSTOMER_MASTER_KEY_SPEC])
def test_the_deprecated_member_still_chooses(kms, spec):
    kms = kms.with_(region="cn-north-1") if spec == "SM2" else kms
    usage = next(iter(SPECS[spec]))
    if spec.startswith("RSA_") and spec != "RSA_2048":
        return
    key = kms.key(CustomerMasterKeySpec=spec, KeyUsage=usage)
    assert key["KeySpec"] == key["CustomerMasterKeySpec"] == spec


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
def test_state_rules_hold_for_every_spec(kms, spec, usage):
    """Disabled and pending deletion, on a key of each kind that is quick to make."""
    if spec in ("RSA_3072", "RSA_4096"):
        return
    kms = kms.with_(region="cn-north-1") if spec == "SM2" else kms
    key = kms.key(KeySpec=spec, KeyUsage=usage)
    operation, members = smallest_use(spec, usage)
    members["KeyId"] = key["KeyId"]
    kms.ok_empty("DisableKey", KeyId=key["KeyId"])
    check_fault(kms, operation, members, "DisabledException", f"{key['Arn']} is disabled.")
    kms.ok("ScheduleKeyDeletion", KeyId=key["KeyId"])
    check_fault(kms, operation, members, "KMSInvalidStateException", f"{key['Arn']} is pending deletion.")
    if not is_symmetric(spec):
        text = f"{key['Arn']} is pending deletion."
        check_fault(kms, "GetPublicKey", {"KeyId": key["KeyId"]}, "KMSInvalidStateException", text)


def smallest_use(spec, usage):
    algorithm = SPECS[spec][usage][0]
    return {
        "ENCRYPT_DECRYPT": ("Encrypt", {"Plaintext": b"x", "EncryptionAlgorithm": algorithm}),
        "SIGN_VERIFY": ("Sign", {"Message": b"x", "SigningAlgorithm": algorithm}),
        "GENERATE_VERIFY_MAC": ("GenerateMac", {"Message": b"x", "MacAlgorithm": algorithm}),
        "KEY_AGREEMENT": ("DeriveSharedSecret", {"PublicKey": b"x", "KeyAgreementAlgorithm": algorithm}),
        "ENCAPSULATE_DECAPSULATE": ("Encapsulate", {"EncapsulationAlgorithm": algorithm}),
    }[usage]
