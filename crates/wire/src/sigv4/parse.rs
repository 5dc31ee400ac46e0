//! The first step: what the `Authorization` header claims, and whether the claim is in order.

use http::header::{AUTHORIZATION, DATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use strongroom_core::ids::Region;
use strongroom_core::world::Timestamp;

use super::error::{AuthError, Echo, MissingParts, Moment, WrongScope};
use super::time::BasicTime;
use super::{ALGORITHM, RequestHead, TERMINATOR};

pub(super) static X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(super) static X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What a credential scope may be for, and how old a signature may be.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The signing names that are taken; the first is the one that an error names.
    pub services: &'a [&'a str],
    /// How far the signer's clock may be from ours, either way.
    pub skew_minutes: u32,
}

impl Policy<'static> {
    /// KMS alone, and the five minutes of the services that speak JSON.
    pub const KMS: Self = Self { services: &["kms"], skew_minutes: 5 };
}

/// A request that says who signed it, not yet believed.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is proved until `verify`"]
pub struct Unverified<'a> {
    pub(super) head: RequestHead<'a>,
    pub(super) time: BasicTime,
    /// `date/region/service/aws4_request`.
    pub(super) scope: &'a str,
    pub(super) signed_headers: &'a str,
    /// Whether that list is canonical.
    pub(super) in_order: bool,
    pub(super) signature: &'a str,
    access_key_id: &'a str,
    session_token: Option<&'a str>,
    date: &'a str,
    region: Region,
    service: &'a str,
    signed_at: Timestamp,
}

impl<'a> Unverified<'a> {
    /// Whose secret is claimed.
    pub fn access_key_id(&self) -> &'a str {
        self.access_key_id
    }

    /// The token of a session, when there is one.
    pub fn session_token(&self) -> Option<&'a str> {
        self.session_token
    }

    /// The scope's day, `20150830`.
    pub fn date(&self) -> &'a str {
        self.date
    }

    /// The scope's Region: the one that the request is for.
    pub fn region(&self) -> Region {
        self.region
    }

    /// The scope's service: one of the policy's.
    pub fn service(&self) -> &'a str {
        self.service
    }

    /// When it was signed, within the skew of now.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// The names of the signed headers, joined by semicolons.
    pub fn signed_headers(&self) -> &'a str {
        self.signed_headers
    }
}

/// Reads the signature of a request that arrived at `now`.
///
/// # Errors
/// The first of AWS's checks that fails, in their order: completeness, algorithm, the credential's form, `host` signed,
/// scope, date, skew.
pub fn parse<'a>(head: &RequestHead<'a>, now: Timestamp, policy: &Policy<'_>) -> Result<Unverified<'a>, AuthError> {
    let header = head.headers.get(AUTHORIZATION).ok_or(AuthError::MissingAuthenticationToken)?;
    let date_header = head.headers.get(&X_AMZ_DATE).or_else(|| head.headers.get(DATE));
    let claim = Claim::read(header, date_header.is_some())?;
    let credential = Credential::read(claim.credential)?;
    let list = SignedHeaders::read(claim.signed_headers);
    if !list.host {
        return Err(AuthError::HostNotSigned);
    }
    let region = check_scope(&credential, policy)?;
    let (time, signed_at) = check_date(date_header, credential.date)?;
    check_skew(signed_at, now, policy.skew_minutes)?;
    Ok(Unverified {
        head: *head,
        time,
        scope: credential.scope,
        signed_headers: claim.signed_headers,
        in_order: list.in_order,
        signature: claim.signature,
        access_key_id: credential.access_key_id,
        session_token: session_token(head.headers)?,
        date: credential.date,
        region,
        service: credential.service,
        signed_at,
    })
}

/// The parts of the `Authorization` header.
struct Claim<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn read(header: &'a HeaderValue, dated: bool) -> Result<Self, AuthError> {
        // What is not UTF-8 is no header of a signer; its parts are not looked for.
        let text = std::str::from_utf8(header.as_bytes()).unwrap_or_default();
        let echo = || Echo::new(&String::from_utf8_lossy(header.as_bytes()));
        let text = text.trim_ascii();
        let (algorithm, parts) = text.split_once(' ').unwrap_or((text, ""));
        let (mut credential, mut signed_headers, mut signature, mut no_pair) = (None, None, None, None);
        for part in parts.split(',').map(str::trim_ascii).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                Some(_) => {}
                None => no_pair = Some(part),
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature), true) =
            (credential, signed_headers, signature, dated)
        else {
            let missing = MissingParts {
                credential: credential.is_none(),
                signature: signature.is_none(),
                signed_headers: signed_headers.is_none(),
                date: !dated,
            };
            return Err(AuthError::Incomplete { missing, authorization: echo() });
        };
        if let Some(piece) = no_pair {
            return Err(AuthError::NotAPair { piece: Echo::new(piece), authorization: echo() });
        }
        if algorithm != ALGORITHM {
            return Err(AuthError::UnsupportedAlgorithm(Echo::new(algorithm)));
        }
        Ok(Self { credential, signed_headers, signature })
    }
}

