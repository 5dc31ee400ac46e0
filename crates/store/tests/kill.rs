//! `kill -9` at random moments under a writing load: what was acknowledged is there, and each batch is there whole or not at all.
//!
//! The test starts itself as the writer, in the same directory again and again, so that each start recovers from the crash before it.

use std::env;
use std::io::{self, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use strongroom_core::world::{Rng as _, SeededRng};
use strongroom_store::{Batch, Expect, SqliteStore, Store, Table, Version};
use tokio::runtime::{Builder, Runtime};

const KILLS: u32 = 40;
const WRITERS: u8 = 8;
const SEED: u64 = 2024;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.as_slice() {
        [_, role, dir] if role == "--write-in" => write_until_killed(Path::new(dir)),
        // Whatever a test runner adds, such as a filter that is not for us.
        [_, filter, ..] if !filter.starts_with('-') && !"kill".contains(filter.as_str()) => {}
        _ => kill_again_and_again(),
    }
}

fn kill_again_and_again() {
    let dir = tempfile::TempDir::new().expect("a temporary directory");
    let dice = SeededRng::new(SEED);
    let mut acknowledged = [0; WRITERS as usize];
    for kill in 1..=KILLS {
        let mut writer = start_writer(dir.path());
        let output = BufReader::new(writer.stdout.take().expect("a pipe"));
        let listener = thread::spawn(move || listen(output));
        thread::sleep(Duration::from_millis(20 + u64::from(byte(&dice))));
        // On Unix this is SIGKILL.
        writer.kill().expect("killed");
        writer.wait().expect("waited for");
        for (writer, number) in listener.join().expect("the listener") {
            acknowledged[usize::from(writer)] = number;
        }
        check(dir.path(), &acknowledged, kill);
    }
    let sum: u64 = acknowledged.iter().sum();
    assert!(sum > u64::from(KILLS), "{sum} commits in all: nothing was tested");
    writeln!(io::stdout(), "{KILLS} kills, {sum} acknowledged commits, none lost").expect("standard output");
}

fn start_writer(dir: &Path) -> Child {
    let program = env::current_exe().expect("this program");
    Command::new(program).arg("--write-in").arg(dir).stdout(Stdio::piped()).spawn().expect("the writer starts")
}

/// Everything that the writer acknowledged, in its order; a last line that was cut off does not count.
fn listen(output: impl io::BufRead) -> Vec<(u8, u64)> {
    let lines = output.split(b'\n').map_while(Result::ok);
    lines.filter_map(|line| parse(std::str::from_utf8(&line).ok()?)).collect()
}

fn parse(line: &str) -> Option<(u8, u64)> {
    let (writer, number) = line.strip_suffix('.')?.split_once(' ')?;
    Some((writer.parse().ok()?, number.parse().ok()?))
}

fn check(dir: &Path, acknowledged: &[u64], kill: u32) {
    let store = SqliteStore::open(dir).unwrap_or_else(|error| panic!("after kill {kill}: {error}"));
    let runtime = runtime();
    runtime.block_on(store.verify()).unwrap_or_else(|error| panic!("after kill {kill}: {error}"));
    for (writer, &number) in (0..WRITERS).zip(acknowledged) {
        let found = runtime.block_on(number_of(&store, writer));
        assert!(found >= number, "after kill {kill}: writer {writer} is at {found}, but {number} was acknowledged");
    }
}

/// How far `writer` came, by the last of its batches; panics when a part of that batch is missing.
async fn number_of(store: &SqliteStore, writer: u8) -> u64 {
    let record = store.get(Table::Keys, &[writer]).await.expect("a read");
    let trail = store.scan(Table::Outbox, &[writer], None, 10).await.expect("a scan");
    let number = record.as_ref().map_or(0, |record| record.version.0);
    if let Some(record) = record {
        assert_eq!(record.value, value(writer, number));
    }
    let keys: Vec<Vec<u8>> = trail.into_iter().map(|record| record.key).collect();
    let expected: Vec<Vec<u8>> = (number > 0).then(|| trail_key(writer, number)).into_iter().collect();
    assert_eq!(keys, expected, "writer {writer} at {number}");
    number
}

fn write_until_killed(dir: &Path) {
    let store = Arc::new(SqliteStore::open(dir).expect("the store opens"));
    runtime().block_on(async {
        let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write_as(Arc::clone(&store), writer))).collect();
        for writer in writers {
            writer.await.expect("a writer");
        }
    });
}

async fn write_as(store: Arc<SqliteStore>, writer: u8) {
    let mut number = number_of(&store, writer).await;
    loop {
        store.commit(next_batch(writer, number)).await.expect("a commit");
        number += 1;
        // One write for the line, so that it is in the pipe or not.
        io::stdout().write_all(format!("{writer} {number}.\n").as_bytes()).expect("the pipe");
        io::stdout().flush().expect("the pipe");
    }
}

/// From `number` to the next: the record itself, and a trail that moves along with it.
fn next_batch(writer: u8, number: u64) -> Batch {
    let next = number + 1;
    let trail = trail_key(writer, next);
    if number == 0 {
        return Batch::new().put(Table::Keys, [writer], Expect::Absent, value(writer, next)).put(
            Table::Outbox,
            trail,
            Expect::Absent,
            b"",
        );
    }
    Batch::new()
        .put(Table::Keys, [writer], Expect::At(Version(number)), value(writer, next))
        .put(Table::Outbox, trail, Expect::Absent, b"")
        .delete(Table::Outbox, trail_key(writer, number), Version::FIRST)
}

fn trail_key(writer: u8, number: u64) -> Vec<u8> {
    [&[writer][..], &number.to_be_bytes()].concat()
}

/// Values of all sizes, so that slots are exchanged.
fn value(writer: u8, number: u64) -> Vec<u8> {
    vec![writer ^ number as u8; (number * 131 % 6000) as usize]
}

fn byte(dice: &SeededRng) -> u8 {
    let mut bytes = [0];
    dice.fill(&mut bytes).expect("seeded");
    bytes[0]
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().expect("a runtime")
}
