//! The real program as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::PATIENCE;

pub(crate) const PASSPHRASE_ENV: &str = "STRONGROOM_TEST_PASSPHRASE";

/// The binary with arguments, and an environment that says nothing else.
pub(crate) fn strongroom<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(args).env_clear().env(PASSPHRASE_ENV, "correct horse battery staple");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program that ends by itself; what it says fits a pipe.
#[track_caller]
pub(crate) fn run_to_end(mut command: Command) -> Ended {
    let mut child = command.spawn().expect("starts");
    if wait(&mut child).is_none() {
        let _ = child.kill();
    }
    let output = child.wait_with_output().expect("is ours");
    let text = |bytes| String::from_utf8(bytes).expect("is text");
    let ended = Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(ended.code.is_some(), "it did not end in time: {ended:?}");
    ended
}

/// The child's end, or `None` when it takes too long.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("is ours") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// A server that said that it is ready. It is killed when the test forgets it.
pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Option<ChildStderr>,
    pub(crate) ready_line: String,
    pub(crate) address: SocketAddr,
    /// The admin listener, when there is one.
    pub(crate) admin: Option<SocketAddr>,
}

impl Program {
    /// Starts a server and waits for its line.
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("starts");
        let stdout = child.stdout.take().expect("is piped");
        let mut stderr = child.stderr.take();
        let (send, receive) = mpsc::channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            let read = stdout.read_line(&mut line).map(|_| line);
            let _ = send.send((read, stdout));
        });
        let (line, stdout) = receive.recv_timeout(PATIENCE).expect("a line in time");
        let ready_line = line.expect("is text");
        let mut addresses = ready_line.split("://").skip(1);
        let mut next = || addresses.next().and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        let (address, admin) = (next(), next());
        let Some(address) = address else {
            let mut said = String::new();
            let _ = stderr.take().expect("is piped").read_to_string(&mut said);
            panic!("not ready: {ready_line:?}; it said: {said}");
        };
        Self { child, stdout, stderr, ready_line, address, admin }
    }

    /// `strongroom dev` on a free port.
    pub(crate) fn dev(data: Option<&Path>) -> Self {
        let mut command = strongroom(["dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        Self::start(command)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("process ids are small"))
    }

    /// Waits for its end; `None` as a code means that a signal killed it.
    pub(crate) fn end(mut self) -> Ended {
        let status = wait(&mut self.child).expect("it ends in time");
        assert_eq!(status.signal(), None, "killed");
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).expect("is text");
        self.stderr.take().expect("is piped").read_to_string(&mut stderr).expect("is text");
        Ended { code: status.code(), stdout, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a configuration with small limits and runs `init` on it.
pub(crate) fn configure(dir: &Path, limits: &str) -> String {
    let path = dir.join("strongroom.toml");
    let text = format!(
        r#"
listen = "127.0.0.1:0"
data = "data"
[tls]
certificate = "cert.pem"
private_key = "key.pem"
[seal]
key_file = "root.key"
passphrase_env = "{PASSPHRASE_ENV}"
[admin]
listen = "127.0.0.1:0"
[limits]
{limits}
[[account]]
id = "111122223333"
[[account.access_key]]
id = "AKIAIOSFODNN7EXAMPLE"
secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
"#
    );
    std::fs::write(&path, text).expect("writes");
    let config = path.to_str().expect("is text").to_owned();
    let init = run_to_end(strongroom(["init", "--config", &config]));
    assert_eq!(init.code, Some(0), "{init:?}");
    config
}
