"""What lies on the disk: nothing readable, and nothing that can be altered without being refused."""

import os
import shutil
import sqlite3
import time

import pytest

from harness.clients import tool
from harness.openssl import wrap
from harness.server import DidNotStart, Server, dev
from harness.wire import Kms

CANARIES = {
    "description": "canary-description-7d1f",
    "plaintext": "canary-plaintext-9c2e",
    "context": "canary-context-4b8a",
    "tag": "canary-tag-51d0",
    "policy": "canarypolicysid3e77",
}

POLICY = """{
    "Version": "2012-10-17",
    "Statement": [{
        "Sid": "SID",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "kms:*",
        "Resource": "*"
    }]
}"""


class Contents:
    """A data directory with keys in several states, and what a server must say of them."""

    def __init__(self, folder):
        self.folder = folder
        self.facts = {}
        with dev(folder) as server:
            kms = Kms(server)
            keys = [kms.key(Description=f"number {number}")["KeyId"] for number in range(4)]
            kms.ok_empty("CreateAlias", AliasName="alias/one", TargetKeyId=keys[0])
            kms.ok_empty("CreateAlias", AliasName="alias/two", TargetKeyId=keys[1])
            self.sealed = [
                kms.ok("Encrypt", KeyId=key, Plaintext=b"for %d" % number)["CiphertextBlob"]
                for number, key in enumerate(keys)
            ]
            kms.ok_empty("DisableKey", KeyId=keys[2])
            kms.ok("ScheduleKeyDeletion", KeyId=keys[3])
            self.keys = keys
            self.facts = self.ask(kms)
            kms.close()

    def ask(self, kms):
        """Every fact: the reply to every question."""
        names = [*self.keys, "alias/one", "alias/two"]
        questions = {f"describe {name}": ("DescribeKey", {"KeyId": name}) for name in names}
        for key, sealed in zip(self.keys, self.sealed, strict=True):
            questions[f"decrypt {key}"] = ("Decrypt", {"CiphertextBlob": sealed})
        answers = {}
        for name, (operation, members) in questions.items():
            reply = kms.call(operation, **members)
            answers[name] = (reply.status, reply.json)
        return answers

    def check_nothing_is_different(self):
        """Every fact is as it was, or is refused; how many were refused."""
        try:
            server = dev(self.folder)
        except DidNotStart as refused:
            assert refused.code == 1, refused
            assert "panicked" not in refused.stderr
            return len(self.facts)
        with server:
            kms = Kms(server)
            refused = 0
            for question, (status, answer) in self.ask(kms).items():
                if (status, answer) != self.facts[question]:
                    # Destroyed, and said so: never something else than before.
                    assert status != 200, (question, answer)
                    code = answer["__type"]
                    gone = ("KMSInternalException", "NotFoundException", "AccessDeniedException")
                    assert code in gone, (question, answer)
                    refused += 1
            kms.close()
        return refused


@pytest.fixture
def contents(tmp_path):
    return Contents(tmp_path / "data")


def database(contents):
    connection = sqlite3.connect(contents.folder / "strongroom.db", isolation_level=None)
    # Records live in slots: `record` names the table, key, version and slot of each, `slot` holds the bytes.
    return connection


def test_untouched_everything_is_as_it_was(contents):
    assert contents.check_nothing_is_different() == 0


