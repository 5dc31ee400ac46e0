//! The log of files: whole after every end, and nothing can be done to it unseen.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_service::audit::verify::{Broken, End, LogKey, Report, verify};
use strongroom_service::audit::{AuditDestination, AuditDirectory, Durability, Rotation, log_files};
use strongroom_store::faulty::{CommitFault, FaultPoint, FaultyStore};
use strongroom_store::{MemoryStore, Store, Table};
use tempfile::TempDir;

use crate::fixtures::smallest;
use crate::kms::{OWNER, STRANGER, TestKms, expect_code};

fn destination(dir: &Path, durability: Durability) -> AuditDestination {
    let rotation = Rotation { bytes: 20_000, secs: 86_400 };
    AuditDestination::Directory(AuditDirectory { path: dir.into(), durability, rotation })
}

/// A service that writes a log, and what an auditor has of it.
pub(crate) struct Logged {
    dir: TempDir,
    first: TestKms,
    pub(crate) kms: TestKms,
}

impl Logged {
    pub(crate) fn new(durability: Durability) -> Self {
        Self::over(Arc::new(MemoryStore::new()), durability)
    }

    fn over(store: Arc<dyn Store>, durability: Durability) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let first = TestKms::over(Arc::clone(&store));
        let kms = first.with_audit_log(destination(dir.path(), durability), store);
        Self { dir, first, kms }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    fn key(&self) -> LogKey {
        LogKey::from_spki(&self.first.audit_facts().public_key).unwrap()
    }

    fn verify(&self, end: End) -> Result<Report, Broken> {
        let facts = self.first.audit_facts();
        verify(&self.key(), &log_files(self.path()).unwrap(), &facts.anchors, end, &mut |_| ())
    }

    pub(crate) fn restart(&mut self) {
        self.kms = self.first.try_with_audit_log(destination(self.path(), Durability::Write)).unwrap();
    }

    /// The machine stops while its disk has `kept` of the last file, and starts again.
    pub(crate) fn lose_power(&mut self, kept: &[u8]) {
        fs::write(log_files(self.path()).unwrap().pop().unwrap(), kept).unwrap();
        self.restart();
    }
}

/// All events of a log, in order.
pub(crate) fn events(dir: &Path) -> Vec<Value> {
    let mut events = Vec::new();
    for path in log_files(dir).unwrap() {
        let bytes = fs::read(&path).unwrap();
        let text = if path.extension().unwrap() == "zst" { zstd::decode_all(&bytes[..]).unwrap() } else { bytes };
        for line in String::from_utf8(text).unwrap().lines() {
            let line: Value = serde_json::from_str(line).expect("every line is JSON");
            events.extend(line.get("event").cloned());
        }
    }
    events
}

fn calls<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["eventName"] == name).collect()
}

#[test]
fn a_log_is_whole_after_every_end() {
    for durability in [Durability::Write, Durability::Fsync] {
        let mut logged = Logged::new(durability);
        let key = logged.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        // Past the size of a file, so that one is closed while the server runs.
        for _ in 0..40 {
            logged.kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
        }
        logged.kms.sleep_ms(2_500);
        let open = logged.verify(End::Open).unwrap();
        assert_eq!((open.events, open.first_seq, open.closed), (41, 0, false));
        assert!(log_files(logged.path()).unwrap().len() > 1);
        logged.kms.shut_down();
        assert_eq!(logged.verify(End::Whole).map(|report| (report.events, report.closed)).unwrap(), (41, true));

        // Killed: the next server closes what this one left, and goes on in the same chain.
        logged.restart();
        logged.kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
        let unsigned = verify(&logged.key(), &log_files(logged.path()).unwrap(), &[], End::Open, &mut |_| ());
        assert!(unsigned.unwrap_err().problem.contains("no checkpoint signs"));
        logged.restart();
        logged.kms.shut_down();
        let report = logged.verify(End::Whole).unwrap();
        assert_eq!((report.events, report.closed), (42, true));
        assert_eq!(calls(&events(logged.path()), "Encrypt").len(), 41);
    }
}

