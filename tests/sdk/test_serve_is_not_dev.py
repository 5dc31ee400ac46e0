"""Nothing that `strongroom dev` has for tests can be had of `strongroom serve`: not by its file, its options, its
environment, its admin listener or the command line; and the refusals say why."""

import http.client
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from harness.clients import admin, boto3_client
from harness.server import BINARY, IDENTITIES, ROOT, DidNotStart, Installation, dev
from harness.wire import Credentials, connect_socket

DOCS = (ROOT / "docs/dev.md").read_text()

#: Every command and every call of the table in the documentation, so that a new tool is tried here too.
COMMANDS = [words.replace("[ID]", "1").split() for words in re.findall(r"^\| `strongroom (dev [^`]+)`", DOCS, re.M)]
CALLS = re.findall(r"`(GET|POST) (/dev/[a-z/]+)`", DOCS)

#: Fields that somebody might hope for, and where in the file they stand.
AT_THE_TOP = [
    *("dev = true", 'mode = "dev"', 'seed = "seed.yaml"', 'clock = "2027-01-01T00:00:00Z"', "faults = []"),
    *("snapshots = true", "strangers = true", "any_access_key = true", "insecure = true", "memory = true"),
]
TABLES = [
    *('[dev]\nclock = "2027-01-01T00:00:00Z"', '[clock]\noffset = "400d"', "[[fault]]\nlatency_ms = 1"),
    *('[seed]\nfile = "seed.yaml"', '[snapshot]\nname = "a"', '[[keys]]\nid = "x"'),
]
INSIDE = [
    ("[tls]", "plaintext = true"),
    ("[admin]", "token = false"),
    ("[admin]", "dev = true"),
    ("[seal]", "memory = true"),
    ("[quotas]", "faults = true"),
    ("[[account]]", "strangers = true"),
    ("[[account.access_key]]", "verify = false"),
]

OPTIONS = [
    *(["--seed", "seed.yaml"], ["--data", "elsewhere"], ["--region", "eu-west-1"], ["--listen", "127.0.0.1:0"]),
    *(["--admin", "127.0.0.1:0"], ["--quotas", "quotas.toml"], ["--audit", "off"], ["--dev"]),
    *(["--clock", "400d"], ["clock", "show"], ["reset"], ["snapshot", "save", "a"], ["fault", "list"]),
]

#: Names that the options of `dev` would have, and whatever else comes to mind.
ENVIRONMENT = {
    **{f"STRONGROOM_{name}": "1" for name in ("DEV", "INSECURE", "TEST", "ANY_ACCESS_KEY", "FAULTS", "SNAPSHOTS")},
    "STRONGROOM_MODE": "dev",
    "STRONGROOM_CLOCK": "2099-01-01T00:00:00Z",
    "STRONGROOM_CLOCK_OFFSET": "400d",
    "STRONGROOM_DATA": "/nonexistent",
    "STRONGROOM_ADMIN": "127.0.0.1:1",
    "STRONGROOM_ADMIN_TOKEN": "",
    "STRONGROOM_ACCESS_KEY": "test",
    "STRONGROOM_REGIONS": "eu-west-1",
}

SEED = "keys:\n- id: 1234abcd-12ab-34cd-56ef-1234567890ab\n  account: '111122223333'\n"


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("serve"))
    assert installation.init().returncode == 0
    return installation


@pytest.fixture(scope="module")
def server(installation):
    """`serve` with everything in its environment that could tempt it."""
    seed = installation.folder / "seed.yaml"
    seed.write_text(SEED)
    with installation.serve(**ENVIRONMENT, STRONGROOM_SEED=str(seed)) as server:
        yield server


@pytest.fixture
def token(installation):
    return (installation.data / "admin.token").read_text().strip()


def root(server, **changes):
    account, access_key, secret, _ = IDENTITIES[0]
    return boto3_client(server, credentials=Credentials(access_key, secret, **changes))


def refusal(call, **members):
    with pytest.raises(ClientError) as refused:
        call(**members)
    return refused.value.response["Error"]["Code"]


