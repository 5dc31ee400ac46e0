"""Slow mathematics beside fast calls, and many callers at once."""

import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness.server import dev
from harness.wire import Kms, connect_socket, encode, signed_headers

FLOOD = 24


def test_a_flood_of_slow_calls_delays_no_fast_one(kms, key):
    """RSA-4096 pairs take seconds each. Whoever waits for them gets them, or is told to come again."""
    outcomes = []

    def ask_for_a_pair():
        caller = Kms(kms.server, kms.credentials)
        reply = caller.call("GenerateDataKeyPair", KeyId=key["KeyId"], KeyPairSpec="RSA_4096")
        outcomes.append(reply.code)
        caller.close()

    threads = [threading.Thread(target=ask_for_a_pair) for _ in range(FLOOD)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    durations = []
    while any(thread.is_alive() for thread in threads) and len(durations) < 300:
        started = time.monotonic()
        kms.ok("GenerateDataKey", KeyId=key["KeyId"], KeySpec="AES_256")
        durations.append(time.monotonic() - started)
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert len(outcomes) == FLOOD
    assert set(outcomes) <= {None, "ThrottlingException"}, outcomes
    assert None in outcomes
    durations.sort()
    # A call that had to wait for a key's making would take hundreds of milliseconds; the bound leaves room for a
    # machine whose two cores are busy with exactly that.
    assert durations[len(durations) * 9 // 10] < 0.25, durations[-20:]


def test_a_full_queue_says_come_again():
    """More slow calls than may wait: the surplus is refused at once, and fast calls go on."""
    with dev() as server:
        kms = Kms(server)
        key = kms.key()["KeyId"]
        body = encode({"KeyId": key, "KeyPairSpec": "RSA_4096"})
        headers = signed_headers(server, "TrentService.GenerateDataKeyPair", body, kms.credentials)
        head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        connections = [connect_socket(server) for _ in range(400)]
        for connection in connections:
            connection.sendall(request)
        time.sleep(1)
        readable, _, _ = select.select(connections, [], [], 10)
        refused = [answer for answer in (connection.recv(4096) for connection in readable) if b" 400 " in answer]
        assert refused
        assert all(b'"__type":"ThrottlingException"' in answer for answer in refused), refused[0]
        started = time.monotonic()
        kms.ok("GenerateDataKey", KeyId=key, KeySpec="AES_256")
        assert time.monotonic() - started < 1
        kms.close()
        for connection in connections:
            connection.close()
        # What waits in the queue is nobody's any more; the server need not finish it to end.
        server.kill()


def test_many_callers_of_one_key(kms, key):
    def work(number):
        caller = Kms(kms.server, kms.credentials)
        for count in range(25):
            plaintext = b"caller %d, call %d" % (number, count)
            sealed = caller.ok("Encrypt", KeyId=key["KeyId"], Plaintext=plaintext)["CiphertextBlob"]
            assert caller.ok("Decrypt", CiphertextBlob=sealed)["KeyId"] == key["Arn"]
        caller.close()
        return number

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(32))) == list(range(32))


def test_one_alias_is_created_once_by_many(kms):
    """Of callers that race for a name one gets it, and the others are told so."""
    keys = [kms.key()["KeyId"] for _ in range(16)]

    def create(target):
        caller = Kms(kms.server, kms.credentials)
        code = caller.call("CreateAlias", AliasName="alias/contested", TargetKeyId=target).code
        caller.close()
        return code

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(create, keys))
    assert sorted(codes, key=str) == ["AlreadyExistsException"] * 15 + [None]
    assert kms.ok("DescribeKey", KeyId="alias/contested")["KeyMetadata"]["KeyId"] == keys[codes.index(None)]


def test_changes_are_seen_at_once(kms, key):
    """A disabled key serves nobody from the moment the call is answered, whatever was kept in memory."""
    other = Kms(kms.server, kms.credentials)
    for _ in range(30):
        assert other.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x").status == 200
        kms.ok_empty("DisableKey", KeyId=key["KeyId"])
        assert other.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x").code == "DisabledException"
        kms.ok_empty("EnableKey", KeyId=key["KeyId"])
    other.close()
