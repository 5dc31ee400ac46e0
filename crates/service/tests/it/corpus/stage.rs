//! Plays a row: makes the key, its grants, tags and aliases, sets the policy, and sends the row's request.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_service::TlsDetails;
use strongroom_wire::kms::facts;

use super::cast::Cast;
use super::row::{Row, texts};
use crate::fixtures::blob;
use crate::kms::{Answer, Front, ROOT, TestKey, TestKms};
use crate::query::Signer;

/// The key of the corpus.
const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const REGION: &str = "us-east-1";

/// How a row was played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Played {
    AsWritten,
    WithStandIns,
    /// Not as the row says.
    Otherwise(String),
}

/// Keys that no request here has a value for, so that a pair of the encryption context stands in.
const WITHOUT_SOURCE: [&str; 8] = [
    "kms:ViaService",
    "aws:SourceArn",
    "aws:SourceAccount",
    "aws:CalledVia",
    "kms:RotationPeriodInDays",
    "kms:ValidTo",
    "kms:GrantOperations",
    "kms:ResourceAliases",
];

/// Keys that every request has a value for.
const ALWAYS: [&str; 14] = [
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:SecureTransport",
    "aws:SourceIp",
    "aws:ViaAWSService",
    "kms:CustomerMasterKeySpec",
    "kms:CustomerMasterKeyUsage",
    "kms:EncryptionAlgorithm",
    "kms:KeyOrigin",
    "kms:KeySpec",
    "kms:KeyUsage",
    "kms:MultiRegion",
];

/// Plays the row and compares its verdict.
///
/// # Errors
/// Why requests cannot bring about what the row says.
pub(crate) fn play(row: &Row) -> Result<Played, String> {
    let kms = TestKms::new();
    let cast = Cast::new(&kms);
    let row = cast.assemble(row);
    if row.text("action") == "sts:AssumeRole" {
        return play_trust(&cast, &row);
    }
    let asks = Asks::of(&row)?;
    let front = asks.front(&kms)?;
    if row.caller().0.ends_with("role") && row.condition_keys().contains("aws:TokenIssueTime") {
        // When the corpus's sessions begin.
        set_clock(&kms, "1700000000")?;
    }
    let mut key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    // A pattern for other keys must not fit this one by chance.
    while row.whole().split("key/").skip(1).any(|pattern| is_met_by_chance(pattern, &key.id)) {
        key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    }
    let row = row.renamed(&|text| asks.renamed(text, &key));
    let signer = cast.caller(&row)?;
    let scene = Scene { kms: &kms, row: &row, asks: &asks, key: &key };
    let request = scene.prepare()?;
    let answer = kms.call_from(&signer, REGION, request.op, &request.body, &front);
    if let Err(difference) = scene.compare(&answer) {
        return Ok(Played::Otherwise(format!("{}: {difference}\n{row:#?}\n{:#}", row.name, request.body)));
    }
    Ok(if asks.stand_ins.is_empty() { Played::AsWritten } else { Played::WithStandIns })
}

/// Assumes the row's role, whose trust policy is the row's.
fn play_trust(cast: &Cast<'_>, row: &Row) -> Result<Played, String> {
    let context = row.get("context").and_then(Value::as_object).cloned().unwrap_or_default();
    if context.keys().any(|key| key != "sts:ExternalId") {
        return Err("it needs what AssumeRole does not ask".to_owned());
    }
    if row.condition_keys().iter().any(|key| key.starts_with("aws:MultiFactorAuth")) {
        return Err("it needs a session of a user".to_owned());
    }
    let signer = Signer { service: "sts", ..cast.caller(row)? };
    let trust = row.document(row.get("trust").unwrap()).to_string();
    cast.trust("target", &trust)?;
    let external_id = context.get("sts:ExternalId").map(|id| ("ExternalId".to_owned(), texts(id).remove(0)));
    let reply = cast.assume(&signer, "target", external_id);
    let is_allowed = reply.status == 200;
    let is_refused = !is_allowed && reply.failure() == (403, "AccessDenied".to_owned());
    if (row.text("expect") == "Allow" && is_allowed) || (row.text("expect") != "Allow" && is_refused) {
        return Ok(Played::AsWritten);
    }
    Ok(Played::Otherwise(format!("{}: {reply:?}, not {}", row.name, row.text("expect"))))
}

