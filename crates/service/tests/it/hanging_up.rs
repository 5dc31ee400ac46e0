//! A caller who hangs up in the middle of a change: the change is made or not made, and memory and store say the same.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::task::{Context, Waker};

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_service::Request;
use strongroom_store::{Batch, MemoryStore, Record, Store, StoreFuture, Table};

use crate::kms::{OWNER, TestKms};

/// A store that takes its time to commit.
pub(crate) struct SlowStore(pub(crate) MemoryStore);

impl Store for SlowStore {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        self.0.get(table, key)
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        self.0.scan(table, prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        let commit = self.0.commit(batch);
        // Once begun it goes on by itself, as that of a database does.
        let begin = || {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                commit.await
            })
        };
        Box::pin(async move { begin().await.unwrap() })
    }
}

/// Sends the call, lets it come some way, and hangs up.
fn call_and_hang_up(kms: &TestKms, op: OpName, body: &Value, polls: usize) {
    let body = body.to_string();
    let headers = kms.signed_headers(OWNER, "us-east-1", op, &body);
    kms.runtime().block_on(async {
        let mut answer = Box::pin(kms.node().answer(Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: body.as_bytes(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: None,
        }));
        for _ in 0..polls {
            if answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn memory_and_store_say_the_same() {
    for polls in 0..8 {
        let store = Arc::new(SlowStore(MemoryStore::new()));
        let kms = TestKms::over(store);
        let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        let alias = json!({"AliasName": "alias/app", "TargetKeyId": key.id});
        kms.call(OpName::CreateAlias, &alias).unwrap();

        call_and_hang_up(&kms, OpName::DisableKey, &json!({"KeyId": key.id}), polls);
        call_and_hang_up(&kms, OpName::DeleteAlias, &json!({"AliasName": "alias/app"}), polls);
        kms.runtime().block_on(async {
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
        });

        let restarted = kms.restarted();
        let seen = |kms: &TestKms| {
            let state = kms.with_key(&key, OpName::DescribeKey, &json!({})).unwrap()["KeyMetadata"]["KeyState"].clone();
            (state, kms.call(OpName::DescribeKey, &json!({"KeyId": "alias/app"})).is_ok())
        };
        assert_eq!(seen(&kms), seen(&restarted), "hung up after {polls} polls");
        if polls > 0 {
            assert_eq!(seen(&kms), (json!("Disabled"), false), "a change that has begun is carried to its end");
        }
    }
}
