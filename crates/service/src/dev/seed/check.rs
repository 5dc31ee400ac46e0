//! What a seed says that no store could make true, found without one.

use std::collections::HashMap;

use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_core::generated::{KeySpec, Origin};
use strongroom_core::key::{Import, KeyRecord, Tag};
use strongroom_core::spec;
use strongroom_core::world::Timestamp;
use strongroom_vault::material_id_of;
use strongroom_wire::kms;

use super::{Seed, SeedAccount, SeedKey, SeedPolicy, SeedState};
use crate::error::OpError;
use crate::keys::{check_tags, read_policy};
use crate::ops::grants::{check_grant_fit, read_grant_terms};

/// Aliases and grants that are written together with a key; a quota can allow fewer.
const ALIASES_MAX: usize = 50;
const GRANTS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 8_192;
const ROTATION_DAYS: std::ops::RangeInclusive<u32> = 90..=2_560;
const WINDOW_DAYS: std::ops::RangeInclusive<u32> = 7..=30;
const SESSION_SECONDS: std::ops::RangeInclusive<u32> = 3_600..=43_200;

/// What is wrong in a seed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedProblem {
    /// The field, such as `keys[3].grants[0].operations`.
    pub at: String,
    /// What is wrong with it.
    pub problem: String,
    /// The other field that it contradicts, if it does.
    pub other: Option<String>,
}

/// A problem within one key or account, by the rest of the path.
type Found = (String, String);

impl Seed {
    /// Everything that is wrong with the seed by itself.
    pub fn check(&self) -> Vec<SeedProblem> {
        let mut problems = Vec::new();
        let mut seen: HashMap<String, String> = HashMap::new();
        let mut once = |what: String, at: String, problems: &mut Vec<SeedProblem>| {
            if let Some(other) = seen.get(&what) {
                problems.push(SeedProblem {
                    at,
                    problem: format!("{what} is there twice"),
                    other: Some(other.clone()),
                });
            } else {
                seen.insert(what, at);
            }
        };
        for (at, account) in self.accounts.iter().enumerate() {
            let at = format!("accounts[{at}]");
            once(format!("account {}", account.id), format!("{at}.id"), &mut problems);
            for (field, id) in account.access_key_ids() {
                once(format!("access key {id}"), format!("{at}.{field}"), &mut problems);
            }
            for (field, what) in account.names() {
                once(format!("{what} of {}", account.id), format!("{at}.{field}"), &mut problems);
            }
            let found = account.check();
            problems.extend(found.into_iter().map(|(field, problem)| problem_at(&at, &field, problem)));
        }
        for (at, key) in self.keys.iter().enumerate() {
            let at = format!("keys[{at}]");
            once(format!("key {}", key.arn), format!("{at}.id"), &mut problems);
            if key.arn.key.is_multi_region() {
                // Relatives are made by ReplicateKey, which sees to it that they are alike.
                once(
                    format!("multi-Region key {}/{}", key.arn.account, key.arn.key),
                    format!("{at}.id"),
                    &mut problems,
                );
            }
            for (number, alias) in key.aliases.iter().enumerate() {
                let what = format!("{alias} of {} in {}", key.arn.account, key.arn.region);
                once(what, format!("{at}.aliases[{number}]"), &mut problems);
            }
            for (number, grant) in key.grants.iter().enumerate() {
                once(format!("grant {} of {}", grant.id, key.arn), format!("{at}.grants[{number}].id"), &mut problems);
            }
            let found = key.check();
            problems.extend(found.into_iter().map(|(field, problem)| problem_at(&at, &field, problem)));
        }
        problems
    }
}

fn problem_at(at: &str, field: &str, problem: String) -> SeedProblem {
    SeedProblem { at: format!("{at}.{field}"), problem, other: None }
}

/// What a caller would be told.
pub(super) fn told(error: &OpError) -> String {
    let fault = kms::Fault::from(error);
    fault.message.map_or_else(|| fault.code.as_str().to_owned(), |message| message.into_owned())
}

fn found(field: impl Into<String>, problem: impl Into<String>) -> Found {
    (field.into(), problem.into())
}

impl SeedKey {
    fn check(&self) -> Vec<Found> {
        let mut all = Vec::new();
        let facts = spec::facts(self.spec);
        if self.description.chars().count() > DESCRIPTION_CHARS_MAX {
            all.push(found("description", format!("{DESCRIPTION_CHARS_MAX} characters at most are possible")));
        }
        if !facts.offered.is_in(self.arn.region) {
            all.push(found("spec", format!("{} is not offered in {}", self.spec, self.arn.region)));
        }
        if !facts.usages.contains(&self.usage) {
            all.push(found("usage", format!("{} is not for {}", self.spec, self.usage)));
        }
        if !matches!(self.origin, Origin::AwsKms | Origin::External) {
            all.push(found("origin", "AWS_KMS or EXTERNAL is needed"));
        }
        all.extend(check_tag_list(&self.tags));
        if let Some(policy) = &self.policy
            && let Err(error) = read_policy(policy)
        {
            all.push(found("policy", told(&error)));
        }
        self.check_materials(&mut all);
        self.check_life(&mut all);
        self.check_names(&mut all);
        self.check_grants(&mut all);
        all
    }

