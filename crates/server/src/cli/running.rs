//! A server's life, the same for both modes: bind, lay the foundation, start, say so, serve, end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use strongroom_core::world::SystemClock;
use strongroom_crypto::rng::SystemRng;
use strongroom_service::audit::AuditDestination;
use strongroom_service::{IdentityConfig, Mode, Node, Parts, Quotas, Regions, Role, StartError};
use strongroom_store::Store;
use strongroom_vault::seal::SealProvider;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::{Failure, say};
use crate::admin::{self, Admin};
use crate::net::{self, Settings, Stop, TlsIdentity};
use crate::observe::trace;
use crate::process;
use crate::sinks::{Sinks, SinksConfig};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// After all is done, what a thread that does not listen may take.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Everything that tells one server from another.
pub(super) struct Plan<L> {
    pub(super) role: Role,
    /// Says why the node did not start.
    pub(super) explain: Box<dyn Fn(StartError) -> Failure>,
    pub(super) listen: SocketAddr,
    pub(super) admin: Option<AdminPlan>,
    /// The collector of traces.
    pub(super) otlp_endpoint: Option<String>,
    pub(super) settings: Settings,
    pub(super) identity: IdentityConfig,
    pub(super) regions: Regions,
    /// Where the audit record goes.
    pub(super) audit: AuditDestination,
    /// Where it goes besides; for a record in files alone.
    pub(super) sinks: SinksConfig,
    pub(super) quotas: Quotas,
    /// The line that says that the server is ready.
    pub(super) ready: fn(SocketAddr) -> String,
    /// Opens store and seal, once the address is ours.
    pub(super) lay: L,
}

/// The admin listener that is wanted.
pub(super) struct AdminPlan {
    pub(super) listen: SocketAddr,
    /// Whether the server does without it when the address is taken.
    pub(super) must: bool,
    /// Where its token is left.
    pub(super) data: Option<PathBuf>,
}

/// What a node stands on.
pub(super) struct Foundation {
    pub(super) store: Arc<dyn Store>,
    pub(super) seal: Box<dyn SealProvider>,
}

