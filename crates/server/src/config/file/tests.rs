//! Rows of configuration files: what is taken, and how what is wrong is named.

use std::fs;

use strongroom_service::{RequestRates, ResourceQuotas};

use super::*;

const WHOLE: &str = r#"
listen = "127.0.0.1:8443"
data = "data"
[tls]
certificate = "cert.pem"
private_key = "/etc/strongroom/key.pem"
[seal]
key_file = "root.key"
passphrase_env = "STRONGROOM_PASSPHRASE"
[limits]
body_bytes = 65536
[[account]]
id = "111122223333"
[[account.access_key]]
id = "AKIAIOSFODNN7EXAMPLE"
secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
user = "alice"
[[account.access_key]]
id = "AKIAI44QH8DHBEXAMPLE"
secret_file = "root-secret"
[[account]]
id = "444455556666"
[admin]
listen = "127.0.0.1:8444"
[telemetry]
otlp_endpoint = "http://127.0.0.1:4317"
"#;

fn read_text(text: &str) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("strongroom.toml");
    fs::write(&path, text).expect("writes");
    fs::write(dir.path().join("root-secret"), "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY\n").expect("writes");
    read(&path).map(|mut config| {
        // Paths are compared without the directory that ends with this function.
        for path in [&mut config.data, &mut config.tls.certificate, &mut config.seal.key_file] {
            *path = path.strip_prefix(dir.path()).expect("relative paths lie beside the file").into();
        }
        config
    })
}

#[test]
fn a_whole_file_is_read() {
    let config = read_text(WHOLE).expect("is taken");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8443");
    assert_eq!(config.admin.map(|admin| admin.listen.to_string()).as_deref(), Some("127.0.0.1:8444"));
    assert_eq!(config.otlp_endpoint.as_deref(), Some("http://127.0.0.1:4317"));
    assert_eq!(config.data, Path::new("data"));
    assert_eq!(config.tls.certificate, Path::new("cert.pem"));
    assert_eq!(config.tls.private_key, Path::new("/etc/strongroom/key.pem"));
    assert_eq!(config.seal.passphrase, PassphraseSource::Environment("STRONGROOM_PASSPHRASE".to_owned()));
    assert_eq!(config.limits, Limits { body_bytes: 65536, ..Limits::default() });
    let [first, second] = &config.identity.accounts[..] else { panic!("two accounts") };
    assert_eq!(first.id.as_str(), "111122223333");
    assert_eq!(first.access_keys[0].user.as_deref(), Some("alice"));
    assert_eq!(first.access_keys[1].user, None);
    assert_eq!(first.access_keys[1].secret.expose(), b"je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY");
    assert!(second.access_keys.is_empty());
}

#[test]
fn quotas_are_those_of_aws_but_for_what_is_given() {
    let rates =
        |table: &str| read_text(&WHOLE.replace("[admin]", &format!("{table}\n[admin]"))).expect("is taken").quotas;
    assert_eq!(rates("").requests, Some(RequestRates::default()));
    assert_eq!(rates("[quotas]\nthrottle = false").requests, None);
    let table = "[quotas.requests_per_second]\nCreateKey = 7\n\"Cryptographic operations (RSA)\" = inf";
    let given = rates(table).requests.expect("still on");
    let here = "us-east-1".parse().expect("a Region");
    let check = |name: &str, expect: f64| {
        let found = given.per_second(name.parse().expect("a quota"), here);
        assert_eq!(found.to_bits(), expect.to_bits(), "{name}");
    };
    check("CreateKey", 7.0);
    check("Cryptographic operations (RSA)", f64::INFINITY);
    check("CreateAlias", 5.0);
    let aws = ResourceQuotas::aws_defaults();
    assert_eq!(rates("").resources, aws);
    assert_eq!(rates("[quotas]\nthrottle = false").resources, aws);
    let given = rates("[quotas]\nkeys = 1_000_000\naliases_per_key = 1\ngrants_per_key = inf").resources;
    let expect = ResourceQuotas { keys: Some(1_000_000), aliases_per_key: Some(1), grants_per_key: None };
    assert_eq!(given, expect);
}

#[test]
fn key_sets_come_from_files_https_and_this_machine() {
    check("jwks_file = \"keys.json\"", |keys| matches!(keys, JwksSource::File(path) if path.ends_with("keys.json")));
    for url in
        ["https://issuer.example/keys", "http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]/keys"]
    {
        check(&format!("jwks_url = \"{url}\""), |keys| matches!(keys, JwksSource::Url(found) if found == url));
    }

    #[track_caller]
    fn check(line: &str, expect: impl FnOnce(&JwksSource) -> bool) {
        let table = format!("[[oidc.issuer]]\nurl = \"https://issuer.example\"\n{line}\n[admin]");
        let config = read_text(&WHOLE.replace("[admin]", &table)).expect("is taken");
        let [issuer] = &config.identity.issuers.issuers[..] else { panic!("one issuer") };
        assert!(issuer.issuer == "https://issuer.example" && expect(&issuer.keys), "{line}");
    }
}

