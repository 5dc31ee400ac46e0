//! What an operation is about, as policies name it.

use strongroom_core::identity::{GroupRecord, PolicyRef, UserRecord};
use strongroom_core::ids::Partition;
use strongroom_core::key::Tag;

use super::holders::{Holder, holder_arn};
use super::shown::policy_arn;
use crate::identity::account::{Account, Role, fold};
use crate::query::{Asked, Named as Resource};

/// What an operation is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    User(&'a str),
    Group(&'a str),
    Role(&'a str),
    /// By ARN.
    Policy(&'a str),
    /// By ARN.
    Provider(&'a str),
    /// Something that is to be, or a list: `user`, a path and a name.
    Named {
        noun: &'static str,
        path: &'a str,
        name: &'a str,
    },
    /// The root user.
    Root,
    /// The account as a whole.
    Everything,
}

/// What policies can ask about a target that is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) tags: Vec<Tag>,
    /// The ARN of its permissions boundary.
    pub(crate) boundary: Option<String>,
}

impl Facts {
    /// What a request asks for, and what its target brings.
    pub(crate) fn beside<'a>(&'a self, asked: &Asked<'a>) -> Asked<'a> {
        Asked {
            resource_tags: &self.tags,
            permissions_boundary: asked.permissions_boundary.or(self.boundary.as_deref()),
            ..*asked
        }
    }
}

impl Target<'_> {
    /// The name that policies match. What is not there is named as if it stood under the path `/`.
    pub(crate) fn arn(&self, account: &Account, partition: Partition) -> Resource {
        let id = account.id;
        let own = |arn| Resource { owner: id, arn };
        match *self {
            Self::User(name) => own(arn_by_name::<UserRecord>(account, partition, name)),
            Self::Group(name) => own(arn_by_name::<GroupRecord>(account, partition, name)),
            Self::Role(name) => own(arn_by_name::<Role>(account, partition, name)),
            Self::Policy(arn) | Self::Provider(arn) => {
                // AWS's own policies are everybody's; what another account owns is out of reach.
                let owner = arn.split(':').nth(4).and_then(|owner| owner.parse().ok()).unwrap_or(id);
                Resource { owner, arn: arn.to_owned() }
            }
            Self::Named { noun, path, name } => own(format!("arn:{partition}:iam::{id}:{noun}{path}{name}")),
            Self::Root => own(format!("arn:{partition}:iam::{id}:root")),
            Self::Everything => own("*".to_owned()),
        }
    }

    pub(crate) fn facts(&self, account: &Account, partition: Partition) -> Facts {
        match *self {
            Self::User(name) => facts_by_name::<UserRecord>(account, partition, name),
            Self::Role(name) => facts_by_name::<Role>(account, partition, name),
            Self::Policy(arn) => match account.policy_ref(arn) {
                Some(PolicyRef::Customer(name)) => {
                    let tags = account.managed.get(&name).map(|policy| policy.record.tags.clone());
                    Facts { tags: tags.unwrap_or_default(), boundary: None }
                }
                Some(PolicyRef::Aws(_)) | None => Facts::default(),
            },
            Self::Provider(arn) => {
                let provider = provider_url(account, arn).and_then(|url| account.providers.get(url));
                Facts { tags: provider.map(|provider| provider.tags.clone()).unwrap_or_default(), boundary: None }
            }
            Self::Group(_) | Self::Named { .. } | Self::Root | Self::Everything => Facts::default(),
        }
    }
}

/// The URL, without `https://`, that the ARN of a provider of this account names.
pub(crate) fn provider_url<'a>(account: &Account, arn: &'a str) -> Option<&'a str> {
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':').skip(1);
    let (service, region, owner) = (parts.next()?, parts.next()?, parts.next()?);
    let url = parts.next()?.strip_prefix("oidc-provider/")?;
    (service == "iam" && region.is_empty() && owner == account.id.as_str()).then_some(url)
}

fn arn_by_name<H: Holder>(account: &Account, partition: Partition, name: &str) -> String {
    match H::kin(account).get(&*fold(name)) {
        Some(holder) => holder_arn(partition, account.id, &holder.entity),
        None => format!("arn:{partition}:iam::{}:{}/{name}", account.id, H::NOUN),
    }
}

fn facts_by_name<H: Holder>(account: &Account, partition: Partition, name: &str) -> Facts {
    let Some(holder) = H::kin(account).get(&*fold(name)) else { return Facts::default() };
    let boundary = holder.boundary().map(|policy| policy_arn(account, partition, policy));
    Facts { tags: holder.tags().to_vec(), boundary }
}
