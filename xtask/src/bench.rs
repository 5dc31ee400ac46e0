//! `cargo xtask bench`: builds the server and the benchmark as they are shipped, and runs the benchmark.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Less than a minute, for a first look.
    #[arg(long)]
    short: bool,
    /// One part alone: throughput, audit, flood, algorithms or scale.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail when an operation over plain HTTP has less than this share of the null server's throughput.
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
}

/// Builds and runs.
pub(crate) fn run(args: &Args) -> ExitCode {
    match build_and_run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build_and_run(args: &Args) -> std::io::Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "strongroom", "--package", "strongroom-bench"])
        .status()?;
    if !built.success() {
        return Ok(false);
    }
    let mut bench = Command::new(release_folder()?.join("strongroom-bench"));
    bench.arg("run");
    if args.short {
        bench.arg("--short");
    }
    if let Some(part) = &args.only {
        bench.arg("--only").arg(part);
    }
    if let Some(json) = &args.json {
        bench.arg("--json").arg(json);
    }
    if let Some(least) = args.at_least {
        bench.arg("--at-least").arg(least.to_string());
    }
    Ok(bench.status()?.success())
}

/// This program lies in `<target>/debug`; what was just built lies beside that folder, wherever the target folder is.
fn release_folder() -> std::io::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or_else(|| std::io::Error::other("this program lies in no folder"))?;
    Ok(target.join("release"))
}
