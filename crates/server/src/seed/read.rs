//! From the model to a seed: every text becomes what it means, or a problem with its field.

use std::collections::BTreeMap;

use serde_json::json;
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{KeySpec, KeyUsage, Origin, RotationType};
use strongroom_core::ids::{AccountId, Region};
use strongroom_core::key::{Import, Tag};
use strongroom_core::spec;
use strongroom_core::world::Timestamp;
use strongroom_crypto::material::SymmetricSuite;
use strongroom_service::{
    Seed, SeedAccessKey, SeedAccount, SeedGrant, SeedGroup, SeedKey, SeedMaterial, SeedPolicy, SeedProblem, SeedRole,
    SeedState, SeedUser,
};
use strongroom_wire::json::{self, BadRequest};
use strongroom_wire::time::parse_iso8601;

use super::material;
use super::model::{
    AccessKeyText, AccountText, GrantText, GroupText, KeyText, MaterialText, PolicyText, RoleText, SeedText, UserText,
};

const DEFAULT_ACCOUNT: &str = "000000000000";
const DEFAULT_REGION: &str = "us-east-1";
const DEFAULT_SESSION_SECONDS: u32 = 3_600;
const DEFAULT_WINDOW_DAYS: u32 = 30;

/// A problem within a list's item, by the rest of the path.
type Wrong = (String, String);

fn wrong(field: impl Into<String>, problem: impl Into<String>) -> Wrong {
    (field.into(), problem.into())
}

/// The seed that is meant, or everything that is wrong with the texts.
pub(super) fn read(text: SeedText) -> Result<Seed, Vec<SeedProblem>> {
    let mut problems = Vec::new();
    let mut note = |at: String, (field, problem): Wrong| {
        let at = if field.is_empty() { at } else { format!("{at}.{field}") };
        problems.push(SeedProblem { at, problem, other: None });
    };
    let mut seed = Seed::default();
    for (at, text) in text.accounts.into_iter().enumerate() {
        match account(text) {
            Ok(account) => seed.accounts.push(account),
            Err(problem) => note(format!("accounts[{at}]"), problem),
        }
    }
    for (at, text) in text.keys.iter().enumerate() {
        match key(text) {
            Ok(key) => seed.keys.push(key),
            Err(problem) => note(format!("keys[{at}]"), problem),
        }
    }
    for (at, text) in text.faults.iter().enumerate() {
        match text.rule() {
            Ok(rule) => seed.faults.push(rule),
            Err(bad) => note(format!("faults[{at}]"), wrong(bad.field, bad.problem)),
        }
    }
    if problems.is_empty() { Ok(seed) } else { Err(problems) }
}

fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Wrong> {
    let read =
        |text| parse_iso8601(text).ok_or_else(|| wrong(field, "a moment such as 2027-01-01T00:00:00Z is needed"));
    text.map(read).transpose()
}

fn account_id(field: &str, text: &str) -> Result<AccountId, Wrong> {
    text.parse().map_err(|_| wrong(field, "an account id of twelve digits is needed"))
}

/// One of the words, or the default.
fn word<T: Copy>(
    field: &str,
    text: Option<&str>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
    or: T,
) -> Result<T, Wrong> {
    let Some(text) = text else { return Ok(or) };
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
        wrong(field, format!("one of {} is needed", names.join(", ")))
    })
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

