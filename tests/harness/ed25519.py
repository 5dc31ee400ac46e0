"""Ed25519ph verification after RFC 8032, section 5.1.7, in plain integers.

Neither `cryptography` nor openssl 3.0 has the prehashed variant; slow and obvious is enough here.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)


def _recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_MINUS_1 % P
    assert (x * x - square) % P == 0, "not on the curve"
    return P - x if x & 1 != sign else x


def _decode(encoded):
    number = int.from_bytes(encoded, "little")
    y = number & ((1 << 255) - 1)
    return _recover_x(y, number >> 255), y


def _add(one, other):
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def _times(scalar, point):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


_BASE_Y = 4 * pow(5, -1, P) % P
BASE = (_recover_x(_BASE_Y, 0), _BASE_Y)


def verifies_prehashed(public, message, signature):
    """Whether `signature` is Ed25519ph over `message` with the empty context."""
    r, s = _decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    dom2 = b"SigEd25519 no Ed25519 collisions" + bytes([1, 0])
    prehash = hashlib.sha512(message).digest()
    k = int.from_bytes(hashlib.sha512(dom2 + signature[:32] + public + prehash).digest(), "little") % L
    return _times(s, BASE) == _add(r, _times(k, _decode(public)))
