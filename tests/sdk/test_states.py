"""Operation × key state: each of the 56 operations on a key that was brought into each of the 8 states.

The table is the specification's, typed from its page. Keys are driven into their states by calls alone.
"""

import os

import pytest

from harness.checks import assert_fault
from harness.openssl import wrap

#: Where the relatives of multi-Region keys live.
OTHER_REGION = "eu-west-1"

#: A state that no call can bring a key into, and why.
UNREACHABLE = {"Unavailable": "only keys in custom key stores can be, and those are not offered"}

STATES = [
    "Enabled",
    "Disabled",
    "PendingDeletion",
    "PendingReplicaDeletion",
    "PendingImport",
    "Creating",
    "Updating",
    *UNREACHABLE,
]

#: A row for each operation, or each side of one that takes two keys; a column for each state, in their order.
#: `o` success, `d` DisabledException, `i` KMSInvalidStateException in the words of the state, `n` the same in those of
#: CancelKeyDeletion, `x` UnsupportedOperationException, whose reason is in `WHY_UNSUPPORTED`.
TABLE = """
    CancelKeyDeletion                    n n o o n n n n
    ConnectCustomKeyStore                x x x x x x x x
    CreateAlias                          o o i i o o o o
    CreateCustomKeyStore                 x x x x x x x x
    CreateGrant                          o d i i i i o o
    CreateKey                            o o o o o o o o
    Decapsulate                          o d i i i i o i
    Decrypt                              o d i i i i o i
    Decrypt-with-KeyId                   o d i i i i o i
    DeleteAlias                          o o o o o o o o
    DeleteCustomKeyStore                 x x x x x x x x
    DeleteImportedKeyMaterial            o o o o o i i x
    DeriveSharedSecret                   o d i i i i o i
    DescribeCustomKeyStores              x x x x x x x x
    DescribeKey                          o o o o o o o o
    DisableKey                           o o i i i i i o
    DisableKeyRotation                   o d i i x i o x
    DisconnectCustomKeyStore             x x x x x x x x
    EnableKey                            o o i i i i i o
    EnableKeyRotation                    o d i i x i o x
    Encapsulate                          o d i i i i o i
    Encrypt                              o d i i i i o i
    GenerateDataKey                      o d i i i i o i
    GenerateDataKeyPair                  o d i i i i o i
    GenerateDataKeyPairWithoutPlaintext  o d i i i i o i
    GenerateDataKeyWithoutPlaintext      o d i i i i o i
    GenerateMac                          o d i i i i o i
    GenerateRandom                       o o o o o o o o
    GetKeyLastUsage                      o o o o o o o o
    GetKeyPolicy                         o o o o o o o o
    GetKeyRotationStatus                 o o o o o o o x
    GetParametersForImport               o o i i o i i x
    GetPublicKey                         o d i i i i o i
    ImportKeyMaterial                    o o i i o i o x
    ListAliases                          o o o o o o o o
    ListGrants                           o o o o o o o o
    ListKeyPolicies                      o o o o o o o o
    ListKeyRotations                     o o o o o o o x
    ListKeys                             o o o o o o o o
    ListResourceTags                     o o o o o o o o
    ListRetirableGrants                  o o o o o o o o
    PutKeyPolicy                         o o o o o o o o
    ReEncrypt-from                       o d i i i i o i
    ReEncrypt-to                         o d i i i i o i
    ReplicateKey                         o d i i i x i x
    RetireGrant                          o o o o o - o o
    RevokeGrant                          o o o o o - o o
    RotateKeyOnDemand                    o d i i i i i x
    ScheduleKeyDeletion                  o o i i o o i o
    Sign                                 o d i i i i o i
    TagResource                          o o i i o o o o
    UntagResource                        o o i i o o o o
    UpdateAlias                          o o i i o o o o
    UpdateAlias-away                     o o o o o o o o
    UpdateCustomKeyStore                 x x x x x x x x
    UpdateKeyDescription                 o o i i o o o o
    UpdatePrimaryRegion                  o d i i i x o x
    Verify                               o d i i i i o i
    VerifyMac                            o d i i i i o i
"""

