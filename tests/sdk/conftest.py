"""The servers the tests talk to, and fresh accounts on them."""

import itertools
from dataclasses import replace

import boto3
import pytest
from botocore.config import Config

from harness.server import IDENTITIES, Installation, dev
from harness.wire import Credentials, Kms

#: What other test runners said at the end; shown in this run's summary.
CLOSING_LINES = []

_accounts = itertools.count(100_000_000_001)


@pytest.fixture(scope="session")
def dev_server():
    """`strongroom dev`, in memory, over plain HTTP."""
    with dev() as server:
        yield server


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory):
    """`strongroom serve`, as `strongroom init` set it up, over TLS."""
    installation = Installation(tmp_path_factory.mktemp("serve"))
    made = installation.init()
    assert made.returncode == 0, made.stderr
    with installation.serve() as server:
        yield server


@pytest.fixture(params=["http", "tls"])
def place(request):
    """A server and credentials for it, once over HTTP and once over TLS."""
    if request.param == "http":
        return Place(request.getfixturevalue("dev_server"), Credentials())
    _, access_key, secret, _ = IDENTITIES[0]
    return Place(request.getfixturevalue("tls_server"), Credentials(access_key, secret))


class Place:
    """Where a client finds a server, and as whom it calls."""

    def __init__(self, server, credentials):
        self.server = server
        self.credentials = credentials

    def boto3(self, **changes):
        return boto3_client(self.server, replace(self.credentials, **changes))

    def environment(self):
        """The variables from which every AWS client takes its configuration."""
        variables = {
            "AWS_ENDPOINT_URL_KMS": self.server.endpoint,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret,
            "AWS_REGION": self.credentials.region,
            "AWS_DEFAULT_REGION": self.credentials.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
        if self.server.ca:
            for name in ("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"):
                variables[name] = str(self.server.ca)
        return variables


def boto3_client(server, credentials, service="kms"):
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name=credentials.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret,
        verify=str(server.ca) if server.ca else None,
        # A retry would hide a fault that should not have been.
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def dev_boto3(dev_server):
    """boto3 over HTTP, for what does not depend on the way to the server."""
    return boto3_client(dev_server, Credentials())


@pytest.fixture
def kms(dev_server):
    """A caller in an account that nobody else uses."""
    caller = Kms(dev_server, Credentials(access_key=str(next(_accounts)), secret="any"))
    yield caller
    caller.close()


@pytest.fixture
def stranger(kms):
    """A caller of another account on the same server."""
    caller = kms.with_(access_key=str(next(_accounts)))
    yield caller
    caller.close()


@pytest.fixture
def key(kms):
    """A symmetric key of `kms`: its metadata."""
    return kms.key()


@pytest.fixture(scope="session")
def every_key(dev_server):
    """Finds the session's key of a spec and usage, with the caller who owns it; made when first asked for.

    Tests must leave these keys as they are.
    """
    home = Kms(dev_server, Credentials(access_key="300000000003", secret="any"))
    china = home.with_(region="cn-north-1")
    made = {}

    def find(spec, usage):
        kms = china if spec == "SM2" else home
        if (spec, usage) not in made:
            made[spec, usage] = kms.key(KeySpec=spec, KeyUsage=usage)
        return kms, made[spec, usage]

    yield find
    home.close()
    china.close()


@pytest.fixture
def closing_lines():
    return CLOSING_LINES


def pytest_terminal_summary(terminalreporter):
    for line in CLOSING_LINES:
        terminalreporter.write_line(line)
