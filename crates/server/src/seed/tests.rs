//! Tables of seeds: what is taken, and for everything else the line and the field.

use super::*;

fn read_as(extension: &str, text: &str) -> Result<Seed, String> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(format!("seed.{extension}"));
    std::fs::write(&path, text).expect("writes");
    let read = read_file(&path).map(|file| file.seed);
    read.map_err(|problem| problem.replace(&format!("{}/", dir.path().display()), ""))
}

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// A key with these lines behind its id, in YAML: the id stands on line 2.
fn key(lines: &str) -> String {
    format!("keys:\n- id: {ID}\n{}", lines.lines().map(|line| format!("  {line}\n")).collect::<String>())
}

#[test]
fn toml_and_yaml_say_the_same() {
    let yaml = read_as(
        "yaml",
        &key(
            "account: 111122223333\nspec: HMAC_256\ntags: {team: a, on: true, n: 5}\npolicy:\n  Version: 2012-10-17\n  \
              Statement:\n  - {Effect: Allow, Principal: '*', Action: 'kms:*', Resource: '*'}\nmaterial:\n  hex: \
              0000000000000000000000000000000000000000000000000000000000000000",
        ),
    )
    .expect("a seed");
    let toml = read_as(
        "toml",
        &format!(
            "[[keys]]\nid = \"{ID}\"\naccount = \"111122223333\"\nspec = \"HMAC_256\"\n\
             tags = {{team = \"a\", on = \"true\", n = \"5\"}}\n\
             material.base64 = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n[keys.policy]\nVersion = 2012-10-17\n\
             [[keys.policy.Statement]]\nEffect = \"Allow\"\nPrincipal = \"*\"\nAction = \"kms:*\"\nResource = \"*\"\n"
        ),
    )
    .expect("a seed");
    for seed in [&yaml, &toml] {
        assert_eq!(seed.keys[0].tags.len(), 3);
        assert!(seed.keys[0].policy.as_deref().is_some_and(|policy| policy.contains("\"2012-10-17\"")));
    }
    assert_eq!(format!("{yaml:?}"), format!("{toml:?}"));
    assert!(read_as("yaml", "").expect("an empty seed").keys.is_empty());
    assert!(read_as("toml", "").expect("an empty seed").keys.is_empty());
}

