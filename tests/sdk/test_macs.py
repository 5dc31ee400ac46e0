"""GenerateMac and VerifyMac of keys that never leave: the length, that it is a function of key and message, and that
nothing else verifies. That the value is HMAC's is shown with imported keys (test_import)."""

import pytest

from harness.checks import NO_TEXT, check_fault
from harness.wire import unblob

MAC_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}


def members_of(key, spec, message=b"message"):
    return {"KeyId": key["KeyId"], "Message": message, "MacAlgorithm": spec.replace("HMAC_", "HMAC_SHA_")}


@pytest.mark.parametrize("spec", MAC_BYTES)
@pytest.mark.parametrize("message", [b"m", b"message", b"\0" * 4096])
def test_macs_verify(every_key, spec, message):
    kms, key = every_key(spec, "GENERATE_VERIFY_MAC")
    members = members_of(key, spec, message)
    made = kms.ok("GenerateMac", **members)
    assert set(made) == {"KeyId", "Mac", "MacAlgorithm"}
    assert (made["KeyId"], made["MacAlgorithm"]) == (key["Arn"], members["MacAlgorithm"])
    assert len(unblob(made["Mac"])) == MAC_BYTES[spec]
    assert kms.ok("GenerateMac", **members)["Mac"] == made["Mac"]
    verified = kms.ok("VerifyMac", **members, Mac=made["Mac"])
    assert verified == {"KeyId": key["Arn"], "MacAlgorithm": members["MacAlgorithm"], "MacValid": True}


@pytest.mark.parametrize("spec", MAC_BYTES)
def test_nothing_else_verifies(kms, every_key, spec):
    caller, key = every_key(spec, "GENERATE_VERIFY_MAC")
    members = members_of(key, spec)
    mac = unblob(caller.ok("GenerateMac", **members)["Mac"])
    altered = [mac[:-1], mac + b"\0", mac[1:], mac[: len(mac) // 2], b"\0", bytes(len(mac)), mac * 2, b"x" * 6144]
    for position in range(len(mac)):
        flipped = bytearray(mac)
        flipped[position] ^= 1 << position % 8
        altered.append(bytes(flipped))
    for other in altered:
        check_fault(caller, "VerifyMac", {**members, "Mac": other}, "KMSInvalidMacException", NO_TEXT)
    for message in (b"messagf", b"message\0", b"m"):
        members_other = {**members_of(key, spec, message), "Mac": mac}
        check_fault(caller, "VerifyMac", members_other, "KMSInvalidMacException", NO_TEXT)
    other_key = kms.key(KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC")
    check_fault(kms, "VerifyMac", {**members_of(other_key, spec), "Mac": mac}, "KMSInvalidMacException", NO_TEXT)
