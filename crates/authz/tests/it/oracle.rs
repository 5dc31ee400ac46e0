//! The same rules once more, slow and obvious: no preparing, no indexes, no sharing of code with the engine.
//!
//! It reads policies as JSON, tells callers apart by their names, compares dates by counting days, and goes through every
//! grant. Where it and the engine differ, one of them is wrong.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value as Json;
use strongroom_authz::decide::Layer;

use crate::world::{GrantSpec, Person, Verdict, World};

/// How directly somebody is let in: 1 by its account, 2 by its role, 3 by itself.
type Grade = u8;
const BY_ACCOUNT: Grade = 1;
const BY_ROLE: Grade = 2;
const BY_NAME: Grade = 3;

/// A statement, and whether its document is of the newer language.
type Written = (Json, bool);

/// A statement cannot be evaluated.
struct Fault;

pub(crate) fn judge(world: &World) -> Verdict {
    let oracle = Oracle { world, facts: facts(world) };
    let resource_policies: Option<&[String]> = match (&world.trust, &world.key_policies) {
        (Some(trust), _) => Some(std::slice::from_ref(trust)),
        (None, policies) => policies.as_deref(),
    };
    let layers: [(Layer, Vec<Written>); 4] = [
        (Layer::Resource, statements(resource_policies.unwrap_or_default())),
        (Layer::Identity, statements(&world.identity)),
        (Layer::Boundary, statements(world.boundary.as_slice())),
        (Layer::Session, statements(&world.session)),
    ];
    for (layer, policies) in &layers {
        if oracle.denies(*layer, policies) {
            return Verdict::ExplicitDeny(*layer);
        }
    }
    let allows = |at: usize| oracle.allow_grade(layers[at].0, &layers[at].1) > 0;
    let is_root = world.person.kind == "root";
    let limits = || {
        if world.boundary.is_some() && !allows(2) {
            return Verdict::NoAllow(Layer::Boundary);
        }
        let needs_session_policy = world.person.kind == "federated" || !world.session.is_empty();
        if needs_session_policy && !allows(3) { Verdict::NoAllow(Layer::Session) } else { Verdict::Allow }
    };
    let own_policies = || if is_root || allows(1) { limits() } else { Verdict::NoAllow(Layer::Identity) };
    let entry = oracle.allow_grade(Layer::Resource, &layers[0].1).max(if resource_policies.is_some() {
        oracle.grant_grade()
    } else {
        0
    });

    let has_account = !world.person.account.is_empty();
    if world.person.account == world.owner {
        return match (resource_policies.is_some(), entry) {
            (false, _) | (true, BY_ACCOUNT) => own_policies(),
            (true, BY_ROLE) => limits(),
            (true, BY_NAME) => Verdict::Allow,
            (true, _) => Verdict::NoAllow(Layer::Resource),
        };
    }
    if entry == 0 || has_account && !world.cross_account || !has_account && entry != BY_NAME {
        return Verdict::Stranger;
    }
    if has_account { own_policies() } else { Verdict::Allow }
}

