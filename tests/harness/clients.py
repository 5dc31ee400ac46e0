"""boto3, the AWS CLI and the tools of `strongroom dev`, as those who use a server have them.

boto3 and the AWS CLI are callers of one form, so that a story is told once and played by both:
`call("CreateKey", Description="…")`, with bytes, dates and lists of Python on both sides.
"""

import base64
import contextlib
import io
import itertools
import json
import os
import subprocess
import tempfile
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import boto3
import botocore.session
from awscli.clidriver import create_clidriver
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.server import BINARY
from harness.wire import Credentials


def boto3_client(server, service="kms", credentials=Credentials(), attempts=1):
    """A client that tries so often: a retry would hide a fault that should not have been."""
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name=credentials.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret,
        aws_session_token=credentials.token,
        verify=str(server.ca) if server.ca else None,
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )


class Refused(Exception):
    """The service said no, by this code."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Boto3:
    """Calls by boto3."""

    def __init__(self, server, credentials=Credentials(), service="kms"):
        self._client = boto3_client(server, service, credentials)

    def __call__(self, operation, **members):
        try:
            reply = getattr(self._client, xform_name(operation))(**members)
        except ClientError as error:
            raise Refused(error.response["Error"]["Code"], error.response["Error"].get("Message")) from error
        del reply["ResponseMetadata"]
        return reply


class AwsCli:
    """Calls by the AWS CLI. Members become options, blobs go through files, and the JSON is read by the model.

    Its code runs in this process: to start the program for every call takes a second each time.
    """

    def __init__(self, server, credentials=Credentials(), service="kms"):
        self._service = service
        self._model = botocore.session.get_session().get_service_model(service)
        self._folder = tempfile.TemporaryDirectory()
        self._files = itertools.count()
        self._environment = {
            # Where the AWS CLI, when it is imported, says that its own files are.
            "AWS_DATA_PATH": os.environ["AWS_DATA_PATH"],
            "HOME": self._folder.name,
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret,
            "AWS_REGION": credentials.region,
            "AWS_DEFAULT_REGION": credentials.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **({"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {}),
            **({"AWS_CA_BUNDLE": str(server.ca)} if server.ca else {}),
        }
        with self._surroundings():
            self._driver = create_clidriver()

    def __call__(self, operation, **members):
        options = [option for name, value in members.items() for option in self._option(name, value)]
        said, wrong = io.StringIO(), io.StringIO()
        with self._surroundings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
            done = self._driver.main([self._service, xform_name(operation, "-"), *options, "--output", "json"])
        said, wrong = said.getvalue(), wrong.getvalue()
        if done != 0:
            assert "An error occurred (" in wrong, wrong
            code, _, text = wrong.partition("An error occurred (")[2].partition(")")
            raise Refused(code, text.partition("operation: ")[2].strip())
        shape = self._model.operation_model(operation).output_shape
        return _from_json(shape, json.loads(said)) if said.strip() else {}

    def _surroundings(self):
        return mock.patch.dict(os.environ, self._environment, clear=True)

    def _option(self, name, value):
        option = f"--{xform_name(name, '-')}"
        if isinstance(value, bool):
            return [option if value else option.replace("--", "--no-", 1)]
        if isinstance(value, bytes):
            path = Path(self._folder.name, str(next(self._files)))
            path.write_bytes(value)
            return [option, f"fileb://{path}"]
        if isinstance(value, datetime):
            return [option, value.isoformat()]
        return [option, value if isinstance(value, str) else json.dumps(value)]


def _from_json(shape, value):
    """What the AWS CLI printed, as boto3 would have given it."""
    if shape.type_name == "structure":
        return {name: _from_json(shape.members[name], inner) for name, inner in value.items() if name in shape.members}
    if shape.type_name == "list":
        return [_from_json(shape.member, inner) for inner in value]
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "timestamp":
        return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    return value


#: Both kinds of callers, by name.
CALLERS = {"boto3": Boto3, "aws-cli": AwsCli}


def tool(server, *words, fails=False):
    """Runs `strongroom dev …` against the server; its JSON, or what it said when it failed."""
    command = [BINARY, "dev", *words, "--admin", server.admin.removeprefix("http://"), "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={})
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else json.loads(done.stdout)


def admin(server, path, body=None, headers=None):
    """A call of the admin listener: the status and the JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.admin + path, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
