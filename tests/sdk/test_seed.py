"""Seed files against the real binary: what they say is there, in every form, and again; nothing of a wrong one is."""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from conftest import boto3_client
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, rsa

from harness.server import BINARY, ROOT, DidNotStart, Server
from harness.wire import Credentials

ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
DOCS = (ROOT / "docs/dev.md").read_text()


def dev(seed, data=None):
    """`strongroom dev` with this seed: a path, or what a YAML file says."""
    arguments = ["dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--seed", seed]
    return Server([*arguments, *(["--data", data] if data else [])])


@pytest.fixture
def write(tmp_path):
    """Writes a seed file and gives its path."""

    def write(content, name="seed.yaml"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


def client(server, access_key="test", secret="test", region="us-east-1"):
    return boto3_client(server, Credentials(access_key, secret, region))


def code(call, **members):
    """The error of a call; None when it goes through."""
    try:
        call(**members)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def refused(seed, *words, data=None):
    """The server does not start, and says each of these words."""
    with pytest.raises(DidNotStart) as raised:
        dev(seed, data).kill()
    assert raised.value.code == 2, raised.value
    for word in words:
        assert word in raised.value.stderr, raised.value.stderr
    return raised.value.stderr


def example():
    [text] = re.findall(r"```yaml\n(.*?)```", DOCS, re.S)
    return text


def test_the_example_of_the_documentation(write):
    with dev(write(example())) as server:
        alice = client(server, "ALICEKEY", "alice-secret", "eu-west-1")
        bob = client(server, "BOBKEY", "bob-secret", "eu-west-1")
        root = client(server, "ROOTKEY", "root-secret", "eu-west-1")
        key = root.describe_key(KeyId="alias/payments")["KeyMetadata"]
        assert (key["KeyId"], key["Description"]) == (ID, "payments")
        assert key["CreationDate"] == datetime(2024, 1, 1, tzinfo=UTC)
        sealed = alice.encrypt(KeyId=ID, Plaintext=b"attack at dawn")["CiphertextBlob"]
        # Bob has a grant to decrypt, and nothing else.
        assert bob.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"attack at dawn"
        assert code(bob.encrypt, KeyId=ID, Plaintext=b"a") == "AccessDeniedException"
        assert code(alice.describe_key, KeyId=ID) == "AccessDeniedException"
        [grant] = root.list_grants(KeyId=ID)["Grants"]
        assert (grant["GrantId"], grant["Name"]) == ("0" * 62 + "aa", "bob-reads")
        tags = root.list_resource_tags(KeyId=ID)["Tags"]
        assert tags == [{"TagKey": "team", "TagValue": "payments"}]
        rotations = root.list_key_rotations(KeyId=ID, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        assert len(rotations) == 2
        assert rotations[0]["RotationDate"] == datetime(2024, 12, 31, tzinfo=UTC)
        assert code(client(server, "ALICEKEY", "wrong", "eu-west-1").list_keys) == "InvalidSignatureException"
        # RFC 8037, appendix A.4 is a signature of this key.
        message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        signature = base64.urlsafe_b64decode(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg=="
        )
        signed = root.sign(KeyId="alias/releases", Message=message, SigningAlgorithm="ED25519_SHA_512")
        assert signed["Signature"] == signature
        assert [code(root.generate_random, NumberOfBytes=1) for _ in range(3)] == ["ThrottlingException"] * 2 + [None]


def pkcs8(key):
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def spki(key):
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form)


def url64(value, length=None):
    if isinstance(value, int):
        value = value.to_bytes(length or (value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def rsa_jwk(key):
    numbers = key.private_numbers()
    public = numbers.public_numbers
    names = {"n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q}
    names |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    return {"kty": "RSA", "kid": "mine"} | {name: url64(value) for name, value in names.items()}


def ec_jwk(key, curve):
    numbers = key.private_numbers()
    size = (key.curve.key_size + 7) // 8
    point = {name: url64(getattr(numbers.public_numbers, name), size) for name in "xy"}
    return {"kty": "EC", "crv": curve, "d": url64(numbers.private_value, size), **point}


def akp_jwk(key):
    public = key.public_key().public_bytes_raw()
    return {"kty": "AKP", "priv": url64(key.private_bytes_raw()), "pub": url64(public)}


def key_pairs():
    """Spec, usage, a key pair that `cryptography` made, and its material in several forms."""
    for bits in (2048, 3072, 4096):
        key = rsa.generate_private_key(65537, bits)
        yield f"RSA_{bits}", "SIGN_VERIFY", key, [{"pem": pkcs8(key)}, {"jwk": rsa_jwk(key)}]
    curves = [
        ("ECC_NIST_P256", ec.SECP256R1(), "P-256"),
        ("ECC_NIST_P384", ec.SECP384R1(), "P-384"),
        ("ECC_NIST_P521", ec.SECP521R1(), "P-521"),
        ("ECC_SECG_P256K1", ec.SECP256K1(), "secp256k1"),
    ]
    for spec, curve, name in curves:
        key = ec.generate_private_key(curve)
        scalar = key.private_numbers().private_value.to_bytes((curve.key_size + 7) // 8, "big")
        yield spec, "SIGN_VERIFY", key, [{"pem": pkcs8(key)}, {"jwk": ec_jwk(key, name)}, {"hex": scalar.hex()}]
    key = ed25519.Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "d": url64(key.private_bytes_raw())}
    jwk["x"] = url64(key.public_key().public_bytes_raw())
    forms = [{"pem": pkcs8(key)}, {"jwk": jwk}, {"hex": key.private_bytes_raw().hex()}]
    yield "ECC_NIST_EDWARDS25519", "SIGN_VERIFY", key, forms
    for size in (44, 65, 87):
        key = getattr(mldsa, f"MLDSA{size}PrivateKey").generate()
        yield f"ML_DSA_{size}", "SIGN_VERIFY", key, [{"pem": pkcs8(key)}, {"jwk": akp_jwk(key)}]
    for size in (768, 1024):
        key = getattr(mlkem, f"MLKEM{size}PrivateKey").generate()
        usage = "ENCAPSULATE_DECAPSULATE"
        yield f"ML_KEM_{size}", usage, key, [{"pem": pkcs8(key)}, {"hex": key.private_bytes_raw().hex()}]


def test_every_form_of_material_of_every_pair(write):
    expected, keys = {}, []
    for spec, usage, pair, forms in key_pairs():
        for material in forms:
            key_id = f"{len(keys):08x}-12ab-34cd-56ef-1234567890ab"
            expected[key_id] = (spec, spki(pair))
            keys.append({"id": key_id, "spec": spec, "usage": usage, "material": material})
    with dev(write({"keys": keys})) as server:
        kms = client(server)
        for key_id, (spec, public) in expected.items():
            shown = kms.get_public_key(KeyId=key_id)
            assert (shown["KeySpec"], shown["PublicKey"]) == (spec, public)


def test_symmetric_material_goes_from_server_to_server(write):
    """What one server encrypted under fixed material another one opens; older material as well."""
    old, new = ("11" * 32, "22" * 32)
    mac = base64.b64encode(b"\x33" * 48).decode()
    hmac_key = {"id": ID.replace("1", "2"), "spec": "HMAC_384", "material": {"base64": mac}}
    jwk = {"kty": "oct", "k": url64(b"\x44" * 64)}
    other_hmac = {"id": ID.replace("1", "3"), "spec": "HMAC_512", "material": {"jwk": jwk}}
    before = {"keys": [{"id": ID, "material": {"hex": old}}, hmac_key, other_hmac]}
    after = {"keys": [{"id": ID, "materials": [{"hex": old}, {"hex": new, "rotation_type": "ON_DEMAND"}]}, hmac_key]}
    call = {"KeyId": hmac_key["id"], "Message": b"m", "MacAlgorithm": "HMAC_SHA_384"}
    with dev(write(before)) as server:
        kms = client(server)
        sealed = kms.encrypt(KeyId=ID, Plaintext=b"a", EncryptionContext={"a": "b"})["CiphertextBlob"]
        current = kms.describe_key(KeyId=ID)["KeyMetadata"]["CurrentKeyMaterialId"]
        tag = kms.generate_mac(**call)["Mac"]
        assert tag == hmac.digest(b"\x33" * 48, b"m", "sha384")
        other = kms.generate_mac(KeyId=other_hmac["id"], Message=b"m", MacAlgorithm="HMAC_SHA_512")["Mac"]
        assert other == hmac.digest(b"\x44" * 64, b"m", "sha512")
    with dev(write(after)) as server:
        kms = client(server)
        opened = kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})
        assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"a", current)
        assert kms.describe_key(KeyId=ID)["KeyMetadata"]["CurrentKeyMaterialId"] != current
        assert kms.generate_mac(**call)["Mac"] == tag
        [rotation] = kms.list_key_rotations(KeyId=ID)["Rotations"]
        assert rotation["RotationType"] == "ON_DEMAND"


def test_states_and_origins(write):
    ids = [ID.replace("1", str(digit)) for digit in range(2, 9)]
    fixed = {"hex": "55" * 32, "description": "mine", "valid_to": "2090-01-01T00:00:00Z"}
    keys = [
        {"id": ids[0], "state": "Disabled"},
        {"id": ids[1], "state": "PendingDeletion", "pending_window_days": 7},
        {"id": ids[2], "origin": "EXTERNAL"},
        {"id": ids[3], "origin": "EXTERNAL", "material": fixed},
        {"id": ids[4], "spec": "SM2", "usage": "SIGN_VERIFY", "region": "cn-north-1", "material": {"hex": "66" * 32}},
        {"id": "mrk-" + "a" * 32},
        {"id": ids[5], "region": "cn-north-1", "material": {"hex": "77" * 16}},
    ]
    with dev(write({"keys": keys})) as server:
        kms = client(server)
        found = [kms.describe_key(KeyId=key["id"])["KeyMetadata"] for key in keys[:4]]
        assert [one["KeyState"] for one in found] == ["Disabled", "PendingDeletion", "PendingImport", "Enabled"]
        assert [one["Origin"] for one in found] == ["AWS_KMS", "AWS_KMS", "EXTERNAL", "EXTERNAL"]
        assert found[3]["ValidTo"] == datetime(2090, 1, 1, tzinfo=UTC)
        kms.encrypt(KeyId=ids[3], Plaintext=b"a")
        assert kms.describe_key(KeyId="mrk-" + "a" * 32)["KeyMetadata"]["MultiRegion"] is True
        china = client(server, region="cn-north-1")
        signature = china.sign(KeyId=ids[4], Message=b"a", SigningAlgorithm="SM2DSA")["Signature"]
        china.verify(KeyId=ids[4], Message=b"a", SigningAlgorithm="SM2DSA", Signature=signature)
        china.encrypt(KeyId=ids[5], Plaintext=b"a")
        # A seeded deletion is a deletion.
        subprocess.run(
            [BINARY, "dev", "clock", "advance", "7d", "--admin", server.admin.removeprefix("http://")],
            check=True,
            timeout=60,
            capture_output=True,
        )
        assert code(kms.describe_key, KeyId=ids[1]) == "NotFoundException"


def digest(folder):
    """What the database holds, in a few bytes."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).glob("*.db*")}


ACCOUNT = {
    "id": "111122223333",
    "users": [{"name": "alice", "access_keys": [{"id": "ALICE", "secret": "s"}]}],
}


def test_the_same_seed_again_changes_nothing(write, tmp_path):
    data = tmp_path / "data"
    key = {"id": ID, "account": "111122223333", "description": "seeded", "aliases": ["alias/a"]}
    seed = {"accounts": [ACCOUNT], "keys": [key]}
    with dev(write(seed), data) as server:
        kms = client(server, "111122223333")
        sealed = kms.encrypt(KeyId="alias/a", Plaintext=b"a")["CiphertextBlob"]
        kms.update_key_description(KeyId=ID, Description="changed")
        kms.delete_alias(AliasName="alias/a")
        kms.rotate_key_on_demand(KeyId=ID)
    before = digest(data)
    for _ in range(2):
        with dev(write(seed), data) as server:
            kms = client(server, "111122223333")
            assert kms.describe_key(KeyId=ID)["KeyMetadata"]["Description"] == "changed"
            assert kms.list_aliases()["Aliases"] == []
            assert code(client(server, "ALICE", "s").list_keys) == "AccessDeniedException"
        assert digest(data) == before
    # What is new in the file is added; the rest stays.
    more = {"accounts": [ACCOUNT], "keys": [key, {"id": ID.replace("1", "2")}]}
    with dev(write(more), data) as server:
        client(server).describe_key(KeyId=ID.replace("1", "2"))
        kms = client(server, "111122223333")
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"a"
    # A lost file loses nothing, but for the access keys that only it has.
    with Server(["dev", "--listen", "127.0.0.1:0", "--admin", "off", "--data", data]) as server:
        assert client(server, "111122223333").describe_key(KeyId=ID)["KeyMetadata"]["Description"] == "changed"


def test_who_is_named_must_be_there(write):
    """Of an account that the seed makes; of others nothing is known."""
    grant = {"id": "a" * 64, "operations": ["Decrypt"]}
    nobody = "arn:aws:iam::111122223333:user/nobody"
    policy = {"Version": "2012-10-17", "Statement": []}
    statement = {"Effect": "Allow", "Principal": {"AWS": nobody}, "Action": "kms:*", "Resource": "*"}
    for key in (
        {"id": ID, "grants": [grant | {"grantee_principal": nobody}]},
        {"id": ID, "policy": policy | {"Statement": [statement]}},
    ):
        refused(write({"accounts": [ACCOUNT], "keys": [key]}), "keys[0].", "nobody called " + nobody)
    trust = {"Effect": "Allow", "Principal": {"AWS": nobody}, "Action": "sts:AssumeRole"}
    role = {"name": "r", "trust_policy": policy | {"Statement": [trust]}}
    refused(write({"accounts": [ACCOUNT | {"roles": [role]}]}), "accounts[0].roles[0].trust_policy", "nobody called")
    elsewhere = {"id": ID, "grants": [grant | {"grantee_principal": nobody.replace("1111", "5555")}]}
    with dev(write({"accounts": [ACCOUNT], "keys": [elsewhere]})) as server:
        assert len(client(server).list_grants(KeyId=ID)["Grants"]) == 1


def test_a_seed_that_contradicts_the_store_changes_nothing(write, tmp_path):
    data = tmp_path / "data"
    key = {"id": ID, "description": "a", "material": {"hex": "11" * 32}}
    with dev(write({"accounts": [ACCOUNT], "keys": [key]}), data) as server:
        made = client(server).create_key()["KeyMetadata"]["KeyId"]
        client(server).create_alias(AliasName="alias/taken", TargetKeyId=made)
    before = digest(data)
    fresh = {"id": ID.replace("1", "2")}
    for changes, words in [
        ({"description": "b"}, ["keys[1]", "another description"]),
        ({"material": {"hex": "12" * 32}}, ["keys[1]", "another materials"]),
        ({"tags": {"a": "b"}, "state": "Disabled"}, ["keys[1]", "another state, tags"]),
    ]:
        refused(write({"keys": [fresh, key | changes]}), "seed.yaml:", *words, data=data)
    refused(write({"keys": [fresh, {"id": made}]}), "keys[1]", "not made by a seed", data=data)
    taken = fresh | {"aliases": ["alias/taken"]}
    refused(write({"keys": [taken]}), "keys[0].aliases[0]", "names another key", data=data)
    other = ACCOUNT | {"users": [{"name": "alice", "path": "/a/"}]}
    refused(write({"accounts": [other], "keys": [fresh]}), "accounts[0]", "another user alice", data=data)
    assert digest(data) == before
    with dev(write({"accounts": [ACCOUNT], "keys": [key]}), data) as server:
        assert code(client(server).describe_key, KeyId=fresh["id"]) == "NotFoundException"


def test_nothing_of_a_wrong_seed_is_written(write, tmp_path):
    text = f"keys:\n- id: {ID}\n- id: {ID}\n"
    said = refused(write(text), "seed.yaml:3: keys[1].id", "keys[0].id on line 2", data=tmp_path / "data")
    assert "panicked" not in said
    assert not (tmp_path / "data").exists()
    refused(write("keys: [", "seed.yml"), "seed.yml:")
    refused(write("[[keys]]\nid = 5\n", "seed.toml"), "seed.toml:2: keys[0].id")
    refused(write("{}", "seed.json"), ".toml, .yaml or .yml")
    refused(tmp_path / "none.toml", "none.toml")


def test_a_file_is_checked_without_a_server(write):
    check = [BINARY, "dev", "seed", "check"]
    good = subprocess.run([*check, write(example())], capture_output=True, text=True, timeout=60)
    assert (good.returncode, good.stdout) == (0, "1 accounts, 2 keys, 1 faults\n"), good.stderr
    bad = subprocess.run([*check, write("keys: 5")], capture_output=True, text=True, timeout=60)
    assert bad.returncode == 2 and "seed.yaml:1: keys" in bad.stderr


def test_the_schema_is_published_and_knows_every_field_of_the_example():
    shown = subprocess.run([BINARY, "dev", "seed", "schema"], capture_output=True, text=True, timeout=60).stdout
    assert shown == (ROOT / "docs/seed-schema.json").read_text()
    schema = json.loads(shown)

    def resolve(node):
        for option in node.get("anyOf", []):
            if option.get("type") != "null":
                return resolve(option)
        return resolve(schema["$defs"][node["$ref"].rpartition("/")[2]]) if "$ref" in node else node

    def visit(value, node, at):
        node = resolve(node)
        if isinstance(value, dict) and "properties" in node:
            assert set(node.get("required", [])) <= set(value), at
            for name, inner in value.items():
                assert name in node["properties"], f"{at}.{name}"
                visit(inner, node["properties"][name], f"{at}.{name}")
        elif isinstance(value, list) and "items" in node:
            for inner in value:
                visit(inner, node["items"], at)
        elif "enum" in node:
            assert value in node["enum"], at

    visit(yaml.safe_load(example()), schema, "seed")


def test_toml_is_as_good(write):
    text = f'[[keys]]\nid = "{ID}"\naliases = ["alias/a"]\n[keys.material]\nhex = "{"11" * 32}"\n'
    assert tomllib.loads(text)
    with dev(write(text, "seed.toml")) as server:
        assert client(server).describe_key(KeyId="alias/a")["KeyMetadata"]["KeyId"] == ID


def test_a_reset_goes_back_to_the_seed(write):
    with dev(write({"keys": [{"id": ID, "description": "seeded"}]})) as server:
        kms = client(server)
        kms.update_key_description(KeyId=ID, Description="changed")
        kms.create_key()
        command = [BINARY, "dev", "reset", "--admin", server.admin.removeprefix("http://")]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        [only] = kms.list_keys()["Keys"]
        assert kms.describe_key(KeyId=only["KeyId"])["KeyMetadata"]["Description"] == "seeded"


def test_a_seeded_role_is_assumed_by_whom_it_trusts_until_its_time_is_over(write):
    """Who assumed a role is refused once the clock was moved beyond the session, though the signature is fresh."""
    with dev(write(example())) as server:
        names = ("alice", "bob")
        sts = {name: sts_client(server, name.upper() + "KEY", f"{name}-secret") for name in names}
        role = {"RoleArn": "arn:aws:iam::111122223333:role/backup", "RoleSessionName": "night"}
        assert code(sts["bob"].assume_role, **role) == "AccessDenied"
        given = sts["alice"].assume_role(**role)["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"])
        credentials = Credentials(*keys, "eu-west-1", token=given["SessionToken"])
        kms = session_client(server, credentials)
        assert kms.describe_key(KeyId=ID)["KeyMetadata"]["KeyId"] == ID
        advance = [BINARY, "dev", "clock", "advance", "2h", "--admin", server.admin.removeprefix("http://")]
        subprocess.run(advance, check=True, timeout=60, capture_output=True)
        assert code(kms.describe_key, KeyId=ID) == "ExpiredTokenException"
        assert client(server, "ROOTKEY", "root-secret", "eu-west-1").describe_key(KeyId=ID)


def sts_client(server, access_key, secret):
    return boto3.client(
        "sts",
        endpoint_url=server.endpoint,
        region_name="eu-west-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
    )


def session_client(server, credentials):
    return boto3.client(
        "kms",
        endpoint_url=server.endpoint,
        region_name=credentials.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret,
        aws_session_token=credentials.token,
    )
