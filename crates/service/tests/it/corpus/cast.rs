//! The people of a row, made through IAM, and how each of them signs.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::row::{Row, texts};
use crate::kms::{OWNER, STRANGER, TestKms};
use crate::query::{Signer, Xml};

/// The ids that the corpus gives its people; theirs here are others.
const ANN: &str = "AIDAANNANNANNANNANNA";
const APP: &str = "AROAAPPAPPAPPAPPAPPA";

/// Whoever a row names, in two accounts.
pub(crate) struct Cast<'a> {
    kms: &'a TestKms,
    /// Account, kind and name of everybody who was made.
    made: RefCell<BTreeSet<(String, String, String)>>,
}

impl<'a> Cast<'a> {
    pub(crate) fn new(kms: &'a TestKms) -> Self {
        Self { kms, made: RefCell::default() }
    }

    /// Makes everybody whom the row names or is called by, and puts their unique ids into the row.
    pub(crate) fn assemble(&self, row: &Row) -> Row {
        let (kind, told) = row.caller();
        let (account, kind) = home(kind);
        match kind {
            "user" => drop(self.make(account, "user", &full_name(&told, "ann"))),
            "role" => drop(self.make(account, "role", &full_name(&told, "app"))),
            _ => {}
        }
        let whole = row.whole();
        for named in whole.split("arn:aws:").skip(1) {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "/:+=,.@_-".contains(c);
            let end = named.find(|c| !is_part(c)).unwrap_or(named.len());
            // A pattern names nobody.
            if named[end..].starts_with(['*', '?', '$']) {
                continue;
            }
            let parts: Vec<&str> = named[..end].splitn(4, ':').collect();
            if let [service, _, account, resource] = parts[..] {
                self.make_named(service, account, resource);
            }
        }
        let mut renames: Vec<(&str, String)> = Vec::new();
        for (id, kind, name) in [(ANN, "user", "ann"), (APP, "role", "app")] {
            if whole.contains(id) {
                renames.push((id, self.make(OWNER, kind, name)));
            }
        }
        row.renamed(&|text| renames.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)))
    }

    fn make_named(&self, service: &str, account: &str, resource: &str) {
        if ![OWNER, STRANGER].contains(&account) {
            return;
        }
        match (service, resource.split_once('/')) {
            ("iam", Some((kind @ ("user" | "role"), full))) if !full.is_empty() && !full.ends_with('/') => {
                self.make(account, kind, full);
            }
            ("sts", Some(("assumed-role", full))) => {
                let name = full.split('/').next().unwrap();
                self.make(account, "role", name);
            }
            _ => {}
        }
    }

    /// Makes a user or role, unless it is there; gives its unique id.
    fn make(&self, account: &str, kind: &str, full: &str) -> String {
        let (path, name) = split(full);
        let is_new = self.made.borrow_mut().insert((account.to_owned(), kind.to_owned(), name.to_lowercase()));
        let word = if kind == "user" { "User" } else { "Role" };
        if is_new {
            let mut form = vec![(format!("{word}Name"), name.to_owned()), ("Path".to_owned(), path)];
            if kind == "role" {
                form.push(("AssumeRolePolicyDocument".to_owned(), trust_of_account(account)));
            }
            // Two of the configuration's users are there already.
            let reply = self.ask(account, &format!("Create{word}"), &form);
            assert!(matches!(reply.status, 200 | 409), "{form:?}: {reply:?}");
        }
        let found = self.iam(account, &format!("Get{word}"), &[(format!("{word}Name"), name.to_owned())]);
        found.get(&format!("{word}Id")).unwrap()
    }

    /// The row's caller with the row's policies, ready to sign; `Err` when nobody can be this caller.
    pub(crate) fn caller(&self, row: &Row) -> Result<Signer, String> {
        let (kind, told) = row.caller();
        let (account, kind) = home(kind);
        if told.contains_key("id") {
            return Err("it needs somebody who was made anew".to_owned());
        }
        match kind {
            "root" if row.get("identity").is_some() || row.get("session").is_some() => {
                Err("a root user has no policies".to_owned())
            }
            "root" => Ok(Signer::configured(&format!("{account}ROOT"), "kms")),
            "user" => self.user(row, account, &told),
            "role" => self.session(row, account, &told),
            "service" => Err("no service calls here".to_owned()),
            "federated" => Err("nobody gives out federated sessions: GetFederationToken is not offered".to_owned()),
            "web" => Err("it needs tokens of an identity provider".to_owned()),
            "anonymous" => Err("unsigned requests are turned away before anything is decided".to_owned()),
            other => panic!("{}: who is {other}?", row.name),
        }
    }

    fn user(&self, row: &Row, account: &str, told: &Map<String, Value>) -> Result<Signer, String> {
        if told.contains_key("issued_at") || row.get("session").is_some() {
            return Err("it needs a session of a user".to_owned());
        }
        let (_, name) = split(&full_name(told, "ann"));
        self.give_policies(row, account, "User", &name);
        self.give_tags(account, "User", &name, told)?;
        let made = self.iam(account, "CreateAccessKey", &[("UserName".to_owned(), name)]);
        let text = |element| made.get(element).unwrap();
        Ok(Signer {
            access_key_id: text("AccessKeyId"),
            secret: text("SecretAccessKey"),
            session_token: None,
            service: "kms",
        })
    }

    fn session(&self, row: &Row, account: &str, told: &Map<String, Value>) -> Result<Signer, String> {
        if told.contains_key("provider") {
            return Err("it needs tokens of an identity provider".to_owned());
        }
        let full = full_name(told, "app");
        let (_, name) = split(&full);
        self.give_policies(row, account, "Role", &name);
        self.give_tags(account, "Role", &name, told)?;
        let carrier = self.carrier(account);
        let text = |member: &str, default: &str| told.get(member).and_then(Value::as_str).unwrap_or(default).to_owned();
        let mut form = vec![
            ("RoleArn".to_owned(), format!("arn:aws:iam::{account}:role/{full}")),
            ("RoleSessionName".to_owned(), text("session_name", "one")),
        ];
        if let Some(identity) = told.get("source_identity") {
            form.push(("SourceIdentity".to_owned(), identity.as_str().unwrap().to_owned()));
        }
        match row.documents("session").as_slice() {
            [] => {}
            [policy] => form.push(("Policy".to_owned(), policy.to_string())),
            _ => return Err("a session has one policy of its own, and the row has several".to_owned()),
        }
        let assumed = self.kms.sts(Some(&carrier), &encoded("AssumeRole", &form));
        if assumed.status != 200 {
            return Err(format!("AssumeRole answers {:?}", assumed.failure()));
        }
        let text = |element| assumed.get(element).unwrap();
        Ok(Signer {
            access_key_id: text("AccessKeyId"),
            secret: text("SecretAccessKey"),
            session_token: Some(text("SessionToken")),
            service: "kms",
        })
    }

    /// Gives a role of the owner's account this trust policy.
    pub(crate) fn trust(&self, role: &str, document: &str) -> Result<(), String> {
        self.make(OWNER, "role", role);
        let form = [("RoleName".to_owned(), role.to_owned()), ("PolicyDocument".to_owned(), document.to_owned())];
        let reply = self.ask(OWNER, "UpdateAssumeRolePolicy", &form);
        if reply.status == 200 { Ok(()) } else { Err(format!("its trust policy is refused: {:?}", reply.failure())) }
    }

    /// Assumes a role of the owner's account.
    pub(crate) fn assume(&self, signer: &Signer, role: &str, more: Option<(String, String)>) -> Xml {
        let mut form = vec![
            ("RoleArn".to_owned(), format!("arn:aws:iam::{OWNER}:role/{role}")),
            ("RoleSessionName".to_owned(), "one".to_owned()),
        ];
        form.extend(more);
        self.kms.sts(Some(signer), &encoded("AssumeRole", &form))
    }

    /// Somebody who may assume every role of the account.
    fn carrier(&self, account: &str) -> Signer {
        self.make(account, "user", "carrier");
        let may = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"], "Resource": "*"}
        ]});
        let form =
            [("UserName", "carrier".to_owned()), ("PolicyName", "may".to_owned()), ("PolicyDocument", may.to_string())];
        self.iam(account, "PutUserPolicy", &form.map(|(name, value)| (name.to_owned(), value)));
        let made = self.iam(account, "CreateAccessKey", &[("UserName".to_owned(), "carrier".to_owned())]);
        Signer {
            access_key_id: made.get("AccessKeyId").unwrap(),
            secret: made.get("SecretAccessKey").unwrap(),
            session_token: None,
            service: "sts",
        }
    }

    fn give_policies(&self, row: &Row, account: &str, word: &str, name: &str) {
        for (at, document) in row.documents("identity").iter().enumerate() {
            let form = [
                (format!("{word}Name"), name.to_owned()),
                ("PolicyName".to_owned(), format!("p{at}")),
                ("PolicyDocument".to_owned(), document.to_string()),
            ];
            self.iam(account, &format!("Put{word}Policy"), &form);
        }
        if let Some(boundary) = row.get("boundary") {
            let document = row.document(boundary).to_string();
            let form = [("PolicyName".to_owned(), "boundary".to_owned()), ("PolicyDocument".to_owned(), document)];
            let arn = self.iam(account, "CreatePolicy", &form).get("Arn").unwrap();
            let form = [(format!("{word}Name"), name.to_owned()), ("PermissionsBoundary".to_owned(), arn)];
            self.iam(account, &format!("Put{word}PermissionsBoundary"), &form);
        }
    }

    fn give_tags(&self, account: &str, word: &str, name: &str, told: &Map<String, Value>) -> Result<(), String> {
        let Some(tags) = told.get("tags").and_then(Value::as_object) else { return Ok(()) };
        let mut form = vec![(format!("{word}Name"), name.to_owned())];
        for (at, (key, value)) in tags.iter().enumerate() {
            form.push((format!("Tags.member.{}.Key", at + 1), key.clone()));
            form.push((format!("Tags.member.{}.Value", at + 1), texts(value).remove(0)));
        }
        let reply = self.ask(account, &format!("Tag{word}"), &form);
        if reply.status == 200 { Ok(()) } else { Err("nobody can have such a tag".to_owned()) }
    }

    fn ask(&self, account: &str, action: &str, form: &[(String, String)]) -> Xml {
        let root = Signer::configured(&format!("{account}ROOT"), "iam");
        self.kms.iam(Some(&root), &encoded(action, form))
    }

    fn iam(&self, account: &str, action: &str, form: &[(String, String)]) -> Xml {
        let reply = self.ask(account, action, form);
        assert_eq!(reply.status, 200, "{action} {form:?}: {reply:?}");
        reply
    }
}

/// The account of a caller, and its kind.
fn home(kind: &str) -> (&'static str, &str) {
    kind.strip_prefix("foreign ").map_or((OWNER, kind), |kind| (STRANGER, kind))
}

/// Path and name, without the `/` that paths begin with.
fn full_name(told: &Map<String, Value>, default: &str) -> String {
    let text = |member: &str, default: &str| told.get(member).and_then(Value::as_str).unwrap_or(default).to_owned();
    format!("{}{}", text("path", "/").trim_start_matches('/'), text("name", default))
}

fn split(full: &str) -> (String, String) {
    let (path, name) = full.rsplit_once('/').map_or(("", full), |(path, name)| (path, name));
    (if path.is_empty() { "/".to_owned() } else { format!("/{path}/") }, name.to_owned())
}

fn trust_of_account(account: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
    }]})
    .to_string()
}

/// A form without its version, which the client adds.
fn encoded(action: &str, form: &[(String, String)]) -> String {
    let pairs = form.iter().map(|(name, value)| format!("&{name}={}", percent(value)));
    format!("{action}{}", pairs.collect::<String>())
}

fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
