//! Faults by rule: errors and delays that a test asks for, where AWS would have them by chance.
//!
//! # Invariants
//! - A rule acts after the caller was authenticated and authorized: who may not use a key is told so, whatever rules there are.
//! - A rule meets a call once, however often the call asks for rights; what its probability says depends on its seed and on
//!   how many calls it met before, and on nothing else.
//! - An error has AWS's own name and status, so that SDKs retry as they would.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strongroom_core::arn::KeyRef;
use strongroom_core::generated::OpName;
use tokio::sync::watch;

use super::Dev;
use crate::error::OpError;
use crate::keys::KeyEntry;

/// Rules kept at most.
const RULES_MAX: usize = 1_000;
/// The longest delay: as long as any client waits.
pub const LATENCY_MAX_MS: u32 = 120_000;

/// An error that a rule can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectedError {
    /// `ThrottlingException`
    Throttling,
    /// `KMSInternalException`
    KmsInternal,
    /// `KeyUnavailableException`
    KeyUnavailable,
    /// `DependencyTimeoutException`
    DependencyTimeout,
}

impl InjectedError {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Throttling, Self::KmsInternal, Self::KeyUnavailable, Self::DependencyTimeout];

    /// AWS's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttling => "ThrottlingException",
            Self::KmsInternal => "KMSInternalException",
            Self::KeyUnavailable => "KeyUnavailableException",
            Self::DependencyTimeout => "DependencyTimeoutException",
        }
    }

    /// The error of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.as_str() == name)
    }
}

/// Which calls, what happens to them, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// Calls of this operation; of every one without it.
    pub operation: Option<OpName>,
    /// Calls that use this key, whatever they call it; all calls without it. An id or a name without an account means every
    /// key that is called so.
    pub key: Option<KeyRef>,
    /// What is answered; without it the call goes on.
    pub error: Option<InjectedError>,
    /// How long the call waits first.
    pub latency_ms: u32,
    /// How often the rule acts before it is gone; until it is cleared without it.
    pub count: Option<u32>,
    /// How often it acts among the calls that it meets; always without it.
    pub probability: Option<Probability>,
}

/// A chance that a seed decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probability {
    /// Above 0, at most 1.
    pub value: f64,
    /// The same seed decides alike.
    pub seed: u64,
}

impl Probability {
    /// What the seed says to the call that is the `met`th.
    fn says_yes(self, met: u64) -> bool {
        // SplitMix64, of which 53 bits make a number from 0 to below 1.
        let mut z = self.seed.wrapping_add(met.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bits = (z ^ (z >> 31)) >> 11;
        (bits as f64) / ((1_u64 << 53) as f64) < self.value
    }
}

/// Why a rule is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFaultRule {
    /// It does nothing.
    #[error("an error or a latency_ms above 0 is needed")]
    DoesNothing,
    /// It never acts.
    #[error("at least 1 is needed")]
    NoCount,
    /// No chance.
    #[error("a number above 0 and at most 1 is needed")]
    Probability,
    /// Longer than [`LATENCY_MAX_MS`].
    #[error("at most {LATENCY_MAX_MS} is possible")]
    Latency,
    /// More rules than anybody needs.
    #[error("there are {RULES_MAX} rules already")]
    TooMany,
}

impl BadFaultRule {
    /// The field that is wrong.
    pub const fn field(self) -> &'static str {
        match self {
            Self::DoesNothing | Self::TooMany => "error",
            Self::NoCount => "count",
            Self::Probability => "probability",
            Self::Latency => "latency_ms",
        }
    }
}

impl FaultRule {
    /// Whether it can be a rule.
    ///
    /// # Errors
    /// [`BadFaultRule`].
    pub fn check(&self) -> Result<(), BadFaultRule> {
        if self.error.is_none() && self.latency_ms == 0 {
            return Err(BadFaultRule::DoesNothing);
        }
        if self.latency_ms > LATENCY_MAX_MS {
            return Err(BadFaultRule::Latency);
        }
        if self.count == Some(0) {
            return Err(BadFaultRule::NoCount);
        }
        match self.probability {
            Some(Probability { value, .. }) if !(value > 0.0 && value <= 1.0) => Err(BadFaultRule::Probability),
            Some(_) | None => Ok(()),
        }
    }

