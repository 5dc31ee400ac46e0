//! The database: whether it opens, is whole, and belongs to the root key.

use std::path::Path;

use http::Method;
use strongroom_service::{Inspection, StartError, inspect};
use strongroom_store::{Error as StoreError, SqliteStore};
use strongroom_vault::seal::KeyFileSeal;

use super::super::{paths, terminal};
use super::Finding;
use crate::admin::client::Client;
use crate::config::Config;

const RESTORE: &str = "restore the data directory from a backup; keep the damaged one for examination";

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let database = paths::database(&config.data);
    if !database.is_file() {
        let finding = format!("there is no database at {} yet; the first start makes it", database.display());
        return vec![Finding::good("store", finding)];
    }
    // Only what opens can be asked; the runtime is for that alone.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::problem("store", error.to_string(), "free some memory and try again")],
    };
    match SqliteStore::open(&config.data) {
        Err(StoreError::InUse(_)) => vec![running(config)],
        Err(error) => vec![Finding::problem("store", error.to_string(), RESTORE)],
        Ok(store) => {
            let mut findings = vec![match runtime.block_on(store.verify()) {
                Ok(()) => Finding::good("store", format!("{} is whole", database.display())),
                Err(error) => Finding::problem("store", error.to_string(), RESTORE),
            }];
            findings.push(runtime.block_on(sealed(config, &store)));
            if let Err(error) = runtime.block_on(store.close()) {
                findings.push(Finding::warning(
                    "store",
                    format!("it was not closed in order: {error}"),
                    "run this again",
                ));
            }
            findings
        }
    }
}

/// A running server has the database: what it says of itself counts.
fn running(config: &Config) -> Finding {
    let Some(admin) = &config.admin else {
        return Finding::warning(
            "store",
            "a running server is using the database, and has no admin listener to be asked",
            "add [admin] and listen = \"127.0.0.1:8444\", or stop the server and run this again",
        );
    };
    match Client::without_token(admin.listen).fetch(Method::GET, "/readyz", Vec::new()) {
        Ok((status, _)) if status.is_success() => {
            Finding::good("store", "a running server is using the database, and says that it is ready")
        }
        Ok((_, body)) => Finding::problem(
            "store",
            format!("the running server is not ready: {}", String::from_utf8_lossy(&body)),
            "see the reasons, and the server's log",
        ),
        Err(error) => Finding::warning(
            "store",
            format!("a running server is using the database, and does not answer: {error}"),
            "look at its log, or stop it and run this again",
        ),
    }
}

/// Opens the root key and every record under it.
async fn sealed(config: &Config, store: &SqliteStore) -> Finding {
    let passphrase = match config.seal.passphrase.fetch() {
        Ok(passphrase) => passphrase,
        Err(error) => {
            return Finding::problem("seal", error.to_string(), "give the doctor what the server gets");
        }
    };
    let seal = match KeyFileSeal::open(&config.seal.key_file) {
        Ok(seal) => seal.with_passphrase(passphrase),
        Err(error) => return Finding::problem("seal", error.to_string(), lost(&config.seal.key_file)),
    };
    let bar = terminal::progress("opening records", None);
    let inspection = inspect(store, &seal, |records| bar.set_position(records)).await;
    bar.finish_and_clear();
    match inspection {
        Ok(Inspection { records, damaged: 0 }) => {
            Finding::good("seal", format!("the root key opens, and with it all {records} records"))
        }
        Ok(Inspection { records, damaged }) => Finding::problem(
            "seal",
            format!("{damaged} of {records} records do not open: they were changed, or moved"),
            RESTORE,
        ),
        Err(StartError::Seal(error)) => Finding::problem("seal", error.to_string(), lost(&config.seal.key_file)),
        Err(error) => Finding::problem("seal", error.to_string(), RESTORE),
    }
}

fn lost(key_file: &Path) -> String {
    format!("put the right {} and passphrase in place; without them nothing in the database opens", key_file.display())
}
