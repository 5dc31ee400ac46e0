//! The tools of `strongroom dev`: clock, faults, snapshots. Each is [`Access::Dev`]: in `serve` there is no such route.

use serde::{Deserialize, Serialize};
use strongroom_core::world::Timestamp;
use strongroom_service::{BadFaultRule, ClockError, ClockStatus, Dev, FaultStatus, SnapshotError};
use strongroom_wire::time::{iso8601, parse_iso8601};

use super::{Access, Admin, Answered, Call, Handler, Problem, Route};
use crate::seed::duration::parse_millis;
use crate::seed::fault::FaultText;

pub(super) const ROUTES: &[Route] = &[
    route("GET", CLOCK, |admin, _| Box::pin(async { clock(tools(admin)?.clock()) })),
    route("POST", CLOCK, |admin, call| Box::pin(move_clock(admin, call))),
    route("GET", FAULTS, |admin, _| Box::pin(async { faults(tools(admin)?) })),
    route("POST", FAULTS, |admin, call| Box::pin(async move { add_fault(tools(admin)?, call.json()?) })),
    route("POST", FAULTS_CLEAR, |admin, call| Box::pin(async move { clear_faults(tools(admin)?, &call.json()?) })),
    route("GET", SNAPSHOTS, |admin, _| Box::pin(async { snapshots(tools(admin)?) })),
    route("POST", SNAPSHOTS, |admin, call| Box::pin(save(admin, call))),
    route("POST", SNAPSHOTS_RESTORE, |admin, call| Box::pin(restore(admin, call))),
    route("POST", RESET, |admin, _| Box::pin(reset(admin))),
];

/// How the paths of all these begin.
pub(crate) const PATHS: &str = "/dev/";
/// The clock, and how it is moved.
pub(crate) const CLOCK: &str = "/dev/clock";
/// Fault rules, and how one is added.
pub(crate) const FAULTS: &str = "/dev/faults";
/// How fault rules go.
pub(crate) const FAULTS_CLEAR: &str = "/dev/faults/clear";
/// Snapshots, and how one is taken.
pub(crate) const SNAPSHOTS: &str = "/dev/snapshots";
/// The way back.
pub(crate) const SNAPSHOTS_RESTORE: &str = "/dev/snapshots/restore";
/// The way back to the beginning.
pub(crate) const RESET: &str = "/dev/reset";

const fn route(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, access: Access::Dev, handler }
}

/// A node that is here for tests has them; another one lets nobody come as far as here.
fn tools(admin: &Admin) -> Result<Dev<'_>, Problem> {
    admin.node.dev().ok_or_else(|| Problem::NotFound("there is no such route".to_owned()))
}

/// How the clock is to be moved: one of the two.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockMove {
    /// By how much, such as `400d` or `1d12h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advance: Option<String>,
    /// To which moment, such as `2027-01-01T00:00:00Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) set: Option<String>,
}

/// What the clock shows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClockAnswer {
    /// In ISO 8601.
    pub(crate) now: String,
    /// The same in milliseconds since the epoch.
    pub(crate) now_ms: i64,
    /// How much later than the machine's clock.
    pub(crate) offset_ms: i64,
}

fn clock(status: ClockStatus) -> Result<Answered, Problem> {
    Answered::json(&ClockAnswer {
        now: iso8601(status.now),
        now_ms: status.now.as_millis(),
        offset_ms: status.offset_millis,
    })
}

async fn move_clock(admin: &Admin, call: Call<'_>) -> Result<Answered, Problem> {
    let dev = tools(admin)?;
    let moved = match read_move(&call.json()?)? {
        Move::By(millis) => dev.advance_clock(millis).await,
        Move::To(moment) => dev.set_clock(moment).await,
    };
    clock(moved.map_err(|error| match error {
        ClockError::Backwards(_) | ClockError::TooFar => Problem::BadRequest(error.to_string()),
        ClockError::Store(_) | ClockError::Service(_) => Problem::Failed(error.to_string()),
    })?)
}

enum Move {
    By(i64),
    To(Timestamp),
}

