"""The wire itself: bodies, types, targets, status codes, headers, limits, HTTP/1.1 and HTTP/2.

`harness.wire.Reply` checks on every reply of every test what holds for all: a lower-case request id, a content length,
a date, JSON without nulls, timestamps with a fraction, bare names in `__type`, at most one message.
"""

import contextlib
import http.client
import json
import select
import ssl
import time

import h2.config
import h2.connection
import h2.events
import pytest

from harness.checks import NO_TEXT, assert_fault
from harness.server import IDENTITIES
from harness.wire import JSON_1_1, TIMEOUT_SECONDS, Credentials, Kms, Reply, connect_socket, encode, signed_headers

MEGABYTE = 1 << 20


@pytest.fixture
def caller(dev_server):
    kms = Kms(dev_server)
    yield kms
    kms.close()


# Bodies.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b'"text"',
        b"[]",
        b'[{"KeyId":"x"}]',
        b"{",
        b"}",
        b"{}{}",
        b"{} x",
        b'{"KeyId"}',
        b'{"KeyId":}',
        b'{"KeyId":"x",}',
        b"{'KeyId':'x'}",
        b'{KeyId:"x"}',
        b'{"KeyId":"x"',
        b'{"KeyId":"x\x00"}',
        b'{"KeyId":"\\x41"}',
        b'{"KeyId":"\\ud800"}',
        b'{"KeyId":"\xff"}',
        b'{"KeyId":NaN}',
        b'{"KeyId":+1}',
        b'{"KeyId":01}',
        b"true",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"[" * 100_000,
        '{"KeyId":"x"}'.encode("utf-16"),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_bodies_that_are_no_request(caller, body):
    assert_fault(caller.send("TrentService.DescribeKey", body), "SerializationException", NO_TEXT)


def test_a_body_is_read_as_json_is(caller):
    key = caller.key()["KeyId"]
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in key)
    for body in (
        f' \n\t{{ "KeyId" :\r\n"{key}" }} ',
        f'{{"KeyId":"{spelled}"}}',
        f'{{"KeyId":"{key}","Unknown":[1,{{"deep":null}}],"Other":"x"}}',
        f'{{"KeyId":"{key}","GrantTokens":null}}',
        f'{{"\\u004beyId":"{key}"}}',
    ):
        reply = caller.send("TrentService.DescribeKey", body.encode())
        assert reply.status == 200, (body, reply.json)
        assert reply.json["KeyMetadata"]["KeyId"] == key


def test_member_names_are_exact(caller):
    for name in ("keyId", "KEYID", "Keyid", "key_id"):
        reply = caller.send("TrentService.DescribeKey", json.dumps({name: "x"}).encode())
        assert_fault(reply, "ValidationException")


def test_a_fractional_number_is_truncated(caller):
    reply = caller.send("TrentService.GenerateRandom", b'{"NumberOfBytes":7.9}')
    assert reply.status == 200
    assert len(reply.json["Plaintext"]) == len("AAAAAAAAAA==")
    reply = caller.send("TrentService.GenerateRandom", b'{"NumberOfBytes":1.6e1}')
    assert len(reply.json["Plaintext"]) == 24


@pytest.mark.parametrize("blob", ["QQ", "QQ=", "QR==", "Q Q=", "QQ==QQ==", "Q-_=", "QQ\\n==", "=", "####"])
def test_base64_that_is_none(caller, blob):
    key = caller.key()["KeyId"]
    body = f'{{"KeyId":"{key}","Plaintext":"{blob}"}}'.encode()
    reply = caller.send("TrentService.Encrypt", body)
    if blob == "QR==":
        # Bits left over at the end: decoders differ, a fault or the byte are both right, another byte is not.
        assert reply.status == 200 or reply.code == "SerializationException", reply.json
    else:
        assert_fault(reply, "SerializationException")


def test_escaped_base64(caller):
    key = caller.key()["KeyId"]
    body = f'{{"KeyId":"{key}","Plaintext":"\\/\\/\\/\\u002f"}}'.encode()
    sealed = caller.send("TrentService.Encrypt", body)
    assert sealed.status == 200, sealed.json
    assert caller.ok("Decrypt", CiphertextBlob=sealed.json["CiphertextBlob"])["Plaintext"] == "////"


