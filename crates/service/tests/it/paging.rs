//! Every list, page by page: bounds of the limit, markers that are not the list's own, and changes between two pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};

use crate::kms::{Answer, OWNER, STRANGER, TestKey, TestKms, expect_code};
use crate::model::Dice;

const REGION: &str = "us-east-1";
const BOB_ARN: &str = "arn:aws:iam::111122223333:user/bob";

/// A list that something can be added to and taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Keys,
    Aliases,
    AliasesOfAKey,
    Grants,
    RetirableGrants,
    ResourceTags,
    /// Nothing is ever taken from it.
    Rotations,
}

const LISTS: [List; 7] = [
    List::Keys,
    List::Aliases,
    List::AliasesOfAKey,
    List::Grants,
    List::RetirableGrants,
    List::ResourceTags,
    List::Rotations,
];

/// A list of one caller, about one key where it is about one.
struct Shelf<'a> {
    kms: &'a TestKms,
    list: List,
    key: TestKey,
    serial: usize,
}

impl<'a> Shelf<'a> {
    fn new(kms: &'a TestKms, list: List) -> Self {
        let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        Self { kms, list, key, serial: 0 }
    }

    fn op(&self) -> OpName {
        match self.list {
            List::Keys => OpName::ListKeys,
            List::Aliases | List::AliasesOfAKey => OpName::ListAliases,
            List::Grants => OpName::ListGrants,
            List::RetirableGrants => OpName::ListRetirableGrants,
            List::ResourceTags => OpName::ListResourceTags,
            List::Rotations => OpName::ListKeyRotations,
        }
    }

    /// The member with the entries, and the one that names an entry.
    fn members(&self) -> (&'static str, &'static str) {
        match self.list {
            List::Keys => ("Keys", "KeyId"),
            List::Aliases | List::AliasesOfAKey => ("Aliases", "AliasName"),
            List::Grants | List::RetirableGrants => ("Grants", "GrantId"),
            List::ResourceTags => ("Tags", "TagKey"),
            List::Rotations => ("Rotations", "KeyMaterialId"),
        }
    }

    /// The largest limit that AWS documents, and the size of a page whose limit nobody gave.
    fn limits(&self) -> (usize, usize) {
        match self.list {
            List::Keys | List::Rotations => (1000, 100),
            List::Aliases | List::AliasesOfAKey | List::Grants | List::RetirableGrants => (100, 50),
            List::ResourceTags => (50, 50),
        }
    }

    fn about(&self) -> Value {
        match self.list {
            List::Keys | List::Aliases => json!({}),
            List::AliasesOfAKey | List::Grants | List::ResourceTags => json!({"KeyId": self.key.id}),
            List::RetirableGrants => json!({"RetiringPrincipal": BOB_ARN}),
            List::Rotations => json!({"KeyId": self.key.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}),
        }
    }

    fn ask_as(&self, account: &str, region: &str, limit: Option<usize>, marker: Option<&str>) -> Answer {
        let mut body = self.about();
        if let Some(limit) = limit {
            body["Limit"] = json!(limit);
        }
        if let Some(marker) = marker {
            body["Marker"] = json!(marker);
        }
        self.kms.call_as(account, region, self.op(), &body)
    }

    fn ask(&self, limit: Option<usize>, marker: Option<&str>) -> Answer {
        self.ask_as(OWNER, REGION, limit, marker)
    }

    /// The names on a page, and the marker of the next.
    fn page(&self, limit: Option<usize>, marker: Option<&str>) -> (Vec<String>, Option<String>) {
        let page = self.ask(limit, marker).unwrap();
        let (result, name) = self.members();
        let names = page[result].as_array().unwrap().iter().map(|entry| entry[name].as_str().unwrap().to_owned());
        let next = page.get("NextMarker").map(|marker| marker.as_str().unwrap().to_owned());
        assert_eq!(page["Truncated"], json!(next.is_some()), "{:?}", self.list);
        (names.collect(), next)
    }

    fn all(&self) -> Vec<String> {
        let (mut all, mut next) = self.page(None, None);
        while let Some(marker) = next {
            let (names, after) = self.page(None, Some(&marker));
            all.extend(names);
            next = after;
        }
        all
    }