/// What a row wants of its request beside its operation.
#[derive(Debug)]
struct Asks {
    op: OpName,
    /// Names of condition keys, and of those that stand in.
    stand_ins: BTreeMap<String, String>,
    encryption_context: Option<BTreeMap<String, String>>,
    context: BTreeMap<String, Vec<String>>,
}

impl Asks {
    fn of(row: &Row) -> Result<Self, String> {
        let action = row.text_or("action", "kms:Decrypt");
        let op = match action.strip_prefix("kms:") {
            Some("ReEncryptFrom" | "ReEncryptTo") => return Err("ReEncrypt asks about two keys".to_owned()),
            Some(name) => name.parse().map_err(|_| format!("{action} is no operation"))?,
            None => return Err("only roles for users and roles are assumed here".to_owned()),
        };
        let is_foreign = row.caller().0.starts_with("foreign ");
        if is_foreign && facts(op).cross_account != row.get("cross_account").is_none_or(|own| own.as_bool().unwrap()) {
            return Err("the operation has another standing across accounts".to_owned());
        }
        let context = row.get("context").and_then(Value::as_object).into_iter().flatten();
        let context: BTreeMap<String, Vec<String>> =
            context.map(|(key, values)| (key.clone(), texts(values))).collect();
        let mentioned = row.condition_keys();
        check_mentioned(&mentioned, &context)?;
        let mut asks = Self { op, stand_ins: BTreeMap::new(), encryption_context: None, context };
        asks.encryption_context = asks.read_encryption_context(row, &mentioned)?;
        Ok(asks)
    }

    /// The encryption context of the request, stand-ins included.
    fn read_encryption_context(
        &mut self,
        row: &Row,
        mentioned: &BTreeSet<String>,
    ) -> Result<Option<BTreeMap<String, String>>, String> {
        let own = row.get("encryption_context").map(|pairs| {
            let pairs = pairs.as_object().unwrap().iter();
            pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect::<BTreeMap<_, _>>()
        });
        let takes_one = facts(self.op).condition_keys.iter().any(|key| key.starts_with("kms:EncryptionContext"));
        let mut pairs = own.clone().unwrap_or_default();
        for (key, values) in self.context.clone() {
            let is_real = match key.as_str() {
                "aws:TagKeys" => self.op == OpName::CreateKey,
                "kms:GrantOperations" => self.op == OpName::CreateGrant,
                "kms:ResourceAliases" => true,
                other => !WITHOUT_SOURCE.contains(&other) && !other.starts_with("id.example.com"),
            };
            if is_real {
                continue;
            }
            if !takes_one {
                return Err(format!("no request of this operation has a value for {key}"));
            }
            let constrains =
                |grant: &Value| ["equals", "subset", "source_arn"].iter().any(|own| grant.get(own).is_some());
            if row.get("grants").and_then(Value::as_array).is_some_and(|grants| grants.iter().any(constrains)) {
                return Err("its grants constrain what would stand in".to_owned());
            }
            self.stand_in(&key, &values, &mut pairs)?;
        }
        let names: BTreeSet<&String> = self.stand_ins.values().collect();
        let counts_keys = names.iter().any(|name| *name == "kms:EncryptionContextKeys")
            || mentioned.iter().any(|name| name == "kms:EncryptionContextKeys");
        if counts_keys && (names.len() > 1 || (!names.is_empty() && own.is_some())) {
            return Err("stand-ins would stand in each other's way".to_owned());
        }
        Ok((takes_one && !pairs.is_empty()).then_some(pairs))
    }

    fn stand_in(&mut self, key: &str, values: &[String], pairs: &mut BTreeMap<String, String>) -> Result<(), String> {
        if key == "aws:TagKeys" || key == "aws:CalledVia" {
            pairs.extend(values.iter().map(|value| (value.clone(), "x".to_owned())));
            self.stand_ins.insert(key.to_owned(), "kms:EncryptionContextKeys".to_owned());
            return Ok(());
        }
        let [value] = values else { return Err(format!("nothing with several values stands in for {key}")) };
        let pair = key.replace([':', '/', '.'], "-");
        pairs.insert(pair.clone(), value.clone());
        self.stand_ins.insert(key.to_owned(), format!("kms:EncryptionContext:{pair}"));
        Ok(())
    }

