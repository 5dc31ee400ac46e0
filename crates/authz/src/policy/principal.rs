//! Whom a policy means: the forms of principals, and how directly each means a caller.
//!
//! # Invariants
//! - No wildcard within a name: a principal is everybody or somebody.
//! - `Allow` never means a caller without an account or service of its own unless it names it: everybody does not include
//!   strangers without credentials. `Deny` for everybody includes them.

use strongroom_core::ids::{AccountId, Partition};

use crate::caller::{Caller, Principal};
use crate::policy::model::{PrincipalKind, PrincipalText};

/// How far a statement that names a caller lets it in, within one account (IAM User Guide, "Determining whether a request
/// is allowed or denied within an account").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// The caller's account is named: its identity policies decide.
    Delegated,
    /// The caller's role, or the user behind its federated session, is named: boundary and session policies cut.
    Limited,
    /// The caller itself, or everybody, is named: nothing but an explicit deny cuts.
    Direct,
}

/// A principal of a policy or the grantee of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PrincipalPattern {
    Everyone,
    Account {
        /// `None` for the short form of twelve digits.
        partition: Option<Partition>,
        account: AccountId,
    },
    User {
        arn: Box<str>,
    },
    Role {
        arn: Box<str>,
    },
    RoleSession {
        arn: Box<str>,
    },
    FederatedUser {
        arn: Box<str>,
    },
    /// A user that had this unique id when the policy was stored.
    UserId(Box<str>),
    /// A role that had this unique id when the policy was stored.
    RoleId(Box<str>),
    Service(Box<str>),
    Provider(Box<str>),
    /// A principal that no caller here can be.
    Nobody,
}

impl PrincipalPattern {
    /// The principal that a text of a policy means; `None` when it names nobody.
    pub(crate) fn parse(text: &PrincipalText) -> Option<Self> {
        match text.kind {
            PrincipalKind::Aws => Self::parse_aws(&text.name),
            PrincipalKind::Service => Self::parse_service(&text.name),
            PrincipalKind::Federated => is_name(&text.name).then(|| Self::Provider(text.name.clone())),
            PrincipalKind::CanonicalUser => {
                let is_id = text.name.len() == 64 && text.name.bytes().all(|b| b.is_ascii_hexdigit());
                is_id.then_some(Self::Nobody)
            }
        }
    }

    /// A principal of the kind `AWS`.
    pub(crate) fn parse_aws(name: &str) -> Option<Self> {
        if name == "*" {
            return Some(Self::Everyone);
        }
        if let Ok(account) = name.parse() {
            return Some(Self::Account { partition: None, account });
        }
        if let Some(id) = parse_unique_id(name) {
            return Some(id);
        }
        parse_arn(name)
    }

    /// A service principal: at least two words joined by dots.
    pub(crate) fn parse_service(name: &str) -> Option<Self> {
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (name.contains('.') && name.split('.').all(is_word)).then(|| Self::Service(name.into()))
    }

    /// How directly this names `caller`, for statements and grants that allow.
    pub(crate) fn grade(&self, caller: &Caller) -> Option<Grade> {
        let is_direct = |is_named: bool| is_named.then_some(Grade::Direct);
        let is_limited = |is_named: bool| is_named.then_some(Grade::Limited);
        match (self, caller.principal()) {
            (Self::Nobody, _) => None,
            (Self::Everyone, Principal::WebIdentity | Principal::Anonymous) => None,
            (Self::Everyone, _) => Some(Grade::Direct),
            (Self::Account { partition, account }, _) => {
                let is_own =
                    caller.account() == Some(*account) && partition.is_none_or(|own| own == caller.partition());
                is_own.then_some(Grade::Delegated)
            }
            (Self::User { arn }, Principal::User { .. }) => is_direct(**arn == *caller.arn()),
            (Self::User { arn }, Principal::FederatedUser { issuer_arn, .. }) => is_limited(**arn == **issuer_arn),
            (Self::UserId(own), Principal::User { id, .. }) => is_direct(**own == **id),
            (Self::UserId(own), Principal::FederatedUser { issuer_id, .. }) => is_limited(**own == **issuer_id),
            (Self::Role { arn }, Principal::AssumedRole { role_arn, .. }) => is_limited(**arn == **role_arn),
            (Self::RoleId(own), Principal::AssumedRole { role_id, .. }) => is_limited(**own == **role_id),
            (Self::RoleSession { arn }, Principal::AssumedRole { .. }) => is_direct(**arn == *caller.arn()),
            (Self::FederatedUser { arn }, Principal::FederatedUser { .. }) => is_direct(**arn == *caller.arn()),
            (Self::Service(name), Principal::Service) => is_direct(**name == *caller.arn()),
            (Self::Provider(name), Principal::WebIdentity) => is_direct(**name == *caller.arn()),
            (
                Self::User { .. }
                | Self::UserId(_)
                | Self::Role { .. }
                | Self::RoleId(_)
                | Self::RoleSession { .. }
                | Self::FederatedUser { .. }
                | Self::Service(_)
                | Self::Provider(_),
                _,
            ) => None,
        }
    }