    fn check_materials(&self, all: &mut Vec<Found>) {
        if self.materials.len() > 1 && self.spec != KeySpec::SymmetricDefault {
            all.push(found("materials", format!("a key of {} has one material", self.spec)));
        }
        let mut ids = Vec::new();
        let mut before = self.creation_date;
        for (number, one) in self.materials.iter().enumerate() {
            let at = format!("materials[{number}]");
            match material_id_of(&self.arn, &one.material) {
                Ok(id) if ids.contains(&id) => all.push(found(at.clone(), "the key has this material already")),
                Ok(id) => ids.push(id),
                Err(_) => all.push(found(at.clone(), "this material cannot be kept")),
            }
            if self.origin != Origin::External && one.import != Import::default() {
                all.push(found(at.clone(), "description and valid_to are for keys of origin EXTERNAL"));
            }
            if number == 0 && one.rotation_date.is_some() {
                all.push(found(
                    format!("{at}.rotation_date"),
                    "the first material comes with the key, not by a rotation",
                ));
            }
            if let (Some(before), Some(date)) = (before, one.rotation_date)
                && date < before
            {
                all.push(found(
                    format!("{at}.rotation_date"),
                    "it is before what was there first: the oldest comes first",
                ));
            }
            before = one.rotation_date.or(before);
        }
    }

    fn check_life(&self, all: &mut Vec<Found>) {
        match self.state {
            SeedState::PendingDeletion { window_days } if !WINDOW_DAYS.contains(&window_days) => {
                all.push(found("pending_window_days", "7 to 30 days are possible"));
            }
            SeedState::Disabled if self.origin == Origin::External && self.materials.is_empty() => {
                all.push(found("state", "a key that waits for its material is PendingImport, and cannot be disabled"));
            }
            SeedState::PendingDeletion { .. } | SeedState::Disabled | SeedState::Enabled => {}
        }
        if let Some(days) = self.rotation_period_days {
            if !ROTATION_DAYS.contains(&days) {
                all.push(found("rotation_period_days", "90 to 2560 days are possible"));
            }
            if self.spec != KeySpec::SymmetricDefault || self.origin != Origin::AwsKms {
                all.push(found("rotation_period_days", "only symmetric keys of origin AWS_KMS rotate by themselves"));
            }
        }
    }

    fn check_names(&self, all: &mut Vec<Found>) {
        if self.aliases.len() > ALIASES_MAX {
            all.push(found("aliases", format!("{ALIASES_MAX} aliases of a key can be seeded")));
        }
        for (number, alias) in self.aliases.iter().enumerate() {
            if alias.is_reserved() {
                all.push(found(format!("aliases[{number}]"), "names that begin with alias/aws/ are AWS's own"));
            }
        }
    }

    fn check_grants(&self, all: &mut Vec<Found>) {
        if self.grants.len() > GRANTS_MAX {
            all.push(found("grants", format!("{GRANTS_MAX} grants of a key can be seeded")));
        }
        let record = self.bare_record(Timestamp::default());
        for (number, grant) in self.grants.iter().enumerate() {
            let terms = read_grant_terms(&grant.request);
            if let Err(error) = terms.and_then(|terms| check_grant_fit(&record, &terms)) {
                all.push(found(format!("grants[{number}]"), told(&error)));
            }
        }
    }

    /// The key's record without its material.
    pub(super) fn bare_record(&self, now: Timestamp) -> KeyRecord {
        super::keys::bare_record(self, now)
    }
}

fn check_tag_list(tags: &[Tag]) -> Option<Found> {
    let long = |tag: &&Tag| !(1..=128).contains(&tag.key.chars().count()) || tag.value.chars().count() > 256;
    if tags.iter().any(|tag| long(&tag)) {
        return Some(found("tags", "a tag has a key of 1 to 128 characters and a value of up to 256"));
    }
    let asked = tags.iter().map(|tag| kms::Tag { tag_key: tag.key.clone(), tag_value: tag.value.clone() });
    check_tags(asked.collect()).err().map(|error| found("tags", told(&error)))
}

/// IAM's rule for names of users, groups, roles and policies, which differ in length alone.
fn is_name(name: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-'))
}

fn is_path(path: &str) -> bool {
    path.len() <= 512
        && path.starts_with('/')
        && path.ends_with('/')
        && path.bytes().all(|byte| matches!(byte, 0x21..=0x7e))
}

impl SeedAccount {
    /// All access keys, with where they stand.
    pub(super) fn access_key_ids(&self) -> Vec<(String, &str)> {
        let root = self.access_keys.iter().enumerate();
        let mut all: Vec<_> = root.map(|(number, key)| (format!("access_keys[{number}].id"), &*key.id)).collect();
        for (user, of) in self.users.iter().enumerate() {
            let own = of.access_keys.iter().enumerate();
            all.extend(own.map(|(number, key)| (format!("users[{user}].access_keys[{number}].id"), &*key.id)));
        }
        all
    }

