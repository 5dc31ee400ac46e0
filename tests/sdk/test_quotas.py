"""Quotas as clients meet them, on the server that is there to be used."""

import time
import urllib.request
from dataclasses import replace

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.server import IDENTITIES, DidNotStart, Installation, dev
from harness.wire import Credentials, Kms

#: A bucket of one call that stays empty, and one of two that fills by one in half a second.
QUOTAS = """
[quotas.requests_per_second]
ListAliases = 0.01
ListKeys = 2
CreateKey = inf
"""
TEXT = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."

(FIRST, SECOND) = [Credentials(key, secret) for _, key, secret, user in IDENTITIES if user is None]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("quotas"), quotas=QUOTAS)
    made = installation.init()
    assert made.returncode == 0, made.stderr
    with installation.serve() as server:
        yield server


def client(server, credentials, retries):
    return boto3.client(
        "kms",
        endpoint_url=server.endpoint,
        region_name=credentials.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret,
        verify=str(server.ca),
        config=Config(retries=retries),
    )


def throttles(server, operation):
    with urllib.request.urlopen(f"{server.admin}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    name = f'strongroom_throttles_total{{service="kms",operation="{operation}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_a_client_reads_the_exception(server):
    credentials = replace(FIRST, region="eu-west-1")
    kms = client(server, credentials, {"total_max_attempts": 1})
    kms.list_aliases()
    with pytest.raises(ClientError) as refused:
        kms.list_aliases()
    error = refused.value.response
    assert error["Error"] == {"Code": "ThrottlingException", "Message": TEXT}
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert throttles(server, "ListAliases") == 1


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_clients_wait_and_get_through(server, mode):
    """What is refused is tried again by the SDK until the bucket has filled: the caller sees successes alone."""
    kms = client(server, replace(FIRST, region="us-west-2"), {"mode": mode, "total_max_attempts": 12})
    before = throttles(server, "ListKeys")
    attempts = [kms.list_keys()["ResponseMetadata"]["RetryAttempts"] for _ in range(4)]
    assert sum(attempts) == throttles(server, "ListKeys") - before > 0


def test_one_account_s_flood_is_its_own(server):
    (loud, quiet) = [Kms(server, replace(each, region="ap-south-1")) for each in (FIRST, SECOND)]
    replies = [loud.call("ListAliases") for _ in range(100)]
    assert [reply.code for reply in replies] == [None] + ["ThrottlingException"] * 99
    assert quiet.call("ListAliases").code is None
    assert quiet.call("ListAliases").code == "ThrottlingException"
    elsewhere = loud.with_(region="eu-north-1")
    assert elsewhere.call("ListAliases").code is None
    for caller in (loud, quiet, elsewhere):
        caller.close()


def test_what_has_no_limit_has_none(server):
    kms = Kms(server, FIRST)
    assert {kms.call("CreateKey").code for _ in range(20)} == {None}
    kms.close()


def test_the_defaults_are_those_of_aws(tmp_path):
    """Without a word in the file an account makes five keys a second."""
    installation = Installation(tmp_path, quotas="")
    assert installation.init().returncode == 0
    with installation.serve() as server:
        kms = Kms(server, FIRST)
        begun = time.monotonic()
        codes = [kms.call("CreateKey").code for _ in range(12)]
        seconds = time.monotonic() - begun
        kms.close()
    assert codes[:5] == [None] * 5
    assert codes.count(None) <= 5 + 5 * seconds
    assert seconds > 1 or "ThrottlingException" in codes


def test_dev_throttles_nobody_unless_it_is_told_to(tmp_path):
    quotas = tmp_path / "quotas.toml"
    quotas.write_text(QUOTAS)
    with dev() as free, dev(quotas=quotas) as bound:
        for server, expect in [(free, None), (bound, "ThrottlingException")]:
            kms = Kms(server)
            assert [kms.call("ListAliases").code for _ in range(2)] == [None, expect]
            kms.close()
    for text, named in [
        ("keys = 1", "keys"),
        ("[quotas]\nthrottles = true", "line 2, throttles"),
        (None, "cannot read"),
    ]:
        if text is None:
            quotas.unlink()
        else:
            quotas.write_text(text)
        with pytest.raises(DidNotStart) as refused:
            dev(quotas=quotas)
        assert named in refused.value.stderr
