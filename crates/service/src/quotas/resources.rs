//! The resource quotas: how many keys, aliases and grants there may be (KMS Developer Guide, "Resource quotas").
//!
//! # Not here
//! How many there are: `keys::keyring::counts`.

/// How many there may be. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceQuotas {
    /// Keys of an account in a Region, in whatever state.
    pub keys: Option<u64>,
    /// Aliases of a key.
    pub aliases_per_key: Option<u64>,
    /// Grants on a key.
    pub grants_per_key: Option<u64>,
}

impl ResourceQuotas {
    /// AWS's defaults.
    pub const fn aws_defaults() -> Self {
        Self { keys: Some(100_000), aliases_per_key: Some(50), grants_per_key: Some(50_000) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_the_defaults() {
        let ResourceQuotas { keys, aliases_per_key, grants_per_key } = ResourceQuotas::aws_defaults();
        check("keys", keys, "100,000 of an account in a Region");
        check("aliases_per_key", aliases_per_key, "50");
        check("grants_per_key", grants_per_key, "50,000");

        #[track_caller]
        fn check(name: &str, quota: Option<u64>, told: &str) {
            let page = include_str!("../../../../docs/quotas.md");
            assert!(page.contains(&format!("| `{name}` | {told} |")), "{name}");
            let digits: String = told.chars().filter(char::is_ascii_digit).collect();
            assert_eq!(quota, digits.parse().ok(), "{name}");
        }
    }
}
