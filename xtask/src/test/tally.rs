//! How many tests ran, read from the lines the test runners close with.

/// What one suite, or one step of it, came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// The runners' own closing lines, for the summary.
    pub(super) closing: Vec<String>,
}

impl Tally {
    /// One more failure, with its reason.
    pub(super) fn fail(&mut self, reason: &str) {
        self.failed += 1;
        self.closing.push(reason.to_owned());
    }

    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.closing.extend(other.closing);
    }
}

/// Whose closing lines to look for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Runner {
    /// A command that is itself one test: it succeeds or not.
    Command,
    Cargo,
    Pytest,
    LibFuzzer,
}

impl Runner {
    /// Whether `line` is progress that nobody reads afterwards: libFuzzer has a line for each input it keeps.
    pub(super) fn is_progress(self, line: &str) -> bool {
        match self {
            Self::LibFuzzer => line.starts_with('#'),
            Self::Command | Self::Cargo | Self::Pytest => false,
        }
    }

    /// What `line` says if it closes a run.
    pub(super) fn read(self, line: &str) -> Option<Tally> {
        let line = line.trim_matches(['=', ' ']);
        let counts = match self {
            Self::Command => None,
            Self::Cargo => line.strip_prefix("test result: ").map(cargo_counts),
            Self::Pytest => pytest_counts(line),
            Self::LibFuzzer => libfuzzer_counts(line),
        };
        counts.map(|(passed, failed)| Tally { passed, failed, closing: vec![line.to_owned()] })
    }
}

/// `ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn cargo_counts(line: &str) -> (u64, u64) {
    let words = line.split(['.', ';']).skip(1);
    words.filter_map(count_and_word).fold((0, 0), |(passed, failed), (count, word)| match word {
        "passed" => (passed + count, failed),
        // An ignored test proves nothing.
        "failed" | "ignored" => (passed, failed + count),
        _ => (passed, failed),
    })
}

/// `3 failed, 120 passed, 1 warning in 12.34s (0:00:12)`
fn pytest_counts(line: &str) -> Option<(u64, u64)> {
    let (counts, _seconds) = line.rsplit_once(" in ")?;
    let mut totals = (0, 0);
    for part in counts.split(", ") {
        let (count, word) = count_and_word(part)?;
        match word {
            "passed" => totals.0 += count,
            "warning" | "warnings" | "deselected" => {}
            // Failed, error, errors; and whatever else pytest has for a test that was not simply passed.
            _ => totals.1 += count,
        }
    }
    Some(totals)
}

/// `Done 247000 runs in 31 second(s)`
fn libfuzzer_counts(line: &str) -> Option<(u64, u64)> {
    let (runs, word) = count_and_word(line.strip_prefix("Done ")?)?;
    // A target that ran nothing tested nothing; the caller counts that as a failure.
    (word.starts_with("runs") && runs > 0).then_some((1, 0))
}

fn count_and_word(text: &str) -> Option<(u64, &str)> {
    let (count, word) = text.trim().split_once(' ')?;
    Some((count.parse().ok()?, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        check(
            Runner::Cargo,
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out",
            Some((12, 0)),
        );
        check(Runner::Cargo, "test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured", Some((2, 5)));
        check(Runner::Cargo, "running 12 tests", None);
        check(Runner::Pytest, "===== 120 passed in 12.34s =====", Some((120, 0)));
        check(Runner::Pytest, "== 3 failed, 120 passed, 2 warnings in 62.00s (0:01:02) ==", Some((120, 3)));
        check(Runner::Pytest, "== 7 passed, 2 skipped, 1 error in 1.00s ==", Some((7, 3)));
        check(Runner::Pytest, "== no tests ran in 0.01s ==", None);
        check(Runner::Pytest, "FAILED test_wire.py::test_empty in the middle", None);
        check(Runner::LibFuzzer, "Done 247000 runs in 31 second(s)", Some((1, 0)));
        check(Runner::LibFuzzer, "Done 0 runs in 0 second(s)", None);
        check(Runner::Command, "test result: ok. 12 passed; 0 failed", None);

        #[track_caller]
        fn check(runner: Runner, line: &str, expect: Option<(u64, u64)>) {
            assert_eq!(runner.read(line).map(|tally| (tally.passed, tally.failed)), expect, "{line}");
        }
    }
}
