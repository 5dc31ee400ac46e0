"""The one check that all tables of faults go through."""

import re

#: The specification leaves the text open: any is right.
ANY_TEXT = object()

#: The fault has no message member at all.
NO_TEXT = None


def check_fault(kms, operation, members, code, text=ANY_TEXT):
    """Calls and expects the fault `code` with `text`: exact, a compiled pattern, NO_TEXT or ANY_TEXT."""
    reply = kms.call(operation, **members)
    assert_fault(reply, code, text)


def assert_fault(reply, code, text=ANY_TEXT):
    assert reply.status != 200, f"expected {code}, got {reply.json}"
    assert (reply.code, reply.status) == (code, status_of(code)), reply.json
    if text is ANY_TEXT:
        return
    if text is NO_TEXT:
        assert set(reply.json) == {"__type"}, reply.json
    elif isinstance(text, re.Pattern):
        assert text.fullmatch(reply.message or ""), f"{reply.message!r} is not {text.pattern!r}"
    else:
        assert reply.message == text
    if code == "AccessDeniedException":
        assert "Message" in reply.json, "this fault alone spells its text with a capital"
    elif reply.message is not None:
        assert "message" in reply.json, reply.json


def status_of(code):
    """400 for what the caller did, 500 for the three modelled faults of the service."""
    service_faults = ("DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException")
    return 500 if code in service_faults else 400


def violations(*items):
    """The text of a ValidationException with these items."""
    plural = "error" if len(items) == 1 else "errors"
    return f"{len(items)} validation {plural} detected: " + "; ".join(items)


def null(path):
    return f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def hidden(path, constraint):
    """A sensitive member's violation, which never shows the value."""
    return f"Value at '{path}' failed to satisfy constraint: {constraint}"


def shown(value, path, constraint):
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
