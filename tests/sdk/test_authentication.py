"""Every way a signature can be missing, broken, foreign, early or late, and what each is told."""

import datetime
import re

import pytest

from harness.checks import ANY_TEXT, assert_fault
from harness.wire import Credentials, Kms, now, signed_headers

TARGET = "TrentService.ListKeys"
BODY = b"{}"

MISSING = re.compile("Missing Authentication Token|Request is missing Authentication Token")
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
UNKNOWN_TOKEN = "The security token included in the request is invalid."
TIME = r"\d{8}T\d{6}Z"


@pytest.fixture
def caller(dev_server):
    """The built-in account, whose secret is known and therefore checked."""
    kms = Kms(dev_server)
    yield kms
    kms.close()


def headers_of(caller, credentials=None, **arguments):
    return signed_headers(caller.server, TARGET, BODY, credentials or caller.credentials, **arguments)


def test_a_good_signature(caller):
    assert caller.send_as_is(BODY, headers_of(caller)).status == 200


def edit(pattern, replacement):
    """A change of the Authorization header that must find what it changes."""

    def change(headers):
        altered = re.sub(pattern, replacement, headers["Authorization"])
        assert altered != headers["Authorization"]
        headers["Authorization"] = altered

    return change


def drop(*names):
    def change(headers):
        for name in names:
            del headers[name]

    return change


def both(*changes):
    def change(headers):
        for one in changes:
            one(headers)

    return change


def requires(*names, date=False):
    """The text for an Authorization header that lacks parts."""
    missing = [f"Authorization header requires '{name}' parameter." for name in names]
    if date:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    return " ".join(missing) + " Authorization="


CREDENTIAL = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'"

BROKEN = {
    "no header": (drop("Authorization"), "MissingAuthenticationTokenException", MISSING),
    "no Credential": (edit("Credential=[^,]*, ?", ""), "IncompleteSignatureException", requires("Credential")),
    "no Signature": (edit(", ?Signature=.*", ""), "IncompleteSignatureException", requires("Signature")),
    "no SignedHeaders": (edit("SignedHeaders=[^,]*, ?", ""), "IncompleteSignatureException", requires("SignedHeaders")),
    "no date": (drop("X-Amz-Date"), "IncompleteSignatureException", requires(date=True)),
    "nothing at all": (
        both(edit("Credential=.*", "Nothing=nothing"), drop("X-Amz-Date")),
        "IncompleteSignatureException",
        requires("Credential", "Signature", "SignedHeaders", date=True),
    ),
    "four parts": (
        edit("/aws4_request", ""),
        "IncompleteSignatureException",
        re.compile(re.escape(CREDENTIAL).replace(r"\{\}", r"test/\d{8}/us-east-1/kms")),
    ),
    "six parts": (
        edit("/aws4_request", "/aws4_request/more"),
        "IncompleteSignatureException",
        re.compile(re.escape(CREDENTIAL).replace(r"\{\}", r"test/\d{8}/us-east-1/kms/aws4_request/more")),
    ),
    "other algorithm": (
        edit("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        "IncompleteSignatureException",
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'.",
    ),
    "host not signed": (
        edit("host;", ""),
        "InvalidSignatureException",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    ),
    "no Region": (
        edit("/us-east-1/", "/nowhere/"),
        "InvalidSignatureException",
        "Credential should be scoped to a valid region, not 'nowhere'. ",
    ),
    "other service": (
        edit("/kms/", "/s3/"),
        "InvalidSignatureException",
        "Credential should be scoped to correct service: 'kms'. ",
    ),
    "other terminator": (
        edit("/aws4_request", "/aws5_request"),
        "InvalidSignatureException",
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. ",
    ),
    "other date": (
        edit(r"/\d{8}/", "/20150830/"),
        "InvalidSignatureException",
        re.compile(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            rf"'20150830' != '\d{{8}}', from '{TIME}'\."
        ),
    ),
    "one digit of the signature": (
        lambda headers: headers.update(Authorization=flip_last_digit(headers["Authorization"])),
        "InvalidSignatureException",
        MISMATCH,
    ),
    "a short signature": (edit("..$", ""), "InvalidSignatureException", MISMATCH),
    "a signature of other letters": (
        edit("Signature=.*", "Signature=" + "z" * 64),
        "InvalidSignatureException",
        MISMATCH,
    ),
    "a signed header that is absent": (edit("host;", "host;x-absent;"), "InvalidSignatureException", MISMATCH),
    "a signed header that was changed": (
        lambda headers: headers.update({"X-Amz-Target": "TrentService.ListAliases"}),
        "InvalidSignatureException",
        MISMATCH,
    ),
    "another host": (lambda headers: headers.update(Host="kms.example.com"), "InvalidSignatureException", MISMATCH),
}


def flip_last_digit(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.parametrize("name", BROKEN)
def test_broken(caller, name):
    change, code, text = BROKEN[name]
    headers = headers_of(caller)
    change(headers)
    if isinstance(text, str) and text.endswith(" Authorization="):
        text += headers["Authorization"]
    assert_fault(caller.send_as_is(BODY, headers), code, text)


def test_another_body(caller):
    for body in (b"{ }", b"", b'{"Limit":1}'):
        assert_fault(caller.send_as_is(body, headers_of(caller)), "InvalidSignatureException", MISMATCH)


@pytest.mark.parametrize("secret", ["", "Test", "test ", "tes", "test" * 30])
def test_another_secret(caller, secret):
    reply = caller.send_as_is(BODY, headers_of(caller, Credentials(secret=secret)))
    assert_fault(reply, "InvalidSignatureException", MISMATCH)


def test_a_session_token_that_nobody_issued(caller):
    reply = caller.send_as_is(BODY, headers_of(caller, Credentials(token="made up")))
    assert_fault(reply, "UnrecognizedClientException", UNKNOWN_TOKEN)


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (-6, re.compile(rf"Signature expired: {TIME} is now earlier than {TIME} \({TIME} - 5 min\.\)")),
        (-60 * 24 * 365, re.compile(rf"Signature expired: {TIME} is now earlier than {TIME} \({TIME} - 5 min\.\)")),
        (6, re.compile(rf"Signature not yet current: {TIME} is still later than {TIME} \({TIME} \+ 5 min\.\)")),
    ],
)
def test_a_clock_that_is_off(caller, minutes, text):
    when = now() + datetime.timedelta(minutes=minutes)
    reply = caller.send_as_is(BODY, headers_of(caller, when=when))
    assert_fault(reply, "InvalidSignatureException", text)
    assert when.strftime("%Y%m%dT%H%M%SZ") in reply.message


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_a_little_off(caller, minutes):
    when = now() + datetime.timedelta(minutes=minutes)
    assert caller.send_as_is(BODY, headers_of(caller, when=when)).status == 200


