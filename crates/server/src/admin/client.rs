//! The command line's side of the admin listener: finds a running server and asks it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use strongroom_core::secret::SecretBytes;
use strongroom_service::Mode;
use tokio::net::TcpStream;

use super::{dev, token};
use crate::config::{Config, ConfigError, read_secret_file};
use crate::net::{MODE, Whole, read_whole};

/// Where `strongroom dev` has its admin listener unless it is told otherwise.
pub const DEV_ADDRESS: &str = "127.0.0.1:4600";

/// How long connecting to this machine may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer that is taken.
const ANSWER_MAX_BYTES: usize = 64 << 20;

/// Which server a command speaks to. Flatten this into a command's arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which server")]
pub struct AdminOptions {
    /// The admin address of the running server [default: that of the configuration, or 127.0.0.1:4600 of `strongroom dev`].
    #[arg(long, value_name = "ADDR", env = "STRONGROOM_ADMIN")]
    admin: Option<SocketAddr>,
    /// The file with its admin token [default: admin.token in the data directory of the configuration].
    #[arg(long, value_name = "FILE", env = "STRONGROOM_ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
    /// The configuration file of the running `strongroom serve`, which names both.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why a server gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The configuration file cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration has no admin listener.
    #[error("{} has no admin listener; add: [admin] and listen = \"127.0.0.1:8444\"", .0.display())]
    NoListener(PathBuf),
    /// No token.
    #[error("cannot read the admin token {}: {error}; is the server running, and are you its user?", path.display())]
    Token {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Nobody answers.
    #[error("no server answers on the admin address {address}: {problem}")]
    NoServer {
        /// Where.
        address: SocketAddr,
        /// Why.
        problem: String,
    },
    /// It answers with a refusal.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The server's own words.
        message: String,
    },
    /// It has nothing for those who test.
    #[error(
        "the server on {0} is not `strongroom dev`: clock, faults, snapshots and reset are for tests, and no other server has them"
    )]
    NotDev(SocketAddr),
    /// It answers what is not expected.
    #[error("what answers on {0} is not the admin listener of this release")]
    Foreign(SocketAddr),
}

/// A way to one server.
pub struct Client {
    address: SocketAddr,
    token: Option<SecretBytes>,
}

impl AdminOptions {
    /// The running server of this configuration file.
    pub fn of_config(path: &Path) -> Self {
        Self { admin: None, admin_token_file: None, config: Some(path.into()) }
    }

    /// The configuration file, when one was named.
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The server that the options name.
    ///
    /// # Errors
    /// When the configuration or the token cannot be read.
    pub fn client(&self) -> Result<Client, ClientError> {
        let config = self.config.as_deref().map(Config::read).transpose()?;
        let named = match (&config, &self.config) {
            (Some(config), Some(path)) if self.admin.is_none() => {
                Some(config.admin.as_ref().ok_or_else(|| ClientError::NoListener(path.clone()))?.listen)
            }
            (_, _) => None,
        };
        let default = || DEV_ADDRESS.parse().expect("an address and a port");
        let address = self.admin.or(named).unwrap_or_else(default);
        let token_file = self.admin_token_file.clone().or_else(|| Some(token::path(&config?.data)));
        let token = token_file.map(|path| match read_secret_file(&path) {
            Ok(token) => Ok(token),
            Err(error) => Err(ClientError::Token { path, error }),
        });
        Ok(Client { address, token: token.transpose()? })
    }
}

impl Client {
    /// For what needs no token.
    pub fn without_token(address: SocketAddr) -> Self {
        Self { address, token: None }
    }

    /// Asks, and takes the answer apart.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal in the server's own words.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.take(self.fetch(Method::GET, path, Vec::new())?)
    }

    /// Sends JSON, and takes the answer apart.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|_| ClientError::Foreign(self.address))?;
        self.take(self.fetch(Method::POST, path, body)?)
    }

    /// The status and the body, whatever they are.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn fetch(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let no_server = |problem: String| ClientError::NoServer { address: self.address, problem };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| no_server(error.to_string()))?;
        let answer = runtime.block_on(self.exchange(method, path, body));
        let Answer { status, is_of_dev, body } = answer.map_err(|error| no_server(error.to_string()))?;
        if path.starts_with(dev::PATHS) && !is_of_dev {
            return Err(ClientError::NotDev(self.address));
        }
        Ok((status, body))
    }

    fn take<T: DeserializeOwned>(&self, (status, body): (StatusCode, Vec<u8>)) -> Result<T, ClientError> {
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| ClientError::Foreign(self.address));
        }
        let problem: serde_json::Value =
            serde_json::from_slice(&body).map_err(|_| ClientError::Foreign(self.address))?;
        match problem["message"].as_str() {
            Some(message) => Err(ClientError::Refused { status, message: message.to_owned() }),
            None => Err(ClientError::Foreign(self.address)),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(self.address)).await??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.address.to_string());
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        let response = sender.send_request(request.body(Whole::new(body))?).await?;
        let status = response.status();
        let is_of_dev = response.headers().get(MODE).is_some_and(|mode| mode == Mode::Dev.name());
        let body = read_whole(response.into_body(), ANSWER_MAX_BYTES).await?;
        connection.abort();
        Ok(Answer { status, is_of_dev, body })
    }
}

/// What came back.
struct Answer {
    status: StatusCode,
    is_of_dev: bool,
    body: Vec<u8>,
}

fn bearer(token: &SecretBytes) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", token.expose()].concat())?;
    value.set_sensitive(true);
    Ok(value)
}
