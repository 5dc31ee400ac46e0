//! Who may nothing gets nothing of IAM, and learns nothing. The operations come from the list: a new one fails here first.

use strongroom_wire::query::iam::OpName;

use crate::iam_fixtures::smallest;
use crate::kms::{OWNER, ROOT, STRANGER, TestKms};
use crate::query::{Signer, Xml};

/// The root user of the owner's account.
pub(crate) fn root() -> Signer {
    Signer::configured(ROOT, "iam")
}

/// A new user without any policy.
pub(crate) fn nobody(kms: &TestKms, name: &str) -> Signer {
    expect(&kms.iam(Some(&root()), &format!("CreateUser&UserName={name}")), None);
    key_of(kms, name)
}

/// A new access key of a user.
pub(crate) fn key_of(kms: &TestKms, name: &str) -> Signer {
    let made = kms.iam(Some(&root()), &format!("CreateAccessKey&UserName={name}"));
    let text = |element| made.get(element).unwrap_or_else(|| panic!("{made:?}"));
    Signer { access_key_id: text("AccessKeyId"), secret: text("SecretAccessKey"), session_token: None, service: "iam" }
}

/// Whether a reply is a success, or a failure of this status, code and text.
#[track_caller]
pub(crate) fn expect(reply: &Xml, failure: Option<(u16, &str, &str)>) {
    match failure {
        None => assert_eq!(reply.status, 200, "{reply:?}"),
        Some((status, code, text)) => {
            assert_eq!(reply.failure(), (status, code.to_owned()), "{reply:?}");
            assert_eq!(reply.get("Message").as_deref(), Some(text));
        }
    }
}

#[test]
fn strangers_are_refused_everywhere() {
    let kms = TestKms::new();
    let nobody = nobody(&kms, "nobody");
    for form in [
        "CreateUser&UserName=here",
        "CreateGroup&GroupName=here",
        &smallest(OpName::CreateRole, "here"),
        &smallest(OpName::CreatePolicy, "here"),
        &smallest(OpName::CreateOpenIDConnectProvider, "here"),
    ] {
        expect(&kms.iam(Some(&root()), form), None);
    }
    for op in OpName::ALL {
        let mut texts = Vec::new();
        for name in ["here", "gone"] {
            let reply = kms.iam(Some(&nobody), &smallest(*op, name));
            assert_eq!(reply.failure(), (403, "AccessDenied".to_owned()), "{op} on {name}: {reply:?}");
            kms.expect_on_record("iam", op.as_str(), "AccessDenied", Some(OWNER));
            kms.expect_explained();
            let text = reply.get("Message").unwrap();
            assert!(text.starts_with("User: arn:aws:iam::111122223333:user/nobody is not authorized to perform: "));
            assert!(text.ends_with(&format!("because no identity-based policy allows the iam:{op} action")), "{text}");
            texts.push(text.replace(name, "NAME"));
        }
        assert_eq!(texts[0], texts[1], "{op} tells what is there from what is not");
    }
}

/// What an administrator of another account reaches is its own account alone.
#[test]
fn other_accounts_are_out_of_reach() {
    let kms = TestKms::new();
    expect(&kms.iam(Some(&root()), &smallest(OpName::CreatePolicy, "here")), None);
    expect(&kms.iam(Some(&root()), &smallest(OpName::CreateOpenIDConnectProvider, "here")), None);
    let stranger = Signer::configured("444455556666ROOT", "iam");
    let mut asked = 0;
    for op in OpName::ALL {
        let form = smallest(*op, "here");
        let names_an_arn = form.contains("PolicyArn=") || form.contains("ProviderArn=");
        let attaches = form.contains("UserName=") || form.contains("GroupName=") || form.contains("RoleName=");
        if !names_an_arn || attaches {
            continue;
        }
        let reply = kms.iam(Some(&stranger), &form);
        assert_eq!(reply.failure(), (403, "AccessDenied".to_owned()), "{op}: {reply:?}");
        kms.expect_on_record("iam", op.as_str(), "AccessDenied", Some(STRANGER));
        kms.expect_explained();
        asked += 1;
    }
    assert!(asked >= 15, "{asked} operations were asked");
    // A policy of another account cannot be attached, and reads like one that is not there.
    expect(&kms.iam(Some(&stranger), "CreateUser&UserName=x"), None);
    for name in ["here", "gone"] {
        let form = format!("AttachUserPolicy&UserName=x&PolicyArn=arn:aws:iam::111122223333:policy/{name}");
        let reply = kms.iam(Some(&stranger), &form);
        let text = format!("Policy arn:aws:iam::111122223333:policy/{name} does not exist or is not attachable.");
        expect(&reply, Some((404, "NoSuchEntity", &text)));
    }
}
