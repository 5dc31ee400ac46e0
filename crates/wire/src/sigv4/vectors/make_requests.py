"""Writes botocore_requests.json: requests signed by botocore, an implementation of SigV4 that shares nothing with ours.

Run it in this folder with botocore installed: python3 make_requests.py
Requests marked valid=false were changed after they were signed.
"""

import datetime
import json
from unittest import mock

import botocore
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOW = datetime.datetime(2026, 2, 28, 23, 58, 7)
JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def signed(name, *, method="POST", url="https://kms.us-east-1.amazonaws.com/", headers=(), body="{}",
           region="us-east-1", service="kms", token=None, now=NOW, tamper=None):
    request = AWSRequest(method=method, url=url, data=body.encode())
    for header, value in headers:
        request.headers.add_header(header, value)
    # botocore writes its Date header in the local form of the moment, so the moment is fixed here.
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(Credentials(*KEY, token), service, region).add_auth(request)
    host, _, target = url.removeprefix("https://").partition("/")
    path, question, query = ("/" + target).partition("?")
    rows = [[header, value] for header, value in request.headers.items()]
    if not any(header.lower() == "host" for header, _ in rows):
        rows.append(["Host", host])
    case = {
        "name": name,
        "method": method,
        "path": path,
        "query": query if question else None,
        "headers": rows,
        "body": body,
        "now": now.strftime("%Y%m%dT%H%M%SZ"),
        "region": region,
        "service": service,
        "session_token": token,
        "valid": tamper is None,
    }
    if tamper:
        tamper(case)
    return case


def target(operation):
    return [("Content-Type", JSON), ("X-Amz-Target", f"TrentService.{operation}")]


def change(header, value):
    def tamper(case):
        rows = case["headers"]
        assert any(row[0].lower() == header for row in rows)
        case["headers"] = [[row[0], value(row[1]) if row[0].lower() == header else row[1]] for row in rows]
    return tamper


def put(member, value):
    return lambda case: case.update({member: value})


def drop(header):
    return lambda case: case.update(headers=[row for row in case["headers"] if row[0].lower() != header])


ENCRYPT = '{"KeyId":"alias/app","Plaintext":"aGVsbG8=","EncryptionContext":{"tenant":"7"}}'

