"""What keeps the server from starting: a clear message, an exit code that says so, and nothing overwritten."""

import hashlib
import os
import shutil
import signal
import sqlite3
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from harness.server import BINARY, IDENTITIES, DidNotStart, Installation, dev
from harness.wire import Credentials, Kms


def digests(folder):
    """Every file below `folder` with its content; the lock file says nothing and may be touched."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def data(tmp_path):
    """A data directory with one key in it, left in good order."""
    folder = tmp_path / "data"
    with dev(folder) as server:
        kms = Kms(server)
        kms.ok_empty("CreateAlias", AliasName="alias/kept", TargetKeyId=kms.key()["KeyId"])
        kms.close()
    return folder


def database(folder):
    [path] = Path(folder).glob("*.db")
    return path


def check_refused(folder, *words, start=dev):
    """The server does not start on `folder`, names its reason on stderr, and leaves every file as it is."""
    before = digests(folder)
    with pytest.raises(DidNotStart) as raised:
        start(folder).kill()
    refused = raised.value
    assert refused.code not in (0, None, -signal.SIGSEGV, -signal.SIGABRT, 101), refused
    for word in words:
        assert word.lower() in refused.stderr.lower(), refused.stderr
    assert "panicked" not in refused.stderr, refused.stderr
    assert digests(folder) == before


def test_a_good_directory_starts_again(data):
    with dev(data) as server:
        kms = Kms(server)
        assert kms.ok("DescribeKey", KeyId="alias/kept")
        kms.close()


def test_the_ready_line(tmp_path):
    with dev(tmp_path / "new") as server:
        assert server.ready_line.startswith("strongroom dev: listening on http://127.0.0.1:")
        assert server.ready_seconds < 2, "a CI job starts one for each test"


def test_files_are_private(data):
    assert data.stat().st_mode & 0o077 == 0
    for path in data.rglob("*"):
        if path.is_file() and path.name != "lock":
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("position", [0, 20, 60, 100])
def test_a_damaged_header_of_the_database(data, position):
    content = bytearray(database(data).read_bytes())
    content[position : position + 16] = b"\xa5" * 16
    database(data).write_bytes(content)
    check_refused(data, database(data).name)


def test_a_database_of_noise(data):
    database(data).write_bytes(os.urandom(20_000))
    check_refused(data, database(data).name)


def test_a_database_cut_short(data):
    content = database(data).read_bytes()
    database(data).write_bytes(content[: len(content) // 2 + 100])
    check_refused(data, database(data).name)


def test_the_database_of_another_program(data):
    database(data).unlink()
    with sqlite3.connect(database_path := data / "strongroom.db") as other:
        other.execute("CREATE TABLE notes (text)")
        other.execute("INSERT INTO notes VALUES ('mine')")
    other.close()
    check_refused(data, database_path.name)


def test_a_text_file_in_the_place_of_the_database(data):
    database(data).write_text("important notes\n")
    check_refused(data, "strongroom.db")


def test_another_root_key(data, tmp_path):
    with dev(tmp_path / "other"):
        pass
    shutil.copy(tmp_path / "other/root.key", data / "root.key")
    check_refused(data, "root key")


def test_a_root_key_that_is_none(data):
    for content in (b"", b"\0" * 32, b"not a key\n"):
        (data / "root.key").write_bytes(content)
        check_refused(data, "root.key")


def test_a_lost_root_key_is_not_replaced(data):
    """A new one would open nothing, and would look as if all were well."""
    (data / "root.key").unlink()
    with pytest.raises(DidNotStart) as raised:
        dev(data).kill()
    assert raised.value.code != 0
    assert not (data / "root.key").exists()


def test_a_second_server_on_the_same_directory(data):
    with dev(data) as first:
        check_refused_while_running(data)
        kms = Kms(first)
        assert kms.ok("DescribeKey", KeyId="alias/kept")
        kms.close()


def check_refused_while_running(data):
    with pytest.raises(DidNotStart) as raised:
        dev(data).kill()
    assert raised.value.code not in (0, None), raised.value
    assert "in use" in raised.value.stderr.lower() or "another" in raised.value.stderr.lower(), raised.value.stderr


def test_a_port_that_is_taken(data, tmp_path):
    with dev() as first, pytest.raises(DidNotStart) as raised:
        dev(data, listen=f"127.0.0.1:{first.port}").kill()
    assert raised.value.code not in (0, None)
    assert str(first.port) in raised.value.stderr


def test_dev_listens_on_loopback_alone(tmp_path):
    with pytest.raises(DidNotStart) as raised:
        dev(listen="0.0.0.0:0").kill()
    assert raised.value.code not in (0, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(data, number):
    server = dev(data)
    server.process.send_signal(number)
    assert server.process.wait(15) == 0
    server.process.stdout.close()
    assert not list(data.glob("*-wal")), "a clean end leaves no journal behind"


# serve


@pytest.fixture
def installation(tmp_path):
    installed = Installation(tmp_path)
    done = installed.init()
    assert done.returncode == 0, done.stderr
    return installed


def caller(server):
    _, access_key, secret, _ = IDENTITIES[0]
    return Kms(server, Credentials(access_key, secret))


def test_init_makes_what_serve_needs(installation):
    for path in (installation.root_key, installation.folder / "key.pem"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert b"PRIVATE KEY" not in installation.root_key.read_bytes()
    with installation.serve() as server:
        assert server.endpoint.startswith("https://")
        kms = caller(server)
        key = kms.key()["KeyId"]
        kms.close()
    with installation.serve() as server:
        kms = caller(server)
        assert kms.ok("DescribeKey", KeyId=key)
        kms.close()


def test_init_overwrites_nothing(installation):
    before = digests(installation.folder)
    again = installation.init()
    assert again.returncode != 0 or "kept key file" in again.stdout
    assert digests(installation.folder) == before


def check_serve_refused(installation, *words, **environment):
    def start(_folder):
        return installation.serve(**environment)

    check_refused(installation.folder, *words, start=start)


def test_a_wrong_passphrase(installation):
    with installation.serve():
        pass
    check_serve_refused(installation, "passphrase", STRONGROOM_PASSPHRASE="wrong")


def test_no_passphrase(installation):
    installation.environment.clear()
    check_serve_refused(installation, "STRONGROOM_PASSPHRASE")


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "root.key"])
def test_a_missing_file_is_named(installation, name):
    (installation.folder / name).unlink()
    check_serve_refused(installation, name)


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "root.key"])
def test_a_broken_file_is_named(installation, name):
    (installation.folder / name).write_text("broken\n")
    check_serve_refused(installation, name)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("surprise = 1", "surprise"),
        ("listen = 7", "listen"),
        ("= nothing", "strongroom.toml"),
    ],
)
def test_a_configuration_that_makes_no_sense(installation, line, word):
    rest = installation.config.read_text()
    if line.startswith("listen"):
        rest = rest.replace('listen = "127.0.0.1:0"', "")
    installation.config.write_text(f"{line}\n{rest}")
    check_serve_refused(installation, word)


def test_no_secret_of_the_configuration_in_a_message(installation):
    text = installation.config.read_text()
    for broken in (text + "\nsurprise = 1\n", text.replace('"alice"', "7"), text.replace('id = "AKIA', 'id = "\\q')):
        installation.config.write_text(broken)
        with pytest.raises(DidNotStart) as raised:
            installation.serve().kill()
        for _, _, secret, _ in IDENTITIES:
            assert secret not in raised.value.stderr


def test_a_missing_configuration(tmp_path):
    done = subprocess.run(
        [BINARY, "serve", "--config", tmp_path / "none.toml"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode not in (0, 101)
    assert "none.toml" in done.stderr


def test_sighup_takes_a_new_certificate(installation):
    with installation.serve() as server:
        before = certificate_of(server)
        (installation.folder / "elsewhere").mkdir()
        elsewhere = Installation(installation.folder / "elsewhere")
        assert elsewhere.init().returncode == 0
        for name in ("cert.pem", "key.pem"):
            shutil.copy(elsewhere.folder / name, installation.folder / name)
        assert certificate_of(server) == before, "not before it is told"
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while certificate_of(server) == before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert certificate_of(server) != before

        (installation.folder / "cert.pem").write_text("broken\n")
        after = certificate_of(server)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert certificate_of(server) == after, "a bad pair keeps the old one"


def certificate_of(server):
    return ssl.get_server_certificate(("127.0.0.1", server.port))
