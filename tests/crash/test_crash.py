"""200 times `kill -9` at a random moment under a writing load; what was acknowledged is there after every restart.

Several writers create keys, aliases and grants, change, rotate and tag them, bring and take away material, and
encrypt, each keeping a ledger of what it was told. After each restart the server is compared with the ledgers: lists
as a whole, whatever was touched since the last kill, and a sample of everything older; at the end everything. The seed
is printed; `CRASH_SEED` repeats a run's choices, though not the moments at which the scheduler interrupts them.
"""

import http.client
import json
import os
import random
import subprocess
import threading
import time

from ledger import Doubt, Ledger, told

from harness.openssl import wrap
from harness.server import BINARY, dev
from harness.wire import Kms, unblob

KILLS = 200
WRITERS = 4

#: Keys whose material a writer brings and takes away.
IMPORTED_KEYS = 2

#: How long the writers write before the kill, at least and at most.
LOAD_SECONDS = (0.01, 0.4)

#: One kill in so many comes while the server is still starting.
STARTING = 8

#: Older keys and ciphertexts looked at after each restart.
SAMPLE = 20

FULL_SCAN_EVERY = 20


def test_what_was_acknowledged_survives(tmp_path, capsys):
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().getrandbits(32))
    rng = random.Random(seed)
    data = tmp_path / "data"
    ledgers = [Ledger(number) for number in range(WRITERS)]
    with dev(data) as server:
        for ledger in ledgers:
            ledger.imports = dict(imported_key(server) for _ in range(IMPORTED_KEYS))
            ledger.keys = {key: told_by(server, key) for key in ledger.imports}
    started = time.monotonic()
    kills_while_starting = 0
    with capsys.disabled():
        print(f"\ncrash test: seed {seed}")
    try:
        for number in range(KILLS):
            if number and rng.randrange(STARTING) == 0:
                kill_while_starting(data, rng.uniform(0, 0.05))
                kills_while_starting += 1
            else:
                server = dev(data)
                compare(server, ledgers, rng, everything=number % FULL_SCAN_EVERY == 0)
                write_until_killed(server, ledgers, rng)
        with dev(data) as server:
            compare(server, ledgers, rng, everything=True)
            decrypt_all(server, ledgers)
    except BaseException:
        with capsys.disabled():
            print(f"crash test: failed with CRASH_SEED={seed}")
        raise
    acknowledged = sum(ledger.acknowledged for ledger in ledgers)
    with capsys.disabled():
        print(
            f"crash test: {KILLS} kills ({kills_while_starting} while starting), {acknowledged} acknowledged calls, "
            f"{sum(len(ledger.keys) for ledger in ledgers)} keys, "
            f"{sum(len(ledger.aliases) for ledger in ledgers)} aliases, "
            f"{sum(len(ledger.sealed) for ledger in ledgers)} ciphertexts, {time.monotonic() - started:.0f} s"
        )
    assert acknowledged > 10 * KILLS, "too little was written for the kills to mean anything"


