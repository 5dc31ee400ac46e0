//! What the figures say, for people.

use std::io::{self, Write};

use crate::runs::{Case, Figures};
use crate::{Error, algorithms, audit, flood, scale};

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

/// Prints what floods do to fast calls.
pub(crate) fn print_flood(figures: &flood::Figures) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\nGenerateDataKey {} times a second beside a flood on {} connections that rest {} ms when refused;\n\
         {} rounds of {} ms, the server on both cores, all load on core {}; medians",
        figures.fast_calls_per_second,
        figures.connections,
        figures.rest_ms,
        figures.rounds,
        figures.window_ms,
        figures.load_core
    )?;
    writeln!(
        out,
        "{:<30} {:>14} {:>14} {:>9} {:>9} {:>9} {:>11} {:>10}",
        "flood", "p50 µs before", "p99 µs before", "p50 µs", "p99 µs", "p99 ratio", "answered/s", "refused/s"
    )?;
    for case in &figures.floods {
        writeln!(
            out,
            "{:<30} {:>14.0} {:>14.0} {:>9.0} {:>9.0} {:>9.2} {:>11.1} {:>10.0}",
            case.name,
            case.unloaded_p50_us,
            case.unloaded_p99_us,
            case.p50_us,
            case.p99_us,
            case.p99_ratio,
            case.answered_per_second,
            case.refused_per_second
        )?;
    }
    Ok(())
}

/// The stores side by side.
pub(crate) fn print_scale(figures: &scale::Figures) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(out, "\nOne caller, one call at a time, over plain HTTP; medians of {} calls", figures.samples)?;
    let mut line = |name: &str, cell: &dyn Fn(&scale::Store) -> String| {
        write!(out, "{name:<46}")?;
        figures.stores.iter().try_for_each(|store| write!(out, " {:>12}", cell(store)))?;
        writeln!(out)
    };
    line("keys", &|store| store.amounts.keys.to_string())?;
    line("aliases", &|store| store.amounts.aliases.to_string())?;
    line("grants on one key", &|store| store.amounts.grants.to_string())?;
    line("files, MiB", &|store| format!("{:.0}", store.file_mib))?;
    line("filled in, s", &|store| format!("{:.1}", store.fill_seconds))?;
    line("start, ms", &|store| format!("{:.1}", store.start_ms))?;
    line("resident after the start, MiB", &|store| format!("{:.1}", mib(store.resident_at_start_kib)))?;
    line("resident after all calls, MiB", &|store| format!("{:.1}", mib(store.resident_at_end_kib)))?;
    let rows = figures.stores.first().map_or(0, |store| store.calls.len());
    for row in 0..rows {
        let name = figures.stores[0].calls[row].name;
        line(&format!("{name}, µs"), &|store| format!("{:.0}", store.calls[row].median_us))?;
    }
    Ok(())
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Prints what the audit log costs.
pub(crate) fn print_audit(figures: &audit::Figures) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\nGenerateDataKey over HTTP on {} connections by the way its record is kept; {} rounds of {} ms; medians",
        figures.connections, figures.rounds, figures.window_ms
    )?;
    writeln!(
        out,
        "{:<8} {:>9} {:>9} {:>9} {:>12} {:>7} {:>11}",
        "record", "calls/s", "p50 µs", "p99 µs", "cpu µs/call", "ratio", "calls/write"
    )?;
    for case in &figures.cases {
        let group = case.group.map_or_else(|| "-".to_owned(), |group| format!("{group:.1}"));
        writeln!(
            out,
            "{:<8} {:>9.0} {:>9.0} {:>9.0} {:>12.2} {:>7.3} {:>11}",
            case.name, case.calls_per_second, case.p50_us, case.p99_us, case.cpu_us_per_call, case.ratio, group
        )?;
    }
    writeln!(
        out,
        "verify: {:.0} MB/s, of a compressed file {}; SHA-256 of the same bytes: {:.0} MB/s",
        figures.verify_mb_per_second,
        figures
            .verify_compressed_mb_per_second
            .map_or_else(|| "not measured".to_owned(), |rate| format!("{rate:.0} MB/s")),
        figures.sha256_mb_per_second
    )?;
    Ok(())
}

/// Prints every algorithm, and what work costs beside what the code takes it for.
pub(crate) fn print_algorithms(figures: &algorithms::Figures) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\nOne call at a time through the service's frame, in process, on core {}; processor time per call and its inverse;\n\
         {} rounds of {} ms each; medians",
        figures.core, figures.rounds, figures.window_ms
    )?;
    writeln!(
        out,
        "{:<18} {:<22} {:<26} {:>11} {:>11} {:>10} {:>9} {:>8} {:<4}",
        "operation", "key spec", "algorithm", "frame op/s", "bare op/s", "frame µs", "bare µs", "added", "pool"
    )?;
    for row in &figures.rows {
        writeln!(
            out,
            "{:<18} {:<22} {:<26} {:>11.0} {:>11.0} {:>10.2} {:>9.2} {:>8.2} {:<4}",
            row.operation,
            row.spec,
            row.algorithm,
            1e6 / row.frame_us,
            1e6 / row.bare_us,
            row.frame_us,
            row.bare_us,
            row.frame_us - row.bare_us,
            if row.slow { "slow" } else { "" }
        )?;
    }
    writeln!(out, "\n{:<22} {:<9} {:>12} {:>11}", "key spec", "work", "measured µs", "assumed µs")?;
    for cost in &figures.costs {
        writeln!(out, "{:<22} {:<9} {:>12.1} {:>11}", cost.spec, cost.work, cost.measured_us, cost.assumed_us)?;
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