@pytest.mark.parametrize("date", ["yesterday", "20150830", "2015-08-30T12:36:00Z", "20159930T123600Z", ""])
def test_a_date_that_is_none(caller, date):
    headers = headers_of(caller)
    headers["X-Amz-Date"] = date
    reply = caller.send_as_is(BODY, headers)
    assert reply.code in ("IncompleteSignatureException", "InvalidSignatureException"), reply.json
    assert reply.status == 400


def test_the_same_request_twice(caller):
    """SigV4 has no nonce: a retry with the same signature is good."""
    headers = headers_of(caller)
    assert [caller.send_as_is(BODY, headers).status for _ in range(2)] == [200, 200]


def test_commas_without_spaces(caller):
    headers = headers_of(caller)
    headers["Authorization"] = headers["Authorization"].replace(", ", ",")
    assert caller.send_as_is(BODY, headers).status == 200


def test_a_header_that_was_not_signed_may_be_added(caller):
    assert caller.send_as_is(BODY, {**headers_of(caller), "X-Forwarded-For": "10.0.0.1"}).status == 200


def test_only_three_headers_signed(caller):
    """Some clients sign no more than content-type, host and x-amz-date."""
    headers = headers_of(caller, Credentials())
    unsigned = signed_without_target(caller)
    assert "x-amz-target" in headers["Authorization"]
    assert "x-amz-target" not in unsigned["Authorization"]
    assert caller.send_as_is(BODY, unsigned).status == 200


def signed_without_target(caller):
    headers = signed_headers(caller.server, None, BODY, caller.credentials)
    return {**headers, "X-Amz-Target": TARGET}


@pytest.mark.parametrize("host", ["kms.us-east-1.amazonaws.com", "localhost", "127.0.0.1"])
def test_any_host_that_was_signed(caller, host):
    """Some clients leave the port out; others reach the server by a name of their own."""
    extra = {"Host": host}
    headers = {**signed_headers(caller.server, TARGET, BODY, caller.credentials, extra=extra), "Host": host}
    assert caller.send_as_is(BODY, headers).status == 200


def test_spaces_in_signed_headers_are_folded(caller):
    headers = headers_of(caller, extra={"X-Amz-Note": "two  spaces   here"})
    assert "x-amz-note" in headers["Authorization"]
    assert caller.send_as_is(BODY, headers).status == 200


def test_a_refused_caller_changes_nothing(caller):
    key = caller.key()["KeyId"]
    before = caller.ok("ListAliases")["Aliases"]
    body = b'{"AliasName":"alias/forged","TargetKeyId":"' + key.encode() + b'"}'
    headers = signed_headers(caller.server, "TrentService.CreateAlias", body, Credentials(secret="guess"))
    assert_fault(caller.send_as_is(body, headers), "InvalidSignatureException", MISMATCH)
    assert caller.ok("ListAliases")["Aliases"] == before


def test_the_signature_is_checked_before_the_body(caller):
    """A stranger learns nothing from what is wrong with a request."""
    headers = signed_headers(caller.server, "TrentService.Encrypt", b"{broken", Credentials(secret="guess"))
    assert_fault(caller.send_as_is(b"{broken", headers), "InvalidSignatureException", MISMATCH)


def test_an_account_as_access_key(dev_server):
    """`dev` alone: twelve digits name an account, whatever the secret."""
    for secret in ("a", "b"):
        kms = Kms(dev_server, Credentials("999988887777", secret))
        assert kms.key()["AWSAccountId"] == "999988887777"
        kms.close()


def test_serve_takes_no_account_as_access_key(tls_server):
    for access_key, secret in (("999988887777", "any"), ("test", "test")):
        kms = Kms(tls_server, Credentials(access_key, secret))
        assert_fault(kms.call("ListKeys"), "UnrecognizedClientException", UNKNOWN_TOKEN)
        kms.close()


def test_no_secret_is_ever_repeated(caller):
    """Faults echo the Authorization header; the secret is not in it, and must come from nowhere else."""
    secret = "do-not-repeat-this-secret"
    headers = headers_of(caller, Credentials(secret=secret))
    for change in (drop("X-Amz-Date"), edit("/kms/", "/s3/"), lambda headers: None):
        altered = dict(headers)
        change(altered)
        reply = caller.send_as_is(BODY, altered)
        assert secret.encode() not in reply.body
        assert_fault(reply, reply.code, ANY_TEXT)
