"""What a writer was told, and how it compares with what a restarted server says.

A writer works on keys of its own, one call after the other, so the order of the acknowledged calls on a key is known.
The one call whose answer the kill swallowed is in doubt: it may have happened or not, but nothing in between.
"""

import copy
import itertools
import json
from dataclasses import dataclass, field

#: Fewer than the 50 that a key may have.
ALIASES_PER_KEY = 40

#: Fewer than the 25 that a key may have.
ROTATIONS_PER_KEY = 20

#: Keys a writer changes; the older ones are left as they are, and must stay so.
WORKING_SET = 12

_serial = itertools.count(1)


@dataclass
class Doubt:
    """A call that was sent and not answered."""

    operation: str
    members: dict


@dataclass
class Ledger:
    """What one writer knows: acknowledged keys, aliases and ciphertexts."""

    writer: int
    keys: dict = field(default_factory=dict)
    aliases: dict = field(default_factory=dict)
    sealed: list = field(default_factory=list)
    doubt: Doubt | None = None
    touched: set = field(default_factory=set)
    #: What DescribeKey does not tell of each key that has any of it.
    besides: dict = field(default_factory=dict)
    #: Keys whose material is brought and taken away, with the calls that bring it; made once, while nobody kills.
    imports: dict = field(default_factory=dict)
    #: How many of `sealed` have been decrypted since they were made.
    seen: int = 0
    acknowledged: int = 0

    # Writing.

    def choose(self, rng):
        """The next call: its operation and members."""
        recent = [key for key in self.keys if key not in self.imports][-WORKING_SET:]
        # A key pending deletion refuses most changes.
        alive = [key for key in recent if self.keys[key]["KeyState"] != "PendingDeletion"]
        enabled = [key for key in alive if self.keys[key]["KeyState"] == "Enabled"]
        if len(alive) < 3:
            return self._create_key()
        key = rng.choice(alive)
        makers = [
            (4, self._create_key),
            (3, lambda: ("CreateAlias", {"AliasName": f"alias/w{self.writer}-{next(_serial)}", "TargetKeyId": key})),
            (4, lambda: ("UpdateKeyDescription", {"KeyId": key, "Description": f"new {next(_serial)}"})),
            (3, lambda: self._change_state(rng, rng.choice(recent))),
            (
                2,
                lambda: (
                    "TagResource",
                    {"KeyId": key, "Tags": [{"TagKey": f"t{rng.randrange(4)}", "TagValue": serial()}]},
                ),
            ),
            (1, lambda: ("UntagResource", {"KeyId": key, "TagKeys": [f"t{rng.randrange(4)}"]})),
            (1, lambda: ("PutKeyPolicy", {"KeyId": key, "Policy": policy(serial().replace("-", ""))})),
            (2, lambda: self._change_material(rng)),
        ]
        if self.aliases:
            alias = rng.choice(list(self.aliases)[-WORKING_SET:])
            makers += [
                (2, lambda: ("UpdateAlias", {"AliasName": alias, "TargetKeyId": key})),
                (1, lambda: ("DeleteAlias", {"AliasName": alias})),
            ]
        if enabled:
            usable = rng.choice(enabled)
            context = {"serial": str(next(_serial))}
            plaintext = rng.randbytes(rng.randint(1, 200))
            used = {"KeyId": usable, "EncryptionContext": context}
            makers += [
                (4, lambda: ("Encrypt", {**used, "Plaintext": plaintext})),
                (2, lambda: ("GenerateDataKey", {**used, "KeySpec": "AES_256"})),
                (1, lambda: ("GenerateDataKeyPair", {**used, "KeyPairSpec": "ECC_NIST_P256"})),
                (2, lambda: self._rotate(usable)),
                (1, lambda: ("EnableKeyRotation", {"KeyId": usable, "RotationPeriodInDays": rng.randint(90, 2560)})),
                (1, lambda: ("DisableKeyRotation", {"KeyId": usable})),
                (3, lambda: self._grant(rng, usable)),
            ]
        weights, choices = zip(*makers, strict=True)
        operation, members = rng.choices(choices, weights)[0]()
        target = members.get("TargetKeyId")
        if target and list(self.aliases.values()).count(target) >= ALIASES_PER_KEY:
            return self._create_key()
        return operation, members

    def _create_key(self):
        return "CreateKey", {"Description": f"writer {self.writer}, key {next(_serial)}"}

    def _change_state(self, rng, key):
        state = self.keys[key]["KeyState"]
        if state == "PendingDeletion":
            return "CancelKeyDeletion", {"KeyId": key}
        if rng.random() < 0.25:
            return "ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": rng.randint(7, 30)}
        return ("DisableKey" if state == "Enabled" else "EnableKey"), {"KeyId": key}

    def _rotate(self, key):
        if self.of(key)["rotations"] >= ROTATIONS_PER_KEY:
            return self._create_key()
        return "RotateKeyOnDemand", {"KeyId": key}

    def _grant(self, rng, key):
        grants = self.of(key)["grants"]
        if grants and rng.random() < 0.5:
            return "RevokeGrant", {"KeyId": key, "GrantId": rng.choice(list(grants))}
        # A name of its own tells, after a kill, whether the grant was made.
        grantee = "arn:aws:iam::000000000000:root"
        return "CreateGrant", {
            "KeyId": key,
            "Name": serial(),
            "GranteePrincipal": grantee,
            "Operations": ["DescribeKey"],
        }

    def _change_material(self, rng):
        if not self.imports:
            return self._create_key()
        key = rng.choice(list(self.imports))
        if self.keys[key]["KeyState"] == "PendingImport":
            return "ImportKeyMaterial", self.imports[key]
        return "DeleteImportedKeyMaterial", {"KeyId": key}

    def of(self, key):
        """What DescribeKey does not tell of a key."""
        return self.besides.setdefault(key, nothing_besides())

    def write_down(self, operation, members, output):
        """The call was acknowledged."""
        self.acknowledged += 1
        self.doubt = None
        if operation == "CreateKey":
            self.keys[output["KeyMetadata"]["KeyId"]] = told(output["KeyMetadata"])
            self.touched.add(output["KeyMetadata"]["KeyId"])
        elif "AliasName" in members:
            self._write_alias(self.aliases, operation, members)
        elif operation == "Encrypt":
            self._seal(members, output["CiphertextBlob"], members["Plaintext"])
        elif operation == "GenerateDataKey":
            self._seal(members, output["CiphertextBlob"], output["Plaintext"])
        elif operation == "GenerateDataKeyPair":
            self._seal(members, output["PrivateKeyCiphertextBlob"], output["PrivateKeyPlaintext"])
        elif operation in BESIDES:
            key = members["KeyId"]
            self.besides[key] = changed_besides(self.of(key), operation, members, (output or {}).get("GrantId"))
            self.touched.add(key)
        else:
            key = members["KeyId"]
            self.keys[key] = changed(self.keys[key], operation, members, (output or {}).get("DeletionDate"))
            self.touched.add(key)

    def _write_alias(self, aliases, operation, members):
        if operation == "DeleteAlias":
            del aliases[members["AliasName"]]
        else:
            aliases[members["AliasName"]] = members["TargetKeyId"]

    def _seal(self, members, blob, plaintext):
        self.sealed.append((members["KeyId"], members["EncryptionContext"], blob, plaintext))

    # Reading.

    def settle(self, described, besides, aliases, unclaimed):
        """Decides the call in doubt by what the server says now, and writes down which it was.

        `described(key)` and `besides(key)` ask for a key; `aliases` and `unclaimed` are what the server lists. A state
        that is neither the one before nor the one after stays unexplained, and the comparison that follows reports it.
        """
        doubt, self.doubt = self.doubt, None
        if doubt is None:
            return
        if doubt.operation == "CreateKey":
            for key in list(unclaimed):
                metadata = described(key)
                if metadata["Description"] == doubt.members["Description"]:
                    self.keys[key] = metadata
                    unclaimed.discard(key)
        elif "AliasName" in doubt.members:
            after = dict(self.aliases)
            self._write_alias(after, doubt.operation, doubt.members)
            name = doubt.members["AliasName"]
            if aliases.get(name) == after.get(name):
                self.aliases = after
        elif doubt.operation in BESIDES:
            key = doubt.members["KeyId"]
            now = besides(key)
            made = [grant for grant, name in now["grants"].items() if name == doubt.members.get("Name")]
            after = changed_besides(self.of(key), doubt.operation, doubt.members, *(made or [None]))
            if now == after:
                self.besides[key] = after
        elif doubt.operation in CHANGES:
            key = doubt.members["KeyId"]
            now = described(key)
            after = changed(self.keys[key], doubt.operation, doubt.members, now.get("DeletionDate"))
            if now == after:
                self.keys[key] = after