@pytest.mark.parametrize("value", ["1", "1.5", "true", "null", "[]", "{}"])
def test_context_values_are_strings(caller, value):
    key = caller.key()["KeyId"]
    body = f'{{"KeyId":"{key}","Plaintext":"QQ==","EncryptionContext":{{"a":{value}}}}}'.encode()
    reply = caller.send("TrentService.Encrypt", body)
    # Sources disagree about numbers (a fault, or their spelling as a string); a crash or silence is wrong in any case.
    assert reply.status == 200 or reply.code in ("SerializationException", "ValidationException"), reply.json


# Targets.


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "TrentService.",
        "TrentService.Nothing",
        "TrentService.listkeys",
        "trentservice.ListKeys",
        "ListKeys",
        "TrentService.ListKeys.More",
        "DynamoDB_20120810.ListTables",
        "TrentService/ListKeys",
        "TrentService." + "A" * 1000,
    ],
)
def test_unknown_operations(caller, target):
    assert_fault(caller.send(target, b"{}"), "UnknownOperationException", NO_TEXT)


@pytest.mark.parametrize("content_type", [None, "application/x-amz-json-1.0", "application/json", "text/plain", ""])
def test_other_content_types(caller, content_type):
    reply = caller.send("TrentService.ListKeys", b"{}", content_type=content_type)
    assert (reply.status, reply.json) == (404, {"__type": "UnknownOperationException"})


@pytest.mark.parametrize("content_type", ["application/x-amz-json-1.1; charset=utf-8", "Application/X-Amz-JSON-1.1"])
def test_spellings_of_the_content_type(caller, content_type):
    assert caller.send("TrentService.ListKeys", b"{}", content_type=content_type).status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PUT", "/"), ("DELETE", "/"), ("POST", "/other"), ("OPTIONS", "/")]
)
def test_other_methods_and_paths(caller, method, path):
    """Whatever a stray client asks, it is answered in JSON."""
    reply = caller.send_as_is(None if method == "GET" else b"{}", {}, method=method, path=path)
    assert 400 <= reply.status < 500, reply.status


# Replies.


def test_headers_of_a_reply(caller):
    reply = caller.call("ListKeys")
    assert reply.headers["content-type"] == JSON_1_1
    assert reply.headers["x-strongroom-mode"] == "dev"
    assert "transfer-encoding" not in reply.headers


def test_serve_does_not_say_dev(tls_server):
    kms = Kms(tls_server)
    assert "x-strongroom-mode" not in kms.call("ListKeys").headers
    kms.close()


def test_request_ids_are_unique(caller):
    ids = {caller.call("ListKeys").headers["x-amzn-requestid"] for _ in range(50)}
    ids |= {caller.send("TrentService.Nothing", b"{}").headers["x-amzn-requestid"] for _ in range(50)}
    assert len(ids) == 100


def test_an_error_name_is_bare_wherever_it_stands(caller):
    reply = caller.call("DescribeKey", KeyId="foo")
    assert reply.json["__type"] == "NotFoundException"
    assert reply.headers.get("x-amzn-errortype", "NotFoundException") == "NotFoundException"


def test_operations_without_output_answer_with_nothing(caller):
    key = caller.key()["KeyId"]
    caller.ok_empty("UpdateKeyDescription", KeyId=key, Description="x")
    caller.ok_empty("DisableKey", KeyId=key)
    caller.ok_empty("EnableKey", KeyId=key)
    alias = f"alias/{key}"
    caller.ok_empty("CreateAlias", AliasName=alias, TargetKeyId=key)
    caller.ok_empty("UpdateAlias", AliasName=alias, TargetKeyId=key)
    caller.ok_empty("DeleteAlias", AliasName=alias)


def test_text_comes_back_as_it_went(caller):
    description = 'quote " backslash \\ slash / control \x01\x1f\x7f newline \n emoji 🔑 separator \u2028 <&>'
    assert caller.key(Description=description)["Description"] == description


# Limits and transport.


def test_a_body_that_is_too_large(dev_server):
    """Announced with its length, it is refused without being read."""
    body = b'{"Description":"' + b"x" * (8 * MEGABYTE) + b'"}'
    with connect_socket(dev_server) as connection:
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON_1_1}\r\nContent-Length: {len(body)}\r\n\r\n"
        reply = send_until_answered(connection, [head.encode(), body])
    assert (reply.status, reply.code) == (413, reply.json["__type"])


