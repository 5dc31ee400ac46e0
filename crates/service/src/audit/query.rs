//! What is in a log: events that fit a question, in the order of the log.
//!
//! # Not here
//! Whether the log is whole: `verify` says so. A question reads lines as they are.

use std::io;
use std::path::{Path, PathBuf};

use memchr::memmem;
use serde_json::Value;
use strongroom_core::world::Timestamp;
use strongroom_wire::time::parse_iso8601;

use super::chain::{self, Line};
use super::verify::{Lines, open};

/// What is asked for; whatever is absent fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// A key's id or ARN, or an alias's ARN.
    pub key: Option<String>,
    /// An ARN, a user name, a unique id, an access key id or an account of who called.
    pub principal: Option<String>,
    /// The operation's name.
    pub operation: Option<String>,
    /// An error's code, or `any`.
    pub error: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

impl Question {
    /// Whether an event fits.
    pub fn fits(&self, event: &Value) -> bool {
        let is = |wanted: &Option<String>, fits: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(fits);
        is(&self.operation, &|name| event["eventName"] == name)
            && is(&self.error, &|code| match event["errorCode"].as_str() {
                None => false,
                Some(found) => code == "any" || found == code,
            })
            && is(&self.key, &|key| is_about(event, key))
            && is(&self.principal, &|principal| is_by(event, principal))
            && self.is_in_time(event)
    }

    fn is_in_time(&self, event: &Value) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some(at) = event["eventTime"].as_str().and_then(parse_iso8601) else { return false };
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    /// Whether a line cannot fit, seen without taking it apart.
    fn is_ruled_out(&self, event: &[u8]) -> bool {
        let texts = [&self.key, &self.principal, &self.operation].into_iter().flatten();
        let error = self.error.iter().filter(|code| *code != "any");
        // What JSON writes otherwise than it is cannot be looked for so.
        let plain = texts
            .chain(error)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'));
        plain.into_iter().any(|text| memmem::find(event, text.as_bytes()).is_none())
    }
}

fn is_about(event: &Value, key: &str) -> bool {
    let named = |arn: &str| arn == key || arn.rsplit_once('/').is_some_and(|(_, id)| id == key);
    let resources = event["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    resources.iter().any(|resource| resource["ARN"].as_str().is_some_and(named))
        || event["requestParameters"]["keyId"].as_str().is_some_and(named)
}

fn is_by(event: &Value, principal: &str) -> bool {
    let identity = &event["userIdentity"];
    ["arn", "userName", "principalId", "accessKeyId", "accountId"].iter().any(|member| identity[*member] == principal)
        || identity["sessionContext"]["sessionIssuer"]["arn"] == principal
}

/// Gives every event of these files that fits to `found`, until that says that it has enough.
///
/// # Errors
/// When a file cannot be read, or has a line that is not of a log.
pub fn query(
    files: &[PathBuf],
    question: &Question,
    found: &mut dyn FnMut(&[u8], Value) -> bool,
) -> Result<(), (PathBuf, io::Error)> {
    for path in files {
        match query_file(path, question, found) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err((path.clone(), error)),
        }
    }
    Ok(())
}

fn query_file(path: &Path, question: &Question, found: &mut dyn FnMut(&[u8], Value) -> bool) -> io::Result<bool> {
    let mut lines = Lines::new(open(path)?);
    while let Some(line) = lines.next()? {
        // The last line of a server that is writing may not be whole yet.
        if line.last() != Some(&b'\n') {
            return Ok(true);
        }
        let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem.to_owned());
        let (_, Line::Event(json)) = chain::parse(line, None).map_err(invalid)? else { continue };
        if question.is_ruled_out(json) {
            continue;
        }
        let event: Value = serde_json::from_slice(json).map_err(|_| invalid("an event is not JSON"))?;
        if question.fits(&event) && !found(json, event) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn questions_find_what_they_ask_for() {
        let event = json!({
            "eventTime": "2026-09-21T13:46:40Z",
            "eventName": "Decrypt",
            "errorCode": "AccessDenied",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "userName": "alice", "accountId": "111122223333"},
            "requestParameters": {"keyId": "alias/app"},
            "resources": [{"ARN": "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}],
        });
        let at = |text: &str| parse_iso8601(text);
        let text = |text: &str| Some(text.to_owned());
        let none = Question::default;
        #[track_caller]
        fn check_raw(question: &Question, event: &Value, expect: bool) {
            assert_eq!(question.fits(event), expect, "{question:?}");
            let raw = event.to_string();
            assert!(!(expect && question.is_ruled_out(raw.as_bytes())), "{question:?} is ruled out");
        }
        let check = |question: Question, expect| check_raw(&question, &event, expect);
        check(none(), true);
        check(Question { operation: text("Decrypt"), ..none() }, true);
        check(Question { operation: text("decrypt"), ..none() }, false);
        check(Question { error: text("any"), ..none() }, true);
        check(Question { error: text("AccessDenied"), ..none() }, true);
        check(Question { error: text("NotFoundException"), ..none() }, false);
        check(Question { key: text("1234abcd-12ab-34cd-56ef-1234567890ab"), ..none() }, true);
        check(Question { key: text("1234abcd"), ..none() }, false);
        check(Question { principal: text("alice"), ..none() }, true);
        check(Question { principal: text("arn:aws:iam::111122223333:user/alice"), ..none() }, true);
        check(Question { principal: text("111122223333"), ..none() }, true);
        check(Question { principal: text("bob"), ..none() }, false);
        check(Question { since: at("2026-09-21T13:46:40Z"), ..none() }, true);
        check(Question { since: at("2026-09-21T13:46:41Z"), ..none() }, false);
        check(Question { until: at("2026-09-21T13:46:40Z"), ..none() }, false);
        check(Question { until: at("2026-09-22T00:00:00Z"), operation: text("Decrypt"), ..none() }, true);
    }
}
