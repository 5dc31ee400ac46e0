#!/usr/bin/env python3
"""Decrypts a ciphertext blob with the key material alone: `docs/ciphertext-format.md`, version 1, and nothing else.

Written from that page, without a look at the program, so that each checks the other.

    decrypt_blob.py MATERIAL_HEX [name=value …] < blob > plaintext
"""

import hashlib
import struct
import sys
import uuid
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEADER_BYTES = 88
CHECKED_BYTES = 84
TAG_BYTES = 16
SHORTEST_BYTES = HEADER_BYTES + 1 + TAG_BYTES
LABEL = b"strongroom/v1/message"
MATERIAL_ID_LABEL = b"strongroom/v1/key-material-id"


class Refused(Exception):
    """The blob does not open, and why."""


@dataclass(frozen=True)
class Suite:
    """The functions behind a suite number. Material and message key are equally long."""

    digest: type
    cipher: type
    key_bytes: int


SUITES = {
    1: Suite(hashes.SHA256, algorithms.AES, 32),
    2: Suite(hashes.SM3, algorithms.SM4, 16),
}


@dataclass(frozen=True)
class Header:
    """The first 88 bytes of a blob."""

    suite: Suite
    key_id: str
    account: str
    material_id: str
    derivation_nonce: bytes
    iv: bytes


def read_header(blob):
    if len(blob) < SHORTEST_BYTES:
        raise Refused("shorter than any blob")
    form, suite, id_form = blob[0], blob[1], blob[2]
    if form != 1:
        raise Refused("another format")
    if suite not in SUITES:
        raise Refused("another suite")
    if id_form not in (0, 1):
        raise Refused("another key id form")
    if hashlib.sha256(blob[:CHECKED_BYTES]).digest()[:4] != blob[CHECKED_BYTES:HEADER_BYTES]:
        raise Refused("the header check does not fit")
    return Header(
        suite=SUITES[suite],
        key_id=str(uuid.UUID(bytes=blob[3:19])) if id_form == 0 else "mrk-" + blob[3:19].hex(),
        account=f"{int.from_bytes(blob[19:24], 'big'):012}",
        material_id=blob[24:56].hex(),
        derivation_nonce=blob[56:72],
        iv=blob[72:84],
    )


def message_key(suite, material, derivation_nonce):
    """One round of the counter-mode KDF."""
    length_bits = suite.key_bytes * 8
    prf = hmac.HMAC(material, suite.digest())
    prf.update(struct.pack(">I", 1) + LABEL + b"\0" + derivation_nonce + struct.pack(">I", length_bits))
    return prf.finalize()[: suite.key_bytes]


def encode_context(context):
    def sized(part):
        return struct.pack(">I", len(part)) + part

    pairs = sorted((name.encode(), value.encode()) for name, value in context.items())
    return struct.pack(">I", len(pairs)) + b"".join(sized(name) + sized(value) for name, value in pairs)


def key_material_id(material, key_id):
    prf = hmac.HMAC(material, hashes.SHA256())
    prf.update(MATERIAL_ID_LABEL + b"\0" + key_id.encode())
    return prf.finalize().hex()


def decrypt(blob, material, context):
    """The plaintext of `blob`, or `Refused`."""
    header = read_header(blob)
    if len(material) != header.suite.key_bytes:
        raise Refused("key material of another length")
    if key_material_id(material, header.key_id) != header.material_id:
        raise Refused("other key material than the blob names")
    key = message_key(header.suite, material, header.derivation_nonce)
    tag = blob[-TAG_BYTES:]
    opener = Cipher(header.suite.cipher(key), modes.GCM(header.iv, tag)).decryptor()
    opener.authenticate_additional_data(blob[:HEADER_BYTES] + encode_context(context))
    try:
        return opener.update(blob[HEADER_BYTES:-TAG_BYTES]) + opener.finalize()
    except InvalidTag:
        raise Refused("another key, another context, or changed bytes") from None


def main():
    material = bytes.fromhex(sys.argv[1])
    context = dict(pair.split("=", 1) for pair in sys.argv[2:])
    try:
        sys.stdout.buffer.write(decrypt(sys.stdin.buffer.read(), material, context))
    except Refused as refused:
        sys.exit(f"refused: {refused}")


if __name__ == "__main__":
    main()
