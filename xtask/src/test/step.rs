//! One command of a suite: run, passed on line by line, counted.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::say;
use super::tally::{Runner, Tally};

/// A command, what it is called in the summary, and who counts its tests.
pub(super) struct Step {
    name: String,
    runner: Runner,
    command: Command,
}

impl Step {
    pub(super) fn new(name: impl Into<String>, runner: Runner, program: impl AsRef<OsStr>) -> Self {
        Self { name: name.into(), runner, command: Command::new(program) }
    }

    pub(super) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(super) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(super) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs the command to its end. Its exit code has the last word: a failure that no line admits is still one.
    pub(super) fn run(mut self) -> Tally {
        say(&format!("--- {}", self.name));
        let mut tally = Tally::default();
        let succeeded = match self.follow(&mut tally) {
            Ok(succeeded) => succeeded,
            Err(error) => {
                tally.fail(&format!("{}: cannot run: {error}", self.name));
                return tally;
            }
        };
        match self.runner {
            Runner::Command if succeeded => {
                tally.passed += 1;
                tally.closing.push(format!("{}: ok", self.name));
            }
            Runner::Command => tally.fail(&format!("{}: FAILED", self.name)),
            Runner::Cargo | Runner::Pytest | Runner::LibFuzzer => {
                if tally.passed + tally.failed == 0 {
                    tally.fail(&format!("{}: ran no test", self.name));
                } else if !succeeded && tally.failed == 0 {
                    tally.fail(&format!("{}: FAILED", self.name));
                }
            }
        }
        tally
    }

    /// Runs the command, as [`Step::run`] does, for its effect alone.
    pub(super) fn succeeds(mut self) -> bool {
        say(&format!("--- {}", self.name));
        self.follow(&mut Tally::default()).unwrap_or(false)
    }

    fn follow(&mut self, tally: &mut Tally) -> std::io::Result<bool> {
        let mut child = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (lines, all_lines) = channel();
        thread::scope(|scope| {
            if let Some(stdout) = child.stdout.take() {
                let lines = lines.clone();
                scope.spawn(move || pass_on(stdout, &lines));
            }
            if let Some(stderr) = child.stderr.take() {
                scope.spawn(move || pass_on(stderr, &lines));
            }
            for line in all_lines {
                if !self.runner.is_progress(&line) {
                    say(&line);
                }
                if let Some(closed) = self.runner.read(&line) {
                    tally.add(closed);
                }
            }
        });
        Ok(child.wait()?.success())
    }
}

/// Sends on what `stream` says, a line at a time; bytes that are no UTF-8 are replaced, not lost.
fn pass_on(stream: impl Read, lines: &Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        if lines.send(text.trim_end().to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_has_the_last_word() {
        check(Runner::Command, "true", (1, 0));
        check(Runner::Command, "false", (0, 1));
        check(Runner::Cargo, "echo 'test result: ok. 3 passed; 0 failed;'", (3, 0));
        check(Runner::Cargo, "echo 'test result: ok. 3 passed; 0 failed;'; false", (3, 1));
        check(Runner::Cargo, "echo 'test result: ok. 1 passed; 2 failed;'; false", (1, 2));
        check(
            Runner::Cargo,
            "echo 'test result: ok. 3 passed; 0 failed;' >&2; echo 'test result: ok. 4 passed'",
            (7, 0),
        );
        check(Runner::Pytest, "true", (0, 1));
        check(Runner::LibFuzzer, "echo 'Done 12 runs in 1 second(s)' >&2; exit 77", (1, 1));

        #[track_caller]
        fn check(runner: Runner, script: &str, expect: (u64, u64)) {
            let tally = Step::new("step", runner, "sh").args(["-c", script]).run();
            assert_eq!((tally.passed, tally.failed), expect, "{script}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_fails() {
        assert_eq!(Step::new("step", Runner::Command, "no-such-program-anywhere").run().failed, 1);
    }
}