fn key(text: &KeyText) -> Result<SeedKey, Wrong> {
    let id = text
        .id
        .parse()
        .map_err(|_| wrong("id", "a key id is needed: a UUID in lower case, or mrk- and 32 hex digits"))?;
    let account = account_id("account", text.account.as_deref().unwrap_or(DEFAULT_ACCOUNT))?;
    let region: Region = text
        .region
        .as_deref()
        .unwrap_or(DEFAULT_REGION)
        .parse()
        .map_err(|_| wrong("region", "the name of a Region such as us-east-1 is needed"))?;
    let arn = KeyArn { account, region, key: id };
    let spec = word("spec", text.spec.as_deref(), KeySpec::ALL, KeySpec::as_str, KeySpec::SymmetricDefault)?;
    let usages = spec::facts(spec).usages;
    let usage = match (&text.usage, usages) {
        (None, [only]) => *only,
        (None, several) => {
            let names: Vec<_> = several.iter().map(|usage| usage.as_str()).collect();
            return Err(wrong("usage", format!("a key of {spec} needs one of {}", names.join(", "))));
        }
        (Some(usage), _) => word("usage", Some(usage), KeyUsage::ALL, KeyUsage::as_str, KeyUsage::EncryptDecrypt)?,
    };
    let origins = [Origin::AwsKms, Origin::External];
    let origin = word("origin", text.origin.as_deref(), &origins, Origin::as_str, Origin::AwsKms)?;
    let window_days = text.pending_window_days.unwrap_or(DEFAULT_WINDOW_DAYS);
    let state = match text.state.as_deref() {
        None | Some("Enabled") => SeedState::Enabled,
        Some("Disabled") => SeedState::Disabled,
        Some("PendingDeletion") => SeedState::PendingDeletion { window_days },
        Some(_) => return Err(wrong("state", "one of Enabled, Disabled, PendingDeletion is needed")),
    };
    if text.pending_window_days.is_some() && !matches!(state, SeedState::PendingDeletion { .. }) {
        return Err(wrong("pending_window_days", "this is for the state PendingDeletion"));
    }
    let mut aliases = Vec::new();
    for (at, alias) in text.aliases.iter().enumerate() {
        aliases.push(alias.parse().map_err(|bad| wrong(format!("aliases[{at}]"), format!("{bad}")))?);
    }
    let mut grants = Vec::new();
    for (at, one) in text.grants.iter().enumerate() {
        grants
            .push(grant(one, &arn).map_err(|(field, problem)| wrong(join(&format!("grants[{at}]"), &field), problem))?);
    }
    Ok(SeedKey {
        arn,
        spec,
        usage,
        origin,
        description: text.description.clone().unwrap_or_default(),
        state,
        creation_date: moment("creation_date", text.creation_date.as_deref())?,
        policy: text.policy.as_ref().map(|policy| policy.0.clone()),
        tags: tags(&text.tags),
        materials: materials(text, &arn, spec)?,
        rotation_period_days: text.rotation_period_days,
        aliases,
        grants,
    })
}

fn join(at: &str, field: &str) -> String {
    if field.is_empty() { at.to_owned() } else { format!("{at}.{field}") }
}

fn materials(text: &KeyText, arn: &KeyArn, spec: KeySpec) -> Result<Vec<SeedMaterial>, Wrong> {
    let suite = if arn.region.is_china() { SymmetricSuite::Sm4 } else { SymmetricSuite::Aes };
    let one = |at: &str, text: &MaterialText| {
        one_material(text, spec, suite).map_err(|(field, problem)| wrong(join(at, &field), problem))
    };
    match (&text.material, &text.materials) {
        (Some(_), Some(_)) => Err(wrong("materials", "either material or materials is needed")),
        (Some(text), None) => Ok(vec![one("material", text)?]),
        (None, Some(texts)) => {
            texts.iter().enumerate().map(|(at, text)| one(&format!("materials[{at}]"), text)).collect()
        }
        (None, None) => Ok(Vec::new()),
    }
}

fn one_material(text: &MaterialText, spec: KeySpec, suite: SymmetricSuite) -> Result<SeedMaterial, Wrong> {
    let kinds = [RotationType::Automatic, RotationType::OnDemand];
    Ok(SeedMaterial {
        material: material::read(text, spec, suite).map_err(|(field, problem)| wrong(field, problem))?,
        rotation_date: moment("rotation_date", text.rotation_date.as_deref())?,
        rotation_type: word(
            "rotation_type",
            text.rotation_type.as_deref(),
            &kinds,
            RotationType::as_str,
            RotationType::Automatic,
        )?,
        import: Import {
            description: text.description.clone(),
            valid_to: moment("valid_to", text.valid_to.as_deref())?,
        },
    })
}

