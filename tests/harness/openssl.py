"""The `openssl` program as an independent reader of keys and signatures."""

import subprocess
import tempfile
from pathlib import Path


def openssl(*arguments, stdin=b"", **files):
    """Runs `openssl`; an argument `{name}` becomes the path of a file with the bytes given as `name`."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, name) for name in files}
        for name, content in files.items():
            paths[name].write_bytes(content)
        command = ["openssl", *(argument.format(**paths) for argument in arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout


def public_of(private_der):
    """The SubjectPublicKeyInfo that openssl derives from a PKCS#8 private key."""
    return openssl("pkey", "-inform", "DER", "-in", "{key}", "-pubout", "-outform", "DER", key=private_der)


def text_of_public(public_der):
    """openssl's description of a public key."""
    return openssl("pkey", "-pubin", "-inform", "DER", "-in", "{key}", "-noout", "-text", key=public_der).decode()
