//! What a route is: a method, a path, who may use it, and a function from a call to an answer.

use std::future::Future;
use std::pin::Pin;

use http::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Admin;

/// One line of a table.
pub struct Route {
    /// `GET` for what changes nothing, `POST` for what does or needs a body.
    pub method: &'static str,
    /// The whole path; what varies stands in the query or the body.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What answers: `|admin, call| Box::pin(noun::verb(admin, call))`.
    pub handler: Handler,
}

/// A route's function.
pub type Handler = for<'a> fn(&'a Admin, Call<'a>) -> Answering<'a>;

/// An answer on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answered, Problem>> + Send + 'a>>;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches the listener: probes and scrapers have no token.
    Open,
    /// In `serve`, who has the token; in `dev`, any program on this machine.
    Operator,
    /// Any program on this machine, in `dev` alone.
    Dev,
}

/// A call that was let in.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// What follows `?`, as it came.
    pub query: Option<&'a str>,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl Call<'_> {
    /// The body as JSON; an empty one counts as `{}`.
    ///
    /// # Errors
    /// [`Problem::BadRequest`], with the place and without the text of what does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body = if self.body.is_empty() { b"{}" } else { self.body };
        serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::BadRequest(format!("the body does not have the expected JSON form (line {line}, column {column})"))
        })
    }

    /// A parameter of the query, percent-decoding left out: names, numbers and identifiers need none.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// An answer.
pub struct Answered {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

impl Answered {
    /// A JSON answer.
    ///
    /// # Errors
    /// [`Problem::Failed`] when the value has no JSON form, such as a map whose keys are no strings.
    pub fn json(value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|error| Problem::Failed(error.to_string()))?;
        Ok(Self { status: 200, content_type: "application/json", body })
    }

    /// An answer of another type.
    pub fn text(content_type: &'static str, text: String) -> Self {
        Self { status: 200, content_type, body: text.into_bytes() }
    }

    /// The same under another status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// Why there is no answer. The text is for the operator, and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The question makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The caller may not ask.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Something stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// Too much, too slow or too many.
    #[error("{0}")]
    Unavailable(&'static str),
    /// The work failed.
    #[error("{0}")]
    Failed(String),
}

impl Problem {
    /// The status and the word for it.
    const fn kind(&self) -> (u16, &'static str) {
        match self {
            Self::BadRequest(_) => (400, "bad_request"),
            Self::Forbidden(_) => (403, "forbidden"),
            Self::NotFound(_) => (404, "not_found"),
            Self::Conflict(_) => (409, "conflict"),
            Self::Unavailable(_) => (503, "unavailable"),
            Self::Failed(_) => (500, "failed"),
        }
    }
}

impl From<Problem> for Answered {
    fn from(problem: Problem) -> Self {
        let (status, error) = problem.kind();
        let body = serde_json::json!({ "error": error, "message": problem.to_string() });
        Self { status, content_type: "application/json", body: body.to_string().into_bytes() }
    }
}
