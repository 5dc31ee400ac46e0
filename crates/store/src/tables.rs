//! The tables: what kinds of records there are.

use std::fmt;

/// Declares the tables once: variant, stable code, name. Nothing can be forgotten in [`Table::ALL`].
macro_rules! tables {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $name:literal;)+) => {
        /// A kind of record. Keys of different tables never meet.
        ///
        /// The code is what databases hold and what sealed values are bound to: it never changes and is never given to another table.
        /// A new table needs no migration. When an older release must not run without it, raise the schema version all the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Table {
            $($(#[doc = $doc])+ $variant = $code,)+
        }

        impl Table {
            /// Every table, by ascending code.
            pub const ALL: &'static [Table] = &[$(Table::$variant),+];

            /// The name in messages and metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Table::$variant => $name,)+
                }
            }
        }
    };
}

tables! {
    /// Facts about the store itself: sealed root key, storage key versions, who created it.
    Meta = 1, "meta";
    /// Accounts. Whoever changes an identity of an account writes this record too, so its version counts the changes.
    Accounts = 2, "accounts";
    /// Wrapping keys of accounts, one record per account and version.
    AccountKeys = 3, "account_keys";
    /// KMS keys: metadata and state.
    Keys = 4, "keys";
    /// Key material, wrapped; one record per key and material.
    KeyMaterials = 5, "key_materials";
    /// Key policies.
    KeyPolicies = 6, "key_policies";
    /// Aliases by name.
    Aliases = 7, "aliases";
    /// Aliases by the key that they point to.
    AliasesByKey = 8, "aliases_by_key";
    /// Grants by key.
    Grants = 9, "grants";
    /// Grants by the principal that may retire them.
    GrantsByRetiringPrincipal = 10, "grants_by_retiring_principal";
    /// When a key was last used.
    LastUsage = 11, "last_usage";
    /// What falls due without a caller (deletion, rotation, expiry), by moment.
    Schedule = 12, "schedule";
    /// Who does a task at present.
    Leases = 13, "leases";
    /// Import tokens that were handed out or used.
    ImportTokens = 14, "import_tokens";
    /// Custom key stores.
    KeyStores = 15, "key_stores";
    /// Access keys, by account and id.
    AccessKeys = 16, "access_keys";
    /// Users, by account and name.
    Users = 17, "users";
    /// Groups, by account and name.
    Groups = 18, "groups";
    /// Roles, by account and name.
    Roles = 19, "roles";
    /// Managed policies by account and name, inline policies by account, unique id of their owner, and name.
    IdentityPolicies = 20, "identity_policies";
    /// OIDC providers, by account and URL.
    IdentityProviders = 21, "identity_providers";
    /// Heads and checkpoints of audit chains.
    AuditAnchors = 22, "audit_anchors";
    /// Audit records that commit with their change and are emitted afterwards.
    Outbox = 23, "outbox";
    /// How many keys an account has in a Region, in parts, and how many aliases and grants a key has.
    Counts = 24, "counts";
}

impl Table {
    /// The stable code.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The table with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.code() == code)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_lead_back() {
        assert!(Table::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        for &table in Table::ALL {
            assert_eq!(Table::from_code(table.code()), Some(table));
        }
        assert_eq!(Table::from_code(0), None);
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<_> = Table::ALL.iter().map(|table| table.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Table::ALL.len());
    }

    /// Databases hold these codes: a change here makes records of released versions unreadable.
    #[test]
    fn released_codes_stay() {
        check(Table::Meta, 1);
        check(Table::AccountKeys, 3);
        check(Table::Keys, 4);
        check(Table::Aliases, 7);
        check(Table::Grants, 9);
        check(Table::AccessKeys, 16);
        check(Table::Outbox, 23);
        check(Table::Counts, 24);

        #[track_caller]
        fn check(table: Table, code: u8) {
            assert_eq!(table.code(), code, "{table}");
        }
    }
}
