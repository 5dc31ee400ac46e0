//! Identifiers and ARNs: whatever parses prints as what it was parsed from, and nothing makes a parser panic.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use strongroom_core::arn::{AliasArn, KeyArn, KeyRef};
use strongroom_core::ids::{AccountId, AliasName, GrantId, KeyId, KeyMaterialId, Partition, Region};

fuzz_target!(|text: &str| {
    inverse::<AccountId>(text);
    inverse::<AliasName>(text);
    inverse::<GrantId>(text);
    inverse::<KeyArn>(text);
    inverse::<KeyId>(text);
    inverse::<KeyMaterialId>(text);
    inverse::<Partition>(text);
    inverse::<Region>(text);
    match text.parse::<KeyRef>() {
        Ok(KeyRef::Id(id)) => {
            assert_eq!(id.to_string(), text);
            assert_eq!(KeyId::from_binary(id.is_multi_region(), id.to_binary()), id);
        }
        Ok(KeyRef::Arn(arn)) => assert_eq!(arn.to_string(), text),
        Ok(KeyRef::Alias(alias)) => assert_eq!(alias.to_string(), text),
        Ok(KeyRef::AliasArn(AliasArn { account, region, alias })) => {
            assert_eq!(AliasArn { account, region, alias }.to_string(), text);
        }
        Err(bad) => assert!(!bad.to_string().is_empty()),
    }
});

/// Display and FromStr are each other's inverse.
fn inverse<T: Debug + Display + FromStr<Err: Debug>>(text: &str) {
    if let Ok(parsed) = text.parse::<T>() {
        assert_eq!(parsed.to_string(), text);
    }
}
