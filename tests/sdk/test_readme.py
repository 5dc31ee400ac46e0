"""The README is true: its quick start runs as it stands, and its table says what each operation does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import model
from harness.server import ROOT

README = (ROOT / "README.md").read_text()


def test_the_quick_start_pasted(dev_server, tmp_path):
    [script] = re.findall(r"```sh\n(export AWS_ENDPOINT_URL_KMS=.*?)```", README, re.S)
    assert "http://127.0.0.1:4599" in script
    script = script.replace("http://127.0.0.1:4599", dev_server.endpoint)
    # Its alias is taken once it has run; the account that another access key names has none yet.
    script = script.replace("AWS_ACCESS_KEY_ID=test", "AWS_ACCESS_KEY_ID=400000000004")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["attack at dawn", "the pair fits"]


def test_the_two_set_up_commands_are_named():
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
    assert "cargo run --release -- dev" in blocks[0]
    assert any(block.strip() == "cargo xtask test" for block in blocks)


def test_the_address_is_the_default():
    assert "`http://127.0.0.1:4599`" in README


CUSTOM_KEY_STORES = [name for name in model.operations() if "CustomKeyStore" in name]


def table():
    """Operation → whether the README says that it works."""
    rows = re.findall(r"^\| (.*?) \| (yes|–).* \|$", README, re.M)
    said = {}
    for operations, answer in rows:
        names = operations.split(", ") if "custom key stores" not in operations else CUSTOM_KEY_STORES
        for name in names:
            assert name not in said, f"{name} is in the table twice"
            said[name] = answer == "yes"
    return said


def test_the_table_names_every_operation():
    assert sorted(table()) == model.operations()


@pytest.mark.parametrize("operation", model.operations())
def test_the_table_is_right(kms, operation):
    reply = kms.call(operation, **model.valid_input(operation))
    if table()[operation]:
        assert reply.code != "UnsupportedOperationException", reply.json
    else:
        assert reply.code == "UnsupportedOperationException", reply.json


#: Faults that any operation may answer with, although no operation's model names them.
COMMON = {"ValidationException", "AccessDeniedException", "ThrottlingException", "UnsupportedOperationException"}


@pytest.mark.parametrize("operation", model.operations())
def test_every_answer_is_one_that_clients_know(kms, key, operation):
    """SDKs turn the modelled faults into types; another name would reach the caller as an unknown error."""
    modelled = {error["shape"] for error in model.model()["operations"][operation].get("errors", [])} | COMMON
    if operation == "CreateAlias":
        # The reserved prefix has a fault of its own.
        modelled.add("NotAuthorizedException")
    names = [key["KeyId"], key["Arn"], "alias/none", "foo", key["Arn"].replace("us-east-1", "eu-west-1")]
    members = model.valid_input(operation)
    places = [name for name in members if name.endswith("KeyId")]
    for value in names if places else [None]:
        reply = kms.call(operation, **{**members, **dict.fromkeys(places, value)})
        assert reply.status == 200 or reply.code in modelled | {"InvalidArnException"}, (value, reply.json)
