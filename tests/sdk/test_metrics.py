"""The figures on the admin listener: right numbers, and no key, account or secret among the labels."""

import re
import time
import urllib.request

import pytest

from harness.server import dev
from harness.wire import Kms


@pytest.fixture
def server():
    """A server whose figures are this test's alone."""
    with dev() as server:
        yield server


def scrape(server):
    with urllib.request.urlopen(f"{server.admin}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_calls_are_counted_by_operation_and_code(server):
    kms = Kms(server)
    key = kms.key()["KeyId"]
    for _ in range(3):
        kms.ok("Encrypt", KeyId=key, Plaintext="c2VjcmV0")
    kms.ok_empty("DisableKey", KeyId=key)
    kms.call("Encrypt", KeyId=key, Plaintext="c2VjcmV0")
    kms.close()
    figures = scrape(server)
    assert figures['strongroom_calls_total{service="kms",operation="Encrypt",code="Success"}'] == 3
    assert figures['strongroom_calls_total{service="kms",operation="Encrypt",code="DisabledException"}'] == 1
    assert figures['strongroom_calls_total{service="kms",operation="CreateKey",code="Success"}'] == 1
    assert figures['strongroom_call_duration_seconds_count{service="kms",operation="Encrypt"}'] == 4
    # Opening the material is cryptography, too; it happens once.
    assert figures['strongroom_crypto_duration_seconds_count{service="kms",operation="Encrypt"}'] in (3, 4)
    assert 0 < figures['strongroom_crypto_duration_seconds_sum{service="kms",operation="Encrypt"}'] < 1
    assert figures['strongroom_store_duration_seconds_count{verb="commit"}'] >= 2
    assert figures['strongroom_cache_requests_total{cache="keys",result="hit"}'] >= 3
    assert 1_000 < figures["strongroom_key_cache_bytes"] < 1_000_000


def keys_by_state(server):
    figures = scrape(server)
    found = {name: value for name, value in figures.items() if name.startswith("strongroom_keys{")}
    return {re.search('state="([^"]+)"', name).group(1): value for name, value in found.items() if value}


def test_keys_are_counted_by_state(tmp_path):
    """Changes keep the numbers up, and a start counts what is there."""
    with dev(tmp_path / "data") as server:
        kms = Kms(server)
        keys = [kms.key()["KeyId"] for _ in range(4)]
        kms.ok_empty("DisableKey", KeyId=keys[0])
        kms.ok("ScheduleKeyDeletion", KeyId=keys[1])
        kms.close()
        expect = {"Enabled": 2, "Disabled": 1, "PendingDeletion": 1}
        wait_for(server, expect)
    with dev(tmp_path / "data") as server:
        wait_for(server, expect)


def wait_for(server, expect):
    """The first count runs beside the first calls."""
    deadline = time.monotonic() + 10
    while keys_by_state(server) != expect and time.monotonic() < deadline:
        time.sleep(0.05)
    assert keys_by_state(server) == expect


def test_slow_work_is_seen(server):
    kms = Kms(server)
    key = kms.key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyId"]
    kms.ok("Sign", KeyId=key, Message="bWVzc2FnZQ==", SigningAlgorithm="RSASSA_PSS_SHA_256")
    kms.close()
    figures = scrape(server)
    assert figures['strongroom_crypto_duration_seconds_count{service="kms",operation="Sign"}'] in (1, 2)
    assert figures['strongroom_slow_jobs{lane="slow"}'] >= 0
    assert figures['strongroom_slow_throttles_total{lane="slow"}'] == 0


def test_labels_come_from_short_lists(server):
    kms = Kms(server)
    key = kms.key()
    kms.ok_empty("CreateAlias", AliasName="alias/labelled", TargetKeyId=key["KeyId"])
    kms.call("DescribeKey", KeyId="alias/nobody")
    kms.close()
    text = "\n".join(scrape(server))
    for word in (key["KeyId"], key["AWSAccountId"], "alias/", "127.0.0.1", "us-east-1"):
        assert word not in text
    assert len(text.splitlines()) < 1000
