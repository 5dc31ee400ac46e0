//! Keys in use: ciphertexts, MACs and signatures, the old ones too.

use serde_json::{Value, json};
use strongroom_core::generated::{KeyUsage, OpName};

use super::Difference;
use super::driver::{Driver, learn, same};
use super::reference::{Made, Rule, What};
use crate::fixtures::{blob, bytes};

impl Driver {
    pub(super) fn encrypt(&mut self, region: &str, name: Value, key: Rule<usize>) -> Result<(), Difference> {
        let op = OpName::Encrypt;
        let plaintext = self.made.len().to_be_bytes().to_vec();
        let rule = key.and_then(|key| {
            let material = self.reference.use_key(op, key, KeyUsage::EncryptDecrypt)?;
            Ok((key, material))
        });
        let body = json!({"KeyId": name, "Plaintext": blob(&plaintext), "EncryptionContext": {"a": "b"}});
        let Some((answer, (key, material))) = self.agree(region, op, &body, rule)? else { return Ok(()) };
        self.reference.note_use(op, key);
        self.made.push(Made {
            key,
            material,
            plaintext,
            bytes: answer["CiphertextBlob"].clone(),
            what: What::Ciphertext,
        });
        Ok(())
    }

    /// A ciphertext by its number, if there is any.
    fn ciphertext(&self, at: u8) -> Option<Made> {
        let mut all = self.made.iter().filter(|made| made.what == What::Ciphertext);
        let count = all.clone().count();
        (count > 0).then(|| all.nth(usize::from(at) % count).cloned()).flatten()
    }

    pub(super) fn decrypt(
        &mut self,
        at: u8,
        with: Option<usize>,
        same_context: bool,
    ) -> Result<Option<usize>, Difference> {
        let Some(made) = self.ciphertext(at) else { return Ok(None) };
        self.check_decrypts(&made, with, same_context).map(|()| Some(made.key))
    }

    pub(super) fn check_decrypts(
        &mut self,
        made: &Made,
        with: Option<usize>,
        same_context: bool,
    ) -> Result<(), Difference> {
        let op = OpName::Decrypt;
        let context = if same_context { json!({"a": "b"}) } else { json!({"a": "c"}) };
        let mut body = json!({"CiphertextBlob": made.bytes, "EncryptionContext": context});
        if let Some(with) = with {
            body["KeyId"] = self.id(with);
        }
        let region = self.at(with.unwrap_or(made.key));
        let rule = self.reference.open(op, made, (region, with), same_context);
        let Some((answer, key)) = self.agree(region, op, &body, rule)? else { return Ok(()) };
        self.reference.note_use(op, key);
        same("Plaintext", &bytes(&answer["Plaintext"]), &made.plaintext)?;
        let key = &mut self.reference.keys[key];
        same("KeyId", &answer["KeyId"], &json!(key.arn))?;
        learn(&mut key.materials[made.material].id, &answer["KeyMaterialId"])
    }

    pub(super) fn re_encrypt(&mut self, at: u8, to: usize) -> Result<(), Difference> {
        let op = OpName::ReEncrypt;
        let Some(made) = self.ciphertext(at) else { return Ok(()) };
        let region = self.at(to);
        let rule = self.reference.open(op, &made, (region, None), true).and_then(|from| {
            let material = self.reference.use_key(op, to, KeyUsage::EncryptDecrypt)?;
            Ok((from, material))
        });
        let body = json!({
            "CiphertextBlob": made.bytes, "SourceEncryptionContext": {"a": "b"}, "DestinationKeyId": self.id(to),
            "DestinationEncryptionContext": {"a": "b"},
        });
        let Some((answer, (from, material))) = self.agree(region, op, &body, rule)? else { return Ok(()) };
        self.reference.note_use(op, from);
        self.reference.note_use(op, to);
        let bytes = answer["CiphertextBlob"].clone();
        self.made.push(Made { key: to, material, plaintext: made.plaintext, bytes, what: What::Ciphertext });
        Ok(())
    }

    /// A MAC or a signature.
    pub(super) fn mark(&mut self, what: What, key: usize) -> Result<(), Difference> {
        let (op, _, usage, mut body, member) = call_for(what);
        body["KeyId"] = self.id(key);
        let rule = self.reference.use_key(op, key, usage);
        let Some((answer, material)) = self.agree(self.at(key), op, &body, rule)? else { return Ok(()) };
        self.reference.note_use(op, key);
        self.made.push(Made { key, material, plaintext: Vec::new(), bytes: answer[member].clone(), what });
        Ok(())
    }

    pub(super) fn verify(&mut self, at: u8) -> Result<Option<usize>, Difference> {
        let mut all = self.made.iter().filter(|made| made.what != What::Ciphertext);
        let count = all.clone().count();
        let Some(made) = (count > 0).then(|| all.nth(usize::from(at) % count).cloned()).flatten() else {
            return Ok(None);
        };
        self.check_verifies(&made).map(|()| Some(made.key))
    }

    pub(super) fn check_verifies(&mut self, made: &Made) -> Result<(), Difference> {
        let (_, op, usage, mut body, member) = call_for(made.what);
        body["KeyId"] = self.id(made.key);
        body[member] = made.bytes.clone();
        let rule = self.reference.use_key(op, made.key, usage);
        if self.agree(self.at(made.key), op, &body, rule)?.is_some() {
            self.reference.note_use(op, made.key);
        }
        Ok(())
    }
}

/// The operations that make and verify a mark, the usage they need, the rest of their requests, and the mark's member.
fn call_for(what: What) -> (OpName, OpName, KeyUsage, Value, &'static str) {
    match what {
        What::Mac => {
            let body = json!({"Message": blob(b"m"), "MacAlgorithm": "HMAC_SHA_256"});
            (OpName::GenerateMac, OpName::VerifyMac, KeyUsage::GenerateVerifyMac, body, "Mac")
        }
        What::Signature => {
            let body = json!({"Message": blob(b"m"), "SigningAlgorithm": "ECDSA_SHA_256"});
            (OpName::Sign, OpName::Verify, KeyUsage::SignVerify, body, "Signature")
        }
        What::Ciphertext => unreachable!("ciphertexts are opened, not verified"),
    }
}
