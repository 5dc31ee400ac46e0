"""Audit logs as files: read without the server's own code, and verified with its command line."""

import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path

from harness.server import BINARY


def files(folder):
    return sorted(path for path in Path(folder).iterdir() if path.name.endswith((".jsonl", ".jsonl.zst")))


def events(folder):
    """The events of a log that was not compressed or was, in order."""
    found = []
    for path in files(folder):
        if path.suffix == ".zst":
            text = strongroom("audit", "query", "--output", "json", path).stdout
            found += [json.loads(line) for line in text.splitlines()]
        else:
            lines = path.read_text().splitlines()
            found += [line["event"] for line in map(json.loads, lines) if "event" in line]
    return found


def admin_json(server, path, token=None):
    """What the admin listener answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(server.admin + path, headers=headers), timeout=30) as reply:
        return json.load(reply)


def metrics(server):
    """All series by their names and labels."""
    with urllib.request.urlopen(f"{server.admin}/metrics", timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def public_key(server, path):
    """Asks a running server for the key of its log."""
    Path(path).write_text(admin_json(server, "/audit")["public_key"])
    return path


def anchors(server):
    return admin_json(server, "/audit")["anchors"]


def the_sink(installation, server):
    """How the one sink of a server fares."""
    token = (installation.data / "admin.token").read_text().strip()
    [figures] = admin_json(server, "/audit", token)["sinks"]
    return figures


def wait_until(happened, seconds=30):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def strongroom(*arguments, environment=None):
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
    )


def verify(key, folder, *options):
    return strongroom("audit", "verify", "--public-key", key, *options, folder)


def assert_whole(key, folder, *options):
    outcome = verify(key, folder, *options)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def by_request(found):
    """How often each request stands in the log of each account."""
    counts = {}
    for event in found:
        if "requestID" in event:
            name = (event["requestID"], event["recipientAccountId"])
            counts[name] = counts.get(name, 0) + 1
    return counts
