//! Policy documents of all kinds: parsing takes anything without a panic, and what it takes prints as a text that means
//! the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::error::PolicyError;
use strongroom_authz::policy::lint::advise;
use strongroom_authz::policy::model::{Document, Element, PolicyKind};

fuzz_target!(|text: &str| {
    for kind in [PolicyKind::Key, PolicyKind::Identity, PolicyKind::Trust] {
        match Policy::parse(kind, text) {
            Ok(policy) => check(kind, &policy),
            Err(bad) => assert!(!bad.to_string().is_empty()),
        }
    }
});

fn check(kind: PolicyKind, policy: &Policy) {
    for advice in advise(policy) {
        assert!(advice.statement < policy.document().statements.len() && !advice.kind.to_string().is_empty());
    }
    let printed = policy.canonical_text();
    match Policy::parse(kind, &printed) {
        Ok(again) => {
            assert_eq!(in_order(again.document()), in_order(policy.document()));
            assert_eq!(again.canonical_text(), printed);
        }
        // Spaces and escapes can make the text longer than a document may be.
        Err(PolicyError::TooLong { .. }) => assert!(printed.len() > kind.max_bytes()),
        Err(PolicyError::Malformed(bad)) => panic!("{bad}: {printed}"),
    }
}

/// Principals are printed kind by kind; the order of kinds means nothing.
fn in_order(document: &Document) -> Document {
    let mut document = document.clone();
    for statement in &mut document.statements {
        if let Some(Element::Is(listed) | Element::IsNot(listed)) = &mut statement.principals {
            listed.sort_by_key(|principal| principal.kind as u8);
        }
    }
    document
}
