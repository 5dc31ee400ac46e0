//! `[audit]`: where the record goes.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use strongroom_service::audit::{AuditDirectory, Durability, Rotation};
use toml::Spanned;

use super::Reader;
use crate::config::ConfigError;
use crate::sinks::SinksConfig;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditText {
    directory: Option<PathBuf>,
    durability: Option<DurabilityText>,
    rotate_bytes: Option<Spanned<u64>>,
    rotate_secs: Option<Spanned<u32>>,
    #[serde(default)]
    stdout: bool,
    syslog: Option<Spanned<String>>,
    otlp: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DurabilityText {
    Write,
    Fsync,
}

impl Reader<'_> {
    pub(super) fn audit(&self, audit: AuditText, data: &Path) -> Result<AuditDirectory, ConfigError> {
        let default = Rotation::default();
        let at_least = |field: &str, value: &Spanned<u64>, least: u64| match *value.get_ref() >= least {
            true => Ok(*value.get_ref()),
            false => Err(self.wrong(value.span(), &format!("audit.{field}"), &format!("must be at least {least}"))),
        };
        let bytes = audit.rotate_bytes.as_ref().map(|bytes| at_least("rotate_bytes", bytes, 64 << 10)).transpose()?;
        let secs = match audit.rotate_secs {
            Some(secs) if *secs.get_ref() == 0 => {
                return Err(self.wrong(secs.span(), "audit.rotate_secs", "must be at least 1"));
            }
            Some(secs) => secs.into_inner(),
            None => default.secs,
        };
        let durability = match audit.durability {
            Some(DurabilityText::Fsync) => Durability::Fsync,
            Some(DurabilityText::Write) | None => Durability::Write,
        };
        let path = data.join(audit.directory.unwrap_or_else(|| "audit".into()));
        Ok(AuditDirectory { path, durability, rotation: Rotation { bytes: bytes.unwrap_or(default.bytes), secs } })
    }

    pub(super) fn sinks(&self, audit: &AuditText) -> Result<SinksConfig, ConfigError> {
        Ok(SinksConfig {
            stdout: audit.stdout,
            syslog: self.sink("audit.syslog", audit.syslog.as_ref())?,
            otlp: self.sink("audit.otlp", audit.otlp.as_ref())?,
        })
    }

    fn sink<T: FromStr<Err = &'static str>>(
        &self,
        field: &str,
        text: Option<&Spanned<String>>,
    ) -> Result<Option<T>, ConfigError> {
        let read =
            |text: &Spanned<String>| text.get_ref().parse().map_err(|problem| self.wrong(text.span(), field, problem));
        text.map(read).transpose()
    }
}