/// Every condition key of the request with its values, names in lower case.
fn facts(world: &World) -> BTreeMap<String, Vec<String>> {
    let mut facts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |name: &str, value: &str| facts.entry(name.to_lowercase()).or_default().push(value.to_owned());
    for (name, values) in &world.context {
        values.iter().for_each(|value| add(name, value));
    }
    for (key, value) in world.encryption_context.iter().flatten() {
        add(&format!("kms:EncryptionContext:{key}"), value);
        add("kms:EncryptionContextKeys", key);
    }
    let person = &world.person;
    let is_service = person.kind == "service";
    add("aws:PrincipalIsAWSService", &is_service.to_string());
    add("aws:PrincipalType", type_of(person));
    add("aws:userid", &user_id(person));
    if is_service {
        add("aws:PrincipalServiceName", &person.name);
        add("aws:PrincipalServiceNamesList", &person.name);
    }
    if !person.account.is_empty() {
        add("aws:PrincipalAccount", &person.account);
        add("kms:CallerAccount", &person.account);
        let own = names(person);
        add("aws:PrincipalArn", if person.kind == "role" { &own[1] } else { &own[0] });
    }
    if person.kind == "user" {
        add("aws:username", &person.name);
    }
    person.tags.iter().for_each(|(key, value)| add(&format!("aws:PrincipalTag/{key}"), value));
    if person.issued_at.is_some() {
        add("aws:TokenIssueTime", &person.issued_at.unwrap_or_default().to_string());
        add("aws:MultiFactorAuthPresent", &person.mfa_at.is_some().to_string());
        person.provider.iter().for_each(|provider| add("aws:FederatedProvider", provider));
        person.source_identity.iter().for_each(|identity| add("aws:SourceIdentity", identity));
    }
    let now = world.context.iter().find(|(name, _)| name.eq_ignore_ascii_case("aws:CurrentTime"));
    if let (Some(mfa_at), Some((_, now)), Some(_)) = (person.mfa_at, now, person.issued_at) {
        let now = seconds(&now[0]).expect("a date").floor();
        facts.insert("aws:multifactorauthage".to_owned(), vec![(now - mfa_at as f64).to_string()]);
    }
    facts
}

fn type_of(person: &Person) -> &'static str {
    match person.kind.as_str() {
        "root" => "Account",
        "user" => "User",
        "role" => "AssumedRole",
        "federated" => "FederatedUser",
        "service" => "Service",
        "web" => "WebIdentityUser",
        _ => "Anonymous",
    }
}

fn user_id(person: &Person) -> String {
    match person.kind.as_str() {
        "root" => person.account.clone(),
        "user" => person.id.clone(),
        "role" => format!("{}:{}", person.id, person.session_name),
        "federated" => format!("{}:{}", person.account, person.session_name),
        "anonymous" => "anonymous".to_owned(),
        _ => person.name.clone(),
    }
}

/// By what a policy may mean somebody: itself first, then its role or the user behind it.
fn names(person: &Person) -> Vec<String> {
    let Person { account, path, name, session_name, .. } = person;
    match person.kind.as_str() {
        "root" => vec![format!("arn:aws:iam::{account}:root")],
        "user" => vec![format!("arn:aws:iam::{account}:user{path}{name}")],
        "role" => vec![
            format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}"),
            format!("arn:aws:iam::{account}:role{path}{name}"),
        ],
        "federated" => vec![
            format!("arn:aws:sts::{account}:federated-user/{session_name}"),
            format!("arn:aws:iam::{account}:user{path}{name}"),
        ],
        "anonymous" => vec!["anonymous".to_owned()],
        _ => vec![name.clone()],
    }
}

/// How directly `name` means `person`, when it is somebody's name.
fn grade_of_name(name: &str, person: &Person) -> Grade {
    let own = names(person);
    if !person.account.is_empty() && (name == person.account || name == format!("arn:aws:iam::{}:root", person.account))
    {
        return BY_ACCOUNT;
    }
    if name == own[0] || name == person.id && person.kind == "user" {
        return BY_NAME;
    }
    let is_behind = own.get(1).is_some_and(|behind| behind == name) || name == person.id && !name.is_empty();
    if is_behind { BY_ROLE } else { 0 }
}

fn list(json: &Json) -> Vec<Json> {
    match json {
        Json::Array(items) => items.clone(),
        Json::Null => Vec::new(),
        single => vec![single.clone()],
    }
}

fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// One piece of a pattern.
#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Char(char),
    Many,
    One,
}

struct Oracle<'a> {
    world: &'a World,
    facts: BTreeMap<String, Vec<String>>,
}

