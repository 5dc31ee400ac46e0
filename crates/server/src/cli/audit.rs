//! `strongroom audit`: is a log whole, what is in it, and what an auditor needs for that.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use strongroom_core::world::Timestamp;
use strongroom_service::audit::query::{Question, query};
use strongroom_service::audit::verify::{End, LogKey, verify};
use strongroom_service::audit::{Anchor, AuditFacts, log_files};
use strongroom_service::audit_facts;
use strongroom_store::{Error as StoreError, SqliteStore};
use strongroom_vault::seal::KeyFileSeal;
use strongroom_wire::time::parse_iso8601;

use super::output::Output;
use super::{Failure, say, terminal};
use crate::admin::audit::{self as route, AuditView};
use crate::admin::client::AdminOptions;
use crate::config::Config;

/// Verify and read audit logs.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Audit {
    Verify(Verify),
    Query(Query),
    PublicKey(PublicKey),
    Anchor(AnchorCommand),
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Query(query) => query.run(),
            Self::PublicKey(public_key) => public_key.run(),
            Self::Anchor(anchor) => anchor.run(),
        }
    }
}

/// Say whether an audit log is whole, and name the first record that is not.
///
/// It works without a server, from the files and the public key alone. A set of files is whole when every byte of it is as it
/// was written, nothing is missing in it, and it ends where its server closed it, or at or after an anchor. The exit code is 0
/// only then.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strongroom audit verify --public-key audit.pem data/audit
  strongroom audit verify --public-key audit.pem --anchor \"$(cat anchor.txt)\" data/audit
  strongroom audit verify --config strongroom.toml        # key, anchors and files of this server")]
pub(super) struct Verify {
    /// The public key, as `strongroom audit public-key` prints it.
    #[arg(long, value_name = "FILE", required_unless_present = "config", conflicts_with = "config")]
    public_key: Option<PathBuf>,
    /// Where the log must reach at least, as `strongroom audit anchor` prints it.
    #[arg(long, value_name = "ANCHOR", value_parser = anchor)]
    anchor: Vec<Anchor>,
    /// Take key, anchors and files from the server that this configuration describes, running or not.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Take a log that ends at any checkpoint, such as that of a running server. Records cut off behind it are not missed.
    #[arg(long)]
    open: bool,
    /// With --config: take it that this log (its id) was moved away. Without it, every log that the store remembers must be there.
    #[arg(long, value_name = "LOG", requires = "config")]
    without: Vec<String>,
    /// The log's files, or directories with them.
    #[arg(value_name = "FILE|DIR", required_unless_present = "config")]
    files: Vec<PathBuf>,
}

impl Verify {
    fn run(self) -> Result<(), Failure> {
        let mut must_have_all = false;
        let (key, mut anchors, files) = match (&self.public_key, &self.config) {
            (Some(public_key), _) => (read_key(public_key)?, Vec::new(), self.files),
            (None, Some(path)) => {
                let config = Config::read(path).map_err(Failure::usage)?;
                must_have_all = self.files.is_empty();
                let files = if self.files.is_empty() { vec![config.audit.path.clone()] } else { self.files };
                let facts = view(path, &config)?.facts();
                let facts = facts.ok_or_else(|| Failure::work("the server's answer is not understood"))?;
                let key =
                    LogKey::from_spki(&facts.public_key).ok_or_else(|| Failure::work("the store's key is none"))?;
                (key, facts.anchors, files)
            }
            (None, None) => return Err(Failure::usage("--public-key or --config is needed")),
        };
        anchors.extend(self.anchor);
        let end = if self.open { End::Open } else { End::Whole };
        let files = spread(&files)?;
        let bar = terminal::progress("verifying, bytes", None);
        let verified = verify(&key, &files, &anchors, end, &mut |bytes| bar.set_position(bytes));
        bar.finish_and_clear();
        let report = verified.map_err(Failure::work)?;
        say(&format!(
            "whole: {} events under {} signatures, records {} to {}{}",
            report.events,
            report.checkpoints,
            report.first_seq,
            report.end.records().saturating_sub(1),
            if report.closed { "" } else { " (the last file is open)" }
        ));
        if report.first_seq > 0 {
            say(&format!("records before {} are in files that were not given", report.first_seq));
        }
        let absent = report.absent(&anchors).find(|anchor| !self.without.contains(&anchor.log()));
        match absent.filter(|_| must_have_all) {
            None => Ok(()),
            Some(anchor) => Err(Failure::work(format!(
                "the store remembers another log of {} records that is not here: verify it where it was moved, with \
                 --anchor {anchor}, and say --without {} here",
                anchor.records(),
                anchor.log()
            ))),
        }
    }
}

/// Print the events of an audit log that fit, oldest first.
///
/// It reads files as they are; whether they are whole is what `strongroom audit verify` says.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strongroom audit query --operation Decrypt --error any data/audit
  strongroom audit query --principal alice --since 2026-09-01T00:00:00Z --output json data/audit | jq .eventTime")]
pub(super) struct Query {
    /// About this key (id or ARN) or alias (ARN).
    #[arg(long)]
    key: Option<String>,
    /// Called by this ARN, user name, unique id, access key or account.
    #[arg(long)]
    principal: Option<String>,
    /// Of this operation, such as `Decrypt`.
    #[arg(long)]
    operation: Option<String>,
    /// Failed with this code, or `any`.
    #[arg(long, value_name = "CODE")]
    error: Option<String>,
    /// Not before this moment, such as 2026-09-21T13:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Before this moment.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// At most so many.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// `json` prints each event as it is, one a line.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The log's files, or directories with them.
    #[arg(value_name = "FILE|DIR", required = true)]
    files: Vec<PathBuf>,
}

