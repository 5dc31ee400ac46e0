//! Sockets: from an accepted connection to a request in memory, and back.
//!
//! One task per connection does everything for its requests over HTTP/1.1: reading, answering, writing. Nothing is handed
//! to another task, because a hop and its wake-up cost as much as a third of a call.
//!
//! # Invariants
//! - A request reaches [`Answer`] whole, within the limits, in a buffer that wipes itself.
//! - Every reply that leaves has a JSON body or none, also those to what is not HTTP at all.
//! - A connection that waits has a deadline, whatever it waits for.
//!
//! # Not here
//! What a request means: [`Answer`] says so. The HTTP library's own read buffer is not wiped; the next request overwrites it.

mod answer;
mod certificate;
mod guard;
mod http;
mod key_sets;
mod listener;
mod outgoing;
mod reply;
mod stop;
mod tls;

pub use answer::Answer;
pub use certificate::Validity;
pub(crate) use key_sets::KeySets;
pub use listener::{Settings, serve};
pub(crate) use outgoing::{Whole, read_whole};
pub(crate) use reply::MODE;
pub use stop::Stop;
pub use tls::{TlsError, TlsIdentity};
