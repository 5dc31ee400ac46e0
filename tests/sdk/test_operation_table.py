"""Spec × usage × operation × algorithm × message type: success, or the exact fault, for every combination.

The expected outcome follows from the specification's table of specs and its order of checks: usage, then algorithm,
then message type, then the length of a digest.
"""

import hashlib

import pytest

from harness import ed25519, sm2
from harness.checks import ANY_TEXT, NO_TEXT, assert_fault
from harness.specs import DIGEST_BYTES, PAIRS, SIGNING_ALGORITHMS, SPECS
from harness.wire import unblob

MAC_ALGORITHMS = ["HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"]
ENCRYPTION_ALGORITHMS = ["SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"]
MESSAGE_TYPES = ["RAW", "DIGEST", "EXTERNAL_MU"]


def wrong_usage(key, usage, operation):
    text = f"{key['Arn']} key usage is {usage} which is not valid for {operation}."
    return "InvalidKeyUsageException", text


def wrong_algorithm(spec, algorithm):
    return "InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {spec}."


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
@pytest.mark.parametrize("operation", ["Sign", "Verify"])
def test_signatures(every_key, spec, usage, operation):
    kms, key = every_key(spec, usage)
    for algorithm in SIGNING_ALGORITHMS:
        for message_type in MESSAGE_TYPES:
            for length in (1, 20, 32, 48, 64, 4096):
                members = {
                    "KeyId": key["KeyId"],
                    "Message": b"m" * length,
                    "MessageType": message_type,
                    "SigningAlgorithm": algorithm,
                }
                if operation == "Verify":
                    members["Signature"] = b"no signature"
                expected = signature_fault(key, spec, usage, operation, algorithm, message_type, length)
                check_outcome(kms.call(operation, **members), expected, (algorithm, message_type, length))


def signature_fault(key, spec, usage, operation, algorithm, message_type, length):
    if usage != "SIGN_VERIFY":
        return wrong_usage(key, usage, operation)
    if algorithm not in SPECS[spec][usage]:
        return wrong_algorithm(spec, algorithm)
    conflict = message_type_conflict(spec, algorithm, message_type)
    if conflict:
        return "ValidationException", conflict
    if message_type == "DIGEST" and length != DIGEST_BYTES[algorithm]:
        return "ValidationException", f"Digest is invalid length for algorithm {algorithm}."
    if message_type == "EXTERNAL_MU" and length != 64:
        return "ValidationException", ANY_TEXT
    return ("KMSInvalidSignatureException", NO_TEXT) if operation == "Verify" else None


def message_type_conflict(spec, algorithm, message_type):
    if algorithm == "ML_DSA_SHAKE_256":
        return f"Message type DIGEST is incompatible with key spec {spec}." if message_type == "DIGEST" else None
    if message_type == "EXTERNAL_MU":
        return ANY_TEXT
    if (algorithm, message_type) in (("ED25519_SHA_512", "DIGEST"), ("ED25519_PH_SHA_512", "RAW")):
        return f"Message type {message_type} is incompatible with algorithm {algorithm}."
    return None


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
def test_macs(every_key, spec, usage):
    kms, key = every_key(spec, usage)
    for operation, more in (("GenerateMac", {}), ("VerifyMac", {"Mac": b"no mac"})):
        for algorithm in MAC_ALGORITHMS:
            members = {"KeyId": key["KeyId"], "Message": b"m", "MacAlgorithm": algorithm, **more}
            if usage != "GENERATE_VERIFY_MAC":
                expected = wrong_usage(key, usage, operation)
            elif algorithm not in SPECS[spec][usage]:
                expected = wrong_algorithm(spec, algorithm)
            else:
                expected = ("KMSInvalidMacException", NO_TEXT) if operation == "VerifyMac" else None
            check_outcome(kms.call(operation, **members), expected, algorithm)


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
def test_encryption(every_key, spec, usage):
    kms, key = every_key(spec, usage)
    for algorithm in ENCRYPTION_ALGORITHMS:
        members = {"KeyId": key["KeyId"], "Plaintext": b"m", "EncryptionAlgorithm": algorithm}
        expected = encryption_fault(key, spec, usage, "Encrypt", algorithm)
        check_outcome(kms.call("Encrypt", **members), expected, algorithm)
    if usage == "ENCRYPT_DECRYPT" and spec != "SYMMETRIC_DEFAULT":
        # Left out, the algorithm is the symmetric one, which no asymmetric key has.
        expected = wrong_algorithm(spec, "SYMMETRIC_DEFAULT")
        check_outcome(kms.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"m"), expected, "default")


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
def test_decryption_of_nonsense(every_key, spec, usage):
    """With an asymmetric algorithm the key decides; with the symmetric one the blob is looked at first."""
    kms, key = every_key(spec, usage)
    for algorithm in ENCRYPTION_ALGORITHMS:
        members = {"KeyId": key["KeyId"], "CiphertextBlob": b"c" * 256, "EncryptionAlgorithm": algorithm}
        if algorithm == "SYMMETRIC_DEFAULT":
            expected = ("InvalidCiphertextException", NO_TEXT)
        else:
            expected = encryption_fault(key, spec, usage, "Decrypt", algorithm) or (
                "InvalidCiphertextException",
                NO_TEXT,
            )
        check_outcome(kms.call("Decrypt", **members), expected, algorithm)