impl Oracle<'_> {
    fn denies(&self, layer: Layer, statements: &[Written]) -> bool {
        statements.iter().any(|(statement, is_new)| {
            statement["Effect"] == "Deny" && !matches!(self.grade(layer, statement, *is_new), Ok(0))
        })
    }

    /// The most direct way in that the policies open; 0 for none.
    fn allow_grade(&self, layer: Layer, statements: &[Written]) -> Grade {
        let allows = |(statement, is_new): &Written| match self.grade(layer, statement, *is_new) {
            Ok(grade) if statement["Effect"] == "Allow" => grade,
            _ => 0,
        };
        statements.iter().map(allows).max().unwrap_or(0)
    }

    /// How directly a statement applies; 0 when it does not.
    fn grade(&self, layer: Layer, statement: &Json, is_new: bool) -> Result<Grade, Fault> {
        let is_trust = self.world.trust.is_some() && layer == Layer::Resource;
        let applies = self.action_fits(statement)
            && (is_trust || self.resource_fits(statement, is_new, layer))
            && self.principal_grade(layer, statement) > 0;
        if !applies || !self.conditions_hold(statement, is_new, layer)? {
            return Ok(0);
        }
        Ok(self.principal_grade(layer, statement))
    }

    fn action_fits(&self, statement: &Json) -> bool {
        let asked = self.world.action.to_lowercase();
        let fits = |pattern: &Json| {
            let pattern = text(pattern).to_lowercase();
            pattern == "*" || pattern == "*:*" || globs(&wild(&pattern), &asked)
        };
        match (statement.get("Action"), statement.get("NotAction")) {
            (Some(actions), _) => list(actions).iter().any(fits),
            (None, Some(actions)) => !list(actions).iter().any(fits),
            (None, None) => false,
        }
    }

    fn resource_fits(&self, statement: &Json, is_new: bool, layer: Layer) -> bool {
        let fits = |pattern: &Json| self.resource_matches(&text(pattern), is_new, layer);
        match (statement.get("Resource"), statement.get("NotResource")) {
            (Some(resources), _) => list(resources).iter().any(fits),
            (None, Some(resources)) => !list(resources).iter().any(fits),
            (None, None) => false,
        }
    }

    fn resource_matches(&self, pattern: &str, is_new: bool, layer: Layer) -> bool {
        if pattern == "*" {
            return true;
        }
        let parts: Vec<&str> = pattern.splitn(6, ':').collect();
        if parts.len() < 6 {
            // As it is written, and with the missing parts written out.
            let whole = format!("{pattern}{}", ":*".repeat(6 - parts.len()));
            return globs_within(&of_parts(&parts), &self.world.resource)
                || self.resource_matches(&whole, is_new, layer);
        }
        let Some(last) = self.expand(parts[5], is_new, true, layer) else { return false };
        let mut pieces = of_parts(&parts[..5]);
        pieces.push((Piece::Char(':'), false));
        pieces.extend(last.into_iter().map(|piece| (piece, true)));
        globs_within(&pieces, &self.world.resource)
    }

    fn principal_grade(&self, layer: Layer, statement: &Json) -> Grade {
        if layer != Layer::Resource {
            return BY_NAME;
        }
        let person = &self.world.person;
        let is_deny = statement["Effect"] == "Deny";
        if let Some(excluded) = statement.get("NotPrincipal") {
            let listed = principal_names(excluded);
            if listed.iter().any(|(_, name)| name == "*") {
                return 0;
            }
            let grades: Vec<Grade> = listed.iter().map(|(kind, name)| self.named(kind, name)).collect();
            let needed: &[Grade] = match person.kind.as_str() {
                "root" => &[BY_ACCOUNT],
                "user" | "federated" => &[BY_ACCOUNT, BY_NAME],
                "role" => &[BY_ACCOUNT, BY_ROLE, BY_NAME],
                "anonymous" => return BY_NAME,
                _ => &[BY_NAME],
            };
            let is_left_out = self.world.boundary.is_none() && needed.iter().all(|grade| grades.contains(grade));
            return if is_left_out { 0 } else { BY_NAME };
        }
        let grade = |(kind, name): &(String, String)| match name.as_str() {
            "*" if is_deny || !matches!(person.kind.as_str(), "web" | "anonymous") => BY_NAME,
            "*" => 0,
            _ => self.named(kind, name),
        };
        principal_names(&statement["Principal"]).iter().map(grade).max().unwrap_or(0)
    }

    fn named(&self, kind: &str, name: &str) -> Grade {
        let person = &self.world.person;
        let own_kind = match person.kind.as_str() {
            "service" => "Service",
            "web" => "Federated",
            _ => "AWS",
        };
        if kind == own_kind { grade_of_name(name, person) } else { 0 }
    }

    fn conditions_hold(&self, statement: &Json, is_new: bool, layer: Layer) -> Result<bool, Fault> {
        let Some(operators) = statement.get("Condition").and_then(Json::as_object) else { return Ok(true) };
        // In the order of the document; a condition that fails ends the matter before a later one can be at fault.
        for (operator, keys) in operators {
            for (key, values) in keys.as_object().expect("an object") {
                if !self.holds(operator, key, &list(values), is_new, layer)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn values_of(&self, key: &str, layer: Layer) -> Vec<String> {
        let key = key.to_lowercase();
        let of_identities = ["aws:resourcetag/", "iam:resourcetag/", "kms:resourcealiases"];
        if layer == Layer::Resource && of_identities.iter().any(|prefix| key.starts_with(prefix)) {
            return Vec::new();
        }
        self.facts.get(&key).cloned().unwrap_or_default()
    }

    fn holds(&self, operator: &str, key: &str, operands: &[Json], is_new: bool, layer: Layer) -> Result<bool, Fault> {
        let values = self.values_of(key, layer);
        if operator == "Null" {
            return Ok(operands.iter().any(|operand| text(operand).to_lowercase() == values.is_empty().to_string()));
        }
        let (set, operator) = operator.split_once(':').unwrap_or(("", operator));
        let (operator, if_exists) = operator.strip_suffix("IfExists").map_or((operator, false), |own| (own, true));
        let is_negated = operator.contains("Not");
        if values.is_empty() && if_exists {
            return Ok(true);
        }
        let is_nothing = values.iter().all(String::is_empty);
        match set {
            "" if values.is_empty() => return Ok(is_negated),
            "" if values.len() > 1 => return Err(Fault),
            "ForAllValues" if is_nothing => return Ok(true),
            "ForAnyValue" if is_nothing => return Ok(false),
            _ => {}
        }
        let mut outcomes = Vec::new();
        for value in &values {
            let mut fits = false;
            for operand in operands {
                fits |= self.compares(operator, value, &text(operand), is_new, layer)?;
            }
            if operands.is_empty() {
                self.compares(operator, value, neutral(operator), is_new, layer)?;
            }
            outcomes.push(fits != is_negated);
        }
        Ok(if set == "ForAnyValue" { outcomes.contains(&true) } else { !outcomes.contains(&false) })
    }

    /// Whether one value fits one operand, before inversion.
    fn compares(&self, operator: &str, value: &str, operand: &str, is_new: bool, layer: Layer) -> Result<bool, Fault> {
        let operator = operator.replace("Not", "");
        let literal = || self.expand(operand, is_new, false, layer).map(|pieces| plain(&pieces));
        if let Some(relation) = operator.strip_prefix("Numeric") {
            let number = number(value).ok_or(Fault)?;
            return Ok(relates(relation, number, operand.parse().expect("a number")));
        }
        if let Some(relation) = operator.strip_prefix("Date") {
            let moment = seconds(value).ok_or(Fault)?;
            return Ok(relates(relation, moment, seconds(operand).expect("a date")));
        }
        Ok(match operator.as_str() {
            "StringEquals" => literal().is_some_and(|own| own == value),
            "StringEqualsIgnoreCase" => literal().is_some_and(|own| own.to_lowercase() == value.to_lowercase()),
            "StringLike" => self.expand(operand, is_new, true, layer).is_some_and(|own| globs(&own, value)),
            "ArnEquals" | "ArnLike" => {
                self.expand(operand, is_new, true, layer).is_some_and(|own| arn_globs(&own, value))
            }
            "Bool" => {
                let value = value.to_lowercase();
                if value != "true" && value != "false" {
                    return Err(Fault);
                }
                literal().is_some_and(|own| own.to_lowercase() == value)
            }
            "BinaryEquals" => base64_bytes(operand) == value.as_bytes(),
            "IpAddress" => in_network(value.parse().map_err(|_| Fault)?, operand),
            other => panic!("no operator is called {other}"),
        })
    }

    /// The pieces of a text with its variables replaced; `None` when one has no value.
    fn expand(&self, text: &str, is_new: bool, has_wildcards: bool, layer: Layer) -> Option<Vec<Piece>> {
        let split = |text: &str| if has_wildcards { wild(text) } else { text.chars().map(Piece::Char).collect() };
        let Some(at) = text.find("${").filter(|_| is_new) else { return Some(split(text)) };
        let end = at + text[at..].find('}')?;
        let inner = &text[at + 2..end];
        let value = match inner {
            "*" | "?" | "$" => inner.to_owned(),
            _ => {
                let (name, default) = inner.split_once(',').map_or((inner, None), |(name, rest)| (name, Some(rest)));
                let values = self.values_of(name.trim(), layer);
                let is_list = ["aws:tagkeys", "kms:encryptioncontextkeys", "aws:calledvia", "kms:grantoperations"];
                let default = default.map(|default| default.trim().trim_matches('\'').to_owned());
                match &values[..] {
                    [single] if !is_list.contains(&name.trim().to_lowercase().as_str()) => shown(name, single),
                    _ => default?,
                }
            }
        };
        let mut pieces = split(&text[..at]);
        pieces.extend(value.chars().map(Piece::Char));
        pieces.extend(self.expand(&text[end + 1..], is_new, has_wildcards, layer)?);
        Some(pieces)
    }

    fn grant_grade(&self) -> Grade {
        let Some(operation) = self.world.action.strip_prefix("kms:") else { return 0 };
        let grade = |grant: &GrantSpec| {
            let kind = if grant.grantee.contains(':') || grant.grantee.starts_with('A') { "AWS" } else { "Service" };
            let grade = self.named(kind, &grant.grantee);
            if self.grant_allows(grant, operation) { grade } else { 0 }
        };
        self.world.grants.iter().map(grade).max().unwrap_or(0)
    }

    fn grant_allows(&self, grant: &GrantSpec, operation: &str) -> bool {
        let source_fits =
            grant.source_arn.iter().all(|arn| self.facts.get("aws:sourcearn") == Some(&vec![arn.clone()]));
        if !grant.operations.iter().any(|own| own == operation) || !source_fits {
            return false;
        }
        let with_context = [
            "Encrypt",
            "Decrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "ReEncryptFrom",
            "ReEncryptTo",
        ];
        if operation == "CreateGrant" {
            return self.world.proposed.as_ref().is_some_and(|child| narrows(child, grant));
        }
        if operation == "DescribeKey" || operation == "RetireGrant" {
            return true;
        }
        let is_unconstrained = grant.equals.is_none() && grant.subset.is_none();
        match &self.world.encryption_context {
            Some(context) if with_context.contains(&operation) => {
                let has = |pairs: &Vec<(String, String)>| pairs.iter().all(|pair| context.contains(pair));
                grant.equals.iter().all(|pairs| has(pairs) && pairs.len() == context.len())
                    && grant.subset.iter().all(has)
            }
            Some(_) | None => is_unconstrained,
        }
    }
}

/// An operand that shows whether a value has the right type, for conditions without operands.
fn neutral(operator: &str) -> &'static str {
    match operator {
        numeric if numeric.starts_with("Numeric") => "0",
        date if date.starts_with("Date") => "2000-01-01",
        "Bool" => "true",
        "BinaryEquals" => "",
        "IpAddress" | "NotIpAddress" => "127.0.0.1",
        _ => "-",
    }
}

fn narrows(child: &GrantSpec, parent: &GrantSpec) -> bool {
    let has_all = |own: &Option<Vec<(String, String)>>, wanted: &[(String, String)]| {
        own.as_ref().is_some_and(|own| wanted.iter().all(|pair| own.contains(pair)))
    };
    let equals_kept = parent.equals.as_ref().is_none_or(|wanted| {
        has_all(&child.equals, wanted) && child.equals.as_ref().is_some_and(|own| own.len() == wanted.len())
    });
    let subset_kept =
        parent.subset.as_ref().is_none_or(|wanted| has_all(&child.equals, wanted) || has_all(&child.subset, wanted));
    child.operations.iter().all(|operation| parent.operations.contains(operation))
        && equals_kept
        && subset_kept
        && (parent.source_arn.is_none() || parent.source_arn == child.source_arn)
}

fn statements(policies: &[String]) -> Vec<Written> {
    let parse = |text: &String| {
        let document: Json = serde_json::from_str(text).expect("JSON");
        let is_new = document["Version"] == "2012-10-17";
        list(&document["Statement"]).into_iter().map(move |statement| (statement, is_new)).collect::<Vec<_>>()
    };
    policies.iter().flat_map(parse).collect()
}

fn principal_names(json: &Json) -> Vec<(String, String)> {
    match json {
        Json::Object(kinds) => kinds
            .iter()
            .flat_map(|(kind, names)| list(names).into_iter().map(move |name| (kind.clone(), text(&name))))
            .collect(),
        single => vec![("AWS".to_owned(), text(single))],
    }
}

fn wild(text: &str) -> Vec<Piece> {
    text.chars()
        .map(|c| match c {
            '*' => Piece::Many,
            '?' => Piece::One,
            other => Piece::Char(other),
        })
        .collect()
}

/// The pieces of parts of a resource. In them a `*` takes colons where it is the last of its part, and nothing else does.
fn of_parts(parts: &[&str]) -> Vec<(Piece, bool)> {
    let of_part = |part: &&str| {
        let pieces = wild(part);
        let last = pieces.len();
        pieces.into_iter().enumerate().map(|(at, piece)| (piece, at + 1 == last)).collect()
    };
    let parts: Vec<Vec<(Piece, bool)>> = parts.iter().map(of_part).collect();
    parts.join(&(Piece::Char(':'), false))
}

fn plain(pieces: &[Piece]) -> String {
    let plain = |piece: &Piece| match piece {
        Piece::Char(c) => *c,
        Piece::Many | Piece::One => unreachable!("wildcards are not expanded here"),
    };
    pieces.iter().map(plain).collect()
}

fn globs(pieces: &[Piece], text: &str) -> bool {
    globs_within(&pieces.iter().map(|piece| (*piece, true)).collect::<Vec<_>>(), text)
}

/// Fills a table: does what begins at piece `p` fit what begins at character `t`? With each wildcard stands whether it takes
/// colons.
fn globs_within(pieces: &[(Piece, bool)], text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut fits = vec![vec![false; chars.len() + 1]; pieces.len() + 1];
    fits[pieces.len()][chars.len()] = true;
    for p in (0..pieces.len()).rev() {
        for t in (0..=chars.len()).rev() {
            let (piece, takes_colons) = pieces[p];
            let takes = t < chars.len() && (takes_colons || chars[t] != ':');
            fits[p][t] = match piece {
                Piece::Many => fits[p + 1][t] || takes && fits[p][t + 1],
                Piece::One => takes && fits[p + 1][t + 1],
                Piece::Char(c) => t < chars.len() && chars[t] == c && fits[p + 1][t + 1],
            };
        }
    }
    fits[0][0]
}

fn arn_globs(pieces: &[Piece], value: &str) -> bool {
    if !pieces.is_empty() && pieces.iter().all(|piece| *piece == Piece::Many) {
        return true;
    }
    let mut parts: Vec<Vec<Piece>> = vec![Vec::new()];
    for piece in pieces {
        if *piece == Piece::Char(':') && parts.len() < 6 {
            parts.push(Vec::new());
        } else {
            parts.last_mut().expect("one at least").push(*piece);
        }
    }
    let given: Vec<&str> = value.splitn(6, ':').collect();
    parts.len() == 6 && given.len() == 6 && parts.iter().zip(&given).all(|(part, given)| globs(part, given))
}

fn relates(relation: &str, value: f64, operand: f64) -> bool {
    match relation {
        "Equals" => value == operand,
        "LessThan" => value < operand,
        "LessThanEquals" => value <= operand,
        "GreaterThan" => value > operand,
        "GreaterThanEquals" => value >= operand,
        other => panic!("no relation is called {other}"),
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().or_else(|| seconds(text))
}

/// What a variable shows: moments in one form.
fn shown(name: &str, value: &str) -> String {
    if !["aws:currenttime", "aws:epochtime", "aws:tokenissuetime"].contains(&name.trim().to_lowercase().as_str()) {
        return value.to_owned();
    }
    let seconds = seconds(value).expect("a date") as i64;
    let (mut year, mut days) = (1970, seconds / 86_400);
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    let of_day = seconds % 86_400;
    format!("{year}-{month:02}-{:02}T{:02}:{:02}:{:02}Z", days + 1, of_day / 3600, of_day / 60 % 60, of_day % 60)
}

fn days_of_year(year: i64) -> i64 {
    if days_of_month(year, 2) == 29 { 366 } else { 365 }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Seconds since 1970, counted year by year and month by month.
fn seconds(text: &str) -> Option<f64> {
    if text.len() != 4 && !text.contains('-') {
        return text.parse().ok();
    }
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00Z"));
    let parts: Vec<i64> = date.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (year, month, day) = (parts[0], *parts.get(1).unwrap_or(&1), *parts.get(2).unwrap_or(&1));
    let days: i64 =
        (1970..year).map(days_of_year).sum::<i64>() + (1..month).map(|m| days_of_month(year, m)).sum::<i64>();
    let zone_at = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let clock: Vec<f64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let mut seconds =
        ((days + day - 1) * 86_400) as f64 + clock[0] * 3600.0 + clock[1] * 60.0 + clock.get(2).unwrap_or(&0.0);
    if zone != "Z" {
        let (hours, minutes) = zone[1..].split_once(':')?;
        let offset = hours.parse::<f64>().ok()? * 3600.0 + minutes.parse::<f64>().ok()? * 60.0;
        seconds -= if zone.starts_with('-') { -offset } else { offset };
    }
    Some(seconds)
}

fn base64_bytes(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.chars().filter_map(|c| alphabet.find(c));
    let bits: Vec<bool> = digits.flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum * 2 + u8::from(*bit))).collect()
}

fn bits(address: IpAddr) -> Vec<bool> {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    bytes.into_iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
}

fn in_network(address: IpAddr, network: &str) -> bool {
    let (start, length) = network.split_once('/').map_or((network, None), |(start, length)| (start, Some(length)));
    let (start, address) = (bits(start.parse().expect("an address")), bits(address.to_canonical()));
    let length = length.map_or(start.len(), |length| length.parse().expect("a length"));
    start.len() == address.len() && start[..length] == address[..length]
}
