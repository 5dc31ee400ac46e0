//! Everything that can be asked about keys, compared with the reference.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strongroom_core::generated::{KeyState, OpName};

use super::Difference;
use super::driver::{Driver, learn, millis, same};
use super::reference::{Grant, Key, Material, Rule, What};

impl Driver {
    /// Asks for everything.
    pub(super) fn look(&mut self) -> Result<(), Difference> {
        for region in self.regions() {
            self.look_around(region).map_err(|difference| format!("in {region}: {difference}"))?;
        }
        for key in 0..self.reference.keys.len() {
            self.look_at(key).map_err(|difference| format!("key {key}: {difference}"))?;
        }
        for made in self.made.clone() {
            let checked = match made.what {
                What::Ciphertext => self.check_decrypts(&made, None, true),
                What::Mac | What::Signature => self.check_verifies(&made),
            };
            checked.map_err(|difference| {
                format!("made by material {} of key {}: {difference}", made.material, made.key)
            })?;
        }
        Ok(())
    }

    /// The lists of a Region.
    fn look_around(&self, region: &'static str) -> Result<(), Difference> {
        let keys = self.reference.keys.iter().filter(|key| !key.is_gone && key.region == region);
        let listed = self.list(region, OpName::ListKeys, &json!({}), "Keys", "KeyId", Ok(()))?;
        same("ListKeys", &listed, &keys.map(|key| key.id.clone()).collect())?;
        let aliases = self.reference.aliases.keys().filter(|(of, _)| *of == region);
        let listed = self.list(region, OpName::ListAliases, &json!({}), "Aliases", "AliasName", Ok(()))?;
        same("ListAliases", &listed, &aliases.map(|(_, name)| name.clone()).collect())?;
        let bob = json!({"RetiringPrincipal": self.user("bob")});
        let is_here = |grant: &Grant| grant.terms.retiring.is_some() && self.at(grant.key) == region;
        let listed = self.list(region, OpName::ListRetirableGrants, &bob, "Grants", "GrantId", Ok(()))?;
        same("ListRetirableGrants", &listed, &self.grants_where(is_here))
    }

    fn grants_where(&self, fits: impl Fn(&Grant) -> bool) -> BTreeSet<String> {
        let live =
            self.reference.grants.iter().filter(|grant| !grant.is_gone && !self.reference.keys[grant.key].is_gone);
        live.filter(|grant| fits(grant)).map(|grant| grant.id.clone()).collect()
    }

    /// The values of `member` on the one page of a list.
    fn list(
        &self,
        region: &str,
        op: OpName,
        body: &Value,
        result: &str,
        member: &str,
        rule: Rule,
    ) -> Result<BTreeSet<String>, Difference> {
        let Some((page, ())) = self.agree(region, op, body, rule)? else { return Ok(BTreeSet::new()) };
        same("Truncated", &page["Truncated"], &json!(false))?;
        let entries = page[result].as_array().ok_or("a list is missing")?;
        let values: Vec<_> =
            entries.iter().map(|entry| entry[member].as_str().unwrap_or_default().to_owned()).collect();
        let set: BTreeSet<_> = values.iter().cloned().collect();
        same("entries of a list", &values.len(), &set.len())?;
        Ok(set)
    }