fn read_move(wanted: &ClockMove) -> Result<Move, Problem> {
    let bad = |text: &str| Problem::BadRequest(text.to_owned());
    match (&wanted.advance, &wanted.set) {
        (Some(by), None) => parse_millis(by).map(Move::By).map_err(|error| Problem::BadRequest(error.to_string())),
        (None, Some(to)) => {
            parse_iso8601(to).map(Move::To).ok_or_else(|| bad("set: a moment such as 2027-01-01T00:00:00Z is needed"))
        }
        (Some(_), Some(_)) | (None, None) => Err(bad("either advance or set is needed")),
    }
}

/// A rule with its id and what became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FaultAnswer {
    /// By which it is cleared.
    pub(crate) id: u64,
    /// The rule.
    #[serde(flatten)]
    pub(crate) rule: FaultText,
    /// Calls that it met.
    pub(crate) met: u64,
    /// Calls on which it acted.
    pub(crate) acted: u32,
}

/// All rules.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FaultsAnswer {
    /// In the order in which calls meet them.
    pub(crate) faults: Vec<FaultAnswer>,
}

fn faults(dev: Dev<'_>) -> Result<Answered, Problem> {
    let shown = |status: FaultStatus| FaultAnswer {
        id: status.id,
        rule: FaultText::of(&status.rule),
        met: status.met,
        acted: status.acted,
    };
    Answered::json(&FaultsAnswer { faults: dev.faults().into_iter().map(shown).collect() })
}

/// Under which id a rule was added.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FaultAdded {
    /// By which it is cleared.
    pub(crate) id: u64,
}

fn add_fault(dev: Dev<'_>, text: FaultText) -> Result<Answered, Problem> {
    let rule = text.rule().map_err(|error| Problem::BadRequest(error.to_string()))?;
    let id = dev.add_fault(rule).map_err(|error: BadFaultRule| Problem::BadRequest(error.to_string()))?;
    Answered::json(&FaultAdded { id })
}

/// Which rule is to go: all without an id.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultsToClear {
    /// The rule's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
}

/// How many rules went.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FaultsCleared {
    /// None when they had gone by themselves.
    pub(crate) cleared: usize,
}

fn clear_faults(dev: Dev<'_>, which: &FaultsToClear) -> Result<Answered, Problem> {
    Answered::json(&FaultsCleared { cleared: dev.clear_faults(which.id) })
}

/// A snapshot's name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotName {
    /// Letters, digits, dots, dashes and underscores.
    pub(crate) name: String,
}

/// A snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotAnswer {
    /// What it is called.
    pub(crate) name: String,
    /// What the clock showed.
    pub(crate) taken: String,
}

/// All snapshots.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotsAnswer {
    /// By name.
    pub(crate) snapshots: Vec<SnapshotAnswer>,
}

/// That it was done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {}

fn snapshots(dev: Dev<'_>) -> Result<Answered, Problem> {
    let list = dev.list_snapshots().map_err(refused)?;
    let shown = list.into_iter().map(|one| SnapshotAnswer { name: one.name, taken: iso8601(one.taken) });
    Answered::json(&SnapshotsAnswer { snapshots: shown.collect() })
}

async fn save(admin: &Admin, call: Call<'_>) -> Result<Answered, Problem> {
    let SnapshotName { name } = call.json()?;
    tools(admin)?.save_snapshot(&name).await.map_err(refused)?;
    Answered::json(&Done {})
}

async fn restore(admin: &Admin, call: Call<'_>) -> Result<Answered, Problem> {
    let SnapshotName { name } = call.json()?;
    tools(admin)?.restore_snapshot(&name).await.map_err(refused)?;
    Answered::json(&Done {})
}

async fn reset(admin: &Admin) -> Result<Answered, Problem> {
    tools(admin)?.reset().await.map_err(refused)?;
    Answered::json(&Done {})
}

fn refused(error: SnapshotError) -> Problem {
    let text = error.to_string();
    match error {
        SnapshotError::BadName => Problem::BadRequest(text),
        SnapshotError::NoSuchSnapshot(_) => Problem::NotFound(text),
        SnapshotError::OnDisk | SnapshotError::TooMany => Problem::Conflict(text),
    }
}