/// Runs a server until a signal ends it.
pub(super) fn run<L: FnOnce() -> Result<Foundation, Failure>>(plan: Plan<L>) -> Result<(), Failure> {
    process::harden();
    if plan.role.mode() == Mode::Serve {
        process::keep_out_of_swap();
    }
    process::allow_open_files(plan.settings.limits.connections);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("strongroom")
        .build()
        .map_err(|error| Failure::work(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(run_until_stopped(plan));
    runtime.shutdown_timeout(LAST_WAIT);
    outcome
}

async fn run_until_stopped<L: FnOnce() -> Result<Foundation, Failure>>(plan: Plan<L>) -> Result<(), Failure> {
    // The address first: a second server started by mistake ends before it touches a file.
    let listener = bind(plan.listen)?;
    let address = listener.local_addr().map_err(Failure::work)?;
    let admin_listener = plan.admin.as_ref().map(bind_admin).transpose()?.flatten();
    let signals = Signals::listen()?;
    if let Some(endpoint) = &plan.otlp_endpoint {
        let exporting = trace::export_to(endpoint);
        exporting.map_err(|error| Failure::usage(format!("telemetry.otlp_endpoint: {error}")))?;
    }
    let foundation = (plan.lay)()?;
    let limits = plan.settings.limits.clone();
    let log = match &plan.audit {
        AuditDestination::Directory(log) => Some(log.path.clone()),
        AuditDestination::Memory | AuditDestination::Nowhere => None,
    };
    let mode = plan.role.mode();
    let node = Node::start(Parts {
        store: foundation.store,
        seal: foundation.seal,
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        identity: plan.identity,
        role: plan.role,
        regions: plan.regions,
        quotas: plan.quotas,
        limits: strongroom_service::Limits {
            on_slow_thread_start: process::give_way,
            key_cache_bytes: limits.key_cache_bytes,
            ..strongroom_service::Limits::default()
        },
        audit: plan.audit,
    });
    let node = Arc::new(node.await.map_err(|error| (plan.explain)(error))?);
    if let Some(dev) = node.dev() {
        dev.note_baseline().await;
    }
    let sinks = match &log {
        Some(log) => Sinks::start(&plan.sinks, log, &node),
        None => Ok(Sinks::none(&node)),
    };
    let sinks = Arc::new(sinks.map_err(|error| Failure::work(format!("audit: {error}")))?);
    let stop = Stop::default();
    let obeying = tokio::spawn(signals.obey(stop.clone(), plan.settings.tls.clone()));
    let mut ready = (plan.ready)(address);
    // It answers until everything else has ended, so that one sees what a stop is waiting for.
    let admin_stop = Stop::default();
    let administering = match admin_listener {
        None => None,
        Some(listener) => {
            ready = format!("{ready} and for admin on http://{}", listener.local_addr().map_err(Failure::work)?);
            let data = plan.admin.as_ref().and_then(|admin| admin.data.as_deref());
            let (node, sinks, tls) = (Arc::clone(&node), Arc::clone(&sinks), plan.settings.tls.clone());
            let admin = Admin::new(admin::Parts { node, sinks, mode, stop: stop.clone(), tls, data });
            let admin = admin.map_err(|error| Failure::work(format!("cannot leave the admin token: {error}")))?;
            let settings = Settings { limits: admin::limits(&limits), tls: None, dev: plan.settings.dev };
            Some(tokio::spawn(net::serve(listener, settings, Arc::new(admin), admin_stop.clone())))
        }
    };
    say(&ready);
    sinks.begin();
    if !net::serve(listener, plan.settings, Arc::clone(&node), stop).await {
        warn!(limits.shutdown_timeout_ms, "some calls took longer than the time to stop; they were cut off");
    }
    if tokio::time::timeout(limits.shutdown_timeout(), node.shut_down()).await.is_err() {
        warn!("the service did not end its background work in time");
    }
    // The log is at its end by now. They wait for their threads, which this one must not.
    let _ = tokio::task::spawn_blocking(move || sinks.stop()).await;
    admin_stop.pull();
    if let Some(administering) = administering {
        // It gives its own connections a moment, and no more.
        let _ = administering.await;
    }
    trace::finish().await;
    obeying.abort();
    Ok(())
}

/// The admin listener's socket, or none when it may be missing and its address is taken.
fn bind_admin(plan: &AdminPlan) -> Result<Option<TcpListener>, Failure> {
    match bind(plan.listen) {
        Ok(listener) => Ok(Some(listener)),
        Err(failure) if plan.must => Err(failure),
        Err(denied @ Failure::Denied) => Err(denied),
        Err(Failure::Work(problem) | Failure::Usage(problem)) => {
            warn!("no admin listener: {problem}; choose another address with --admin, or --admin off");
            Ok(None)
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A server that was just stopped leaves connections in TIME_WAIT; they must not keep the next one out.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error| {
        let why = match error.kind() == std::io::ErrorKind::AddrInUse {
            true => "another program is listening there".to_owned(),
            false => error.to_string(),
        };
        Failure::work(format!("cannot listen on {address}: {why}"))
    })
}

/// The signals that a server obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let of = |kind| signal(kind).map_err(|error| Failure::work(format!("cannot listen to signals: {error}")));
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hang_up: of(SignalKind::hangup())?,
        })
    }

    /// Stops on SIGTERM and SIGINT, at once on the second. SIGHUP reads the TLS pair again; without TLS it is what a
    /// closed terminal sends, and stops.
    async fn obey(mut self, stop: Stop, tls: Option<Arc<TlsIdentity>>) {
        loop {
            let hung_up = tokio::select! {
                _ = self.terminate.recv() => false,
                _ = self.interrupt.recv() => false,
                _ = self.hang_up.recv() => true,
            };
            match &tls {
                Some(tls) if hung_up => reload(tls),
                Some(_) | None if stop.is_pulled() => {
                    warn!("stopped at once by a second signal");
                    std::process::exit(1);
                }
                Some(_) | None => {
                    info!("stopping: finishing what is under way");
                    stop.pull();
                }
            }
        }
    }
}

fn reload(tls: &TlsIdentity) {
    match tls.reload() {
        Ok(()) => info!("new connections use the certificate as it is now on disk"),
        Err(error) => error!(%error, "kept the certificate in use"),
    }
}