    /// A text of the row with this key's names, and stand-ins where they are.
    fn renamed(&self, text: &str, key: &TestKey) -> String {
        let text = rename_key(text, &key.id);
        self.stand_ins.iter().fold(text, |text, (from, to)| replace_in_any_case(&text, from, to))
    }

    /// How the request arrives.
    fn front(&self, kms: &TestKms) -> Result<Front, String> {
        let mut front = Front::default();
        for (key, values) in &self.context {
            let value = &values[0];
            match key.as_str() {
                "aws:SourceIp" => front.peer = value.parse().unwrap(),
                "aws:SecureTransport" => front.tls = (value == "true").then(tls),
                "aws:CurrentTime" | "aws:EpochTime" => set_clock(kms, value)?,
                "aws:RequestedRegion" if value != REGION => return Err("keys are used in their own Region".to_owned()),
                "kms:KeySpec" | "kms:KeyOrigin" | "kms:MultiRegion" if self.op != OpName::CreateKey => {
                    return Err("it needs a key of another kind".to_owned());
                }
                "kms:GrantIsForAWSResource" if value == "true" => return Err("no service calls here".to_owned()),
                "kms:RecipientAttestation:PCR8" => return Err("there are no enclaves".to_owned()),
                _ => {}
            }
        }
        Ok(front)
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.context.get(key).map(|values| values[0].as_str())
    }
}

/// What every request has a value for must have the row's.
fn check_mentioned(mentioned: &BTreeSet<String>, context: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
    for key in mentioned {
        let always = ALWAYS.iter().find(|own| own.eq_ignore_ascii_case(key));
        if let Some(always) = always.filter(|own| !context.keys().any(|given| given.eq_ignore_ascii_case(own))) {
            return Err(format!("every request has a value for {always}"));
        }
    }
    Ok(())
}

fn is_met_by_chance(pattern: &str, id: &str) -> bool {
    let others = |text: &str, at: usize| !text.starts_with(&KEY_ID[..at]) && text.starts_with(&id[..at]);
    let renamed = rename_key(&format!("key/{pattern}"), id);
    others(pattern, 1) || (!pattern.starts_with(KEY_ID) && renamed.starts_with(&format!("key/{id}")))
}

/// The text with the corpus's key id, or the beginning of it in a pattern, as this id.
fn rename_key(text: &str, id: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split("key/").enumerate() {
        let same = if at == 0 { 0 } else { part.bytes().zip(KEY_ID.bytes()).take_while(|(a, b)| a == b).count() };
        out += if at == 0 { "" } else { "key/" };
        out += &id[..same];
        out += &part[same..];
    }
    out.replace(KEY_ID, id)
}

fn replace_in_any_case(text: &str, from: &str, to: &str) -> String {
    let (lower, from) = (text.to_ascii_lowercase(), from.to_ascii_lowercase());
    let (mut out, mut at) = (String::new(), 0);
    while let Some(found) = lower[at..].find(&from) {
        out.push_str(&text[at..at + found]);
        out.push_str(to);
        at += found + from.len();
    }
    out + &text[at..]
}

fn tls() -> TlsDetails {
    TlsDetails { version: "TLSv1.3", cipher_suite: "TLS_AES_128_GCM_SHA256".to_owned(), key_exchange: None, host: None }
}

/// Moves the clock to a moment such as `2026-11-25T01:35:00Z`, or to seconds since 1970.
fn set_clock(kms: &TestKms, text: &str) -> Result<(), String> {
    use strongroom_core::world::Clock;
    let seconds = match text.parse::<i64>() {
        Ok(_) if text.len() == 4 => seconds_of(&format!("{text}-01-01T00:00:00Z")).unwrap(),
        Ok(seconds) => seconds,
        Err(_) => seconds_of(text).ok_or_else(|| format!("the clock is not set to {text}"))?,
    };
    kms.clock.advance_millis(seconds * 1000 - kms.clock.now().as_millis());
    Ok(())
}

fn seconds_of(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by| text.split(by).map(|part| part.parse().ok()).collect::<Option<Vec<i64>>>();
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let ([year, month, day], [hour, minute, second]) = (date[..].try_into().ok()?, time[..].try_into().ok()?);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let of_month = |month: i64| match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let of_years: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let days = of_years + (1..month).map(of_month).sum::<i64>() + day - 1;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

struct Scene<'a> {
    kms: &'a TestKms,
    row: &'a Row,
    asks: &'a Asks,
    key: &'a TestKey,
}

