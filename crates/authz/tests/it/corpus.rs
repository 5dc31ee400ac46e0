//! Runs the corpus: every row of `tests/corpus/*.json`, whose format `tests/corpus/README.md` gives.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use serde_json::{Map, Value as Json};
use strongroom_authz::decide::Decision;
use strongroom_authz::proof::{Protected, authorize};
use strongroom_core::ids::AccountId;

use crate::oracle;
use crate::world::{GrantSpec, Person, Verdict, World, pairs, texts};

const OWNER: &str = "111122223333";
const FOREIGN: &str = "444455556666";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// How many rows there must be.
const LEAST_ROWS: usize = 300;

#[test]
fn every_row_is_decided_as_aws_decides() {
    let rows = rows();
    let mut names = HashSet::new();
    for row in &rows {
        assert!(names.insert(&row.name), "two rows are called {}", row.name);
        assert!(!row.rule.is_empty() && !row.page.is_empty(), "{} rests on nothing", row.name);
        let decision = row.world.judge();
        assert_eq!(Verdict::of(&decision), row.expect, "{}\n{:#?}", row.name, row.world.explain());
        if let Some(reason) = &row.reason {
            check_message(row, reason);
        }
    }
    assert!(rows.len() >= LEAST_ROWS, "the corpus has {} rows", rows.len());
    println!("{} rows", rows.len());
}

#[test]
fn the_oracle_decides_every_row_alike() {
    for row in rows() {
        assert_eq!(oracle::judge(&row.world), row.expect, "{}", row.name);
    }
}

fn check_message(row: &Row, reason: &str) {
    assert!(matches!(row.world.judge(), Decision::Deny(_)), "{}: only refusals have a message", row.name);
    let denied = row.world.with_request(|request, policies, owner| {
        authorize(request, policies, Named(owner, row.world.resource.clone())).map(drop).expect_err("refused")
    });
    assert!(denied.for_caller().ends_with(reason), "{}: {}", row.name, denied.for_caller());
}

/// A resource that is known by its name alone.
struct Named(AccountId, String);

impl Protected for Named {
    fn owner(&self) -> AccountId {
        self.0
    }

    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(&self.1)
    }
}

struct Row {
    name: String,
    rule: String,
    page: String,
    world: World,
    expect: Verdict,
    reason: Option<String>,
}

fn rows() -> Vec<Row> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.iter().flat_map(|path| rows_of(path)).collect()
}

fn rows_of(path: &std::path::Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap();
    let file: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let given = file["given"].as_object().cloned().unwrap_or_default();
    let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
    let cases = file["cases"].as_array().expect("cases");
    cases.iter().map(|case| read_row(&stem, &given, case.as_object().expect("a case"))).collect()
}

fn read_row(stem: &str, given: &Map<String, Json>, case: &Map<String, Json>) -> Row {
    let mut row = given.clone();
    row.extend(case.clone());
    let name = format!("{stem}: {}", row["name"].as_str().expect("name"));
    let known = [
        "name",
        "rule",
        "page",
        "caller",
        "action",
        "resource",
        "owner",
        "cross_account",
        "key_policy",
        "trust",
        "identity",
        "boundary",
        "session",
        "grants",
        "proposed_grant",
        "context",
        "encryption_context",
        "condition",
        "effect",
        "version",
        "expect",
        "reason",
    ];
    for member in row.keys() {
        assert!(known.contains(&member.as_str()), "{name}: what is {member}?");
    }
    let text = |member: &str| row.get(member).and_then(Json::as_str).unwrap_or_default().to_owned();
    Row {
        rule: text("rule"),
        page: text("page"),
        expect: Verdict::parse(&text("expect")),
        reason: row.get("reason").map(|reason| reason.as_str().expect("text").to_owned()),
        world: read_world(&row),
        name,
    }
}

fn read_world(row: &Map<String, Json>) -> World {
    let text_or =
        |member: &str, default: &str| row.get(member).map_or(default.to_owned(), |text| texts(text).remove(0));
    let policy = |json: &Json| read_policy(json, row);
    let list = |member: &str| -> Vec<String> {
        row.get(member).map_or_else(Vec::new, |json| json.as_array().expect("a list").iter().map(policy).collect())
    };
    let grants = row.get("grants").map_or_else(Vec::new, |json| json.as_array().expect("a list").clone());
    World {
        person: read_person(row.get("caller").unwrap_or(&Json::String("user".to_owned()))),
        action: text_or("action", "kms:Decrypt"),
        resource: text_or("resource", KEY),
        owner: text_or("owner", OWNER),
        cross_account: row.get("cross_account").is_none_or(|json| json.as_bool().expect("a truth")),
        key_policies: read_key_policies(row),
        trust: row.get("trust").map(policy),
        identity: list("identity"),
        boundary: row.get("boundary").map(policy),
        session: list("session"),
        grants: grants.iter().map(read_grant).collect(),
        proposed: row.get("proposed_grant").map(read_grant),
        context: row.get("context").map_or_else(Vec::new, |json| {
            json.as_object().expect("an object").iter().map(|(name, values)| (name.clone(), texts(values))).collect()
        }),
        encryption_context: row.get("encryption_context").map(pairs),
    }
}

