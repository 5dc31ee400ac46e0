//! From the file's text to a checked [`Config`].

mod audit;
mod quotas;

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use strongroom_core::ids::{AccountId, Region};
use strongroom_core::secret::SecretBytes;
use strongroom_service::{
    AccessKeyConfig, AccountConfig, IdentityConfig, IssuerConfig, IssuersConfig, JwksSource, Quotas, Regions,
};
use toml::Spanned;
use zeroize::Zeroizing;

use self::audit::AuditText;
use self::quotas::{QuotasFile, QuotasText};
use super::secret::{SecretText, read_secret_file, warn_if_readable_by_others};
use super::{AdminConfig, Config, ConfigError, Limits, PassphraseSource, SealConfig, TlsConfig};
use crate::net::KeySets;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    listen: Spanned<String>,
    data: PathBuf,
    #[serde(default)]
    regions: Option<Spanned<Vec<Spanned<String>>>>,
    tls: TlsText,
    seal: Spanned<SealText>,
    #[serde(default)]
    admin: Option<AdminText>,
    #[serde(default)]
    telemetry: Option<TelemetryText>,
    #[serde(default)]
    audit: AuditText,
    #[serde(default)]
    quotas: QuotasText,
    #[serde(default)]
    limits: Option<Spanned<Limits>>,
    #[serde(default, rename = "account")]
    accounts: Vec<AccountText>,
    #[serde(default)]
    oidc: OidcText,
}

