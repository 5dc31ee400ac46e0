"""Sign and Verify against independent implementations, for every spec, algorithm and message type."""

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from harness import ed25519, sm2
from harness.checks import NO_TEXT, check_fault
from harness.openssl import openssl
from harness.specs import SPECS
from harness.wire import unblob

MESSAGES = [b"m", b"hello, world", bytes(range(256)) * 16]

ROWS = [
    (spec, algorithm)
    for spec, usages in SPECS.items()
    if "SIGN_VERIFY" in usages
    for algorithm in usages["SIGN_VERIFY"]
]


def hash_of(algorithm):
    return {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[algorithm[-3:]]()


def digest(algorithm, message):
    name = "sm3" if algorithm == "SM2DSA" else "sha" + algorithm[-3:]
    return hashlib.new(name, message).digest()


def message_representative(public_der, message):
    """FIPS 204's mu of a message, with the empty context."""
    public = load_der_public_key(public_der).public_bytes_raw()
    tr = hashlib.shake_256(public).digest(64)
    return hashlib.shake_256(tr + b"\0\0" + message).digest(64)


def verify(spec, algorithm, public_der, message, signature):
    """Verifies without Strongroom, or raises InvalidSignature."""
    if spec == "SM2":
        return verify_sm2(public_der, message, signature)
    public = load_der_public_key(public_der)
    if algorithm == "ED25519_PH_SHA_512":
        # The digest that the caller sent is hashed once more.
        if not ed25519.verifies_prehashed(public.public_bytes_raw(), hashlib.sha512(message).digest(), signature):
            raise InvalidSignature
    elif algorithm in ("ED25519_SHA_512", "ML_DSA_SHAKE_256"):
        public.verify(signature, message)
    elif algorithm.startswith("ECDSA"):
        public.verify(signature, message, ec.ECDSA(hash_of(algorithm)))
    elif "PSS" in algorithm:
        of = hash_of(algorithm)
        # Exactly the digest's length of salt, not whatever the signature happens to have.
        public.verify(signature, message, padding.PSS(padding.MGF1(of), of.digest_size), of)
    else:
        public.verify(signature, message, padding.PKCS1v15(), hash_of(algorithm))


def verify_sm2(public_der, message, signature):
    try:
        openssl(
            *("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "{key}", "-rawin", "-digest", "sm3"),
            *("-pkeyopt", "distid:1234567812345678", "-in", "{message}", "-sigfile", "{signature}"),
            key=public_der,
            message=message,
            signature=signature,
        )
    except AssertionError:
        raise InvalidSignature from None


def requests(algorithm, public_der, message):
    """Each way to have `message` signed: what to send as Message and MessageType."""
    if algorithm == "ED25519_PH_SHA_512":
        return {"DIGEST": hashlib.sha512(message).digest()}
    ways = {"RAW": message}
    if algorithm == "ML_DSA_SHAKE_256":
        ways["EXTERNAL_MU"] = message_representative(public_der, message)
    elif algorithm == "SM2DSA":
        ways["DIGEST"] = hashlib.new("sm3", z_a(public_der) + message).digest()
    elif algorithm != "ED25519_SHA_512":
        ways["DIGEST"] = digest(algorithm, message)
    return ways


def z_a(public_der):
    """SM2's hash of the signer's identity (GB/T 32918.2, 5.5)."""
    identity = b"1234567812345678"
    numbers = [sm2.A, sm2.B, *sm2.BASE, *sm2.point_of(public_der)]
    content = (len(identity) * 8).to_bytes(2, "big") + identity
    return hashlib.new("sm3", content + b"".join(number.to_bytes(32, "big") for number in numbers)).digest()


@pytest.mark.parametrize(("spec", "algorithm"), ROWS)
def test_signatures_verify_elsewhere_and_here(every_key, spec, algorithm):
    kms, key = every_key(spec, "SIGN_VERIFY")
    public = unblob(kms.ok("GetPublicKey", KeyId=key["KeyId"])["PublicKey"])
    base = {"KeyId": key["KeyId"], "SigningAlgorithm": algorithm}
    for message in MESSAGES:
        ways = requests(algorithm, public, message)
        for message_type, content in ways.items():
            made = kms.ok("Sign", **base, Message=content, MessageType=message_type)
            assert set(made) == {"KeyId", "Signature", "SigningAlgorithm"}
            assert (made["KeyId"], made["SigningAlgorithm"]) == (key["Arn"], algorithm)
            signature = unblob(made["Signature"])
            verify(spec, algorithm, public, message, signature)
            with pytest.raises(InvalidSignature):
                verify(spec, algorithm, public, message + b"!", signature)
            # Signed one way, verified every way.
            for other_type, other in ways.items():
                reply = kms.ok("Verify", **base, Message=other, MessageType=other_type, Signature=signature)
                assert reply == {"KeyId": key["Arn"], "SignatureValid": True, "SigningAlgorithm": algorithm}


@pytest.mark.parametrize(("spec", "algorithm"), ROWS)
def test_the_default_message_type_is_raw(every_key, spec, algorithm):
    kms, key = every_key(spec, "SIGN_VERIFY")
    members = {"KeyId": key["KeyId"], "SigningAlgorithm": algorithm, "Message": b"default"}
    if algorithm == "ED25519_PH_SHA_512":
        check_fault(kms, "Sign", members, "ValidationException")
        return
    signature = unblob(kms.ok("Sign", **members)["Signature"])
    public = unblob(kms.ok("GetPublicKey", KeyId=key["KeyId"])["PublicKey"])
    verify(spec, algorithm, public, b"default", signature)


@pytest.mark.parametrize(("spec", "algorithm"), ROWS)
def test_altered_signatures(every_key, spec, algorithm):
    """One bit anywhere, a byte more or less, another key, another message: one fault, no text."""
    kms, key = every_key(spec, "SIGN_VERIFY")
    public = unblob(kms.ok("GetPublicKey", KeyId=key["KeyId"])["PublicKey"])
    message_type, content = next(iter(requests(algorithm, public, b"message").items()))
    base = {"KeyId": key["KeyId"], "SigningAlgorithm": algorithm, "MessageType": message_type}
    signature = unblob(kms.ok("Sign", **base, Message=content)["Signature"])
    step = max(1, len(signature) // 80)
    altered = [signature[:-1], signature + b"\0", b"\0" + signature, signature[1:], b"\0", bytes(len(signature))]
    for position in range(0, len(signature), step):
        flipped = bytearray(signature)
        flipped[position] ^= 1 << position % 8
        altered.append(bytes(flipped))
    for other in altered:
        members = {**base, "Message": content, "Signature": other}
        check_fault(kms, "Verify", members, "KMSInvalidSignatureException", NO_TEXT)
    changed = bytes([content[0] ^ 1]) + content[1:]
    members = {**base, "Message": changed, "Signature": signature}
    check_fault(kms, "Verify", members, "KMSInvalidSignatureException", NO_TEXT)


@pytest.mark.parametrize("spec", [spec for spec, algorithm in ROWS if algorithm.startswith(("ECDSA", "SM2DSA"))])
def test_der_that_is_not_canonical(every_key, spec):
    """The same two integers, spelled in another way, are no signature."""
    kms, key = every_key(spec, "SIGN_VERIFY")
    [algorithm] = SPECS[spec]["SIGN_VERIFY"]
    base = {"KeyId": key["KeyId"], "SigningAlgorithm": algorithm, "Message": b"message"}
    signature = unblob(kms.ok("Sign", **base)["Signature"])
    r, s = decode_dss_signature(signature)
    spellings = {
        "long length": der(r, s, length=lambda body: b"\x81" + bytes([len(body)])),
        "padded r": der(r, s, pad=1),
        "indefinite": b"\x30\x80" + integer(r) + integer(s) + b"\0\0",
        "trailing": signature + b"\0\0",
        "zero r": der(0, s),
        "zero s": der(r, 0),
        "three integers": b"\x30" + bytes([len(integer(r) + integer(s)) + 3]) + integer(r) + integer(s) + integer(1),
        "raw": r.to_bytes(66, "big")[-33:] + s.to_bytes(66, "big")[-33:],
    }
    assert signature not in spellings.values()
    for name, spelled in spellings.items():
        reply = kms.call("Verify", **base, Signature=spelled)
        assert (reply.code, reply.message) == ("KMSInvalidSignatureException", None), (name, reply.json)


def integer(number, pad=0):
    body = b"\0" * pad + number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + short_length(body) + body


def short_length(body):
    return bytes([len(body)]) if len(body) < 128 else b"\x81" + bytes([len(body)])


def der(r, s, length=short_length, pad=0):
    body = integer(r, pad) + integer(s)
    if length is not short_length and len(body) >= 128:
        # Already in the long form: one byte longer than needed is what is not canonical here.
        return b"\x30\x82" + len(body).to_bytes(2, "big") + body
    return b"\x30" + length(body) + body


def test_ed25519_is_not_malleable(every_key):
    """S + L is the same number to a careless verifier (RFC 8032, 5.1.7)."""
    kms, key = every_key("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    base = {"KeyId": key["KeyId"], "SigningAlgorithm": "ED25519_SHA_512", "Message": b"message"}
    signature = unblob(kms.ok("Sign", **base)["Signature"])
    s = int.from_bytes(signature[32:], "little") + ed25519.L
    forged = signature[:32] + s.to_bytes(32, "little")
    check_fault(kms, "Verify", {**base, "Signature": forged}, "KMSInvalidSignatureException", NO_TEXT)


def test_pss_with_another_salt_length(every_key, tmp_path):
    """Only the digest's length of salt is accepted; signatures made here show that it is what is used."""
    kms, key = every_key("RSA_2048", "SIGN_VERIFY")
    public = load_der_public_key(unblob(kms.ok("GetPublicKey", KeyId=key["KeyId"])["PublicKey"]))
    for algorithm in ("RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512"):
        made = kms.ok("Sign", KeyId=key["KeyId"], SigningAlgorithm=algorithm, Message=b"salted")
        of = hash_of(algorithm)
        for salt in (0, 20, of.digest_size + 1):
            with pytest.raises(InvalidSignature):
                scheme = padding.PSS(padding.MGF1(of), salt)
                public.verify(unblob(made["Signature"]), digest(algorithm, b"salted"), scheme, Prehashed(of))
