//! What the suites need and the Rust toolchain does not bring, installed once under `target/`.
//!
//! Every version is pinned: here, in `tests/sdk/requirements.txt` and in `tests/sdk/node/package-lock.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::step::Step;
use super::tally::Runner;

/// Why a suite cannot run.
pub(super) type Missing = String;

const CARGO_DENY: (&str, &str) = ("cargo-deny", "0.20.2");
const CARGO_FUZZ: (&str, &str) = ("cargo-fuzz", "0.13.2");

/// The Python of the virtual environment that holds `tests/sdk/requirements.txt`.
pub(super) fn python(root: &Path) -> Result<PathBuf, Missing> {
    let env = root.join("target/test-env/python");
    let python = env.join("bin/python");
    let requirements = root.join("tests/sdk/requirements.txt");
    unless_installed(&requirements, &env.join("installed.txt"), || {
        system_program("python3", &["python3", "python3-venv"])?;
        let made = |step: Step| step.args(["-m", "venv", "--clear"]).arg(&env).succeeds();
        if !made(Step::new("python3 -m venv", Runner::Command, "python3")) {
            // Debian splits the standard library: `venv` may be missing beside a Python that is there.
            apt_get(&["python3-venv"])?;
            if !made(Step::new("python3 -m venv, again", Runner::Command, "python3")) {
                return Err("python3 -m venv does not work here".to_owned());
            }
        }
        let pip = Step::new("pip install", Runner::Command, &python);
        let installed = pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements).succeeds();
        if installed { Ok(()) } else { Err("pip could not install tests/sdk/requirements.txt".to_owned()) }
    })?;
    Ok(python)
}

/// The packages of `tests/sdk/node/package-lock.json`, in `node_modules` beside it.
pub(super) fn node_modules(root: &Path) -> Result<(), Missing> {
    system_program("node", &["nodejs", "npm"])?;
    let folder = root.join("tests/sdk/node");
    unless_installed(&folder.join("package-lock.json"), &folder.join("node_modules/installed.json"), || {
        let npm = Step::new("npm ci", Runner::Command, "npm").dir(&folder);
        if npm.args(["ci", "--no-audit", "--no-fund"]).succeeds() {
            Ok(())
        } else {
            Err("npm could not install tests/sdk/node".to_owned())
        }
    })
}

/// The `openssl` program, an independent reader of keys and signatures.
pub(super) fn openssl() -> Result<(), Missing> {
    system_program("openssl", &["openssl"])
}

/// The syslog server of most distributions; it is a program of administrators, which not every PATH has.
pub(super) fn rsyslogd() -> Result<(), Missing> {
    if quiet("/usr/sbin/rsyslogd", &["-v"]) {
        return Ok(());
    }
    apt_get(&["rsyslog"])
}

/// A PATH on which `cargo deny` is found.
pub(super) fn cargo_deny(root: &Path) -> Result<String, Missing> {
    cargo_tool(root, CARGO_DENY)
}

/// A PATH on which `cargo fuzz` is found.
pub(super) fn cargo_fuzz(root: &Path) -> Result<String, Missing> {
    cargo_tool(root, CARGO_FUZZ)
}

/// The nightly compiler, which libFuzzer's instrumentation needs.
pub(super) fn nightly() -> Result<(), Missing> {
    if quiet("cargo", &["+nightly", "--version"]) {
        return Ok(());
    }
    let rustup = Step::new("rustup toolchain install nightly", Runner::Command, "rustup");
    if rustup.args(["toolchain", "install", "nightly", "--profile", "minimal"]).succeeds() {
        Ok(())
    } else {
        Err("fuzzing needs a nightly compiler, and rustup could not install one".to_owned())
    }
}

fn cargo_tool(root: &Path, (name, version): (&str, &str)) -> Result<String, Missing> {
    let tools = root.join("target/tools");
    let program = tools.join("bin").join(name);
    // `cargo deny --version` and the like: a cargo subcommand wants its own name first.
    let subcommand = name.trim_start_matches("cargo-");
    let installed = Command::new(&program)
        .args([subcommand, "--version"])
        .output()
        .is_ok_and(|output| output.status.success() && String::from_utf8_lossy(&output.stdout).contains(version));
    if !installed {
        let install = Step::new(format!("cargo install {name}"), Runner::Command, "cargo").dir(root);
        let install = install.args(["install", "--quiet", "--locked", "--force", "--version", version, "--root"]);
        if !install.arg(&tools).arg(name).succeeds() {
            return Err(format!("cargo could not install {name} {version}"));
        }
    }
    let path = std::env::var("PATH").unwrap_or_default();
    Ok(format!("{}:{path}", tools.join("bin").display()))
}

/// Runs `install` unless `stamp` already has the content of `list`; writes it afterwards.
fn unless_installed(list: &Path, stamp: &Path, install: impl FnOnce() -> Result<(), Missing>) -> Result<(), Missing> {
    let wanted = fs::read(list).map_err(|error| format!("{}: {error}", list.display()))?;
    if fs::read(stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// Installs `packages` when `program` is not there.
fn system_program(program: &str, packages: &[&str]) -> Result<(), Missing> {
    if quiet(program, &["--version"]) || quiet(program, &["version"]) {
        return Ok(());
    }
    apt_get(packages).map_err(|error| format!("`{program}` is missing; {error}"))
}

fn apt_get(packages: &[&str]) -> Result<(), Missing> {
    let names = packages.join(" ");
    let script = format!("apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends {names}");
    // Root needs no sudo, and a container often has none.
    let as_root = format!("if [ \"$(id -u)\" = 0 ]; then {script}; else sudo --non-interactive sh -c '{script}'; fi");
    let apt = Step::new(format!("apt-get install {names}"), Runner::Command, "sh").args(["-c", &as_root]);
    if apt.succeeds() { Ok(()) } else { Err(format!("install these packages: {names}")) }
}

fn quiet(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_install_runs_once_for_each_content() {
        let folder = std::env::temp_dir().join(format!("xtask-tools-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder can be made");
        let (list, stamp) = (folder.join("list"), folder.join("stamp"));
        let mut runs = 0;
        for (content, expect) in [("a==1", 1), ("a==1", 1), ("a==2", 2)] {
            fs::write(&list, content).expect("the list can be written");
            unless_installed(&list, &stamp, || {
                runs += 1;
                Ok(())
            })
            .expect("nothing here can fail");
            assert_eq!(runs, expect, "{content}");
        }
        fs::write(&list, "a==3").expect("the list can be written");
        assert!(unless_installed(&list, &stamp, || Err("offline".to_owned())).is_err());
        assert_eq!(fs::read(&stamp).expect("the stamp is there"), b"a==2", "a failed install leaves no stamp");
        fs::remove_dir_all(&folder).expect("the temporary folder can be removed");
    }
}
