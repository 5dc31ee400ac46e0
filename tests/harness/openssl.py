"""The `openssl` program as an independent reader of keys and signatures."""

import base64
import os
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


def wrap(algorithm, public_key, material):
    """Key material as its owner sends it, under the wrapping key of GetParametersForImport (bytes or base64)."""
    public_key = base64.b64decode(public_key) if isinstance(public_key, str) else public_key
    digest = "sha1" if algorithm.endswith("SHA_1") else "sha256"

    def oaep(secret):
        options = ["rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{digest}"]
        arguments = [word for option in options for word in ("-pkeyopt", option)]
        key = ["-pubin", "-keyform", "DER", "-inkey", "{key}"]
        return openssl("pkeyutl", "-encrypt", *key, *arguments, stdin=secret, key=public_key)

    if algorithm == "SM2PKE":
        key = ["-pubin", "-keyform", "DER", "-inkey", "{key}"]
        return openssl("pkeyutl", "-encrypt", *key, stdin=material, key=public_key)
    if algorithm.startswith("RSAES_OAEP"):
        return oaep(material)
    aes_key = os.urandom(32)
    wrapping = ["-id-aes256-wrap-pad", "-K", aes_key.hex(), "-iv", "A65959A6"]
    return oaep(aes_key) + openssl("enc", *wrapping, "-in", "{material}", material=material)