#[test]
fn a_record_cut_off_in_its_writing_is_taken_away() {
    let mut logged = Logged::new(Durability::Write);
    let key = logged.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let last = log_files(logged.path()).unwrap().pop().unwrap();
    let whole = fs::read(&last).unwrap();
    fs::write(&last, [&whole[..], b"{\"chain\":{\"seq\":2,\"pre"].concat()).unwrap();
    logged.restart();
    logged.kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    logged.kms.shut_down();
    assert_eq!(logged.verify(End::Whole).unwrap().events, 2);
}

/// Several closed files, in the clear, and the key to them.
fn sample() -> (Logged, Vec<Vec<u8>>) {
    let mut logged = Logged::new(Durability::Write);
    let key = logged.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    for _ in 0..2 {
        for _ in 0..3 {
            logged.kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
        }
        logged.restart();
    }
    logged.kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    logged.kms.shut_down();
    let read = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        if path.extension().unwrap() == "zst" { zstd::decode_all(&bytes[..]).unwrap() } else { bytes }
    };
    let files = log_files(logged.path()).unwrap().iter().map(read).collect();
    (logged, files)
}

/// Whether these contents, as files of one log, are whole; without the help of anchors.
fn is_whole(key: &LogKey, files: &[Vec<u8>]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..files.len()).map(|at| dir.path().join(format!("{at}.jsonl"))).collect();
    for (path, content) in paths.iter().zip(files) {
        fs::write(path, content).unwrap();
    }
    verify(key, &paths, &[], End::Whole, &mut |_| ()).is_ok()
}

#[test]
fn every_changed_byte_is_found() {
    let (logged, files) = sample();
    let key = logged.key();
    assert!(is_whole(&key, &files), "untouched");
    let mut tried = 0;
    for (at, file) in files.iter().enumerate() {
        for byte in 0..file.len() {
            // Every byte, with one of the values that it could have; all values are tried at random below.
            let mut changed = files.clone();
            changed[at][byte] ^= 1 << (byte % 8);
            assert!(!is_whole(&key, &changed), "file {at}, byte {byte}");
            tried += 1;
        }
    }
    assert!(tried > 5_000, "{tried} bytes");
}

#[test]
fn everything_that_is_done_to_lines_is_found() {
    let (logged, files) = sample();
    let key = logged.key();
    let lines: Vec<Vec<&[u8]>> =
        files.iter().map(|file| file.split_inclusive(|byte| *byte == b'\n').collect()).collect();
    let rebuilt = |at: usize, change: &dyn Fn(&mut Vec<&[u8]>)| {
        let mut changed = files.clone();
        let mut lines = lines[at].clone();
        change(&mut lines);
        changed[at] = lines.concat();
        changed
    };
    for at in 0..files.len() {
        for line in 0..lines[at].len() {
            assert!(
                !is_whole(
                    &key,
                    &rebuilt(at, &|lines| {
                        lines.remove(line);
                    })
                ),
                "file {at}: line {line} deleted"
            );
            assert!(
                !is_whole(&key, &rebuilt(at, &|lines| lines.insert(line, lines[line]))),
                "file {at}: {line} doubled"
            );
            for other in 0..line {
                assert!(!is_whole(&key, &rebuilt(at, &|lines| lines.swap(line, other))), "file {at}: {line}, {other}");
            }
            assert!(!is_whole(&key, &rebuilt(at, &|lines| lines.truncate(line))), "file {at}: cut before line {line}");
        }
        // Cut anywhere in its last lines; in the middle of others is a changed line.
        for cut in 1..400.min(files[at].len()) {
            let mut changed = files.clone();
            changed[at].truncate(files[at].len() - cut);
            assert!(!is_whole(&key, &changed), "file {at}: {cut} bytes cut off");
        }
        let mut changed = files.clone();
        changed[at].extend_from_slice(b"\n");
        assert!(!is_whole(&key, &changed), "file {at}: a line more");
    }
}

