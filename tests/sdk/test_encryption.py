"""Encrypt, Decrypt and ReEncrypt under symmetric keys: what goes in, what comes out, what is refused."""

import pytest

from harness.checks import NO_TEXT, check_fault, hidden, null, violations
from harness.wire import unblob

INCORRECT_KEY = "The key ID in the request does not identify a CMK that can perform this operation."

CONTEXTS = [
    {},
    {"": ""},
    {"a": ""},
    {"Department": "IT", "Purpose": "Test"},
    {"ключ": "значение", "🔑": "🔒"},
    {"aws:s3:arn": "arn:aws:s3:::bucket/object", 'quote"': "back\\slash", "tab\t": "line\n"},
    {f"key-{number}": "v" * 100 for number in range(50)},
]


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 255, 4095, 4096])
def test_plaintexts_come_back(kms, key, size):
    plaintext = bytes(index % 256 for index in range(size))
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=plaintext)
    assert set(sealed) == {"CiphertextBlob", "EncryptionAlgorithm", "KeyId"}
    assert (sealed["KeyId"], sealed["EncryptionAlgorithm"]) == (key["Arn"], "SYMMETRIC_DEFAULT")
    assert len(unblob(sealed["CiphertextBlob"])) <= 6144
    opened = kms.ok("Decrypt", CiphertextBlob=sealed["CiphertextBlob"])
    assert set(opened) == {"EncryptionAlgorithm", "KeyId", "KeyMaterialId", "Plaintext"}
    assert (opened["KeyId"], opened["EncryptionAlgorithm"]) == (key["Arn"], "SYMMETRIC_DEFAULT")
    assert unblob(opened["Plaintext"]) == plaintext


def test_two_encryptions_differ(kms, key):
    blobs = {kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"same")["CiphertextBlob"] for _ in range(20)}
    assert len(blobs) == 20


@pytest.mark.parametrize("context", CONTEXTS, ids=range(len(CONTEXTS)))
def test_a_context_is_bound(kms, key, context):
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    reordered = dict(reversed(context.items()))
    assert kms.ok("Decrypt", CiphertextBlob=sealed, EncryptionContext=reordered)["Plaintext"] == "eA=="
    for other in other_contexts(context):
        members = {"CiphertextBlob": sealed, "EncryptionContext": other}
        check_fault(kms, "Decrypt", members, "InvalidCiphertextException", NO_TEXT)


def other_contexts(context):
    """Contexts near `context` that are not it."""
    others = [{**context, "more": "1"}]
    for name, value in list(context.items())[:2]:
        rest = {other: text for other, text in context.items() if other != name}
        others += [rest, {**context, name: value + "x"}, {**rest, name + "x": value}, {**context, name: value + "\0"}]
        if value.swapcase() != value:
            others.append({**context, name: value.swapcase()})
        # A pair must not be mistaken for two, nor a border between key and value moved.
        if len(name) > 1:
            others.append({**rest, name[:-1]: name[-1] + value})
    return others


def test_an_absent_context_is_an_empty_one(kms, key):
    for made_with in ({}, {"EncryptionContext": {}}, {"EncryptionContext": None}):
        sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x", **made_with)["CiphertextBlob"]
        for opened_with in ({}, {"EncryptionContext": {}}, {"EncryptionContext": None}):
            kms.ok("Decrypt", CiphertextBlob=sealed, **opened_with)


@pytest.mark.parametrize("form", ["KeyId", "Arn", "alias name", "alias ARN"])
def test_every_form_of_key_id(kms, key, form):
    kms.ok_empty("CreateAlias", AliasName="alias/form", TargetKeyId=key["KeyId"])
    forms = {**key, "alias name": "alias/form", "alias ARN": kms.arn("alias/form")}
    sealed = kms.ok("Encrypt", KeyId=forms[form], Plaintext=b"x")
    assert sealed["KeyId"] == key["Arn"]
    opened = kms.ok("Decrypt", KeyId=forms[form], CiphertextBlob=sealed["CiphertextBlob"])
    assert opened["KeyId"] == key["Arn"]
    members = {"SourceKeyId": forms[form], "DestinationKeyId": forms[form]}
    moved = kms.ok("ReEncrypt", CiphertextBlob=sealed["CiphertextBlob"], **members)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key["Arn"], key["Arn"])


