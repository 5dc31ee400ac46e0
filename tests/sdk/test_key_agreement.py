"""DeriveSharedSecret and Encapsulate/Decapsulate against independent implementations."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

from harness import sm2
from harness.checks import ANY_TEXT, check_fault
from harness.wire import unblob

CURVES = {"ECC_NIST_P256": (ec.SECP256R1, 32), "ECC_NIST_P384": (ec.SECP384R1, 48), "ECC_NIST_P521": (ec.SECP521R1, 66)}


def public_of(kms, key):
    return unblob(kms.ok("GetPublicKey", KeyId=key["KeyId"])["PublicKey"])


def spki(public):
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def derive(kms, key, peer):
    return kms.call("DeriveSharedSecret", KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=peer)


@pytest.mark.parametrize("spec", CURVES)
def test_both_sides_agree(every_key, spec):
    kms, key = every_key(spec, "KEY_AGREEMENT")
    ours = load_der_public_key(public_of(kms, key))
    curve, size = CURVES[spec]
    for _ in range(20):
        peer = ec.generate_private_key(curve())
        reply = derive(kms, key, spki(peer.public_key())).json
        assert set(reply) == {"KeyAgreementAlgorithm", "KeyId", "KeyOrigin", "SharedSecret"}
        assert (reply["KeyId"], reply["KeyAgreementAlgorithm"], reply["KeyOrigin"]) == (key["Arn"], "ECDH", "AWS_KMS")
        secret = unblob(reply["SharedSecret"])
        assert len(secret) == size, "leading zeros included"
        assert secret == peer.exchange(ec.ECDH(), ours)


def test_both_sides_agree_over_sm2(every_key):
    kms, key = every_key("SM2", "KEY_AGREEMENT")
    ours = public_of(kms, key)
    for _ in range(5):
        scalar, peer = sm2.generate()
        secret = unblob(derive(kms, key, peer).json["SharedSecret"])
        assert secret == sm2.shared_secret(scalar, ours)


def test_two_keys_of_the_service_agree(kms, every_key):
    caller, key = every_key("ECC_NIST_P256", "KEY_AGREEMENT")
    other = kms.key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    one = derive(caller, key, public_of(kms, other)).json["SharedSecret"]
    assert one == derive(kms, other, public_of(caller, key)).json["SharedSecret"]


@pytest.mark.parametrize("spec", [*CURVES, "SM2"])
def test_public_keys_that_are_none(every_key, spec):
    """Foreign curves, points off the curve, the identity, wrong OIDs, trailing and missing bytes: one fault."""
    kms, key = every_key(spec, "KEY_AGREEMENT")
    good = public_of(kms, key)
    assert derive(kms, key, good).status == 200
    foreign = [
        spki(ec.generate_private_key(curve()).public_key())
        for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1, ec.SECP256K1, ec.BrainpoolP256R1)
        if CURVES.get(spec, (None,))[0] is not curve
    ]
    foreign += [
        spki(x25519.X25519PrivateKey.generate().public_key()),
        spki(ed25519.Ed25519PrivateKey.generate().public_key()),
    ]
    off_curve = bytearray(good)
    off_curve[-1] ^= 1
    size = (len(good) - good.index(b"\x04" + good[-2 * field_bytes(spec) :]) - 1) // 2
    header = good[: -2 * size - 1]
    identity = shorten(header, 2 * size) + b"\0"
    broken = [
        bytes(off_curve),
        header + b"\x04" + bytes(2 * size),
        header + b"\x04" + b"\xff" * 2 * size,
        identity,
        good + b"\0",
        good[:-1],
        good[1:],
        header + b"\x05" + good[-2 * size :],
        good.replace(b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x02"),
        b"0",
        os.urandom(len(good)),
        b"\x30\x80" + good[2:] + b"\0\0",
    ]
    for peer in foreign + broken:
        reply = derive(kms, key, peer)
        assert (reply.code, reply.status) == ("ValidationException", 400), (peer.hex(), reply.json)


def field_bytes(spec):
    return 32 if spec == "SM2" else CURVES[spec][1]


def shorten(header, by):
    """The header of a SubjectPublicKeyInfo whose BIT STRING is shorter by so many bytes."""
    altered = bytearray(header)
    outer = 1 if altered[1] < 0x80 else 2
    altered[outer] -= by
    # The BIT STRING's length stands before its "no unused bits".
    altered[-2] -= by
    return bytes(altered)


KEMS = {"ML_KEM_512": (ML_KEM_512, 768), "ML_KEM_768": (ML_KEM_768, 1088), "ML_KEM_1024": (ML_KEM_1024, 1568)}


@pytest.mark.parametrize("spec", KEMS)
def test_what_is_encapsulated_here_is_decapsulated_here(every_key, spec):
    kms, key = every_key(spec, "ENCAPSULATE_DECAPSULATE")
    made = kms.ok("Encapsulate", KeyId=key["KeyId"], EncapsulationAlgorithm="ML_KEM")
    assert set(made) == {"EncapsulationAlgorithm", "KeyId", "SharedSecret", "SharedSecretCiphertextBlob"}
    assert len(unblob(made["SharedSecretCiphertextBlob"])) == KEMS[spec][1]
    assert len(unblob(made["SharedSecret"])) == 32
    opened = decapsulate(kms, key, made["SharedSecretCiphertextBlob"])
    assert set(opened) == {"EncapsulationAlgorithm", "KeyId", "SharedSecret"}
    assert opened["SharedSecret"] == made["SharedSecret"]
    again = kms.ok("Encapsulate", KeyId=key["KeyId"], EncapsulationAlgorithm="ML_KEM")
    assert again["SharedSecret"] != made["SharedSecret"]


@pytest.mark.parametrize("spec", KEMS)
def test_what_others_encapsulated_is_decapsulated_here(every_key, spec):
    kms, key = every_key(spec, "ENCAPSULATE_DECAPSULATE")
    public = public_of(kms, key)
    independent, _ = KEMS[spec]
    for _ in range(5):
        secret, ciphertext = independent.encaps(public[22:])
        assert unblob(decapsulate(kms, key, ciphertext)["SharedSecret"]) == secret
    if spec != "ML_KEM_512":
        # A second independent implementation, which lacks the smallest parameter set.
        secret, ciphertext = load_der_public_key(public).encapsulate()
        assert unblob(decapsulate(kms, key, ciphertext)["SharedSecret"]) == secret


@pytest.mark.parametrize("spec", KEMS)
def test_a_data_key_pair_decapsulates_elsewhere(kms, key, spec):
    """The private key of a pair, read by others, opens what its public key encapsulated."""
    pair = kms.ok("GenerateDataKeyPair", KeyId=key["KeyId"], KeyPairSpec=spec)
    independent, _ = KEMS[spec]
    seed = unblob(pair["PrivateKeyPlaintext"])[-64:]
    _, decapsulation_key = independent.key_derive(seed)
    secret, ciphertext = independent.encaps(unblob(pair["PublicKey"])[22:])
    assert independent.decaps(decapsulation_key, ciphertext) == secret


@pytest.mark.parametrize("spec", KEMS)
def test_implicit_rejection(every_key, spec):
    """An altered ciphertext gives a secret all the same, always the same one, and never the right one."""
    kms, key = every_key(spec, "ENCAPSULATE_DECAPSULATE")
    made = kms.ok("Encapsulate", KeyId=key["KeyId"], EncapsulationAlgorithm="ML_KEM")
    for position in (0, 100, -1):
        altered = bytearray(unblob(made["SharedSecretCiphertextBlob"]))
        altered[position] ^= 1
        first = decapsulate(kms, key, altered)["SharedSecret"]
        assert first == decapsulate(kms, key, altered)["SharedSecret"]
        assert first != made["SharedSecret"]
        assert len(unblob(first)) == 32


@pytest.mark.parametrize("spec", KEMS)
def test_ciphertexts_of_another_length(every_key, spec):
    kms, key = every_key(spec, "ENCAPSULATE_DECAPSULATE")
    size = KEMS[spec][1]
    for length in {1, size - 1, size + 1, 768, 1088, 1568, 6144} - {size}:
        members = {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM"}
        members["SharedSecretCiphertextBlob"] = bytes(length)
        check_fault(kms, "Decapsulate", members, "InvalidCiphertextException", ANY_TEXT)


def decapsulate(kms, key, ciphertext):
    members = {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": ciphertext}
    return kms.ok("Decapsulate", **members)