    /// Whether a statement that denies means `caller` when it names this.
    pub(crate) fn covers(&self, caller: &Caller) -> bool {
        *self == Self::Everyone || self.grade(caller).is_some()
    }
}

/// Whether `NotPrincipal` with these names leaves `caller` out, so that the denial does not reach it.
///
/// AWS judges the account, then the user or the role, then the session, and each must be named (IAM User Guide,
/// "NotPrincipal"). Who has a permissions boundary is never left out, as the same page says.
pub(crate) fn leaves_out(listed: &[PrincipalPattern], caller: &Caller, has_boundary: bool) -> bool {
    let names = |named: &dyn Fn(&PrincipalPattern) -> bool| listed.iter().any(named);
    if names(&|pattern| *pattern == PrincipalPattern::Everyone) {
        return true;
    }
    if has_boundary {
        return false;
    }
    let grade_is = |grade| names(&|pattern| pattern.grade(caller) == Some(grade));
    match caller.principal() {
        Principal::Root => grade_is(Grade::Delegated),
        Principal::User { .. } | Principal::FederatedUser { .. } => {
            grade_is(Grade::Delegated) && grade_is(Grade::Direct)
        }
        Principal::AssumedRole { .. } => {
            grade_is(Grade::Delegated) && grade_is(Grade::Limited) && grade_is(Grade::Direct)
        }
        Principal::Service | Principal::WebIdentity => grade_is(Grade::Direct),
        Principal::Anonymous => false,
    }
}

/// The unique ids that stand for users and roles which were resolved, and perhaps deleted since.
fn parse_unique_id(name: &str) -> Option<PrincipalPattern> {
    let is_id = (16..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match name.get(..4) {
        Some("AIDA") if is_id => Some(PrincipalPattern::UserId(name.into())),
        Some("AROA") if is_id => Some(PrincipalPattern::RoleId(name.into())),
        Some(_) | None => None,
    }
}

fn parse_arn(arn: &str) -> Option<PrincipalPattern> {
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':');
    let partition: Partition = parts.next()?.parse().ok()?;
    let service = parts.next()?;
    let region = parts.next()?;
    let account: AccountId = parts.next()?.parse().ok()?;
    let resource = parts.next()?;
    if !region.is_empty() || !is_name(arn) {
        return None;
    }
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    let is_name_whole = !name.is_empty() && !name.ends_with('/') && !name.starts_with('/');
    match (service, kind) {
        ("iam", "root") if resource == "root" => {
            Some(PrincipalPattern::Account { partition: Some(partition), account })
        }
        ("iam", "user") if is_name_whole => Some(PrincipalPattern::User { arn: arn.into() }),
        ("iam", "role") if is_name_whole => Some(PrincipalPattern::Role { arn: arn.into() }),
        ("sts", "assumed-role") if is_name_whole && name.split('/').count() == 2 => {
            Some(PrincipalPattern::RoleSession { arn: arn.into() })
        }
        ("sts", "federated-user") if is_name_whole && !name.contains('/') => {
            Some(PrincipalPattern::FederatedUser { arn: arn.into() })
        }
        _ => None,
    }
}

