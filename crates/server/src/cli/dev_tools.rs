//! `strongroom dev clock|fault|snapshot|reset`: the tools of a running `strongroom dev`, asked through its admin listener.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output::{Output, pairs};
use super::{Failure, say};
use crate::admin::client::{AdminOptions, Client};
use crate::admin::dev::{
    self, ClockAnswer, ClockMove, Done, FaultAdded, FaultAnswer, FaultsAnswer, FaultsCleared, FaultsToClear,
    SnapshotName, SnapshotsAnswer,
};
use crate::seed;
use crate::seed::fault::FaultText;

/// What a running `strongroom dev` can be asked to do.
#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Show or move the clock by which keys live.
    ///
    /// Moving it does everything that falls due on the way, each thing at its moment, before the command ends: rotations,
    /// deletions, the expiry of imported material. Clients go on signing by the real time.
    #[command(after_long_help = "\
Examples:
  strongroom dev clock show
  strongroom dev clock advance 400d
  strongroom dev clock set 2027-01-01T00:00:00Z")]
    Clock {
        #[command(subcommand)]
        verb: ClockVerb,
    },
    /// Have calls fail or wait, by rule.
    #[command(after_long_help = "\
Examples:
  strongroom dev fault add --operation Decrypt --error ThrottlingException --count 3
  strongroom dev fault add --key alias/app --error KeyUnavailableException --probability 0.2 --seed 7
  strongroom dev fault add --latency-ms 250
  strongroom dev fault list
  strongroom dev fault clear")]
    Fault {
        #[command(subcommand)]
        verb: FaultVerb,
    },
    /// Keep all state under a name, and go back to it.
    #[command(after_long_help = "\
Examples:
  strongroom dev snapshot save clean
  strongroom dev snapshot restore clean
  strongroom dev snapshot list")]
    Snapshot {
        #[command(subcommand)]
        verb: SnapshotVerb,
    },
    /// Check a seed file, or show what one may say. No server is needed.
    #[command(after_long_help = "\
Examples:
  strongroom dev seed check seed.yaml
  strongroom dev seed schema > seed-schema.json")]
    Seed {
        #[command(subcommand)]
        verb: SeedVerb,
    },
    /// Go back to the state after start and seed.
    Reset {
        #[command(flatten)]
        ask: Ask,
    },
}

/// Which server, and how its answer looks.
#[derive(Debug, Args)]
pub(super) struct Ask {
    #[command(flatten)]
    server: AdminOptions,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Subcommand)]
pub(super) enum ClockVerb {
    /// Show what the clock shows.
    Show {
        #[command(flatten)]
        ask: Ask,
    },
    /// Move the clock forwards.
    Advance {
        /// By how much: whole numbers with w, d, h, m, s or ms, such as 400d or 1d12h.
        by: String,
        #[command(flatten)]
        ask: Ask,
    },
    /// Set the clock to a later moment.
    Set {
        /// In ISO 8601, such as 2027-01-01T00:00:00Z.
        to: String,
        #[command(flatten)]
        ask: Ask,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum FaultVerb {
    /// Add a rule; its id is printed.
    Add {
        #[command(flatten)]
        rule: RuleOptions,
        #[command(flatten)]
        ask: Ask,
    },
    /// Show all rules.
    List {
        #[command(flatten)]
        ask: Ask,
    },
    /// Remove a rule, or all.
    Clear {
        /// The rule's id; without it, all go.
        id: Option<u64>,
        #[command(flatten)]
        ask: Ask,
    },
}

/// A rule: which calls, what happens to them, how often.
#[derive(Debug, Args)]
pub(super) struct RuleOptions {
    /// Calls of this operation, such as Decrypt; all without it.
    #[arg(long)]
    operation: Option<String>,
    /// Calls that use this key (id, ARN, alias or alias ARN); all without it.
    #[arg(long)]
    key: Option<String>,
    /// ThrottlingException, KMSInternalException, KeyUnavailableException or DependencyTimeoutException.
    #[arg(long)]
    error: Option<String>,
    /// How long the call waits first.
    #[arg(long)]
    latency_ms: Option<u32>,
    /// How often the rule acts; until it is cleared without it.
    #[arg(long)]
    count: Option<u32>,
    /// How likely it acts, above 0 and up to 1; always without it.
    #[arg(long)]
    probability: Option<f64>,
    /// What decides the chance.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(super) enum SnapshotVerb {
    /// Keep the state as it is now, in the server's memory.
    Save {
        /// What it is called.
        name: String,
        #[command(flatten)]
        ask: Ask,
    },
    /// Go back to what was kept: keys, accounts, clock and faults.
    Restore {
        /// What it is called.
        name: String,
        #[command(flatten)]
        ask: Ask,
    },
    /// Show what was kept.
    List {
        #[command(flatten)]
        ask: Ask,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SeedVerb {
    /// Say what is wrong with a seed file, with the line and the field of each problem.
    Check {
        /// A TOML or YAML file.
        file: PathBuf,
    },
    /// Print the JSON Schema of seed files.
    Schema,
}

impl SeedVerb {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check { file } => {
                let seed = seed::read_file(&file).map_err(Failure::usage)?.seed;
                let [accounts, keys, faults] = [seed.accounts.len(), seed.keys.len(), seed.faults.len()];
                say(&format!("{accounts} accounts, {keys} keys, {faults} faults"));
            }
            Self::Schema => say(seed::schema().trim_end()),
        }
        Ok(())
    }
}

impl Ask {
    fn client(&self) -> Result<Client, Failure> {
        self.server.client().map_err(Failure::usage)
    }
}

impl Tool {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Clock { verb } => verb.run(),
            Self::Fault { verb } => verb.run(),
            Self::Snapshot { verb } => verb.run(),
            Self::Seed { verb } => verb.run(),
            Self::Reset { ask } => {
                let done: Done = ask.client()?.post(dev::RESET, &Done {}).map_err(Failure::work)?;
                ask.output.print(&done, |_| "reset".to_owned())
            }
        }
    }
}

