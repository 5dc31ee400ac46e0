"""What the specification says of each key spec's encodings, and who can read them independently."""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from kyber_py.ml_kem import ML_KEM_512

from harness import openssl
from harness.specs import PUBLIC_BYTES

CURVES = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
    "ECC_SECG_P256K1": ec.SECP256K1,
}

POST_QUANTUM = {
    "ML_DSA_44": mldsa.MLDSA44PublicKey,
    "ML_DSA_65": mldsa.MLDSA65PublicKey,
    "ML_DSA_87": mldsa.MLDSA87PublicKey,
    "ML_KEM_768": mlkem.MLKEM768PublicKey,
    "ML_KEM_1024": mlkem.MLKEM1024PublicKey,
}

#: PKCS#8 of an ML-KEM key in seed form, up to the 64 bytes of the seed; the last arc of the OID is left open.
_ML_KEM_PKCS8 = "3054020100300b06096086480165030404{:02x}04428040"

_ML_KEM_ARCS = {"ML_KEM_512": 1, "ML_KEM_768": 2, "ML_KEM_1024": 3}


def check_pair(spec, public_der, private_der):
    """The two halves are encoded as they must be, and belong together."""
    assert len(public_der) == PUBLIC_BYTES[spec]
    if spec.startswith("ML_KEM"):
        prefix = bytes.fromhex(_ML_KEM_PKCS8.format(_ML_KEM_ARCS[spec]))
        assert private_der[: len(prefix)] == prefix
        assert len(private_der) == len(prefix) + 64
    if spec == "ML_KEM_512":
        # Neither openssl nor cryptography has the smallest parameter set.
        encapsulation_key, _ = ML_KEM_512.key_derive(private_der[-64:])
        assert public_der[22:] == encapsulation_key
        return
    if not spec.startswith("ML_KEM"):
        # openssl 3.0 has no ML-KEM yet; it reads all others.
        assert openssl.public_of(private_der) == public_der
    if spec == "SM2":
        assert "SM2" in openssl.text_of_public(public_der)
        return
    private = load_der_private_key(private_der, password=None)
    check_public(spec, public_der)
    assert private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == public_der


def check_public(spec, public_der):
    """`cryptography` reads the key, and it is of `spec`."""
    public = load_der_public_key(public_der)
    if spec.startswith("RSA_"):
        assert isinstance(public, rsa.RSAPublicKey)
        assert public.key_size == int(spec.removeprefix("RSA_"))
        assert public.public_numbers().e == 65537
    elif spec in CURVES:
        assert isinstance(public.curve, CURVES[spec])
    elif spec == "ECC_NIST_EDWARDS25519":
        assert isinstance(public, ed25519.Ed25519PublicKey)
    else:
        assert isinstance(public, POST_QUANTUM[spec])
