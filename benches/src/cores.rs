//! A core for the servers and another for the load, so that neither takes from the other what is measured.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Error;

/// Which cores there are to use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) servers: usize,
    pub(crate) load: usize,
}

impl Cores {
    /// The first and the last core that this process may use; the same one twice when there is but one.
    pub(crate) fn available() -> Result<Self, Error> {
        let set = sched_getaffinity(Pid::from_raw(0))?;
        let ours: Vec<usize> = (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect();
        match (ours.first(), ours.last()) {
            (Some(first), Some(last)) => Ok(Self { servers: *first, load: *last }),
            (Some(_) | None, None) | (None, Some(_)) => Err("no core to run on".into()),
        }
    }

    /// Whether servers and load have a core each.
    pub(crate) const fn are_apart(self) -> bool {
        self.servers != self.load
    }
}

/// Binds this thread, and the threads and processes that it starts from now on, to `cores`.
pub(crate) fn pin_to(cores: &[usize]) -> Result<(), Error> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}