impl ClockVerb {
    fn run(self) -> Result<(), Failure> {
        let (ask, wanted) = match self {
            Self::Show { ask } => (ask, None),
            Self::Advance { by, ask } => (ask, Some(ClockMove { advance: Some(by), set: None })),
            Self::Set { to, ask } => (ask, Some(ClockMove { advance: None, set: Some(to) })),
        };
        let client = ask.client()?;
        let clock: ClockAnswer = match &wanted {
            None => client.get(dev::CLOCK),
            Some(wanted) => client.post(dev::CLOCK, wanted),
        }
        .map_err(Failure::work)?;
        ask.output.print(&clock, |clock| {
            pairs(&[("now", clock.now.clone()), ("ahead of this machine", days(clock.offset_ms))])
        })
    }
}

/// Days, and what is left in seconds.
fn days(millis: i64) -> String {
    let seconds = millis / 1000;
    format!("{} d {} s", seconds / 86_400, seconds % 86_400)
}

impl FaultVerb {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add { rule, ask } => {
                let RuleOptions { operation, key, error, latency_ms, count, probability, seed } = rule;
                let rule = FaultText { operation, key, error, latency_ms, count, probability, seed };
                rule.rule().map_err(Failure::usage)?;
                let added: FaultAdded = ask.client()?.post(dev::FAULTS, &rule).map_err(Failure::work)?;
                ask.output.print(&added, |added| added.id.to_string())
            }
            Self::List { ask } => {
                let found: FaultsAnswer = ask.client()?.get(dev::FAULTS).map_err(Failure::work)?;
                ask.output.print(&found, |found| found.faults.iter().map(line).collect())
            }
            Self::Clear { id, ask } => {
                let which = FaultsToClear { id };
                let gone: FaultsCleared = ask.client()?.post(dev::FAULTS_CLEAR, &which).map_err(Failure::work)?;
                ask.output.print(&gone, |gone| format!("{} cleared", gone.cleared))
            }
        }
    }
}

/// A rule in one line.
fn line(fault: &FaultAnswer) -> String {
    let rule = &fault.rule;
    let mut line = format!("{:>4}  acted on {} of {} calls:", fault.id, fault.acted, fault.met);
    let mut say = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(" {name}={value}"));
        }
    };
    say("operation", rule.operation.clone());
    say("key", rule.key.clone());
    say("error", rule.error.clone());
    say("latency_ms", rule.latency_ms.map(|value| value.to_string()));
    say("count", rule.count.map(|value| value.to_string()));
    say("probability", rule.probability.map(|value| value.to_string()));
    say("seed", rule.seed.map(|value| value.to_string()));
    line + "\n"
}

impl SnapshotVerb {
    fn run(self) -> Result<(), Failure> {
        let (ask, path, name, word) = match self {
            Self::List { ask } => {
                let found: SnapshotsAnswer = ask.client()?.get(dev::SNAPSHOTS).map_err(Failure::work)?;
                return ask.output.print(&found, |found| {
                    let rows: Vec<_> = found.snapshots.iter().map(|one| (&*one.name, one.taken.clone())).collect();
                    pairs(&rows)
                });
            }
            Self::Save { name, ask } => (ask, dev::SNAPSHOTS, name, "saved"),
            Self::Restore { name, ask } => (ask, dev::SNAPSHOTS_RESTORE, name, "restored"),
        };
        let done: Done = ask.client()?.post(path, &SnapshotName { name: name.clone() }).map_err(Failure::work)?;
        ask.output.print(&done, |_| format!("{word} {name}"))
    }
}
