//! What a decision costs the store: nothing, once key and account are in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_crypto::rng::SystemRng;
use strongroom_store::{Batch, Record, Store, StoreFuture, Table};

use crate::fixtures::{allow, allow_account, policy, smallest};
use crate::kms::{BOB, DAVE, OWNER, ROOT, STRANGE_BOB, STRANGER, TestKms, expect_code};
use crate::query::Signer;
use crate::sessions::credentials;

/// A store that counts what is asked of it.
struct CountingStore(Arc<dyn Store>, AtomicUsize);

impl CountingStore {
    fn count(&self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

impl Store for CountingStore {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        self.count();
        self.0.get(table, key)
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        self.count();
        self.0.scan(table, prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        self.count();
        self.0.commit(batch)
    }
}

/// Users by their own policies, by the key's and by a grant, sessions, strangers of another account: allowed or refused.
#[test]
fn decisions_never_touch_the_store() {
    let first = TestKms::new();
    let key = first.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let bob = allow("arn:aws:iam::111122223333:user/bob", "kms:Encrypt");
    let mut strange = allow("arn:aws:iam::444455556666:user/bob", "kms:Encrypt");
    strange["Condition"] = json!({"StringEquals": {"kms:EncryptionContext:app": "ledger"}});
    let mut tagged = allow("*", "kms:Encrypt");
    tagged["Effect"] = json!("Deny");
    tagged["Condition"] = json!({"StringEquals": {"aws:PrincipalTag/team": "red"}});
    let body = json!({"Policy": policy(&[allow_account(), bob, strange, tagged])});
    first.with_key(&key, OpName::PutKeyPolicy, &body).unwrap();
    let grant = json!({"GranteePrincipal": "arn:aws:iam::111122223333:user/dave", "Operations": ["Encrypt"]});
    first.with_key(&key, OpName::CreateGrant, &grant).unwrap();

    let store = Arc::new(CountingStore(first.store(), AtomicUsize::new(0)));
    let kms = first.restarted_over(store.clone(), Arc::new(SystemRng));
    let session = credentials(&kms.sts(Some(&Signer::configured(BOB, "sts")), "GetSessionToken"), "kms");
    let encrypt = json!({"KeyId": key.arn, "Plaintext": "AA==", "EncryptionContext": {"app": "ledger"}});
    let round = || {
        for who in [OWNER, BOB, DAVE, ROOT, STRANGE_BOB] {
            expect_code(&kms.call_as(who, "us-east-1", OpName::Encrypt, &encrypt), None, who);
        }
        assert_eq!(kms.call_with(&session, "Encrypt", &encrypt.to_string()).0, 200);
        for (who, op) in [(DAVE, OpName::DescribeKey), (STRANGE_BOB, OpName::DescribeKey), (STRANGER, OpName::Encrypt)]
        {
            let mut body = smallest(op, &key.arn);
            body["KeyId"] = json!(key.arn);
            expect_code(&kms.call_as(who, "us-east-1", op, &body), Some("AccessDeniedException"), who);
        }
        let iam = Signer::configured(DAVE, "iam");
        assert_eq!(kms.iam(Some(&iam), "ListUsers").failure().1, "AccessDenied");
        assert_eq!(kms.iam(Some(&Signer::configured(ROOT, "iam")), "ListUsers").status, 200);
    };
    round();
    let before = store.1.load(Ordering::SeqCst);
    assert!(before > 0, "the first round brings everything into memory");
    round();
    assert_eq!(store.1.load(Ordering::SeqCst), before);
}