/// `condition` stands for a key policy with one statement that has it; `"none"` for a resource without a policy.
fn read_key_policies(row: &Map<String, Json>) -> Option<Vec<String>> {
    if let Some(condition) = row.get("condition") {
        let effect = row.get("effect").and_then(Json::as_str).unwrap_or("Allow");
        let mut statements = vec![serde_json::json!({
            "Effect": effect, "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": condition,
        })];
        if effect == "Deny" {
            statements
                .push(serde_json::json!({"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}));
        }
        return Some(vec![read_policy(&Json::Array(statements), row)]);
    }
    match row.get("key_policy") {
        Some(Json::String(none)) if none == "none" => None,
        Some(Json::Array(documents)) if documents.iter().any(|document| document.get("Statement").is_some()) => {
            Some(documents.iter().map(|document| read_policy(document, row)).collect())
        }
        Some(json) => Some(vec![read_policy(json, row)]),
        None => Some(vec![read_policy(&default_statement(), row)]),
    }
}

/// The statement of keys that were made without a policy.
fn default_statement() -> Json {
    serde_json::json!([{
        "Sid": "Enable IAM User Permissions", "Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{OWNER}:root")}, "Action": "kms:*", "Resource": "*",
    }])
}

/// A whole document, or its statements.
fn read_policy(json: &Json, row: &Map<String, Json>) -> String {
    if json.get("Statement").is_some() {
        return json.to_string();
    }
    let version = row.get("version").and_then(Json::as_str).unwrap_or("2012-10-17");
    serde_json::json!({"Version": version, "Statement": json}).to_string()
}

fn read_grant(json: &Json) -> GrantSpec {
    GrantSpec {
        grantee: json["grantee"].as_str().unwrap_or_default().to_owned(),
        operations: texts(&json["operations"]),
        equals: json.get("equals").map(pairs),
        subset: json.get("subset").map(pairs),
        source_arn: json.get("source_arn").map(|text| texts(text).remove(0)),
    }
}

/// One of the callers of the README by name, or `{"like": name, …}` with some of its facts changed.
fn read_person(json: &Json) -> Person {
    let Json::Object(changes) = json else { return person(json.as_str().expect("a caller")) };
    let mut person = person(changes["like"].as_str().expect("a caller"));
    for (member, value) in changes {
        let text = || value.as_str().expect("text").to_owned();
        match member.as_str() {
            "like" => {}
            "account" => person.account = text(),
            "path" => person.path = text(),
            "name" => person.name = text(),
            "id" => person.id = text(),
            "session_name" => person.session_name = text(),
            "tags" => person.tags = pairs(value),
            "issued_at" => person.issued_at = value.as_i64(),
            "mfa_at" => person.mfa_at = value.as_i64(),
            "provider" => person.provider = Some(text()),
            "source_identity" => person.source_identity = Some(text()),
            other => panic!("callers have no {other}"),
        }
    }
    person
}

fn person(name: &str) -> Person {
    let (account, kind) = match name.strip_prefix("foreign ") {
        Some(kind) => (FOREIGN, kind),
        None => (OWNER, name),
    };
    let base = Person { kind: kind.to_owned(), account: account.to_owned(), path: "/".to_owned(), ..Person::default() };
    let user = Person { name: "ann".to_owned(), id: "AIDAANNANNANNANNANNA".to_owned(), ..base.clone() };
    match kind {
        "root" => base,
        "user" => user,
        "role" => Person {
            name: "app".to_owned(),
            id: "AROAAPPAPPAPPAPPAPPA".to_owned(),
            session_name: "one".to_owned(),
            issued_at: Some(1_700_000_000),
            ..base
        },
        "federated" => Person { session_name: "fed".to_owned(), issued_at: Some(1_700_000_000), ..user },
        "service" => Person { name: "acm.us-east-2.amazonaws.com".to_owned(), account: String::new(), ..base },
        "web" => Person {
            name: format!("arn:aws:iam::{OWNER}:oidc-provider/id.example.com"),
            account: String::new(),
            ..base
        },
        "anonymous" => Person { account: String::new(), ..base },
        other => panic!("no caller is called {other}"),
    }
}
