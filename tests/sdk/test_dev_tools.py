"""The tools of `strongroom dev` as those who test use them: the command line, the admin call, and boto3 beside them."""

import time

import pytest
from botocore.exceptions import ClientError

from harness.clients import admin, boto3_client, tool
from harness.server import dev


@pytest.fixture
def server():
    """A `strongroom dev` of its own: its clock and its faults are nobody else's."""
    with dev() as server:
        yield server


def client(server, attempts=1):
    """boto3 that tries so often."""
    return boto3_client(server, attempts=attempts)


def test_one_move_passes_through_every_date(server):
    kms = client(server)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    gone = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=gone, PendingWindowInDays=30)
    status, shown = admin(server, "/dev/clock", {"advance": "400d"})
    assert (status, shown["offset_ms"]) == (200, 400 * 86_400_000)
    assert len(kms.list_key_rotations(KeyId=key)["Rotations"]) == 4
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId=gone)


def test_the_clock_goes_forwards_alone(server):
    shown = tool(server, "clock", "set", "2099-01-01T00:00:00Z")
    assert shown["now"].startswith("2099-01-01T00:00:0")
    said = tool(server, "clock", "set", "2098-01-01T00:00:00Z", fails=True)
    assert "backwards: it shows 2099-01-01T00:00:0" in said
    for by in ("-1d", "soon", "1.5d", ""):
        status, refused = admin(server, "/dev/clock", {"advance": by})
        assert (status, "duration" in refused["message"]) == (400, True)
    assert "duration" in tool(server, "clock", "advance", "soon", fails=True)
    assert admin(server, "/dev/clock", {"set": "tomorrow"})[0] == 400
    assert admin(server, "/dev/clock", {})[0] == 400
    assert admin(server, "/dev/clock", {"advance": "1d", "set": "2100-01-01T00:00:00Z"})[0] == 400
    assert tool(server, "clock", "show")["now"].startswith("2099-01-01")


def test_the_last_day_of_the_clock(server):
    """Clients read no year of five digits: from where the clock can be moved to, all dates ahead are told in time."""
    kms = client(server)
    for late in ({"set": "9001-01-01T00:00:00Z"}, {"advance": "400000w"}, {"advance": "9223372036854775807ms"}):
        status, refused = admin(server, "/dev/clock", late)
        assert (status, "beyond the year 9000" in refused["message"]) == (400, True)
    tool(server, "clock", "set", "9000-12-31T23:59:59Z")
    time.sleep(1)
    made = kms.create_key()["KeyMetadata"]
    assert made["CreationDate"].year == 9001
    kms.enable_key_rotation(KeyId=made["KeyId"], RotationPeriodInDays=2560)
    assert kms.get_key_rotation_status(KeyId=made["KeyId"])["NextRotationDate"].year == 9008


def test_the_clock_outlives_the_process(tmp_path):
    with dev(tmp_path) as server:
        tool(server, "clock", "advance", "400d")
    with dev(tmp_path) as server:
        assert tool(server, "clock", "show")["offset_ms"] == 400 * 86_400_000


@pytest.mark.parametrize(
    "error",
    ["ThrottlingException", "KMSInternalException", "KeyUnavailableException", "DependencyTimeoutException"],
)
def test_sdks_retry_what_is_injected(server, error):
    kms = client(server, attempts=3)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    tool(server, "fault", "add", "--operation", "Encrypt", "--error", error, "--count", "2")
    reply = kms.encrypt(KeyId=key, Plaintext=b"a")
    assert reply["ResponseMetadata"]["RetryAttempts"] == 2
    assert tool(server, "fault", "list") == {"faults": []}

    tool(server, "fault", "add", "--operation", "Encrypt", "--error", error)
    with pytest.raises(ClientError) as raised:
        client(server).encrypt(KeyId=key, Plaintext=b"a")
    assert raised.value.response["Error"]["Code"] == error
    status = raised.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status == (400 if error == "ThrottlingException" else 500)
    kms.decrypt(CiphertextBlob=reply["CiphertextBlob"])
    assert tool(server, "fault", "clear") == {"cleared": 1}
    client(server).encrypt(KeyId=key, Plaintext=b"a")


