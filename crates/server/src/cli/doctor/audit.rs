//! The audit log: whether it is whole, and whether what follows it keeps up.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use strongroom_service::audit::log_files;
use strongroom_service::audit::verify::{End, LogKey, verify};

use super::super::audit::view;
use super::super::{Failure, paths, terminal};
use super::Finding;
use crate::admin::audit::AuditView;
use crate::config::Config;
use crate::sinks::SinkStatus;

const AREA: &str = "audit";
/// The first line of a file is shorter than this.
const FIRST_LINE_MAX_BYTES: u64 = 1 << 10;

/// `path` is that of the configuration.
pub(super) fn examine(path: &Path, config: &Config) -> Vec<Finding> {
    if !paths::database(&config.data).is_file() {
        return vec![Finding::good(AREA, "there is no audit log yet; the first start of the server begins it")];
    }
    match view(path, config) {
        Ok(view) => {
            let mut findings = vec![chain(&view, config)];
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

fn chain(view: &AuditView, config: &Config) -> Finding {
    let dir = &config.audit.path;
    let damaged = |problem: String| {
        Finding::problem(
            AREA,
            problem,
            format!(
                "find out who changed {0}; move its files to where evidence is kept, and the next start begins a new log",
                dir.display()
            ),
        )
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
            Finding::good(AREA, found)
        }
        Err(broken) if broken.is_unfinished && files.last() == Some(&broken.file) => {
            let end = "what follows is being written, or is signed by the next start";
            Finding::good(AREA, format!("{} is whole up to its last signature; {end}", dir.display()))
        }
        Err(broken) => damaged(broken.to_string()),
    }
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
    (*lost > 0).then(|| {
        Finding::warning(
            AREA,
            format!("{lost} records did not reach {name}"),
            "see the server's log for why; the files have them",
        )
    })
}