/// Identity providers: a list of issuers, and who vouches for their servers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OidcText {
    ca_file: Option<PathBuf>,
    #[serde(default, rename = "issuer")]
    issuers: Vec<IssuerText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerText {
    url: Spanned<String>,
    jwks_file: Option<PathBuf>,
    jwks_url: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsText {
    certificate: PathBuf,
    private_key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealText {
    key_file: PathBuf,
    passphrase_env: Option<String>,
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TelemetryText {
    otlp_endpoint: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminText {
    listen: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountText {
    id: Spanned<String>,
    #[serde(default, rename = "access_key")]
    access_keys: Vec<AccessKeyText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessKeyText {
    id: Spanned<String>,
    secret: Option<SecretText>,
    secret_file: Option<PathBuf>,
    user: Option<Spanned<String>>,
    policies: Option<Vec<String>>,
}

/// Reads the file and what it points to.
pub(super) fn read(path: &Path) -> Result<Config, ConfigError> {
    let text = read_text(path)?;
    Reader::of(path, &text).config()
}

/// Reads the file of [`super::read_quotas`].
pub(super) fn read_quotas(path: &Path) -> Result<Quotas, ConfigError> {
    let text = read_text(path)?;
    let reader = Reader::of(path, &text);
    let file: QuotasFile = toml::from_str(&text).map_err(|error| reader.not_toml(&error))?;
    reader.quotas(&file.quotas)
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    text.map_err(|error| ConfigError::Unreadable { path: path.into(), error })
}

/// The file under the reader's eyes: its text for line numbers, its directory for relative paths.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    base: &'a Path,
}

impl<'a> Reader<'a> {
    fn of(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, base: path.parent().unwrap_or(Path::new("")) }
    }
}

impl Reader<'_> {
    fn config(&self) -> Result<Config, ConfigError> {
        let text: Text = toml::from_str(self.text).map_err(|error| self.not_toml(&error))?;
        let mut warnings = Vec::new();
        let listen = self.socket_address(&text.listen, "listen", "8443")?;
        let admin = text.admin.map(|admin| self.admin(&admin)).transpose()?;
        let endpoint = text.telemetry.and_then(|telemetry| telemetry.otlp_endpoint);
        let otlp_endpoint = endpoint.map(|endpoint| self.collector(endpoint)).transpose()?;
        let limits = self.limits(text.limits)?;
        let seal = self.seal(text.seal)?;
        let data = self.beside(text.data);
        let sinks = self.sinks(&text.audit)?;
        let audit = self.audit(text.audit, &data)?;
        let tls = TlsConfig {
            certificate: self.beside(text.tls.certificate),
            private_key: self.beside(text.tls.private_key),
        };
        warnings.extend(warn_if_readable_by_others(&tls.private_key));
        if let PassphraseSource::File(file) = &seal.passphrase {
            warnings.extend(warn_if_readable_by_others(file));
        }
        let holds_secrets =
            text.accounts.iter().flat_map(|account| &account.access_keys).any(|key| key.secret.is_some());
        if holds_secrets {
            warnings.extend(warn_if_readable_by_others(self.path));
        }
        let issuers = self.issuers(text.oidc)?;
        let identity = IdentityConfig { accounts: self.accounts(text.accounts, &mut warnings)?, issuers };
        let regions = self.regions(text.regions)?;
        let quotas = self.quotas(&text.quotas)?;
        Ok(Config {
            listen,
            data,
            regions,
            quotas,
            tls,
            seal,
            admin,
            otlp_endpoint,
            audit,
            sinks,
            limits,
            identity,
            warnings,
        })
    }

    fn socket_address(&self, listen: &Spanned<String>, field: &str, port: &str) -> Result<SocketAddr, ConfigError> {
        listen.get_ref().parse().map_err(|_| {
            let problem = format!("an address and a port, such as \"127.0.0.1:{port}\" or \"[::1]:{port}\"");
            self.wrong(listen.span(), field, &problem)
        })
    }

    fn collector(&self, endpoint: Spanned<String>) -> Result<String, ConfigError> {
        let parts = endpoint.get_ref().parse::<http::Uri>().ok();
        let is_http = parts.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some());
        match is_http {
            true => Ok(endpoint.into_inner()),
            false => Err(self.wrong(
                endpoint.span(),
                "telemetry.otlp_endpoint",
                "the URL of a collector that takes OTLP over gRPC, such as \"http://127.0.0.1:4317\"",
            )),
        }
    }

    fn admin(&self, admin: &AdminText) -> Result<AdminConfig, ConfigError> {
        Ok(AdminConfig { listen: self.socket_address(&admin.listen, "admin.listen", "8444")? })
    }

    fn limits(&self, limits: Option<Spanned<Limits>>) -> Result<Limits, ConfigError> {
        let Some(limits) = limits else { return Ok(Limits::default()) };
        let span = limits.span();
        limits.get_ref().check().map_err(|(name, problem)| self.wrong(span, &format!("limits.{name}"), &problem))?;
        Ok(limits.into_inner())
    }

    fn regions(&self, regions: Option<Spanned<Vec<Spanned<String>>>>) -> Result<Regions, ConfigError> {
        let Some(regions) = regions else { return Ok(Regions::any()) };
        if regions.get_ref().is_empty() {
            return Err(self.wrong(regions.span(), "regions", "needs a Region; without the field any is served"));
        }
        let read = |region: &Spanned<String>| {
            let problem = "a Region has a name such as \"us-east-1\"";
            region.get_ref().parse::<Region>().map_err(|_| self.wrong(region.span(), "regions", problem))
        };
        Ok(Regions::only(regions.get_ref().iter().map(read).collect::<Result<_, _>>()?))
    }

    fn seal(&self, seal: Spanned<SealText>) -> Result<SealConfig, ConfigError> {
        let span = seal.span();
        let seal = seal.into_inner();
        let passphrase = match (seal.passphrase_env, seal.passphrase_file) {
            (Some(name), None) => PassphraseSource::Environment(name),
            (None, Some(file)) => PassphraseSource::File(self.beside(file)),
            (Some(_), Some(_)) | (None, None) => {
                return Err(self.wrong(span, "seal", "needs one of passphrase_env and passphrase_file"));
            }
        };
        Ok(SealConfig { key_file: self.beside(seal.key_file), passphrase })
    }

    fn issuers(&self, oidc: OidcText) -> Result<IssuersConfig, ConfigError> {
        if oidc.issuers.is_empty() {
            return Ok(IssuersConfig::default());
        }
        let ca_file = oidc.ca_file.map(|file| self.beside(file));
        let key_sets = KeySets::new(ca_file.as_deref())
            .map_err(|error| ConfigError::Unreadable { path: ca_file.unwrap_or_default(), error })?;
        let mut issuers: Vec<IssuerConfig> = Vec::with_capacity(oidc.issuers.len());
        for IssuerText { url, jwks_file, jwks_url } in oidc.issuers {
            let span = url.span();
            let issuer = url.into_inner();
            if !issuer.starts_with("https://") {
                return Err(self.wrong(span, "oidc.issuer.url", "an issuer is an https URL, as tokens have it in iss"));
            }
            if issuers.iter().any(|known| known.issuer == issuer) {
                return Err(self.wrong(span, "oidc.issuer.url", "this issuer stands here twice"));
            }
            let keys = match (jwks_file, jwks_url) {
                (Some(file), None) => JwksSource::File(self.beside(file)),
                (None, Some(url)) if vouches_for_keys(url.get_ref()) => JwksSource::Url(url.into_inner()),
                (None, Some(url)) => {
                    let problem = "an https URL is needed, or http of a loopback address";
                    return Err(self.wrong(url.span(), "oidc.issuer.jwks_url", problem));
                }
                (Some(_), Some(_)) | (None, None) => {
                    return Err(self.wrong(span, "oidc.issuer", "needs one of jwks_file and jwks_url"));
                }
            };
            issuers.push(IssuerConfig { issuer, keys });
        }
        Ok(IssuersConfig { issuers, fetcher: Some(Arc::new(key_sets)) })
    }

    fn accounts(
        &self,
        accounts: Vec<AccountText>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<AccountConfig>, ConfigError> {
        let mut seen = SeenNames::default();
        let mut known = Vec::with_capacity(accounts.len());
        for account in accounts {
            let span = account.id.span();
            let id: AccountId = (account.id.get_ref().parse())
                .map_err(|_| self.wrong(span.clone(), "account.id", "an account id has twelve digits"))?;
            if !seen.accounts.insert(id) {
                return Err(self.wrong(span, "account.id", "this account stands here twice"));
            }
            let keys = account.access_keys.into_iter();
            let access_keys = keys.map(|key| self.access_key(key, &mut seen, warnings)).collect::<Result<_, _>>()?;
            known.push(AccountConfig { id, access_keys });
        }
        Ok(known)
    }

    fn access_key(
        &self,
        key: AccessKeyText,
        seen: &mut SeenNames,
        warnings: &mut Vec<String>,
    ) -> Result<AccessKeyConfig, ConfigError> {
        let span = key.id.span();
        let wrong =
            |field: &str, problem: &str| self.wrong(span.clone(), &format!("account.access_key.{field}"), problem);
        let id = key.id.get_ref();
        if !(3..=128).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(wrong("id", "an access key id has 3 to 128 letters and digits"));
        }
        if !seen.access_keys.insert(id.clone()) {
            return Err(wrong("id", "this access key stands here twice"));
        }
        let secret = match (key.secret, key.secret_file.map(|file| self.beside(file))) {
            (Some(SecretText(secret)), None) => secret,
            (None, Some(file)) => {
                warnings.extend(warn_if_readable_by_others(&file));
                read_secret_file(&file).map_err(|error| ConfigError::Unreadable { path: file, error })?
            }
            (Some(_), Some(_)) | (None, None) => return Err(wrong("secret", "needs one of secret and secret_file")),
        };
        self.check_secret(&secret).map_err(|problem| wrong("secret", problem))?;
        if key.policies.is_some() && key.user.is_none() {
            return Err(wrong("policies", "the root user has no policies; name a user"));
        }
        let user = key.user.map(|user| self.user(user)).transpose()?;
        Ok(AccessKeyConfig { id: key.id.into_inner(), secret, user, policies: key.policies })
    }

    /// Short secrets can be found by trying them against a recorded signature.
    fn check_secret(&self, secret: &SecretBytes) -> Result<(), &'static str> {
        match secret.len() {
            16..=128 => Ok(()),
            _ => Err("a secret has 16 to 128 bytes"),
        }
    }

    fn user(&self, user: Spanned<String>) -> Result<String, ConfigError> {
        let name = user.get_ref();
        let well_formed = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b));
        match well_formed {
            true => Ok(user.into_inner()),
            false => Err(self.wrong(
                user.span(),
                "account.access_key.user",
                "a user name has 1 to 64 letters, digits and the characters +=,.@_-",
            )),
        }
    }

    fn beside(&self, path: PathBuf) -> PathBuf {
        self.base.join(path)
    }

    fn wrong(&self, span: Range<usize>, field: &str, problem: &str) -> ConfigError {
        ConfigError::Wrong {
            path: self.path.into(),
            line: Some(self.line_at(span.start)),
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// The parser's own display shows the line, and the line may hold a secret: only its number and its field leave.
    fn not_toml(&self, error: &toml::de::Error) -> ConfigError {
        let start = error.span().map(|span| span.start);
        ConfigError::Wrong {
            path: self.path.into(),
            line: start.map(|start| self.line_at(start)),
            field: start.map_or_else(String::new, |start| self.field_at(start)),
            problem: without_values(error.message()),
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    /// What stands before the first `=` of the line, or the table's head.
    fn field_at(&self, offset: usize) -> String {
        let line = self.text.lines().nth(self.line_at(offset) - 1).unwrap_or_default();
        let field = line.split(['=', '#']).next().unwrap_or_default().trim();
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b);
        if line.contains('=') || field.starts_with('[') {
            if field.bytes().all(is_name) { field.to_owned() } else { String::new() }
        } else {
            String::new()
        }
    }
}

/// Accounts and access keys may stand in the file once.
#[derive(Default)]
struct SeenNames {
    accounts: std::collections::HashSet<AccountId>,
    access_keys: std::collections::HashSet<String>,
}

/// The message of a wrong type or value quotes what it found: that part is cut out.
fn without_values(message: &str) -> String {
    for kind in ["invalid type: ", "invalid value: ", "invalid length "] {
        if message.starts_with(kind) {
            let expected = message.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
            return format!("expected {expected}");
        }
    }
    match message.split_once('`') {
        // These quote names that stand left of a `=`, and names that are ours.
        Some(("unknown field " | "missing field " | "duplicate key ", _)) | None => message.to_owned(),
        Some((before, _)) => before.trim_end_matches([' ', ',', ':']).to_owned(),
    }
}

/// Whether the keys that come from `url` are those of its server: whoever could change them on the way could sign any token.
fn vouches_for_keys(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests;
