"""Key specs, usages and algorithms, as the specification's table has them (not as the server says)."""

RSA_SIGNING = [
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
]
RSA = {"ENCRYPT_DECRYPT": ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"], "SIGN_VERIFY": RSA_SIGNING}

#: Spec → usage → algorithms, in the order in which the service lists them.
SPECS = {
    "SYMMETRIC_DEFAULT": {"ENCRYPT_DECRYPT": ["SYMMETRIC_DEFAULT"]},
    "HMAC_224": {"GENERATE_VERIFY_MAC": ["HMAC_SHA_224"]},
    "HMAC_256": {"GENERATE_VERIFY_MAC": ["HMAC_SHA_256"]},
    "HMAC_384": {"GENERATE_VERIFY_MAC": ["HMAC_SHA_384"]},
    "HMAC_512": {"GENERATE_VERIFY_MAC": ["HMAC_SHA_512"]},
    "RSA_2048": RSA,
    "RSA_3072": RSA,
    "RSA_4096": RSA,
    "ECC_NIST_P256": {"SIGN_VERIFY": ["ECDSA_SHA_256"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_NIST_P384": {"SIGN_VERIFY": ["ECDSA_SHA_384"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_NIST_P521": {"SIGN_VERIFY": ["ECDSA_SHA_512"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_SECG_P256K1": {"SIGN_VERIFY": ["ECDSA_SHA_256"]},
    "ECC_NIST_EDWARDS25519": {"SIGN_VERIFY": ["ED25519_SHA_512", "ED25519_PH_SHA_512"]},
    "ML_DSA_44": {"SIGN_VERIFY": ["ML_DSA_SHAKE_256"]},
    "ML_DSA_65": {"SIGN_VERIFY": ["ML_DSA_SHAKE_256"]},
    "ML_DSA_87": {"SIGN_VERIFY": ["ML_DSA_SHAKE_256"]},
    "ML_KEM_512": {"ENCAPSULATE_DECAPSULATE": ["ML_KEM"]},
    "ML_KEM_768": {"ENCAPSULATE_DECAPSULATE": ["ML_KEM"]},
    "ML_KEM_1024": {"ENCAPSULATE_DECAPSULATE": ["ML_KEM"]},
    "SM2": {"ENCRYPT_DECRYPT": ["SM2PKE"], "SIGN_VERIFY": ["SM2DSA"], "KEY_AGREEMENT": ["ECDH"]},
}

USAGES = ["ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"]

#: The member of KeyMetadata and GetPublicKey that lists the algorithms of a usage.
LISTS = {
    "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
    "SIGN_VERIFY": "SigningAlgorithms",
    "GENERATE_VERIFY_MAC": "MacAlgorithms",
    "KEY_AGREEMENT": "KeyAgreementAlgorithms",
    "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
}

#: Every pair that can be created.
PAIRS = [(spec, usage) for spec, usages in SPECS.items() for usage in usages]

#: Specs the deprecated enum has no value for.
NO_CUSTOMER_MASTER_KEY_SPEC = {
    "ECC_NIST_EDWARDS25519",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
}

#: Signing algorithm → length of the digest that MessageType DIGEST demands.
DIGEST_BYTES = {
    **{algorithm: int(algorithm[-3:]) // 8 for algorithm in RSA_SIGNING},
    "ECDSA_SHA_256": 32,
    "ECDSA_SHA_384": 48,
    "ECDSA_SHA_512": 64,
    "SM2DSA": 32,
    "ED25519_PH_SHA_512": 64,
}

SIGNING_ALGORITHMS = [*DIGEST_BYTES, "ED25519_SHA_512", "ML_DSA_SHAKE_256"]

#: Length of a public key's SubjectPublicKeyInfo.
PUBLIC_BYTES = {
    "RSA_2048": 294,
    "RSA_3072": 422,
    "RSA_4096": 550,
    "ECC_NIST_P256": 91,
    "ECC_NIST_P384": 120,
    "ECC_NIST_P521": 158,
    "ECC_SECG_P256K1": 88,
    "ECC_NIST_EDWARDS25519": 44,
    "ML_DSA_44": 1334,
    "ML_DSA_65": 1974,
    "ML_DSA_87": 2614,
    "ML_KEM_512": 822,
    "ML_KEM_768": 1206,
    "ML_KEM_1024": 1590,
    "SM2": 91,
}

#: The specs of data key pairs.
PAIR_SPECS = [spec for spec in PUBLIC_BYTES if not spec.startswith("ML_DSA")]


def is_symmetric(spec):
    return spec == "SYMMETRIC_DEFAULT" or spec.startswith("HMAC_")
