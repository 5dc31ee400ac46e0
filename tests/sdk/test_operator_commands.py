"""The commands for whoever runs a server: doctor, status, log-level, completions, man."""

import json
import os
import shutil
import sqlite3
import subprocess
from datetime import UTC

import pytest

from harness.server import BINARY, IDENTITIES, Installation, dev
from harness.wire import Credentials, Kms


def strongroom(*arguments, **environment):
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def installation(tmp_path):
    """A server's folder with some keys in it."""
    installed = Installation(tmp_path)
    assert installed.init().returncode == 0
    _, access_key, secret, _ = IDENTITIES[0]
    with installed.serve() as server:
        kms = Kms(server, Credentials(access_key, secret))
        for number in range(5):
            kms.ok_empty("CreateAlias", AliasName=f"alias/{number}", TargetKeyId=kms.key()["KeyId"])
        kms.close()
    return installed


def examine(installation, *arguments, code):
    done = strongroom(
        "doctor", "--config", installation.config, "--output", "json", *arguments, **installation.environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    findings = json.loads(done.stdout)["findings"]
    for finding in findings:
        assert (finding["verdict"] == "good") == ("remedy" not in finding), finding
    return findings


def check(installation, area, verdict, words, code):
    found = [finding for finding in examine(installation, code=code) if finding["verdict"] == verdict]
    assert any(finding["area"] == area and words in finding["finding"] for finding in found), found


def test_a_healthy_installation(installation):
    findings = examine(installation, code=0)
    areas = {finding["area"] for finding in findings if finding["verdict"] == "good"}
    assert {"configuration", "permissions", "tls", "store", "seal", "entropy", "addresses", "clock"} <= areas
    seal = next(finding for finding in findings if finding["area"] == "seal")
    assert "records" in seal["finding"]
    # It leaves everything as it was: the server starts.
    with installation.serve():
        pass


def test_a_running_server_is_asked(installation):
    text = installation.config.read_text()
    with installation.serve() as server:
        port = server.admin.rpartition(":")[2]
        installation.config.write_text(
            text.replace('[admin]\nlisten = "127.0.0.1:0"', f'[admin]\nlisten = "127.0.0.1:{port}"')
        )
        check(installation, "store", "good", "says that it is ready", code=0)
        installation.config.write_text(text.replace('[admin]\nlisten = "127.0.0.1:0"', ""))
        check(installation, "store", "warning", "no admin listener", code=0)


def test_files_open_to_others(installation):
    installation.root_key.chmod(0o640)
    check(installation, "permissions", "problem", "root.key holds a secret", code=1)
    installation.root_key.chmod(0o600)
    installation.data.chmod(0o777)
    check(installation, "permissions", "problem", "they can delete every key", code=1)


def test_a_certificate_of_another_key(installation, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    other = Installation(other)
    assert other.init().returncode == 0
    shutil.copy(other.certificate, installation.certificate)
    check(installation, "tls", "problem", "cannot be used", code=1)


@pytest.mark.parametrize(("days", "verdict", "words"), [(10, "warning", "expires in"), (-1, "problem", "has expired")])
def test_a_certificate_that_expires(installation, days, verdict, words):
    make_certificate(installation, days)
    check(installation, "tls", verdict, words, code=1 if verdict == "problem" else 0)


def make_certificate(installation, days):
    from datetime import datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    pem = (installation.folder / "key.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=30)).not_valid_after(now + timedelta(days=days, hours=1))
    certificate = builder.sign(key, hashes.SHA256())
    installation.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def test_a_wrong_passphrase(installation):
    installation.environment["STRONGROOM_PASSPHRASE"] = "wrong"
    check(installation, "seal", "problem", "passphrase", code=1)


def test_a_record_that_was_changed(installation):
    with sqlite3.connect(installation.data / "strongroom.db") as database:
        slot, value = database.execute(
            "SELECT s.id, s.bytes FROM record r JOIN slot s ON s.id = r.slot WHERE r.tab = 4 LIMIT 1"
        ).fetchone()
        changed = bytearray(value)
        changed[len(changed) // 4] ^= 1
        database.execute("UPDATE slot SET bytes = ? WHERE id = ?", (bytes(changed), slot))
    database.close()
    check(installation, "seal", "problem", "1 of ", code=1)


def test_a_damaged_database(installation):
    database = installation.data / "strongroom.db"
    content = bytearray(database.read_bytes())
    content[len(content) // 4 :] = b"\x5a" * (len(content) - len(content) // 4)
    database.write_bytes(content)
    check(installation, "store", "problem", "damaged", code=1)


def test_a_configuration_that_makes_no_sense(installation):
    installation.config.write_text("surprise = 1\n")
    check(installation, "configuration", "problem", "surprise", code=1)


def test_for_eyes(installation):
    done = strongroom("doctor", "--config", installation.config, **installation.environment)
    assert done.returncode == 0
    assert done.stdout.startswith("good     configuration")
    assert "\x1b" not in done.stdout + done.stderr, "no colours and no bars where there is no terminal"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "elvish", "powershell"])
def test_completions_know_every_command(shell):
    done = strongroom("completions", shell)
    assert done.returncode == 0
    for command in ("dev", "serve", "init", "status", "log-level", "doctor", "completions", "man"):
        assert command in done.stdout


def test_bash_takes_its_completions():
    script = strongroom("completions", "bash").stdout
    ask = (
        script
        + '\nCOMP_WORDS=(strongroom do) COMP_CWORD=1\n_strongroom strongroom do strongroom\necho "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["doctor"], done


@pytest.mark.parametrize("command", [None, "serve", "doctor"])
def test_manual_pages(command):
    done = strongroom("man", *([command] if command else []))
    assert done.returncode == 0
    assert done.stdout.startswith(".ie") or ".TH strongroom" in done.stdout
    assert ".SH SYNOPSIS" in done.stdout
    assert strongroom("man", "nonsense").returncode == 2


def test_status_and_log_level(tmp_path):
    with dev() as server:
        address = server.admin.removeprefix("http://")
        status = json.loads(strongroom("status", "--admin", address, "--output", "json").stdout)
        assert (status["mode"], status["ready"]) == ("dev", True)
        assert {check["name"] for check in status["checks"]} >= {"running", "store"}
        shown = strongroom("status", STRONGROOM_ADMIN=address)
        assert shown.returncode == 0 and "ready" in shown.stdout
        assert strongroom("log-level", "debug", "--admin", address).stdout == "debug\n"
        assert "the log level was changed" in server.stderr()
