"""Key material that owners bring, made and wrapped by the `openssl` program, through boto3."""

import hashlib
import hmac
import os
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harness.openssl import openssl, public_of

RSA_SPECS = ["RSA_2048", "RSA_3072", "RSA_4096"]
ALGORITHMS = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]

#: Key spec, usage, and how openssl makes such a key.
KEY_PAIRS = [
    ("RSA_2048", "SIGN_VERIFY", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("RSA_4096", "ENCRYPT_DECRYPT", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"]),
    ("ECC_NIST_P256", "SIGN_VERIFY", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("ECC_NIST_P384", "KEY_AGREEMENT", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("ECC_NIST_P521", "SIGN_VERIFY", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
    ("ECC_SECG_P256K1", "SIGN_VERIFY", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]),
    ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", ["-algorithm", "ED25519"]),
]


def wrap(algorithm, public_key, material):
    """The material as an owner sends it."""
    digest = "sha1" if algorithm.endswith("SHA_1") else "sha256"

    def oaep(secret):
        options = ["rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{digest}"]
        arguments = [word for option in options for word in ("-pkeyopt", option)]
        key = ["-pubin", "-keyform", "DER", "-inkey", "{key}"]
        return openssl("pkeyutl", "-encrypt", *key, *arguments, stdin=secret, key=public_key)

    if algorithm.startswith("RSAES_OAEP"):
        return oaep(material)
    aes_key = os.urandom(32)
    wrapping = ["-id-aes256-wrap-pad", "-K", aes_key.hex(), "-iv", "A65959A6"]
    return oaep(aes_key) + openssl("enc", *wrapping, "-in", "{material}", material=material)


def external_key(kms, **members):
    return kms.create_key(Origin="EXTERNAL", **members)["KeyMetadata"]["KeyId"]


def bring(kms, key, material, algorithm="RSA_AES_KEY_WRAP_SHA_256", wrapping_key="RSA_2048", **members):
    parameters = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping_key)
    valid = parameters["ParametersValidTo"] - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < valid <= timedelta(hours=24)
    members.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    return kms.import_key_material(
        KeyId=key,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrap(algorithm, parameters["PublicKey"], material),
        **members,
    )


@pytest.mark.parametrize("wrapping_key", RSA_SPECS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_wrapping_algorithm(dev_boto3, algorithm, wrapping_key):
    kms = dev_boto3
    key, material = external_key(kms), os.urandom(32)
    first = bring(kms, key, material, algorithm, wrapping_key)
    sealed = kms.encrypt(KeyId=key, Plaintext=b"attack at dawn")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key)
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.decrypt(CiphertextBlob=sealed)
    assert bring(kms, key, material, algorithm, wrapping_key)["KeyMaterialId"] == first["KeyMaterialId"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"


@pytest.mark.parametrize(
    ("spec", "usage", "making"), KEY_PAIRS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_key_pairs_of_openssl(dev_boto3, spec, usage, making):
    kms = dev_boto3
    key = external_key(kms, KeySpec=spec, KeyUsage=usage)
    private_key = openssl("genpkey", *making, "-outform", "DER")
    # Older programs write keys in their own forms; PKCS#8 is what KMS takes.
    private_key = openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", stdin=private_key)
    bring(kms, key, private_key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert kms.get_public_key(KeyId=key)["PublicKey"] == public_of(private_key)


@pytest.mark.parametrize(("spec", "size"), [("HMAC_224", 28), ("HMAC_256", 32), ("HMAC_384", 48), ("HMAC_512", 64)])
def test_an_hmac_is_that_of_the_owners_bytes(dev_boto3, spec, size):
    kms = dev_boto3
    key, material = external_key(kms, KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC"), os.urandom(size)
    bring(kms, key, material)
    bits = spec.removeprefix("HMAC_")
    mac = kms.generate_mac(KeyId=key, Message=b"message", MacAlgorithm=f"HMAC_SHA_{bits}")["Mac"]
    assert mac == hmac.digest(material, b"message", getattr(hashlib, f"sha{bits}"))
    foreign = hmac.digest(material, b"another message", getattr(hashlib, f"sha{bits}"))
    members = {"KeyId": key, "Message": b"another message", "MacAlgorithm": f"HMAC_SHA_{bits}"}
    assert kms.verify_mac(**members, Mac=foreign)["MacValid"]
    with pytest.raises(kms.exceptions.IncorrectKeyMaterialException):
        bring(kms, external_key(kms, KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC"), material + b"x")


def test_signatures_that_the_owner_made_verify(dev_boto3):
    kms = dev_boto3
    message = b"signed elsewhere"
    rsa_key, p256, ed25519_key = (
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
    )

    def signing_key(spec, private_key):
        key = external_key(kms, KeySpec=spec, KeyUsage="SIGN_VERIFY")
        form = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        bring(kms, key, private_key.private_bytes(*form))
        return key

    rsa_id = signing_key("RSA_2048", rsa_key)
    for bits, digest in ((256, hashes.SHA256()), (384, hashes.SHA384()), (512, hashes.SHA512())):
        pkcs1 = rsa_key.sign(message, padding.PKCS1v15(), digest)
        members = {"KeyId": rsa_id, "Message": message}
        assert kms.verify(**members, Signature=pkcs1, SigningAlgorithm=f"RSASSA_PKCS1_V1_5_SHA_{bits}")["SignatureValid"]
        # The salt is as long as the digest; what has another is refused, be it none or all that fits.
        for salt_bytes, valid in ((digest.digest_size, True), (0, False), (20, False), (256 - digest.digest_size - 2, False)):
            pss = rsa_key.sign(message, padding.PSS(padding.MGF1(digest), salt_bytes), digest)
            members["Signature"], members["SigningAlgorithm"] = pss, f"RSASSA_PSS_SHA_{bits}"
            if valid:
                assert kms.verify(**members)["SignatureValid"]
            else:
                with pytest.raises(kms.exceptions.KMSInvalidSignatureException):
                    kms.verify(**members)
    for spec, algorithm, private_key, signature in (
        ("ECC_NIST_P256", "ECDSA_SHA_256", p256, p256.sign(message, ec.ECDSA(hashes.SHA256()))),
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", ed25519_key, ed25519_key.sign(message)),
    ):
        members = {"KeyId": signing_key(spec, private_key), "Message": message, "SigningAlgorithm": algorithm}
        assert kms.verify(**members, Signature=signature)["SignatureValid"]


def test_material_of_another_curve_or_type_is_refused(dev_boto3):
    kms = dev_boto3
    making = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-outform", "DER"]
    other = openssl(
        "pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", stdin=openssl("genpkey", *making)
    )
    for spec, usage in [("ECC_NIST_P256", "SIGN_VERIFY"), ("RSA_2048", "SIGN_VERIFY"), ("SYMMETRIC_DEFAULT", None)]:
        key = external_key(kms, KeySpec=spec, **({"KeyUsage": usage} if usage else {}))
        for material in (other, other[:-1], b"x"):
            with pytest.raises(kms.exceptions.IncorrectKeyMaterialException):
                bring(kms, key, material)
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"


def test_an_expiry_is_acted_upon(dev_boto3):
    kms = dev_boto3
    key, material = external_key(kms), os.urandom(32)
    expiry = datetime.now(UTC) + timedelta(seconds=3)
    bring(kms, key, material, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=expiry)
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["ExpirationModel"]) == ("Enabled", "KEY_MATERIAL_EXPIRES")
    assert abs(described["ValidTo"] - expiry) < timedelta(seconds=1)
    while kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled":
        assert datetime.now(UTC) < expiry + timedelta(seconds=10), "nobody deleted it"
    assert datetime.now(UTC) >= expiry - timedelta(seconds=1)


def test_rotation_to_the_owners_next_material(dev_boto3):
    kms = dev_boto3
    key = external_key(kms)
    bring(kms, key, os.urandom(32))
    sealed = kms.encrypt(KeyId=key, Plaintext=b"attack at dawn")["CiphertextBlob"]
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        kms.rotate_key_on_demand(KeyId=key)
    second = bring(kms, key, os.urandom(32), ImportType="NEW_KEY_MATERIAL", KeyMaterialDescription="the second")
    kms.rotate_key_on_demand(KeyId=key)
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [(rotation["KeyMaterialId"], rotation["KeyMaterialDescription"]) for rotation in rotations] == [
        (second["KeyMaterialId"], "the second")
    ]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"
