"""The README's quick start, pasted into a shell as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from harness.model import operations, valid_input
from harness.server import ROOT

README = (ROOT / "README.md").read_text()


def shell_blocks():
    return re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_two_set_up_commands_are_named():
    assert "cargo run --release -- dev" in shell_blocks()[0]
    assert any(block.strip() == "cargo xtask test" for block in shell_blocks())


def test_the_quick_start_ends_with_a_key_pair_that_fits(dev_server, tmp_path):
    quick_start = next(block for block in shell_blocks() if "generate-data-key-pair" in block)
    assert "http://127.0.0.1:4599" in quick_start
    script = "set -euo pipefail\n" + quick_start.replace("http://127.0.0.1:4599", dev_server.endpoint)
    bin_folder = Path(sys.executable).parent
    environment = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["attack at dawn", "the pair fits"]


def test_the_table_says_of_every_operation_whether_it_works(kms):
    """A row with a dash answers UnsupportedOperationException; every other does not."""
    rows = [line.split("|")[1:3] for line in README.splitlines() if line.startswith("| ")]
    verdicts = {}
    for names, verdict in rows:
        for name in re.findall(r"\b[A-Z][A-Za-z]+\b", names):
            verdicts[name] = not verdict.strip().startswith("–")
    for operation in operations():
        works = verdicts.get(operation, False)
        reply = kms.call(operation, **valid_input(operation))
        refused = reply.code == "UnsupportedOperationException" and "by this service" in (reply.message or "")
        assert works != refused, f"{operation}: {reply.json}"
