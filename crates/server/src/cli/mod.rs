//! The command line: its commands, and what their exit codes mean.

mod account;
mod audit;
mod dev;
mod dev_tools;
mod doctor;
mod init;
mod output;
mod paths;
mod policy;
mod reference;
mod running;
mod serve;
mod status;
pub(crate) mod terminal;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::observe::{self, LogFormat, LogLevel};
use crate::process;

const EXIT_CODES: &str = "\
Exit codes:
  0  ended as asked (for a server: by SIGTERM or SIGINT, after finishing what was under way)
  1  could not start or go on: port in use, damaged or foreign data, wrong root key or passphrase; a question has a bad answer
  2  the command line or the configuration file is wrong
  3  the answer is no (`strongroom policy`: denied)";

/// A key management service that speaks the AWS KMS API.
///
/// Try it: `strongroom dev`, then point any AWS SDK or the AWS CLI at http://127.0.0.1:4599 with the access key `test` and
/// the secret `test`. Run it for good: write a configuration file (`strongroom serve --help` shows one), then
/// `strongroom init --config FILE` and `strongroom serve --config FILE`.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How much is logged, to standard error.
    #[arg(long, global = true, value_enum, default_value_t, env = "STRONGROOM_LOG")]
    log: LogLevel,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t, env = "STRONGROOM_LOG_FORMAT")]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(Box<dev::Dev>),
    Serve(serve::Serve),
    Init(init::Init),
    Account(account::Account),
    #[command(subcommand)]
    Audit(audit::Audit),
    Status(status::StatusCommand),
    LogLevel(status::LogLevelCommand),
    Doctor(doctor::Doctor),
    Completions(reference::Completions),
    Man(reference::Man),
    Policy(policy::PolicyCommand),
}

/// Why a command ended without success.
#[derive(Debug)]
enum Failure {
    /// The command line or the configuration is wrong.
    Usage(String),
    /// The work failed.
    Work(String),
    /// The answer, which was given, is no.
    Denied,
}

impl Failure {
    fn usage(problem: impl ToString) -> Self {
        Self::Usage(problem.to_string())
    }

    fn work(problem: impl ToString) -> Self {
        Self::Work(problem.to_string())
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors: they go to standard output, and their code is 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    observe::start(cli.log, cli.log_format);
    process::silence_panics();
    let outcome = match cli.command {
        Command::Dev(dev) => dev.run(),
        Command::Serve(serve) => serve.run(),
        Command::Init(init) => init.run(),
        Command::Account(account) => account.run(),
        Command::Audit(audit) => audit.run(),
        Command::Status(status) => status.run(),
        Command::LogLevel(level) => level.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
        Command::Policy(policy) => policy.run(),
    };
    let (problem, code) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Work(problem)) => (problem, 1),
        Err(Failure::Usage(problem)) => (problem, 2),
        Err(Failure::Denied) => return ExitCode::from(3),
    };
    let _ = writeln!(io::stderr(), "strongroom: {problem}");
    ExitCode::from(code)
}

/// One line on standard output. Nobody may be reading it; that is no reason to stop.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// What is for tests is not in `serve`, nor beside it.
    #[test]
    fn serve_knows_no_tools() {
        let serve = ["strongroom", "serve", "--config", "strongroom.toml"];
        assert!(Cli::try_parse_from(serve).is_ok());
        for more in [&["clock", "show"][..], &["fault", "list"], &["reset"], &["--seed", "seed.toml"], &["--dev"]] {
            assert!(Cli::try_parse_from(serve.iter().chain(more)).is_err(), "{more:?}");
            assert!(Cli::try_parse_from(["strongroom"].iter().chain(more)).is_err(), "{more:?}");
        }
    }

    /// Who makes tools decides who has them.
    #[test]
    fn only_dev_makes_tools() {
        let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![sources];
        let mut makers = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the sources are there") {
                let path = entry.expect("is readable").path();
                if path.is_dir() {
                    folders.push(path);
                } else if std::fs::read_to_string(&path).expect("is text").contains(concat!("Dev", "Tools::")) {
                    makers.push(path.file_name().expect("has a name").to_owned());
                }
            }
        }
        assert_eq!(makers, ["dev.rs"]);
    }

    #[test]
    fn a_dev_server_stays_on_this_machine() {
        check(&["strongroom", "dev"], true);
        check(&["strongroom", "dev", "--listen", "127.0.0.1:0"], true);
        check(&["strongroom", "dev", "--listen", "localhost:4599"], true);
        check(&["strongroom", "dev", "--listen", "[::1]:4599"], true);
        check(&["strongroom", "dev", "--listen", "0.0.0.0:4599"], false);
        check(&["strongroom", "dev", "--listen", "192.0.2.1:4599"], false);
        check(&["strongroom", "dev", "--listen", "[::]:4599"], false);
        check(&["strongroom", "dev", "--listen", "4599"], false);
        check(&["strongroom", "serve"], false);
        check(&["strongroom", "dev", "clock", "advance", "400d"], true);
        check(&["strongroom", "dev", "fault", "clear", "--admin", "127.0.0.1:4601"], true);
        check(&["strongroom", "dev", "--data", "d", "clock", "show"], false);
        check(&["strongroom", "dev", "clock"], false);

        #[track_caller]
        fn check(line: &[&str], taken: bool) {
            assert_eq!(Cli::try_parse_from(line).is_ok(), taken, "{line:?}");
        }
    }
}