#[test]
fn every_problem_has_its_line_and_field() {
    let zeros = "0".repeat(64);
    check("", ":1: ", "", true);
    // The form of the file.
    check("keys: 5", "seed.yaml:1: keys: ", "a sequence is needed", false);
    check("keyes: []", "seed.yaml:1: keyes: ", "there is no such field here", false);
    check("keys:\n- spec: RSA_2048\n", "seed.yaml:2: keys[0].id: ", "missing", false);
    check("keys:\n- id: &a x\n- id: *a\n", "seed.yaml:2: ", "anchors", false);
    check("keys: []\nkeys: []\n", "seed.yaml:2: ", "on line 1 too", false);
    check("keys: [\n", "seed.yaml:2: ", "", false);
    check("---\nkeys: []\n---\nkeys: []\n", "seed.yaml:3: ", "second", false);
    check(&"[".repeat(64), "seed.yaml:1: ", "so deep", false);
    check(&key("colour: red"), "seed.yaml:3: keys[0].colour: ", "no such field", false);
    check(&key("aliases: alias/a"), "seed.yaml:3: keys[0].aliases: ", "a sequence is needed", false);
    check(&key("rotation_period_days: soon"), "seed.yaml:3: keys[0].rotation_period_days: ", "u32 is needed", false);
    // What the texts mean.
    check("keys:\n- id: mine", "seed.yaml:2: keys[0].id: ", "a key id is needed", false);
    check(&key("account: 12"), "seed.yaml:3: keys[0].account: ", "twelve digits", false);
    check(&key("region: Mars"), "seed.yaml:3: keys[0].region: ", "a Region", false);
    check(&key("spec: AES"), "seed.yaml:3: keys[0].spec: ", "SYMMETRIC_DEFAULT", false);
    check(&key("spec: RSA_2048"), "seed.yaml:2: keys[0].usage: ", "SIGN_VERIFY", false);
    check(&key("usage: SIGN_VERIFY"), "seed.yaml:3: keys[0].usage: ", "is not for", false);
    check(&key("spec: SM2\nusage: SIGN_VERIFY"), "seed.yaml:3: keys[0].spec: ", "not offered in us-east-1", false);
    check(&key("origin: AWS_CLOUDHSM"), "seed.yaml:3: keys[0].origin: ", "EXTERNAL", false);
    check(&key("state: Creating"), "seed.yaml:3: keys[0].state: ", "PendingDeletion", false);
    check(&key("pending_window_days: 7"), "seed.yaml:3: keys[0].pending_window_days: ", "PendingDeletion", false);
    check(
        &key("state: PendingDeletion\npending_window_days: 5"),
        "seed.yaml:4: keys[0].pending_window_days: ",
        "7 to 30",
        false,
    );
    check(&key("creation_date: yesterday"), "seed.yaml:3: keys[0].creation_date: ", "a moment", false);
    check(&key("rotation_period_days: 5"), "seed.yaml:3: keys[0].rotation_period_days: ", "90 to 2560", false);
    check(&key("aliases:\n- alias/a\n- b"), "seed.yaml:5: keys[0].aliases[1]: ", "begins with alias/", false);
    check(&key("aliases: [alias/aws/s3]"), "seed.yaml:3: keys[0].aliases[0]: ", "AWS's own", false);
    check(&key("tags: {'aws:x': y}"), "seed.yaml:3: keys[0].tags: ", "aws:", false);
    check(&key("policy: '{}'"), "seed.yaml:3: keys[0].policy: ", "", false);
    check(&key("policy: []"), "seed.yaml:3: keys[0].policy: ", "a policy document", false);
    // Material.
    check(&key("material: {}"), "seed.yaml:3: keys[0].material: ", "hex, base64, pem and jwk", false);
    check(&key("material: {hex: 0g}"), "seed.yaml:3: keys[0].material.hex: ", "hex digits", false);
    check(&key("material: {hex: '000'}"), "seed.yaml:3: keys[0].material.hex: ", "even", false);
    check(&key("material: {hex: '0000'}"), "seed.yaml:3: keys[0].material.hex: ", "no material of", false);
    check(&key("material: {base64: '?'}"), "seed.yaml:3: keys[0].material.base64: ", "not base64", false);
    check(&key("material: {pem: abc}"), "seed.yaml:3: keys[0].material.pem: ", "PKCS#8", false);
    check(&key("material:\n  jwk:\n    kty: RSA"), "seed.yaml:5: keys[0].material.jwk.kty: ", "kty oct", false);
    check(&key("material:\n  jwk: {kty: oct}"), "seed.yaml:4: keys[0].material.jwk.k: ", "missing", false);
    check(
        &key(&format!("material: {{hex: '{zeros}'}}\nmaterials: []")),
        "seed.yaml:4: keys[0].materials: ",
        "either",
        false,
    );
    let twice = format!("materials:\n- hex: '{zeros}'\n- hex: '{zeros}'");
    check(&key(&twice), "seed.yaml:5: keys[0].materials[1]: ", "this material already", false);
    let described = format!("material:\n  hex: '{zeros}'\n  description: mine");
    check(&key(&described), "keys[0].materials[0]: ", "origin EXTERNAL", false);
    // Grants.
    let grant = |more: &str| key(&format!("grants:\n- id: '{}'\n  operations: [Decrypt]\n{more}", "a".repeat(64)));
    check(&grant(""), "seed.yaml:4: keys[0].grants[0]: ", "GranteePrincipal", false);
    check(&grant("  grantee_principal: bob"), "seed.yaml:4: keys[0].grants[0]: ", "", false);
    check(&grant("  grantee_principal: arn:aws:iam::111122223333:user/bob"), "", "", true);
    check(&key("grants:\n- id: '1'\n  operations: []"), "seed.yaml:4: keys[0].grants[0].id: ", "64 hex digits", false);
    // Accounts.
    check("accounts:\n- id: 5\n", "seed.yaml:2: accounts[0].id: ", "twelve digits", false);
    let account = |more: &str| format!("accounts:\n- id: 111122223333\n  {more}\n");
    check(&account("users: [{name: 'a b'}]"), "seed.yaml:3: accounts[0].users[0].name: ", "letters", false);
    check(&account("users: [{name: a, groups: [g]}]"), "accounts[0].users[0].groups[0]: ", "no group g", false);
    check(&account("users: [{name: a, policies: [p]}]"), "accounts[0].users[0].policies[0]: ", "no policy p", false);
    check(&account("users: [{name: a}, {name: A}]"), "accounts[0].users[1].name: ", "is there twice", false);
    check(&account("roles: [{name: a}]"), "seed.yaml:3: accounts[0].roles[0].trust_policy: ", "missing", false);
    check(&account("roles: [{name: a, trust_policy: '{}'}]"), "accounts[0].roles[0].trust_policy: ", "", false);
    check(&account("access_keys: [{id: a, secret: ''}]"), "accounts[0].access_keys[0].secret: ", "empty", false);
    // Faults.
    check(
        "faults:\n- error: ThrottlingException\n- latency_ms: 0\n",
        "seed.yaml:3: faults[1].error: ",
        "needed",
        false,
    );
    check("faults:\n- operation: encrypt\n  latency_ms: 5\n", "seed.yaml:2: faults[0].operation: ", "Decrypt", false);

    #[track_caller]
    fn check(text: &str, begins: &str, contains: &str, is_good: bool) {
        match read_as("yaml", text) {
            Ok(_) => assert!(is_good, "taken: {text}"),
            Err(problem) => {
                assert!(!is_good, "{problem}");
                assert!(problem.contains(begins) && problem.contains(contains), "{problem}\nfor\n{text}");
            }
        }
    }
}

