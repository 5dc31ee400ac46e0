"""Accounts, made by the operator's command line: with the server stopped, and through its admin listener."""

import json
import os
import subprocess

import pytest
from botocore.exceptions import ClientError
from test_iam import client

from harness.server import BINARY, Installation
from harness.wire import Credentials


@pytest.fixture
def installation(tmp_path):
    installation = Installation(tmp_path)
    made = installation.init()
    assert made.returncode == 0, made.stderr
    return installation


def account(installation, *arguments):
    return subprocess.run(
        [BINARY, "account", *arguments],
        env={"PATH": os.environ["PATH"], **installation.environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def made(answer):
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def root_of(account):
    return Credentials(account["access_key_id"], account["secret_access_key"])


def test_accounts(installation):
    config = ("--config", installation.config, "--output", "json")
    stopped = made(account(installation, "create", "--id", "555566667777", "--alias", "first", *config))
    assert stopped["account"] == "555566667777"
    again = account(installation, "create", "--id", "555566667777", *config)
    assert again.returncode == 1 and "already" in again.stderr
    for bad in (["--id", "5555"], ["--alias", "No Alias"]):
        assert account(installation, "create", *bad, *config).returncode == 1

    with installation.serve() as server:
        port = server.admin.removeprefix("http://")
        way = ("--admin", port, "--admin-token-file", installation.data / "admin.token", "--output", "json")
        running = made(account(installation, "create", *way))
        assert len(running["account"]) == 12
        # A server that runs has its store to itself.
        assert account(installation, "create", *config).returncode == 1
        listed = made(account(installation, "list", *way))
        assert {entry["account"]: entry["alias"] for entry in listed} == {
            "111122223333": None,
            "444455556666": None,
            "555566667777": "first",
            running["account"]: None,
        }

        for own in (stopped, running):
            iam = client(server, "iam", root_of(own))
            assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{own['account']}:root"
            assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 1
        assert client(server, "iam", root_of(stopped)).list_account_aliases()["AccountAliases"] == ["first"]
        key = client(server, "kms", root_of(stopped)).create_key()["KeyMetadata"]["Arn"]
        with pytest.raises(ClientError) as refused:
            client(server, "kms", root_of(running)).describe_key(KeyId=key)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
        wrong = Credentials(stopped["access_key_id"], "wrong" * 8)
        with pytest.raises(ClientError) as refused:
            client(server, "iam", wrong).get_user()
        assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
        assert stopped["secret_access_key"] not in server.stderr()

    # What was made is there after a restart.
    with installation.serve() as server:
        iam = client(server, "iam", root_of(running))
        iam.create_user(UserName="ann")
    with installation.serve() as server:
        users = client(server, "iam", root_of(running)).list_users()["Users"]
        assert [user["UserName"] for user in users] == ["ann"]