def test_a_chunked_body_that_never_ends(dev_server):
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with connect_socket(dev_server) as connection:
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON_1_1}\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = send_until_answered(connection, [head.encode(), *[chunk] * 512])
    assert reply.status == 413


def send_until_answered(connection, parts):
    """Sends until the server answers, as it may before it has seen everything."""
    view = memoryview(b"".join(parts))
    connection.setblocking(False)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        readable, writable, _ = select.select([connection], [connection] if view else [], [], 1)
        if readable:
            connection.settimeout(TIMEOUT_SECONDS)
            return read_reply(connection)
        if writable:
            try:
                view = view[connection.send(view[:65_536]) :]
            except (BrokenPipeError, ConnectionResetError):
                view = view[len(view) :]
    raise AssertionError("no answer")


def read_reply(connection):
    response = http.client.HTTPResponse(connection)
    response.begin()
    return Reply(response.status, dict(response.getheaders()), response.read())


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_chunked_bodies(caller, size):
    body = encode({"NumberOfBytes": 16})
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    headers = signed_headers(caller.server, "TrentService.GenerateRandom", body, caller.credentials)
    headers["Transfer-Encoding"] = "chunked"
    reply = caller.send_as_is(
        b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n", headers
    )
    assert (reply.status, set(reply.json)) == (200, {"Plaintext"})


def test_the_largest_inputs_fit(caller):
    """What the model allows must pass the limits of the transport."""
    key = caller.key()["KeyId"]
    context = {f"key-{number}": "v" * 100 for number in range(100)}
    reply = caller.call("Encrypt", KeyId=key, Plaintext=b"x" * 4096, EncryptionContext=context, GrantTokens=[])
    assert reply.status == 200, reply.json


def test_expect_100_continue(dev_server):
    body = b"{}"
    caller = Kms(dev_server)
    headers = {
        **signed_headers(dev_server, "TrentService.ListKeys", body, caller.credentials),
        "Expect": "100-continue",
    }
    head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with connect_socket(dev_server) as connection:
        connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert read_reply(connection).status == 200


def test_a_connection_is_kept(dev_server):
    """Faults of every kind included: no client should have to connect again because it asked for something wrong."""
    caller = Kms(dev_server)
    caller.call("ListKeys")
    first = caller._connection.sock
    for target, body in [("TrentService.ListKeys", b"{}"), ("TrentService.ListKeys", b"{"), ("Nothing", b"{}")] * 10:
        caller.send(target, body)
        assert caller._connection.sock is first, (target, body)
    caller.close()


def test_pipelined_requests_are_answered_in_order(dev_server):
    caller = Kms(dev_server)
    requests = []
    for size in (1, 2, 3, 4, 5):
        body = encode({"NumberOfBytes": 30 * size})
        headers = signed_headers(dev_server, "TrentService.GenerateRandom", body, caller.credentials)
        head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        requests.append(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    with connect_socket(dev_server) as connection:
        connection.sendall(b"".join(requests))
        stream = connection.makefile("rb")
        sizes = [len(read_from(stream).json["Plaintext"]) for _ in requests]
    assert sizes == [40, 80, 120, 160, 200]


def read_from(stream):
    """One reply of several on a connection."""
    status = int(stream.readline().split()[1])
    headers = dict(line.decode().rstrip("\r\n").split(": ", 1) for line in iter(stream.readline, b"\r\n"))
    length = next(int(value) for name, value in headers.items() if name.lower() == "content-length")
    return Reply(status, headers, stream.read(length))


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 64 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\n" + b"X-Filler: " + b"y" * 300_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(2000)) + b"\r\n",
    ],
    ids=range(8),
)
def test_what_is_no_http_is_turned_away(dev_server, garbage):
    """Refused or closed, and the next caller is served."""
    with connect_socket(dev_server) as connection:
        try:
            connection.sendall(garbage)
            connection.shutdown(1)
            answer = connection.recv(65_536)
        except OSError:
            # Closed before everything was sent: turned away as well.
            answer = b""
        assert not answer.startswith(b"HTTP/1.1 2"), answer
    check_alive(dev_server)


