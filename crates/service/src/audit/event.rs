//! The event of CloudTrail, in JSON (behaviours 13).
//!
//! # Invariant
//! Text of a caller is escaped by the one JSON writer of `wire`; an event has no line break, so it is one line of a file.

use strongroom_core::ids::{AccountId, KeyMaterialId, Region, RequestId};
use strongroom_core::world::Timestamp;
use strongroom_wire::json::Object;
use strongroom_wire::time::iso8601;

use super::entry::{Entry, Failure, KMS, Noted, Origin, Resource};
use super::principal;
use crate::context::Circumstances;

/// What AWS calls itself.
pub(super) const INTERNAL: &str = "AWS Internal";

/// Of a text that a stranger can choose, this many bytes are kept.
const AGENT_BYTES_MAX: usize = 1024;

/// Of the text of a failure, which may print all that a request had, this many bytes are kept.
const ERROR_BYTES_MAX: usize = 16 << 10;

/// One event: a line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: RequestId,
    pub(crate) json: Vec<u8>,
}

/// In whose trail an event stands.
#[derive(Clone, Copy)]
pub(super) enum Recipient {
    /// The caller's, with the id that it shares with others' events if there are any.
    Caller(Option<RequestId>),
    /// That of the account whose key was used.
    Owner(AccountId, Option<RequestId>),
}

/// The members that are known when a call begins.
pub(super) fn head(origin: &Origin<'_>) -> Vec<u8> {
    let Circumstances { peer, user_agent, .. } = origin.circumstances;
    members(|members| {
        members.text("eventTime", Some(&iso8601(origin.time)));
        members.text("eventSource", Some(origin.called.source));
        members.text("eventName", Some(shortened(&origin.called.operation)));
        members.text("awsRegion", origin.region.as_ref().map(Region::as_str));
        members.text("sourceIPAddress", Some(&peer.to_string()));
        members.text("userAgent", user_agent.map(shortened));
    })
}

/// The same for what the service does by itself.
pub(super) fn service_head(name: &'static str, region: Region, time: Timestamp) -> Vec<u8> {
    members(|members| {
        members.text("eventTime", Some(&iso8601(time)));
        members.text("eventSource", Some(KMS));
        members.text("eventName", Some(name));
        members.text("awsRegion", Some(region.as_str()));
        members.text("sourceIPAddress", Some(INTERNAL));
        members.text("userAgent", Some(INTERNAL));
    })
}

/// The same for what the operator does, through the admin listener.
pub(super) fn operator_head(name: &'static str, time: Timestamp) -> Vec<u8> {
    members(|members| {
        members.text("eventTime", Some(&iso8601(time)));
        members.text("eventSource", Some("admin.strongroom"));
        members.text("eventName", Some(name));
        members.text("sourceIPAddress", Some(INTERNAL));
        members.text("userAgent", Some(INTERNAL));
    })
}

