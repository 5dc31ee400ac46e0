//! The policy engine's corpus, through the service's front: every row that requests can bring about is brought about by
//! them, signed, and its verdict is read from the reply.
//!
//! A row is played as written where the API can say what it says. Where a row is about a condition key that no request here
//! can have a value for, such as `kms:ViaService`, the same conditions are played with a key of the same kind that a request
//! can: a pair of the encryption context. What cannot be played is listed with the reason.

mod cast;
mod row;
mod stage;

use std::collections::BTreeMap;

use row::Row;

/// As many rows are played at least: a change that loses some must say so here.
const LEAST_PLAYED: usize = 520;

#[test]
fn the_corpus_holds_through_the_front() {
    let rows = Row::all();
    // Each row has a service of its own, so they are played at the same time.
    let half = rows.len() / 2;
    let play = |rows: &[Row]| rows.iter().map(stage::play).collect::<Vec<_>>();
    let outcomes = std::thread::scope(|scope| {
        let first = scope.spawn(|| play(&rows[..half]));
        let second = play(&rows[half..]);
        [first.join().unwrap(), second].concat()
    });
    let (mut as_written, mut with_stand_ins) = (0, 0);
    let mut differences = Vec::new();
    let mut unplayed: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (row, outcome) in rows.iter().zip(outcomes) {
        match outcome {
            Ok(stage::Played::AsWritten) => as_written += 1,
            Ok(stage::Played::WithStandIns) => with_stand_ins += 1,
            Ok(stage::Played::Otherwise(difference)) => differences.push(difference),
            Err(reason) => unplayed.entry(reason).or_default().push(&row.name),
        }
    }
    println!("{} rows: {as_written} played as written, {with_stand_ins} with stand-ins for condition keys", rows.len());
    for (reason, names) in &unplayed {
        println!("not played, because {reason}:");
        names.iter().for_each(|name| println!("  {name}"));
    }
    assert!(differences.is_empty(), "{} rows went otherwise:\n{}", differences.len(), differences.join("\n\n"));
    let count: usize = unplayed.values().map(Vec::len).sum();
    assert_eq!(as_written + with_stand_ins + count, rows.len());
    assert!(as_written + with_stand_ins >= LEAST_PLAYED, "{as_written} + {with_stand_ins} rows were played");
}

/// Every row says what it rests on: a rule in our words, and the page that states it.
#[test]
fn every_row_cites_its_rule() {
    let pages =
        ["IAM User Guide: ", "KMS Developer Guide: ", "KMS API Reference: ", "STS API Reference: ", "behaviours "];
    for row in Row::all() {
        assert!(row.text("rule").len() > 15, "{}: {:?}", row.name, row.text("rule"));
        assert!(pages.iter().any(|page| row.text("page").starts_with(page)), "{}: {:?}", row.name, row.text("page"));
    }
}
