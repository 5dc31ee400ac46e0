//! Project Wycheproof: every file that the crate's verbs can take, and a reason for every other.

mod elliptic;
mod files;
mod post_quantum;
mod rsa;
mod symmetric;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::Write;

use ::wycheproof::TestResult;

/// What became of the vectors of one file.
#[derive(Default)]
struct Tally {
    ran: usize,
    /// Reasons, with the number of vectors that each explains.
    skipped: BTreeMap<&'static str, usize>,
    failed: Vec<String>,
}

impl Tally {
    /// Notes whether the verb `accepted` the vector, which must be as the vector says.
    fn check(&mut self, expected: TestResult, accepted: bool, vector: impl Display) {
        let right = match expected {
            TestResult::Valid => accepted,
            TestResult::Invalid => !accepted,
            TestResult::Acceptable => true,
        };
        self.note(right, vector);
    }

    /// Notes whether the verb did what the vector demands.
    fn note(&mut self, right: bool, vector: impl Display) {
        self.ran += 1;
        if !right {
            self.failed.push(vector.to_string());
        }
    }

    fn skip(&mut self, vectors: usize, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += vectors;
    }
}

/// What to do with a file.
enum Plan {
    Run(fn(&str) -> Tally),
    Skip(&'static str),
}

/// A module of the vectors' crate, all its files and what to do with them.
struct Family {
    name: &'static str,
    /// How many files the module has.
    files: usize,
    /// Whether the module has a file of this name.
    knows: fn(&str) -> bool,
    plans: &'static [(Plan, &'static [&'static str])],
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures are for whoever reads the log")]
fn every_applicable_vector() {
    let (mut ran, mut failed) = (0, vec![]);
    for family in files::families() {
        for (plan, names) in family.plans {
            for name in *names {
                let tally = match plan {
                    Plan::Run(run) => run(name),
                    Plan::Skip(reason) => {
                        println!("{name}: skipped: {reason}");
                        continue;
                    }
                };
                println!("{}", Line { name, tally: &tally });
                assert!(tally.ran > 0, "{name}: nothing ran");
                ran += tally.ran;
                failed.extend(tally.failed.iter().map(|vector| format!("{name}: {vector}")));
            }
        }
    }
    for (name, reason) in files::NOT_PACKAGED {
        println!("{name}: skipped: {reason}");
    }
    // Past the harness, which keeps the output of tests that pass: `--nocapture` shows the lines above.
    writeln!(std::io::stdout(), "wycheproof: {ran} vectors ran, {} failed", failed.len()).expect("standard output");
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(ran >= files::VECTORS_MIN, "only {ran} vectors ran");
}

/// A file that the next release of the vectors brings is either run or skipped for a reason; silence fails here.
#[test]
fn every_file_has_a_plan() {
    for family in files::families() {
        let mut names: Vec<_> = family.plans.iter().flat_map(|(_, names)| *names).collect();
        assert!(names.iter().all(|name| (family.knows)(name)), "{}: no such file", family.name);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), family.files, "{}: a file without a plan, or two plans for one", family.name);
    }
}

struct Line<'a> {
    name: &'a str,
    tally: &'a Tally,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ran", self.name, self.tally.ran)?;
        for (reason, vectors) in &self.tally.skipped {
            write!(f, ", {vectors} skipped: {reason}")?;
        }
        Ok(())
    }
}