/// What is sent.
struct Sent {
    op: OpName,
    body: Value,
}

impl Scene<'_> {
    /// Brings about what the row says of the key; gives the request.
    fn prepare(&self) -> Result<Sent, String> {
        self.make_tags_and_aliases();
        self.make_grants()?;
        let body = self.body()?;
        if self.row.text("key_policy") != "none" {
            let policy = self.row.key_policy()?.to_string();
            let put = json!({"KeyId": self.key.id, "Policy": policy, "BypassPolicyLockoutSafetyCheck": true});
            if let Err((code, message)) = self.kms.call_as(ROOT, REGION, OpName::PutKeyPolicy, &put) {
                return Err(format!("its key policy is refused: {code}: {}", message.unwrap_or_default()));
            }
        }
        Ok(Sent { op: self.asks.op, body })
    }

    fn make_tags_and_aliases(&self) {
        for (key, values) in &self.asks.context {
            if let Some(tag) = key.strip_prefix("aws:ResourceTag/") {
                let body = json!({"KeyId": self.key.id, "Tags": [{"TagKey": tag, "TagValue": values[0]}]});
                self.kms.call_as(ROOT, REGION, OpName::TagResource, &body).unwrap();
            }
            if key == "kms:ResourceAliases" || key == "kms:RequestAlias" {
                for alias in values {
                    let body = json!({"AliasName": alias, "TargetKeyId": self.key.id});
                    self.kms.call_as(ROOT, REGION, OpName::CreateAlias, &body).unwrap();
                }
            }
        }
    }

    fn make_grants(&self) -> Result<(), String> {
        for grant in self.row.get("grants").and_then(Value::as_array).into_iter().flatten() {
            let body = self.grant_body(grant, &texts(&grant["grantee"])[0]);
            if let Err((code, message)) = self.kms.call_as(ROOT, REGION, OpName::CreateGrant, &body) {
                return Err(format!("one of its grants is refused: {code}: {}", message.unwrap_or_default()));
            }
        }
        Ok(())
    }

    fn grant_body(&self, grant: &Value, grantee: &str) -> Value {
        let mut constraints = Map::new();
        for (member, name) in
            [("equals", "EncryptionContextEquals"), ("subset", "EncryptionContextSubset"), ("source_arn", "SourceArn")]
        {
            if let Some(own) = grant.get(member) {
                constraints.insert(name.to_owned(), own.clone());
            }
        }
        let party = if grantee.starts_with("arn:") { "GranteePrincipal" } else { "GranteeServicePrincipal" };
        let mut body = json!({"KeyId": self.key.arn, "Operations": texts(&grant["operations"]), party: grantee});
        if !constraints.is_empty() {
            body["Constraints"] = constraints.into();
        }
        body
    }

    /// The request's members.
    fn body(&self) -> Result<Value, String> {
        let asks = self.asks;
        let key_id = asks
            .value("kms:RequestAlias")
            .map_or_else(|| self.key.arn.clone(), |alias| self.key.arn.replace(&format!("key/{}", self.key.id), alias));
        let mut body = match asks.op.as_str() {
            "Decrypt" => json!({"KeyId": key_id, "CiphertextBlob": self.ciphertext()}),
            "GenerateDataKey" => json!({"KeyId": key_id, "KeySpec": "AES_256"}),
            "GenerateDataKeyPairWithoutPlaintext" => json!({"KeyId": key_id, "KeyPairSpec": "ECC_NIST_P256"}),
            "DescribeKey" | "DisableKey" => json!({"KeyId": key_id}),
            "ScheduleKeyDeletion" => {
                let days = asks.value("kms:ScheduleKeyDeletionPendingWindowInDays").unwrap_or("30");
                json!({"KeyId": key_id, "PendingWindowInDays": days.parse::<u32>().unwrap()})
            }
            "CreateGrant" => {
                let nothing = json!({"operations": ["Decrypt"]});
                let mut grant = self.row.get("proposed_grant").cloned().unwrap_or(nothing);
                if let Some(operations) = asks.context.get("kms:GrantOperations") {
                    grant["operations"] = json!(operations);
                }
                self.grant_body(&grant, "arn:aws:iam::111122223333:user/bob")
            }
            "CreateKey" => return Ok(self.create_key_body()),
            "CreateAlias" => {
                let alias = self.row.text("resource").rsplit(':').next().unwrap();
                self.open_to_everybody();
                return Ok(json!({"AliasName": alias, "TargetKeyId": self.key.id}));
            }
            other => return Err(format!("nobody has written down here how {other} is asked")),
        };
        if let Some(pairs) = &asks.encryption_context {
            body["EncryptionContext"] = json!(pairs);
        }
        if self.row.text_or("resource", &self.key.arn) != self.key.arn {
            return Err("it is about another resource than its operation".to_owned());
        }
        Ok(body)
    }

    fn create_key_body(&self) -> Value {
        let mut body = json!({});
        let mut tags = Map::new();
        for (key, values) in &self.asks.context {
            let value = &values[0];
            match key.as_str() {
                "kms:KeySpec" => body["KeySpec"] = json!(value),
                "kms:KeyOrigin" => body["Origin"] = json!(value),
                "kms:MultiRegion" => body["MultiRegion"] = json!(value == "true"),
                "aws:TagKeys" => values.iter().for_each(|key| {
                    tags.entry(key).or_insert(json!("x"));
                }),
                other => {
                    if let Some(tag) = other.strip_prefix("aws:RequestTag/") {
                        tags.insert(tag.to_owned(), json!(value));
                    }
                }
            }
        }
        if !tags.is_empty() {
            let tags = tags.into_iter().map(|(key, value)| json!({"TagKey": key, "TagValue": value}));
            body["Tags"] = tags.collect();
        }
        body
    }

    /// The alias alone is to be decided about.
    fn open_to_everybody(&self) {
        let open = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}});
        let put = json!({"KeyId": self.key.id, "Policy": open.to_string(), "BypassPolicyLockoutSafetyCheck": true});
        self.kms.call_as(ROOT, REGION, OpName::PutKeyPolicy, &put).unwrap();
    }

    fn ciphertext(&self) -> Value {
        let mut body = json!({"KeyId": self.key.id, "Plaintext": blob(b"x")});
        if let Some(pairs) = &self.asks.encryption_context {
            body["EncryptionContext"] = json!(pairs);
        }
        self.kms.call_as(ROOT, REGION, OpName::Encrypt, &body).unwrap()["CiphertextBlob"].clone()
    }

    fn compare(&self, answer: &Answer) -> Result<(), String> {
        let expect = self.row.text("expect");
        let (code, message) = match answer {
            Ok(_) if expect == "Allow" => return Ok(()),
            Ok(_) => return Err(format!("allowed, not {expect}")),
            Err((code, message)) => (code, message.as_deref().unwrap_or_default()),
        };
        let is_foreign = self.row.caller().0.starts_with("foreign ");
        let reason = reason(expect, is_foreign, self.row.text_or("action", "kms:Decrypt"));
        // What a grant is to allow is held against the key once the caller may make one.
        if expect == "Allow" && self.asks.op == OpName::CreateGrant && code == "ValidationException" {
            return Ok(());
        }
        let is_so = code == "AccessDeniedException" && reason.is_some_and(|reason| message.ends_with(&reason));
        if is_so { Ok(()) } else { Err(format!("{code}: {message}, not {expect}")) }
    }
}

/// The end of AWS's message for a refusal (behaviours 7.5).
fn reason(verdict: &str, is_foreign: bool, action: &str) -> Option<String> {
    let stranger = "because the resource does not exist in this Region, no resource-based policies allow access, or a \
                    resource-based policy explicitly denies access";
    let layer = |layer: &str| match layer {
        "Resource" => "resource-based policy",
        "Identity" => "identity-based policy",
        "Boundary" => "permissions boundary",
        "Session" => "session policy",
        other => panic!("no layer is called {other}"),
    };
    match (verdict, verdict.split_once(' ')) {
        ("Allow", _) => None,
        // To somebody of another account all refusals on a key read alike.
        ("Stranger", _) => Some(stranger.to_owned()),
        _ if is_foreign => Some(stranger.to_owned()),
        (_, Some(("ExplicitDeny", own))) => {
            let article = if own == "Identity" { "an" } else { "a" };
            Some(format!("with an explicit deny in {article} {}", layer(own)))
        }
        (_, Some(("NoAllow", own))) => Some(format!("because no {} allows the {action} action", layer(own))),
        _ => panic!("what is {verdict}?"),
    }
}

impl Default for Front {
    fn default() -> Self {
        Self { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), tls: None }
    }
}