impl Query {
    fn run(self) -> Result<(), Failure> {
        let Self { key, principal, operation, error, since, until, limit, output, files } = self;
        let question = Question { key, principal, operation, error, since, until };
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut left = limit.unwrap_or(u64::MAX);
        let mut failed = None;
        let mut print = |json: &[u8], event: serde_json::Value| {
            if left == 0 {
                return false;
            }
            left -= 1;
            let printed = match output {
                Output::Json => out.write_all(json).and_then(|()| out.write_all(b"\n")),
                Output::Table => writeln!(out, "{}", row(&event)),
            };
            failed = printed.err();
            failed.is_none()
        };
        query(&spread(&files)?, &question, &mut print)
            .map_err(|(path, error)| Failure::work(format!("{}: {error}", path.display())))?;
        match failed.or_else(|| out.flush().err()) {
            // Whoever read has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Some(error) => Err(Failure::work(error)),
            None => Ok(()),
        }
    }
}

/// One line, whatever a stranger wrote into the event: what a terminal would act on is spelt out.
fn row(event: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").escape_debug().to_string();
    let identity = &event["userIdentity"];
    let who = ["arn", "invokedBy", "accessKeyId", "type"].iter().find_map(|member| identity[*member].as_str());
    let key = event["resources"][0]["ARN"].as_str().and_then(|arn| arn.rsplit_once(':')).map_or("-", |(_, key)| key);
    format!(
        "{}  {:34}  {:28}  {:45}  {}",
        text(&event["eventTime"]),
        text(&event["eventName"]),
        text(&event["errorCode"]),
        key.escape_debug().to_string(),
        who.unwrap_or("-").escape_debug()
    )
}

/// Print the public key that verifies a server's audit log, as PEM.
///
/// Keep it where whoever can write the log cannot change it.
#[derive(Debug, clap::Args)]
pub(super) struct PublicKey {
    #[command(flatten)]
    source: Source,
}

impl PublicKey {
    fn run(self) -> Result<(), Failure> {
        say(self.source.ask()?.public_key.trim_end());
        Ok(())
    }
}

/// Print where a server's audit log stands: a log that reaches there has lost nothing before.
///
/// Keep it elsewhere, now and then: `strongroom audit verify --anchor` compares.
#[derive(Debug, clap::Args)]
pub(super) struct AnchorCommand {
    #[command(flatten)]
    source: Source,
}

impl AnchorCommand {
    fn run(self) -> Result<(), Failure> {
        self.source.ask()?.anchors.iter().for_each(|anchor| say(anchor));
        Ok(())
    }
}

/// Which server is asked.
#[derive(Debug, clap::Args)]
struct Source {
    #[command(flatten)]
    server: AdminOptions,
    /// Read the store of the server that --config describes instead of asking it; the server must not be running.
    #[arg(long, requires = "config")]
    offline: bool,
}

impl Source {
    fn ask(&self) -> Result<AuditView, Failure> {
        match self.server.config() {
            Some(config) if self.offline => {
                let config = Config::read(config).map_err(Failure::usage)?;
                Ok(AuditView::of(&stored_facts(&config)?.map_err(Failure::work)?))
            }
            Some(_) | None => self.server.client().map_err(Failure::usage)?.get(route::PATH).map_err(Failure::work),
        }
    }
}

/// What the server knows, from its store, or from itself while it runs.
pub(super) fn view(path: &Path, config: &Config) -> Result<AuditView, Failure> {
    match stored_facts(config)? {
        Ok(facts) => Ok(AuditView::of(&facts)),
        Err(StoreError::InUse(_)) => {
            AdminOptions::of_config(path).client().map_err(Failure::usage)?.get(route::PATH).map_err(Failure::work)
        }
        Err(error) => Err(Failure::work(error)),
    }
}

fn stored_facts(config: &Config) -> Result<Result<AuditFacts, StoreError>, Failure> {
    let store = match SqliteStore::open(&config.data) {
        Ok(store) => store,
        Err(error) => return Ok(Err(error)),
    };
    let passphrase = config.seal.passphrase.fetch().map_err(Failure::usage)?;
    let seal = KeyFileSeal::open(&config.seal.key_file).map_err(Failure::work)?.with_passphrase(passphrase);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::work)?;
    runtime.block_on(audit_facts(&store, &seal)).map(Ok).map_err(Failure::work)
}

fn read_key(path: &Path) -> Result<LogKey, Failure> {
    let pem = std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let none = || Failure::usage(format!("{} has no Ed25519 public key in PEM form", path.display()));
    LogKey::from_pem(&pem).ok_or_else(none)
}

/// The files, those of directories among them.
fn spread(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(log_files(path).map_err(Failure::work)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn anchor(text: &str) -> Result<Anchor, String> {
    Anchor::parse(text).ok_or_else(|| "an anchor is a log's id, a number and a hash, joined by colons".to_owned())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    parse_iso8601(text).ok_or_else(|| "a moment looks like 2026-09-21T13:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line_of_plain_text() {
        let event = json!({
            "eventTime": "2026-09-21T14:13:20Z", "eventName": "\u{1b}[2J\n2026-09-21T14:13:20Z  Encrypt \u{202e}",
            "userIdentity": {"type": "Unknown", "accessKeyId": "AKIA\r\u{7}"}, "resources": [],
        });
        let row = row(&event);
        assert!(row.chars().all(|char| char == ' ' || char.is_ascii_graphic()), "{row:?}");
        assert!(row.contains(r"\u{1b}[2J\n2026") && row.contains(r"AKIA\r\u{7}"), "{row}");
    }
}
