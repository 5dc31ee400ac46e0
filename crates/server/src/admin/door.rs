//! Who is let in, and to which route.
//!
//! Order: the route, then who may use it, so that a stranger in `serve` learns which routes there are (they are in the
//! documentation) and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use strongroom_core::ids::RequestId;
use strongroom_core::secret::constant_time_eq;
use strongroom_core::world::Rng;
use strongroom_crypto::rng::SystemRng;
use strongroom_service::{Mode, Refusal, Reply, Request};

use super::{Access, Admin, Answered, Call, Problem, Route, TABLES};
use crate::net::Answer;

impl Answer for Admin {
    async fn answer(self: &Arc<Self>, request: Request<'_>) -> Reply {
        let answered = match find(&request).and_then(|route| self.admit(route, &request)) {
            Ok(route) => self.ask(route, &request).await,
            Err(problem) => Err(problem),
        };
        reply(answered.unwrap_or_else(Answered::from))
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        reply(Answered::from(match refusal {
            Refusal::BodyTooLarge => Problem::BadRequest("the body is too large".to_owned()),
            Refusal::HeadTooLarge => Problem::BadRequest("the head is too large".to_owned()),
            Refusal::BadRequest => Problem::BadRequest("this is not HTTP as it should be".to_owned()),
            Refusal::Timeout => Problem::Unavailable("it took too long"),
            Refusal::Overloaded => Problem::Unavailable("too many connections"),
        }))
    }
}

impl Admin {
    /// Whether the request may use the route.
    fn admit(&self, route: &'static Route, request: &Request<'_>) -> Result<&'static Route, Problem> {
        match (route.access, self.mode) {
            (Access::Open, Mode::Serve) => Ok(route),
            (Access::Open | Access::Operator | Access::Dev, Mode::Dev) => {
                refuse_browsers(request)?;
                Ok(route)
            }
            (Access::Operator, Mode::Serve) => {
                self.check_token(request)?;
                Ok(route)
            }
            (Access::Dev, Mode::Serve) => Err(no_such_route(request)),
        }
    }

    fn check_token(&self, request: &Request<'_>) -> Result<(), Problem> {
        if !request.peer.is_loopback() {
            return Err(Problem::Forbidden("from another machine only /healthz, /readyz and /metrics answer"));
        }
        let given = request.headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        match (given, &self.token) {
            (Some(given), Some(token)) if constant_time_eq(given, token.expose()) => Ok(()),
            (Some(_), _) => Err(Problem::Forbidden("the admin token is not that of this run of the server")),
            (None, _) => Err(Problem::Forbidden(
                "the admin token is missing: send the text of admin.token, in the data directory, as \
                 Authorization: Bearer",
            )),
        }
    }

    /// Runs the handler. A panic in it ends this call alone.
    async fn ask(&self, route: &Route, request: &Request<'_>) -> Result<Answered, Problem> {
        let call = Call { query: request.query, headers: request.headers, body: request.body };
        let answering = AssertUnwindSafe(async { (route.handler)(self, call).await });
        answering
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(Problem::Failed("a bug: the handler panicked".to_owned())))
    }
}

fn find(request: &Request<'_>) -> Result<&'static Route, Problem> {
    let mut routes = TABLES.iter().copied().flatten();
    let found = routes.find(|route| route.path == request.path && route.method == request.method);
    found.ok_or_else(|| no_such_route(request))
}

fn no_such_route(request: &Request<'_>) -> Problem {
    let other =
        TABLES.iter().copied().flatten().find(|route| route.path == request.path && route.access != Access::Dev);
    Problem::NotFound(match other {
        Some(route) if route.method != request.method => format!("{} takes {}", route.path, route.method),
        Some(_) | None => "there is no such route".to_owned(),
    })
}

/// A page in a browser can send requests to this machine: they carry an Origin, or the name of the page's own host.
fn refuse_browsers(request: &Request<'_>) -> Result<(), Problem> {
    if request.headers.contains_key(ORIGIN) {
        return Err(Problem::Forbidden("requests of web pages are refused (there is an Origin header)"));
    }
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok());
    match host.is_some_and(is_this_machine) {
        true => Ok(()),
        false => Err(Problem::Forbidden("the Host header must name this machine, such as localhost or 127.0.0.1")),
    }
}

/// Whether a Host header names this machine: with or without a port, and never by a name that someone else resolves.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().map(IpAddr::V6),
        None => name.parse::<Ipv4Addr>().map(IpAddr::V4),
    };
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn reply(answered: Answered) -> Reply {
    let Answered { status, content_type, body } = answered;
    let mut random = [0; 16];
    // Without randomness the id is all zeros; it names a request, it protects nothing.
    let _ = SystemRng.fill(&mut random);
    Reply { status, request_id: RequestId::from_random(random), content_type, body: body.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_this_machine() {
        check("localhost", true);
        check("LOCALHOST:4600", true);
        check("127.0.0.1:4600", true);
        check("127.1.2.3", true);
        check("[::1]:4600", true);
        check("[::1]", true);
        check("", false);
        check(":4600", false);
        check("::1", false);
        check("localhost.example.com", false);
        check("127.0.0.1.example.com:4600", false);
        check("example.com:4600", false);
        check("localhost:evil", false);
        check("192.0.2.1:4600", false);
        check("[::2]:4600", false);
        check("[127.0.0.1]", false);

        #[track_caller]
        fn check(host: &str, ours: bool) {
            assert_eq!(is_this_machine(host), ours, "{host}");
        }
    }
}