@pytest.mark.parametrize("where", [0, 0.5, -1], ids=["first", "middle", "last"])
def test_one_flipped_bit_in_any_record(contents, tmp_path, where):
    db = database(contents)
    records = db.execute("SELECT slot, length FROM record").fetchall()
    db.close()
    assert len(records) >= 6
    shutil.copytree(contents.folder, tmp_path / "untouched")
    harmed = 0
    for slot, length in records:
        shutil.rmtree(contents.folder)
        shutil.copytree(tmp_path / "untouched", contents.folder)
        db = database(contents)
        [value] = db.execute("SELECT bytes FROM slot WHERE id = ?", [slot]).fetchone()
        position = {0: 0, 0.5: length // 2, -1: length - 1}[where]
        altered = bytearray(value)
        altered[position] ^= 1
        db.execute("UPDATE slot SET bytes = ? WHERE id = ?", [bytes(altered), slot])
        db.close()
        harmed += contents.check_nothing_is_different() > 0
    assert harmed >= 6, "the records altered are those that the facts rest on"


def test_a_record_moved_to_the_place_of_another(contents, tmp_path):
    """Sealed well, but for another place: it must not open there."""
    db = database(contents)
    places = db.execute("SELECT tab, key, slot, length, version FROM record").fetchall()
    db.close()
    pairs = [(one, other) for index, one in enumerate(places) for other in places[index + 1 :] if one[0] == other[0]]
    assert pairs
    shutil.copytree(contents.folder, tmp_path / "untouched")
    harmed = 0
    for one, other in pairs:
        shutil.rmtree(contents.folder)
        shutil.copytree(tmp_path / "untouched", contents.folder)
        db = database(contents)
        for (table, key, *_), (_, _, slot, length, version) in ((one, other), (other, one)):
            db.execute(
                "UPDATE record SET slot = ?, length = ?, version = ? WHERE tab = ? AND key = ?",
                [slot, length, version, table, key],
            )
        db.close()
        harmed += contents.check_nothing_is_different() > 0
    assert harmed > 0


def test_a_record_with_another_version(contents, tmp_path):
    db = database(contents)
    places = db.execute("SELECT tab, key FROM record").fetchall()
    db.close()
    shutil.copytree(contents.folder, tmp_path / "untouched")
    harmed = 0
    for table, key in places:
        shutil.rmtree(contents.folder)
        shutil.copytree(tmp_path / "untouched", contents.folder)
        db = database(contents)
        db.execute("UPDATE record SET version = version + 1 WHERE tab = ? AND key = ?", [table, key])
        db.close()
        harmed += contents.check_nothing_is_different() > 0
    assert harmed >= 6


@pytest.mark.parametrize("ends", ["stopped", "killed"])
def test_a_destroyed_key_is_in_no_file(tmp_path, ends):
    """All that was ever written of a key, wrapped material and all, and its id are in no file after its date."""
    folder = tmp_path / "data"
    with dev(folder) as server:
        kms = Kms(server)
        key, other = (kms.key(Origin=origin)["KeyId"] for origin in ("EXTERNAL", "AWS_KMS"))
        kms.close()
    written = [records_of(folder, key)]

    def live(*calls):
        """Lets the key live on, and keeps what is written of it now."""
        with dev(folder) as server:
            kms = Kms(server)
            for call in calls:
                call(kms)
            kms.close()
        written.append(records_of(folder, key))

    def bring(kms):
        parameters = kms.ok(
            "GetParametersForImport", KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
        )
        kms.ok(
            "ImportKeyMaterial",
            KeyId=key,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=wrap("RSAES_OAEP_SHA_256", parameters["PublicKey"], os.urandom(32)),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
            ImportType="NEW_KEY_MATERIAL",
        )

    grantee = "arn:aws:iam::111122223333:root"
    live(bring)
    live(
        lambda kms: kms.ok_empty("CreateAlias", AliasName="alias/doomed", TargetKeyId=key),
        lambda kms: kms.ok("CreateGrant", KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"]),
        lambda kms: kms.ok_empty("TagResource", KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b" * 200}]),
        lambda kms: kms.ok("Encrypt", KeyId=key, Plaintext=b"x"),
    )
    live(bring, lambda kms: kms.ok("RotateKeyOnDemand", KeyId=key))
    live(lambda kms: kms.ok("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7))
    assert all(written), "the database has something of the key at every stage"
    assert holds_any(folder, written[-1]), "the search finds what is there"

    server = dev(folder)
    tool(server, "clock", "advance", "8d")
    if ends == "killed":
        # The log of the database is emptied a second after the destruction.
        time.sleep(3)
        server.kill()
    else:
        server.stop()
    for stage, records in enumerate(written):
        assert not holds_any(folder, records), f"stage {stage}"
    for path in files_of(folder):
        assert key.encode() not in path.read_bytes(), path.name
    assert records_of(folder, other), "the other key is still there"
    with dev(folder) as server:
        kms = Kms(server)
        assert kms.call("DescribeKey", KeyId=key).code == "NotFoundException"
        assert kms.ok("DescribeKey", KeyId=other)["KeyMetadata"]["Enabled"]
        kms.close()


def records_of(folder, key):
    """The stored bytes of every record under a name that has the key's id in it."""
    db = sqlite3.connect(folder / "strongroom.db")
    named = db.execute("SELECT key, slot, length FROM record").fetchall()
    slots = [(slot, length) for name, slot, length in named if key.encode() in bytes(name)]
    found = [
        bytes(db.execute("SELECT bytes FROM slot WHERE id = ?", [slot]).fetchone()[0])[:length]
        for slot, length in slots
    ]
    db.close()
    return [value for value in found if len(value) > 24]


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def holds_any(folder, records):
    """Whether any file holds 16 bytes in a row of one of these records, past the bytes with which all begin."""
    parts = {value[at : at + 16] for value in records for at in range(8, len(value) - 15)}
    for path in files_of(folder):
        content = path.read_bytes()
        if any(content[at : at + 16] in parts for at in range(len(content) - 15)):
            return True
    return False


def test_nothing_readable_lies_on_the_disk_or_in_the_log(tmp_path):
    data = tmp_path / "data"
    arguments = ["dev", "--listen", "127.0.0.1:0", "--data", data]
    with Server(arguments, environment={"STRONGROOM_LOG": "debug"}) as server:
        kms = Kms(server)
        key = kms.key(
            Description=CANARIES["description"],
            Tags=[{"TagKey": "k", "TagValue": CANARIES["tag"]}],
            Policy=POLICY.replace("SID", CANARIES["policy"]),
        )["KeyId"]
        context = {"c": CANARIES["context"]}
        plaintext = CANARIES["plaintext"].encode()
        sealed = kms.ok("Encrypt", KeyId=key, Plaintext=plaintext, EncryptionContext=context)["CiphertextBlob"]
        kms.ok("Decrypt", CiphertextBlob=sealed, EncryptionContext=context)
        kms.call("Decrypt", CiphertextBlob=sealed, EncryptionContext={"c": CANARIES["context"] + "!"})
        kms.call("Encrypt", KeyId=key, Plaintext=plaintext * 500)
        data_key = kms.ok("GenerateDataKey", KeyId=key, KeySpec="AES_256")
        kms.close()
        log = server.stderr()
    files = {path.name: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert files
    for name, canary in CANARIES.items():
        for file, content in files.items():
            assert canary.encode() not in content, f"the {name} in {file}"
        assert canary not in log, f"the {name} in the log"
    assert data_key["Plaintext"] not in log
    assert "secret=test" not in log