def test_a_body_that_ends_too_early(dev_server):
    with connect_socket(dev_server) as connection:
        connection.sendall(
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON_1_1}\r\nContent-Length: 10\r\n\r\n{{".encode()
        )
        connection.shutdown(1)
        answer = connection.recv(65_536)
        assert not answer.startswith(b"HTTP/1.1 2"), answer
    check_alive(dev_server)


def check_alive(server):
    caller = Kms(server)
    assert caller.call("ListKeys").status == 200
    caller.close()


# HTTP/2.


class Http2:
    """One HTTP/2 connection; over plain TCP the client knows beforehand that the server speaks it."""

    def __init__(self, server, wrap=None):
        self.socket = connect_socket(server)
        if wrap:
            self.socket = wrap(self.socket)
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.state.initiate_connection()
        self.replies = {}
        self._partial = {}

    def send(self, caller, target, body):
        """Starts a request; its stream's number."""
        headers = signed_headers(caller.server, target, body, caller.credentials)
        stream = self.state.get_next_available_stream_id()
        pseudo = [
            (":method", "POST"),
            (":path", "/"),
            (":scheme", caller.server.endpoint.partition(":")[0]),
            (":authority", headers.pop("Host")),
        ]
        self.state.send_headers(stream, pseudo + [(name.lower(), value) for name, value in headers.items()])
        self.state.send_data(stream, body, end_stream=True)
        self.socket.sendall(self.state.data_to_send())
        return stream

    def wait(self, *streams):
        """The replies of these streams."""
        while not set(streams) <= set(self.replies):
            data = self.socket.recv(65_536)
            assert data, "the connection ended"
            for event in self.state.receive_data(data):
                self._take(event)
            self.socket.sendall(self.state.data_to_send())
        return [self.replies[stream] for stream in streams]

    def _take(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self._partial[event.stream_id] = (dict(event.headers), bytearray())
        elif isinstance(event, h2.events.DataReceived):
            self._partial[event.stream_id][1].extend(event.data)
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            headers, body = self._partial.pop(event.stream_id)
            self.replies[event.stream_id] = Reply(int(headers.pop(":status")), headers, bytes(body))
        else:
            assert not isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated), event


def test_http2_with_prior_knowledge(caller):
    check_http2(caller, Http2(caller.server))


def test_http2_over_tls(tls_server):
    context = tls_server.tls()
    context.set_alpn_protocols(["h2"])

    def wrap(plain):
        wrapped = context.wrap_socket(plain, server_hostname="localhost")
        assert wrapped.selected_alpn_protocol() == "h2"
        return wrapped

    _, access_key, secret, _ = IDENTITIES[0]
    check_http2(Kms(tls_server, Credentials(access_key, secret)), Http2(tls_server, wrap))


def check_http2(caller, connection):
    """Several calls at once on one connection, good and bad."""
    good = [connection.send(caller, "TrentService.GenerateRandom", encode({"NumberOfBytes": 48})) for _ in range(20)]
    bad = connection.send(caller, "TrentService.Nothing", b"{}")
    for reply in connection.wait(*good):
        assert (reply.status, len(reply.json["Plaintext"])) == (200, 64)
    [reply] = connection.wait(bad)
    assert_fault(reply, "UnknownOperationException", NO_TEXT)
    connection.socket.close()


# TLS.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("protocols", [[], ["http/1.1"], ["h2", "http/1.1"]], ids=["no ALPN", "http/1.1", "both"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_tls_handshakes(tls_server, version, protocols, name):
    """Some clients offer no protocol, some only the old one; some verify a DNS name, some an address."""
    context = tls_server.tls()
    context.minimum_version = context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(protocols)
    with context.wrap_socket(connect_socket(tls_server), server_hostname=name) as connection:
        assert connection.selected_alpn_protocol() == (protocols[0] if protocols else None)
        if protocols[:1] != ["h2"]:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            assert read_reply(connection).status == 404


def test_old_tls_is_refused(tls_server):
    context = tls_server.tls()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with connect_socket(tls_server) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="localhost")


def test_plain_http_on_the_tls_port(tls_server):
    with connect_socket(tls_server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert not connection.recv(4096).startswith(b"HTTP/1.1 2")