#[test]
fn what_is_wrong_is_named_by_line_and_field() {
    check("127.0.0.1:8443", "localhost", ", line 2, listen: an address and a port");
    check("data = \"data\"", "data = 5", ", line 3, data: expected");
    check("data = \"data\"\n", "", ": missing field `data`");
    check("data = \"data\"", "data = \"data\"\nregions = []", ", line 4, regions: needs a Region");
    check("data = \"data\"", "data = \"data\"\nregions = [\"a\"]", ", line 4, regions: a Region has a name");
    check("body_bytes", "body_byte", ", line 11, body_byte: unknown field `body_byte`");
    check("http://127.0.0.1:4317", "https://collector", "telemetry.otlp_endpoint: the URL of a collector");
    check("http://127.0.0.1:4317", "collector:4317", "telemetry.otlp_endpoint: the URL of a collector");
    check("127.0.0.1:8444", "8444", "admin.listen: an address and a port");
    check("[admin]", "[quotas]\nkey = 1\n[admin]", ", line 24, key: unknown field `key`");
    let rate = |line: &str| format!("[quotas.requests_per_second]\n{line}\n[admin]");
    let field = ", line 24, quotas.requests_per_second: ";
    check("[admin]", &rate("Encrypt = 1"), &format!("{field}no request quota"));
    check("[admin]", &rate("CreateKey = 0"), &format!("{field}a rate is a number"));
    check("[admin]", &rate("CreateKey = nan"), &format!("{field}a rate is a number"));
    check("[admin]", &rate("CreateKey = true"), ", line 24, CreateKey: expected f64");
    let issuer = |url: &str, keys: &str| format!("[[oidc.issuer]]\nurl = \"{url}\"\n{keys}\n[admin]");
    let good = "https://issuer.example";
    let url = |url: &str| issuer(good, &format!("jwks_url = \"{url}\""));
    check("[admin]", &issuer("http://issuer.example", ""), ", line 24, oidc.issuer.url: an issuer is an https URL");
    check("[admin]", &issuer(good, ""), ", line 24, oidc.issuer: needs one of jwks_file and jwks_url");
    check("[admin]", &issuer(good, "jwks_uri = \"a\""), ", line 25, jwks_uri: unknown field");
    let plain = ", line 25, oidc.issuer.jwks_url: an https URL is needed";
    check("[admin]", &url("http://issuer.example/keys"), plain);
    check("[admin]", &url("http://127.0.0.1.example/keys"), plain);
    check("[admin]", &url("ftp://127.0.0.1/keys"), plain);
    check("[admin]", &url("https:///keys"), plain);
    let twice = format!("[[oidc.issuer]]\nurl = \"{good}\"\njwks_file = \"k\"\n{}", url("https://issuer.example/keys"));
    check("[admin]", &twice, ", line 27, oidc.issuer.url: this issuer stands here twice");
    for bad in ["0", "-1", "1.5", "1000000001", "nan", "-inf"] {
        let quota = format!("[quotas]\nkeys = {bad}\n[admin]");
        check("[admin]", &quota, ", line 24, quotas.keys: a quota is a whole number from 1");
    }
    check("[admin]", "[quotas]\naliases_per_key = 0\n[admin]", ", line 24, quotas.aliases_per_key: a quota");
    check("[admin]", "[quotas]\ngrants_per_key = 0\n[admin]", ", line 24, quotas.grants_per_key: a quota");
    check("65536", "1", ", line 10, limits.body_bytes: must be at least 8192");
    check("65536", "\"1\"", ", line 11, body_bytes: expected usize");
    check("65536", "-1", ", line 11, body_bytes: expected usize");
    check("passphrase_env = \"STRONGROOM_PASSPHRASE\"", "", ", line 7, seal: needs one of");
    check("111122223333", "1111", ", line 13, account.id: an account id has twelve digits");
    check("444455556666", "111122223333", "account.id: this account stands here twice");
    check("AKIAI44QH8DHBEXAMPLE", "AKIAIOSFODNN7EXAMPLE", "account.access_key.id: this access key stands here twice");
    check("AKIAI44QH8DHBEXAMPLE", "AKIA I44", "account.access_key.id: an access key id has");
    check("secret_file = \"root-secret\"", "", "account.access_key.secret: needs one of secret and secret_file");
    check("\"alice\"", "\"alice smith\"", ", line 17, account.access_key.user: a user name has");
    check("\"root-secret\"", "\"no-such-file\"", "no-such-file: No such file");
    check("[tls]", "[tls", "line 4");

    #[track_caller]
    fn check(part: &str, instead: &str, expect: &str) {
        assert!(WHOLE.contains(part), "{part}");
        let error = read_text(&WHOLE.replacen(part, instead, 1)).expect_err("is refused").to_string();
        assert!(error.contains(expect), "{error}");
    }
}

/// Whatever is done to the lines with secrets, the error does not repeat them.
#[test]
fn no_error_shows_a_secret() {
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let quoted = format!("\"{SECRET}\"");
    check(&quoted, &format!("{quoted} x"));
    check(&quoted, &format!("\"{SECRET}"));
    check(&quoted, SECRET);
    check(&quoted, &format!("[{quoted}]"));
    check(&quoted, &format!("{{ value = {quoted} }}"));
    check(&format!("secret = {quoted}"), &quoted);
    check("secret = \"", "secrets = \"");
    check("body_bytes = 65536", &format!("body_bytes = {quoted}"));
    check("[[account]]\nid = \"111122223333\"", &format!("[[account]]\nid = {quoted}"));
    check("listen = \"127.0.0.1:8443\"", &format!("listen = {quoted}"));
    check("user = \"alice\"", &format!("user = \"{SECRET} \""));
    check("AKIAIOSFODNN7EXAMPLE", SECRET);
    check("[limits]", &format!("limits = {quoted}\n[[account]]"));

    #[track_caller]
    fn check(part: &str, instead: &str) {
        assert!(WHOLE.contains(part), "{part}");
        let error = read_text(&WHOLE.replacen(part, instead, 1)).expect_err("is refused");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("wJalr") && !shown.contains("EXAMPLEKEY"), "{shown}");
    }
}
