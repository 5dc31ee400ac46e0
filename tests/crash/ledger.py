"""What a writer was told, and how it compares with what a restarted server says.

A writer works on keys of its own, one call after the other, so the order of the acknowledged calls on a key is known.
The one call whose answer the kill swallowed is in doubt: it may have happened or not, but nothing in between.
"""

import itertools
from dataclasses import dataclass, field

#: Fewer than the 50 that a key may have.
ALIASES_PER_KEY = 40

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
    #: How many of `sealed` have been decrypted since they were made.
    seen: int = 0
    acknowledged: int = 0

    # Writing.

    def choose(self, rng):
        """The next call: its operation and members."""
        recent = list(self.keys)[-WORKING_SET:]
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

    def write_down(self, operation, members, output):
        """The call was acknowledged."""
        self.acknowledged += 1
        self.doubt = None
        if operation == "CreateKey":
            self.keys[output["KeyMetadata"]["KeyId"]] = output["KeyMetadata"]
            self.touched.add(output["KeyMetadata"]["KeyId"])
        elif "AliasName" in members:
            self._write_alias(self.aliases, operation, members)
        elif operation == "Encrypt":
            self._seal(members, output["CiphertextBlob"], members["Plaintext"])
        elif operation == "GenerateDataKey":
            self._seal(members, output["CiphertextBlob"], output["Plaintext"])
        elif operation == "GenerateDataKeyPair":
            self._seal(members, output["PrivateKeyCiphertextBlob"], output["PrivateKeyPlaintext"])
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

    def settle(self, described, aliases, unclaimed):
        """Decides the call in doubt by what the server says now, and writes down which it was.

        `described(key)` asks for a key, `aliases` and `unclaimed` are what the server lists. A state that is neither
        the one before nor the one after stays unexplained, and the comparison that follows reports it.
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
        elif doubt.operation in CHANGES:
            key = doubt.members["KeyId"]
            now = described(key)
            after = changed(self.keys[key], doubt.operation, doubt.members, now.get("DeletionDate"))
            if now == after:
                self.keys[key] = after


def changed(metadata, operation, members, deletion_date):
    """A key's metadata after an acknowledged call."""
    rest = {name: value for name, value in metadata.items() if name != "DeletionDate"}
    if operation == "UpdateKeyDescription":
        return {**metadata, "Description": members["Description"]}
    if operation == "ScheduleKeyDeletion":
        return {**rest, "KeyState": "PendingDeletion", "Enabled": False, "DeletionDate": deletion_date}
    return {**rest, "KeyState": CHANGES[operation], "Enabled": CHANGES[operation] == "Enabled"}


#: Calls that change a key, and the state they leave it in where they decide it.
CHANGES = {
    "CancelKeyDeletion": "Disabled",
    "DisableKey": "Disabled",
    "EnableKey": "Enabled",
    "ScheduleKeyDeletion": "PendingDeletion",
    "UpdateKeyDescription": None,
}
