//! Two nodes over one store: what one of them changes in IAM, the other acts on after its next look at the accounts.

use serde_json::json;
use strongroom_core::generated::OpName;

use crate::iam_strangers::{expect, key_of, nobody, root};
use crate::kms::TestKms;
use crate::query::Signer;

/// What the background task does every second.
fn look(kms: &TestKms) {
    kms.runtime().block_on(kms.node().run_due_tasks());
}

fn may_list(kms: &TestKms, signer: &Signer) -> bool {
    kms.call_with(&Signer { service: "kms", ..signer.clone() }, OpName::ListKeys.as_str(), "{}").0 == 200
}

#[test]
fn a_change_reaches_the_other_node() {
    let one = TestKms::new();
    let other = one.restarted();
    let ann = nobody(&one, "ann");
    assert!(!may_list(&one, &ann) && !may_list(&other, &ann));
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}});
    one.iam_does(
        "PutUserPolicy",
        &[("UserName", "ann"), ("PolicyName", "keys"), ("PolicyDocument", &policy.to_string())],
    );
    assert!(may_list(&one, &ann));
    look(&other);
    assert!(may_list(&other, &ann), "what was given");

    other.iam_does("DeleteUserPolicy", &[("UserName", "ann"), ("PolicyName", "keys")]);
    assert!(!may_list(&other, &ann));
    look(&one);
    assert!(!may_list(&one, &ann), "what was taken away");

    let second = key_of(&one, "ann");
    look(&other);
    let who = |kms: &TestKms, key: &Signer| kms.iam(Some(key), "GetUser").failure().1;
    assert_eq!(who(&other, &second), "AccessDenied", "a new access key");
    let id = ("AccessKeyId", &*second.access_key_id);
    one.iam_does("UpdateAccessKey", &[("UserName", "ann"), id, ("Status", "Inactive")]);
    look(&other);
    assert_eq!(who(&other, &second), "InvalidClientTokenId", "an access key that was switched off");
    expect(&other.iam(Some(&root()), "GetUser&UserName=ann"), None);
}

/// A node that looks by itself does so every period.
#[test]
fn the_background_task_looks() {
    let one = TestKms::with_period(std::sync::Arc::new(strongroom_store::MemoryStore::new()), None);
    let other = TestKms::with_period(one.store(), Some(std::time::Duration::from_millis(20)));
    let ann = nobody(&one, "ann");
    // Its runtime turns while it is asked or waits, and not otherwise.
    let comes_to = |is_it: &dyn Fn() -> bool| {
        (0..500).any(|_| {
            other.sleep_ms(20);
            is_it()
        })
    };
    assert!(comes_to(&|| other.iam(Some(&root()), "GetUser&UserName=ann").status == 200), "a new user");
    one.iam_does("DeleteAccessKey", &[("UserName", "ann"), ("AccessKeyId", &ann.access_key_id)]);
    let is_gone = || other.iam(Some(&ann), "GetUser").failure().1 == "InvalidClientTokenId";
    assert!(comes_to(&is_gone), "a deleted access key");
}
