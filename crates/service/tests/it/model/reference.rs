//! The reference: what the specification says of a key's life, in the plainest words. It knows nothing of stores, caches,
//! schedules and wire forms; what the service makes up (ids, ciphertexts) it is told.

use std::collections::BTreeMap;

use strongroom_core::generated::{KeySpec, KeyState, KeyUsage, OpName};
use strongroom_core::state::{Admission, admit};

/// The name of an error, as callers read it.
pub(super) type Code = &'static str;
/// What a rule says: the effect is done, or there is none.
pub(super) type Rule<T = ()> = Result<T, Code>;

const ACCESS_DENIED: Code = "AccessDeniedException";
pub(super) const ALREADY_EXISTS: Code = "AlreadyExistsException";
const CONFLICT: Code = "ConflictException";
const DISABLED: Code = "DisabledException";
const INCORRECT_KEY: Code = "IncorrectKeyException";
const INCORRECT_MATERIAL: Code = "IncorrectKeyMaterialException";
const INVALID: Code = "ValidationException";
const INVALID_CIPHERTEXT: Code = "InvalidCiphertextException";
const INVALID_STATE: Code = "KMSInvalidStateException";
const LIMIT: Code = "LimitExceededException";
pub(super) const NOT_FOUND: Code = "NotFoundException";
pub(super) const UNSUPPORTED: Code = "UnsupportedOperationException";
const WRONG_USAGE: Code = "InvalidKeyUsageException";

pub(super) const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;

/// What does not change in a key's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) spec: KeySpec,
    pub(super) usage: KeyUsage,
    pub(super) is_external: bool,
    pub(super) is_multi_region: bool,
}

/// One material of a key.
#[derive(Clone, Debug)]
pub(super) struct Material {
    /// The bytes that were brought; a number of its own for what was made here.
    pub(super) identity: Vec<u8>,
    /// Whether the bytes are there.
    pub(super) is_here: bool,
    pub(super) valid_to: Option<i64>,
    pub(super) description: Option<String>,
    /// When and how it became current; none for the first.
    pub(super) rotated: Option<(i64, &'static str)>,
    /// What the service calls it, once it has been heard.
    pub(super) id: Option<String>,
}

/// A grant. Everything but its id and token was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) name: Option<String>,
    pub(super) grantee: String,
    pub(super) retiring: Option<String>,
    pub(super) operation: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) key: usize,
    pub(super) terms: Terms,
    pub(super) id: String,
    pub(super) token: String,
    pub(super) is_gone: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) region: &'static str,
    pub(super) kind: Kind,
    /// Whether its primary is elsewhere.
    pub(super) is_replica: bool,
    pub(super) state: KeyState,
    /// How long a primary waits once its last replica is gone.
    pub(super) deletion_window: Option<i64>,
    pub(super) deletion_date: Option<i64>,
    pub(super) description: String,
    /// The number of the policy that was put; none while it is the default.
    pub(super) policy: Option<u8>,
    pub(super) tags: BTreeMap<String, String>,
    /// Oldest first; the last one encrypts.
    pub(super) materials: Vec<Material>,
    pub(super) pending: Option<Material>,
    /// Days between rotations, and the next date.
    pub(super) automatic: Option<(i64, i64)>,
    pub(super) on_demand: u32,
    pub(super) last_use: Option<(OpName, i64)>,
    pub(super) is_gone: bool,
}

impl Key {
    pub(super) fn is_symmetric(&self) -> bool {
        self.kind.spec == KeySpec::SymmetricDefault
    }

    pub(super) fn lacks_material(&self) -> bool {
        self.materials.is_empty() || self.materials.iter().any(|material| !material.is_here)
    }

    fn drop_material(&mut self, at: usize) {
        let material = &mut self.materials[at];
        material.is_here = false;
        material.valid_to = None;
        if matches!(self.state, KeyState::Enabled | KeyState::Disabled) {
            self.state = KeyState::PendingImport;
        }
    }
}