def serial():
    return f"serial-{next(_serial)}"


def policy(sid):
    """The default policy with a name of its own."""
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def told(metadata):
    """What is compared of a key's metadata: its current material is told by the list of rotations."""
    return {name: value for name, value in metadata.items() if name != "CurrentKeyMaterialId"}


def nothing_besides():
    return {"tags": {}, "sid": None, "rotations": 0, "period": None, "grants": {}}


def changed_besides(before, operation, members, grant):
    """The rest of a key after an acknowledged call."""
    after = copy.deepcopy(before)
    if operation == "TagResource":
        after["tags"].update({tag["TagKey"]: tag["TagValue"] for tag in members["Tags"]})
    elif operation == "UntagResource":
        for tag in members["TagKeys"]:
            after["tags"].pop(tag, None)
    elif operation == "PutKeyPolicy":
        after["sid"] = json.loads(members["Policy"])["Statement"][0]["Sid"]
    elif operation == "RotateKeyOnDemand":
        after["rotations"] += 1
    elif operation == "EnableKeyRotation":
        after["period"] = members["RotationPeriodInDays"]
    elif operation == "DisableKeyRotation":
        after["period"] = None
    elif operation == "RevokeGrant":
        after["grants"].pop(members["GrantId"], None)
    elif grant:
        after["grants"][grant] = members["Name"]
    return after


