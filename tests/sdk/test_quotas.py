"""Quotas as clients meet them, on the server that is there to be used."""

import itertools
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.checks import check_fault
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


#: Few of everything, and as many calls as anybody likes.
RESOURCES = """
throttle = false
keys = 20
aliases_per_key = 3
grants_per_key = 4
"""


def exceeded(what, quota):
    text = f"{what} quota for this account in this region is {quota}"
    return f"{text} but the current usage is {quota}." if what == "Key" else f"{text}, current usage is {quota}."


def all_at_once(call, count):
    """What so many calls at once came to: results, and errors as clients read them."""

    def one(number):
        try:
            return call(number), None
        except ClientError as refused:
            return None, refused.response

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(one, range(count)))
    return [made for made, error in outcomes if not error], [error for _, error in outcomes if error]


def test_resources_are_exact_however_many_ask_at_once(tmp_path):
    """As many calls succeed as there is room for; the others read what is allowed and what there is."""
    installation = Installation(tmp_path, quotas=RESOURCES)
    assert installation.init().returncode == 0
    with installation.serve() as server:
        kms = client(server, FIRST, {"total_max_attempts": 1})
        made, refused = all_at_once(lambda _: kms.create_key()["KeyMetadata"]["KeyId"], 33)
        assert (len(made), len(refused)) == (20, 13)
        told = {"Code": "LimitExceededException", "Message": exceeded("Key", 20)}
        for error in refused:
            assert error["Error"] == told
            assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
        pages = kms.get_paginator("list_keys").paginate()
        assert sorted(made) == sorted(key["KeyId"] for page in pages for key in page["Keys"])

        key = made[0]
        name = (f"alias/n{number}" for number in itertools.count())
        named, refused = all_at_once(lambda _: kms.create_alias(AliasName=next(name), TargetKeyId=key), 10)
        assert (len(named), len(refused)) == (3, 7)
        assert {error["Error"]["Message"] for error in refused} == {exceeded("Aliases per key", 3)}

        def grant(number):
            grantee = f"arn:aws:iam::777788889999:user/u{number}"
            return kms.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"])["GrantId"]

        granted, refused = all_at_once(grant, 10)
        assert (len(granted), len(refused)) == (4, 6)
        assert {error["Error"]["Message"] for error in refused} == {exceeded("Grants per key", 4)}
        kms.revoke_grant(KeyId=key, GrantId=granted[0])
        assert len(all_at_once(grant, 3)[0]) == 1

        others = client(server, SECOND, {"total_max_attempts": 1})
        elsewhere = client(server, replace(FIRST, region="eu-west-1"), {"total_max_attempts": 1})
        assert others.create_key() and elsewhere.create_key()
        kms.schedule_key_deletion(KeyId=made[1], PendingWindowInDays=7)
        with pytest.raises(ClientError, match="LimitExceededException"):
            kms.create_key()
    with installation.serve() as server:
        kms = client(server, FIRST, {"total_max_attempts": 1})
        for call in (kms.create_key, lambda: kms.create_alias(AliasName="alias/late", TargetKeyId=key)):
            with pytest.raises(ClientError, match="LimitExceededException"):
                call()


def test_fifty_aliases_and_no_more(tmp_path):
    """Without a word in the file, as AWS has it."""
    installation = Installation(tmp_path)
    assert installation.init().returncode == 0
    with installation.serve() as server:
        kms = Kms(server, FIRST)
        (key, other) = (kms.key(), kms.key())
        for number in range(50):
            kms.ok_empty("CreateAlias", AliasName=f"alias/n{number}", TargetKeyId=key["KeyId"])
        members = {"AliasName": "alias/n50", "TargetKeyId": key["KeyId"]}
        check_fault(kms, "CreateAlias", members, "LimitExceededException", exceeded("Aliases per key", 50))
        kms.ok_empty("CreateAlias", AliasName="alias/n50", TargetKeyId=other["KeyId"])
        check_fault(kms, "UpdateAlias", members, "LimitExceededException", exceeded("Aliases per key", 50))
        # One that already points there takes no further place.
        kms.ok_empty("UpdateAlias", AliasName="alias/n0", TargetKeyId=key["KeyId"])
        kms.ok_empty("DeleteAlias", AliasName="alias/n1")
        kms.ok_empty("UpdateAlias", **members)
        kms.close()


def test_dev_has_quotas_when_it_is_told_to(tmp_path):
    """What was destroyed counts no more; what was seeded counts, and is refused when it is more than there may be."""
    quotas, seed, data = tmp_path / "quotas.toml", tmp_path / "seed.yaml", tmp_path / "data"
    quotas.write_text("[quotas]\nthrottle = false\nkeys = 2\naliases_per_key = 1\ngrants_per_key = inf")
    key = "  - {id: 1234abcd-12ab-34cd-56ef-1234567890a%d, aliases: [%s]}\n"
    seed.write_text("keys:\n" + key % (0, "alias/a"))
    with dev(quotas=quotas, data=data, more=["--seed", seed]) as server:
        kms = Kms(server)
        doomed = kms.key()["KeyId"]
        check_fault(kms, "CreateKey", {}, "LimitExceededException", exceeded("Key", 2))
        members = {"AliasName": "alias/b", "TargetKeyId": "1234abcd-12ab-34cd-56ef-1234567890a0"}
        check_fault(kms, "CreateAlias", members, "LimitExceededException", exceeded("Aliases per key", 1))
        kms.ok("ScheduleKeyDeletion", KeyId=doomed, PendingWindowInDays=7)
        check_fault(kms, "CreateKey", {}, "LimitExceededException", exceeded("Key", 2))
        request = urllib.request.Request(f"{server.admin}/dev/clock", data=b'{"advance": "7d"}', method="POST")
        urllib.request.urlopen(request, timeout=10).close()
        kms.key()
        kms.close()
    for text, folder, told in [
        (key % (0, "alias/a") + key % (1, ""), data, "keys[1]: Key quota for this account in this region is 2"),
        (key % (2, "alias/c, alias/d"), None, "keys[0]: Aliases per key quota for this account in this region is 1"),
    ]:
        seed.write_text("keys:\n" + text)
        with pytest.raises(DidNotStart) as refused:
            dev(quotas=quotas, data=folder, more=["--seed", seed])
        assert told in refused.value.stderr
    with dev(data=data) as server:
        kms = Kms(server)
        for number in range(60):
            kms.ok_empty("CreateAlias", AliasName=f"alias/n{number}", TargetKeyId=members["TargetKeyId"])
        assert len({kms.key()["KeyId"] for _ in range(5)}) == 5
        kms.close()


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
        ("[quotas]\nkeys = 0.5", "line 2, quotas.keys: a quota is a whole number"),
        (None, "cannot read"),
    ]:
        if text is None:
            quotas.unlink()
        else:
            quotas.write_text(text)
        with pytest.raises(DidNotStart) as refused:
            dev(quotas=quotas)
        assert named in refused.value.stderr
