"""An OpenID Connect identity provider: its keys, and the tokens that it signs."""

import base64
import json
import time

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://issuer.test/realm"
AUDIENCE = "sts.amazonaws.com"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length):
    return b64(value.to_bytes(length, "big"))


class Issuer:
    """An identity provider with an RSA and a P-256 key."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())

    def jwks(self):
        of_rsa, of_ec = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        keys = [
            {"kty": "RSA", "kid": "r", "use": "sig", "n": number(of_rsa.n, 256), "e": number(of_rsa.e, 3)},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": number(of_ec.x, 32), "y": number(of_ec.y, 32)},
        ]
        return json.dumps({"keys": keys}).encode()

    def token(self, algorithm="RS256", header=None, without=(), **claims):
        """A token with these claims beside the usual ones; `header` adds to its header, and takes away what is None."""
        now = int(time.time())
        usual = {"iss": ISSUER, "sub": "app", "aud": AUDIENCE, "iat": now, "exp": now + 600}
        header = {"alg": algorithm, "kid": "e" if algorithm.startswith("ES") else "r"} | (header or {})
        said = {name: value for name, value in (usual | claims).items() if name not in without}
        parts = ({name: value for name, value in header.items() if value is not None}, said)
        return self.signed(algorithm, *(json.dumps(part).encode() for part in parts))

    def signed(self, algorithm, header, claims):
        signed = f"{b64(header)}.{b64(claims)}"
        return f"{signed}.{b64(self.sign(algorithm, signed.encode()))}"

    def sign(self, algorithm, data):
        if algorithm.startswith("HS"):
            # The public key, which everybody has, as if it were a shared secret.
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            public = self.rsa.public_key().public_bytes(serialization.Encoding.PEM, form)
            mac = hmac.HMAC(public, hashes.SHA256())
            mac.update(data)
            return mac.finalize()
        digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[algorithm[2:]]()
        if algorithm.startswith("ES"):
            r, s = decode_dss_signature(self.ec.sign(data, ec.ECDSA(digest)))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if algorithm.startswith("PS"):
            return self.rsa.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.rsa.sign(data, padding.PKCS1v15(), digest)


def team(name):
    names = name if isinstance(name, list) else [name]
    return {"https://aws.amazon.com/tags": {"principal_tags": {"team": names}}}
