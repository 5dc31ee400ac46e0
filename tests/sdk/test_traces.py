"""Calls as OpenTelemetry traces: what a collector that speaks OTLP over gRPC receives."""

import queue
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from harness.server import IDENTITIES, Installation
from harness.wire import Credentials, Kms

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """A collector on this machine that keeps every span it is sent."""

    def __init__(self):
        self.spans = queue.Queue()
        self.resources = []

    def Export(self, request, context):
        for resource in request.resource_spans:
            self.resources.append({item.key: item.value.string_value for item in resource.resource.attributes})
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.put(span)
        return trace_service_pb2.ExportTraceServiceResponse()

    def all(self):
        found = []
        while not self.spans.empty():
            found.append(self.spans.get())
        return found


def attributes(span):
    return {item.key: item.value.string_value for item in span.attributes}


@pytest.fixture
def collector():
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield collector
    server.stop(None)


def traced(tmp_path, port):
    installation = Installation(tmp_path)
    text = installation.config.read_text()
    installation.config.write_text(f'{text}[telemetry]\notlp_endpoint = "http://127.0.0.1:{port}"\n')
    assert installation.init().returncode == 0
    return installation


def caller(server):
    _, access_key, secret, _ = IDENTITIES[0]
    return Kms(server, Credentials(access_key, secret))


def test_a_call_is_a_span_under_its_callers_own(tmp_path, collector):
    with traced(tmp_path, collector.port).serve() as server:
        kms = caller(server)
        key = kms.key()["KeyId"]
        reply = kms.call("Encrypt", KeyId=key, Plaintext="c2VjcmV0")
        refused = kms.call("DescribeKey", KeyId="alias/nobody")
        joined = kms.send(
            "TrentService.Encrypt",
            b'{"KeyId":"%s","Plaintext":"c2VjcmV0"}' % key.encode(),
            extra={"traceparent": TRACEPARENT},
        )
        kms.close()
    spans = collector.all()
    assert {"service.name": "strongroom"}.items() <= collector.resources[0].items()

    calls = {attributes(span)["request.id"]: span for span in spans if "request.id" in attributes(span)}
    assert len(calls) == 4, "each call is one span"
    span = calls[reply.headers["x-amzn-requestid"]]
    assert span.name == "Encrypt" and span.kind == span.SPAN_KIND_SERVER
    assert span.end_time_unix_nano > span.start_time_unix_nano
    assert "error.code" not in attributes(span)
    assert any(child.parent_span_id == span.span_id and child.name == "crypto" for child in spans)
    assert attributes(calls[refused.headers["x-amzn-requestid"]])["error.code"] == "NotFoundException"

    span = calls[joined.headers["x-amzn-requestid"]]
    assert span.trace_id.hex() == TRACEPARENT.split("-")[1]
    assert span.parent_span_id.hex() == TRACEPARENT.split("-")[2]

    created = next(span for span in calls.values() if span.name == "CreateKey")
    stores = [child for child in spans if child.trace_id == created.trace_id and child.name == "store"]
    assert "commit" in {attributes(child)["verb"] for child in stores}, "also what a task of its own does"


def test_a_caller_may_ask_not_to_be_traced(tmp_path, collector):
    with traced(tmp_path, collector.port).serve() as server:
        kms = caller(server)
        kms.send("TrentService.ListKeys", b"{}", extra={"traceparent": TRACEPARENT[:-2] + "00"})
        kms.send("TrentService.ListKeys", b"{}", extra={"traceparent": "nonsense"})
        kms.close()
    assert [span.name for span in collector.all() if span.name == "ListKeys"] == ["ListKeys"]


def test_nothing_secret_is_in_a_span(tmp_path, collector):
    with traced(tmp_path, collector.port).serve() as server:
        kms = caller(server)
        key = kms.key()["KeyId"]
        kms.ok("Encrypt", KeyId=key, Plaintext="YXR0YWNrIGF0IGRhd24=", EncryptionContext={"purpose": "secrecy"})
        made = kms.ok("GenerateDataKey", KeyId=key, KeySpec="AES_256")
        kms.close()
    text = b"".join(span.SerializeToString() for span in collector.all())
    for secret in (b"YXR0YWNr", b"attack", made["Plaintext"].encode(), IDENTITIES[0][2].encode(), b"secrecy"):
        assert secret not in text


def test_a_collector_that_is_away_costs_no_call(tmp_path):
    """Nobody listens on port 9 of this machine."""
    with traced(tmp_path, 9).serve() as server:
        kms = caller(server)
        for _ in range(50):
            kms.ok("ListKeys")
        kms.close()