def run(*words, environment=None, folder=None):
    environment = {"PATH": os.environ["PATH"], **(environment or {})}
    return subprocess.run([BINARY, *words], env=environment, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_lists_are_of_something():
    tools = {"clock", "fault", "snapshot", "reset"}
    assert {words[1] for words in COMMANDS} == tools
    assert len(CALLS) == len(COMMANDS)


@pytest.mark.parametrize("line", AT_THE_TOP)
def test_fields_at_the_top(installation, tmp_path, line):
    text = installation.config.read_text()
    refuses_line(installation, tmp_path, f"{line}\n{text}", 1, line.partition(" ")[0])


@pytest.mark.parametrize("table", TABLES)
def test_tables(installation, tmp_path, table):
    text = installation.config.read_text()
    name = re.match(r"\[+(\w+)", table).group(1)
    refuses_line(installation, tmp_path, f"{text}{table}\n", text.count("\n") + 1, name)


@pytest.mark.parametrize(("head", "line"), INSIDE)
def test_fields_inside(installation, tmp_path, head, line):
    text = installation.config.read_text()
    before, _, after = text.partition(f"{head}\n")
    at = before.count("\n") + 2
    refuses_line(installation, tmp_path, f"{before}{head}\n{line}\n{after}", at, line.partition(" ")[0])


def refuses_line(installation, folder, text, line, name):
    """`serve` does not start, and names the line and the field; neither does `init`."""
    config = folder / "strongroom.toml"
    config.write_text(text)
    config.chmod(0o600)
    for command in ("serve", "init"):
        done = run(command, "--config", config, environment=installation.environment)
        assert done.returncode == 2, (command, done.stderr)
        assert f"strongroom.toml, line {line}" in done.stderr, done.stderr
        assert name in done.stderr, done.stderr


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_options(installation, options):
    done = run("serve", "--config", installation.config, *options, environment=installation.environment)
    assert done.returncode == 2, done.stderr
    assert options[0] in done.stderr, done.stderr


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_there_are_no_such_routes(server, token, method, path):
    for headers in ({}, {"Authorization": f"Bearer {token}"}, {"X-Strongroom-Mode": "dev"}):
        for body in (None, {}, {"advance": "1d"}, {"name": "a"}):
            assert admin(server, path, body, headers) == (
                404,
                {"error": "not_found", "message": "there is no such route"},
            )


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_command_line_says_why(server, installation, words):
    address = server.admin.removeprefix("http://")
    ways = (["--admin", address], ["--admin", address, "--config", installation.config])
    for way in ways:
        done = run(*words, *way)
        assert done.returncode == 1, done.stderr
        assert f"the server on {address} is not `strongroom dev`" in done.stderr, done.stderr


def test_the_environment_is_without_effect(server):
    """The clock is the machine's, no seed was sown, and what was configured is there."""
    kms = root(server)
    assert refusal(kms.describe_key, KeyId="1234abcd-12ab-34cd-56ef-1234567890ab") == "NotFoundException"
    made = kms.create_key()
    said = made["ResponseMetadata"]["HTTPHeaders"]
    assert "x-strongroom-mode" not in said
    assert abs(made["KeyMetadata"]["CreationDate"] - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(),
        Credentials("000000000000", "any"),
        Credentials("111122223333", "any"),
        Credentials(IDENTITIES[0][1], "test"),
        Credentials("AKIAQAAAAAAAL5YDY4FP", "any"),
        Credentials("ASIAQAAAAAAAL5YDY4FP", "any", token="any"),
    ],
    ids=lambda credentials: f"{credentials.access_key}/{credentials.secret}",
)
def test_nobody_is_let_in_who_was_not_made(server, credentials):
    expected = {"UnrecognizedClientException", "InvalidSignatureException"}
    assert refusal(boto3_client(server, credentials=credentials).list_keys) in expected


def test_there_is_no_plain_http(server):
    """What is no TLS gets no HTTP."""
    with connect_socket(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        try:
            said = connection.recv(4096)
        except ConnectionResetError:
            said = b""
    assert not said.startswith(b"HTTP/")
    with pytest.raises((http.client.BadStatusLine, ConnectionError)):
        plain = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        plain.request("POST", "/", b"{}")
        plain.getresponse()


def test_the_admin_listener_wants_its_token(server, token):
    assert admin(server, "/status")[0] == 403
    assert admin(server, "/status", headers={"Authorization": "Bearer "})[0] == 403
    assert admin(server, "/status", headers={"Authorization": f"Bearer {token}"})[0] == 200


def test_other_regions_and_short_secrets(installation, tmp_path):
    """Regions are served as the file says; a secret such as `test` is refused."""
    text = installation.config.read_text()
    other = Installation(tmp_path)
    other.config.write_text(f'regions = ["eu-west-1"]\n{text}')
    assert other.init().returncode == 0
    with other.serve() as server:
        assert root(server, region="eu-west-1").list_keys()["Keys"] == []
        assert refusal(root(server).list_keys) == "InvalidSignatureException"
        there = root(server, region="eu-west-1")
        key = there.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        code = refusal(there.replicate_key, KeyId=key, ReplicaRegion="us-east-1")
        assert code == "UnsupportedOperationException"
    weak = text.replace(f'secret = "{IDENTITIES[0][2]}"', 'secret = "test"')
    assert weak != text
    other.config.write_text(weak)
    done = run("serve", "--config", other.config, environment=installation.environment)
    assert done.returncode == 2 and "account.access_key.secret" in done.stderr, done.stderr
    assert "line " in done.stderr


def test_what_dev_stored_is_not_served(tmp_path):
    """The root key of `dev` has no passphrase, and no configuration makes `serve` do without one."""
    installation = Installation(tmp_path)
    with dev(installation.data) as server:
        boto3_client(server).create_key()
    text = installation.config.read_text()
    installation.config.write_text(text.replace('"root.key"', '"data/root.key"'))
    assert installation.init().returncode == 0
    with pytest.raises(DidNotStart) as refused:
        installation.serve()
    assert refused.value.code == 1
    assert "a key file alone, as a development server seals its own" in refused.value.stderr
    installation.config.write_text(text.replace('passphrase_env = "STRONGROOM_PASSPHRASE"\n', ""))
    done = run("serve", "--config", installation.config, environment=installation.environment)
    assert done.returncode == 2 and "seal: needs one of passphrase_env and passphrase_file" in done.stderr
