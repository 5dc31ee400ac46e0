//! The Query protocol of IAM and STS: parameters of a form in, XML out.
//!
//! - [`form`]: what a request says, typed and held against the model's constraints;
//! - [`xml`]: the reply to a success;
//! - [`Fault`]: the reply to a failure;
//! - [`iam`] and [`sts`]: shapes, constraints and operations of the two APIs, generated.
//!
//! # Invariants
//! - A typed input exists only when every constraint of the model holds for it.
//! - A parameter that stands twice is no request: two readers could take different ones.
//! - Replies are XML 1.0 whatever a text holds.
//!
//! # Not here
//! What the operations do (`service`). Signatures (`sigv4`).

mod fault;
pub mod form;
pub mod generated;
pub mod iam;
pub mod sts;
pub mod xml;

use std::fmt;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

pub use fault::Fault;
pub use generated::faults::ErrorCode;

use form::Form;

/// The content type of requests.
pub const CONTENT_TYPE_FORM: &str = "application/x-www-form-urlencoded";

/// The content type of replies.
pub const CONTENT_TYPE_XML: &str = "text/xml";

/// An API that speaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Identity and Access Management.
    Iam,
    /// The Security Token Service.
    Sts,
}

impl Api {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Iam, Self::Sts];

    /// How credential scopes and policy actions call it.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    /// The version that requests name.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Iam => iam::VERSION,
            Self::Sts => sts::VERSION,
        }
    }

    /// The namespace of replies.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Iam => iam::NAMESPACE,
            Self::Sts => sts::NAMESPACE,
        }
    }

    /// How its own messages call it.
    const fn title(self) -> &'static str {
        match self {
            Self::Iam => "AmazonIdentityManagement",
            Self::Sts => "AWSSecurityTokenService",
        }
    }
}

/// An operation of one of the APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpName {
    /// One of IAM.
    Iam(iam::OpName),
    /// One of STS.
    Sts(sts::OpName),
}

impl OpName {
    /// Every operation of both APIs.
    pub fn all() -> impl Iterator<Item = Self> {
        let iam = iam::OpName::ALL.iter().map(|op| Self::Iam(*op));
        iam.chain(sts::OpName::ALL.iter().map(|op| Self::Sts(*op)))
    }

    /// Whose it is.
    pub const fn api(self) -> Api {
        match self {
            Self::Iam(_) => Api::Iam,
            Self::Sts(_) => Api::Sts,
        }
    }

    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iam(op) => op.as_str(),
            Self::Sts(op) => op.as_str(),
        }
    }

    /// Whether it changes nothing.
    pub const fn is_read_only(self) -> bool {
        match self {
            Self::Iam(op) => op.is_read_only(),
            Self::Sts(op) => op.is_read_only(),
        }
    }

    /// Whether a request for it comes without a signature.
    pub const fn is_unsigned(self) -> bool {
        match self {
            Self::Iam(op) => op.is_unsigned(),
            Self::Sts(op) => op.is_unsigned(),
        }
    }

    fn find(api: Api, name: &str) -> Option<Self> {
        match api {
            Api::Iam => name.parse().ok().map(Self::Iam),
            Api::Sts => name.parse().ok().map(Self::Sts),
        }
    }
}

impl fmt::Display for OpName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A request that names no operation of ours: whose namespace the reply has, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The API that seems to be meant.
    pub api: Api,
    /// What the reply says.
    pub fault: Fault,
}

/// Where the parameters of a request stand, if it is one of this protocol.
///
/// They are the body of a `POST /` whose content type is a form, or the query string of a `GET /` that names an action.
pub fn parameters<'a>(
    method: &str,
    path: &str,
    query: Option<&'a str>,
    headers: &HeaderMap,
    body: &'a [u8],
) -> Option<&'a [u8]> {
    match (method, path) {
        ("POST", "/") if headers.get(CONTENT_TYPE).is_some_and(|value| is_form(value.as_bytes())) => Some(body),
        ("GET", "/") => {
            let query = query?;
            let names_action = query.split('&').any(|pair| pair.starts_with("Action="));
            (names_action && body.is_empty()).then_some(query.as_bytes())
        }
        _ => None,
    }
}

/// The media type alone counts, in any case; parameters such as `charset=utf-8` do not.
pub fn is_form(content_type: &[u8]) -> bool {
    let end = content_type.iter().position(|byte| *byte == b';').unwrap_or(content_type.len());
    content_type[..end].trim_ascii().eq_ignore_ascii_case(CONTENT_TYPE_FORM.as_bytes())
}

/// Names the operation by `Action` and `Version`.
///
/// # Errors
/// [`Unresolved`], with `MissingAction`, `NoSuchVersion` or `InvalidAction`.
pub fn resolve(form: &Form<'_>) -> Result<OpName, Unresolved> {
    let version = form.get("Version");
    let named = version.and_then(|version| Api::ALL.iter().find(|api| api.version() == version).copied());
    let Some(action) = form.get("Action") else {
        let fault = Fault::new(ErrorCode::MissingAction, "The request is missing an action or a required parameter.");
        return Err(Unresolved { api: named.unwrap_or(Api::Sts), fault });
    };
    let Some(api) = named else {
        let owner = Api::ALL.iter().find(|api| OpName::find(**api, action).is_some()).copied().unwrap_or(Api::Sts);
        let fault = Fault::new(
            ErrorCode::NoSuchVersion,
            format!(
                "The requested version ({}) of service {} does not exist",
                fault::echo(version.unwrap_or_default()),
                owner.title()
            ),
        );
        return Err(Unresolved { api: owner, fault });
    };
    OpName::find(api, action).ok_or_else(|| Unresolved { api, fault: Fault::no_such_action(api, action) })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod tests;