#[test]
fn what_is_done_to_files_is_found() {
    let (logged, files) = sample();
    let (elsewhere, foreign) = sample();
    let key = logged.key();
    assert!(files.len() >= 3);
    for at in 0..files.len() {
        let mut replaced = files.clone();
        replaced[at] = foreign[at].clone();
        assert!(!is_whole(&key, &replaced), "file {at} of another log");
        let mut doubled = files.clone();
        doubled.push(files[at].clone());
        assert!(!is_whole(&key, &doubled), "file {at} twice");
        if at > 0 && at + 1 < files.len() {
            let mut missing = files.clone();
            missing.remove(at);
            assert!(!is_whole(&key, &missing), "file {at} is missing");
        }
        // An older state of the same file: up to each of its lines.
        let lines: Vec<&[u8]> = files[at].split_inclusive(|byte| *byte == b'\n').collect();
        for end in 1..lines.len() {
            let mut older = files.clone();
            older[at] = lines[..end].concat();
            assert!(!is_whole(&key, &older), "file {at} as it was after {end} lines");
        }
    }
    assert!(!is_whole(&elsewhere.key(), &files), "another key");
    assert!(!is_whole(&key, &[]));
    // The order in which they are named does not matter, nor do earlier files that are kept elsewhere.
    let reversed: Vec<Vec<u8>> = files.iter().rev().cloned().collect();
    assert!(is_whole(&key, &reversed));
    assert!(is_whole(&key, &files[1..]));
    // The last files missing altogether is what the anchor tells.
    assert!(is_whole(&key, &files[..files.len() - 1]));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.jsonl");
    fs::write(&path, &files[0]).unwrap();
    let anchors = logged.first.audit_facts().anchors;
    let broken = verify(&key, &[path], &anchors, End::Whole, &mut |_| ()).unwrap_err();
    assert!(broken.problem.contains("the store remembers"), "{broken}");
}

