"""Key material that owners bring, made and wrapped by the `openssl` program, through boto3 and the AWS CLI."""

import hashlib
import hmac
import math
import os
import re
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from harness import sm2
from harness.checks import assert_fault
from harness.clients import CALLERS, Refused, boto3_client
from harness.keys import check_pair
from harness.openssl import openssl, public_of, wrap
from harness.specs import SPECS
from harness.wire import Credentials

RSA_SPECS = ["RSA_2048", "RSA_3072", "RSA_4096"]
ALGORITHMS = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]

#: How openssl makes a key pair of a spec; it has no ML-DSA and no ML-KEM before 3.5.
MAKING = {
    **{spec: ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{spec[4:]}"] for spec in RSA_SPECS},
    "ECC_NIST_P256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ECC_NIST_P384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ECC_NIST_P521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "ECC_SECG_P256K1": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    "ECC_NIST_EDWARDS25519": ["-algorithm", "ED25519"],
    "SM2": ["-algorithm", "SM2"],
}
POST_QUANTUM = {
    **{f"ML_DSA_{size}": getattr(mldsa, f"MLDSA{size}PrivateKey") for size in (44, 65, 87)},
    **{f"ML_KEM_{size}": getattr(mlkem, f"MLKEM{size}PrivateKey") for size in (768, 1024)},
}
PKCS8 = ["-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER"]
CHINA = "cn-north-1"


@cache
def material_of(spec, region="us-east-1"):
    """Material as its owner makes it: bare bytes for symmetric keys, DER PKCS#8 for all others."""
    if spec == "SYMMETRIC_DEFAULT":
        return openssl("rand", "16" if region == CHINA else "32")
    if spec.startswith("HMAC_"):
        return openssl("rand", str(int(spec.removeprefix("HMAC_")) // 8))
    if spec == "ML_KEM_512":
        return bytes.fromhex("3054020100300b06096086480165030404010442" + "8040") + os.urandom(64)
    if spec in POST_QUANTUM:
        return POST_QUANTUM[spec].generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    # Older programs write keys in their own forms; PKCS#8 is what KMS takes.
    return openssl("pkcs8", *PKCS8, stdin=openssl("genpkey", *MAKING[spec], "-outform", "DER"))


def goes_together(spec, algorithm, wrapping_key):
    """What the documentation of GetParametersForImport says."""
    if algorithm == "RSAES_PKCS1_V1_5" or (algorithm == "SM2PKE") != (wrapping_key == "SM2"):
        return False
    if algorithm.startswith("RSA_AES_KEY_WRAP"):
        return True
    if spec in RSA_SPECS:
        return False
    return not (spec == "ECC_NIST_P521" and wrapping_key == "RSA_2048")


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


def cases():
    """Who calls, and spec, algorithm and wrapping key: every spec by every algorithm, and by the AWS CLI too."""
    for spec in SPECS:
        for algorithm in ALGORITHMS:
            wrapping_key = next((key for key in RSA_SPECS if goes_together(spec, algorithm, key)), None)
            if wrapping_key and spec != "SM2":
                yield "boto3", "us-east-1", spec, algorithm, wrapping_key
        if spec != "SM2":
            yield "aws-cli", "us-east-1", spec, "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"
    for caller in CALLERS:
        for algorithm in ALGORITHMS:
            for wrapping_key in RSA_SPECS:
                yield caller, "us-east-1", "SYMMETRIC_DEFAULT", algorithm, wrapping_key
        for spec in ("SYMMETRIC_DEFAULT", "HMAC_384", "ECC_NIST_P521", "SM2"):
            yield caller, CHINA, spec, "SM2PKE", "SM2"
        yield caller, CHINA, "SM2", "RSAES_OAEP_SHA_256", "RSA_2048"


@pytest.mark.parametrize(("caller", "region", "spec", "algorithm", "wrapping_key"), sorted(set(cases())))
def test_every_spec_by_every_algorithm(dev_server, caller, region, spec, algorithm, wrapping_key):
    """What was brought is what the key works with; and it can be taken away and brought again."""
    kms = CALLERS[caller](dev_server, Credentials(region=region))
    usage, material = next(iter(SPECS[spec])), material_of(spec, region)
    key = kms("CreateKey", Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    parameters = kms("GetParametersForImport", KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping_key)
    members = {
        "KeyId": key,
        "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": wrap(algorithm, parameters["PublicKey"], material),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
    first = kms("ImportKeyMaterial", **members)
    made = use(kms, key, spec)
    check_use(spec, material, made)
    kms("DeleteImportedKeyMaterial", KeyId=key)
    with pytest.raises(Refused, match="KMSInvalidStateException"):
        use(kms, key, spec)
    assert kms("ImportKeyMaterial", **members) == first
    described = kms("DescribeKey", KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described.get("CurrentKeyMaterialId")) == ("Enabled", first.get("KeyMaterialId"))
    if spec == "SYMMETRIC_DEFAULT":
        assert kms("Decrypt", CiphertextBlob=made)["Plaintext"] == b"attack at dawn"


def use(kms, key, spec):
    """Something by which the material can be known."""
    if spec == "SYMMETRIC_DEFAULT":
        return kms("Encrypt", KeyId=key, Plaintext=b"attack at dawn")["CiphertextBlob"]
    if spec.startswith("HMAC_"):
        return kms("GenerateMac", KeyId=key, Message=b"m", MacAlgorithm=spec.replace("_", "_SHA_"))["Mac"]
    return kms("GetPublicKey", KeyId=key)["PublicKey"]


def check_use(spec, material, made):
    if spec.startswith("HMAC_"):
        assert made == hmac.digest(material, b"m", f"sha{spec.removeprefix('HMAC_')}")
    elif spec.startswith("ML_KEM"):
        check_pair(spec, made, material)
    elif spec.startswith("ML_DSA"):
        # openssl does not read these before 3.5.
        public = load_der_private_key(material, None).public_key()
        assert made == public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    elif spec != "SYMMETRIC_DEFAULT":
        assert made == public_of(material)


@pytest.mark.parametrize("spec", SPECS)
def test_what_cannot_be_wrapped_so(kms, spec):
    """Every other combination is refused before anything is made."""
    region = CHINA if spec == "SM2" else kms.region
    kms = kms.with_(region=region)
    key = kms.key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=next(iter(SPECS[spec])))["KeyId"]
    tried = 0
    for algorithm in [*ALGORITHMS, "RSAES_PKCS1_V1_5", "SM2PKE"]:
        for wrapping_key in [*RSA_SPECS, "SM2"]:
            if goes_together(spec, algorithm, wrapping_key) and (wrapping_key != "SM2" or region == CHINA):
                continue
            wrapping = {"WrappingAlgorithm": algorithm, "WrappingKeySpec": wrapping_key}
            reply = kms.call("GetParametersForImport", KeyId=key, **wrapping)
            assert_fault(reply, "UnsupportedOperationException", re.compile(f".*{algorithm}.*{wrapping_key}.*{spec}.*"))
            tried += 1
    assert tried >= 11


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
        assert kms.verify(**members, Signature=pkcs1, SigningAlgorithm=f"RSASSA_PKCS1_V1_5_SHA_{bits}")[
            "SignatureValid"
        ]
        # The salt is as long as the digest; what has another is refused, be it none or all that fits.
        for salt_bytes, valid in (
            (digest.digest_size, True),
            (0, False),
            (20, False),
            (256 - digest.digest_size - 2, False),
        ):
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


def integer(value):
    raw = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return tlv(0x02, raw)


def tlv(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    long = size.to_bytes(2, "big").lstrip(b"\0")
    length = bytes([size]) if size < 128 else bytes([0x80 + len(long)]) + long
    return bytes([tag]) + length + content


def rsa_material(p, q, e=65537, *, n=None, d=None):
    """PKCS#8 of an RSA key that openssl would not make."""
    n, d = n or p * q, d or pow(e, -1, (p - 1) * (q - 1))
    numbers = [0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p)]
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return tlv(0x30, integer(0), algorithm, tlv(0x04, tlv(0x30, *map(integer, numbers))))


def exponents_beside(p, q, start):
    """Public exponents from `start` on that have an inverse beside these factors."""
    return (e for e in range(start + 1, start + 10_000, 2) if math.gcd(e, (p - 1) * (q - 1)) == 1)


def ec_material(curve_oid, scalar, size):
    """PKCS#8 of a key pair on a curve, by its private scalar alone."""
    algorithm = tlv(0x30, bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex(curve_oid))
    private = tlv(0x30, integer(1), tlv(0x04, scalar.to_bytes(size, "big")))
    return tlv(0x30, integer(0), algorithm, tlv(0x04, private))


#: Spec → the curve's OID, its order, and the bytes of a scalar.
ORDERS = {
    "ECC_NIST_P256": (
        "06082a8648ce3d030107",
        0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551,
        32,
    ),
    "ECC_NIST_P384": (
        "06052b81040022",
        int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
        48,
    ),
    "ECC_NIST_P521": (
        "06052b81040023",
        int("01FF" + "F" * 62 + "FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16),
        66,
    ),
    "ECC_SECG_P256K1": (
        "06052b8104000a",
        0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141,
        32,
    ),
    # GB/T 32918 leaves out the largest scalar as well: with it nothing can be signed.
    "SM2": ("06082a811ccf5501822d", sm2.N - 1, 32),
}


class Importing:
    """A key that waits, and one set of parameters for as many attempts as one likes."""

    def __init__(self, kms, spec, usage):
        self.kms, self.key = kms, external_key(kms, KeySpec=spec, KeyUsage=usage)
        self.parameters = kms.get_parameters_for_import(
            KeyId=self.key, WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256", WrappingKeySpec="RSA_2048"
        )

    def bring(self, material):
        wrapped = wrap("RSA_AES_KEY_WRAP_SHA_256", self.parameters["PublicKey"], material)
        return self.kms.import_key_material(
            KeyId=self.key,
            ImportToken=self.parameters["ImportToken"],
            EncryptedKeyMaterial=wrapped,
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )

    def refuses(self, what, material):
        with pytest.raises(self.kms.exceptions.IncorrectKeyMaterialException):
            self.bring(material)
            pytest.fail(f"{what} was taken")
        assert self.kms.describe_key(KeyId=self.key)["KeyMetadata"]["KeyState"] == "PendingImport", what


@pytest.mark.parametrize("spec", ORDERS)
def test_scalars_that_are_none(dev_server, spec):
    region = CHINA if spec == "SM2" else "us-east-1"
    importing = Importing(boto3_client(dev_server, credentials=Credentials(region=region)), spec, "SIGN_VERIFY")
    oid, order, size = ORDERS[spec]
    for what, scalar in [("0", 0), ("n", order), ("n + 1", order + 1), ("the largest", (1 << 8 * size) - 1)]:
        importing.refuses(what, ec_material(oid, scalar, size))
    for wrong in (size - 1, size + 1):
        importing.refuses(f"{wrong} bytes", ec_material(oid, 5, wrong))
    # What is left is right: the largest scalar of all.
    importing.bring(ec_material(oid, order - 1, size))


def test_rsa_keys_that_are_weak_or_none(dev_boto3):
    importing = Importing(dev_boto3, "RSA_2048", "SIGN_VERIFY")

    def made(bits, e=65537):
        options = ["-pkeyopt", f"rsa_keygen_bits:{bits}", "-pkeyopt", f"rsa_keygen_pubexp:{e}"]
        return openssl("pkcs8", *PKCS8, stdin=openssl("genpkey", "-algorithm", "RSA", *options, "-outform", "DER"))

    good = made(2048)
    numbers = load_der_private_key(good, None).private_numbers()
    p, q, d, e = numbers.p, numbers.q, numbers.d, numbers.public_numbers.e
    importing.refuses("an exponent of 3", made(2048, 3))
    importing.refuses("1024 bits", made(1024))
    importing.refuses("3072 bits", made(3072))
    importing.refuses("factors of another modulus", rsa_material(p, q, n=p * q + 2))
    importing.refuses("a factor that is not prime", rsa_material(p, q + 2, d=d))
    importing.refuses("another private exponent", rsa_material(p, q, d=d + 2))
    # A private exponent plus a multiple of phi computes the same; this one has more bits than the modulus.
    importing.refuses("a private exponent longer than the modulus", rsa_material(p, q, d=d + 4 * (p - 1) * (q - 1)))
    importing.refuses("an exponent of 34 bits", rsa_material(p, q, e=next(exponents_beside(p, q, 1 << 33))))
    importing.refuses("an even exponent", rsa_material(p, q, e=e + 1, d=d))
    importing.refuses("an exponent of 1", rsa_material(p, q, e=1, d=1))
    importing.refuses("PKCS#1", openssl("rsa", "-inform", "DER", "-traditional", "-outform", "DER", stdin=good))
    importing.refuses("PEM", openssl("pkey", "-inform", "DER", "-outform", "PEM", stdin=good))
    importing.refuses("a byte too few", good[:-1])
    importing.refuses("a byte too many", good + b"\0")
    locked = openssl("pkcs8", "-topk8", "-passout", "pass:x", "-inform", "DER", "-outform", "DER", stdin=good)
    importing.refuses("a password", locked)
    importing.bring(rsa_material(p, q))
    assert dev_boto3.get_public_key(KeyId=importing.key)["PublicKey"] == public_of(good)


def test_a_token_that_is_not_the_keys(dev_boto3):
    kms = dev_boto3
    one, other = (Importing(kms, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT") for _ in range(2))
    one.parameters, mine = {**one.parameters, "ImportToken": other.parameters["ImportToken"]}, one.parameters
    with pytest.raises(kms.exceptions.InvalidImportTokenException):
        one.bring(os.urandom(32))
    token = bytearray(mine["ImportToken"])
    for at in (0, len(token) // 2, len(token) - 1):
        changed = bytearray(token)
        changed[at] ^= 1
        one.parameters = {**mine, "ImportToken": bytes(changed)}
        with pytest.raises(kms.exceptions.InvalidImportTokenException):
            one.bring(os.urandom(32))
    # Material under another wrapping key, or cut short, does not open.
    one.parameters = {**mine, "PublicKey": other.parameters["PublicKey"]}
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        one.bring(os.urandom(32))
    # A token serves as often as somebody wants, for the same material.
    one.parameters, material = mine, os.urandom(32)
    first = one.bring(material)
    assert one.bring(material)["KeyMaterialId"] == first["KeyMaterialId"]
    with pytest.raises(kms.exceptions.IncorrectKeyMaterialException):
        one.bring(os.urandom(32))


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
