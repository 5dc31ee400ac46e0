"""Snapshots and reset of `strongroom dev`: all that clients can see goes back, and lives on from there."""

import json
import os
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from harness.clients import admin, boto3_client, tool
from harness.openssl import wrap
from harness.server import dev
from harness.wire import Credentials

HOME, ABROAD = "us-east-1", "eu-west-1"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ISSUER = "id.example.com/realm"

#: As many keys as many a test suite makes, so that the time of a restore says something.
KEYS = 1_000
#: The longest that the quickest of some restores may take, in seconds.
RESTORE_SECONDS = 0.05


@pytest.fixture
def server():
    with dev() as server:
        yield server


def statement(**changes):
    allow = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow | changes]})


def code(call, **members):
    """The error of a call; None when it goes through."""
    try:
        call(**members)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


class World:
    """A bit of everything that `strongroom dev` can hold."""

    def __init__(self, server):
        self.server = server
        self.iam = boto3_client(server, "iam")
        self.home, self.abroad = (
            boto3_client(server, credentials=Credentials(region=region)) for region in (HOME, ABROAD)
        )
        self.make_identities()
        self.make_keys()

    def make_identities(self):
        iam = self.iam
        self.policy = iam.create_policy(PolicyName="UseKeys", PolicyDocument=statement())["Policy"]["Arn"]
        iam.create_group(GroupName="payments")
        iam.attach_group_policy(GroupName="payments", PolicyArn=self.policy)
        self.alice = iam.create_user(UserName="alice", Tags=[{"Key": "team", "Value": "blue"}])["User"]["Arn"]
        iam.add_user_to_group(GroupName="payments", UserName="alice")
        iam.put_user_policy(UserName="alice", PolicyName="inline", PolicyDocument=statement(Action="sts:*"))
        self.alices = self.access_key("alice")
        trust = {"Effect": "Allow", "Principal": {"AWS": self.alice}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.attach_role_policy(RoleName="worker", PolicyArn=ADMINISTRATOR)
        self.provider = iam.create_open_id_connect_provider(
            Url=f"https://{ISSUER}", ClientIDList=["app"], ThumbprintList=["0" * 40]
        )["OpenIDConnectProviderArn"]

    def access_key(self, user):
        made = self.iam.create_access_key(UserName=user)["AccessKey"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"])

    def session(self, role=None):
        sts = boto3_client(self.server, "sts", self.alices)
        given = sts.assume_role(RoleArn=role or self.role, RoleSessionName="night")["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"])
        return boto3_client(self.server, credentials=Credentials(*keys, token=given["SessionToken"]))

    def make_keys(self):
        kms = self.home
        self.rotating = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyMetadata"]["KeyId"]
        kms.enable_key_rotation(KeyId=self.rotating, RotationPeriodInDays=90)
        kms.create_alias(AliasName="alias/app", TargetKeyId=self.rotating)
        terms = {"GranteePrincipal": self.alice, "Operations": ["Decrypt"], "RetiringPrincipal": self.alice}
        self.grant = kms.create_grant(KeyId=self.rotating, Name="reads", **terms)
        self.signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        self.doomed = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=self.doomed, PendingWindowInDays=10)
        self.family = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        kms.replicate_key(KeyId=self.family, ReplicaRegion=ABROAD)
        while self.abroad.describe_key(KeyId=self.family)["KeyMetadata"]["KeyState"] == "Creating":
            time.sleep(0.05)
        self.imported = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        self.parameters = kms.get_parameters_for_import(KeyId=self.imported, **wrapping)
        self.materials = [os.urandom(32) for _ in range(2)]
        expiry = kms.describe_key(KeyId=self.imported)["KeyMetadata"]["CreationDate"] + timedelta(days=300)
        self.bring(0, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=expiry)
        self.bring(1, ImportType="NEW_KEY_MATERIAL", KeyMaterialDescription="next")
        self.sealed = {
            key: kms.encrypt(KeyId=key, Plaintext=b"attack at dawn")["CiphertextBlob"]
            for key in (self.rotating, self.family, self.imported)
        }
        message = {"KeyId": self.signing, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
        self.signed = {**message, "Signature": kms.sign(**message)["Signature"]}

    def bring(self, which, **members):
        members.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
        wrapped = wrap("RSAES_OAEP_SHA_256", self.parameters["PublicKey"], self.materials[which])
        token = self.parameters["ImportToken"]
        self.home.import_key_material(KeyId=self.imported, ImportToken=token, EncryptedKeyMaterial=wrapped, **members)

    def look(self):
        """Everything that can be asked, by a name for each question."""
        seen = {}
        for region, kms in ((HOME, self.home), (ABROAD, self.abroad)):
            ask = Asking(seen, region, kms)
            keys = sorted(key["KeyId"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"])
            seen[region, "keys"] = keys
            seen[region, "aliases"] = kms.list_aliases()["Aliases"]
            seen[region, "retirable"] = kms.list_retirable_grants(RetiringPrincipal=self.alice)["Grants"]
            for key in keys[:20]:
                ask("describe_key", KeyId=key)
                ask("list_resource_tags", KeyId=key)
                ask("list_grants", KeyId=key)
                ask("get_key_policy", KeyId=key)
                ask("get_key_last_usage", KeyId=key)
                ask("get_key_rotation_status", KeyId=key)
                ask("list_key_rotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
                ask("get_public_key", KeyId=key)
        ask = Asking(seen, "iam", self.iam)
        for operation in (
            *("list_users", "list_roles", "list_groups", "list_open_id_connect_providers"),
            *("get_account_summary",),
        ):
            ask(operation)
        ask("list_policies", Scope="Local")
        for operation in (
            *("get_user", "list_user_tags", "list_user_policies", "list_attached_user_policies"),
            *("list_groups_for_user", "list_access_keys"),
        ):
            ask(operation, UserName="alice")
        for operation in ("get_role", "list_role_policies", "list_attached_role_policies"):
            ask(operation, RoleName="worker")
        ask("get_group", GroupName="payments")
        ask("list_attached_group_policies", GroupName="payments")
        ask("list_policy_versions", PolicyArn=self.policy)
        ask("get_open_id_connect_provider", OpenIDConnectProviderArn=self.provider)
        ask("get_access_key_last_used", AccessKeyId=self.alices.access_key)
        clock = admin(self.server, "/dev/clock")[1]
        seen["clock"] = clock["offset_ms"]
        seen["faults"] = admin(self.server, "/dev/faults")[1]
        return seen

    def spoil(self):
        """Changes something of everything."""
        kms, iam = self.home, self.iam
        tool(self.server, "fault", "clear")
        kms.update_key_description(KeyId=self.rotating, Description="changed")
        kms.rotate_key_on_demand(KeyId=self.rotating)
        kms.tag_resource(KeyId=self.rotating, Tags=[{"TagKey": "team", "TagValue": "red"}])
        kms.put_key_policy(
            KeyId=self.signing, Policy=statement(Principal={"AWS": self.alice}), BypassPolicyLockoutSafetyCheck=True
        )
        kms.revoke_grant(KeyId=self.rotating, GrantId=self.grant["GrantId"])
        kms.delete_alias(AliasName="alias/app")
        kms.disable_key(KeyId=self.family)
        self.abroad.schedule_key_deletion(KeyId=self.family, PendingWindowInDays=7)
        kms.rotate_key_on_demand(KeyId=self.imported)
        kms.delete_imported_key_material(KeyId=self.imported)
        made = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/app", TargetKeyId=made)
        self.later = {
            "key": made,
            "sealed": kms.encrypt(KeyId=made, Plaintext=b"x")["CiphertextBlob"],
            "by new material": kms.encrypt(KeyId=self.rotating, Plaintext=b"x")["CiphertextBlob"],
        }
        iam.create_user(UserName="mallory")
        iam.attach_user_policy(UserName="mallory", PolicyArn=ADMINISTRATOR)
        self.later["mallory"] = self.access_key("mallory")
        trust = {"Effect": "Allow", "Principal": {"AWS": self.alice}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName="intruder", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        self.later["session"] = self.session(role)
        # What is told of an access key's last use has the Region, so this shows even within the same second.
        elsewhere = replace(self.alices, region="ap-south-1")
        boto3_client(self.server, "sts", elsewhere).get_caller_identity()
        iam.update_access_key(UserName="alice", AccessKeyId=self.alices.access_key, Status="Inactive")
        iam.delete_user_policy(UserName="alice", PolicyName="inline")
        iam.remove_user_from_group(GroupName="payments", UserName="alice")
        iam.attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
        iam.tag_user(UserName="alice", Tags=[{"Key": "team", "Value": "red"}])
        iam.detach_group_policy(GroupName="payments", PolicyArn=self.policy)
        iam.create_group(GroupName="intruders")
        iam.create_policy_version(PolicyArn=self.policy, PolicyDocument=statement(Effect="Deny"), SetAsDefault=True)
        iam.detach_role_policy(RoleName="worker", PolicyArn=ADMINISTRATOR)
        iam.delete_role(RoleName="worker")
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=self.provider)
        tool(self.server, "clock", "advance", "400d")

    def check_that_it_works(self):
        """What was made before the snapshot is as good as it was then."""
        kms = self.home
        for blob in self.sealed.values():
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"attack at dawn"
        assert self.abroad.decrypt(CiphertextBlob=self.sealed[self.family])["Plaintext"] == b"attack at dawn"
        assert kms.verify(**self.signed)["SignatureValid"]
        alice = boto3_client(self.server, credentials=self.alices)
        token = [self.grant["GrantToken"]]
        assert alice.decrypt(CiphertextBlob=self.sealed[self.rotating], GrantTokens=token)["KeyId"]

    def check_that_later_things_are_gone(self):
        kms = self.home
        assert code(kms.describe_key, KeyId=self.later["key"]) == "NotFoundException"
        assert code(kms.decrypt, CiphertextBlob=self.later["sealed"]) == "AccessDeniedException"
        assert code(kms.decrypt, CiphertextBlob=self.later["by new material"]) == "InvalidCiphertextException"
        mallory = boto3_client(self.server, credentials=self.later["mallory"])
        assert code(mallory.list_keys) == "UnrecognizedClientException"
        assert code(self.later["session"].list_keys) == "UnrecognizedClientException"

    def check_that_time_goes_on(self):
        """The schedule went back too: what was due then is due again, at its own date."""
        kms = self.home
        rotations = len(kms.list_key_rotations(KeyId=self.rotating)["Rotations"])
        tool(self.server, "clock", "advance", "9d")
        assert kms.describe_key(KeyId=self.doomed)["KeyMetadata"]["KeyState"] == "PendingDeletion"
        tool(self.server, "clock", "advance", "1d")
        assert code(kms.describe_key, KeyId=self.doomed) == "NotFoundException"
        tool(self.server, "clock", "advance", "80d")
        assert len(kms.list_key_rotations(KeyId=self.rotating)["Rotations"]) == rotations + 1
        tool(self.server, "clock", "advance", "210d")
        assert kms.describe_key(KeyId=self.imported)["KeyMetadata"]["KeyState"] == "PendingImport"
        # The import token was good for a day of the clock.
        with pytest.raises(kms.exceptions.ExpiredImportTokenException):
            self.bring(0)


class Asking:
    """Puts answers, or the codes of refusals, under the questions."""

    def __init__(self, seen, place, client):
        self.seen, self.place, self.client = seen, place, client

    def __call__(self, operation, **members):
        try:
            answer = getattr(self.client, operation)(**members)
            answer.pop("ResponseMetadata")
        except ClientError as error:
            answer = error.response["Error"]["Code"]
        self.seen[self.place, operation, *members.values()] = answer


def changed(before, after):
    return {question for question in before.keys() | after.keys() if before.get(question) != after.get(question)}


def test_everything_goes_back(server):
    world = World(server)
    tool(server, "clock", "advance", "1h")
    tool(server, "fault", "add", "--operation", "GenerateRandom", "--error", "ThrottlingException", "--count", "2")
    assert code(world.home.generate_random, NumberOfBytes=1) == "ThrottlingException"
    session = world.session()
    session.list_keys()
    before = world.look()
    tool(server, "snapshot", "save", "before")
    assert changed(before, world.look()) == set(), "to look is no change, and to keep is none"

    # Twice: the second time begins with what the first restore left.
    for restore in (
        lambda: tool(server, "snapshot", "restore", "before"),
        lambda: admin(server, "/dev/snapshots/restore", {"name": "before"}),
    ):
        world.spoil()
        assert code(session.list_keys) in ("ExpiredTokenException", "UnrecognizedClientException")
        spoiled = changed(before, world.look())
        asked = {question[1] if isinstance(question, tuple) else question for question in before}
        untouched = asked - {question[1] if isinstance(question, tuple) else question for question in spoiled}
        assert untouched == set(), "this test changes something of all that can be asked"
        restore()
        assert changed(before, world.look()) == set()
        session.list_keys()
        world.check_that_later_things_are_gone()
        world.check_that_it_works()
        tool(server, "snapshot", "restore", "before")
        world.check_that_time_goes_on()
        tool(server, "snapshot", "restore", "before")
        assert changed(before, world.look()) == set()
    # The second of the rule's two calls is left.
    assert code(world.home.generate_random, NumberOfBytes=1) == "ThrottlingException"
    assert code(world.home.generate_random, NumberOfBytes=1) is None


def test_a_reset_leaves_nothing(server):
    world = World(server)
    tool(server, "clock", "advance", "100d")
    tool(server, "snapshot", "save", "world")
    before = world.look()
    tool(server, "reset")
    for kms in (world.home, world.abroad):
        assert kms.list_keys()["Keys"] == []
        assert kms.list_aliases()["Aliases"] == []
    assert world.iam.list_users()["Users"] == []
    assert world.iam.list_roles()["Roles"] == []
    assert world.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    # In `dev` an access key that nobody made is the root user's, and so is one that nobody made any more.
    who = boto3_client(server, "sts", world.alices).get_caller_identity()
    assert who["Arn"] == "arn:aws:iam::000000000000:root"
    assert tool(server, "clock", "show")["offset_ms"] == 0
    # Snapshots stay, so there is a way back.
    tool(server, "snapshot", "restore", "world")
    assert changed(before, world.look()) == set()
    world.check_that_it_works()


def test_it_takes_milliseconds(server):
    """With a thousand keys, each of which was used: keeping them, and going back to them after changes."""
    kms = boto3_client(server)
    for _ in range(KEYS):
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.encrypt(KeyId=key, Plaintext=b"x")

    def seconds(path, body):
        kms.create_key()
        started = time.monotonic()
        assert admin(server, path, body)[0] == 200
        return time.monotonic() - started

    for path in ("/dev/snapshots", "/dev/snapshots/restore"):
        took = [seconds(path, {"name": "busy"}) for _ in range(10)]
        assert min(took) < RESTORE_SECONDS, (path, took)
    took = []
    for _ in range(10):
        took.append(seconds("/dev/reset", {}))
        assert kms.list_keys()["Keys"] == []
        admin(server, "/dev/snapshots/restore", {"name": "busy"})
    assert min(took) < RESTORE_SECONDS, took
