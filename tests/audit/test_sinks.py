"""Where events go besides the log, each received by what speaks as such servers do.

A slow receiver holds up nobody and misses nothing.
"""

import contextlib
import http.server
import json
import re
import socket
import socketserver
import subprocess
import threading

import pytest
from logs import events, metrics, the_sink, wait_until
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from harness.server import IDENTITIES, Installation
from harness.wire import Credentials, Kms

CALLS = 20


@pytest.fixture
def installation(tmp_path):
    installation = Installation(tmp_path)
    made = installation.init()
    assert made.returncode == 0, made.stderr
    return installation


def configure(installation, line):
    text = installation.config.read_text()
    installation.config.write_text(text.replace("[[account]]", f"[audit]\n{line}\n\n[[account]]", 1))


def caller(server):
    _, access_key, secret, _ = IDENTITIES[1]
    return Kms(server, Credentials(access_key, secret))


def make_calls(server, count=CALLS):
    kms = caller(server)
    for _ in range(count):
        kms.ok("GenerateRandom", NumberOfBytes=8)


def metric(server, name):
    """The one series of this name."""
    [value] = [value for series, value in metrics(server).items() if series.partition("{")[0] == name]
    return value


def ids(texts):
    return [json.loads(text)["eventID"] for text in texts]


def logged(installation):
    return [event["eventID"] for event in events(installation.data / "audit")]


SYSLOG = re.compile(r"<110>1 (\S+Z) (\S+) strongroom - (\S+) - (\{.*\})", re.DOTALL)


def unpacked(message):
    """The event of a message of RFC 5424."""
    found = SYSLOG.fullmatch(message)
    assert found, message
    event = json.loads(found[4])
    assert (found[1], found[3]) == (event["eventTime"], event["eventID"])
    return found[4]


def test_syslog_over_udp(installation):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        configure(installation, f'syslog = "udp://127.0.0.1:{receiver.getsockname()[1]}"')
        with installation.serve() as server:
            make_calls(server)
            received = [unpacked(receiver.recv(65535).decode()) for _ in range(CALLS)]
        assert ids(received) == logged(installation)


