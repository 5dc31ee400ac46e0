//! Resource quotas through the front of the service: what counts, what frees, and that they hold exactly when many calls come to
//! several nodes at once.

use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_core::key::KeyRecord;
use strongroom_core::world::{Rng, SeededRng};
use strongroom_service::{Quotas, ResourceQuotas};
use strongroom_store::{Batch, Expect, MemoryStore, Record, Store, StoreFuture, Table, encode};
use strongroom_vault::RecordName;

use crate::kms::{Answer, OWNER, STRANGER, TestKms};

const HERE: &str = "us-east-1";

fn quotas(keys: u64, aliases_per_key: u64, grants_per_key: u64) -> Quotas {
    let resources = ResourceQuotas {
        keys: Some(keys),
        aliases_per_key: Some(aliases_per_key),
        grants_per_key: Some(grants_per_key),
    };
    Quotas { requests: None, resources }
}

fn exceeded(text: &str) -> Answer {
    Err(("LimitExceededException".to_owned(), Some(text.to_owned())))
}

fn is_exceeded(answer: &Answer) -> bool {
    matches!(answer, Err((code, _)) if code == "LimitExceededException")
}

fn new_key(kms: &TestKms) -> String {
    kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt).id
}

fn key_ids(kms: &TestKms, region: &str) -> Vec<String> {
    let (mut ids, mut body) = (Vec::new(), json!({"Limit": 1000}));
    loop {
        let page = kms.call_as(OWNER, region, OpName::ListKeys, &body).unwrap();
        ids.extend(page["Keys"].as_array().unwrap().iter().map(|key| key["KeyId"].as_str().unwrap().to_owned()));
        match page["NextMarker"].as_str() {
            Some(marker) => body["Marker"] = json!(marker),
            None => return ids,
        }
    }
}

fn alias(at: usize, key: &str) -> Value {
    json!({"AliasName": format!("alias/n{at}"), "TargetKeyId": key})
}

/// A grant for somebody of an account that is not known here, whose users nobody looks up.
fn grant(at: usize, key: &str) -> Value {
    let grantee = format!("arn:aws:iam::777788889999:user/u{at}");
    json!({"KeyId": key, "GranteePrincipal": grantee, "Operations": ["Decrypt"]})
}

/// Whatever becomes of a key, it counts until it is destroyed; every account and Region has its own quota.
#[test]
fn keys_count_in_every_state_until_they_are_destroyed() {
    let kms = TestKms::with_quotas(quotas(3, 50, 50));
    let [disabled, doomed, _] = [(), (), ()].map(|()| new_key(&kms));
    let create = || kms.call(OpName::CreateKey, &json!({}));
    let full = exceeded("Key quota for this account in this region is 3 but the current usage is 3.");
    assert_eq!(create(), full);
    kms.call(OpName::DisableKey, &json!({"KeyId": disabled})).unwrap();
    kms.call(OpName::ScheduleKeyDeletion, &json!({"KeyId": doomed, "PendingWindowInDays": 7})).unwrap();
    assert_eq!(create(), full);
    assert_eq!(kms.call(OpName::CreateKey, &json!({"Origin": "EXTERNAL"})), full);
    assert!(kms.call_as(OWNER, "eu-west-1", OpName::CreateKey, &json!({})).is_ok(), "each Region by itself");
    assert!(kms.call_as(STRANGER, HERE, OpName::CreateKey, &json!({})).is_ok(), "each account by itself");
    assert_eq!(key_ids(&kms, HERE).len(), 3, "nothing was made");

    kms.wait_days(6);
    assert_eq!(create(), full);
    kms.wait_days(1);
    assert!(create().is_ok());
    assert_eq!(create(), full);
}

/// A replica counts in its own Region, and a refused one leaves the primary as it was.
#[test]
fn replicas_count_where_they_are() {
    let kms = TestKms::with_quotas(quotas(1, 50, 50));
    let made = kms.call(OpName::CreateKey, &json!({"MultiRegion": true})).unwrap();
    let id = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    let replicate = |region: &str| kms.call(OpName::ReplicateKey, &json!({"KeyId": id, "ReplicaRegion": region}));
    replicate("eu-west-1").unwrap();
    let full = exceeded("Key quota for this account in this region is 1 but the current usage is 1.");
    assert_eq!(kms.call_as(OWNER, "eu-west-1", OpName::CreateKey, &json!({})), full);
    kms.call_as(OWNER, "eu-north-1", OpName::CreateKey, &json!({})).unwrap();
    assert_eq!(replicate("eu-north-1"), full);
    let primary = kms.call(OpName::DescribeKey, &json!({"KeyId": id})).unwrap();
    let replicas = primary["KeyMetadata"]["MultiRegionConfiguration"]["ReplicaKeys"].as_array().unwrap();
    assert_eq!(replicas.len(), 1);

    let body = json!({"KeyId": id, "PendingWindowInDays": 7});
    kms.call_as(OWNER, "eu-west-1", OpName::ScheduleKeyDeletion, &body).unwrap();
    kms.wait_days(7);
    kms.call_as(OWNER, "eu-west-1", OpName::CreateKey, &json!({})).unwrap();
}

