"""`GetKeyLastUsage` after `kill -9`: what was used longer ago than the bound of the documentation is told, exactly."""

import re
import time

from harness.server import ROOT, dev
from harness.wire import Kms

#: What `docs/lifecycle.md` promises.
BOUND = int(re.search(r"written every (\d+) seconds", (ROOT / "docs/lifecycle.md").read_text()).group(1))


def usage(kms, key):
    return kms.ok("GetKeyLastUsage", KeyId=key)["KeyLastUsage"]


def test_no_use_older_than_the_bound_is_lost(tmp_path):
    with dev(tmp_path) as server:
        kms = Kms(server)
        old, fresh, idle = (kms.key()["KeyId"] for _ in range(3))
        kms.close()
    server = dev(tmp_path)
    kms = Kms(server)
    sealed = kms.ok("Encrypt", KeyId=old, Plaintext=b"x")["CiphertextBlob"]
    kms.ok("Encrypt", KeyId=fresh, Plaintext=b"x")
    kms.ok("GenerateDataKey", KeyId=old, KeySpec="AES_256")
    used = usage(kms, old)
    first = usage(kms, fresh)
    assert used["Operation"] == "GenerateDataKey"
    # A look at what is due every second, and the machine may be busy.
    time.sleep(BOUND + 10)
    kms.ok("GenerateDataKeyWithoutPlaintext", KeyId=fresh, KeySpec="AES_256")
    last = usage(kms, fresh)
    assert last["Operation"] == "GenerateDataKeyWithoutPlaintext"
    kms.close()
    server.kill()

    with dev(tmp_path) as server:
        kms = Kms(server)
        assert usage(kms, old) == used
        assert usage(kms, fresh) in (first, last), "the last one or the one before, and nothing else"
        assert usage(kms, idle) == {}
        kms.ok("Decrypt", CiphertextBlob=sealed)
        assert usage(kms, old)["Operation"] == "Decrypt"
        kms.close()
    # A server that is asked to end writes what it knows.
    with dev(tmp_path) as server:
        kms = Kms(server)
        assert usage(kms, old)["Operation"] == "Decrypt"
        kms.close()
