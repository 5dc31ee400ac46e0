//! The benchmark: calls per second of the real server beside a null server of the same HTTP stack, in one run.
//!
//! Servers and load share the machine, each on its own core. What counts is the ratio to the null server: absolute
//! figures move with the machine and its day.
//!
//! # Not here
//! Building the programs (`cargo xtask bench` does), other servers, single functions.

mod cores;
mod flood;
mod load;
mod null;
mod process;
mod report;
mod requests;
mod runs;
mod stream;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Strongroom beside a null server.
#[derive(Debug, Parser)]
#[command(name = "strongroom-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all measurements and print a table.
    Run(Run),
    /// Be a null server: read each request whole, answer 300 bytes that are always the same.
    Null(null::Null),
}

/// What to run.
#[derive(Debug, clap::Args)]
struct Run {
    /// The server to measure; without, the `strongroom` beside this program.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Less than half a minute, for a first look.
    #[arg(long)]
    short: bool,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail when an operation over plain HTTP has less than this share of the null server's throughput.
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
}

/// What stops a benchmark: the operator reads it, nothing handles it.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Null(null) => null.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strongroom-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Run {
    fn run(self) -> Result<(), Error> {
        let this = std::env::current_exe()?;
        let server = self.server.unwrap_or_else(|| this.with_file_name("strongroom"));
        let pace = if self.short { runs::Pace::SHORT } else { runs::Pace::FULL };
        let figures = runs::measure(&this, &server, pace)?;
        report::print(&figures)?;
        if let Some(path) = self.json {
            std::fs::write(&path, serde_json::to_vec_pretty(&figures)?)?;
        }
        match self.at_least {
            Some(least) => report::demand(&figures, least),
            None => Ok(()),
        }
    }
}
