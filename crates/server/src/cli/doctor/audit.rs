//! The audit log: whether it is whole, and whether what follows it keeps up.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use strongroom_service::audit::verify::{End, LogKey, verify};
use strongroom_service::audit::{Anchor, log_files};

use super::super::audit::view;
use super::super::{Failure, paths, terminal};
use super::Finding;
use crate::admin::audit::AuditView;
use crate::config::Config;
use crate::sinks::SinkStatus;

const AREA: &str = "audit";
/// A sink that is farther behind does not keep up; the alert rules say so, too.
const LAG_MAX_RECORDS: u64 = 10_000;
/// The first line of a file is shorter than this.
const FIRST_LINE_MAX_BYTES: u64 = 1 << 10;

/// `path` is that of the configuration.
pub(super) fn examine(path: &Path, config: &Config) -> Vec<Finding> {
    if !paths::database(&config.data).is_file() {
        return vec![Finding::good(AREA, "there is no audit log yet; the first start of the server begins it")];
    }
    match view(path, config) {
        Ok(view) => {
            let mut findings = chain(&view, config);
            findings.extend(view.sinks.iter().filter_map(sink));
            findings
        }
        Err(failure) => {
            let why = match failure {
                Failure::Usage(problem) | Failure::Work(problem) => problem,
                Failure::Denied => "it was refused".to_owned(),
            };
            vec![Finding::warning(
                AREA,
                format!("it was not examined: {why}"),
                "mend what else is found first; the first start of a server begins its log",
            )]
        }
    }
}

fn chain(view: &AuditView, config: &Config) -> Vec<Finding> {
    let dir = &config.audit.path;
    let damaged = |problem: String| {
        let remedy = format!(
            "find out who changed {0}; move its files to where evidence is kept, and the next start begins a new log",
            dir.display()
        );
        vec![Finding::problem(AREA, problem, remedy)]
    };
    let facts = view.facts().and_then(|facts| Some((LogKey::from_spki(&facts.public_key)?, facts.anchors)));
    let Some((key, anchors)) = facts else { return damaged("the key of the log is none".to_owned()) };
    let mut files = match log_files(dir) {
        Ok(files) => files,
        Err(error) => return damaged(error.to_string()),
    };
    // Its server was killed while it began a file; the next start takes that away.
    files.pop_if(|last| holds_no_line(last));
    let bar = terminal::progress("verifying the audit log", None);
    let verified = verify(&key, &files, &anchors, End::Whole, &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    match verified {
        Ok(report) => {
            let found =
                format!("{} is whole: {} events, {} signatures", dir.display(), report.events, report.checkpoints);
            let mut findings = vec![Finding::good(AREA, found)];
            findings.extend(report.absent(&anchors).map(moved_away));
            findings
        }
        Err(broken) if broken.is_unfinished && files.last() == Some(&broken.file) => {
            let end = "what follows is being written, or is signed by the next start";
            vec![Finding::good(AREA, format!("{} is whole up to its last signature; {end}", dir.display()))]
        }
        Err(broken) => damaged(broken.to_string()),
    }
}

/// A log that the store remembers and the directory does not have.
fn moved_away(anchor: &Anchor) -> Finding {
    Finding::warning(
        AREA,
        format!("a log of {} records is not here any more: {}", anchor.records(), anchor.log()),
        format!("verify it where it was moved: strongroom audit verify --public-key FILE --anchor {anchor} DIR"),
    )
}

fn holds_no_line(file: &Path) -> bool {
    let Ok(mut file) = File::open(file).map(|file| file.take(FIRST_LINE_MAX_BYTES)) else { return false };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).is_ok() && !bytes.contains(&b'\n')
}

/// A sink that does not keep up, or lost something.
fn sink(SinkStatus { name, lag, lost, problem, .. }: &SinkStatus) -> Option<Finding> {
    if let Some(problem) = problem {
        return Some(Finding::warning(
            AREA,
            format!("{name} is {lag} records behind: {problem}"),
            format!("look at what receives from {name}; nothing is lost while the files are there"),
        ));
    }
    if *lost > 0 {
        return Some(Finding::warning(
            AREA,
            format!("{lost} records did not reach {name}"),
            "see the server's log for why; the files have them",
        ));
    }
    (*lag > LAG_MAX_RECORDS).then(|| {
        Finding::warning(
            AREA,
            format!("{name} is {lag} records behind"),
            "its receiver takes less than comes: look at it; nothing is lost while the files are there",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinks_are_told_of_that_do_not_keep_up() {
        let good = || SinkStatus { name: "otlp".to_owned(), sent: 9, lag: 0, failures: 3, lost: 0, problem: None };
        check(good(), None);
        check(SinkStatus { lag: LAG_MAX_RECORDS, ..good() }, None);
        check(SinkStatus { lag: LAG_MAX_RECORDS + 1, ..good() }, Some("otlp is 10001 records behind"));
        check(SinkStatus { lost: 2, ..good() }, Some("2 records did not reach otlp"));
        let away = SinkStatus { lag: 7, lost: 2, problem: Some("nobody listens".to_owned()), ..good() };
        check(away, Some("otlp is 7 records behind: nobody listens"));

        #[track_caller]
        fn check(status: SinkStatus, expect: Option<&str>) {
            assert_eq!(sink(&status).map(|found| found.finding).as_deref(), expect);
        }
    }
}