ROWS = {name: dict(zip(STATES, cells, strict=True)) for name, *cells in map(str.split, TABLE.strip().splitlines())}

#: Cells without a case: a key that is being created has had no grant yet, and can be given none.
NO_CASE = {("RetireGrant", "Creating"), ("RevokeGrant", "Creating")}

#: Words of the faults, after the key's ARN.
WORDS = {
    "Disabled": "is disabled.",
    "PendingDeletion": "is pending deletion.",
    "PendingReplicaDeletion": "is pending replica deletion.",
    "PendingImport": "is pending import.",
    "Creating": "is creating.",
    "Updating": "is updating.",
}

#: Operation → what an UnsupportedOperationException says. Keys that are being created are replicas.
WHY_UNSUPPORTED = {
    "EnableKeyRotation": "{arn} origin is EXTERNAL which is not valid for this operation.",
    "DisableKeyRotation": "{arn} origin is EXTERNAL which is not valid for this operation.",
}

#: Operations that take another key than a symmetric one: its spec and usage.
KEYS = {
    "Sign": ("ECC_NIST_P256", "SIGN_VERIFY"),
    "Verify": ("ECC_NIST_P256", "SIGN_VERIFY"),
    "GetPublicKey": ("ECC_NIST_P256", "SIGN_VERIFY"),
    "DeriveSharedSecret": ("ECC_NIST_P256", "KEY_AGREEMENT"),
    "GenerateMac": ("HMAC_256", "GENERATE_VERIFY_MAC"),
    "VerifyMac": ("HMAC_256", "GENERATE_VERIFY_MAC"),
    "Encapsulate": ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
    "Decapsulate": ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
}

#: Operations on keys whose material is imported, in every state.
FOR_IMPORTS = {"DeleteImportedKeyMaterial", "GetParametersForImport", "ImportKeyMaterial"}

#: Operations whose calls need what the key made, or got, while it was enabled.
FOR_FORMER_KEYS = {"Decrypt", "ReEncrypt", "RetireGrant", "RevokeGrant", "DeleteImportedKeyMaterial"}

#: How often a state that passes by itself is tried to be met.
TRIES = 20