#[test]
fn aliases_count_for_the_key_that_they_name() {
    let kms = TestKms::with_quotas(quotas(10, 2, 50));
    let [first, second] = [(), ()].map(|()| new_key(&kms));
    let full = exceeded("Aliases per key quota for this account in this region is 2, current usage is 2.");
    for at in 0..2 {
        kms.call(OpName::CreateAlias, &alias(at, &first)).unwrap();
    }
    assert_eq!(kms.call(OpName::CreateAlias, &alias(2, &first)), full);
    kms.call(OpName::CreateAlias, &alias(2, &second)).unwrap();
    assert_eq!(kms.call(OpName::UpdateAlias, &alias(2, &first)), full);
    kms.call(OpName::UpdateAlias, &alias(1, &first)).unwrap();
    // What moves away leaves its place to another.
    kms.call(OpName::UpdateAlias, &alias(0, &second)).unwrap();
    kms.call(OpName::CreateAlias, &alias(3, &first)).unwrap();
    assert_eq!(kms.call(OpName::CreateAlias, &alias(4, &first)), full);
    assert_eq!(kms.call(OpName::CreateAlias, &alias(4, &second)), full);
    kms.call(OpName::DeleteAlias, &json!({"AliasName": "alias/n3"})).unwrap();
    kms.call(OpName::CreateAlias, &alias(4, &first)).unwrap();
    assert_eq!(kms.call(OpName::CreateAlias, &alias(5, &first)), full);
}

#[test]
fn grants_count_for_their_key() {
    let kms = TestKms::with_quotas(quotas(10, 50, 2));
    let [first, second] = [(), ()].map(|()| new_key(&kms));
    let named = |mut body: Value| {
        body["Name"] = json!("once");
        body
    };
    let create = |body: &Value| kms.call(OpName::CreateGrant, body);
    let made = create(&named(grant(0, &first))).unwrap();
    let other = create(&grant(1, &first)).unwrap();
    let full = exceeded("Grants per key quota for this account in this region is 2, current usage is 2.");
    assert_eq!(create(&grant(2, &first)), full);
    let mut dry_run = grant(2, &first);
    dry_run["DryRun"] = json!(true);
    assert_eq!(create(&dry_run), full);
    assert_eq!(create(&named(grant(0, &first))).unwrap()["GrantId"], made["GrantId"], "it is there already");
    create(&grant(2, &second)).unwrap();

    kms.call(OpName::RevokeGrant, &json!({"KeyId": first, "GrantId": other["GrantId"]})).unwrap();
    create(&grant(3, &first)).unwrap();
    assert_eq!(create(&grant(4, &first)), full);
    kms.call(OpName::RetireGrant, &json!({"GrantToken": made["GrantToken"]})).unwrap();
    create(&grant(4, &first)).unwrap();
    assert_eq!(create(&grant(5, &first)), full);
}

#[test]
fn without_quotas_there_is_no_end() {
    let kms = TestKms::new();
    let key = new_key(&kms);
    for at in 0..60 {
        kms.call(OpName::CreateAlias, &alias(at, &key)).unwrap();
    }
}

/// A quota can come, go and shrink: counts are kept all the time.
#[test]
fn a_quota_counts_what_was_there_before_it() {
    let first = TestKms::new();
    let key = new_key(&first);
    let _second = new_key(&first);
    for at in 0..3 {
        first.call(OpName::CreateAlias, &alias(at, &key)).unwrap();
        first.call(OpName::CreateGrant, &grant(at, &key)).unwrap();
    }
    let kms = first.restarted_with_quotas(quotas(1, 2, 3));
    let text = |what: &str| exceeded(&format!("{what} current usage is "));
    let starts = |answer: Answer, expect: Answer, usage: &str| match (answer, expect) {
        (Err((code, Some(text))), Err((expect_code, Some(expect)))) => {
            assert_eq!((code, text), (expect_code, format!("{expect}{usage}.")));
        }
        (answer, _) => panic!("{answer:?}"),
    };
    let create = kms.call(OpName::CreateKey, &json!({}));
    starts(create, text("Key quota for this account in this region is 1 but the"), "2");
    let create = kms.call(OpName::CreateAlias, &alias(3, &key));
    starts(create, text("Aliases per key quota for this account in this region is 2,"), "3");
    let create = kms.call(OpName::CreateGrant, &grant(3, &key));
    starts(create, text("Grants per key quota for this account in this region is 3,"), "3");
}

