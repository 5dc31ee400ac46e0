//! Random policy sets: the engine and the oracle must agree on every one.
//!
//! The seed is printed; `STRONGROOM_SEED` replays it, `STRONGROOM_CASES` changes how many sets are tried.

use serde_json::{Map, Value as Json, json};
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;

use crate::oracle;
use crate::world::{GrantSpec, Person, Verdict, World};

const CASES: u64 = 100_000;

#[test]
fn engine_and_oracle_agree() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seed = number("STRONGROOM_SEED").unwrap_or(20_261_125);
    let cases = number("STRONGROOM_CASES").unwrap_or(CASES);
    println!("seed {seed}, {cases} cases");
    let mut counts = std::collections::BTreeMap::new();
    for case in 0..cases {
        let world = Dice(seed.wrapping_add(case).wrapping_mul(0x9e37_79b9_7f4a_7c15)).world();
        let got = Verdict::of(&world.judge());
        let expect = oracle::judge(&world);
        assert_eq!(got, expect, "seed {seed}, case {case}\n{world:#?}\n{:#?}", world.explain());
        *counts.entry(format!("{got:?}")).or_insert(0_u64) += 1;
    }
    println!("{counts:#?}");
    // Random sets are of no use when all end alike.
    for verdict in
        ["Allow", "Stranger", "ExplicitDeny(Resource)", "NoAllow(Identity)", "NoAllow(Boundary)", "NoAllow(Session)"]
    {
        let count = counts.get(verdict).copied().unwrap_or(0);
        assert!(count * 200 >= cases, "only {count} of {cases} ended in {verdict}");
    }
}