class Stage:
    """A key in a state, and what the calls on it need: aliases, a ciphertext, a grant, another key."""

    def __init__(self, kms, row, state):
        self.home = kms
        self.row, self.operation, self.state = row, row.partition("-")[0], state
        self.spec, self.usage = KEYS.get(self.operation, ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"))
        self.material = os.urandom(32)
        is_external = self.operation in FOR_IMPORTS or state == "PendingImport"
        needs_family = state in ("PendingReplicaDeletion", "Creating", "Updating")
        is_multi_region = needs_family or self.operation in ("ReplicateKey", "UpdatePrimaryRegion")
        #: Where the key under test lives.
        self.kms = kms.with_(region=OTHER_REGION) if state in ("Creating", "Updating") else kms
        made = kms.key(
            KeySpec=self.spec,
            KeyUsage=self.usage,
            MultiRegion=is_multi_region,
            Origin="EXTERNAL" if is_external else "AWS_KMS",
        )
        self.id, self.arn = made["KeyId"], self.kms.arn(f"key/{made['KeyId']}")
        if is_external and (state != "PendingImport" or self.operation in FOR_FORMER_KEYS):
            self.bring_material(kms)
        self.prepare(kms)
        getattr(self, f"make_{state}")()

    # States.

    def make_Enabled(self):
        if self.operation == "UpdatePrimaryRegion":
            self.replicate()

    def make_Disabled(self):
        self.make_Enabled()
        self.kms.ok_empty("DisableKey", KeyId=self.id)

    def make_PendingDeletion(self):
        self.kms.ok("ScheduleKeyDeletion", KeyId=self.id)

    def make_PendingReplicaDeletion(self):
        self.replicate()
        self.kms.ok("ScheduleKeyDeletion", KeyId=self.id)

    def make_PendingImport(self):
        if self.operation in FOR_FORMER_KEYS:
            self.kms.ok("DeleteImportedKeyMaterial", KeyId=self.id)

    def make_Creating(self):
        self.home.ok("ReplicateKey", KeyId=self.id, ReplicaRegion=OTHER_REGION)
        self.name_by_aliases()

    def make_Updating(self):
        self.replicate()
        if self.operation in FOR_IMPORTS:
            self.bring_material(self.kms)
        self.name_by_aliases()
        self.grant_on(self.kms)
        self.home.ok_empty("UpdatePrimaryRegion", KeyId=self.id, PrimaryRegion=OTHER_REGION)

    def replicate(self):
        """A replica in the other Region, which has settled."""
        there = self.home.with_(region=OTHER_REGION)
        self.home.ok("ReplicateKey", KeyId=self.id, ReplicaRegion=OTHER_REGION)
        while there.ok("DescribeKey", KeyId=self.id)["KeyMetadata"]["KeyState"] == "Creating":
            pass
        there.close()

    # What the calls need.

    def prepare(self, kms):
        self.sealed = self.sealed_by_other = b"x"
        self.grant = "0" * 64
        self.token = b"x"
        self.peer = b"x"
        self.other = self.kms.key()["KeyId"]
        if self.kms is kms:
            self.name_by_aliases()
        state = kms.ok("DescribeKey", KeyId=self.id)["KeyMetadata"]["KeyState"]
        if self.operation in ("Decrypt", "ReEncrypt") and state == "Enabled":
            self.sealed = kms.ok("Encrypt", KeyId=self.id, Plaintext=b"x")["CiphertextBlob"]
        if self.operation == "ReEncrypt":
            self.sealed_by_other = self.kms.ok("Encrypt", KeyId=self.other, Plaintext=b"x")["CiphertextBlob"]
        if state == "Enabled" and self.kms is kms:
            self.grant_on(kms)
        if self.operation == "VerifyMac" and state == "Enabled":
            members = {"KeyId": self.id, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}
            self.sealed = kms.ok("GenerateMac", **members)["Mac"]
        if self.operation == "Verify" and state == "Enabled":
            members = {"KeyId": self.id, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
            self.sealed = kms.ok("Sign", **members)["Signature"]
        if self.operation == "Decapsulate":
            self.sealed = b"x" * 1088
        if self.operation == "DeriveSharedSecret":
            peer = kms.key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyId"]
            self.peer = kms.ok("GetPublicKey", KeyId=peer)["PublicKey"]
        if self.operation == "ImportKeyMaterial" and self.kms is kms:
            self.get_parameters(kms)
        if self.operation == "RotateKeyOnDemand" and self.state == "PendingImport":
            self.bring_material(kms)
            kms.ok("DeleteImportedKeyMaterial", KeyId=self.id)

    def name_by_aliases(self):
        self.alias, self.other_alias = "alias/of-the-key", "alias/of-the-other"
        self.kms.ok_empty("CreateAlias", AliasName=self.alias, TargetKeyId=self.id)
        self.kms.ok_empty("CreateAlias", AliasName=self.other_alias, TargetKeyId=self.other)

    def grant_on(self, kms):
        grantee = f"arn:aws:iam::{kms.account}:root"
        members = {"KeyId": self.id, "GranteePrincipal": grantee, "Operations": ["DescribeKey"]}
        self.grant = kms.ok("CreateGrant", **members)["GrantId"]

    def get_parameters(self, kms):
        members = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        parameters = kms.ok("GetParametersForImport", KeyId=self.id, **members)
        self.token = parameters["ImportToken"]
        self.wrapped = wrap("RSAES_OAEP_SHA_256", parameters["PublicKey"], self.material)

    def bring_material(self, kms):
        self.get_parameters(kms)
        kms.ok("ImportKeyMaterial", KeyId=self.id, **self.import_members())

    def import_members(self):
        wrapped = getattr(self, "wrapped", b"x")
        model = "KEY_MATERIAL_DOES_NOT_EXPIRE"
        return {"ImportToken": self.token, "EncryptedKeyMaterial": wrapped, "ExpirationModel": model}

    # The call.

    def call(self):
        key = {"KeyId": self.id}
        store = {"CustomKeyStoreId": "cks-1234567890abcdef0"}
        message = {**key, "Message": b"m"}
        members = {
            "ConnectCustomKeyStore": store,
            "CreateAlias": {"AliasName": "alias/new", "TargetKeyId": self.id},
            "CreateCustomKeyStore": {"CustomKeyStoreName": "store"},
            "CreateGrant": {**key, "GranteePrincipal": self.root(), "Operations": ["DescribeKey"]},
            "CreateKey": {},
            "Decapsulate": {**key, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": self.sealed},
            "Decrypt": {"CiphertextBlob": self.sealed},
            "Decrypt-with-KeyId": {"CiphertextBlob": self.sealed, **key},
            "DeleteAlias": {"AliasName": self.alias},
            "DeleteCustomKeyStore": store,
            "DeriveSharedSecret": {**key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": self.peer},
            "DescribeCustomKeyStores": {},
            "DisconnectCustomKeyStore": store,
            "Encapsulate": {**key, "EncapsulationAlgorithm": "ML_KEM"},
            "Encrypt": {**key, "Plaintext": b"x"},
            "GenerateDataKey": {**key, "KeySpec": "AES_256"},
            "GenerateDataKeyPair": {**key, "KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyPairWithoutPlaintext": {**key, "KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyWithoutPlaintext": {**key, "KeySpec": "AES_256"},
            "GenerateMac": {**message, "MacAlgorithm": "HMAC_SHA_256"},
            "GenerateRandom": {"NumberOfBytes": 1},
            "GetParametersForImport": {
                **key,
                "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
                "WrappingKeySpec": "RSA_2048",
            },
            "ImportKeyMaterial": {**key, **self.import_members()},
            "ListKeys": {},
            "ListRetirableGrants": {"RetiringPrincipal": self.root()},
            "PutKeyPolicy": {**key, "Policy": self.policy()},
            "ReEncrypt-from": {"CiphertextBlob": self.sealed, "DestinationKeyId": self.other},
            "ReEncrypt-to": {"CiphertextBlob": self.sealed_by_other, "DestinationKeyId": self.id},
            "ReplicateKey": {**key, "ReplicaRegion": "us-west-2"},
            "RetireGrant": {"KeyId": self.arn, "GrantId": self.grant},
            "RevokeGrant": {**key, "GrantId": self.grant},
            "Sign": {**message, "SigningAlgorithm": "ECDSA_SHA_256"},
            "TagResource": {**key, "Tags": [{"TagKey": "a", "TagValue": "b"}]},
            "UntagResource": {**key, "TagKeys": ["a"]},
            "UpdateAlias": {"AliasName": self.other_alias, "TargetKeyId": self.id},
            "UpdateAlias-away": {"AliasName": self.alias, "TargetKeyId": self.other},
            "UpdateCustomKeyStore": store,
            "UpdateKeyDescription": {**key, "Description": "new"},
            "UpdatePrimaryRegion": {**key, "PrimaryRegion": self.relatives_region()},
            "Verify": {**message, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": self.sealed},
            "VerifyMac": {**message, "MacAlgorithm": "HMAC_SHA_256", "Mac": self.sealed},
        }.get(self.row, key)
        return self.kms.call(self.operation, **members)

    def relatives_region(self):
        return self.home.region if self.kms.region == OTHER_REGION else OTHER_REGION

    def root(self):
        return f"arn:aws:iam::{self.kms.account}:root"

    def policy(self):
        return self.kms.ok("GetKeyPolicy", KeyId=self.id)["Policy"]

    def described(self):
        return self.kms.ok("DescribeKey", KeyId=self.id)["KeyMetadata"]

    def outcome(self):
        """What a refused call must not have changed."""
        aliases = self.kms.ok("ListAliases")["Aliases"]
        return self.described(), aliases, self.kms.ok("ListGrants", KeyId=self.id)["Grants"]


#: States that end by themselves within about a second.
PASSING = ("Creating", "Updating")


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("state", [state for state in STATES if state not in UNREACHABLE])
def test_operation_by_state(kms, row, state):
    cell = ROWS[row][state]
    if (row, state) in NO_CASE:
        assert cell == "-"
        return
    for attempt in range(TRIES):
        caller = kms.with_(access_key=str(int(kms.account) + 1_000_000 * (attempt + 1)))
        stage = Stage(caller, row, state)
        before = stage.outcome()
        reply = stage.call()
        # A state that passed meanwhile was not met.
        if state not in PASSING or (before[0]["KeyState"] == state and (cell == "o" or stage.outcome() == before)):
            break
    assert before[0]["KeyState"] == state
    assert before[0]["Enabled"] is (state == "Enabled")
    if cell == "o":
        assert reply.status == 200, reply.json
        return
    check_fault(reply, stage, cell)
    assert stage.outcome() == before, "a refused call changes nothing"


def check_fault(reply, stage, cell):
    arn = stage.arn
    if cell == "d":
        assert_fault(reply, "DisabledException", f"{arn} is disabled.")
    elif cell == "i":
        assert_fault(reply, "KMSInvalidStateException", f"{arn} {WORDS[stage.state]}")
    elif cell == "n":
        assert_fault(reply, "KMSInvalidStateException", f"{arn} is not pending deletion.")
    else:
        assert cell == "x"
        assert_fault(reply, "UnsupportedOperationException")
        if stage.row in WHY_UNSUPPORTED:
            assert reply.message == WHY_UNSUPPORTED[stage.row].format(arn=arn)


def test_the_table_is_whole():
    from harness.model import operations

    assert {row.partition("-")[0] for row in ROWS} == set(operations())
    assert len(set(operations())) == 56
    assert len(STATES) == 8


def test_what_cannot_be_reached_cannot_be_made(kms):
    """Keys in custom key stores alone can be Unavailable."""
    for origin, members in [("AWS_CLOUDHSM", {}), ("EXTERNAL_KEY_STORE", {"XksKeyId": "key-1"})]:
        store = "cks-1234567890abcdef0"
        reply = kms.call("CreateKey", Origin=origin, CustomKeyStoreId=store, **members)
        assert_fault(reply, "CustomKeyStoreNotFoundException")
    assert_fault(kms.call("CreateCustomKeyStore", CustomKeyStoreName="store"), "UnsupportedOperationException")


@pytest.mark.parametrize("row", ["Decrypt", "ReEncrypt-from", "ReEncrypt-to", "Encrypt", "GenerateDataKey"])
def test_what_was_disabled_works_again(kms, row):
    stage = Stage(kms, row, "Disabled")
    kms.ok_empty("EnableKey", KeyId=stage.id)
    assert stage.call().status == 200


def test_a_key_pair_that_waits_for_its_material(kms):
    """Imported key pairs and HMAC keys, which the table of 2023 does not know, refuse use while they wait."""
    for row in ("Sign", "GetPublicKey", "GenerateMac", "DeriveSharedSecret", "Encapsulate"):
        stage = Stage(kms.with_(access_key=str(int(kms.account) + 7_000_000)), row, "PendingImport")
        check_fault(stage.call(), stage, "i")
        kms = kms.with_(access_key=str(int(kms.account) + 1))
