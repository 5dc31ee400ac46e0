//! `strongroom doctor`: looks at everything that a server of this configuration needs, and says what to do about what is wrong.
//!
//! # Invariants
//! - Nothing is changed but what opening the database changes: a log left by a killed server is folded in.
//! - Every finding that is not good names its remedy.

mod audit;
mod clock;
mod data;
mod files;
mod machine;

use std::path::PathBuf;

use serde::Serialize;

use super::Failure;
use super::output::Output;
use super::terminal::Colour;
use crate::config::Config;

/// Examine a configuration and the machine, and say what to do about what is wrong.
///
/// Looks at the configuration file, the permissions of files, the clock, the TLS pair, the database (its structure and
/// every sealed record), the root key, the audit log, randomness, and the limits of the system. A running server keeps its database to
/// itself: then its own readiness is asked for instead.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when there is no problem (warnings do not count), 1 when there is one, 2 when the command line is wrong.

Examples:
  strongroom doctor --config strongroom.toml
  strongroom doctor --config strongroom.toml --ntp pool.ntp.org
  strongroom doctor --config strongroom.toml --output json")]
pub(super) struct Doctor {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A time server (NTP) to compare the clock with; signatures are refused when clocks differ by five minutes.
    #[arg(long, value_name = "HOST[:PORT]")]
    ntp: Option<String>,
    /// How the findings look.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Warning,
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    area: &'static str,
    verdict: Verdict,
    finding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    fn good(area: &'static str, finding: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::Good, finding: finding.into(), remedy: None }
    }

    fn warning(area: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::Warning, finding: finding.into(), remedy: Some(remedy.into()) }
    }

    fn problem(area: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { area, verdict: Verdict::Problem, finding: finding.into(), remedy: Some(remedy.into()) }
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report {
    good: bool,
    findings: Vec<Finding>,
}

impl Doctor {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut findings = Vec::new();
        match Config::read(&self.config) {
            Err(error) => findings.push(Finding::problem(
                "configuration",
                error.to_string(),
                "correct the file; `strongroom serve --help` shows a whole one",
            )),
            Ok(config) => {
                findings.push(Finding::good("configuration", format!("{} is well-formed", self.config.display())));
                findings.extend(files::examine(&config));
                findings.extend(machine::examine(&config));
                findings.extend(data::examine(&config));
                findings.extend(audit::examine(&self.config, &config));
            }
        }
        findings.extend(clock::examine(self.ntp.as_deref()));
        let good = findings.iter().all(|finding| finding.verdict != Verdict::Problem);
        self.output.print(&Report { good, findings }, table)?;
        if good { Ok(()) } else { Err(Failure::work("there are problems")) }
    }
}

fn table(report: &Report) -> String {
    let width = report.findings.iter().map(|finding| finding.area.len()).max().unwrap_or_default();
    let mut lines = String::new();
    for Finding { area, verdict, finding, remedy } in &report.findings {
        let word = match verdict {
            Verdict::Good => Colour::Green.on_stdout("good   "),
            Verdict::Warning => Colour::Yellow.on_stdout("warning"),
            Verdict::Problem => Colour::Red.on_stdout("problem"),
        };
        lines += &format!("{word}  {area:width$}  {finding}\n");
        if let Some(remedy) = remedy {
            lines += &format!("{:9}{:width$}  remedy: {remedy}\n", "", "");
        }
    }
    lines
}