/// What the list of signed headers says of itself.
#[derive(Debug, PartialEq, Eq)]
struct SignedHeaders {
    /// `host` is one of them.
    host: bool,
    /// All are lower-case, each after the one before it. No other list is canonical; and one that repeated a name would
    /// let a small head cost a large digest.
    in_order: bool,
}

impl SignedHeaders {
    fn read(list: &str) -> Self {
        let (mut host, mut in_order, mut last) = (false, true, &b""[..]);
        for name in list.as_bytes().split(|byte| *byte == b';') {
            host |= name == b"host";
            // Most differ in their first byte: that is one comparison instead of a call.
            in_order &= (name.first(), name) > (last.first(), last);
            last = name;
        }
        let upper_case = list.bytes().fold(false, |found, byte| found | byte.is_ascii_uppercase());
        Self { host, in_order: in_order && !upper_case }
    }
}

/// `keyid/date/region/service/term`.
struct Credential<'a> {
    access_key_id: &'a str,
    /// All but the access key id.
    scope: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
}

impl<'a> Credential<'a> {
    fn read(text: &'a str) -> Result<Self, AuthError> {
        let malformed = || AuthError::MalformedCredential(Echo::new(text));
        let (access_key_id, scope) = text.split_once('/').ok_or_else(malformed)?;
        let mut parts = scope.split('/');
        let mut next = || parts.next().ok_or_else(malformed);
        let (date, region, service, terminator) = (next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(malformed());
        }
        Ok(Self { access_key_id, scope, date, region, service, terminator })
    }
}

/// Everything that is wrong with a scope is told at once, as AWS does.
fn check_scope(credential: &Credential<'_>, policy: &Policy<'_>) -> Result<Region, AuthError> {
    let region = credential.region.parse();
    let service_ok = policy.services.contains(&credential.service);
    match region {
        Ok(region) if service_ok && credential.terminator == TERMINATOR => Ok(region),
        Ok(_) | Err(_) => Err(AuthError::WrongScope(Box::new(WrongScope {
            region: region.is_err().then(|| Echo::new(credential.region)),
            service: (!service_ok).then(|| Echo::new(policy.services.first().copied().unwrap_or_default())),
            terminator: (credential.terminator != TERMINATOR).then(|| Echo::new(credential.terminator)),
        }))),
    }
}

fn check_date(header: Option<&HeaderValue>, scope_date: &str) -> Result<(BasicTime, Timestamp), AuthError> {
    let bytes = header.map(HeaderValue::as_bytes).unwrap_or_default();
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_ascii();
    let (time, at) =
        BasicTime::read(text).ok_or_else(|| AuthError::MalformedDate(Echo::new(&String::from_utf8_lossy(bytes))))?;
    if time.date() != scope_date {
        return Err(AuthError::DateMismatch { scope: Echo::new(scope_date), at: Moment(at), header: Echo::new(text) });
    }
    Ok((time, at))
}

fn check_skew(at: Timestamp, now: Timestamp, skew_minutes: u32) -> Result<(), AuthError> {
    // Signatures know whole seconds.
    let now = Timestamp::from_millis(now.as_secs().saturating_mul(1000));
    let skew_millis = i64::from(skew_minutes) * 60_000;
    let (earliest, latest) = (now.plus_millis(-skew_millis), now.plus_millis(skew_millis));
    let (at_shown, now_shown) = (Moment(at), Moment(now));
    if at < earliest {
        return Err(AuthError::Expired { at: at_shown, earliest: Moment(earliest), now: now_shown, skew_minutes });
    }
    if at > latest {
        return Err(AuthError::NotYetCurrent { at: at_shown, latest: Moment(latest), now: now_shown, skew_minutes });
    }
    Ok(())
}

fn session_token(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let value = headers.get(&X_AMZ_SECURITY_TOKEN);
    value.map(|value| value.to_str().map_err(|_| AuthError::InvalidSessionToken)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_signed_headers() {
        for (list, host, in_order) in [
            ("host", true, true),
            ("content-type;host;x-amz-date", true, true),
            ("a;aa;ab;b", false, true),
            ("hosts;hot", false, true),
            ("", false, false),
            ("host;", true, false),
            (";host", true, false),
            ("host;host", true, false),
            ("x-amz-date;host", true, false),
            ("ab;aa;host", true, false),
            ("Host", false, false),
            ("A;host", true, false),
        ] {
            assert_eq!(SignedHeaders::read(list), SignedHeaders { host, in_order }, "{list}");
        }
    }
}