    /// Everything that has a name, with where it stands. Names differ in more than case.
    fn names(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut kind = |list: &str, what: &str, names: Vec<&String>| {
            for (number, name) in names.into_iter().enumerate() {
                all.push((format!("{list}[{number}].name"), format!("{what} {}", name.to_ascii_lowercase())));
            }
        };
        kind("policies", "policy", self.policies.iter().map(|one| &one.name).collect());
        kind("groups", "group", self.groups.iter().map(|one| &one.name).collect());
        kind("users", "user", self.users.iter().map(|one| &one.name).collect());
        kind("roles", "role", self.roles.iter().map(|one| &one.name).collect());
        all
    }

    fn check(&self) -> Vec<Found> {
        let mut all = Vec::new();
        let mut name = |at: &str, name: &str, chars_max: usize| {
            if !is_name(name, chars_max) {
                all.push(found(
                    format!("{at}.name"),
                    format!("1 to {chars_max} letters, digits or any of _+=,.@- are needed"),
                ));
            }
        };
        for (number, policy) in self.policies.iter().enumerate() {
            name(&format!("policies[{number}]"), &policy.name, 128);
        }
        for (number, group) in self.groups.iter().enumerate() {
            name(&format!("groups[{number}]"), &group.name, 128);
        }
        for (number, user) in self.users.iter().enumerate() {
            name(&format!("users[{number}]"), &user.name, 64);
        }
        for (number, role) in self.roles.iter().enumerate() {
            name(&format!("roles[{number}]"), &role.name, 64);
        }
        for (field, id) in self.access_key_ids() {
            let fits = (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !fits {
                all.push(found(field, "1 to 128 letters, digits or underscores are needed"));
            }
        }
        for (number, policy) in self.policies.iter().enumerate() {
            all.extend(check_document(&format!("policies[{number}]"), policy));
        }
        for (number, group) in self.groups.iter().enumerate() {
            let at = format!("groups[{number}]");
            self.check_holder(&at, &group.policies, &group.inline_policies, None, &mut all);
        }
        for (number, user) in self.users.iter().enumerate() {
            let at = format!("users[{number}]");
            self.check_holder(
                &at,
                &user.policies,
                &user.inline_policies,
                user.permissions_boundary.as_deref(),
                &mut all,
            );
            all.extend(check_tag_list(&user.tags).map(|(field, problem)| (format!("{at}.{field}"), problem)));
            if !is_path(&user.path) {
                all.push(found(format!("{at}.path"), "a path begins and ends with a slash"));
            }
            for (group, name) in user.groups.iter().enumerate() {
                if !self.groups.iter().any(|own| own.name.eq_ignore_ascii_case(name)) {
                    all.push(found(format!("{at}.groups[{group}]"), format!("the account has no group {name}")));
                }
            }
        }
        for (number, role) in self.roles.iter().enumerate() {
            let at = format!("roles[{number}]");
            self.check_holder(
                &at,
                &role.policies,
                &role.inline_policies,
                role.permissions_boundary.as_deref(),
                &mut all,
            );
            all.extend(check_tag_list(&role.tags).map(|(field, problem)| (format!("{at}.{field}"), problem)));
            if !is_path(&role.path) {
                all.push(found(format!("{at}.path"), "a path begins and ends with a slash"));
            }
            if !SESSION_SECONDS.contains(&role.max_session_seconds) {
                all.push(found(format!("{at}.max_session_seconds"), "3600 to 43200 are possible"));
            }
            if let Err(error) = Policy::parse(PolicyKind::Trust, &role.trust_policy) {
                all.push(found(format!("{at}.trust_policy"), error.to_string()));
            }
        }
        all
    }

    /// What users, groups and roles have alike: policies that must be there, and policies of their own.
    fn check_holder(
        &self,
        at: &str,
        managed: &[String],
        inline: &[SeedPolicy],
        boundary: Option<&str>,
        all: &mut Vec<Found>,
    ) {
        let missing = |policy: &str| !super::accounts::names_policy(self, policy);
        for (number, policy) in managed.iter().enumerate().filter(|(_, policy)| missing(policy)) {
            all.push(found(format!("{at}.policies[{number}]"), format!("there is no policy {policy}")));
        }
        if let Some(policy) = boundary.filter(|policy| missing(policy)) {
            all.push(found(format!("{at}.permissions_boundary"), format!("there is no policy {policy}")));
        }
        for (number, policy) in inline.iter().enumerate() {
            let at = format!("{at}.inline_policies[{number}]");
            if !is_name(&policy.name, 128) {
                all.push(found(format!("{at}.name"), "1 to 128 letters, digits or any of _+=,.@- are needed"));
            }
            if inline[..number].iter().any(|other| other.name.eq_ignore_ascii_case(&policy.name)) {
                all.push(found(format!("{at}.name"), "a policy of this name is there already"));
            }
            all.extend(check_document(&at, policy));
        }
    }
}

fn check_document(at: &str, policy: &SeedPolicy) -> Option<Found> {
    let error = Policy::parse(PolicyKind::Identity, &policy.document).err()?;
    Some(found(format!("{at}.document"), error.to_string()))
}
