// The AWS SDK for JavaScript, unmodified, against a running server. Endpoint, Region and credentials come from the
// variables every AWS client reads.
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { test } from "node:test";

import * as sdk from "@aws-sdk/client-kms";

const kms = new sdk.KMSClient({ maxAttempts: 1 });
const call = (name, input = {}) => kms.send(new sdk[`${name}Command`](input));
const newKey = async (input) => (await call("CreateKey", input)).KeyMetadata;

test("a data key is made and decrypted", async () => {
  const key = await newKey({ Description: "from JavaScript" });
  assert.equal(key.KeyState, "Enabled");
  assert.ok(key.CreationDate instanceof Date && Math.abs(key.CreationDate - Date.now()) < 60_000);
  const EncryptionContext = { Department: "IT", Purpose: "Test" };
  const made = await call("GenerateDataKey", { KeyId: key.KeyId, KeySpec: "AES_256", EncryptionContext });
  assert.equal(made.Plaintext.length, 32);
  assert.equal(made.KeyId, key.Arn);
  const opened = await call("Decrypt", { CiphertextBlob: made.CiphertextBlob, EncryptionContext });
  assert.deepEqual(opened.Plaintext, made.Plaintext);
});

test("bytes survive encryption and re-encryption", async () => {
  const [from, to] = [await newKey(), await newKey()];
  const Plaintext = Uint8Array.from({ length: 4096 }, (_, index) => index % 256);
  const sealed = await call("Encrypt", { KeyId: from.Arn, Plaintext });
  const moved = await call("ReEncrypt", { CiphertextBlob: sealed.CiphertextBlob, DestinationKeyId: to.KeyId });
  assert.deepEqual([moved.SourceKeyId, moved.KeyId], [from.Arn, to.Arn]);
  const opened = await call("Decrypt", { CiphertextBlob: moved.CiphertextBlob });
  assert.deepEqual(opened.Plaintext, Plaintext);
});

for (const KeyPairSpec of ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"]) {
  test(`a private key of ${KeyPairSpec} decrypts and fits`, async () => {
    const key = await newKey();
    const pair = await call("GenerateDataKeyPairWithoutPlaintext", { KeyId: key.KeyId, KeyPairSpec });
    const opened = await call("Decrypt", { CiphertextBlob: pair.PrivateKeyCiphertextBlob });
    const priv = createPrivateKey({ key: Buffer.from(opened.Plaintext), format: "der", type: "pkcs8" });
    const pub = createPublicKey(priv).export({ format: "der", type: "spki" });
    assert.deepEqual(new Uint8Array(pub), pair.PublicKey);
  });
}

test("an alias goes where it is sent", async () => {
  const [first, second] = [await newKey(), await newKey()];
  const AliasName = `alias/js-${first.KeyId}`;
  await call("CreateAlias", { AliasName, TargetKeyId: first.KeyId });
  await call("UpdateAlias", { AliasName, TargetKeyId: second.KeyId });
  assert.equal((await call("DescribeKey", { KeyId: AliasName })).KeyMetadata.KeyId, second.KeyId);
  const listed = [];
  for await (const page of sdk.paginateListAliases({ client: kms, pageSize: 1 }, { KeyId: second.KeyId })) {
    listed.push(...page.Aliases.map((entry) => entry.AliasName));
  }
  assert.deepEqual(listed, [AliasName]);
  await call("DeleteAlias", { AliasName });
});

test("faults arrive by their names", async () => {
  const key = await newKey();
  await call("DisableKey", { KeyId: key.KeyId });
  const missing = "00000000-0000-4000-8000-000000000000";
  const rows = [
    ["DescribeKey", { KeyId: missing }, "NotFoundException"],
    ["Encrypt", { KeyId: key.KeyId, Plaintext: new Uint8Array([1]) }, "DisabledException"],
    ["Decrypt", { CiphertextBlob: new Uint8Array(200) }, "InvalidCiphertextException"],
    ["EnableKey", { KeyId: "alias/x" }, "InvalidArnException"],
    ["GenerateDataKey", { KeyId: key.KeyId }, "ValidationException"],
    ["CancelKeyDeletion", { KeyId: key.KeyId }, "KMSInvalidStateException"],
  ];
  for (const [name, input, expected] of rows) {
    await assert.rejects(call(name, input), (error) => {
      assert.equal(error.name, expected);
      assert.equal(error.$metadata.httpStatusCode, 400);
      assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
      return sdk[expected] === undefined || error instanceof sdk[expected];
    });
  }
});

test("many calls at once", async () => {
  const key = await newKey();
  const calls = Array.from({ length: 50 }, () => call("GenerateDataKey", { KeyId: key.KeyId, NumberOfBytes: 24 }));
  const made = await Promise.all(calls);
  assert.equal(new Set(made.map((one) => Buffer.from(one.Plaintext).toString("hex"))).size, 50);
});