    fn meets(&self, op: OpName, entry: Option<&KeyEntry>) -> bool {
        self.operation.is_none_or(|of| of == op)
            && self.key.as_ref().is_none_or(|key| entry.is_some_and(|e| names(key, e)))
    }
}

/// Whether `name` is one of the key's.
fn names(name: &KeyRef, entry: &KeyEntry) -> bool {
    let arn = entry.record.arn;
    match name {
        KeyRef::Id(id) => arn.key == *id,
        KeyRef::Arn(of) => arn == *of,
        KeyRef::Alias(alias) => entry.aliases.contains(alias),
        KeyRef::AliasArn(of) => {
            (arn.account, arn.region) == (of.account, of.region) && entry.aliases.contains(&of.alias)
        }
    }
}

/// A rule, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultStatus {
    /// By which it is cleared.
    pub id: u64,
    /// The rule as it was given.
    pub rule: FaultRule,
    /// Calls that it met.
    pub met: u64,
    /// Calls on which it acted.
    pub acted: u32,
}

/// The rules of a node.
pub(crate) struct FaultRules {
    rules: Mutex<Rules>,
    /// Whether there is any, for the calls of all those who want none.
    any: AtomicBool,
    /// Whether delays end now, because somebody waits for all calls to end.
    hurry: watch::Sender<bool>,
}

/// What a snapshot keeps of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    active: Vec<FaultStatus>,
    last_id: u64,
}

impl Default for FaultRules {
    fn default() -> Self {
        Self { rules: Mutex::default(), any: AtomicBool::new(false), hurry: watch::Sender::new(false) }
    }
}

/// The rules that a call has met.
pub(crate) type Met = Mutex<Vec<u64>>;