/// Something that the service once made.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) key: usize,
    /// Which of the key's materials made it.
    pub(super) material: usize,
    pub(super) plaintext: Vec<u8>,
    pub(super) bytes: serde_json::Value,
    pub(super) what: What,
}

/// What the service makes with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Ciphertext,
    Mac,
    Signature,
}

/// What an owner brings.
pub(super) struct Brought {
    /// None when the bytes are of no use for this key.
    pub(super) identity: Option<Vec<u8>>,
    /// Why the token is refused, if it is.
    pub(super) token: Rule,
    pub(super) is_new: Option<bool>,
    pub(super) valid_to: Option<i64>,
    /// The id that the call names.
    pub(super) named: Option<String>,
    pub(super) description: Option<String>,
}

/// Where a material of a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Associated(usize),
    Pending,
}

/// All that there is.
#[derive(Default)]
pub(super) struct Reference {
    pub(super) now: i64,
    pub(super) keys: Vec<Key>,
    /// Which key each alias of a Region points to.
    pub(super) aliases: BTreeMap<(&'static str, String), usize>,
    pub(super) grants: Vec<Grant>,
    serial: u64,
}

impl Reference {
    /// Nothing, at a moment.
    pub(super) fn at(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    /// What the state says, of a key that is there.
    pub(super) fn admit(&self, op: OpName, key: usize) -> Rule {
        let key = &self.keys[key];
        if key.is_gone {
            return Err(NOT_FOUND);
        }
        match admit(op, key.state) {
            Admission::Admit => Ok(()),
            Admission::Disabled => Err(DISABLED),
            Admission::InvalidState => Err(INVALID_STATE),
        }
    }

    fn fresh_material(&mut self) -> Material {
        self.serial += 1;
        let identity = self.serial.to_be_bytes().to_vec();
        Material { identity, is_here: true, valid_to: None, description: None, rotated: None, id: None }
    }

    pub(super) fn create_key(&mut self, kind: Kind, region: &'static str, id: String, arn: String) {
        let materials = if kind.is_external { Vec::new() } else { vec![self.fresh_material()] };
        let state = if kind.is_external { KeyState::PendingImport } else { KeyState::Enabled };
        self.keys.push(Key {
            id,
            arn,
            region,
            kind,
            is_replica: false,
            state,
            deletion_window: None,
            deletion_date: None,
            description: String::new(),
            policy: None,
            tags: BTreeMap::new(),
            materials,
            pending: None,
            automatic: None,
            on_demand: 0,
            last_use: None,
            is_gone: false,
        });
    }

    pub(super) fn enable_key(&mut self, key: usize) -> Rule {
        self.admit(OpName::EnableKey, key)?;
        self.keys[key].state = KeyState::Enabled;
        self.pass_time(key);
        Ok(())
    }

    pub(super) fn disable_key(&mut self, key: usize) -> Rule {
        self.admit(OpName::DisableKey, key)?;
        self.keys[key].state = KeyState::Disabled;
        Ok(())
    }

    pub(super) fn schedule_key_deletion(&mut self, key: usize, days: i64) -> Rule<Option<i64>> {
        if !(7..=30).contains(&days) {
            return Err(INVALID);
        }
        self.admit(OpName::ScheduleKeyDeletion, key)?;
        self.begin_deletion(key, days);
        Ok(self.keys[key].deletion_date)
    }

    pub(super) fn cancel_key_deletion(&mut self, key: usize) -> Rule {
        self.admit(OpName::CancelKeyDeletion, key)?;
        let now = self.now;
        let key = &mut self.keys[key];
        if key.deletion_date.is_some_and(|date| date <= now) {
            return Err(NOT_FOUND);
        }
        key.state = if key.lacks_material() { KeyState::PendingImport } else { KeyState::Disabled };
        key.deletion_date = None;
        key.deletion_window = None;
        Ok(())
    }

    pub(super) fn enable_key_rotation(&mut self, key: usize, days: i64) -> Rule {
        if !(90..=2560).contains(&days) {
            return Err(INVALID);
        }
        self.admit(OpName::EnableKeyRotation, key)?;
        let next = self.now + days * DAY;
        if !self.keys[key].is_symmetric() || self.keys[key].kind.is_external || self.keys[key].is_replica {
            return Err(UNSUPPORTED);
        }
        self.for_family(key, |member| member.automatic = Some((days, next)));
        Ok(())
    }

    pub(super) fn disable_key_rotation(&mut self, key: usize) -> Rule {
        self.admit(OpName::DisableKeyRotation, key)?;
        if self.keys[key].kind.is_external || self.keys[key].is_replica {
            return Err(UNSUPPORTED);
        }
        self.for_family(key, |member| member.automatic = None);
        Ok(())
    }

    pub(super) fn rotation_is_told(&self, op: OpName, key: usize) -> Rule {
        self.admit(op, key)?;
        if self.keys[key].is_symmetric() { Ok(()) } else { Err(UNSUPPORTED) }
    }

    pub(super) fn rotate_on_demand(&mut self, key: usize) -> Rule {
        self.rotation_is_told(OpName::RotateKeyOnDemand, key)?;
        let (now, fresh) = (self.now, self.fresh_material());
        let named = &self.keys[key];
        if named.is_replica {
            return Err(UNSUPPORTED);
        }
        if named.on_demand >= 25 {
            return Err(LIMIT);
        }
        if named.automatic.is_some_and(|(_, next)| next <= now + 20 * MINUTE) {
            return Err(CONFLICT);
        }
        let is_external = named.kind.is_external;
        if is_external && !self.pending_is_everywhere(key) {
            return Err(INVALID_STATE);
        }
        self.for_family(key, |member| {
            let next = if is_external { member.pending.take() } else { Some(fresh.clone()) };
            member.on_demand += 1;
            member.materials.extend(next.map(|next| Material { rotated: Some((now, "ON_DEMAND")), ..next }));
        });
        Ok(())
    }

    pub(super) fn get_parameters_for_import(&self, key: usize) -> Rule {
        if !self.keys[key].is_gone && !self.keys[key].kind.is_external {
            return Err(UNSUPPORTED);
        }
        self.admit(OpName::GetParametersForImport, key)
    }

    pub(super) fn import_key_material(&mut self, at: usize, brought: Brought) -> Rule<Place> {
        let Brought { identity, token, is_new, valid_to, named, description } = brought;
        if valid_to.is_some_and(|date| date <= self.now || date > self.now + 365 * DAY) {
            return Err(INVALID);
        }
        if is_new == Some(true) && named.is_some() {
            return Err(INVALID);
        }
        if !self.keys[at].is_gone && !self.keys[at].kind.is_external {
            return Err(UNSUPPORTED);
        }
        self.admit(OpName::ImportKeyMaterial, at)?;
        let key = &mut self.keys[at];
        let has_ids = key.is_symmetric();
        if !has_ids && (named.is_some() || description.is_some()) {
            return Err(INVALID);
        }
        token?;
        let identity = identity.ok_or(INCORRECT_MATERIAL)?;
        let known = key.materials.iter().position(|material| material.identity == identity).map(Place::Associated);
        let place = if is_new.unwrap_or(key.materials.is_empty()) {
            if named.is_some() {
                return Err(INVALID);
            }
            if key.is_replica {
                return Err(UNSUPPORTED);
            }
            let new = Material { identity, is_here: true, valid_to, description, rotated: None, id: None };
            match known {
                Some(_) => return Err(INCORRECT_MATERIAL),
                None if key.materials.is_empty() => {
                    key.materials.push(new);
                    Place::Associated(0)
                }
                None if has_ids => {
                    key.pending = Some(new);
                    Place::Pending
                }
                None => return Err(INCORRECT_MATERIAL),
            }
        } else {
            let waits = key.pending.as_ref().is_some_and(|pending| pending.identity == identity);
            let place = known.or(waits.then_some(Place::Pending)).ok_or(INCORRECT_MATERIAL)?;
            let material = key.at_mut(place).ok_or(INCORRECT_MATERIAL)?;
            if named.is_some() && named != material.id {
                return Err(INCORRECT_MATERIAL);
            }
            material.is_here = true;
            material.valid_to = valid_to;
            material.description = description.or(material.description.take());
            place
        };
        if key.state == KeyState::PendingImport && !key.lacks_material() {
            key.state = KeyState::Enabled;
        }
        self.share_pending(at);
        Ok(place)
    }

    /// Deletes the named material or the current one, and says which that was.
    pub(super) fn delete_imported_key_material(&mut self, key: usize, named: Option<&str>) -> Rule<Option<String>> {
        if !self.keys[key].is_gone && !self.keys[key].kind.is_external {
            return Err(UNSUPPORTED);
        }
        self.admit(OpName::DeleteImportedKeyMaterial, key)?;
        let named_key = &self.keys[key];
        let at = match named {
            None if named_key.materials.is_empty() => return Ok(None),
            None => named_key.materials.len() - 1,
            Some(id) if named_key.pending.as_ref().is_some_and(|pending| pending.id.as_deref() == Some(id)) => {
                self.drop_pending(key);
                return Ok(Some(id.to_owned()));
            }
            Some(id) => {
                let mut ids = named_key.materials.iter().map(|material| material.id.as_deref());
                ids.position(|known| known == Some(id)).ok_or(NOT_FOUND)?
            }
        };
        self.keys[key].drop_material(at);
        Ok(self.keys[key].materials[at].id.clone())
    }

    pub(super) fn create_alias(&mut self, name: &str, key: usize) -> Rule {
        if self.keys[key].is_gone {
            return Err(NOT_FOUND);
        }
        let alias = (self.keys[key].region, name.to_owned());
        if self.aliases.contains_key(&alias) {
            return Err(ALREADY_EXISTS);
        }
        self.admit(OpName::CreateAlias, key)?;
        self.aliases.insert(alias, key);
        Ok(())
    }

    pub(super) fn update_alias(&mut self, name: &str, key: usize) -> Rule {
        let region = self.keys[key].region;
        let old = self.resolve(region, name)?;
        if self.keys[key].is_gone {
            return Err(NOT_FOUND);
        }
        let class = |at: usize| (self.keys[at].kind.usage, strongroom_core::spec::facts(self.keys[at].kind.spec).class);
        if class(old) != class(key) {
            return Err(INVALID);
        }
        self.admit(OpName::UpdateAlias, key)?;
        self.aliases.insert((region, name.to_owned()), key);
        Ok(())
    }

    pub(super) fn delete_alias(&mut self, region: &'static str, name: &str) -> Rule {
        self.aliases.remove(&(region, name.to_owned())).map(drop).ok_or(NOT_FOUND)
    }

    /// The key that an alias points to.
    pub(super) fn resolve(&self, region: &'static str, name: &str) -> Rule<usize> {
        self.aliases.get(&(region, name.to_owned())).copied().ok_or(NOT_FOUND)
    }

    /// Whether a grant can be made; the one that the same request made before, if it did.
    pub(super) fn create_grant(&self, key: usize, terms: &Terms) -> Rule<Option<String>> {
        if self.keys[key].is_gone {
            return Err(NOT_FOUND);
        }
        let fits = match terms.operation {
            "Decrypt" => self.keys[key].kind.usage == KeyUsage::EncryptDecrypt,
            "GenerateMac" => self.keys[key].kind.usage == KeyUsage::GenerateVerifyMac,
            "Sign" => self.keys[key].kind.usage == KeyUsage::SignVerify,
            _ => true,
        };
        if !fits {
            return Err(INVALID);
        }
        self.admit(OpName::CreateGrant, key)?;
        let same = |grant: &&Grant| grant.key == key && !grant.is_gone && grant.terms == *terms;
        let twin = terms.name.as_ref().and_then(|_| self.grants.iter().find(same));
        Ok(twin.map(|grant| grant.id.clone()))
    }

    /// Retired or revoked: what is gone is found no more.
    pub(super) fn end_grant(&mut self, grant: usize) -> Rule {
        if self.grants[grant].is_gone || self.keys[self.grants[grant].key].is_gone {
            return Err(NOT_FOUND);
        }
        self.grants[grant].is_gone = true;
        Ok(())
    }

    /// Whether the current material can be used, and which that is.
    pub(super) fn use_key(&self, op: OpName, key: usize, usage: KeyUsage) -> Rule<usize> {
        if !self.keys[key].is_gone && self.keys[key].kind.usage != usage {
            return Err(WRONG_USAGE);
        }
        self.admit(op, key)?;
        self.keys[key].materials.len().checked_sub(1).ok_or(INVALID_STATE)
    }

    /// Which key opens a ciphertext in a Region, when the caller names `with`, or no key.
    pub(super) fn open(
        &self,
        op: OpName,
        made: &Made,
        (region, with): (&str, Option<usize>),
        same_context: bool,
    ) -> Rule<usize> {
        let id = &self.keys[made.key].id;
        let key = match with {
            Some(with) if self.keys[with].is_gone => return Err(NOT_FOUND),
            Some(with) if self.keys[with].id != *id => return Err(INCORRECT_KEY),
            Some(with) => with,
            None => self.member_in(id, region).ok_or(ACCESS_DENIED)?,
        };
        self.admit(op, key)?;
        if same_context { Ok(key) } else { Err(INVALID_CIPHERTEXT) }
    }

    pub(super) fn note_use(&mut self, op: OpName, key: usize) {
        self.keys[key].last_use = Some((op, self.now));
    }

    /// What the service does by itself: destroys, deletes what has expired, ends states that pass, rotates.
    pub(super) fn run_due_tasks(&mut self) {
        for at in 0..self.keys.len() {
            let key = &self.keys[at];
            if key.is_gone {
                continue;
            }
            if key.state == KeyState::PendingDeletion && key.deletion_date.is_some_and(|date| date <= self.now) {
                self.keys[at].is_gone = true;
                self.aliases.retain(|_, target| *target != at);
                self.bury_replica(at);
            } else {
                self.pass_time(at);
            }
        }
    }

    fn pass_time(&mut self, at: usize) {
        let (now, fresh) = (self.now, self.fresh_material());
        let expired = |material: &Material| material.is_here && material.valid_to.is_some_and(|date| date <= now);
        if self.keys[at].pending.as_ref().is_some_and(expired) {
            self.drop_pending(at);
        }
        let key = &mut self.keys[at];
        for material in 0..key.materials.len() {
            if expired(&key.materials[material]) {
                key.drop_material(material);
            }
        }
        if matches!(key.state, KeyState::Creating | KeyState::Updating) {
            key.state = if key.lacks_material() { KeyState::PendingImport } else { KeyState::Enabled };
        }
        let rotates = key.state == KeyState::Enabled && !key.is_replica;
        let Some((days, next)) = key.automatic.filter(|_| rotates) else { return };
        if next <= now {
            // The next date of the series, unless that was missed too.
            let next = if next + days * DAY > now { next + days * DAY } else { now + days * DAY };
            self.for_family(at, |member| {
                member.automatic = Some((days, next));
                member.materials.push(Material { rotated: Some((now, "AUTOMATIC")), ..fresh.clone() });
            });
        }
    }
}

impl Key {
    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut Material> {
        match place {
            Place::Associated(at) => self.materials.get_mut(at),
            Place::Pending => self.pending.as_mut(),
        }
    }
}
