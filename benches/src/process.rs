//! The programs under measurement: started on their core, asked for the processor time that they took, ended.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Error;
use crate::cores::{self, Cores};

/// A server that is ready.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Its admin listener, if it says that it has one.
    pub(crate) admin: Option<SocketAddr>,
}

impl Server {
    /// Starts it on the servers' core and waits for the line with its address.
    pub(crate) fn start(command: &mut Command, cores: Cores) -> Result<Self, Error> {
        Self::start_on(&[cores.servers], command, cores)
    }

    /// The same on both cores, one of which the load shares.
    pub(crate) fn start_on_both(command: &mut Command, cores: Cores) -> Result<Self, Error> {
        Self::start_on(&[cores.servers, cores.load], command, cores)
    }

    fn start_on(allowed: &[usize], command: &mut Command, cores: Cores) -> Result<Self, Error> {
        cores::pin_to(allowed)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        cores::pin_to(&[cores.load])?;
        let mut child = child.map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.as_mut() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let mut addresses = line.split("://").skip(1).map(|rest| rest.split_whitespace().next()?.parse().ok());
        let (address, admin) = (addresses.next().flatten(), addresses.next().flatten());
        match address {
            Some(address) => Ok(Self { child, address, admin }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("{command:?} did not say its address: {line:?}").into())
            }
        }
    }

    /// Processor time of all its threads so far, user and system, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> Result<u64, Error> {
        let mut sum = 0;
        for task in fs::read_dir(Path::new("/proc").join(self.child.id().to_string()).join("task"))? {
            // A thread may end between the list and the look; what it took is then not of this call's time.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            let on_cpu = text.split_whitespace().next().ok_or("an empty schedstat")?;
            sum += on_cpu.parse::<u64>()?;
        }
        Ok(sum)
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
