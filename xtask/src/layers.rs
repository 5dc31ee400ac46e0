//! Who may import whom, read from the manifests and the sources: a new edge is a change of this table, and is seen.
//!
//! Cargo refuses the edges that a manifest lacks; this test refuses the manifest. The second table is of what a crate
//! must not know although Cargo would let it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate and those of ours that it may import.
const LAYERS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("crypto", &["core"]),
    ("wire", &["core", "crypto"]),
    ("authz", &["core"]),
    ("store", &["core"]),
    ("vault", &["core", "crypto", "authz"]),
    ("service", &["core", "crypto", "authz", "store", "vault", "wire"]),
    // It builds store and vault, and randomness from crypto, and hands them over.
    ("server", &["core", "crypto", "store", "vault", "service", "wire"]),
];

/// A dependency that is heavy or sensitive, and the crates that may name it outside their tests.
const OWNED: &[(&str, &[&str])] = &[
    ("aes-gcm", &["crypto"]),
    ("argon2", &["crypto"]),
    ("aws-lc-rs", &["crypto"]),
    ("ed25519-dalek", &["crypto"]),
    ("hmac", &["crypto"]),
    ("ml-dsa", &["crypto"]),
    ("ml-kem", &["crypto"]),
    ("sha2", &["crypto"]),
    ("sm2", &["crypto"]),
    ("sm3", &["crypto"]),
    ("sm4", &["crypto"]),
    ("rusqlite", &["store"]),
    ("hyper", &["server"]),
    ("rustls", &["server"]),
    ("tokio-rustls", &["server"]),
    ("nix", &["server"]),
    ("rustix", &["server"]),
    ("clap", &["server"]),
];

/// A word, the crate in whose sources it must not stand, and the one file that may have it, if there is one.
const UNKNOWN: &[(&str, &str, Option<&str>)] = &[
    ("Tcp", "core", None),
    ("std::fs", "core", None),
    ("SystemTime::now", "core", Some("world.rs")),
    ("Tcp", "wire", None),
    ("std::fs", "wire", None),
    ("SystemTime::now", "wire", None),
    ("std::fs", "authz", None),
    ("SystemTime::now", "authz", None),
    ("Tcp", "service", None),
    ("std::env", "service", None),
    ("SystemTime::now", "service", None),
    // Operations see shapes; bytes are the frame's.
    ("json::decode", "service", Some("frame.rs")),
    ("json::encode", "service", Some("frame.rs")),
    ("SystemTime::now", "vault", None),
    ("SystemTime::now", "store", None),
];

#[test]
fn manifests_keep_to_the_layers() {
    assert_eq!(crates(), LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, allowed) in LAYERS {
        for dependency in dependencies(name) {
            if let Some(ours) = dependency.strip_prefix("strongroom-") {
                assert!(allowed.contains(&ours), "{name} must not depend on {ours}");
            }
            if let Some((_, owners)) = OWNED.iter().find(|(owned, _)| *owned == dependency) {
                assert!(owners.contains(name), "{name} must not depend on {dependency}");
            }
        }
    }
}

#[test]
fn sources_keep_to_the_layers() {
    for (name, allowed) in LAYERS {
        let sources = sources(&folder(name).join("src"));
        assert!(!sources.is_empty(), "{name} has no sources");
        for path in sources {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let place = path.display();
            for (other, _) in LAYERS {
                let named = text.contains(&format!("strongroom_{other}::"));
                assert!(!named || other == name || allowed.contains(other), "{place} must not name {other}");
            }
            for (word, _, exempt) in UNKNOWN.iter().filter(|(_, of, _)| of == name) {
                let exempt = exempt.is_some_and(|file| path.ends_with(file));
                assert!(exempt || !production(&text).contains(word), "{place} must not name {word}");
            }
        }
    }
}

/// What stands before the tests at the end of a file.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn crates() -> BTreeSet<String> {
    let entries = fs::read_dir(folder("")).expect("the folder of crates");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in ASCII")).collect()
}

fn dependencies(name: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(folder(name).join("Cargo.toml")).expect("every crate has a manifest");
    let manifest: toml::Table = text.parse().expect("a manifest is TOML");
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

/// Every source file below `folder` that is not for tests alone.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII").to_owned();
        if path.is_dir() && name != "tests" {
            out.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" {
            out.push(path);
        }
    }
    out
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").join("crates").join(name)
}
