"""A full disk under load: calls fail cleanly, what was answered is recorded, service resumes when there is room.

The disk is a small tmpfs, for which the test needs the right to mount one.
"""

import contextlib
import json
import subprocess
import threading
import urllib.error
import urllib.request

from logs import assert_whole, by_request, events, metrics, public_key, wait_until

from harness.server import dev
from harness.wire import Kms

CALLERS = 4


@contextlib.contextmanager
def small_disk(folder, size):
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk(tmp_path):
    data, disk, key = tmp_path / "data", tmp_path / "disk", tmp_path / "audit.pem"
    with small_disk(disk, "512k"):
        audit = disk / "audit"
        with dev(data, audit=audit) as server:
            public_key(server, key)
            kms = Kms(server)
            keys = [kms.key()["KeyId"] for _ in range(CALLERS)]
            answered, refused, stop = [], [], threading.Event()
            threads = [threading.Thread(target=call, args=(server, own, answered, refused, stop)) for own in keys]
            for thread in threads:
                thread.start()
            wait_until(lambda: len(refused) >= 200, seconds=60)
            before = len(answered)
            described = [kms.call("DescribeKey", KeyId=own) for own in keys]
            assert {reply.code for reply in described} == {"KMSInternalException"}
            assert readiness(server)["audit"].startswith("the audit log cannot be written")
            figures = metrics(server)
            assert figures["strongroom_audit_down"] == 1
            assert figures["strongroom_audit_write_failures_total"] >= 1
            assert figures["strongroom_audit_refused_calls_total"] >= 200
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            wait_until(lambda: len(answered) >= before + 200, seconds=60)
            stop.set()
            for thread in threads:
                thread.join()
            assert readiness(server) == {}
            assert metrics(server)["strongroom_audit_down"] == 0
            now = {own: kms.ok("DescribeKey", KeyId=own)["KeyMetadata"]["Description"] for own in keys}
        assert {code for code, _ in refused} == {"KMSInternalException"}
        assert_whole(key, audit)
        found = events(audit)
        counts = by_request(found)
        assert all(count == 1 for count in counts.values()), "a call stands in the log twice"
        missing = [request for request in answered if (request, "000000000000") not in counts]
        assert not missing, f"{len(missing)} of {len(answered)} answered calls are not in the log"
        gaps = [event for event in found if event["eventName"] == "AuditLogGap"]
        assert gaps, "the gap is not on the record"
        assert sum(int(gap["serviceEventDetails"]["callsRefused"]) for gap in gaps) >= 200
        for own in keys:
            changes = [
                event["requestParameters"]["description"]
                for event in found
                if event["eventName"] == "UpdateKeyDescription"
                and "errorCode" not in event
                and event["requestParameters"]["keyId"] == own
            ]
            assert now[own] in changes, "a change without a record"


def call(server, key, answered, refused, stop):
    kms = Kms(server)
    number = 0
    while not stop.is_set():
        number += 1
        if number % 3 == 0:
            reply = kms.call("UpdateKeyDescription", KeyId=key, Description=str(number))
        else:
            reply = kms.call("GenerateDataKey", KeyId=key, KeySpec="AES_256", EncryptionContext={"filler": "x" * 500})
        if reply.status == 200:
            answered.append(reply.headers["x-amzn-requestid"])
        else:
            refused.append((reply.code, reply.headers["x-amzn-requestid"]))
    kms.close()


def readiness(server):
    """What is not ready, and why."""
    try:
        with urllib.request.urlopen(f"{server.admin}/readyz", timeout=30) as reply:
            view = json.load(reply)
    except urllib.error.HTTPError as refused:
        assert refused.code == 503
        view = json.load(refused)
    return {check["name"]: check["reason"] for check in view["checks"] if not check["ok"]}
