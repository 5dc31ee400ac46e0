//! The suites: what each runs, and in which order.

use std::path::Path;
use std::sync::Mutex;
use std::thread;

use super::step::Step;
use super::tally::{Runner, Tally};
use super::tools::{self, Missing};

/// A set of tests that `cargo xtask test` knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suite {
    Lint,
    Unit,
    Sdk,
    Audit,
    Crash,
    Fuzz,
}

/// The fuzz targets of `fuzz/Cargo.toml`.
const FUZZ_TARGETS: [&str; 9] = ["json", "sigv4", "arn", "blob", "query", "policy", "condition", "decision", "jwt"];

/// How long each fuzz target runs, in seconds.
const FUZZ_SECONDS: u32 = 30;

/// Fuzz targets that run at the same time: as many as the smallest machine has cores.
const FUZZ_AT_ONCE: usize = 2;

impl Suite {
    /// In the order they run: what fails fast comes first.
    pub(super) const ALL: &'static [Self] = &[Self::Lint, Self::Unit, Self::Sdk, Self::Audit, Self::Crash, Self::Fuzz];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Unit => "unit",
            Self::Sdk => "sdk",
            Self::Audit => "audit",
            Self::Crash => "crash",
            Self::Fuzz => "fuzz",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|suite| suite.name() == name)
    }

    pub(super) fn run(self, root: &Path) -> Tally {
        let result = match self {
            Self::Lint => lint(root),
            Self::Unit => Ok(unit(root)),
            Self::Sdk => sdk(root),
            Self::Audit => audit(root),
            Self::Crash => crash(root),
            Self::Fuzz => fuzz(root),
        };
        result.unwrap_or_else(|missing| {
            let mut tally = Tally::default();
            tally.fail(&missing);
            tally
        })
    }
}

/// Random lives of keys in a whole run; `cargo test` by itself, which is run more often, contents itself with fewer.
const LIFE_SEQUENCES: &str = "10000";

/// The crates' own tests.
fn unit(root: &Path) -> Tally {
    let step = cargo("cargo test --workspace", Runner::Cargo, root).args(["test", "--workspace", "--no-fail-fast"]);
    step.env("STRONGROOM_SEQUENCES", LIFE_SEQUENCES).run()
}

/// Official clients against the real binary, and independent implementations against its answers.
fn sdk(root: &Path) -> Result<Tally, Missing> {
    tools::openssl()?;
    tools::node_modules(root)?;
    let python = tools::python(root)?;
    build_server(root)?;
    // Compiled here, so that its minutes are not those of a test.
    let build = cargo("build of the Rust SDK's tests", Runner::Command, root);
    let build = build.args(["test", "--quiet", "--no-run", "--locked", "--manifest-path", "tests/sdk/rust/Cargo.toml"]);
    if !build.env("CARGO_TARGET_DIR", root.join("target/test-env/rust")).succeeds() {
        return Err("the tests of the Rust SDK do not compile".to_owned());
    }
    Ok(pytest("pytest tests/sdk", &python, root, "tests/sdk").run())
}

/// The audit record: every operation's, nothing done to it unseen; killed servers, full disks, sinks, and the command line.
fn audit(root: &Path) -> Result<Tally, Missing> {
    tools::rsyslogd()?;
    let python = tools::python(root)?;
    build_server(root)?;
    let records = cargo("the audit record of the service", Runner::Cargo, root);
    let mut tally = records.args(["test", "--package", "strongroom-service", "--test", "it", "audit"]).run();
    tally.add(pytest("pytest tests/audit", &python, root, "tests/audit").run());
    Ok(tally)
}

/// The server killed at random moments under a writing load.
fn crash(root: &Path) -> Result<Tally, Missing> {
    let python = tools::python(root)?;
    build_server(root)?;
    Ok(pytest("pytest tests/crash", &python, root, "tests/crash").run())
}

/// Every fuzz target for a fixed time, two at once.
fn fuzz(root: &Path) -> Result<Tally, Missing> {
    tools::nightly()?;
    let path = tools::cargo_fuzz(root)?;
    if !cargo_fuzz("cargo fuzz build", Runner::Command, root, &path).arg("build").succeeds() {
        return Err("the fuzz targets do not compile".to_owned());
    }
    let waiting = Mutex::new(FUZZ_TARGETS.iter());
    let total = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..FUZZ_AT_ONCE {
            scope.spawn(|| {
                while let Some(target) = next(&waiting) {
                    let tally = fuzz_target(root, &path, target);
                    total.lock().expect("no holder of this lock panics").add(tally);
                }
            });
        }
    });
    Ok(total.into_inner().expect("no holder of this lock panics"))
}