#[test]
fn toml_problems_have_their_lines_too() {
    check("[[keys]]\nid = \"x\n", "seed.toml:2: ", "");
    check("[[keys]]\ncolour = 1\n", "seed.toml:2: keys[0].colour: ", "no such field");
    check("[[keys]]\n\n\nid = \"x\"\n", "seed.toml:4: keys[0].id: ", "a key id");
    check("keys = [{id = 0x10}]\n", "seed.toml:1: ", "decimal");
    check("[[keys]]\nid = \"a\"\nid = \"b\"\n", "seed.toml:3: ", "");

    #[track_caller]
    fn check(text: &str, begins: &str, contains: &str) {
        let problem = read_as("toml", text).map(drop).expect_err("a problem");
        assert!(problem.contains(begins) && problem.contains(contains), "{problem}\nfor\n{text}");
    }
}

#[test]
fn two_of_one_id_name_both_lines() {
    let text = format!("keys:\n- id: {ID}\n- description: b\n  id: {ID}\n- {{id: {ID}, region: eu-west-1}}\n");
    let problem = read_as("yaml", &text).map(drop).expect_err("a problem");
    assert!(problem.contains("seed.yaml:4: keys[1].id: ") && problem.contains("keys[0].id on line 2"), "{problem}");
    assert!(!problem.contains("keys[2]"), "another Region is another key: {problem}");
    let text =
        format!("keys:\n- {{id: {ID}, aliases: [alias/a]}}\n- id: {}\n  aliases: [alias/a]\n", ID.replace('1', "2"));
    let problem = read_as("yaml", &text).map(drop).expect_err("a problem");
    assert!(problem.contains("keys[1].aliases[0]: ") && problem.contains("on line 2"), "{problem}");
    let text = "accounts:\n- {id: 111122223333, access_keys: [{id: A, secret: s}]}\n- {id: 444455556666, access_keys: [{id: A, \
                secret: t}]}\n";
    let problem = read_as("yaml", text).map(drop).expect_err("a problem");
    assert!(problem.contains("seed.yaml:3: accounts[1].access_keys[0].id: "), "{problem}");
}

#[test]
fn all_problems_are_told_at_once() {
    let text = key("spec: AES") + "- id: mine\nfaults:\n- {}\n";
    let problem = read_as("yaml", &text).map(drop).expect_err("problems");
    for field in ["keys[0].spec", "keys[1].id", "faults[0].error"] {
        assert!(problem.contains(field), "{field} in {problem}");
    }
}

#[test]
fn no_problem_repeats_a_secret() {
    let secret = "c0ffee00c0ffee00";
    for text in [
        key(&format!("material: {secret}")),
        key(&format!("material: {{hex: {secret}}}")),
        key(&format!("material: {{hex: [{secret}]}}")),
        key(&format!("material: {{jwk: {secret}}}")),
        key(&format!("material: {{pem: {secret}}}")),
        key(&format!("rotation_period_days: {secret}")),
        format!("accounts:\n- id: {secret}\n"),
        format!("accounts:\n- id: 111122223333\n  access_keys: [{secret}]\n"),
    ] {
        let problem = read_as("yaml", &text).map(drop).expect_err("a problem");
        assert!(!problem.contains(secret), "{problem}");
    }
}

#[test]
fn names_say_the_form() {
    for name in ["json", "txt"] {
        assert!(read_as(name, "").map(drop).expect_err("not a form").contains(".toml, .yaml or .yml"));
    }
    assert!(read_file(Path::new("/nonexistent/seed.toml")).is_err());
}

/// `docs/seed-schema.json` is what the types say. `UPDATE_DOCS=1` writes it.
#[test]
fn the_published_schema_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/seed-schema.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, model::schema()).expect("writes");
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(published == model::schema(), "write it anew: UPDATE_DOCS=1 cargo test -p strongroom schema");
}
