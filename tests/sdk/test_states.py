"""Operation × key state: every operation in every state a key can be in, by the table of the specification."""

import pytest

from harness.checks import NO_TEXT, assert_fault

DISABLED = ("DisabledException", "{arn} is disabled.")
PENDING = ("KMSInvalidStateException", "{arn} is pending deletion.")
NOT_PENDING = ("KMSInvalidStateException", "{arn} is not pending deletion.")
NO_PUBLIC_KEY = ("UnsupportedOperationException", NO_TEXT)
OK = None

#: What each operation does to a symmetric key that is enabled, disabled, pending deletion.
TABLE = {
    "CancelKeyDeletion": (NOT_PENDING, NOT_PENDING, OK),
    "CreateAlias": (OK, OK, PENDING),
    "Decrypt": (OK, DISABLED, PENDING),
    "Decrypt with KeyId": (OK, DISABLED, PENDING),
    "DeleteAlias": (OK, OK, OK),
    "DescribeKey": (OK, OK, OK),
    "DisableKey": (OK, OK, PENDING),
    "DisableKeyRotation": (OK, DISABLED, PENDING),
    "EnableKey": (OK, OK, PENDING),
    "EnableKeyRotation": (OK, DISABLED, PENDING),
    "Encrypt": (OK, DISABLED, PENDING),
    "GenerateDataKey": (OK, DISABLED, PENDING),
    "GenerateDataKeyPair": (OK, DISABLED, PENDING),
    "GenerateDataKeyPairWithoutPlaintext": (OK, DISABLED, PENDING),
    "GenerateDataKeyWithoutPlaintext": (OK, DISABLED, PENDING),
    "GetKeyLastUsage": (OK, OK, OK),
    "GetKeyRotationStatus": (OK, OK, OK),
    # On a disabled key the sources disagree; for a symmetric key the answer is a fault in any case.
    "GetPublicKey": (NO_PUBLIC_KEY, "any fault", PENDING),
    "ListAliases": (OK, OK, OK),
    "ListKeyRotations": (OK, OK, OK),
    "ReEncrypt from": (OK, DISABLED, PENDING),
    "ReEncrypt to": (OK, DISABLED, PENDING),
    "RotateKeyOnDemand": (OK, DISABLED, PENDING),
    "ScheduleKeyDeletion": (OK, OK, PENDING),
    "UpdateAlias": (OK, OK, PENDING),
    "UpdateAlias away": (OK, OK, OK),
    "UpdateKeyDescription": (OK, OK, PENDING),
}

STATES = ["Enabled", "Disabled", "PendingDeletion"]


class Stage:
    """A key in a state, and what the calls on it need: an alias, a ciphertext, another key."""

    def __init__(self, kms, state):
        self.kms = kms
        self.key = kms.key()
        self.other = kms.key()
        self.alias, self.other_alias = "alias/of-the-key", "alias/of-the-other"
        kms.ok_empty("CreateAlias", AliasName=self.alias, TargetKeyId=self.key["KeyId"])
        kms.ok_empty("CreateAlias", AliasName=self.other_alias, TargetKeyId=self.other["KeyId"])
        self.sealed = kms.ok("Encrypt", KeyId=self.key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        self.sealed_by_other = kms.ok("Encrypt", KeyId=self.other["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        if state == "Disabled":
            kms.ok_empty("DisableKey", KeyId=self.key["KeyId"])
        elif state == "PendingDeletion":
            kms.ok("ScheduleKeyDeletion", KeyId=self.key["KeyId"])

    def call(self, name):
        this, other = {"KeyId": self.key["KeyId"]}, self.other["KeyId"]
        members = {
            "CreateAlias": {"AliasName": "alias/new", "TargetKeyId": this["KeyId"]},
            "Decrypt": {"CiphertextBlob": self.sealed},
            "Decrypt with KeyId": {"CiphertextBlob": self.sealed, **this},
            "DeleteAlias": {"AliasName": self.alias},
            "Encrypt": {**this, "Plaintext": b"x"},
            "GenerateDataKey": {**this, "KeySpec": "AES_256"},
            "GenerateDataKeyPair": {**this, "KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyPairWithoutPlaintext": {**this, "KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyWithoutPlaintext": {**this, "KeySpec": "AES_256"},
            "ReEncrypt from": {"CiphertextBlob": self.sealed, "DestinationKeyId": other},
            "ReEncrypt to": {"CiphertextBlob": self.sealed_by_other, "DestinationKeyId": this["KeyId"]},
            "UpdateAlias": {"AliasName": self.other_alias, "TargetKeyId": this["KeyId"]},
            "UpdateAlias away": {"AliasName": self.alias, "TargetKeyId": other},
            "UpdateKeyDescription": {**this, "Description": "new"},
        }.get(name, this)
        return self.kms.call(name.partition(" ")[0], **members)

    def outcome(self):
        """What a refused call must not have changed."""
        described = self.kms.ok("DescribeKey", KeyId=self.key["KeyId"])["KeyMetadata"]
        return described, self.kms.ok("ListAliases")["Aliases"]


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("state", STATES)
def test_operation_by_state(kms, name, state):
    stage = Stage(kms, state)
    before = stage.outcome()
    expected = TABLE[name][STATES.index(state)]
    reply = stage.call(name)
    if expected is OK:
        assert reply.status == 200, reply.json
        return
    if expected == "any fault":
        assert reply.status == 400, reply.json
    else:
        code, text = expected
        assert_fault(reply, code, text and text.format(arn=stage.key["Arn"]))
    assert stage.outcome() == before, "a refused call changes nothing"


@pytest.mark.parametrize("name", ["Decrypt", "ReEncrypt from", "ReEncrypt to", "Encrypt", "GenerateDataKey"])
def test_what_was_disabled_works_again(kms, name):
    stage = Stage(kms, "Disabled")
    kms.ok_empty("EnableKey", KeyId=stage.key["KeyId"])
    assert stage.call(name).status == 200