/// A grant is what `CreateGrant` would be asked for, and the service's own decoder says what is wrong with it.
fn grant(text: &GrantText, arn: &KeyArn) -> Result<SeedGrant, Wrong> {
    let id = text.id.parse().map_err(|_| wrong("id", "64 hex digits in lower case are needed"))?;
    let mut request = json!({"KeyId": arn.to_string(), "Operations": text.operations});
    let members = [
        ("Name", &text.name),
        ("GranteePrincipal", &text.grantee_principal),
        ("GranteeServicePrincipal", &text.grantee_service_principal),
        ("RetiringPrincipal", &text.retiring_principal),
        ("RetiringServicePrincipal", &text.retiring_service_principal),
    ];
    for (member, value) in members {
        if let Some(value) = value {
            request[member] = json!(value);
        }
    }
    let mut constraints = serde_json::Map::new();
    if let Some(context) = &text.encryption_context_equals {
        constraints.insert("EncryptionContextEquals".to_owned(), json!(context));
    }
    if let Some(context) = &text.encryption_context_subset {
        constraints.insert("EncryptionContextSubset".to_owned(), json!(context));
    }
    if let Some(arn) = &text.source_arn {
        constraints.insert("SourceArn".to_owned(), json!(arn));
    }
    if !constraints.is_empty() {
        request["Constraints"] = constraints.into();
    }
    let request = json::decode(request.to_string().as_bytes()).map_err(|bad| match bad {
        BadRequest::Validation(problem) => wrong("", problem),
        BadRequest::Serialization(problem) => {
            wrong("", problem.map_or_else(|| "this is no grant".to_owned(), |problem| problem.into_owned()))
        }
    })?;
    Ok(SeedGrant {
        id,
        issuing_account: text.issuing_account.as_deref().map(|id| account_id("issuing_account", id)).transpose()?,
        creation_date: moment("creation_date", text.creation_date.as_deref())?,
        request,
    })
}

fn account(text: AccountText) -> Result<SeedAccount, Wrong> {
    Ok(SeedAccount {
        id: account_id("id", &text.id)?,
        access_keys: access_keys("access_keys", text.access_keys)?,
        policies: policies(text.policies),
        groups: text.groups.into_iter().map(group).collect(),
        users: text
            .users
            .into_iter()
            .enumerate()
            .map(|(at, one)| user(&format!("users[{at}]"), one))
            .collect::<Result<_, _>>()?,
        roles: text.roles.into_iter().map(role).collect(),
    })
}

fn access_keys(at: &str, keys: Vec<AccessKeyText>) -> Result<Vec<SeedAccessKey>, Wrong> {
    let one = |(number, key): (usize, AccessKeyText)| {
        if key.secret.0.is_empty() {
            return Err(wrong(format!("{at}[{number}].secret"), "the secret is empty"));
        }
        Ok(SeedAccessKey { id: key.id, secret: key.secret.0 })
    };
    keys.into_iter().enumerate().map(one).collect()
}

fn policies(policies: Vec<PolicyText>) -> Vec<SeedPolicy> {
    policies.into_iter().map(|one| SeedPolicy { name: one.name, document: one.document.0 }).collect()
}

fn group(text: GroupText) -> SeedGroup {
    SeedGroup { name: text.name, policies: text.policies, inline_policies: policies(text.inline_policies) }
}

fn path(text: Option<String>) -> String {
    text.unwrap_or_else(|| "/".to_owned())
}

fn user(at: &str, text: UserText) -> Result<SeedUser, Wrong> {
    Ok(SeedUser {
        name: text.name,
        path: path(text.path),
        tags: tags(&text.tags),
        policies: text.policies,
        inline_policies: policies(text.inline_policies),
        permissions_boundary: text.permissions_boundary,
        groups: text.groups,
        access_keys: access_keys(&format!("{at}.access_keys"), text.access_keys)?,
    })
}

fn role(text: RoleText) -> SeedRole {
    SeedRole {
        name: text.name,
        path: path(text.path),
        description: text.description,
        max_session_seconds: text.max_session_seconds.unwrap_or(DEFAULT_SESSION_SECONDS),
        trust_policy: text.trust_policy.0,
        tags: tags(&text.tags),
        policies: text.policies,
        inline_policies: policies(text.inline_policies),
        permissions_boundary: text.permissions_boundary,
    }
}
