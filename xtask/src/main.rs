//! The project's own tasks: `cargo xtask <task>`.
//!
//! # Not here
//! Anything the server needs: this program is for those who change Strongroom, and is shipped to nobody.

mod bench;
mod codegen;
#[cfg(test)]
mod layers;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of the project.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures the server beside a null server of the same HTTP stack.
    Bench(bench::Args),
    /// Writes the code generated from model/kms.json and model/overlay.toml.
    Codegen(codegen::Args),
    /// Runs the test suites named, or all of them.
    Test {
        /// Some of: lint, unit, sdk, crash, fuzz.
        suites: Vec<String>,
    },
}

fn main() -> ExitCode {
    match Cli::parse().task {
        Task::Bench(args) => bench::run(&args),
        Task::Codegen(args) => codegen::run(&args),
        Task::Test { suites } => test::run(&suites),
    }
}