/// A store whose verbs take their time, so that calls meet in ever new ways.
struct Meandering {
    inner: MemoryStore,
    dice: SeededRng,
}

impl Meandering {
    fn pauses(&self) -> u8 {
        let mut byte = [0];
        self.dice.fill(&mut byte).unwrap();
        byte[0] % 8
    }
}

async fn pause(times: u8) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

impl Store for Meandering {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            pause(self.pauses()).await;
            let found = self.inner.get(table, key).await;
            pause(self.pauses()).await;
            found
        })
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        Box::pin(async move {
            pause(self.pauses()).await;
            let found = self.inner.scan(table, prefix, after, limit).await;
            pause(self.pauses()).await;
            found
        })
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        let (before, after, commit) = (self.pauses(), self.pauses(), self.inner.commit(batch));
        Box::pin(async move {
            pause(before).await;
            let outcome = commit.await;
            pause(after).await;
            outcome
        })
    }
}

/// Three nodes over one store that meanders as `seed` says.
fn nodes(seed: u64, quotas: &Quotas) -> [TestKms; 3] {
    let store = Arc::new(Meandering { inner: MemoryStore::new(), dice: SeededRng::new(seed) });
    let first = TestKms::with_quotas_over(store, quotas.clone());
    let others = [(), ()].map(|()| first.restarted_with_quotas(quotas.clone()));
    let [second, third] = others;
    [first, second, third]
}

/// One call each, all at once, to one node after the other.
fn all_at_once(nodes: &[TestKms; 3], op: OpName, bodies: &[Value]) -> Vec<Answer> {
    let calls = bodies.iter().zip(nodes.iter().cycle());
    let calls = calls.map(|(body, kms)| kms.calling_as(OWNER, HERE, op, body));
    nodes[0].runtime().block_on(futures_util::future::join_all(calls))
}

/// How many succeeded; the others were told of the quota.
fn successes(answers: &[Answer]) -> usize {
    for answer in answers {
        assert!(answer.is_ok() || is_exceeded(answer), "{answer:?}");
    }
    answers.iter().filter(|answer| answer.is_ok()).count()
}

/// Of more calls than there is room for, as many succeed as there is room for: below, around and far above the sixteen parts that
/// a count of keys has.
#[test]
fn keys_are_exact_however_many_nodes_make_them() {
    for (seed, quota) in [1, 2, 15, 16, 17, 18, 24, 31, 32, 33, 48, 64].into_iter().enumerate() {
        let nodes = nodes(seed as u64, &quotas(quota, 50, 50));
        let wanted = usize::try_from(quota).unwrap() + 25;
        let answers = all_at_once(&nodes, OpName::CreateKey, &vec![json!({}); wanted]);
        assert_eq!(successes(&answers) as u64, quota, "seed {seed}");
        let ids = key_ids(&nodes[1], HERE);
        assert_eq!(ids.len() as u64, quota, "seed {seed}");

        // Some go, and exactly as many come in their place while they go.
        let doomed: Vec<_> = ids.iter().step_by(3).map(|id| json!({"KeyId": id, "PendingWindowInDays": 7})).collect();
        assert_eq!(successes(&all_at_once(&nodes, OpName::ScheduleKeyDeletion, &doomed)), doomed.len());
        nodes[0].clock.advance_millis(7 * 86_400_000);
        let creations = (0..4).map(|_| json!({})).collect::<Vec<_>>();
        let meanwhile = nodes[0].runtime().block_on(async {
            let calls = creations.iter().zip(nodes.iter().cycle());
            let calls = calls.map(|(body, kms)| kms.calling_as(OWNER, HERE, OpName::CreateKey, body));
            let destroying = futures_util::future::join_all(nodes.iter().map(|kms| kms.node().run_due_tasks()));
            futures_util::future::join(futures_util::future::join_all(calls), destroying).await.0
        });
        let made = successes(&meanwhile);
        let rest = successes(&all_at_once(&nodes, OpName::CreateKey, &vec![json!({}); doomed.len() + 9]));
        assert_eq!(made + rest, doomed.len(), "seed {seed}");
        assert_eq!(key_ids(&nodes[2], HERE).len() as u64, quota, "seed {seed}");
    }
}