/// Documents with bytes changed, dropped and doubled: refused with a reason, or printed and read back as the same.
#[test]
fn mangled_documents_are_refused_or_printed() {
    let mut accepted = 0;
    for seed in 0..20_000 {
        let mut dice = Dice(seed);
        let (kind, policy_kind) = match seed % 3 {
            0 => (Kind::Key, PolicyKind::Key),
            1 => (Kind::Identity, PolicyKind::Identity),
            _ => (Kind::Trust, PolicyKind::Trust),
        };
        let text = dice.document(kind);
        let text = dice.mangled(&text);
        if let Ok(policy) = Policy::parse(policy_kind, &text) {
            accepted += 1;
            let printed = policy.canonical_text();
            let again = Policy::parse(policy_kind, &printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
            assert_eq!(again.canonical_text(), printed, "seed {seed}: {text}");
        }
    }
    assert!((1_000..19_000).contains(&accepted), "{accepted} of 20000 were accepted");
}

/// SplitMix64, and choices made with it.
struct Dice(u64);

const ACCOUNT: &str = "111122223333";
const FOREIGN: &str = "444455556666";
const KEYS: [&str; 3] = ["key/1234abcd", "key/mrk-99", "alias/app"];
const ACTIONS: [&str; 6] =
    ["kms:Decrypt", "kms:Encrypt", "kms:DescribeKey", "kms:CreateGrant", "kms:Sign", "sts:AssumeRole"];
const OPERATIONS: [&str; 5] = ["Decrypt", "Encrypt", "DescribeKey", "CreateGrant", "Sign"];
const WORDS: [&str; 7] = ["a", "b", "ab", "A", "", "a*", "one"];
const PATTERNS: [&str; 13] = [
    "a",
    "b",
    "A",
    "*",
    "a*",
    "?",
    "",
    "ab",
    "${aws:username}",
    "${aws:PrincipalTag/team}",
    "${aws:PrincipalTag/none, 'a'}",
    "${kms:EncryptionContext:app}",
    "${*}",
];

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True once in `n` times.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }

    fn several<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    fn mangled(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..self.below(3) {
            let at = self.below(chars.len());
            let other = chars[self.below(chars.len())];
            match self.below(5) {
                0 => drop(chars.remove(at)),
                1 => chars.insert(at, other),
                2 => chars[at] = other,
                3 => chars[at] = ['*', '$', '{', '}', '"', '\\', 'é', '0', ':', '\u{7f}'][self.below(10)],
                _ => chars.truncate(at.max(1)),
            }
        }
        chars.into_iter().collect()
    }

    fn world(&mut self) -> World {
        let is_trust = self.once_in(12);
        let has_policy = is_trust || !self.once_in(8);
        let action = if is_trust { "sts:AssumeRole" } else { self.pick(&ACTIONS) };
        let resource = if self.once_in(10) {
            "*".to_owned()
        } else {
            format!("arn:aws:kms:us-east-1:{ACCOUNT}:{}", self.pick(&KEYS))
        };
        World {
            person: self.person(),
            action: action.to_owned(),
            resource,
            owner: ACCOUNT.to_owned(),
            cross_account: !self.once_in(4),
            key_policies: (has_policy && !is_trust).then(|| {
                let count = if self.once_in(5) { 2 } else { 1 };
                (0..count).map(|_| self.document(Kind::Key)).collect()
            }),
            trust: is_trust.then(|| self.document(Kind::Trust)),
            identity: self.several(2, |dice| dice.document(Kind::Identity)),
            boundary: self.once_in(4).then(|| self.document(Kind::Identity)),
            session: if self.once_in(3) { vec![self.document(Kind::Identity)] } else { Vec::new() },
            grants: self.several(3, Self::grant),
            proposed: (!self.once_in(4)).then(|| self.grant()),
            context: self.context(),
            encryption_context: (!self.once_in(3)).then(|| self.pairs()),
        }
    }

    fn person(&mut self) -> Person {
        let kind = self.pick(&[
            "root",
            "user",
            "user",
            "user",
            "user",
            "role",
            "role",
            "role",
            "role",
            "role",
            "federated",
            "federated",
            "service",
            "web",
            "anonymous",
        ]);
        let is_temporary = matches!(kind, "role" | "federated") || self.once_in(4) && kind == "user";
        Person {
            kind: kind.to_owned(),
            account: match kind {
                "service" | "web" | "anonymous" => String::new(),
                _ => if self.once_in(4) { FOREIGN } else { ACCOUNT }.to_owned(),
            },
            path: self.pick(&["/", "/", "/p/"]).to_owned(),
            name: match kind {
                "service" => "acm.amazonaws.com".to_owned(),
                "web" => "id.example.com".to_owned(),
                _ => self.pick(&["a", "b"]).to_owned(),
            },
            id: match kind {
                "user" | "federated" => "AIDAAAAAAAAAAAAAAAAA".to_owned(),
                "role" => "AROAAAAAAAAAAAAAAAAA".to_owned(),
                _ => String::new(),
            },
            session_name: self.pick(&["one", "two"]).to_owned(),
            tags: if self.once_in(2) {
                let key = self.pick(&["team", "Team"]).to_owned();
                vec![(key, self.pick(&WORDS).to_owned())]
            } else {
                Vec::new()
            },
            issued_at: is_temporary.then_some(1_700_000_000),
            mfa_at: (is_temporary && self.once_in(2)).then_some(1_699_999_000),
            provider: None,
            source_identity: None,
        }
    }

    fn pairs(&mut self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for key in ["app", "App", "x"] {
            if self.once_in(3) {
                pairs.push((key.to_owned(), self.pick(&["a", "b"]).to_owned()));
            }
        }
        pairs
    }

    fn grant(&mut self) -> GrantSpec {
        GrantSpec {
            grantee: self.somebody(),
            operations: OPERATIONS.iter().filter(|_| !self.once_in(3)).map(|name| (*name).to_owned()).collect(),
            equals: self.once_in(4).then(|| self.pairs()),
            subset: self.once_in(3).then(|| self.pairs()),
            source_arn: self.once_in(6).then(|| "arn:aws:s3:::a".to_owned()),
        }
    }

    /// The name of one principal that is not everybody.
    fn somebody(&mut self) -> String {
        let account = if self.once_in(3) { FOREIGN } else { ACCOUNT };
        let name = self.pick(&["a", "b"]);
        match self.below(9) {
            0 | 1 => format!("arn:aws:iam::{account}:root"),
            2 | 3 => format!("arn:aws:iam::{account}:role/{name}"),
            4 => format!("arn:aws:iam::{account}:user/{name}"),
            5 => format!("arn:aws:sts::{account}:assumed-role/{name}/{}", self.pick(&["one", "two"])),
            6 => format!("arn:aws:sts::{account}:federated-user/{}", self.pick(&["one", "two"])),
            7 => self.pick(&["AIDAAAAAAAAAAAAAAAAA", "AROAAAAAAAAAAAAAAAAA"]).to_owned(),
            _ => "acm.amazonaws.com".to_owned(),
        }
    }

    fn context(&mut self) -> Vec<(String, Vec<String>)> {
        let mut context: Vec<(String, Vec<String>)> = vec![
            ("aws:CurrentTime".to_owned(), vec!["2023-11-14T22:13:20Z".to_owned()]),
            ("aws:EpochTime".to_owned(), vec!["1700000000".to_owned()]),
        ];
        let mut add = |name: &str, values: Vec<String>| {
            if !values.is_empty() {
                context.push((name.to_owned(), values));
            }
        };
        add("kms:ViaService", self.several(1, |dice| dice.pick(&WORDS).to_owned()));
        add("aws:TagKeys", self.several(3, |dice| dice.pick(&WORDS).to_owned()));
        add("aws:ResourceTag/team", self.several(1, |dice| dice.pick(&WORDS).to_owned()));
        add("kms:RotationPeriodInDays", self.several(1, |dice| dice.pick(&["5", "10", "90"]).to_owned()));
        add("aws:SourceIp", self.several(1, |dice| dice.pick(&["10.1.2.3", "10.9.9.9", "2001:db8::1"]).to_owned()));
        add("aws:SecureTransport", self.several(1, |dice| dice.pick(&["true", "false"]).to_owned()));
        let arns = ["arn:aws:s3:::a", "arn:aws:iam::111122223333:role/a", "a"];
        add("aws:SourceArn", self.several(1, |dice| dice.pick(&arns).to_owned()));
        context
    }

    fn document(&mut self, kind: Kind) -> String {
        let count = 1 + self.below(3);
        let statements: Vec<Json> = (0..count).map(|_| self.statement(kind)).collect();
        let mut document = json!({ "Statement": if count == 1 && self.once_in(2) { statements[0].clone() } else { Json::Array(statements) } });
        match self.below(6) {
            0 => {}
            1 => document["Version"] = "2008-10-17".into(),
            _ => document["Version"] = "2012-10-17".into(),
        }
        document.to_string()
    }

    fn statement(&mut self, kind: Kind) -> Json {
        let is_deny = self.once_in(5);
        let mut statement = Map::new();
        statement.insert("Effect".to_owned(), if is_deny { "Deny" } else { "Allow" }.into());
        if kind != Kind::Identity {
            let negates = kind == Kind::Key && is_deny && self.once_in(3);
            statement.insert(if negates { "NotPrincipal" } else { "Principal" }.to_owned(), self.principals(negates));
        }
        let actions = match kind {
            Kind::Trust => ["sts:AssumeRole", "sts:*", "STS:assume*", "sts:TagSession"],
            Kind::Key | Kind::Identity => ["kms:*", "*", "kms:D*crypt", "KMS:*grant"],
        };
        self.element(&mut statement, "Action", |dice| dice.pick(&actions).into());
        match kind {
            Kind::Trust => {}
            Kind::Key if self.once_in(12) => {}
            Kind::Key | Kind::Identity => self.element(&mut statement, "Resource", |dice| {
                dice.pick(&[
                    "*",
                    "*",
                    "*",
                    "arn:aws:kms:*:111122223333:key/*",
                    "arn:aws:kms:*:key/*",
                    "arn:aws:*:11112222333?:*/1234*",
                    "arn:aws:kms:us-east-1:111122223333",
                    "arn:aws:kms:us-east-1:111122223333:key/1234????",
                    "arn:aws:kms:us-east-1:444455556666:*",
                    "arn:aws:kms:us-east-1:*:alias/${aws:PrincipalTag/team}*",
                ])
                .into()
            }),
        }
        if self.once_in(2) {
            statement.insert("Condition".to_owned(), self.conditions());
        }
        Json::Object(statement)
    }

    fn element(&mut self, statement: &mut Map<String, Json>, name: &str, mut item: impl FnMut(&mut Self) -> Json) {
        let negated = self.once_in(8);
        let name = if negated { format!("Not{name}") } else { name.to_owned() };
        let value =
            if self.once_in(2) { item(self) } else { Json::Array((0..=self.below(2)).map(|_| item(self)).collect()) };
        statement.insert(name, value);
    }

    fn principals(&mut self, negates: bool) -> Json {
        if !negates && self.once_in(4) {
            return if self.once_in(2) { "*".into() } else { json!({"AWS": "*"}) };
        }
        let mut aws: Vec<Json> = Vec::new();
        let mut services: Vec<Json> = Vec::new();
        let account = if self.once_in(3) { FOREIGN } else { ACCOUNT };
        if self.once_in(2) {
            aws.push(account.into());
        }
        for _ in 0..=self.below(3) {
            match self.somebody() {
                service if !service.contains(':') && !service.starts_with('A') => services.push(service.into()),
                name => aws.push(name.into()),
            }
        }
        let mut principals = Map::new();
        if !aws.is_empty() || services.is_empty() {
            principals.insert("AWS".to_owned(), if aws.is_empty() { account.into() } else { Json::Array(aws) });
        }
        if !services.is_empty() {
            principals.insert("Service".to_owned(), Json::Array(services));
        }
        if self.once_in(6) {
            principals.insert("Federated".to_owned(), "id.example.com".into());
        }
        Json::Object(principals)
    }

    fn conditions(&mut self) -> Json {
        let mut operators = Map::new();
        for _ in 0..=self.below(2) {
            let (operator, key, values) = self.condition();
            operators.insert(operator, json!({ key: values }));
        }
        Json::Object(operators)
    }

    fn condition(&mut self) -> (String, String, Json) {
        let text_keys = [
            "kms:ViaService",
            "aws:PrincipalTag/team",
            "AWS:principaltag/TEAM",
            "aws:ResourceTag/team",
            "aws:TagKeys",
            "kms:EncryptionContext:app",
            "kms:EncryptionContext:x",
            "kms:EncryptionContextKeys",
            "aws:username",
            "aws:PrincipalAccount",
            "aws:PrincipalType",
            "kms:CallerAccount",
            "aws:userid",
            "oops:key",
        ];
        let (tests, keys, values): (&[&str], &[&str], &[&str]) = match self.below(10) {
            0..=3 => (
                &[
                    "StringEquals",
                    "StringNotEquals",
                    "StringLike",
                    "StringNotLike",
                    "StringEqualsIgnoreCase",
                    "StringNotEqualsIgnoreCase",
                ],
                &text_keys,
                &PATTERNS,
            ),
            4 => (
                &[
                    "NumericEquals",
                    "NumericNotEquals",
                    "NumericLessThan",
                    "NumericLessThanEquals",
                    "NumericGreaterThan",
                    "NumericGreaterThanEquals",
                ],
                &["kms:RotationPeriodInDays", "aws:EpochTime", "aws:MultiFactorAuthAge", "kms:ViaService"],
                &["5", "10", "1000", "1700000000", "-1.5"],
            ),
            5 => (
                &[
                    "DateEquals",
                    "DateNotEquals",
                    "DateLessThan",
                    "DateLessThanEquals",
                    "DateGreaterThan",
                    "DateGreaterThanEquals",
                ],
                &["aws:CurrentTime", "aws:TokenIssueTime", "aws:EpochTime"],
                &["2023-11-14T22:13:20Z", "2023", "2024-02-29", "2023-11-14T23:13:20+01:00", "1700000000"],
            ),
            6 => (
                &["Bool"],
                &["aws:SecureTransport", "aws:MultiFactorAuthPresent", "aws:PrincipalIsAWSService", "kms:ViaService"],
                &["true", "false", "${aws:SecureTransport}"],
            ),
            7 => (
                &["IpAddress", "NotIpAddress"],
                &["aws:SourceIp"],
                &["10.0.0.0/8", "10.1.2.3", "10.1.0.0/16", "2001:db8::/32", "::/0", "0.0.0.0/0"],
            ),
            8 => (
                &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
                &["aws:PrincipalArn", "aws:SourceArn"],
                &[
                    "*",
                    "arn:aws:iam::*:role/*",
                    "arn:aws:s3:::a",
                    "arn:*",
                    "arn:aws:iam::111122223333:user/${aws:username}",
                    "${aws:PrincipalArn}",
                ],
            ),
            _ => (&["BinaryEquals"], &text_keys, &["YQ==", "Yg==", "YWI="]),
        };
        let key = self.pick(keys).to_owned();
        if self.once_in(10) {
            return ("Null".to_owned(), key, json!(self.pick(&["true", "false"])));
        }
        // What the lint refuses in key policies, and what a number cannot be.
        let set = if key.starts_with("kms:EncryptionContext:") {
            ""
        } else {
            self.pick(&["", "", "ForAllValues:", "ForAnyValue:"])
        };
        let operator = format!("{set}{}{}", self.pick(tests), self.pick(&["", "", "IfExists"]));
        let values = if self.once_in(2) { vec![self.pick(values)] } else { self.several(3, |dice| dice.pick(values)) };
        // Variables are plain text in documents of the older language, where a truth cannot be one.
        let values: Vec<&str> =
            values.into_iter().filter(|value| !(operator.contains("Bool") && value.starts_with('$'))).collect();
        (operator, key, json!(values))
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Key,
    Identity,
    Trust,
}
