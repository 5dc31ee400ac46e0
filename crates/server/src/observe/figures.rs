//! Figures of the process itself, under the names that Prometheus' own libraries use.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_service::{Family, Sample, Value};

/// What the process is: its release and mode, as labels of a gauge that is 1.
pub(crate) fn build(mode: &'static str) -> Family {
    let labels = vec![("version", env!("CARGO_PKG_VERSION")), ("mode", mode)];
    let sample = Sample { labels, value: Value::Gauge(1.0) };
    Family::new("strongroom_build_info", "The release and the mode of this server", vec![sample])
}

/// When the process began: seconds since the epoch.
pub(crate) fn start_time(uptime_seconds: f64) -> Family {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Family::gauge("process_start_time_seconds", "When the process became ready, since the epoch", now - uptime_seconds)
}

/// Memory and open files, where the system tells them through `/proc`.
pub(crate) fn process() -> Vec<Family> {
    let mut families = Vec::new();
    if let Some(bytes) = resident_bytes() {
        families.push(Family::gauge("process_resident_memory_bytes", "Memory that is resident", bytes));
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        #[expect(clippy::cast_precision_loss, reason = "no process has 2^53 files")]
        let count = entries.count() as f64;
        families.push(Family::gauge("process_open_fds", "Files and sockets that are open", count));
    }
    families
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_has_memory_and_files() {
        let families = process();
        assert_eq!(families.len(), 2);
        for family in families {
            let Value::Gauge(value) = family.samples[0].value else { panic!("a gauge") };
            assert!(value > 1.0, "{family:?}");
        }
    }
}
