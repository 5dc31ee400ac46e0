//! The server from outside: raw bytes on sockets, and the binary as a process.
//!
//! `http1`, `http2`, `limits` and `tls` start the accept loop in this process with an answer that tells what it was asked,
//! so that every limit can be small; `admin`, `binary` and `faults` start the real program.

mod admin;
mod answer;
mod binary;
mod client;
mod faults;
mod http1;
mod http2;
mod limits;
mod program;
mod tls;
