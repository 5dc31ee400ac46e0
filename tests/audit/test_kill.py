"""500 times `kill -9` at a random moment under load: each answered call is in the log, once, and so is each change.

Several callers change keys and use them, each noting the request id of every answer it got. After the last kill the
whole log is read: it verifies, holds each of those requests exactly once, and no event twice; and what the store has,
the log has.
"""

import http.client
import os
import random
import threading
import time

from logs import assert_whole, by_request, events, public_key

from harness.server import dev
from harness.wire import Kms

KILLS = 500
CALLERS = 4

#: How long the callers call before the kill, at least and at most.
LOAD_SECONDS = (0.005, 0.12)


def test_no_answered_call_is_without_its_record(tmp_path, capsys):
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().getrandbits(32))
    rng = random.Random(seed)
    data, audit, key = tmp_path / "data", tmp_path / "audit", tmp_path / "audit.pem"
    answered, descriptions = [], {}
    started = time.monotonic()
    with capsys.disabled():
        print(f"\naudit kill test: seed {seed}")
    with dev(data, audit=audit) as server:
        kms = Kms(server)
        keys = [kms.key()["KeyId"] for _ in range(CALLERS)]
        public_key(server, key)
    for _ in range(KILLS):
        server = dev(data, audit=audit)
        failures = []
        threads = [
            threading.Thread(target=call, args=(server, own, random.Random(rng.getrandbits(64)), answered, failures))
            for own in keys
        ]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(*LOAD_SECONDS))
        server.kill()
        for thread in threads:
            thread.join()
        assert not failures, failures
    with dev(data, audit=audit) as server:
        kms = Kms(server)
        for own in keys:
            descriptions[own] = kms.ok("DescribeKey", KeyId=own)["KeyMetadata"]["Description"]
        listed = {entry["KeyId"] for entry in pages(kms, "ListKeys", "Keys")}
    assert_whole(key, audit)
    found = events(audit)
    ids = [event["eventID"] for event in found]
    assert len(ids) == len(set(ids)), "an event stands in the log twice"
    counts = by_request(found)
    assert all(count == 1 for count in counts.values()), "a call stands in the log twice"
    missing = [request for request in answered if counts.get((request, "000000000000")) != 1]
    assert not missing, f"{len(missing)} of {len(answered)} answered calls are not in the log"
    check_changes(found, keys, descriptions, listed)
    with capsys.disabled():
        print(f"audit kill test: {KILLS} kills, {len(answered)} answered calls, {time.monotonic() - started:.0f} s")
    assert len(answered) > 5 * KILLS, "too little was called for the kills to mean anything"


def check_changes(found, keys, descriptions, listed):
    """What the store has, the log has: also of calls that were never answered."""
    made = set()
    changed = {}
    for event in found:
        if "errorCode" in event:
            continue
        if event["eventName"] == "CreateKey":
            made.add(event["resources"][0]["ARN"].rpartition("/")[2])
        elif event["eventName"] == "UpdateKeyDescription":
            parameters = event["requestParameters"]
            changed.setdefault(parameters["keyId"], set()).add(parameters["description"])
    assert listed <= made, "keys without a record of their making"
    for key in keys:
        assert descriptions[key] in changed.get(key, set()) | {""}, "a change without a record"


def call(server, key, rng, answered, failures):
    """Calls until the connection breaks."""
    kms = Kms(server, attempts=1)
    number = 0
    while True:
        number += 1
        choice = rng.randrange(10)
        try:
            if choice == 0:
                reply = kms.call("CreateKey")
            elif choice < 4:
                reply = kms.call("UpdateKeyDescription", KeyId=key, Description=f"{rng.getrandbits(64):x}")
            elif choice < 6:
                reply = kms.call("DescribeKey", KeyId="00000000-0000-4000-8000-000000000000")
            else:
                reply = kms.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")
        except (OSError, http.client.HTTPException):
            break
        if reply.status == 500:
            failures.append(reply.json)
            break
        answered.append(reply.headers["x-amzn-requestid"])
    kms.close()


def pages(kms, operation, result):
    marker = {}
    while True:
        page = kms.ok(operation, Limit=1000, **marker)
        yield from page[result]
        if not page["Truncated"]:
            return
        marker = {"Marker": page["NextMarker"]}