fn next(waiting: &Mutex<std::slice::Iter<'_, &'static str>>) -> Option<&'static str> {
    waiting.lock().expect("no holder of this lock panics").next().copied()
}

fn fuzz_target(root: &Path, path: &str, target: &str) -> Tally {
    let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
    if let Err(error) = std::fs::create_dir_all(root.join(&corpus)) {
        let mut tally = Tally::default();
        tally.fail(&format!("{corpus}: {error}"));
        return tally;
    }
    let step = cargo_fuzz(&format!("fuzz {target}"), Runner::LibFuzzer, root, path);
    let step = step.args(["run", target, &corpus, &seeds, "--"]);
    let mut tally = step.args([format!("-max_total_time={FUZZ_SECONDS}"), "-timeout=10".to_owned()]).run();
    for line in &mut tally.closing {
        line.insert_str(0, &format!("{target}: "));
    }
    tally
}

/// Formatting, clippy, the licences and bans of `deny.toml`; ruff for what is Python.
fn lint(root: &Path) -> Result<Tally, Missing> {
    let path = tools::cargo_deny(root)?;
    let python = tools::python(root)?;
    let mut tally = Tally::default();
    let own_workspaces = ["fuzz/Cargo.toml", "tests/sdk/rust/Cargo.toml"];
    tally.add(cargo("cargo fmt", Runner::Command, root).args(["fmt", "--all", "--check"]).run());
    for manifest in own_workspaces {
        let step = cargo(format!("cargo fmt, {manifest}"), Runner::Command, root);
        tally.add(step.args(["fmt", "--check", "--manifest-path", manifest]).run());
    }
    for command in [&["check"][..], &["format", "--check"]] {
        let step = Step::new(format!("ruff {}", command[0]), Runner::Command, &python).dir(root);
        tally.add(step.args(["-m", "ruff"]).args(command).args(["--no-cache", "--quiet", "tests"]).run());
    }
    let clippy = cargo("cargo clippy", Runner::Command, root);
    tally.add(clippy.args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]).run());
    tally.add(
        cargo("generated code is fresh, layers hold", Runner::Cargo, root).args(["test", "--package", "xtask"]).run(),
    );
    tally.add(deny("cargo deny", root, &path).args(["check", "bans", "licenses", "sources"]).run());
    tally.add(advisories(root, &path));
    Ok(tally)
}

/// Known vulnerabilities, where the database of them can be had. It is not part of this repository, and a machine
/// without a way to it must still be able to run the rest.
fn advisories(root: &Path, path: &str) -> Tally {
    if deny("fetch the advisory database", root, path).args(["fetch", "db"]).succeeds() {
        return deny("cargo deny advisories", root, path).args(["check", "--disable-fetch", "advisories"]).run();
    }
    let note = "cargo deny advisories: NOT CHECKED, the advisory database cannot be fetched from here";
    Tally { closing: vec![note.to_owned()], ..Tally::default() }
}

fn build_server(root: &Path) -> Result<(), Missing> {
    let build = cargo("cargo build --package strongroom", Runner::Command, root);
    if build.args(["build", "--quiet", "--package", "strongroom"]).succeeds() {
        Ok(())
    } else {
        Err("the server does not compile".to_owned())
    }
}

fn cargo(name: impl Into<String>, runner: Runner, root: &Path) -> Step {
    Step::new(name, runner, "cargo").dir(root)
}

fn cargo_fuzz(name: &str, runner: Runner, root: &Path, path: &str) -> Step {
    cargo(name, runner, root).env("PATH", path).args(["+nightly", "fuzz"])
}

fn deny(name: &str, root: &Path, path: &str) -> Step {
    cargo(name, Runner::Command, root).env("PATH", path).args(["deny", "--workspace"])
}

fn pytest(name: &str, python: &Path, root: &Path, folder: &str) -> Step {
    let binary = root.join("target/debug/strongroom");
    let step = Step::new(name, Runner::Pytest, python).dir(root).env("STRONGROOM_BINARY", binary);
    step.args(["-m", "pytest", "--color=no", "-p", "no:cacheprovider", folder])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::workspace_root;

    #[test]
    fn names_are_unambiguous() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_name(suite.name()), Some(*suite));
        }
        assert_eq!(Suite::from_name("Unit"), None);
    }

    #[test]
    fn every_fuzz_target_is_run() {
        let manifest = std::fs::read_to_string(workspace_root().join("fuzz/Cargo.toml")).expect("fuzz has a manifest");
        let mut declared: Vec<&str> =
            manifest.lines().filter_map(|line| line.strip_prefix("path = \"targets/")?.strip_suffix(".rs\"")).collect();
        declared.sort_unstable();
        let mut run = FUZZ_TARGETS.to_vec();
        run.sort_unstable();
        assert_eq!(declared, run);
    }
}
