//! The workspace's formatter, over a text in memory.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Failure;

/// Formats `text` as `cargo fmt` would.
pub(super) fn format(root: &Path, text: &str) -> Result<String, Failure> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("rustfmt does not start: {error}"))?;
    child.stdin.take().expect("piped above").write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err("rustfmt refuses the generated text".into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
