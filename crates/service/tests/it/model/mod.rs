//! Random sequences of everything that can happen in a key's life, on the service and on a reference that is small enough to
//! be read: each step's outcome and everything that can be seen afterwards must be the same.
//!
//! A failure prints its seed and the shortest sequence that was found to fail; `STRONGROOM_SEED=… cargo test -p
//! strongroom-service a_life` throws it again. `cargo xtask test` runs ten times as many sequences as `cargo test` does, by
//! `STRONGROOM_SEQUENCES`.

mod driver;
mod families;
mod imports;
mod look;
mod reference;
mod steps;
mod uses;

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_core::world::Rng;
use strongroom_crypto::rng::SystemRng;

pub(crate) use steps::Dice;
use steps::{Land, Step, throw};

/// Sequences of a run that nobody gave a number.
const SEQUENCES: u64 = 1_000;

/// A difference between the service and the reference, in words.
type Difference = String;

#[test]
fn a_life_is_what_the_reference_says() {
    if let Some(seed) = number("STRONGROOM_SEED") {
        if let Some(report) = check(seed) {
            panic!("{report}");
        }
        return;
    }
    let sequences = number("STRONGROOM_SEQUENCES").unwrap_or(SEQUENCES);
    let mut random = [0; 8];
    SystemRng.fill(&mut random).unwrap();
    let first = u64::from_le_bytes(random);
    let (next, failure) = (AtomicU64::new(0), Mutex::new(None));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= sequences || failure.lock().unwrap().is_some() {
                        return;
                    }
                    if let Some(report) = check(first.wrapping_add(at)) {
                        *failure.lock().unwrap() = Some(report);
                    }
                }
            });
        }
    });
    if let Some(report) = failure.into_inner().unwrap() {
        panic!("{report}");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, not a number")))
}

/// What is wrong with the sequence of this seed, if anything is.
fn check(seed: u64) -> Option<String> {
    let (land, steps) = throw(seed);
    let difference = run(land, &steps)?;
    let shortest = shorten(land, steps);
    let last = run(land, &shortest).unwrap_or_else(|| "it fails only sometimes".to_owned());
    let listed: Vec<_> = shortest.iter().map(|step| format!("    {step:?}")).collect();
    Some(format!(
        "STRONGROOM_SEED={seed} ({land:?}): {difference}\nshortest sequence:\n{}\n  {last}",
        listed.join("\n")
    ))
}

/// The first difference of a sequence; a panic of the service is one.
fn run(land: Land, steps: &[Step]) -> Option<Difference> {
    std::panic::catch_unwind(AssertUnwindSafe(|| driver::Driver::new(land).play(steps).err()))
        .unwrap_or_else(|_| Some("a panic".to_owned()))
}

/// Leaves out steps as long as what remains fails.
fn shorten(land: Land, mut steps: Vec<Step>) -> Vec<Step> {
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let end = (at + size).min(steps.len());
            let without = [&steps[..at], &steps[end..]].concat();
            if run(land, &without).is_some() { steps = without } else { at = end }
        }
        size /= 2;
    }
    steps
}