#: Calls that change what DescribeKey does not tell.
BESIDES = (
    "CreateGrant",
    "DisableKeyRotation",
    "EnableKeyRotation",
    "PutKeyPolicy",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "TagResource",
    "UntagResource",
)


def changed(metadata, operation, members, deletion_date):
    """A key's metadata after an acknowledged call."""
    rest = {name: value for name, value in metadata.items() if name != "DeletionDate"}
    if operation == "UpdateKeyDescription":
        return {**metadata, "Description": members["Description"]}
    if operation == "ScheduleKeyDeletion":
        return {**rest, "KeyState": "PendingDeletion", "Enabled": False, "DeletionDate": deletion_date}
    if operation == "DeleteImportedKeyMaterial":
        rest.pop("ExpirationModel", None)
    elif operation == "ImportKeyMaterial":
        rest["ExpirationModel"] = members["ExpirationModel"]
    return {**rest, "KeyState": CHANGES[operation], "Enabled": CHANGES[operation] == "Enabled"}


#: Calls that change a key, and the state they leave it in where they decide it.
CHANGES = {
    "CancelKeyDeletion": "Disabled",
    "DeleteImportedKeyMaterial": "PendingImport",
    "DisableKey": "Disabled",
    "EnableKey": "Enabled",
    "ImportKeyMaterial": "Enabled",
    "ScheduleKeyDeletion": "PendingDeletion",
    "UpdateKeyDescription": None,
}