#[test]
fn aliases_and_grants_are_exact_however_many_nodes_make_them() {
    for seed in 0..6 {
        let nodes = nodes(seed, &quotas(10, 20, 30));
        let key = new_key(&nodes[0]);
        let aliases: Vec<_> = (0..33).map(|at| alias(at, &key)).collect();
        assert_eq!(successes(&all_at_once(&nodes, OpName::CreateAlias, &aliases)), 20, "seed {seed}");
        let body = json!({"KeyId": key, "Limit": 100});
        let listed = nodes[1].call(OpName::ListAliases, &body).unwrap();
        assert_eq!(listed["Aliases"].as_array().unwrap().len(), 20, "seed {seed}");

        let grants: Vec<_> = (0..45).map(|at| grant(at, &key)).collect();
        let made = all_at_once(&nodes, OpName::CreateGrant, &grants);
        assert_eq!(successes(&made), 30, "seed {seed}");
        let afresh = nodes[0].restarted_with_quotas(quotas(10, 20, 30));
        let listed = afresh.call(OpName::ListGrants, &body).unwrap();
        assert_eq!(listed["Grants"].as_array().unwrap().len(), 30, "seed {seed}");
    }
}

/// A store from before there were counts and a schedule: with a key whose end nobody has written down where tasks look.
#[test]
fn a_store_without_counts_is_counted_once() {
    let store = Arc::new(MemoryStore::new());
    let first = TestKms::with_quotas_over(store.clone(), Quotas::default());
    let keys = [(), (), ()].map(|()| new_key(&first));
    for at in 0..2 {
        first.call(OpName::CreateAlias, &alias(at, &keys[0])).unwrap();
        first.call(OpName::CreateGrant, &grant(at, &keys[0])).unwrap();
    }
    first.call_as(OWNER, "eu-west-1", OpName::CreateKey, &json!({})).unwrap();
    first.call(OpName::ScheduleKeyDeletion, &json!({"KeyId": keys[2], "PendingWindowInDays": 7})).unwrap();
    make_older(&first, &keys[2]);

    let kms = first.restarted_with_quotas(quotas(4, 3, 3));
    assert!(records(&kms, Table::Schedule).len() == 1, "the key is in the schedule");
    let counted = (records(&kms, Table::Counts), mark(&kms));
    let again = kms.restarted_with_quotas(quotas(4, 3, 3));
    assert_eq!((records(&again, Table::Counts), mark(&again)), counted, "nothing is counted twice");

    assert!(kms.call(OpName::CreateKey, &json!({})).is_ok());
    assert!(is_exceeded(&kms.call(OpName::CreateKey, &json!({}))));
    assert!(kms.call(OpName::CreateAlias, &alias(2, &keys[0])).is_ok());
    assert!(is_exceeded(&kms.call(OpName::CreateAlias, &alias(3, &keys[0]))));
    assert!(kms.call(OpName::CreateGrant, &grant(2, &keys[0])).is_ok());
    assert!(is_exceeded(&kms.call(OpName::CreateGrant, &grant(3, &keys[0]))));
    let elsewhere = || kms.call_as(OWNER, "eu-west-1", OpName::CreateKey, &json!({}));
    assert_eq!([(), (), (), ()].map(|()| elsewhere().is_ok()), [true, true, true, false]);
    kms.wait_days(7);
    assert_eq!(key_ids(&kms, HERE).len(), 3, "what was to be destroyed is");
    assert!(kms.call(OpName::CreateKey, &json!({})).is_ok());
}

fn records(kms: &TestKms, table: Table) -> Vec<Record> {
    kms.runtime().block_on(kms.store().scan(table, b"", None, 1000)).unwrap()
}

fn mark(kms: &TestKms) -> Option<Record> {
    kms.runtime().block_on(kms.store().get(Table::Meta, b"stock-taken")).unwrap()
}

/// Takes from the store what was not written before there were counts and a schedule.
fn make_older(kms: &TestKms, unscheduled: &str) {
    let (vault, store) = (kms.vault(), kms.store());
    let mut batch = Batch::new();
    for table in [Table::Counts, Table::Schedule] {
        for record in records(kms, table) {
            batch = batch.delete(table, record.key, record.version);
        }
    }
    let taken = mark(kms).expect("a mark");
    batch = batch.delete(Table::Meta, taken.key, taken.version);
    let key =
        records(kms, Table::Keys).into_iter().find(|record| record.key.ends_with(unscheduled.as_bytes())).unwrap();
    let name = |version: u64| RecordName { table: Table::Keys.code(), key: &key.key, version };
    let opened = vault.open_record(name(key.version.0), &key.value).unwrap();
    let arn = format!("arn:aws:kms:{HERE}:{OWNER}:key/{unscheduled}").parse().unwrap();
    let record = KeyRecord { scheduled: None, ..encode::key_from_bytes(arn, opened.expose()).unwrap() };
    let expect = Expect::At(key.version);
    let plain = encode::key_to_bytes(&record);
    let sealed = vault.seal_record(name(expect.next_version().0), &plain, &SeededRng::new(1)).unwrap();
    batch = batch.put(Table::Keys, key.key.clone(), expect, sealed);
    kms.runtime().block_on(store.commit(batch)).unwrap();
}