impl FaultRules {
    /// Lets the rules have their way with a call that its caller may make.
    ///
    /// # Errors
    /// [`OpError::Injected`].
    pub(crate) async fn disturb(&self, op: OpName, entry: Option<&KeyEntry>, met: &Met) -> Result<(), OpError> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let (latency_ms, error) = self.judge(op, entry, met);
        if latency_ms > 0 {
            let mut hurry = self.hurry.subscribe();
            let delay = Duration::from_millis(latency_ms.into());
            // Its end is what a delay is for; that it is cut short is no failure either.
            let _ = tokio::time::timeout(delay, hurry.wait_for(|hurry| *hurry)).await;
        }
        error.map_or(Ok(()), |error| Err(OpError::Injected(error)))
    }

    /// The delays of all rules that act, up to the first that makes an error.
    fn judge(&self, op: OpName, entry: Option<&KeyEntry>, met: &Met) -> (u32, Option<InjectedError>) {
        let mut met = met.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rules = self.lock();
        let (mut latency_ms, mut error) = (0_u32, None);
        for status in &mut rules.active {
            if met.contains(&status.id) || !status.rule.meets(op, entry) {
                continue;
            }
            met.push(status.id);
            status.met += 1;
            if !status.rule.probability.is_none_or(|probability| probability.says_yes(status.met)) {
                continue;
            }
            status.acted += 1;
            latency_ms = latency_ms.saturating_add(status.rule.latency_ms).min(LATENCY_MAX_MS);
            error = status.rule.error;
            if error.is_some() {
                break;
            }
        }
        rules.active.retain(|status| status.rule.count.is_none_or(|count| status.acted < count));
        self.note_any(&rules);
        (latency_ms, error)
    }

    pub(crate) fn add(&self, rule: FaultRule) -> Result<u64, BadFaultRule> {
        rule.check()?;
        let mut rules = self.lock();
        if rules.active.len() >= RULES_MAX {
            return Err(BadFaultRule::TooMany);
        }
        rules.last_id += 1;
        let id = rules.last_id;
        rules.active.push(FaultStatus { id, rule, met: 0, acted: 0 });
        self.note_any(&rules);
        Ok(id)
    }

    fn clear(&self, id: Option<u64>) -> usize {
        let mut rules = self.lock();
        let before = rules.active.len();
        rules.active.retain(|status| id.is_some_and(|id| status.id != id));
        self.note_any(&rules);
        before - rules.active.len()
    }

    /// All rules as they are.
    pub(crate) fn rules(&self) -> Rules {
        self.lock().clone()
    }

    /// Puts these rules in the place of all.
    pub(crate) fn replace(&self, by: Rules) {
        let mut rules = self.lock();
        *rules = by;
        self.note_any(&rules);
    }

    /// Ends delays at once, or lets them be again.
    pub(crate) fn hurry(&self, hurry: bool) {
        self.hurry.send_replace(hurry);
    }

    fn note_any(&self, rules: &Rules) {
        self.any.store(!rules.active.is_empty(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dev<'_> {
    /// Adds a rule, behind all others, and says under which id it stands.
    ///
    /// # Errors
    /// [`BadFaultRule`].
    pub fn add_fault(&self, rule: FaultRule) -> Result<u64, BadFaultRule> {
        self.state.faults.add(rule)
    }

    /// All rules, in the order in which calls meet them.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.state.faults.rules().active
    }

    /// Removes the rule with this id, or all; says how many went.
    pub fn clear_faults(&self, id: Option<u64>) -> usize {
        self.state.faults.clear(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: FaultRule = FaultRule {
        operation: None,
        key: None,
        error: Some(InjectedError::Throttling),
        latency_ms: 0,
        count: None,
        probability: None,
    };

    #[test]
    fn rules_are_checked() {
        let probability = |value| Some(Probability { value, seed: 1 });
        check(RULE, Ok(()));
        check(FaultRule { error: None, ..RULE }, Err(BadFaultRule::DoesNothing));
        check(FaultRule { error: None, latency_ms: 1, ..RULE }, Ok(()));
        check(FaultRule { latency_ms: LATENCY_MAX_MS, ..RULE }, Ok(()));
        check(FaultRule { latency_ms: LATENCY_MAX_MS + 1, ..RULE }, Err(BadFaultRule::Latency));
        check(FaultRule { count: Some(0), ..RULE }, Err(BadFaultRule::NoCount));
        check(FaultRule { probability: probability(1.0), ..RULE }, Ok(()));
        for value in [0.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
            check(FaultRule { probability: probability(value), ..RULE }, Err(BadFaultRule::Probability));
        }

        #[track_caller]
        fn check(rule: FaultRule, expect: Result<(), BadFaultRule>) {
            assert_eq!(rule.check(), expect, "{rule:?}");
        }
    }

    #[test]
    fn a_seed_decides_alike_and_as_often_as_it_should() {
        let draws = |seed, value| (1..=10_000).map(move |met| Probability { value, seed }.says_yes(met));
        assert!(draws(7, 0.3).eq(draws(7, 0.3)));
        assert!(!draws(7, 0.3).eq(draws(8, 0.3)));
        assert!(draws(7, 1.0).all(|yes| yes));
        let often = draws(7, 0.3).filter(|yes| *yes).count();
        assert!((2_800..3_200).contains(&often), "{often}");
    }

    #[test]
    fn a_count_runs_out_and_the_first_error_wins() {
        let faults = FaultRules::default();
        let judge = || faults.judge(OpName::GenerateRandom, None, &Met::default());
        faults.add(FaultRule { count: Some(2), latency_ms: 5, error: None, ..RULE }).expect("a rule");
        faults.add(FaultRule { count: Some(1), ..RULE }).expect("a rule");
        faults.add(FaultRule { error: Some(InjectedError::KmsInternal), latency_ms: 7, ..RULE }).expect("a rule");
        assert_eq!(judge(), (5, Some(InjectedError::Throttling)));
        assert_eq!(judge(), (12, Some(InjectedError::KmsInternal)));
        assert_eq!(judge(), (7, Some(InjectedError::KmsInternal)));
        assert_eq!(faults.clear(Some(1)), 0, "it ran out");
        assert_eq!(faults.clear(Some(3)), 1);
        assert_eq!(judge(), (0, None));
    }

    #[test]
    fn a_call_meets_a_rule_once() {
        let faults = FaultRules::default();
        faults.add(FaultRule { latency_ms: 5, error: None, ..RULE }).expect("a rule");
        let met = Met::default();
        assert_eq!(faults.judge(OpName::CreateAlias, None, &met), (5, None));
        assert_eq!(faults.judge(OpName::CreateAlias, None, &met), (0, None));
    }

    #[test]
    fn there_is_an_end_to_rules() {
        let faults = FaultRules::default();
        for _ in 0..RULES_MAX {
            faults.add(RULE).expect("a rule");
        }
        assert_eq!(faults.add(RULE), Err(BadFaultRule::TooMany));
        assert_eq!(faults.clear(None), RULES_MAX);
        assert!(faults.add(RULE).is_ok());
    }
}
