//! `cargo xtask test [suite…]`: the suites that prove the server, each with what it needs.
//!
//! Everything a suite prints is passed on as it comes. At the end the closing lines of every suite stand together,
//! and the last line is `N passed, N failed`.
//!
//! # Invariants
//! - A suite that ran no test has failed: an empty run proves nothing.
//! - A skipped or ignored test has failed: it proves nothing either.
//! - What a suite needs is installed under `target/` by the suite itself; only system packages (`openssl`, Node.js,
//!   Python's `venv`) go elsewhere, and only where they are missing.
//!
//! # Not here
//! The tests. They are in the crates, in `tests/sdk`, `tests/crash` and `fuzz`.

mod step;
mod suites;
mod tally;
mod tools;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use suites::Suite;
use tally::Tally;

/// Runs the suites named, or all of them, and answers whether everything passed.
pub(crate) fn run(names: &[String]) -> ExitCode {
    let chosen = match choose(names) {
        Ok(chosen) => chosen,
        Err(unknown) => {
            let known: Vec<&str> = Suite::ALL.iter().map(|suite| suite.name()).collect();
            say(&format!("there is no suite `{unknown}`; the suites are: {}", known.join(", ")));
            return ExitCode::from(2);
        }
    };
    let results: Vec<(Suite, Tally)> = chosen.into_iter().map(|suite| (suite, run_one(suite))).collect();
    summarize(&results)
}

fn choose(names: &[String]) -> Result<Vec<Suite>, &str> {
    if names.is_empty() {
        return Ok(Suite::ALL.to_vec());
    }
    names.iter().map(|name| Suite::from_name(name).ok_or(name.as_str())).collect()
}

fn run_one(suite: Suite) -> Tally {
    say(&format!("\n=== suite {} ===", suite.name()));
    let started = Instant::now();
    let mut tally = suite.run(workspace_root());
    if tally.passed + tally.failed == 0 {
        tally.fail("ran no test");
    }
    tally.closing.push(format!("took {} s", started.elapsed().as_secs()));
    tally
}

fn summarize(results: &[(Suite, Tally)]) -> ExitCode {
    say("\n=== summary ===");
    let mut total = Tally::default();
    for (suite, tally) in results {
        for line in &tally.closing {
            say(&format!("{:>5}: {line}", suite.name()));
        }
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    say(&format!("{} passed, {} failed", total.passed, total.failed));
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The checkout this program was compiled from; `cargo xtask` works from any folder below it.
fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

#[expect(clippy::print_stdout, reason = "what a command says is its purpose")]
fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_chosen_by_name() {
        check(&[], Ok(Suite::ALL));
        check(&["crash"], Ok(&[Suite::Crash]));
        check(&["unit", "lint"], Ok(&[Suite::Unit, Suite::Lint]));
        check(&["unit", "nonsense"], Err("nonsense"));

        #[track_caller]
        fn check(names: &[&str], expect: Result<&[Suite], &str>) {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let got = choose(&names);
            assert_eq!(got.as_deref().map_err(|unknown| *unknown), expect);
        }
    }
}