    fn look_at(&mut self, key: usize) -> Result<(), Difference> {
        self.look_at_metadata(key)?;
        self.look_at_rotation(key)?;
        self.look_at_usage(key)?;
        let id = json!({"KeyId": self.id(key)});
        let region = self.at(key);
        let there = self.reference.admit(OpName::DescribeKey, key);

        let aliases = self.reference.aliases.iter().filter(|(_, target)| **target == key);
        let aliases = aliases.map(|((_, name), _)| name.clone()).collect();
        same("ListAliases", &self.list(region, OpName::ListAliases, &id, "Aliases", "AliasName", there)?, &aliases)?;
        let grants = self.grants_where(|grant| grant.key == key);
        same("ListGrants", &self.list(region, OpName::ListGrants, &id, "Grants", "GrantId", there)?, &grants)?;

        if let Some((page, ())) = self.agree(region, OpName::ListResourceTags, &id, there)? {
            let tags = &self.reference.keys[key].tags;
            let tag = |(key, value): (&String, &String)| json!({"TagKey": key, "TagValue": value});
            same("ListResourceTags", &page["Tags"], &tags.iter().map(tag).collect())?;
        }
        if let Some((answer, ())) = self.agree(region, OpName::GetKeyPolicy, &id, there)?
            && let Some(number) = self.reference.keys[key].policy
        {
            let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap_or_default()).unwrap_or_default();
            same("Sid", &policy["Statement"][0]["Sid"], &json!(format!("s{number}")))?;
        }
        Ok(())
    }

    /// What DescribeKey says.
    pub(super) fn look_at_metadata(&mut self, at: usize) -> Result<(), Difference> {
        let rule = self.reference.admit(OpName::DescribeKey, at);
        let Some((mut answer, ())) =
            self.agree(self.at(at), OpName::DescribeKey, &json!({"KeyId": self.id(at)}), rule)?
        else {
            return Ok(());
        };
        let metadata = answer["KeyMetadata"].take();
        let relatives = self.reference.family(at).len();
        let key = &mut self.reference.keys[at];
        same("KeyState", &metadata["KeyState"], &json!(key.state.as_str()))?;
        same("Enabled", &metadata["Enabled"], &json!(key.state == KeyState::Enabled))?;
        same("Description", &metadata["Description"], &json!(key.description))?;
        same("MultiRegion", &metadata["MultiRegion"], &json!(key.kind.is_multi_region))?;
        let window = metadata["PendingDeletionWindowInDays"].as_i64();
        same("PendingDeletionWindowInDays", &window, &key.deletion_window)?;
        let family = &metadata["MultiRegionConfiguration"];
        let role = key.kind.is_multi_region.then_some(if key.is_replica { "REPLICA" } else { "PRIMARY" });
        same("MultiRegionKeyType", &family["MultiRegionKeyType"].as_str(), &role)?;
        let replicas = family["ReplicaKeys"].as_array().map(Vec::len);
        same("ReplicaKeys", &replicas, &role.map(|_| relatives - 1))?;
        same("DeletionDate", &millis(&metadata["DeletionDate"]), &key.deletion_date)?;
        let expiry = key.materials.iter().filter_map(|material| material.valid_to).min();
        same("ValidTo", &millis(&metadata["ValidTo"]), &expiry)?;
        let model = key.kind.is_external && key.materials.iter().any(|material| material.is_here);
        same("ExpirationModel", &metadata.get("ExpirationModel").cloned(), &model.then(|| model_of(expiry)))?;
        let shows_current = key.is_symmetric() && !key.materials.is_empty();
        same("CurrentKeyMaterialId", &metadata.get("CurrentKeyMaterialId").is_some(), &shows_current)?;
        match key.materials.last_mut() {
            Some(current) if shows_current => learn(&mut current.id, &metadata["CurrentKeyMaterialId"]),
            Some(_) | None => Ok(()),
        }
    }

    fn look_at_rotation(&mut self, at: usize) -> Result<(), Difference> {
        let mut body = json!({"KeyId": self.id(at)});
        let rule = self.reference.rotation_is_told(OpName::GetKeyRotationStatus, at);
        if let Some((status, ())) = self.agree(self.at(at), OpName::GetKeyRotationStatus, &body, rule)? {
            let key = &self.reference.keys[at];
            let automatic = key
                .automatic
                .filter(|_| !matches!(key.state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion));
            same("KeyRotationEnabled", &status["KeyRotationEnabled"], &json!(automatic.is_some()))?;
            same("RotationPeriodInDays", &status["RotationPeriodInDays"].as_i64(), &automatic.map(|(days, _)| days))?;
            same("NextRotationDate", &millis(&status["NextRotationDate"]), &automatic.map(|(_, next)| next))?;
        }
        body["IncludeKeyMaterial"] = json!("ALL_KEY_MATERIAL");
        let rule = self.reference.rotation_is_told(OpName::ListKeyRotations, at);
        let Some((page, ())) = self.agree(self.at(at), OpName::ListKeyRotations, &body, rule)? else { return Ok(()) };
        let entries = page["Rotations"].as_array().ok_or("a list is missing")?;
        let is_everywhere = self.reference.pending_is_everywhere(at);
        let key = &mut self.reference.keys[at];
        let waits = key.pending.is_some();
        same("materials", &entries.len(), &(key.materials.len() + usize::from(waits)))?;
        let is_external = key.kind.is_external;
        let newest_first = key.pending.iter_mut().chain(key.materials.iter_mut().rev());
        for (at, (entry, material)) in entries.iter().zip(newest_first).enumerate() {
            let state = match (waits, at) {
                (true, 0) if is_everywhere => "PENDING_ROTATION",
                (true, 0) => "PENDING_MULTI_REGION_IMPORT_AND_ROTATION",
                (true, 1) | (false, 0) => "CURRENT",
                _ => "NON_CURRENT",
            };
            same("KeyMaterialState", &entry["KeyMaterialState"], &json!(state))?;
            check_material(entry, material, is_external)
                .map_err(|difference| format!("material {at}: {difference}"))?;
        }
        check_ids(key)
    }

    fn look_at_usage(&mut self, at: usize) -> Result<(), Difference> {
        let rule = self.reference.admit(OpName::GetKeyLastUsage, at);
        let body = json!({"KeyId": self.id(at)});
        let Some((answer, ())) = self.agree(self.at(at), OpName::GetKeyLastUsage, &body, rule)? else { return Ok(()) };
        let used = &answer["KeyLastUsage"];
        let (op, moment) = self.reference.keys[at].last_use.unzip();
        same("Operation", &used["Operation"].as_str(), &op.map(OpName::as_str))?;
        same("Timestamp", &millis(&used["Timestamp"]), &moment)
    }
}

fn model_of(expiry: Option<i64>) -> Value {
    json!(if expiry.is_some() { "KEY_MATERIAL_EXPIRES" } else { "KEY_MATERIAL_DOES_NOT_EXPIRE" })
}

fn check_material(entry: &Value, material: &mut Material, is_external: bool) -> Result<(), Difference> {
    learn(&mut material.id, &entry["KeyMaterialId"])?;
    let (date, kind) = material.rotated.unzip();
    same("RotationDate", &millis(&entry["RotationDate"]), &date)?;
    same("RotationType", &entry["RotationType"].as_str(), &kind)?;
    let import_state = is_external.then_some(if material.is_here { "IMPORTED" } else { "PENDING_IMPORT" });
    same("ImportState", &entry["ImportState"].as_str(), &import_state)?;
    let model = (is_external && material.is_here).then(|| model_of(material.valid_to));
    same("ExpirationModel", &entry.get("ExpirationModel").cloned(), &model)?;
    same("ValidTo", &millis(&entry["ValidTo"]), &material.valid_to)?;
    same("KeyMaterialDescription", &entry["KeyMaterialDescription"].as_str(), &material.description.as_deref())
}

/// Different materials have different names.
fn check_ids(key: &Key) -> Result<(), Difference> {
    let all: Vec<_> = key.materials.iter().chain(&key.pending).filter_map(|material| material.id.as_ref()).collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    same("distinct material ids", &distinct.len(), &all.len())
}
