//! What the figures say, for people.

use std::io::{self, Write};

use crate::Error;
use crate::runs::{Case, Figures};

/// Prints a table.
pub(crate) fn print(figures: &Figures) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} connections, {} rounds of {} ms each, servers on core {}, load on core {}; medians",
        figures.connections, figures.rounds, figures.window_ms, figures.servers_core, figures.load_core
    )?;
    if !figures.cores_apart {
        writeln!(out, "There is one core only: servers and load take from each other, and the ratios mean little.")?;
    }
    writeln!(
        out,
        "{:<8} {:<16} {:>10} {:>9} {:>9} {:>12} {:>7} {:>10} {:>7}",
        "", "", "calls/s", "p50 µs", "p99 µs", "CPU µs/call", "ratio", "CPU ratio", "MiB"
    )?;
    for case in &figures.cases {
        writeln!(
            out,
            "{:<8} {:<16} {:>10.0} {:>9.0} {:>9.0} {:>12.2} {:>7.2} {:>10.2} {:>7.1}",
            case.transport,
            case.name,
            case.calls_per_second,
            case.p50_us,
            case.p99_us,
            case.cpu_us_per_call,
            case.ratio,
            case.cpu_ratio,
            case.resident_kib as f64 / 1024.0
        )?;
    }
    Ok(())
}

/// Fails unless every operation over plain HTTP has at least the share `least` of the null server's throughput.
pub(crate) fn demand(figures: &Figures, least: f64) -> Result<(), Error> {
    let operations = figures.cases.iter().filter(|case| case.transport == "HTTP" && !case.name.starts_with("null"));
    let slow: Vec<String> = operations
        .filter(|case| case.ratio < least)
        .map(|case: &Case| format!("{} {:.2}", case.name, case.ratio))
        .collect();
    if slow.is_empty() { Ok(()) } else { Err(format!("below the ratio {least}: {}", slow.join(", ")).into()) }
}
