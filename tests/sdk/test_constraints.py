"""Every constraint of every member of all 56 operations, taken from botocore's copy of the API model.

For each operation a smallest valid input is made, then one member at a time is broken. The server must name exactly
what is broken: constraints come before any look at keys, so nothing else can be wrong first.
"""

import pytest

from harness import model
from harness.checks import assert_fault, hidden, null, shown, violations
from harness.model import members, path, required, shape, valid, valid_input

OPERATIONS = model.operations()

#: Members the model calls optional and the server demands.
ALSO_REQUIRED = {"Decrypt": ["CiphertextBlob"], "ReEncrypt": ["CiphertextBlob"]}

#: In the server's own order, where that is known (behaviour of the real service, not of the model).
SERVER_ORDER = {
    "EncryptionAlgorithmSpec": ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE", "SYMMETRIC_DEFAULT"],
    "MacAlgorithmSpec": ["HMAC_SHA_384", "HMAC_SHA_256", "HMAC_SHA_224", "HMAC_SHA_512"],
    "MessageType": ["RAW", "DIGEST", "EXTERNAL_MU"],
    "SigningAlgorithmSpec": [
        "RSASSA_PSS_SHA_256",
        "RSASSA_PSS_SHA_384",
        "RSASSA_PSS_SHA_512",
        "RSASSA_PKCS1_V1_5_SHA_256",
        "RSASSA_PKCS1_V1_5_SHA_384",
        "RSASSA_PKCS1_V1_5_SHA_512",
        "ECDSA_SHA_256",
        "ECDSA_SHA_384",
        "ECDSA_SHA_512",
        "ED25519_SHA_512",
        "ED25519_PH_SHA_512",
        "SM2DSA",
        "ML_DSA_SHAKE_256",
    ],
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_required_members(kms, operation):
    """All that is missing is reported at once."""
    demanded = required(operation)
    if not demanded:
        return check_optional(kms, operation)
    expected = {missing(operation, name) for name in demanded}
    check_items(kms.call(operation), expected, operation)
    for name in demanded:
        rest = {other: value for other, value in valid_input(operation).items() if other != name}
        for members_sent in (rest, {**rest, name: None}):
            check_items(kms.call(operation, **members_sent), {missing(operation, name)}, operation)


def check_optional(kms, operation):
    """Nothing is required by the model: an empty input is no violation of a shape."""
    reply = kms.call(operation)
    if operation in ALSO_REQUIRED:
        check_items(reply, {null(path(name)) for name in ALSO_REQUIRED[operation]}, operation)
    elif reply.code == "ValidationException":
        assert "validation error" not in reply.message, reply.json


def missing(operation, name):
    if members(operation)[name].get("sensitive"):
        return hidden(path(name), "Member must not be null")
    return null(path(name))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_broken_members(kms, operation):
    checked = 0
    for name, of in members(operation).items():
        for value, constraint in broken(of):
            reply = kms.call(operation, **{**valid_input(operation), name: value})
            item = item_of(of, path(name), value, constraint)
            assert reply.code == "ValidationException", (name, value, reply.json)
            assert item in reply.message, (name, reply.message)
            checked += 1
    assert checked or not any(True for of in members(operation).values() for _ in broken(of))


def item_of(of, where, value, constraint):
    if of.get("sensitive"):
        return hidden(where, constraint)
    if of["type"] in ("list", "blob"):
        # How these values print is the server's own affair.
        return f"at '{where}' failed to satisfy constraint: {constraint}"
    return shown(value, where, constraint)


def broken(of):
    """Values that break one constraint of a shape, with the constraint's text."""
    kind = of["type"]
    if kind == "string":
        yield from broken_string(of)
    elif kind == "blob":
        yield from sized(of, lambda length: "A" * (length // 3 * 4) + ["", "AA==", "AAA="][length % 3])
    elif kind == "integer":
        for key, offset, word in (("min", -1, "greater"), ("max", 1, "less")):
            if key in of:
                yield of[key] + offset, f"Member must have value {word} than or equal to {of[key]}"
    elif kind == "list":
        yield from sized(of, lambda length: [valid(shape(of["member"]))] * length)


def broken_string(of):
    if "enum" in of:
        yield "NO_SUCH_VALUE", "Member must satisfy enum value set: ["
        yield of["enum"][0].lower(), "Member must satisfy enum value set: ["
        return
    yield from sized(of, lambda length: "a" * length)
    if "pattern" in of and not of["pattern"].startswith("[\\u0009"):
        yield "\u2028" * of.get("min", 1), "Member must satisfy regular expression pattern: "


def sized(of, make):
    if of.get("min", 0) > 0:
        yield make(of["min"] - 1), f"Member must have length greater than or equal to {of['min']}"
    # The body limit is a megabyte; a value that cannot be sent breaks another rule.
    if of.get("max", 1 << 20) < 500_000:
        yield make(of["max"] + 1), f"Member must have length less than or equal to {of['max']}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_wrong_types(kms, operation):
    """A value of the wrong JSON type is reported before any constraint, even of another member."""
    wrong = {
        "string": [
            (7, "NUMBER_VALUE can not be converted to a String"),
            (True, "TRUE_VALUE can not be converted to a String"),
            ([], "Start of list found where not expected"),
            ({}, "Start of structure or map found where not expected."),
        ],
        "blob": [(7, None), ([], None), ("!!!!", None), ("QQ=", None)],
        "integer": [
            ("7", "STRING_VALUE can not be converted to an Integer"),
            ([], "Start of list found where not expected"),
        ],
        "boolean": [("yes", None), (7, None), ([], "Start of list found where not expected")],
        "timestamp": [([], None), ({}, None)],
        "list": [("a", "Expected list or null"), (7, None), ({}, None)],
        "map": [("a", "Expected null"), ([], None)],
        "structure": [("a", "Expected null"), ([], None)],
    }
    for name, of in members(operation).items():
        for value, text in wrong[of["type"]]:
            # Everything required is left out as well: the type must win.
            reply = kms.call(operation, **{name: value})
            assert reply.code == "SerializationException", (name, value, reply.json)
            if text is not None:
                assert reply.message == text, (name, value, reply.json)


@pytest.mark.parametrize(
    ("operation", "name"),
    [(operation, name) for operation in OPERATIONS for name, of in members(operation).items() if "enum" in of],
)
def test_enum_lists(kms, operation, name):
    """The whole list is printed, in the server's order where that is known."""
    reply = kms.call(operation, **{**valid_input(operation), name: "NO_SUCH_VALUE"})
    listed = reply.message.partition("enum value set: [")[2].partition("]")[0].split(", ")
    reference = model.input_shape(operation)["members"][name]["shape"]
    if reference in SERVER_ORDER:
        assert listed == SERVER_ORDER[reference]
    elif reference == "DataKeySpec":
        # Whether the two AES values print among the key specs is not known.
        assert {"SYMMETRIC_DEFAULT", "RSA_2048", "ML_DSA_87"} <= set(listed)
    else:
        assert sorted(listed) == sorted(model.shape({"shape": reference})["enum"])


def test_nested_members_are_named_by_their_path(kms, key):
    tags = [{"TagKey": "good", "TagValue": "x"}, {"TagKey": "", "TagValue": "v" * 257}, {"TagValue": "x"}]
    expected = {
        shown("", "tags.2.member.tagKey", "Member must have length greater than or equal to 1"),
        shown("v" * 257, "tags.2.member.tagValue", "Member must have length less than or equal to 256"),
        null("tags.3.member.tagKey"),
    }
    check_items(kms.call("CreateKey", Tags=tags), expected, "CreateKey")
    check_items(kms.call("TagResource", KeyId=key["KeyId"], Tags=tags), expected, "TagResource")


def test_several_violations_are_reported_together(kms):
    reply = kms.call("Encrypt", KeyId="", Plaintext=b"", EncryptionAlgorithm="ROT13")
    items = set(reply.message.partition(" detected: ")[2].split("; "))
    assert reply.message.startswith("4 validation errors detected: "), reply.message
    assert hidden("plaintext", "Member must have length greater than or equal to 1") in items
    assert shown("", "keyId", "Member must have length greater than or equal to 1") in items
    assert shown("", "keyId", r"Member must satisfy regular expression pattern: ^\p{ASCII}+$") in items


def test_lengths_are_counted_in_characters(kms):
    """Not in bytes: each of these takes two to four."""
    for letter in ("ü", "語", "🔑"):
        assert kms.key(Description=letter * 2730)["Description"] == letter * 2730


def check_items(reply, expected, operation):
    """The message has these items and no others; their order is not specified."""
    assert_fault(reply, "ValidationException")
    head, _, items = reply.message.partition(" detected: ")
    assert set(items.split("; ")) == expected, operation
    assert f"{head} detected: " == violations(*expected).partition(" detected: ")[0] + " detected: "
