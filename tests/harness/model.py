"""The API model as botocore has it, an independent copy of what the server was generated from."""

import base64
import re
from functools import cache

from botocore.loaders import Loader


@cache
def model():
    return Loader().load_service_model("kms", "service-2")


def operations():
    return sorted(model()["operations"])


def input_shape(operation):
    return model()["shapes"][model()["operations"][operation]["input"]["shape"]]


def shape(reference):
    return model()["shapes"][reference["shape"]]


def members(operation):
    """Name and shape of every member of an operation's input."""
    return {name: shape(reference) for name, reference in input_shape(operation)["members"].items()}


def required(operation):
    return input_shape(operation).get("required", [])


def path(name):
    """A member's name as error texts spell it."""
    return name[0].lower() + name[1:]


def valid(of):
    """A value that satisfies every constraint of a shape."""
    kind = of["type"]
    if kind == "string":
        return _valid_string(of)
    if kind == "blob":
        return base64.b64encode(b"x" * max(of.get("min", 1), 1)).decode()
    if kind == "integer":
        return of.get("min", 1)
    if kind == "boolean":
        return False
    if kind == "timestamp":
        return 1_800_000_000.5
    if kind == "list":
        return [valid(shape(of["member"])) for _ in range(max(of.get("min", 1), 1))]
    if kind == "map":
        return {"name": "value"}
    if kind == "structure":
        return {name: valid(shape(of["members"][name])) for name in of.get("required", [])}
    raise AssertionError(kind)


def valid_input(operation):
    return {name: valid(members(operation)[name]) for name in required(operation)}


#: Strings that satisfy the patterns of the model, which a run of one letter would not.
_SAMPLES = [
    "a",
    "alias/a",
    "123456789012",
    "us-east-1",
    "https://example.com",
    "/ping/kms/xks/v1",
    "arn:aws:iam::123456789012:root",
    "service.amazonaws.com",
    "A1B2",
    "0" * 64,
    "cluster-aaaaaaaaaaa",
    "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789",
]


def _valid_string(of):
    if "enum" in of:
        return of["enum"][0]
    low, high = max(of.get("min", 1), 1), of.get("max", 1 << 20)
    for sample in [*_SAMPLES, "a" * low, "A" * low, "0" * low]:
        if low <= len(sample) <= high and _fits(sample, of.get("pattern")):
            return sample
    raise AssertionError(f"no sample for {of}")


def _fits(text, pattern):
    return pattern is None or re.fullmatch(pattern, text) is not None
