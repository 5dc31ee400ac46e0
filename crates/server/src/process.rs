//! What the process asks of the system before it holds a secret.

use std::panic;

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use tracing::{error, info, warn};

/// Descriptors beside those of connections: the database, the log, the listener, files read on a reload.
pub(crate) const OTHER_DESCRIPTORS: u64 = 64;

/// No core dumps, no tracing by processes of the same user. A system that refuses is reported and does not stop us.
pub(crate) fn harden() {
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        warn!(%error, "cannot forbid core dumps");
    }
    if let Err(error) = prctl::set_dumpable(false) {
        warn!(%error, "cannot forbid tracing of this process");
    }
}

/// Keeps every page in memory that holds something, so that no secret is written to swap. Only where the system sets no limit on
/// locked memory: below one, a later allocation would fail instead.
pub(crate) fn keep_out_of_swap() {
    let unlimited = getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft == RLIM_INFINITY);
    let flags = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE;
    let locked = unlimited && mlockall(flags).is_ok();
    if !locked {
        info!("memory is not locked (limit of locked memory); secrets may reach swap if this machine has any");
    }
}

/// Allows as many open files as the system lets us, and says when `connections` may not fit.
pub(crate) fn allow_open_files(connections: u32) {
    let needed = u64::from(connections) + OTHER_DESCRIPTORS;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let wanted = needed.min(hard);
    if soft < wanted
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)
    {
        warn!(%error, "cannot raise the limit of open files");
    }
    if needed > hard {
        warn!(
            limits.connections = connections,
            open_files = hard,
            "the system allows fewer open files than connections"
        );
    }
}

/// How much less than other threads of the process. With 10 a thread gets a tenth of a core that others want whole, and
/// almost never keeps them waiting; with more, slow calls would time out on a machine that fast ones keep busy.
const NICENESS: i32 = 10;

/// Makes the calling thread give way to those that serve connections.
pub(crate) fn give_way() {
    // Elsewhere the call would be for the whole process.
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICENESS)
    {
        warn!(%error, "cannot lower the priority of the threads for slow work");
    }
}

/// A panic's message may quote what it stumbled over, so that only its place is told.
pub(crate) fn silence_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        let thread = std::thread::current();
        error!(place, thread = thread.name().unwrap_or_default(), "a bug: panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_gives_way_alone() {
        let priority = || rustix::process::getpriority_process(None).expect("every thread has one");
        let before = priority();
        let given = std::thread::spawn(move || {
            give_way();
            priority()
        });
        assert_eq!(given.join().expect("no panic"), (before + NICENESS).min(19));
        assert_eq!(priority(), before);
    }
}
