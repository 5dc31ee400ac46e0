//! `strongroom status` and `strongroom log-level`: questions to a running server.

use super::Failure;
use super::output::{Output, pairs};
use crate::admin::client::AdminOptions;
use crate::admin::log::{self, Level};
use crate::admin::status::{self, AuditSummary, Status};
use crate::observe::LogLevel;
use crate::sinks::SinkStatus;

/// Show what a running server is and whether it can answer.
///
/// It asks the admin listener: of the `strongroom dev` on this machine without options, of the `strongroom serve` that
/// --config describes. The exit code is 0 when the server is ready, 1 when it is not or does not answer.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strongroom status
  strongroom status --config strongroom.toml --output json
  strongroom status --admin 127.0.0.1:4601")]
pub(super) struct StatusCommand {
    #[command(flatten)]
    server: AdminOptions,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl StatusCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = self.server.client().map_err(Failure::usage)?;
        let status: Status = client.get(status::PATH).map_err(Failure::work)?;
        self.output.print(&status, table)?;
        if status.ready { Ok(()) } else { Err(Failure::work("the server is not ready")) }
    }
}

fn table(status: &Status) -> String {
    let mut rows = vec![
        ("version", status.version.clone()),
        ("mode", status.mode.clone()),
        ("up", duration(status.uptime_seconds)),
        ("log level", status.log_level.name().to_owned()),
        ("ready", if status.ready { "yes" } else { "no" }.to_owned()),
    ];
    for check in &status.checks {
        rows.push((&check.name, check.reason.clone().unwrap_or_else(|| "ok".to_owned())));
    }
    let Some(AuditSummary { events, write_failures, refused_calls, sinks }) = &status.audit else {
        return pairs(&rows);
    };
    let written = format!("{events} written, {write_failures} writes failed, {refused_calls} calls refused for it");
    rows.push(("audit events", written));
    let names: Vec<String> = sinks.iter().map(|sink| format!("audit to {}", sink.name)).collect();
    for (name, SinkStatus { sent, lag, failures, lost, problem, .. }) in names.iter().zip(sinks) {
        let counts = format!("{sent} sent, {lag} records behind, {failures} failures, {lost} lost");
        let why = problem.as_ref().map_or_else(String::new, |problem| format!("; now: {problem}"));
        rows.push((name, counts + &why));
    }
    pairs(&rows)
}

/// Days, hours, minutes and seconds, from the first that is not zero.
fn duration(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    parts[first..].iter().map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// Show or change how much a running server logs.
///
/// The change holds until the server ends or is told otherwise; it starts with what --log says.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strongroom log-level
  strongroom log-level debug --config strongroom.toml")]
pub(super) struct LogLevelCommand {
    /// The new level; without it, the level is shown.
    #[arg(value_enum)]
    level: Option<LogLevel>,
    #[command(flatten)]
    server: AdminOptions,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl LogLevelCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = self.server.client().map_err(Failure::usage)?;
        let level: Level = match self.level {
            None => client.get(log::PATH),
            Some(level) => client.post(log::PATH, &Level { level }),
        }
        .map_err(Failure::work)?;
        self.output.print(&level, |level| level.level.name().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_begin_with_what_there_is() {
        check(0, "0 s");
        check(59, "59 s");
        check(60, "1 min 0 s");
        check(3_661, "1 h 1 min 1 s");
        check(86_400, "1 d 0 h 0 min 0 s");

        #[track_caller]
        fn check(seconds: u64, expect: &str) {
            assert_eq!(duration(seconds), expect);
        }
    }
}
