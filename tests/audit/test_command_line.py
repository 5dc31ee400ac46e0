"""`strongroom audit` against a real server over TLS: key, anchor, verify, query."""

import json
import re
import time

import pytest
from logs import anchors, assert_whole, events, files, strongroom, verify

from harness.server import IDENTITIES, Installation
from harness.wire import Credentials, Kms


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("audit"))
    made = installation.init()
    assert made.returncode == 0, made.stderr
    return installation


@pytest.fixture(scope="module")
def story(installation):
    """A server's life, and what it left."""
    key = installation.folder / "audit.pem"
    _, access_key, secret, _ = IDENTITIES[1]
    with installation.serve() as server:
        admin = re.search(r"127\.0\.0\.1:\d+", server.admin).group()
        options = ["--admin", admin, "--admin-token-file", installation.data / "admin.token"]
        key.write_text(strongroom("audit", "public-key", *options).stdout)
        kms = Kms(server, Credentials(access_key, secret))
        made = kms.key(Description="of the story")
        sealed = kms.ok("Encrypt", KeyId=made["KeyId"], Plaintext=b"secret of the story", EncryptionContext={"a": "b"})
        kms.ok("Decrypt", CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"a": "b"})
        assert kms.call("DescribeKey", KeyId="alias/none").code == "NotFoundException"
        # Until it is signed.
        time.sleep(2.5)
        assert_whole(key, installation.data / "audit", "--open")
        anchor = strongroom("audit", "anchor", *options).stdout.strip()
    return {"key": key, "audit": installation.data / "audit", "made": made, "anchor": anchor, "sealed": sealed}


def test_a_running_server_is_asked(installation, story):
    assert story["key"].read_text().startswith("-----BEGIN PUBLIC KEY-----")
    assert re.fullmatch(r"[0-9a-f-]{36}:\d+:[0-9a-f]{64}", story["anchor"])
    again = strongroom(
        "audit", "public-key", "--config", installation.config, "--offline", environment=installation.environment
    )
    assert again.stdout.strip() == story["key"].read_text().strip()


def test_a_whole_log_verifies(installation, story):
    assert_whole(story["key"], story["audit"])
    assert_whole(story["key"], story["audit"], "--anchor", story["anchor"])
    outcome = strongroom("audit", "verify", "--config", installation.config, environment=installation.environment)
    assert outcome.returncode == 0, outcome.stderr
    assert re.match(r"whole: \d+ events under \d+ signatures", outcome.stdout)


def test_the_first_bad_record_is_named(story, tmp_path):
    last = files(story["audit"])[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if b'"eventName":"Decrypt"' in line)
    lines[at] = lines[at].replace(b'"Decrypt"', b'"Encrypt"')
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(b"".join(lines))
    outcome = verify(story["key"], changed)
    assert outcome.returncode == 1
    # The record after the changed one is where it shows.
    assert f"line {at + 2} " in outcome.stderr, outcome.stderr
    changed.write_bytes(last.read_bytes()[:-100])
    assert verify(story["key"], changed).returncode == 1
    assert verify(changed, last).returncode == 2


def test_every_caller_is_told_who_and_how(story):
    found = {event["eventName"]: event for event in events(story["audit"])}
    assert found["Encrypt"]["userIdentity"]["userName"] == "alice"
    assert found["Encrypt"]["userIdentity"]["accessKeyId"] == IDENTITIES[1][1]
    assert found["Encrypt"]["tlsDetails"]["tlsVersion"] == "TLSv1.3"
    assert found["Encrypt"]["tlsDetails"]["clientProvidedHostHeader"].startswith("127.0.0.1:")
    assert found["Encrypt"]["sourceIPAddress"] == "127.0.0.1"
    assert found["DescribeKey"]["errorCode"] == "NotFoundException"
    assert found["CreateKey"]["responseElements"]["keyMetadata"]["keyId"] == story["made"]["KeyId"]


def test_no_secret_is_in_the_log(story):
    text = json.dumps(events(story["audit"]))
    assert story["sealed"]["CiphertextBlob"] not in text
    assert "secret of the story" not in text
    assert IDENTITIES[1][2] not in text


def test_questions(story):
    def ask(*options):
        outcome = strongroom("audit", "query", "--output", "json", *options, story["audit"])
        assert outcome.returncode == 0, outcome.stderr
        return [json.loads(line)["eventName"] for line in outcome.stdout.splitlines()]

    assert ask("--operation", "Encrypt") == ["Encrypt"]
    assert ask("--error", "any") == ["DescribeKey"]
    assert ask("--key", story["made"]["KeyId"]) == ["CreateKey", "Encrypt", "Decrypt"]
    assert ask("--principal", "alice", "--limit", "1") == ["CreateKey"]
    assert ask("--principal", "bob") == []
    assert ask("--since", "2100-01-01T00:00:00Z") == []
    table = strongroom("audit", "query", "--operation", "Decrypt", story["audit"]).stdout
    assert re.fullmatch(r"\S+Z  Decrypt .*:user/alice\n", table), table


def test_a_log_that_was_cut_at_a_checkpoint_is_found_by_its_anchor(story, tmp_path):
    """What the files alone cannot tell of a log that is open at its end."""
    lines = files(story["audit"])[-1].read_bytes().splitlines(keepends=True)
    checkpoints = [number for number, line in enumerate(lines) if b'"checkpoint"' in line]
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[: checkpoints[0] + 1]))
    assert verify(story["key"], cut).returncode == 1
    assert verify(story["key"], cut, "--open").returncode == 0
    last = strongroom("audit", "verify", "--public-key", story["key"], "--anchor", story["anchor"], "--open", cut)
    number = int(story["anchor"].split(":")[1])
    assert (last.returncode == 0) == (number <= checkpoints[0] + 1), last.stderr


def test_a_server_without_a_log_says_so(kms_in_memory):
    with pytest.raises(Exception, match="400"):
        anchors(kms_in_memory)


@pytest.fixture
def kms_in_memory():
    from harness.server import dev

    with dev() as server:
        yield server
