//! Why a request is not authenticated, in AWS's words (behaviours 1.8).

use std::fmt;

use strongroom_core::ids::Region;
use strongroom_core::world::Timestamp;

use super::time::BasicTime;

/// Most bytes of a caller's own text that an error repeats. AWS repeats all of it; a reply need not be that long.
const ECHO_MAX: usize = 1024;

/// Why a request is not authenticated. `Display` is the message of the reply.
///
/// [`parse`](super::parse()) and [`verify`](super::Unverified::verify) give all but the last three, which are for the
/// one who looks access keys and sessions up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No `Authorization` header.
    #[error("Missing Authentication Token")]
    MissingAuthenticationToken,
    /// The header lacks parts, or there is no date.
    #[error("{missing} Authorization={authorization}")]
    Incomplete {
        /// Which.
        missing: MissingParts,
        /// The header.
        authorization: Echo,
    },
    /// All parts are there, and something else that is no part.
    #[error("'{piece}' not a valid key=value pair (missing equal-sign) in Authorization header: '{authorization}'.")]
    NotAPair {
        /// What stands between two commas.
        piece: Echo,
        /// The header.
        authorization: Echo,
    },
    /// Another algorithm than ours.
    #[error("Unsupported AWS 'algorithm': '{0}'.")]
    UnsupportedAlgorithm(Echo),
    /// Not an access key id and a scope of four parts.
    #[error("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{0}'")]
    MalformedCredential(Echo),
    /// The signature would hold for any host.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// The scope is for something else.
    #[error("{0}")]
    WrongScope(Box<WrongScope>),
    /// The request's date is in no form that we read.
    #[error("Date must be in ISO-8601 'basic format'. Got '{0}'. See http://en.wikipedia.org/wiki/ISO_8601")]
    MalformedDate(Echo),
    /// The scope is for another day.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         '{scope}' != '{}', from '{header}'.", at.date()
    )]
    DateMismatch {
        /// The scope's day.
        scope: Echo,
        /// The request's time.
        at: Moment,
        /// As the request wrote it.
        header: Echo,
    },
    /// Signed too long ago.
    #[error("Signature expired: {at} is now earlier than {earliest} ({now} - {skew_minutes} min.)")]
    Expired {
        /// When it was signed.
        at: Moment,
        /// When it should have been signed, at the earliest.
        earliest: Moment,
        /// When it arrived.
        now: Moment,
        /// How far the two may be apart.
        skew_minutes: u32,
    },
    /// Signed in the future.
    #[error("Signature not yet current: {at} is still later than {latest} ({now} + {skew_minutes} min.)")]
    NotYetCurrent {
        /// When it says it was signed.
        at: Moment,
        /// When it could have been signed, at the latest.
        latest: Moment,
        /// When it arrived.
        now: Moment,
        /// How far the two may be apart.
        skew_minutes: u32,
    },
    /// Another secret, or not what was signed.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    SignatureMismatch,
    /// Nobody has this access key id.
    #[error("The security token included in the request is invalid.")]
    UnknownAccessKey,
    /// The session token is not one that was given out with this access key.
    #[error("The security token included in the request is invalid.")]
    InvalidSessionToken,
    /// The session is over.
    #[error("The security token included in the request is expired")]
    ExpiredSessionToken,
}

/// Which parts the `Authorization` header lacks. `Display` names each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingParts {
    /// `Credential=`
    pub credential: bool,
    /// `Signature=`
    pub signature: bool,
    /// `SignedHeaders=`
    pub signed_headers: bool,
    /// Neither `X-Amz-Date` nor `Date` is a header.
    pub date: bool,
}

impl fmt::Display for MissingParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            (self.credential, "Authorization header requires 'Credential' parameter."),
            (self.signature, "Authorization header requires 'Signature' parameter."),
            (self.signed_headers, "Authorization header requires 'SignedHeaders' parameter."),
            (self.date, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."),
        ];
        let mut space = "";
        for (_, text) in rows.iter().filter(|(missing, _)| *missing) {
            write!(f, "{space}{text}")?;
            space = " ";
        }
        Ok(())
    }
}

impl AuthError {
    /// The scope's Region is one, but is not served here.
    pub fn wrong_region(region: Region) -> Self {
        let region = Some(Echo::new(region.as_str()));
        Self::WrongScope(Box::new(WrongScope { region, ..WrongScope::default() }))
    }
}

/// Which parts of a credential scope are not what this service takes. `Display` names each of them, and ends with the
/// space that AWS ends them with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrongScope {
    /// The Region that is none.
    pub region: Option<Echo>,
    /// The service that it should have been.
    pub service: Option<Echo>,
    /// What stands in the place of `aws4_request`.
    pub terminator: Option<Echo>,
}

impl fmt::Display for WrongScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(region) = &self.region {
            write!(f, "Credential should be scoped to a valid region, not '{region}'. ")?;
        }
        if let Some(service) = &self.service {
            write!(f, "Credential should be scoped to correct service: '{service}'. ")?;
        }
        if let Some(terminator) = &self.terminator {
            let right = super::TERMINATOR;
            write!(f, "Credential should be scoped with a valid terminator: '{right}', not '{terminator}'. ")?;
        }
        Ok(())
    }
}

/// A caller's own text, repeated to that caller; cut where it is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo(Box<str>);

impl Echo {
    /// Takes `text`, or its beginning.
    pub(super) fn new(text: &str) -> Self {
        let cut = (0..=ECHO_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        Self(text[..cut].into())
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time as signatures write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub(super) Timestamp);

impl Moment {
    fn date(self) -> String {
        BasicTime::from(self.0).date().to_owned()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BasicTime::from(self.0).as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoes_are_cut_between_characters() {
        let long = "é".repeat(ECHO_MAX);
        assert_eq!(Echo::new(&long).to_string(), "é".repeat(ECHO_MAX / 2));
        let odd = format!("a{long}");
        assert_eq!(Echo::new(&odd).to_string().len(), ECHO_MAX - 1);
        assert_eq!(Echo::new("short").to_string(), "short");
    }
}
