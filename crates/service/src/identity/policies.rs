//! What the identity side of a decision says until identity policies can be managed: every principal of an account is an
//! administrator of it, as if the policy that allows every action on every resource were attached.
//!
//! So the side of the key decides alone: a key policy that delegates to the account admits its principals, one that does not
//! shuts them out.

use std::sync::LazyLock;

use strongroom_authz::decide::AttachedPolicy;
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;

const ADMINISTRATOR: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

static ADMINISTRATORS: LazyLock<[AttachedPolicy; 1]> = LazyLock::new(|| {
    let policy = Policy::parse(PolicyKind::Identity, ADMINISTRATOR).expect("the document above is an identity policy");
    [AttachedPolicy { name: "AdministratorAccess".into(), policy: policy.into() }]
});

/// The policies of every principal.
pub(crate) fn of_every_principal() -> &'static [AttachedPolicy] {
    &*ADMINISTRATORS
}