def imported_key(server):
    """A key that waits for its material, and the call that brings it, as often as one likes for a day."""
    kms = Kms(server)
    key = kms.key(Origin="EXTERNAL")["KeyId"]
    algorithm = "RSAES_OAEP_SHA_256"
    members = {"KeyId": key, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"}
    parameters = kms.ok("GetParametersForImport", **members)
    wrapped = wrap(algorithm, parameters["PublicKey"], os.urandom(32))
    members = {"ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": wrapped}
    kms.close()
    return key, {"KeyId": key, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE", **members}


def told_by(server, key):
    kms = Kms(server)
    metadata = told(kms.ok("DescribeKey", KeyId=key)["KeyMetadata"])
    kms.close()
    return metadata


def kill_while_starting(data, seconds):
    process = subprocess.Popen(
        [BINARY, "dev", "--listen", "127.0.0.1:0", "--data", data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    process.kill()
    process.wait()


def write_until_killed(server, ledgers, rng):
    failures = []
    threads = [
        threading.Thread(target=write, args=(server, ledger, random.Random(rng.getrandbits(64)), failures))
        for ledger in ledgers
    ]
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(*LOAD_SECONDS))
    server.kill()
    for thread in threads:
        thread.join()
    assert not failures, failures


def write(server, ledger, rng, failures):
    """Calls until the connection breaks. Only a call that was answered with success is written down."""
    kms = Kms(server, attempts=1)
    while True:
        operation, members = ledger.choose(rng)
        ledger.doubt = Doubt(operation, members)
        try:
            reply = kms.call(operation, **members)
        except (OSError, http.client.HTTPException):
            break
        except AssertionError as error:
            failures.append(f"{operation}: {error}")
            break
        if reply.status != 200:
            failures.append(f"{operation}: {reply.json}")
            break
        ledger.write_down(operation, members, reply.json)
    kms.close()


def compare(server, ledgers, rng, everything):
    """The server against the ledgers."""
    kms = Kms(server)
    listed = {entry["KeyId"] for entry in pages(kms, "ListKeys", "Keys", 1000)}
    aliases = {entry["AliasName"]: entry["TargetKeyId"] for entry in pages(kms, "ListAliases", "Aliases", 100)}

    def described(key):
        return told(kms.ok("DescribeKey", KeyId=key)["KeyMetadata"])

    def besides(key):
        return look_besides(kms, key)

    unclaimed = listed.difference(*(ledger.keys for ledger in ledgers))
    for ledger in ledgers:
        ledger.settle(described, besides, aliases, unclaimed)
    assert not unclaimed, f"keys that nobody asked for: {[described(key) for key in unclaimed]}"
    for ledger in ledgers:
        lost = ledger.keys.keys() - listed
        assert not lost, f"acknowledged keys are gone: {[ledger.keys[key] for key in lost]}"
        for key in list(ledger.keys) if everything else ledger.touched | sample(rng, ledger.keys):
            assert described(key) == ledger.keys[key]
            if key in ledger.besides:
                # A key that is to be destroyed does not tell its schedule.
                hidden = {"period": None} if ledger.keys[key]["KeyState"] == "PendingDeletion" else {}
                assert besides(key) == {**ledger.besides[key], **hidden}, key
        ledger.touched.clear()
    assert aliases == {name: key for ledger in ledgers for name, key in ledger.aliases.items()}
    for ledger in ledgers:
        fresh = ledger.sealed[ledger.seen :]
        ledger.seen = len(ledger.sealed)
        for sealed in fresh + rng.sample(ledger.sealed, min(SAMPLE, len(ledger.sealed))):
            check_decrypts(kms, sealed, ledger.keys[sealed[0]]["KeyState"])
    kms.close()


def look_besides(kms, key):
    """What DescribeKey does not tell of a key that is symmetric and made here."""
    tags = kms.ok("ListResourceTags", KeyId=key)["Tags"]
    statement = json.loads(kms.ok("GetKeyPolicy", KeyId=key)["Policy"])["Statement"][0]
    rotations = kms.ok("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert rotations[0]["KeyMaterialState"] == "CURRENT"
    current = kms.ok("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert [rotations[0]["KeyMaterialId"], len(rotations)] == [current, len({r["KeyMaterialId"] for r in rotations})]
    sid = statement.get("Sid", "")
    return {
        "tags": {tag["TagKey"]: tag["TagValue"] for tag in tags},
        "sid": sid if sid.startswith("serial") else None,
        "rotations": len(rotations) - 1,
        "period": kms.ok("GetKeyRotationStatus", KeyId=key).get("RotationPeriodInDays"),
        "grants": {grant["GrantId"]: grant["Name"] for grant in pages(kms, "ListGrants", "Grants", 100, KeyId=key)},
    }


def sample(rng, keys):
    return set(rng.sample(list(keys), min(SAMPLE, len(keys))))


def check_decrypts(kms, sealed, state):
    key, context, blob, plaintext = sealed
    reply = kms.call("Decrypt", CiphertextBlob=blob, EncryptionContext=context)
    expected = {"Enabled": None, "Disabled": "DisabledException", "PendingDeletion": "KMSInvalidStateException"}
    assert reply.code == expected[state], (key, reply.json)
    if state == "Enabled":
        plaintext = unblob(plaintext) if isinstance(plaintext, str) else plaintext
        assert unblob(reply.json["Plaintext"]) == plaintext, key


def decrypt_all(server, ledgers):
    """Every acknowledged ciphertext, with every key switched on again."""
    kms = Kms(server)
    for ledger in ledgers:
        for key, metadata in ledger.keys.items():
            if metadata["KeyState"] == "PendingDeletion":
                kms.ok("CancelKeyDeletion", KeyId=key)
            if metadata["KeyState"] not in ("Enabled", "PendingImport"):
                kms.ok_empty("EnableKey", KeyId=key)
        for sealed in ledger.sealed:
            check_decrypts(kms, sealed, "Enabled")
    kms.close()


def pages(kms, operation, result, limit, **members):
    marker = {}
    while True:
        page = kms.ok(operation, Limit=limit, **members, **marker)
        yield from page[result]
        if not page["Truncated"]:
            return
        marker = {"Marker": page["NextMarker"]}
