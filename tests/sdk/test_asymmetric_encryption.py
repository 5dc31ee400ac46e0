"""RSAES-OAEP and SM2 encryption: both directions against independent implementations, sizes, re-encryption."""

import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from harness.checks import ANY_TEXT, NO_TEXT, check_fault
from harness.openssl import openssl
from harness.wire import unblob

HASHES = {"RSAES_OAEP_SHA_1": hashes.SHA1, "RSAES_OAEP_SHA_256": hashes.SHA256}

#: The longest plaintext.
LIMITS = {
    ("RSA_2048", "RSAES_OAEP_SHA_1"): 214,
    ("RSA_2048", "RSAES_OAEP_SHA_256"): 190,
    ("RSA_3072", "RSAES_OAEP_SHA_1"): 342,
    ("RSA_3072", "RSAES_OAEP_SHA_256"): 318,
    ("RSA_4096", "RSAES_OAEP_SHA_1"): 470,
    ("RSA_4096", "RSAES_OAEP_SHA_256"): 446,
    ("SM2", "SM2PKE"): 1024,
}


def public_of(kms, key):
    return unblob(kms.ok("GetPublicKey", KeyId=key["KeyId"])["PublicKey"])


def encrypt_elsewhere(public_der, algorithm, plaintext):
    """Encrypts without Strongroom, for the holder of the key."""
    if algorithm == "SM2PKE":
        arguments = ["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "{key}", "-in", "{plaintext}"]
        return openssl(*arguments, key=public_der, plaintext=plaintext)
    return load_der_public_key(public_der).encrypt(plaintext, oaep(algorithm))


def oaep(algorithm):
    of = HASHES[algorithm]()
    return padding.OAEP(padding.MGF1(of), of, None)


@pytest.mark.parametrize(("spec", "algorithm"), LIMITS)
def test_plaintexts_come_back(every_key, spec, algorithm):
    kms, key = every_key(spec, "ENCRYPT_DECRYPT")
    for size in (1, 32, LIMITS[spec, algorithm]):
        plaintext = os.urandom(size)
        sealed = kms.ok("Encrypt", KeyId=key["KeyId"], EncryptionAlgorithm=algorithm, Plaintext=plaintext)
        assert set(sealed) == {"CiphertextBlob", "EncryptionAlgorithm", "KeyId"}
        assert (sealed["KeyId"], sealed["EncryptionAlgorithm"]) == (key["Arn"], algorithm)
        blob = unblob(sealed["CiphertextBlob"])
        if spec != "SM2":
            assert len(blob) == int(spec.removeprefix("RSA_")) // 8
        opened = kms.ok("Decrypt", KeyId=key["KeyId"], EncryptionAlgorithm=algorithm, CiphertextBlob=blob)
        assert set(opened) == {"EncryptionAlgorithm", "KeyId", "Plaintext"}, "no material id"
        assert unblob(opened["Plaintext"]) == plaintext


@pytest.mark.parametrize(("spec", "algorithm"), LIMITS)
def test_what_others_encrypted_is_decrypted(every_key, spec, algorithm):
    kms, key = every_key(spec, "ENCRYPT_DECRYPT")
    public = public_of(kms, key)
    for size in (1, 32, 100, 190):
        plaintext = os.urandom(size)
        blob = encrypt_elsewhere(public, algorithm, plaintext)
        opened = kms.ok("Decrypt", KeyId=key["KeyId"], EncryptionAlgorithm=algorithm, CiphertextBlob=blob)
        assert unblob(opened["Plaintext"]) == plaintext


@pytest.mark.parametrize(("spec", "algorithm"), LIMITS)
def test_one_byte_too_many(every_key, spec, algorithm):
    kms, key = every_key(spec, "ENCRYPT_DECRYPT")
    too_long = os.urandom(LIMITS[spec, algorithm] + 1)
    members = {"KeyId": key["KeyId"], "EncryptionAlgorithm": algorithm, "Plaintext": too_long}
    check_fault(kms, "Encrypt", members, "ValidationException", ANY_TEXT)


@pytest.mark.parametrize(("spec", "algorithm"), LIMITS)
def test_a_context_has_no_place(every_key, spec, algorithm):
    kms, key = every_key(spec, "ENCRYPT_DECRYPT")
    members = {"KeyId": key["KeyId"], "EncryptionAlgorithm": algorithm, "EncryptionContext": {"a": "b"}}
    check_fault(kms, "Encrypt", {**members, "Plaintext": b"x"}, "ValidationException", ANY_TEXT)


@pytest.mark.parametrize(("spec", "algorithm"), LIMITS)
def test_altered_ciphertexts(kms, every_key, spec, algorithm):
    caller, key = every_key(spec, "ENCRYPT_DECRYPT")
    base = {"KeyId": key["KeyId"], "EncryptionAlgorithm": algorithm}
    blob = unblob(caller.ok("Encrypt", **base, Plaintext=b"secret")["CiphertextBlob"])
    altered = [blob[:-1], blob + b"\0", blob[1:], b"\0", bytes(len(blob)), b"\xff" * len(blob), blob[::-1]]
    for position in range(0, len(blob), max(1, len(blob) // 40)):
        flipped = bytearray(blob)
        flipped[position] ^= 1 << position % 8
        altered.append(bytes(flipped))
    for other in altered:
        check_fault(caller, "Decrypt", {**base, "CiphertextBlob": other}, "InvalidCiphertextException", NO_TEXT)


@pytest.mark.parametrize(("spec", "algorithm"), [("RSA_2048", "RSAES_OAEP_SHA_1"), ("RSA_2048", "RSAES_OAEP_SHA_256")])
def test_the_other_hash_and_the_other_key(kms, every_key, spec, algorithm):
    caller, key = every_key(spec, "ENCRYPT_DECRYPT")
    blob = encrypt_elsewhere(public_of(caller, key), algorithm, b"secret")
    other = next(name for name in HASHES if name != algorithm)
    members = {"KeyId": key["KeyId"], "EncryptionAlgorithm": other, "CiphertextBlob": blob}
    check_fault(caller, "Decrypt", members, "InvalidCiphertextException", NO_TEXT)
    stranger = kms.key(KeySpec=spec, KeyUsage="ENCRYPT_DECRYPT")
    members = {"KeyId": stranger["KeyId"], "EncryptionAlgorithm": algorithm, "CiphertextBlob": blob}
    check_fault(kms, "Decrypt", members, "InvalidCiphertextException", NO_TEXT)


def test_the_key_and_the_algorithm_must_be_named(every_key):
    kms, key = every_key("RSA_2048", "ENCRYPT_DECRYPT")
    blob = encrypt_elsewhere(public_of(kms, key), "RSAES_OAEP_SHA_256", b"secret")
    # Without an algorithm the blob is read as a symmetric one.
    check_fault(kms, "Decrypt", {"KeyId": key["KeyId"], "CiphertextBlob": blob}, "InvalidCiphertextException", NO_TEXT)
    members = {"CiphertextBlob": blob, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    check_fault(kms, "Decrypt", members, "ValidationException", ANY_TEXT)


def test_a_symmetric_ciphertext_and_an_rsa_key(every_key):
    kms, rsa = every_key("RSA_2048", "ENCRYPT_DECRYPT")
    _, symmetric = every_key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    sealed = kms.ok("Encrypt", KeyId=symmetric["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    text = "The key ID in the request does not identify a CMK that can perform this operation."
    for usage in ("ENCRYPT_DECRYPT", "SIGN_VERIFY"):
        _, other = every_key("RSA_2048", usage)
        check_fault(kms, "Decrypt", {"KeyId": other["KeyId"], "CiphertextBlob": sealed}, "IncorrectKeyException", text)


@pytest.mark.parametrize("destination", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SYMMETRIC_DEFAULT"])
@pytest.mark.parametrize("source", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SYMMETRIC_DEFAULT"])
def test_reencryption_across_key_types(every_key, source, destination):
    def key_for(algorithm, spec):
        return every_key("SYMMETRIC_DEFAULT" if algorithm == "SYMMETRIC_DEFAULT" else spec, "ENCRYPT_DECRYPT")

    kms, from_key = key_for(source, "RSA_2048")
    _, to_key = key_for(destination, "RSA_3072")
    sealed = kms.ok("Encrypt", KeyId=from_key["KeyId"], EncryptionAlgorithm=source, Plaintext=b"across")
    moved = kms.ok(
        "ReEncrypt",
        CiphertextBlob=sealed["CiphertextBlob"],
        SourceKeyId=from_key["KeyId"],
        SourceEncryptionAlgorithm=source,
        DestinationKeyId=to_key["KeyId"],
        DestinationEncryptionAlgorithm=destination,
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (from_key["Arn"], to_key["Arn"])
    assert (moved["SourceEncryptionAlgorithm"], moved["DestinationEncryptionAlgorithm"]) == (source, destination)
    assert ("SourceKeyMaterialId" in moved) == (source == "SYMMETRIC_DEFAULT")
    assert ("DestinationKeyMaterialId" in moved) == (destination == "SYMMETRIC_DEFAULT")
    blob = moved["CiphertextBlob"]
    opened = kms.ok("Decrypt", KeyId=to_key["KeyId"], EncryptionAlgorithm=destination, CiphertextBlob=blob)
    assert unblob(opened["Plaintext"]) == b"across"


def test_a_plaintext_too_long_for_its_destination(every_key):
    kms, symmetric = every_key("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    _, rsa = every_key("RSA_2048", "ENCRYPT_DECRYPT")
    sealed = kms.ok("Encrypt", KeyId=symmetric["KeyId"], Plaintext=b"x" * 200)["CiphertextBlob"]
    members = {
        "CiphertextBlob": sealed,
        "DestinationKeyId": rsa["KeyId"],
        "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
    }
    check_fault(kms, "ReEncrypt", members, "ValidationException", ANY_TEXT)