def encryption_fault(key, spec, usage, operation, algorithm):
    if usage != "ENCRYPT_DECRYPT":
        return wrong_usage(key, usage, operation)
    return None if algorithm in SPECS[spec][usage] else wrong_algorithm(spec, algorithm)


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("GenerateDataKey", {"KeySpec": "AES_256"}),
        ("GenerateDataKeyWithoutPlaintext", {"KeySpec": "AES_256"}),
        ("GenerateDataKeyPair", {"KeyPairSpec": "ECC_NIST_P256"}),
        ("GenerateDataKeyPairWithoutPlaintext", {"KeyPairSpec": "ECC_NIST_P256"}),
    ],
)
def test_data_keys_need_a_symmetric_key(every_key, spec, usage, operation, more):
    kms, key = every_key(spec, usage)
    reply = kms.call(operation, KeyId=key["KeyId"], **more)
    if spec == "SYMMETRIC_DEFAULT":
        check_outcome(reply, None, operation)
    elif usage == "ENCRYPT_DECRYPT" and operation == "GenerateDataKey" and spec.startswith("RSA"):
        text = "You cannot generate a data key with an asymmetric CMK"
        check_outcome(reply, ("InvalidKeyUsageException", text), operation)
    elif usage == "ENCRYPT_DECRYPT":
        check_outcome(reply, ("InvalidKeyUsageException", ANY_TEXT), operation)
    else:
        check_outcome(reply, wrong_usage(key, usage, operation), operation)


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
def test_agreement_and_encapsulation(every_key, spec, usage):
    kms, key = every_key(spec, usage)
    own = unblob(kms.ok("GetPublicKey", KeyId=key["KeyId"])["PublicKey"]) if usage == "KEY_AGREEMENT" else b"x"
    members = {"KeyId": key["KeyId"], "PublicKey": own, "KeyAgreementAlgorithm": "ECDH"}
    expected = None if usage == "KEY_AGREEMENT" else wrong_usage(key, usage, "DeriveSharedSecret")
    check_outcome(kms.call("DeriveSharedSecret", **members), expected, "ECDH")

    kem = usage == "ENCAPSULATE_DECAPSULATE"
    members = {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM"}
    expected = None if kem else wrong_usage(key, usage, "Encapsulate")
    check_outcome(kms.call("Encapsulate", **members), expected, "ML_KEM")
    members["SharedSecretCiphertextBlob"] = b"short"
    expected = ("InvalidCiphertextException", ANY_TEXT) if kem else wrong_usage(key, usage, "Decapsulate")
    check_outcome(kms.call("Decapsulate", **members), expected, "ML_KEM")


def check_outcome(reply, expected, what):
    if expected is None:
        assert reply.status == 200, (what, reply.json)
        return
    try:
        assert_fault(reply, *expected)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from None


def test_the_verifiers_here_hold_published_vectors():
    """The curve of GB/T 32918.5 and RFC 8032, section 7.3: the independent side is checked too."""
    assert sm2.times(sm2.N, sm2.BASE) is None
    public = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
    signature = bytes.fromhex(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    )
    assert ed25519.verifies_prehashed(public, b"abc", signature)
    assert not ed25519.verifies_prehashed(public, hashlib.sha512(b"abc").digest(), signature)