/// Printable ASCII without wildcards and variables.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'?' | b'$' | b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Session;

    fn account() -> AccountId {
        "111122223333".parse().expect("twelve digits")
    }

    fn callers() -> Vec<(&'static str, Caller)> {
        let user = Caller::user(Partition::Aws, account(), "/team/", "ann", "AIDAANNANNANNANNANNA");
        let session = |name| {
            Caller::assumed_role(
                Partition::Aws,
                account(),
                "/",
                "app",
                "AROAAPPAPPAPPAPPAPPA",
                name,
                Session::default(),
            )
        };
        vec![
            ("root", Caller::root(Partition::Aws, account())),
            ("federated", Caller::federated_user(&user, "fed", Session::default()).expect("a user")),
            ("user", user),
            ("session", session("one")),
            ("other session", session("two")),
            ("service", Caller::service(Partition::Aws, "acm.us-east-2.amazonaws.com")),
            ("web", Caller::web_identity(Partition::Aws, "arn:aws:iam::111122223333:oidc-provider/id.example.com")),
            ("anonymous", Caller::anonymous(Partition::Aws)),
        ]
    }

    #[test]
    fn who_is_meant_how() {
        use Grade::{Delegated, Direct, Limited};
        let all = ["root", "federated", "user", "session", "other session"];
        check("*", &all.map(|name| (name, Direct)).into_iter().chain([("service", Direct)]).collect::<Vec<_>>());
        check("111122223333", &all.map(|name| (name, Delegated)));
        check("arn:aws:iam::111122223333:root", &all.map(|name| (name, Delegated)));
        check("arn:aws-cn:iam::111122223333:root", &[]);
        check("arn:aws:iam::444455556666:root", &[]);
        check("arn:aws:iam::111122223333:user/team/ann", &[("user", Direct), ("federated", Limited)]);
        check("arn:aws:iam::111122223333:user/ann", &[]);
        check("AIDAANNANNANNANNANNA", &[("user", Direct), ("federated", Limited)]);
        check("arn:aws:iam::111122223333:role/app", &[("session", Limited), ("other session", Limited)]);
        check("AROAAPPAPPAPPAPPAPPA", &[("session", Limited), ("other session", Limited)]);
        check("arn:aws:sts::111122223333:assumed-role/app/one", &[("session", Direct)]);
        check("arn:aws:sts::111122223333:federated-user/fed", &[("federated", Direct)]);

        #[track_caller]
        fn check(name: &str, expect: &[(&str, Grade)]) {
            let pattern = PrincipalPattern::parse_aws(name).expect("a principal");
            for (caller_name, caller) in callers() {
                let expect = expect.iter().find(|row| row.0 == caller_name).map(|row| row.1);
                assert_eq!(pattern.grade(&caller), expect, "{name} and {caller_name}");
            }
        }
    }

    #[test]
    fn names_that_name_nobody() {
        for bad in [
            "",
            "**",
            "ann",
            "1111",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::111122223333:user/an?",
            "arn:aws:iam::*:root",
            "arn:aws:iam::111122223333:root/",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::111122223333:user",
            "arn:aws:iam::111122223333:group/admins",
            "arn:aws:iam:us-east-1:111122223333:root",
            "arn:aws:sts::111122223333:assumed-role/app",
            "arn:aws:sts::111122223333:assumed-role/app/*",
            "arn:aws:s3:::bucket",
            "arn:oops:iam::111122223333:root",
            "AIDAshort",
            "AGPAANNANNANNANNANNA",
            "${aws:PrincipalArn}",
        ] {
            assert_eq!(PrincipalPattern::parse_aws(bad), None, "{bad}");
        }
        for bad in ["", "*", "ec2", "ec2.*.com", ".amazonaws.com", "ec2..com", "ec2.amazonaws.com/"] {
            assert_eq!(PrincipalPattern::parse_service(bad), None, "{bad}");
        }
    }

    #[test]
    fn not_principal_needs_every_layer() {
        let role = "arn:aws:iam::111122223333:role/app";
        let session = "arn:aws:sts::111122223333:assumed-role/app/one";
        let user = "arn:aws:iam::111122223333:user/team/ann";
        let root = "111122223333";
        check(&[root], "root", false, true);
        check(&[user], "user", false, false);
        check(&[root], "user", false, false);
        check(&[user, root], "user", false, true);
        check(&[user, root], "user", true, false);
        check(&[role, root], "session", false, false);
        check(&[role, root, session], "session", false, true);
        check(&[role, root, session], "other session", false, false);
        check(&["*"], "session", true, true);
        check(&["*"], "anonymous", false, true);
        check(&[root], "anonymous", false, false);

        #[track_caller]
        fn check(names: &[&str], caller_name: &str, has_boundary: bool, expect: bool) {
            let listed: Vec<_> = names.iter().filter_map(|name| PrincipalPattern::parse_aws(name)).collect();
            let callers = callers();
            let (_, caller) = callers.iter().find(|row| row.0 == caller_name).expect("a caller of the list");
            assert_eq!(leaves_out(&listed, caller, has_boundary), expect, "{names:?} and {caller_name}");
        }
    }
}