def test_a_fault_for_one_key(server):
    kms = client(server)
    sick, well = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.create_alias(AliasName="alias/sick", TargetKeyId=sick)
    rule = {"key": "alias/sick", "error": "KeyUnavailableException", "probability": 0.5, "seed": 7}
    status, added = admin(server, "/dev/faults", rule)
    assert status == 200

    def outcomes():
        for _ in range(20):
            try:
                kms.generate_data_key(KeyId=sick, KeySpec="AES_256")
                yield True
            except ClientError as error:
                assert error.response["Error"]["Code"] == "KeyUnavailableException"
                yield False

    first = list(outcomes())
    assert {True, False} == set(first)
    kms.generate_data_key(KeyId=well, KeySpec="AES_256")
    [shown] = admin(server, "/dev/faults")[1]["faults"]
    assert shown == {"id": added["id"], **rule, "met": 20, "acted": first.count(False)}
    # The same seed decides alike.
    tool(server, "fault", "clear", str(added["id"]))
    admin(server, "/dev/faults", rule)
    assert list(outcomes()) == first


def test_a_delay(server):
    kms = client(server)
    tool(server, "fault", "add", "--operation", "GenerateRandom", "--latency-ms", "300")
    started = time.monotonic()
    kms.generate_random(NumberOfBytes=1)
    assert time.monotonic() - started >= 0.3


def test_rules_that_are_none(server):
    for words in (
        [],
        ["--error", "Throttling"],
        ["--operation", "encrypt", "--latency-ms", "1"],
        ["--key", "k", "--latency-ms", "1"],
        ["--latency-ms", "1", "--count", "0"],
        ["--latency-ms", "1", "--probability", "2"],
    ):
        tool(server, "fault", "add", *words, fails=True)
    for rule in ({}, {"latency_ms": -1}, {"error": 1}, {"latency_ms": 1, "unknown": 2}, []):
        assert admin(server, "/dev/faults", rule)[0] == 400, rule
    assert tool(server, "fault", "list") == {"faults": []}


def test_snapshots_and_reset(server):
    kms = client(server)
    key = kms.create_key(Description="first")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    sealed = kms.encrypt(KeyId="alias/app", Plaintext=b"attack at dawn")["CiphertextBlob"]
    tool(server, "snapshot", "save", "clean")

    kms.update_key_description(KeyId=key, Description="second")
    kms.rotate_key_on_demand(KeyId=key)
    kms.delete_alias(AliasName="alias/app")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    tool(server, "clock", "advance", "8d")
    tool(server, "fault", "add", "--error", "ThrottlingException")
    with pytest.raises(ClientError):
        kms.list_keys()

    tool(server, "snapshot", "restore", "clean")
    assert kms.describe_key(KeyId="alias/app")["KeyMetadata"]["Description"] == "first"
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"
    assert tool(server, "clock", "show")["offset_ms"] == 0
    assert [one["name"] for one in tool(server, "snapshot", "list")["snapshots"]] == ["clean"]

    tool(server, "reset")
    assert kms.list_keys()["Keys"] == []
    tool(server, "snapshot", "restore", "clean")
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"
    assert "no snapshot" in tool(server, "snapshot", "restore", "other", fails=True)
    assert "name" in tool(server, "snapshot", "save", "a/b", fails=True)


def test_snapshots_are_for_memory(tmp_path):
    with dev(tmp_path) as server:
        for words in (["snapshot", "save", "a"], ["snapshot", "restore", "a"], ["snapshot", "list"], ["reset"]):
            assert "--data" in tool(server, *words, fails=True)
