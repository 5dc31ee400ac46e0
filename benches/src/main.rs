//! The benchmark, in five parts: calls per second of the real server beside a null server of the same HTTP stack; the
//! latency of fast calls in a flood of slow ones; every algorithm through the service's frame beside the bare primitive;
//! a store of a million keys beside one of a thousand; what the audit log costs.
//!
//! Servers and load share the machine, each on its own core. What counts are the ratios, both sides measured in one run:
//! absolute figures move with the machine and its day.
//!
//! # Not here
//! Building the programs (`cargo xtask bench` does), other servers.

mod algorithms;
mod audit;
mod cores;
mod flood;
mod load;
mod null;
mod process;
mod report;
mod requests;
mod runs;
mod scale;
mod stream;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cores::Cores;

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
    /// Less than a minute, for a first look.
    #[arg(long)]
    short: bool,
    /// One part alone.
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail when an operation over plain HTTP has less than this share of the null server's throughput.
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
}

/// The parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Calls per second beside the null servers.
    Throughput,
    /// The latency of GenerateDataKey in floods of slow calls.
    Flood,
    /// Every algorithm through the frame, beside the bare primitive.
    Algorithms,
    /// A million keys in one store, beside a thousand.
    Scale,
    /// GenerateDataKey with and without an audit log, and the verification of one.
    Audit,
}

/// The figures of the parts that ran.
#[derive(Debug, Default, serde::Serialize)]
struct Figures {
    throughput: Option<runs::Figures>,
    flood: Option<flood::Figures>,
    algorithms: Option<algorithms::Figures>,
    scale: Option<scale::Figures>,
    audit: Option<audit::Figures>,
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
        let figures = self.measure()?;
        if let Some(path) = self.json {
            std::fs::write(&path, serde_json::to_vec_pretty(&figures)?)?;
        }
        match (self.at_least, &figures.throughput) {
            (Some(least), Some(throughput)) => report::demand(throughput, least),
            (Some(_), None) => Err("--at-least judges the throughput, which was not measured".into()),
            (None, _) => Ok(()),
        }
    }

    /// Runs the parts and prints each as soon as it is there.
    fn measure(&self) -> Result<Figures, Error> {
        let this = std::env::current_exe()?;
        let server = self.server.clone().unwrap_or_else(|| this.with_file_name("strongroom"));
        // Asked before anything is pinned.
        let cores = Cores::available()?;
        let wanted = |part| self.only.is_none_or(|only| only == part);
        let mut figures = Figures::default();
        if wanted(Part::Throughput) {
            let pace = if self.short { runs::Pace::SHORT } else { runs::Pace::FULL };
            let measured = runs::measure(&this, &server, pace)?;
            report::print(&measured)?;
            figures.throughput = Some(measured);
        }
        if wanted(Part::Flood) {
            let pace = if self.short { flood::Pace::SHORT } else { flood::Pace::FULL };
            let measured = flood::measure(&server, pace, cores)?;
            report::print_flood(&measured)?;
            figures.flood = Some(measured);
        }
        if wanted(Part::Algorithms) {
            let pace = if self.short { algorithms::Pace::SHORT } else { algorithms::Pace::FULL };
            let measured = algorithms::measure(pace, cores)?;
            report::print_algorithms(&measured)?;
            figures.algorithms = Some(measured);
        }
        if wanted(Part::Scale) {
            let pace = if self.short { scale::Pace::SHORT } else { scale::Pace::FULL };
            let measured = scale::measure(&server, pace, cores)?;
            report::print_scale(&measured)?;
            figures.scale = Some(measured);
        }
        if wanted(Part::Audit) {
            let pace = if self.short { audit::Pace::SHORT } else { audit::Pace::FULL };
            let measured = audit::measure(&server, pace, cores)?;
            report::print_audit(&measured)?;
            figures.audit = Some(measured);
        }
        Ok(figures)
    }
}