/// What happened to the log itself. `details` are members of `serviceEventDetails`.
pub(super) fn of_log(name: &'static str, id: RequestId, time: Timestamp, details: &[u8]) -> Event {
    let json = Object::build(|members| {
        members.text("eventVersion", Some("1.11"));
        members.raw("userIdentity", Some(br#"{"type":"AWSService","invokedBy":"strongroom"}"#));
        members.text("eventTime", Some(&iso8601(time)));
        members.text("eventSource", Some("audit.strongroom"));
        members.text("eventName", Some(name));
        members.text("sourceIPAddress", Some(INTERNAL));
        members.text("userAgent", Some(INTERNAL));
        members.null("requestParameters");
        members.null("responseElements");
        members.text("eventID", Some(id.as_str()));
        members.boolean("readOnly", Some(false));
        members.raw("resources", Some(b"[]"));
        members.text("eventType", Some("AwsServiceEvent"));
        members.boolean("managementEvent", Some(true));
        members.raw("serviceEventDetails", Some(&braced(details)));
        members.text("eventCategory", Some("Management"));
    });
    Event { id, json }
}

/// `tlsDetails`.
pub(super) fn tls(circumstances: &Circumstances<'_>) -> Option<Vec<u8>> {
    let Circumstances { tls, host, .. } = *circumstances;
    if tls.is_none() && host.is_none() {
        return None;
    }
    Some(Object::build(|members| {
        members.text("tlsVersion", tls.map(|tls| tls.version));
        members.text("cipherSuite", tls.map(|tls| tls.cipher_suite.as_str()));
        members.text("clientProvidedHostHeader", host.map(shortened));
        members.text("keyExchange", tls.and_then(|tls| tls.key_exchange.as_deref()));
    }))
}

/// The event for one recipient.
pub(super) fn of(
    entry: &Entry,
    noted: &Noted,
    id: RequestId,
    failure: Option<Failure<'_>>,
    recipient: Recipient,
) -> Event {
    let owner_sees = match (recipient, &entry.caller) {
        (Recipient::Owner(..), Some(caller)) => Some(principal::stranger(caller)),
        (Recipient::Owner(..) | Recipient::Caller(_), _) => None,
    };
    let own = match &entry.caller {
        Some(caller) => caller.account().or(noted.proven.as_ref().map(|(_, account)| *account)),
        None if entry.service_event => {
            let named = noted.proven.as_ref().map(|(_, account)| *account);
            named.or_else(|| noted.resources.first().map(Resource::account))
        }
        None => None,
    };
    let (account, shared) = match recipient {
        Recipient::Caller(shared) => (own, shared),
        Recipient::Owner(owner, shared) => (Some(owner), shared),
    };
    let mut json = Vec::with_capacity(1024);
    json.extend_from_slice(b"{\"eventVersion\":\"1.11\",\"userIdentity\":");
    let proven = noted.proven.as_ref().map(|(identity, _)| identity);
    json.extend_from_slice(owner_sees.as_ref().or(proven).unwrap_or(&entry.identity));
    json.push(b',');
    json.extend_from_slice(&entry.head);
    Object::members(&mut json, |members| {
        members.text("errorCode", failure.map(|failure| error_code(failure.code)));
        members
            .text("errorMessage", failure.and_then(|failure| failure.message).map(|text| up_to(text, ERROR_BYTES_MAX)));
        members.raw("requestParameters", Some(&request_parameters(noted)));
        members.raw("responseElements", Some(&response_elements(noted, failure.is_some())));
        members.raw("additionalEventData", additional_event_data(noted).as_deref());
        members.text("requestID", entry.request_id.as_ref().map(RequestId::as_str));
        members.text("eventID", Some(id.as_str()));
        members.boolean("readOnly", Some(entry.read_only));
        members.raw("resources", Some(&resources(noted)));
        members.text("eventType", Some(if entry.service_event { "AwsServiceEvent" } else { "AwsApiCall" }));
        members.boolean("managementEvent", Some(true));
        members.text("recipientAccountId", account.as_ref().map(AccountId::as_str));
        members.text("sharedEventID", shared.as_ref().map(RequestId::as_str));
        members.raw("serviceEventDetails", noted.details.as_deref().map(braced).as_deref());
        members.text("eventCategory", Some("Management"));
        members.raw("tlsDetails", entry.tls.as_deref());
    });
    json.push(b'}');
    Event { id, json }
}

/// The one error that CloudTrail calls otherwise than the API does.
fn error_code(code: &str) -> &str {
    if code == "AccessDeniedException" { "AccessDenied" } else { code }
}

fn request_parameters(noted: &Noted) -> Vec<u8> {
    let Some(parameters) = &noted.parameters else { return b"null".to_vec() };
    let resolved = noted.resolved.as_ref().and_then(|(member, sent)| {
        let arn = first_key(noted);
        let value = arn.as_deref().or(sent.as_deref())?;
        Some(members(|members| members.text(member, Some(value))))
    });
    braced_or_null(&[resolved.as_deref().unwrap_or_default(), parameters])
}

fn response_elements(noted: &Noted, failed: bool) -> Vec<u8> {
    if failed {
        return b"null".to_vec();
    }
    let key = first_key(noted).filter(|_| noted.response_tells_key);
    let key = key.map_or_else(Vec::new, |arn| members(|members| members.text("keyId", Some(&arn))));
    braced_or_null(&[&noted.response, &key])
}

fn additional_event_data(noted: &Noted) -> Option<Vec<u8>> {
    let hex = |id: &KeyMaterialId| id.to_string();
    let data = members(|members| {
        match noted.materials.as_slice() {
            [] => {}
            [one] => members.text("keyMaterialId", Some(&hex(one))),
            [source, destination, ..] => {
                members.text("sourceKeyMaterialId", Some(&hex(source)));
                members.text("destinationKeyMaterialId", Some(&hex(destination)));
            }
        }
        members.text("grantId", noted.grant.map(|id| id.to_string()).as_deref());
    });
    if data.is_empty() { None } else { Some(braced(&data)) }
}

fn resources(noted: &Noted) -> Vec<u8> {
    let mut out = vec![b'['];
    for (at, resource) in noted.resources.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let arn = match resource {
            Resource::Key(arn) => arn.to_string(),
            Resource::Alias(arn) => arn.to_string(),
        };
        out.extend(Object::build(|members| {
            members.text("accountId", Some(resource.account().as_str()));
            members.text("type", Some("AWS::KMS::Key"));
            members.text("ARN", Some(&arn));
        }));
    }
    out.push(b']');
    out
}

fn first_key(noted: &Noted) -> Option<String> {
    noted.resources.iter().find_map(|resource| match resource {
        Resource::Key(arn) => Some(arn.to_string()),
        Resource::Alias(_) => None,
    })
}

/// Members without the braces around them.
pub(crate) fn members(write: impl FnOnce(&mut Object<'_, Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    Object::members(&mut out, write);
    out
}

fn braced(members: &[u8]) -> Vec<u8> {
    [b"{", members, b"}"].concat()
}

fn braced_or_null(parts: &[&[u8]]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { b"null".to_vec() } else { braced(&parts.join(&b","[..])) }
}

fn shortened(text: &str) -> &str {
    up_to(text, AGENT_BYTES_MAX)
}

fn up_to(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