    fn add(&mut self) {
        self.serial += 1;
        // The order in which they come is not that in which they stand.
        let name = format!("{:03}-{}", self.serial * 377 % 1000, self.serial);
        let key = &self.key;
        let with_key = |op, body| self.kms.with_key(key, op, &body).unwrap();
        match self.list {
            List::Keys => drop(self.kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)),
            List::Aliases | List::AliasesOfAKey => {
                let body = json!({"AliasName": format!("alias/{name}-{}", key.id), "TargetKeyId": key.id});
                self.kms.call(OpName::CreateAlias, &body).unwrap();
            }
            List::Grants | List::RetirableGrants => {
                let body = json!({
                    "GranteePrincipal": BOB_ARN, "RetiringPrincipal": BOB_ARN, "Operations": ["DescribeKey"],
                });
                with_key(OpName::CreateGrant, body);
            }
            List::ResourceTags => {
                with_key(OpName::TagResource, json!({"Tags": [{"TagKey": name, "TagValue": ""}]}));
            }
            List::Rotations => drop(with_key(OpName::RotateKeyOnDemand, json!({}))),
        }
    }

    fn take_away(&self, name: &str) {
        let with_key = |op, body| self.kms.with_key(&self.key, op, &body).unwrap();
        match self.list {
            List::Keys if name == self.key.id => {}
            List::Keys => {
                let body = json!({"KeyId": name, "PendingWindowInDays": 7});
                self.kms.call(OpName::ScheduleKeyDeletion, &body).unwrap();
                self.kms.wait_days(7);
            }
            List::Aliases | List::AliasesOfAKey => {
                drop(self.kms.call(OpName::DeleteAlias, &json!({"AliasName": name})).unwrap());
            }
            List::Grants | List::RetirableGrants => drop(with_key(OpName::RevokeGrant, json!({"GrantId": name}))),
            List::ResourceTags => drop(with_key(OpName::UntagResource, json!({"TagKeys": [name]}))),
            List::Rotations => {}
        }
    }
}