CASES = [
    signed("kms-encrypt", headers=target("Encrypt"), body=ENCRYPT),
    signed("kms-list-keys-empty-object", headers=target("ListKeys")),
    signed("kms-empty-body", headers=target("ListKeys"), body=""),
    signed("kms-long-body", headers=target("Encrypt"), body="x" * 20_001),
    signed("kms-utf8-body", headers=target("Encrypt"), body='{"EncryptionContext":{"é":"ሴ"}}'),
    signed("kms-session-token", headers=target("Encrypt"), body=ENCRYPT, token="IQoJb3JpZ2luX2VjE/+=" * 40),
    signed("kms-target-not-there", headers=[("Content-Type", JSON)]),
    signed("kms-other-region", url="https://kms.cn-north-1.amazonaws.com.cn/", region="cn-north-1",
           headers=target("Encrypt"), body=ENCRYPT),
    signed("kms-gov-region", region="us-gov-west-1", headers=target("Encrypt"), body=ENCRYPT),
    signed("kms-host-with-port", url="https://127.0.0.1:4599/", headers=target("Encrypt"), body=ENCRYPT),
    signed("kms-ipv6-host", url="https://[::1]:4599/", headers=target("Encrypt"), body=ENCRYPT),
    signed("kms-charset", headers=[("Content-Type", JSON + "; charset=utf-8"), ("X-Amz-Target", "TrentService.ListKeys")]),
    signed("kms-spaces-in-values", headers=[*target("ListKeys"), ("X-Odd", "  a   b \t c  ")]),
    signed("kms-empty-header-value", headers=[*target("ListKeys"), ("X-Empty", "")]),
    signed("kms-header-twice", headers=[*target("ListKeys"), ("X-Twice", "b"), ("X-Twice", "a")]),
    signed("kms-utf8-header", headers=[*target("ListKeys"), ("X-Name", "ሴ é")]),
    signed("kms-long-header", headers=[*target("ListKeys"), ("X-Long", "v" * 5000)]),
    signed("kms-many-headers", headers=[*target("ListKeys"), *((f"X-H{n}", f"{n} " * n) for n in range(60))]),
    signed("kms-amz-sdk-headers", headers=[*target("ListKeys"), ("amz-sdk-invocation-id", "c5b1-1"),
                                           ("amz-sdk-request", "attempt=1")]),
    signed("kms-user-agent-is-not-signed", headers=[*target("ListKeys"), ("User-Agent", "Boto3/1.0 md/x"),
                                                    ("X-Amzn-Trace-Id", "Root=1-5"), ("Expect", "100-continue")]),
    signed("kms-date-header", headers=[*target("ListKeys"), ("Date", "to be replaced by the signer")]),
    signed("kms-first-second-of-a-day", headers=target("ListKeys"), now=datetime.datetime(2028, 2, 29)),
    signed("sts-form", url="https://sts.amazonaws.com/", service="sts",
           headers=[("Content-Type", FORM)], body="Action=GetCallerIdentity&Version=2011-06-15"),
    signed("get-with-query", method="GET", service="service", body="",
           url="https://example.amazonaws.com/?b=2&a=%2F%20x&a=1&c"),
    signed("get-encoded-path", method="GET", service="service", body="",
           url="https://example.amazonaws.com/a%20b/%E1%88%B4/../c./~x"),
    # Changed after signing.
    signed("changed-body", headers=target("Encrypt"), body=ENCRYPT, tamper=put("body", ENCRYPT.replace("7", "8"))),
    signed("changed-host", headers=target("Encrypt"), body=ENCRYPT, tamper=change("host", lambda _: "evil.example")),
    signed("changed-target", headers=target("Encrypt"), body=ENCRYPT,
           tamper=change("x-amz-target", lambda _: "TrentService.Decrypt")),
    signed("changed-time", headers=target("Encrypt"), body=ENCRYPT,
           tamper=change("x-amz-date", lambda value: value.replace("07Z", "08Z"))),
    signed("changed-token", headers=target("Encrypt"), body=ENCRYPT, token="token-a",
           tamper=lambda case: (change("x-amz-security-token", lambda _: "token-b")(case),
                                case.update(session_token="token-b"))),
    signed("changed-path", headers=target("Encrypt"), body=ENCRYPT, tamper=put("path", "/x")),
    signed("changed-query", headers=target("Encrypt"), body=ENCRYPT, tamper=put("query", "a=b")),
    signed("changed-method", headers=target("Encrypt"), body=ENCRYPT, tamper=put("method", "PUT")),
    signed("signed-header-gone", headers=[*target("Encrypt"), ("X-Extra", "v")], body=ENCRYPT, tamper=drop("x-extra")),
    signed("changed-signature", headers=target("Encrypt"), body=ENCRYPT,
           tamper=change("authorization", lambda value: value[:-1] + ("0" if value[-1] != "0" else "1"))),
    signed("signature-in-upper-case", headers=target("Encrypt"), body=ENCRYPT,
           tamper=change("authorization", lambda value: value[:-64] + value[-64:].upper())),
    signed("payload-not-signed", headers=[*target("Encrypt"), ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")],
           body=ENCRYPT, tamper=lambda case: None),
    signed("another-scope", headers=target("Encrypt"), body=ENCRYPT,
           tamper=lambda case: (change("authorization", lambda value: value.replace("us-east-1", "us-east-2"))(case),
                                case.update(region="us-east-2"))),
]

with open("botocore_requests.json", "w", encoding="utf-8") as out:
    out.write("[\n" + ",\n".join(json.dumps(case) for case in CASES) + "\n]\n")
print(f"botocore {botocore.__version__}: {len(CASES)} requests")
