"""Requests as bytes, signed by botocore, and replies that are looked at before any SDK smooths them."""

import base64
import datetime
import http.client
import json
import re
import socket
from dataclasses import dataclass, field, replace

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

JSON_1_1 = "application/x-amz-json-1.1"
TIMEOUT_SECONDS = 60

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CODE = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Credentials:
    """Who signs, and for which Region and service."""

    access_key: str = "test"
    secret: str = "test"
    region: str = "us-east-1"
    service: str = "kms"
    token: str | None = None

    def sign(self, request, when=None):
        """Adds the signature to `request`, as of `when` (now if absent)."""
        keys = BotocoreCredentials(self.access_key, self.secret, self.token)
        _SignedAt(keys, self.service, self.region, when or now()).add_auth(request)


class _SignedAt(SigV4Auth):
    """botocore's signer with the clock in our hands."""

    def __init__(self, keys, service, region, when):
        super().__init__(keys, service, region)
        self._when = when

    def add_auth(self, request):
        request.context["timestamp"] = self._when.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))


def now():
    return datetime.datetime.now(datetime.UTC)


def signed_headers(server, target, body, credentials, *, when=None, content_type=JSON_1_1, extra=None):
    """The headers of a signed request. None leaves out the target or the content type."""
    headers = dict(extra or {})
    if target is not None:
        headers["X-Amz-Target"] = target
    if content_type is not None:
        headers["Content-Type"] = content_type
    request = AWSRequest("POST", server.endpoint + "/", headers=headers, data=body)
    credentials.sign(request, when)
    return {**dict(request.headers.items()), "Host": f"127.0.0.1:{server.port}"}


@dataclass
class Reply:
    """An HTTP reply that has the form every reply must have."""

    status: int
    headers: dict
    body: bytes
    json: object = field(init=False)

    def __post_init__(self):
        self.headers = {name.lower(): value for name, value in self.headers.items()}
        assert _UUID.fullmatch(self.headers["x-amzn-requestid"]), self.headers
        assert self.headers["content-length"] == str(len(self.body)), self.headers
        assert "date" in self.headers, self.headers
        self.json = _strict_json(self.body) if self.body else None
        if self.body:
            assert self.headers["content-type"] == JSON_1_1, self.headers
        if self.status != 200:
            self._looks_like_a_fault()

    def _looks_like_a_fault(self):
        assert isinstance(self.json, dict), f"{self.status} with the body {self.body!r}"
        assert _CODE.fullmatch(self.json["__type"]), self.json
        assert len([name for name in self.json if "message" in name.lower()]) <= 1, self.json

    @property
    def code(self):
        return self.json["__type"] if self.status != 200 else None

    @property
    def message(self):
        """The fault's text; None when there is no such member."""
        return next((value for name, value in self.json.items() if name.lower() == "message"), None)


def _strict_json(body):
    """JSON without nulls, whose timestamps all carry a fraction; duplicate names are refused."""

    def object_of(pairs):
        names = [name for name, _ in pairs]
        assert len(set(names)) == len(names), f"duplicate names in {names}"
        for name, value in pairs:
            assert value is not None, f"{name} is null"
            if name.endswith("Date") or name in ("ValidTo", "ParametersValidTo", "Timestamp"):
                assert isinstance(value, float), f"{name} is {value!r}: some clients need the fraction"
        return dict(pairs)

    return json.loads(body.decode("utf-8"), object_pairs_hook=object_of)


def encode(members):
    """A request body; bytes become base64, everything else is left to JSON."""

    def plain(value):
        if isinstance(value, bytes | bytearray):
            return base64.b64encode(value).decode()
        raise TypeError(f"{value!r} has no place in a request")

    return json.dumps(members, default=plain).encode()


class Kms:
    """A caller that speaks to the server without an SDK, over one kept connection."""

    def __init__(self, server, credentials=Credentials(), attempts=2):
        self.server = server
        self.credentials = credentials
        self._attempts = attempts
        self._connection = None

    def with_(self, **changes):
        """Another caller of the same server."""
        return Kms(self.server, replace(self.credentials, **changes))

    @property
    def account(self):
        return self.credentials.access_key if self.credentials.access_key.isdigit() else "000000000000"

    @property
    def region(self):
        return self.credentials.region

    @property
    def partition(self):
        return "aws-cn" if self.region.startswith("cn-") else "aws"

    def arn(self, resource):
        """`resource` (`key/…` or `alias/…`) of this caller's account and Region."""
        return f"arn:{self.partition}:kms:{self.region}:{self.account}:{resource}"

    def call(self, operation, **members):
        return self.send(f"TrentService.{operation}", encode(members))

    def ok(self, operation, **members):
        """The output of a call that must succeed; blobs stay base64 text."""
        reply = self.call(operation, **members)
        assert reply.status == 200, f"{operation}: {reply.json}"
        return reply.json

    def ok_empty(self, operation, **members):
        """A call that must succeed and, having no output, answers with an empty body."""
        reply = self.call(operation, **members)
        assert (reply.status, reply.body) == (200, b""), f"{operation}: {reply.status} {reply.body!r}"

    def key(self, **members):
        """A new key's metadata."""
        return self.ok("CreateKey", **members)["KeyMetadata"]

    def send(self, target, body, *, when=None, content_type=JSON_1_1, extra=None):
        """Signs and sends any body."""
        arguments = {"when": when, "content_type": content_type, "extra": extra}
        return self.send_as_is(body, signed_headers(self.server, target, body, self.credentials, **arguments))

    def send_as_is(self, body, headers, method="POST", path="/"):
        """Sends what it is given, signed or not."""
        for attempt in range(1, self._attempts + 1):
            if self._connection is None:
                self._connection = connect(self.server)
            try:
                self._connection.request(method, path, body=body, headers=headers)
                response = self._connection.getresponse()
                return Reply(response.status, dict(response.getheaders()), response.read())
            except (http.client.BadStatusLine, BrokenPipeError, ConnectionResetError):
                # A connection the server closed between two calls; a fresh one must work.
                self.close()
                if attempt == self._attempts:
                    raise

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def connect(server):
    context = server.tls()
    if context:
        return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS, context=context)
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)


def connect_socket(server):
    """A plain TCP connection, for requests that no HTTP library would send."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_SECONDS)


def unblob(text):
    """The bytes of a base64 member, which must be in the one canonical spelling."""
    raw = base64.b64decode(text, validate=True)
    assert base64.b64encode(raw).decode() == text
    return raw