#[test]
fn limits_have_their_bounds() {
    for list in LISTS {
        let kms = TestKms::new();
        let mut shelf = Shelf::new(&kms, list);
        let (max, default) = shelf.limits();
        for limit in [0, max + 1] {
            expect_code(&shelf.ask(Some(limit), None), Some("ValidationException"), &format!("{list:?} {limit}"));
        }
        let fill = if list == List::Rotations { 25 } else { 50 };
        while shelf.all().len() < fill {
            shelf.add();
        }
        let whole = shelf.all();
        let first = |limit| shelf.page(limit, None).0.len();
        assert_eq!(first(None), whole.len().min(default), "{list:?}");
        assert_eq!((first(Some(1)), first(Some(7)), first(Some(max))), (1, 7, whole.len()), "{list:?}");
        // A page that ends with the list has no marker, whether or not it is full.
        assert_eq!(shelf.page(Some(whole.len()), None), (whole.clone(), None), "{list:?}");
        for limit in [1, 2, 7, whole.len() - 1] {
            let (mut found, mut next) = shelf.page(Some(limit), None);
            while let Some(marker) = next {
                assert!(marker.len() <= 1024 && marker.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{list:?}");
                let (names, after) = shelf.page(Some(limit), Some(&marker));
                assert!(!names.is_empty(), "{list:?}: a page of nothing");
                found.extend(names);
                next = after;
            }
            assert_eq!(found, whole, "{list:?}, pages of {limit}");
        }
    }
}

#[test]
fn only_markers_of_the_list_itself_are_taken() {
    let kms = TestKms::new();
    let shelves = LISTS.map(|list| {
        let mut shelf = Shelf::new(&kms, list);
        (0..3).for_each(|_| shelf.add());
        shelf
    });
    let markers = shelves.each_ref().map(|shelf| shelf.page(Some(1), None).1.unwrap());
    const REFUSED: Option<&str> = Some("InvalidMarkerException");
    for (at, shelf) in shelves.iter().enumerate() {
        let list = shelf.list;
        let own = &markers[at];
        // The limit may be another, and a marker serves as often as somebody wants.
        assert_eq!(shelf.page(Some(1), Some(own)).0, shelf.page(Some(2), Some(own)).0[..1], "{list:?}");

        for (other, marker) in markers.iter().enumerate().filter(|(other, _)| *other != at) {
            let what = format!("{list:?}: a marker of {:?}", shelves[other].list);
            expect_code(&shelf.ask(None, Some(marker)), REFUSED, &what);
        }
        // Of the same list about another key, of another account, of another Region.
        if !matches!(list, List::Keys | List::Aliases | List::RetirableGrants) {
            let mut other = Shelf::new(&kms, list);
            other.add();
            expect_code(&other.ask(None, Some(own)), REFUSED, &format!("{list:?}: another key's"));
        } else {
            expect_code(&shelf.ask_as(OWNER, "eu-west-1", None, Some(own)), REFUSED, &format!("{list:?}: Region"));
        }
        if matches!(list, List::Keys | List::Aliases) {
            expect_code(&shelf.ask_as(STRANGER, REGION, None, Some(own)), REFUSED, &format!("{list:?}: account"));
        }
        // Of another service.
        let elsewhere = TestKms::new();
        let mut twin = Shelf::new(&elsewhere, list);
        (0..3).for_each(|_| twin.add());
        let foreign = twin.page(Some(1), None).1.unwrap();
        expect_code(&shelf.ask(None, Some(&foreign)), REFUSED, &format!("{list:?}: another service's"));

        // Changed in any place, cut anywhere, prolonged.
        let mut dice = Dice::new(at as u64);
        for _ in 0..40 {
            let mut bytes = own.clone().into_bytes();
            let place = dice.below(bytes.len());
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            expect_code(&shelf.ask(None, Some(&changed)), REFUSED, &format!("{list:?}: changed at {place}"));
            let cut = &own[..1 + dice.below(own.len() - 1)];
            expect_code(&shelf.ask(None, Some(cut)), REFUSED, &format!("{list:?}: cut to {}", cut.len()));
        }
        for bad in [format!("{own}A"), format!("{own}="), format!(" {own}"), "nonsense".into(), "e30=".into()] {
            expect_code(&shelf.ask(None, Some(&bad)), REFUSED, &format!("{list:?}: {bad}"));
        }
        for bad in ["", "\u{0}", "\n", "ä€", &"A".repeat(1025)] {
            expect_code(&shelf.ask(None, Some(bad)), Some("ValidationException"), &format!("{list:?}: {bad:?}"));
        }
    }
}

/// The marker of a page whose last entry is gone leads to what stood after it.
#[test]
fn a_marker_outlives_its_entry() {
    for list in LISTS.into_iter().filter(|list| *list != List::Rotations) {
        let kms = TestKms::new();
        let mut shelf = Shelf::new(&kms, list);
        (0..5).for_each(|_| shelf.add());
        let (first, marker) = shelf.page(Some(3), None);
        let rest = shelf.page(None, marker.as_deref()).0;
        first.iter().for_each(|name| shelf.take_away(name));
        assert_eq!(shelf.page(None, marker.as_deref()), (rest, None), "{list:?}");
        // With everything gone it leads to an empty last page.
        shelf.all().iter().for_each(|name| shelf.take_away(name));
        let left = if list == List::Keys { 1 } else { 0 };
        let (last, next) = shelf.page(None, marker.as_deref());
        assert!(last.len() <= left && next.is_none(), "{list:?}: {last:?}");
    }
}

/// While others add and take away: nothing comes twice, and what was there from the first page to the last is not missed.
#[test]
fn changes_between_pages_neither_repeat_nor_hide() {
    const WALKS: u64 = 24;
    for list in LISTS {
        for seed in 0..WALKS {
            walk(list, seed);
        }
    }
}

fn walk(list: List, seed: u64) {
    let mut dice = Dice::new(seed);
    let kms = TestKms::new();
    let mut shelf = Shelf::new(&kms, list);
    (0..4 + dice.below(8)).for_each(|_| shelf.add());
    let mut throughout: BTreeSet<_> = shelf.all().into_iter().collect();
    let mut ever = throughout.clone();
    let (mut seen, mut next) = (Vec::new(), None);
    for page in 0.. {
        let limit = 1 + dice.below(3);
        let (names, marker) = shelf.page(Some(limit), next.as_deref());
        assert!(names.len() <= limit);
        seen.extend(names);
        next = marker;
        if next.is_none() {
            break;
        }
        // More is taken away than added in the long run, so that the walk ends.
        let additions = if page < 6 { dice.below(3) } else { 0 };
        (0..additions).for_each(|_| shelf.add());
        let present = shelf.all();
        ever.extend(present.iter().cloned());
        for _ in 0..dice.below(3) {
            shelf.take_away(&present[dice.below(present.len())]);
            let left: BTreeSet<_> = shelf.all().into_iter().collect();
            throughout.retain(|name| left.contains(name));
            if left.len() < present.len() {
                break;
            }
        }
    }
    let distinct: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(distinct.len(), seen.len(), "{list:?}, seed {seed}: something came twice");
    assert!(distinct.is_superset(&throughout), "{list:?}, seed {seed}: something was missed");
    assert!(distinct.is_subset(&ever), "{list:?}, seed {seed}: something came that never was");
}

/// A key has one policy, and its list one page, whatever is asked for (behaviours 4.7).
#[test]
fn the_list_of_policies_has_one_page() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    for body in [json!({}), json!({"Limit": 1}), json!({"Limit": 1000}), json!({"Marker": "any"})] {
        let page = kms.with_key(&key, OpName::ListKeyPolicies, &body).unwrap();
        assert_eq!(page, json!({"PolicyNames": ["default"], "Truncated": false}), "{body}");
    }
    for body in [json!({"Limit": 0}), json!({"Limit": 1001}), json!({"Marker": ""})] {
        expect_code(&kms.with_key(&key, OpName::ListKeyPolicies, &body), Some("ValidationException"), "bounds");
    }
}
