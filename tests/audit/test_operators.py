"""What the commands doctor and status say of the audit log of a server that runs, was stopped, or was killed."""

import json
import socket

import pytest
from logs import files, strongroom, the_sink, wait_until

from harness.server import IDENTITIES, Installation
from harness.wire import Credentials, Kms


@pytest.fixture
def installation(tmp_path):
    installation = Installation(tmp_path)
    made = installation.init()
    assert made.returncode == 0, made.stderr
    # The commands find the server by its configuration.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f'[admin]\nlisten = "127.0.0.1:{probe.getsockname()[1]}"'
    text = installation.config.read_text()
    installation.config.write_text(text.replace('[admin]\nlisten = "127.0.0.1:0"', listen))
    return installation


def make_calls(server, count=20):
    _, access_key, secret, _ = IDENTITIES[1]
    kms = Kms(server, Credentials(access_key, secret))
    for _ in range(count):
        kms.ok("GenerateRandom", NumberOfBytes=8)


def audit_findings(installation):
    options = ["--config", installation.config, "--output", "json"]
    done = strongroom("doctor", *options, environment=installation.environment)
    findings = [one for one in json.loads(done.stdout)["findings"] if one["area"] == "audit"]
    assert all(one["verdict"] == "good" or one["remedy"] for one in findings)
    return done.returncode, [(one["verdict"], one["finding"]) for one in findings]


def the_finding(installation):
    code, [finding] = audit_findings(installation)
    assert code == (1 if finding[0] == "problem" else 0), finding
    return finding


def test_the_doctor_examines_a_log(installation):
    verdict, text = the_finding(installation)
    assert verdict == "good" and "no audit log yet" in text
    with installation.serve() as server:
        make_calls(server)
        verdict, text = the_finding(installation)
        assert verdict == "good" and "is whole" in text
    verdict, text = the_finding(installation)
    assert verdict == "good" and "is whole: 20 events" in text
    server = installation.serve()
    make_calls(server)
    server.kill()
    verdict, text = the_finding(installation)
    assert verdict == "good" and "is whole up to its last signature" in text


def test_the_doctor_finds_damage(installation):
    with installation.serve() as server:
        make_calls(server)
    log = files(installation.data / "audit")[-1]
    whole = log.read_bytes()
    for name, bad in {
        "changed": whole.replace(b"GenerateRandom", b"GenerateMandom", 1),
        "cut at a line": b"".join(whole.splitlines(keepends=True)[:-2]),
        "cut in a line": whole[:-10],
        "emptied": b"",
    }.items():
        log.write_bytes(bad)
        verdict, text = the_finding(installation)
        assert verdict == "problem", (name, text)
    log.unlink()
    verdict, text = the_finding(installation)
    assert verdict == "problem", text
    log.write_bytes(whole)
    assert the_finding(installation)[0] == "good"


def test_a_log_that_was_moved_away_is_missed(installation, tmp_path):
    """A new log that is whole does not hide that there was another."""
    key = tmp_path / "audit.pem"
    with installation.serve() as server:
        make_calls(server)
    verify = ["audit", "verify", "--config", installation.config]
    assert strongroom(*verify, environment=installation.environment).returncode == 0
    asked = ["--config", installation.config, "--offline"]
    key.write_text(strongroom("audit", "public-key", *asked, environment=installation.environment).stdout)
    anchor = strongroom("audit", "anchor", *asked, environment=installation.environment).stdout.strip()
    (installation.data / "audit").rename(tmp_path / "evidence")
    with installation.serve() as server:
        make_calls(server)
    missed = strongroom(*verify, environment=installation.environment)
    assert missed.returncode == 1
    assert f"--anchor {anchor}" in missed.stderr
    log = anchor.partition(":")[0]
    assert strongroom(*verify, "--without", log, environment=installation.environment).returncode == 0
    elsewhere = strongroom("audit", "verify", "--public-key", key, "--anchor", anchor, tmp_path / "evidence")
    assert elsewhere.returncode == 0, elsewhere.stderr
    code, findings = audit_findings(installation)
    assert code == 0
    assert [verdict for verdict, _ in findings] == ["good", "warning"]
    assert log in findings[1][1]


def test_sinks_that_do_not_keep_up_are_told(installation):
    text = installation.config.read_text()
    nobody = 'syslog = "unix:///nonexistent/log"'
    installation.config.write_text(text.replace("[[account]]", f"[audit]\n{nobody}\n\n[[account]]", 1))
    with installation.serve() as server:
        make_calls(server)
        # A sink looks ten times a second; from its first failure on, it is told.
        wait_until(lambda: the_sink(installation, server)["failures"] > 0)
        code, findings = audit_findings(installation)
        assert code == 0
        [(verdict, finding)] = findings[1:]
        assert verdict == "warning" and finding.startswith("syslog is ") and "records behind" in finding
        status = strongroom("status", "--config", installation.config, environment=installation.environment)
        assert status.returncode == 0, "a sink holds up nobody"
        assert "20 written, 0 writes failed, 0 calls refused for it" in status.stdout
        assert "audit to syslog" in status.stdout and "0 sent" in status.stdout
        view = strongroom("status", "--config", installation.config, "--output", "json")
        audit = json.loads(view.stdout)["audit"]
        assert audit["events"] == 20
        [sink] = audit["sinks"]
        assert (sink["name"], sink["sent"], sink["lost"]) == ("syslog", 0, 0) and sink["failures"] and sink["problem"]