#[test]
fn random_damage_is_found() {
    let (logged, files) = sample();
    let key = logged.key();
    let whole = files.concat();
    let damage = (0..whole.len(), 1_usize..64, prop::collection::vec(any::<u8>(), 0..64));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(2_000));
    let outcome = runner.run(&damage, |(at, taken, put)| {
        let mut start = at;
        let file = files.iter().position(|file| {
            let here = start < file.len();
            if !here {
                start -= file.len();
            }
            here
        });
        let file = file.expect("within");
        let end = (start + taken).min(files[file].len());
        prop_assume!(files[file][start..end] != put[..]);
        let mut changed = files.clone();
        changed[file].splice(start..end, put);
        prop_assume!(changed != files);
        prop_assert!(!is_whole(&key, &changed));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_closed_file_that_was_compressed_tells_the_same_or_nothing() {
    let mut logged = Logged::new(Durability::Write);
    logged.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    logged.kms.sleep_ms(100);
    logged.restart();
    logged.kms.sleep_ms(1_200);
    logged.kms.shut_down();
    let files = log_files(logged.path()).unwrap();
    let closed = files.iter().find(|path| path.extension().unwrap() == "zst").expect("one was compressed");
    let before = fs::read(closed).unwrap();
    let content = zstd::decode_all(&before[..]).unwrap();
    assert!(logged.verify(End::Whole).is_ok());
    for byte in 0..before.len() {
        let mut changed = before.clone();
        changed[byte] ^= 1 << (byte % 8);
        fs::write(closed, &changed).unwrap();
        let is_same = zstd::decode_all(&changed[..]).is_ok_and(|decoded| decoded == content);
        assert!(is_same || logged.verify(End::Whole).is_err(), "byte {byte}");
    }
}

#[test]
fn a_damaged_log_is_not_continued() {
    let logged = Logged::new(Durability::Write);
    logged.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    logged.kms.shut_down();
    let last = log_files(logged.path()).unwrap().pop().unwrap();
    let good = fs::read(&last).unwrap();
    let again = || logged.first.try_with_audit_log(destination(logged.path(), Durability::Write)).map(drop);
    let mut bad = good.clone();
    let at = good.len() / 2;
    bad[at] ^= 1;
    fs::write(&last, &bad).unwrap();
    assert!(again().unwrap_err().to_string().contains("damaged"));
    // An older state is one, too: the store knows better.
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    fs::write(&last, lines[..1].concat()).unwrap();
    assert!(again().unwrap_err().to_string().contains("the store remembers"));
    // Moved away, a new log begins and says so.
    fs::remove_file(&last).unwrap();
    let kms = logged.first.try_with_audit_log(destination(logged.path(), Durability::Write)).unwrap();
    kms.shut_down();
    let events = events(logged.path());
    assert_eq!(calls(&events, "AuditLogBegunAnew").len(), 1);
    // The store still knows of the old one.
    assert_eq!(logged.first.audit_facts().anchors.len(), 2);
}

/// A line of a log's own form that it does not have: a file that begins at any number, of any log.
fn forged(seq: u64, chain: &str) -> Vec<u8> {
    let prev = "0".repeat(64);
    let file = format!(r#"{{"format":1,"chainId":"{chain}","createdAt":"2026-09-21T14:13:20Z"}}"#);
    format!("{{\"chain\":{{\"seq\":{seq},\"prev\":\"{prev}\"}},\"file\":{file}}}\n").into_bytes()
}

/// A later file that was put there does not hide that the log ends before it: not even where the store remembers a longer log, which
/// was moved away.
#[test]
fn a_forged_file_is_not_continued() {
    let mut logged = Logged::new(Durability::Write);
    (0..200).for_each(|_| drop(logged.kms.call(OpName::ListKeys, &json!({})).unwrap()));
    logged.kms.shut_down();
    for file in log_files(logged.path()).unwrap() {
        fs::remove_file(file).unwrap();
    }
    logged.restart();
    (0..20).for_each(|_| drop(logged.kms.call(OpName::ListKeys, &json!({})).unwrap()));
    logged.restart();
    logged.kms.shut_down();
    let anchors = logged.first.audit_facts().anchors;
    let [longer, own] =
        [anchors.iter().max_by_key(|one| one.records()), anchors.iter().min_by_key(|one| one.records())];
    let (longer, own) = (longer.unwrap(), own.unwrap());
    assert!(longer.records() > 150 && own.records() < 100, "{longer} {own}");
    let last = log_files(logged.path()).unwrap().pop().unwrap();
    fs::remove_file(last).unwrap();
    let chain = own.to_string();
    let chain = chain.split(':').next().unwrap();
    fs::write(logged.path().join("audit-00000000000000000120.jsonl"), forged(120, chain)).unwrap();
    let refused = logged.first.try_with_audit_log(destination(logged.path(), Durability::Write)).map(drop);
    assert!(refused.unwrap_err().to_string().contains("damaged"));
}

/// Whatever a file holds, it is told to be broken: nothing runs over, and nothing is taken for a log.
#[test]
fn hostile_files_are_told_to_be_broken() {
    let logged = Logged::new(Durability::Write);
    let key = logged.key();
    let chain = "00000000-0000-4000-8000-000000000000";
    for seq in [u64::MAX, u64::MAX - 1, u64::MAX >> 1, 1 << 62] {
        let first = forged(seq, chain);
        assert!(!is_whole(&key, std::slice::from_ref(&first)), "{seq}");
        assert!(!is_whole(&key, &[first.clone(), first]), "{seq}");
    }
    let line = String::from_utf8(forged(0, chain)).unwrap();
    let numbers = ["00", "-1", "+1", "1e3", "18446744073709551616", "99999999999999999999999", ""];
    for number in numbers {
        assert!(!is_whole(&key, &[line.replace("\"seq\":0", &format!("\"seq\":{number}")).into_bytes()]), "{number}");
    }
    for content in [&b""[..], b"\n", b"\n\n", b"{", b"{}\n", b"null\n", b"\xff\xfe\n", &[0; 4096]] {
        assert!(!is_whole(&key, &[content.to_vec()]), "{content:?}");
    }
    // Longer than any line: refused before all of it is in memory.
    assert!(!is_whole(&key, &[[line.as_bytes(), &vec![b'x'; 20 << 20][..]].concat()]));
    // A file that says to be compressed: no frame, a frame cut off, and one that grows a thousandfold.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit-0.jsonl.zst");
    let bomb = zstd::encode_all(&vec![b'x'; 64 << 20][..], 3).unwrap();
    for content in [line.as_bytes(), &zstd::encode_all(line.as_bytes(), 3).unwrap()[..9], &bomb] {
        fs::write(&path, content).unwrap();
        verify(&key, std::slice::from_ref(&path), &[], End::Open, &mut |_| ()).unwrap_err();
    }
}

#[test]
fn a_change_and_its_record_do_not_part() {
    // The server dies after the change is committed and before the record is written: here, the commit's answer is lost and the
    // log is set back to before the call.
    let store = Arc::new(FaultyStore::new(MemoryStore::new()));
    let mut logged = Logged::over(store.clone(), Durability::Write);
    let key = logged.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let last = log_files(logged.path()).unwrap().pop().unwrap();
    let before = fs::read(&last).unwrap();
    let body = json!({"KeyId": key.id, "Description": "changed"});
    logged.kms.call(OpName::UpdateKeyDescription, &body).unwrap();
    fs::write(&last, &before).unwrap();
    logged.restart();
    let written = events(logged.path());
    let [event] = calls(&written, "UpdateKeyDescription")[..] else { panic!("{written:?}") };
    assert_eq!(event["requestParameters"]["description"], "changed");
    assert_eq!(event["resources"][0]["ARN"], key.arn);
    // And not a second time, though the store was never told that it is written.
    logged.kms.call(OpName::UpdateKeyDescription, &json!({"KeyId": key.id, "Description": "again"})).unwrap();
    logged.restart();
    logged.restart();
    assert_eq!(calls(&events(logged.path()), "UpdateKeyDescription").len(), 2);

    // A commit that failed leaves the record of a failure, and no other.
    store.plan(CommitFault { after: 0, touching: Some(Table::Keys), point: FaultPoint::BeforeCommit, once: true });
    let refused = logged.kms.call(OpName::UpdateKeyDescription, &json!({"KeyId": key.id, "Description": "never"}));
    expect_code(&refused, Some("KMSInternalException"), "the store failed");
    logged.kms.sleep_ms(1_100);
    logged.restart();
    logged.kms.shut_down();
    let events = events(logged.path());
    let codes: Vec<Option<&str>> =
        calls(&events, "UpdateKeyDescription").iter().map(|event| event["errorCode"].as_str()).collect();
    assert_eq!(codes, [None, None, Some("KMSInternalException")]);
    assert!(logged.verify(End::Whole).is_ok());
}

#[test]
fn without_a_log_nothing_succeeds_and_it_heals() {
    let logged = Logged::new(Durability::Write);
    let key = logged.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    // The file cannot be begun: its directory is gone.
    let encrypt = || logged.kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, ""));
    let away = logged.path().with_extension("away");
    for _ in 0..30 {
        encrypt().unwrap();
    }
    fs::rename(logged.path(), &away).unwrap();
    // The file that is open is still written; the next one cannot be begun.
    logged.kms.sleep_ms(1_500);
    expect_code(&encrypt(), Some("KMSInternalException"), "no file");
    let change = json!({"KeyId": key.id, "Description": "changed"});
    expect_code(&logged.kms.call(OpName::UpdateKeyDescription, &change), Some("KMSInternalException"), "no file");
    assert!(logged.kms.node().audit_status().problem.is_some());
    fs::rename(&away, logged.path()).unwrap();
    let described = logged.kms.with_key(&key, OpName::DescribeKey, &json!({})).unwrap();
    assert_eq!(described["KeyMetadata"]["Description"], "", "nothing is changed while nothing can be recorded");
    encrypt().unwrap();
    assert_eq!(logged.kms.node().audit_status().problem, None);
    logged.kms.shut_down();
    let events = events(logged.path());
    let [gap] = calls(&events, "AuditLogGap")[..] else { panic!("one gap") };
    assert_eq!(gap["serviceEventDetails"]["callsRefused"], "2");
    assert!(logged.verify(End::Whole).is_ok());
}

/// A server that says that it is not ready gets no calls: it must not need one to find out that it is.
#[test]
fn it_heals_without_a_call() {
    let logged = Logged::new(Durability::Write);
    let away = logged.path().with_extension("away");
    let list = || logged.kms.call(OpName::ListKeys, &json!({}));
    (0..40).for_each(|_| drop(list().unwrap()));
    fs::rename(logged.path(), &away).unwrap();
    logged.kms.sleep_ms(1_500);
    expect_code(&list(), Some("KMSInternalException"), "no file");
    logged.kms.sleep_ms(1_500);
    assert!(logged.kms.node().audit_status().problem.is_some());
    fs::rename(&away, logged.path()).unwrap();
    logged.kms.sleep_ms(1_500);
    assert_eq!(logged.kms.node().audit_status().problem, None);
    logged.kms.shut_down();
    assert_eq!(calls(&events(logged.path()), "AuditLogGap").len(), 1);
}

#[test]
fn both_accounts_hear_of_a_call_across_them() {
    let logged = Logged::new(Durability::Write);
    let key = logged.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let statements = [
        crate::fixtures::allow_account(),
        crate::fixtures::allow(&format!("arn:aws:iam::{STRANGER}:root"), "kms:Encrypt"),
    ];
    let policy = json!({"KeyId": key.id, "Policy": crate::fixtures::policy(&statements)});
    logged.kms.call(OpName::PutKeyPolicy, &policy).unwrap();
    let body = smallest(OpName::Encrypt, &key.arn);
    logged.kms.call_as(STRANGER, "us-east-1", OpName::Encrypt, &body).unwrap();
    let usage = logged.kms.with_key(&key, OpName::GetKeyLastUsage, &json!({})).unwrap()["KeyLastUsage"].clone();
    let denied = logged.kms.call_as(STRANGER, "us-east-1", OpName::DescribeKey, &json!({"KeyId": key.arn}));
    expect_code(&denied, Some("AccessDeniedException"), "not allowed");
    logged.kms.shut_down();
    let events = events(logged.path());
    let by_account: HashMap<&str, &Value> =
        calls(&events, "Encrypt").iter().map(|event| (event["recipientAccountId"].as_str().unwrap(), *event)).collect();
    let (caller, owner) = (by_account[STRANGER], by_account[OWNER]);
    assert_eq!(caller["sharedEventID"], owner["sharedEventID"]);
    assert_ne!(caller["eventID"], owner["eventID"]);
    assert_eq!(caller["requestID"], owner["requestID"]);
    assert_eq!(usage["CloudTrailEventId"], owner["eventID"], "the owner is told of what its own trail has");
    assert_eq!(caller["userIdentity"]["type"], "IAMUser");
    assert_eq!(owner["userIdentity"]["type"], "AWSAccount");
    assert_eq!(owner["userIdentity"]["accountId"], STRANGER);
    assert!(owner["userIdentity"].get("accessKeyId").is_none());
    let [denied] = calls(&events, "DescribeKey")[..] else { panic!("the caller's alone") };
    assert_eq!((&denied["errorCode"], &denied["recipientAccountId"]), (&json!("AccessDenied"), &json!(STRANGER)));
    assert_eq!(denied["resources"], json!([]), "a stranger's record tells nothing of the key");
}