def test_reencrypt_moves_to_another_key_and_context(kms, key):
    other = kms.key()
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"moved", EncryptionContext={"from": "1"})
    moved = kms.ok(
        "ReEncrypt",
        CiphertextBlob=sealed["CiphertextBlob"],
        SourceEncryptionContext={"from": "1"},
        DestinationKeyId=other["KeyId"],
        DestinationEncryptionContext={"to": "2"},
    )
    assert set(moved) == {
        "CiphertextBlob",
        "DestinationEncryptionAlgorithm",
        "DestinationKeyMaterialId",
        "KeyId",
        "SourceEncryptionAlgorithm",
        "SourceKeyId",
        "SourceKeyMaterialId",
    }
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key["Arn"], other["Arn"])
    assert moved["SourceKeyMaterialId"] == key["CurrentKeyMaterialId"]
    assert moved["DestinationKeyMaterialId"] == other["CurrentKeyMaterialId"]
    opened = kms.ok("Decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"to": "2"})
    assert (unblob(opened["Plaintext"]), opened["KeyId"]) == (b"moved", other["Arn"])


def test_an_alias_that_moved_on_names_the_wrong_key(kms, key):
    kms.ok_empty("CreateAlias", AliasName="alias/moves", TargetKeyId=key["KeyId"])
    sealed = kms.ok("Encrypt", KeyId="alias/moves", Plaintext=b"x")["CiphertextBlob"]
    kms.ok_empty("UpdateAlias", AliasName="alias/moves", TargetKeyId=kms.key()["KeyId"])
    members = {"CiphertextBlob": sealed, "KeyId": "alias/moves"}
    check_fault(kms, "Decrypt", members, "IncorrectKeyException", INCORRECT_KEY)
    assert kms.ok("Decrypt", CiphertextBlob=sealed)["KeyId"] == key["Arn"]


def test_another_key_than_the_blobs(kms, key):
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    other = kms.key()["KeyId"]
    members = {"CiphertextBlob": sealed, "KeyId": other}
    check_fault(kms, "Decrypt", members, "IncorrectKeyException", INCORRECT_KEY)
    members = {"CiphertextBlob": sealed, "SourceKeyId": other, "DestinationKeyId": key["KeyId"]}
    check_fault(kms, "ReEncrypt", members, "IncorrectKeyException", INCORRECT_KEY)


AT_LEAST_1 = "Member must have length greater than or equal to 1"

REFUSED = [
    ("Encrypt", {"Plaintext": b"x" * 4097}, hidden("plaintext", "Member must have length less than or equal to 4096")),
    ("Encrypt", {"Plaintext": b""}, hidden("plaintext", AT_LEAST_1)),
    ("Encrypt", {}, hidden("plaintext", "Member must not be null")),
    ("Encrypt", {"Plaintext": b"x", "EncryptionAlgorithm": "ROT13"}, "the enum in the server's order"),
    ("Decrypt", {}, null("ciphertextBlob")),
    ("ReEncrypt", {"CiphertextBlob": b"x"}, null("destinationKeyId")),
]


@pytest.mark.parametrize(("operation", "members", "item"), REFUSED)
def test_shapes_that_are_refused(kms, key, operation, members, item):
    if item.startswith("the enum"):
        item = (
            "Value 'ROT13' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: "
            "[RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]"
        )
    if operation == "Encrypt":
        members = {"KeyId": key["KeyId"], **members}
    check_fault(kms, operation, members, "ValidationException", violations(item))


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"])
def test_algorithms_of_other_keys(kms, key, algorithm):
    text = f"Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT."
    sealed = kms.ok("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    members = {"KeyId": key["KeyId"], "Plaintext": b"x", "EncryptionAlgorithm": algorithm}
    check_fault(kms, "Encrypt", members, "InvalidKeyUsageException", text)
    members = {"KeyId": key["KeyId"], "CiphertextBlob": sealed, "EncryptionAlgorithm": algorithm}
    check_fault(kms, "Decrypt", members, "InvalidKeyUsageException", text)
    members = {"CiphertextBlob": sealed, "DestinationKeyId": key["KeyId"], "DestinationEncryptionAlgorithm": algorithm}
    check_fault(kms, "ReEncrypt", members, "InvalidKeyUsageException", text)


@pytest.mark.parametrize("size", [1, 16, 103, 104, 105, 200, 6144])
def test_garbage_is_no_ciphertext(kms, key, size):
    for garbage in (b"\0" * size, b"\1" * size, bytes(index * 37 % 256 for index in range(size))):
        check_fault(kms, "Decrypt", {"CiphertextBlob": garbage}, "InvalidCiphertextException", NO_TEXT)
        members = {"CiphertextBlob": garbage, "KeyId": key["KeyId"]}
        check_fault(kms, "Decrypt", members, "InvalidCiphertextException", NO_TEXT)
        members = {"CiphertextBlob": garbage, "DestinationKeyId": key["KeyId"]}
        check_fault(kms, "ReEncrypt", members, "InvalidCiphertextException", NO_TEXT)
