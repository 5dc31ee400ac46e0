//! Requests as ready bytes, signed for the next five minutes, and the few calls that prepare them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, header};
use rustls::ClientConfig;
use serde_json::{Value, json};
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::{Clock, SystemClock};
use strongroom_crypto::digest::sha256;
use strongroom_wire::sigv4::{Credentials, Scope, sign};

use crate::Error;
use crate::stream::Stream;

/// Requests that differ, so that no two neighbours on the server are the same.
const VARIANTS: usize = 64;

const JSON: &str = "application/x-amz-json-1.1";

/// Who calls.
pub(crate) struct Caller {
    pub(crate) access_key_id: &'static str,
    pub(crate) secret: &'static str,
}

impl Caller {
    /// A call as bytes on the wire.
    pub(crate) fn request(&self, operation: &str, input: &Value) -> Result<Vec<u8>, Error> {
        let body = input.to_string();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert("x-amz-target", HeaderValue::from_str(&format!("TrentService.{operation}"))?);
        let secret = SecretBytes::copy_from(self.secret.as_bytes());
        sign(
            ("POST", "/", None),
            &mut headers,
            &sha256(body.as_bytes()),
            &Credentials { access_key_id: self.access_key_id, secret: &secret, session_token: None },
            &Scope { region: "us-east-1", service: "kms" },
            SystemClock.now(),
        )?;
        let mut bytes = b"POST / HTTP/1.1\r\n".to_vec();
        for (name, value) in &headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        Ok(bytes)
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    GenerateDataKey,
    Encrypt,
    Decrypt,
}

impl Operation {
    pub(crate) const ALL: [Self; 3] = [Self::GenerateDataKey, Self::Encrypt, Self::Decrypt];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
        }
    }
}

/// A server with a key, and a caller who may use it.
pub(crate) struct Target {
    caller: Caller,
    key_id: String,
    ciphertexts: Vec<String>,
}

impl Target {
    /// Makes a key, and ciphertexts to decrypt.
    pub(crate) fn prepare(caller: Caller, address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Error> {
        let mut stream = Stream::connect(address, tls)?;
        let key = call(&mut stream, &caller, "CreateKey", &json!({}))?;
        let key_id = text(&key["KeyMetadata"]["KeyId"])?;
        let mut target = Self { caller, key_id, ciphertexts: Vec::new() };
        for n in 0..VARIANTS {
            let reply = call(&mut stream, &target.caller, "Encrypt", &target.encrypt_input(n))?;
            target.ciphertexts.push(text(&reply["CiphertextBlob"])?);
        }
        Ok(target)
    }

    /// Requests of one operation, signed now.
    pub(crate) fn requests(&self, operation: Operation) -> Result<Vec<Vec<u8>>, Error> {
        (0..VARIANTS).map(|n| self.caller.request(operation.name(), &self.input(operation, n))).collect()
    }

    fn input(&self, operation: Operation, n: usize) -> Value {
        match operation {
            Operation::GenerateDataKey => json!({ "KeyId": self.key_id, "KeySpec": "AES_256" }),
            Operation::Encrypt => self.encrypt_input(n),
            Operation::Decrypt => json!({ "CiphertextBlob": self.ciphertexts[n] }),
        }
    }

    fn encrypt_input(&self, n: usize) -> Value {
        // 32 bytes in base64, another row each time.
        let plaintext = format!("{}{n:02}AAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAAAA");
        json!({ "KeyId": self.key_id, "Plaintext": plaintext })
    }
}

/// A member of a reply that is text.
pub(crate) fn text(value: &Value) -> Result<String, Error> {
    value.as_str().map(str::to_owned).ok_or_else(|| "a reply lacks a member".into())
}

/// One call, answered with 200.
pub(crate) fn call(stream: &mut Stream, caller: &Caller, operation: &str, input: &Value) -> Result<Value, Error> {
    stream.send(&caller.request(operation, input)?)?;
    let since = Instant::now();
    let mut reply = Vec::new();
    while since.elapsed() < Duration::from_secs(10) {
        let mut chunk = [0; 4096];
        if let Some(read) = stream.receive(&mut chunk)? {
            reply.extend_from_slice(&chunk[..read]);
            let body = reply.windows(4).position(|window| window == b"\r\n\r\n").map(|at| &reply[at + 4..]);
            if !reply.starts_with(b"HTTP/1.1 200 ") && body.is_some_and(|body| body.ends_with(b"}")) {
                return Err(format!("{operation}: {}", String::from_utf8_lossy(&reply)).into());
            }
            if let Some(Ok(value)) = body.map(serde_json::from_slice) {
                return Ok(value);
            }
        } else {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
    Err(format!("{operation}: no reply").into())
}
