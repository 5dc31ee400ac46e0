//! The machine: limits, swap, randomness, addresses.

use std::fs;
use std::net::{SocketAddr, TcpListener};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use strongroom_core::world::Rng;
use strongroom_crypto::rng::SystemRng;

use super::Finding;
use crate::config::Config;
use crate::process::OTHER_DESCRIPTORS;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![entropy(), open_files(config), swap(), address("listen", config.listen)];
    findings.extend(config.admin.as_ref().map(|admin| address("admin.listen", admin.listen)));
    findings
}

/// Two draws that are alike, or a draw that fails, mean that no key may be made here.
fn entropy() -> Finding {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    let drawn = SystemRng.fill(&mut first).and_then(|()| SystemRng.fill(&mut second));
    match drawn {
        Ok(()) if first != second && first != [0; 32] => Finding::good("entropy", "random bytes come, and differ"),
        Ok(()) | Err(_) => {
            Finding::problem("entropy", "the random number generator fails", "do not make keys on this machine")
        }
    }
}

fn open_files(config: &Config) -> Finding {
    let needed = u64::from(config.limits.connections) + OTHER_DESCRIPTORS;
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((_, hard)) if hard >= needed => {
            Finding::good("limits", format!("{hard} files may be open, {needed} are needed at most"))
        }
        Ok((_, hard)) => Finding::warning(
            "limits",
            format!("{hard} files may be open; limits.connections = {} needs {needed}", config.limits.connections),
            format!("LimitNOFILE={needed} in the unit of systemd, or fewer connections"),
        ),
        Err(error) => Finding::warning("limits", format!("the limit of open files is unknown: {error}"), "ulimit -n"),
    }
}

/// Secrets in memory reach the disk where there is swap and memory cannot be locked.
fn swap() -> Finding {
    let swaps = fs::read_to_string("/proc/swaps").map_or(0, |table| table.lines().skip(1).count());
    let unlimited = getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft == RLIM_INFINITY);
    match (swaps, unlimited) {
        (0, _) => Finding::good("limits", "the machine has no swap that secrets could reach"),
        (_, true) => Finding::good("limits", "memory can be locked, so that secrets do not reach swap"),
        (_, false) => Finding::warning(
            "limits",
            "the machine has swap and memory cannot be locked: secrets may be written to disk",
            "LimitMEMLOCK=infinity in the unit of systemd, or no swap, or encrypted swap",
        ),
    }
}

/// Whether the address can be listened on; a running server has it already.
fn address(field: &str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::good("addresses", format!("{field}: {address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Finding::good("addresses", format!("{field}: a program listens on {address}"))
        }
        Err(error) => Finding::problem(
            "addresses",
            format!("{field}: {address}: {error}"),
            "choose an address of this machine, and a port that the server's user may use",
        ),
    }
}