def test_syslog_over_a_local_socket(installation, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        receiver.settimeout(30)
        configure(installation, f'syslog = "unix://{tmp_path / "log"}"')
        with installation.serve() as server:
            make_calls(server)
            received = [unpacked(receiver.recv(65535).decode()) for _ in range(CALLS)]
        assert ids(received) == logged(installation)


def frames(stream):
    """Messages by octet counting (RFC 6587)."""
    while length := b"".join(iter(lambda: stream.read(1).strip(), b"")):
        yield stream.read(int(length)).decode()


@contextlib.contextmanager
def tcp_receiver(port):
    """Reads what each connection brings, and closes it at its end; all messages so far are its value."""
    taken = []

    class Receiver(socketserver.StreamRequestHandler):
        def handle(self):
            taken.extend(unpacked(message) for message in frames(self.rfile))

    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer(("127.0.0.1", port), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield taken
        receiver.shutdown()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_syslog_over_tcp_that_was_away(installation):
    """Nobody listens at first, for longer than the server lives; nothing is lost, and no call is slower for it."""
    port = free_port()
    configure(installation, f'syslog = "tcp://127.0.0.1:{port}"')
    with installation.serve() as server:
        make_calls(server)
    with tcp_receiver(port) as taken, installation.serve() as server:
        make_calls(server)
        wait_until(lambda: len(taken) >= 2 * CALLS)
        wait_until(lambda: the_sink(installation, server)["lag"] == 0)
        assert the_sink(installation, server)["failures"] == 0
    assert ids(taken) == logged(installation)


def test_a_killed_server_sends_on(installation):
    """Where it was; the last events may come twice."""
    port = free_port()
    configure(installation, f'syslog = "tcp://127.0.0.1:{port}"')
    with tcp_receiver(port) as taken:
        for _ in range(5):
            server = installation.serve()
            make_calls(server)
            server.kill()
        with installation.serve() as server:
            wait_until(lambda: len(set(ids(taken))) >= 5 * CALLS)
            wait_until(lambda: the_sink(installation, server)["lag"] == 0)
    assert list(dict.fromkeys(ids(taken))) == logged(installation)


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes OTLP over HTTP in its binary encoding; fails as often as it is told to, and refuses what it is told to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/x-protobuf"
        if self.server.failures:
            self.server.failures -= 1
            self.send_error(503)
            return
        request = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
        reply = logs_service_pb2.ExportLogsServiceResponse()
        for resource in request.resource_logs:
            assert attributes(resource.resource)["service.name"] == "strongroom"
            for scope in resource.scope_logs:
                assert scope.scope.name == "strongroom.audit"
                records = list(scope.log_records)
                refused, self.server.refuses = min(self.server.refuses, len(records)), 0
                reply.partial_success.rejected_log_records = refused
                self.server.records.extend((self.path, record) for record in records[refused:])
        answer = reply.SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def attributes(of):
    return {one.key: one.value.string_value for one in of.attributes}


@pytest.fixture
def collector():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        collector.records, collector.failures, collector.refuses = [], 0, 0
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()


def test_a_collector_that_fails_at_first(installation, collector):
    collector.failures = 2
    configure(installation, f'otlp = "http://127.0.0.1:{collector.server_port}"')
    with installation.serve() as server:
        make_calls(server)
        wait_until(lambda: len(collector.records) >= CALLS)
        figures = the_sink(installation, server)
        assert figures["sent"] >= CALLS and figures["failures"] == 2 and figures["lost"] == 0
    assert {path for path, _ in collector.records} == {"/v1/logs"}
    bodies = [record.body.string_value for _, record in collector.records]
    assert ids(bodies) == logged(installation)
    for (_, record), body in zip(collector.records, bodies, strict=True):
        event = json.loads(body)
        assert attributes(record)["event.id"] == event["eventID"]
        assert record.event_name == event["eventName"]
        assert record.time_unix_nano > 1_700_000_000_000_000_000
        assert record.severity_number == 9


def test_what_a_collector_refuses_is_counted(installation, collector):
    """It must not be sent again, but somebody must be told."""
    collector.refuses = 1
    configure(installation, f'otlp = "http://127.0.0.1:{collector.server_port}/v1/logs"')
    with installation.serve() as server:
        make_calls(server)
        wait_until(lambda: len(collector.records) >= CALLS - 1)
        figures = the_sink(installation, server)
        assert (figures["sent"], figures["lost"]) == (CALLS - 1, 1)
        assert metric(server, "strongroom_audit_sink_lost_records_total") == 1
        assert metric(server, "strongroom_audit_sink_events_total") == CALLS - 1


def test_standard_output(installation):
    configure(installation, "stdout = true")
    with installation.serve() as server:
        make_calls(server)
        lines = [server.process.stdout.readline().decode() for _ in range(CALLS)]
    assert ids(lines) == logged(installation)


def test_a_receiver_that_takes_nothing_holds_up_nobody(installation):
    """It listens, and does not read; what the system took for it is not taken for arrived."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        configure(installation, f'syslog = "tcp://127.0.0.1:{port}"')
        with installation.serve() as server:
            make_calls(server)
            wait_until(lambda: metric(server, "strongroom_audit_sink_failures_total") >= 1)
            make_calls(server)
            figures = the_sink(installation, server)
            assert figures["problem"] and figures["sent"] == 0 and figures["lag"] > 2 * CALLS
            assert metric(server, "strongroom_audit_sink_lag_records") > 2 * CALLS
    with tcp_receiver(port) as taken, installation.serve():
        wait_until(lambda: len(taken) >= 2 * CALLS)
    assert ids(taken) == logged(installation)


def test_an_address_that_is_none_is_refused(installation):
    configure(installation, 'syslog = "127.0.0.1:514"')
    with pytest.raises(Exception, match="audit.syslog"):
        installation.serve()


RSYSLOG = """
module(load="imudp")
module(load="imtcp" MaxMessageSize="1m")
module(load="imuxsock" SysSock.Use="off")
template(name="parsed" type="list") {{
    property(name="syslogfacility-text")
    constant(value=" ")
    property(name="syslogseverity-text")
    constant(value=" ")
    property(name="app-name")
    constant(value=" ")
    property(name="msgid")
    constant(value=" ")
    property(name="msg" position.from="1")
    constant(value="\\n")
}}
ruleset(name="all") {{ action(type="omfile" file="{folder}/received" template="parsed") }}
input(type="imudp" address="127.0.0.1" port="{port}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")
input(type="imuxsock" socket="{folder}/log" UseSysTimeStamp="off" UseSpecialParser="off" RateLimit.Interval="0"
      ruleset="all")
"""


@pytest.fixture
def rsyslog(tmp_path):
    """The syslog server of most distributions, with configuration and files of its own."""
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    port = free_port()
    configuration = folder / "rsyslog.conf"
    configuration.write_text(
        f'global(workDirectory="{folder}" maxMessageSize="1m")\n' + RSYSLOG.format(folder=folder, port=port)
    )
    command = ["/usr/sbin/rsyslogd", "-n", "-f", configuration, "-i", folder / "pid"]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_until(lambda: (folder / "log").exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "output").read_text()
        wait_until(lambda: is_open(port))
        yield folder, port
    finally:
        process.terminate()
        process.wait(30)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("form", ["udp://127.0.0.1:{port}", "tcp://127.0.0.1:{port}", "unix://{folder}/log"])
def test_rsyslog_understands(installation, rsyslog, form):
    folder, port = rsyslog
    configure(installation, f'syslog = "{form.format(folder=folder, port=port)}"')
    with installation.serve() as server:
        make_calls(server)
        wait_until(lambda: received(folder).count("\n") >= CALLS)
    lines = [line.split(" ", 4) for line in received(folder).splitlines()]
    assert {tuple(line[:3]) for line in lines} == {("audit", "info", "strongroom")}
    assert ids(line[4] for line in lines) == logged(installation)
    assert [line[3] for line in lines] == logged(installation)


def received(folder):
    path = folder / "received"
    return path.read_text() if path.exists() else ""
