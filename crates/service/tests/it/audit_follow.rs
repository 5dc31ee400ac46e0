//! What follows a log: every event once, in order, over restarts; nothing passed over in silence.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use strongroom_core::generated::OpName;
use strongroom_service::audit::follow::{Follower, Given};
use strongroom_service::audit::{Durability, log_files};

use crate::audit_log::{Logged, events};

const NAME: &str = "test";

/// Calls that leave one event each.
fn make_calls(logged: &Logged, count: usize) {
    for _ in 0..count {
        logged.kms.call(OpName::ListKeys, &json!({})).unwrap();
    }
}

fn end(logged: &Logged) -> u64 {
    logged.kms.node().audit_status().next_line
}

/// All that is there now, passed, and how many lines were missed.
fn all(follower: &mut Follower, end: u64) -> (Vec<String>, u64) {
    let (mut ids, mut missed) = (Vec::new(), 0);
    while follower.position() < end {
        let before = follower.position();
        let given = follower.next(end).unwrap();
        ids.extend(given.events.iter().map(|event| id(&serde_json::from_slice(event).unwrap())));
        missed += given.missed;
        follower.passed().unwrap();
        assert_eq!(follower.position(), before + given.lines);
        assert!(given.lines > 0, "it stands still at {before} of {end}");
    }
    assert_eq!(follower.next(end).unwrap(), Given::default());
    (ids, missed)
}

fn id(event: &Value) -> String {
    event["eventID"].as_str().unwrap().to_owned()
}

fn logged_ids(dir: &Path) -> Vec<String> {
    events(dir).iter().map(id).collect()
}

#[test]
fn every_event_is_given_once_over_files_and_restarts() {
    let mut logged = Logged::new(Durability::Write);
    let mut follower = Follower::open(logged.path(), NAME).unwrap();
    let mut seen = Vec::new();
    for round in 0..4 {
        make_calls(&logged, 25);
        // Closed files are compressed meanwhile.
        logged.kms.sleep_ms(1_100);
        let (ids, missed) = all(&mut follower, end(&logged));
        assert_eq!(missed, 0);
        seen.extend(ids);
        assert_eq!(seen, logged_ids(logged.path()), "round {round}");
        if round % 2 == 1 {
            make_calls(&logged, 3);
            logged.kms.shut_down();
            logged.restart();
            follower = Follower::open(logged.path(), NAME).unwrap();
        }
    }
    assert!(log_files(logged.path()).unwrap().iter().any(|path| path.extension().is_some_and(|end| end == "zst")));
}

#[test]
fn what_was_not_passed_is_given_again() {
    let logged = Logged::new(Durability::Write);
    make_calls(&logged, 5);
    let mut follower = Follower::open(logged.path(), NAME).unwrap();
    let given = follower.next(end(&logged)).unwrap();
    assert_eq!(given.events.len(), 5);
    assert_eq!(follower.next(end(&logged)).unwrap(), given);
    let mut again = Follower::open(logged.path(), NAME).unwrap();
    assert_eq!(again.next(end(&logged)).unwrap(), given);
}

#[test]
fn nothing_is_given_beyond_the_end_that_is_known() {
    let logged = Logged::new(Durability::Write);
    make_calls(&logged, 5);
    let middle = end(&logged) - 2;
    let mut follower = Follower::open(logged.path(), NAME).unwrap();
    assert_eq!(all(&mut follower, middle).0.len(), 3);
    assert_eq!(all(&mut follower, end(&logged)).0.len(), 2);
}

#[test]
fn files_that_were_moved_away_are_counted() {
    let logged = Logged::new(Durability::Write);
    make_calls(&logged, 2);
    let mut follower = Follower::open(logged.path(), NAME).unwrap();
    assert_eq!(all(&mut follower, end(&logged)).0.len(), 2);
    let before = follower.position();
    make_calls(&logged, 60);
    logged.kms.sleep_ms(1_100);
    make_calls(&logged, 1);
    let files = log_files(logged.path()).unwrap();
    assert!(files.len() > 1, "{files:?}");
    for gone in &files[..files.len() - 1] {
        fs::remove_file(gone).unwrap();
    }
    let left = logged_ids(logged.path());
    let (ids, missed) = all(&mut follower, end(&logged));
    assert_eq!(ids, left);
    assert!(missed > 0 && missed < follower.position() - before, "{missed}");
    // Who begins later was never promised them.
    assert_eq!(all(&mut Follower::open(logged.path(), "another").unwrap(), end(&logged)), (left, 0));
}

#[test]
fn a_log_that_begins_anew_is_followed_from_its_begin() {
    let mut logged = Logged::new(Durability::Write);
    make_calls(&logged, 30);
    let mut follower = Follower::open(logged.path(), NAME).unwrap();
    all(&mut follower, end(&logged));
    logged.kms.shut_down();
    for file in log_files(logged.path()).unwrap() {
        fs::remove_file(file).unwrap();
    }
    logged.restart();
    make_calls(&logged, 2);
    let (ids, _) = all(&mut Follower::open(logged.path(), NAME).unwrap(), end(&logged));
    assert_eq!(ids, logged_ids(logged.path()));
    assert_eq!(ids.len(), 3, "the event of the new log, and two calls");
}

/// A failure of power takes lines away that were given already; other lines will have their numbers.
#[test]
fn numbers_that_are_given_anew_are_given_again() {
    let mut logged = Logged::new(Durability::Write);
    make_calls(&logged, 3);
    logged.kms.sleep_ms(1_100);
    let kept = fs::read(&log_files(logged.path()).unwrap()[0]).unwrap();
    // Before the store knows of them, which would refuse to go on without them.
    make_calls(&logged, 3);
    let mut follower = Follower::open(logged.path(), NAME).unwrap();
    let (before, _) = all(&mut follower, end(&logged));
    logged.lose_power(&kept);
    make_calls(&logged, 10);
    let (after, _) = all(&mut Follower::open(logged.path(), NAME).unwrap(), end(&logged));
    let whole = logged_ids(logged.path());
    assert!(whole.iter().all(|id| before.contains(id) || after.contains(id)), "{whole:?}");
}

#[test]
fn a_position_that_is_none_is_refused() {
    let logged = Logged::new(Durability::Write);
    fs::write(logged.path().join("test.position"), "17").unwrap();
    assert!(Follower::open(logged.path(), NAME).unwrap_err().to_string().contains("test.position"));
}
