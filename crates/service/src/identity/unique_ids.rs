//! Unique ids and the secrets of access keys.
//!
//! An id says the account that it was made in, the way AWS's own ids do: after the prefix stand, in base 32, a bit that is set,
//! the account as 40 bits, and random bits (39 in an access key id, 44 in all others). So an access key leads to its account
//! without an index, and tools that read accounts from access key ids read ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_core::identity::UniqueIdKind;
use strongroom_core::ids::AccountId;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::{NoEntropy, Rng};

/// RFC 4648, section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters after the prefix of an access key id, five bits each.
const ACCESS_KEY_CHARS: usize = 16;
const RANDOM_BITS: u32 = 39;
/// Random bytes in a secret access key, which has 40 characters.
const SECRET_BYTES: usize = 30;
const SECRET_CHARS: usize = 40;

/// A new id.
///
/// # Errors
/// [`NoEntropy`].
pub(crate) fn new_unique_id(kind: UniqueIdKind, account: AccountId, rng: &dyn Rng) -> Result<String, NoEntropy> {
    let mut random = [0; 9];
    rng.fill(&mut random)?;
    let [tail, random @ ..] = random;
    let low = u64::from_be_bytes(random) & ((1 << RANDOM_BITS) - 1);
    let bits = 1 << 79 | u128::from(account.to_number()) << RANDOM_BITS | u128::from(low);
    let mut id = kind.prefix().to_owned();
    id.extend((0..ACCESS_KEY_CHARS).rev().map(|at| letter(u8::try_from(bits >> (5 * at) & 31).unwrap_or_default())));
    match kind {
        UniqueIdKind::AccessKey | UniqueIdKind::TemporaryAccessKey => {}
        UniqueIdKind::User | UniqueIdKind::Group | UniqueIdKind::Role | UniqueIdKind::ManagedPolicy => {
            id.push(letter(tail & 31));
        }
    }
    Ok(id)
}

/// The account that an access key id says it was made in. Anybody can write such an id: it proves nothing.
pub(crate) fn account_of_access_key(id: &str) -> Option<AccountId> {
    let kinds = [UniqueIdKind::AccessKey, UniqueIdKind::TemporaryAccessKey];
    let is_access_key = id.len() == 4 + ACCESS_KEY_CHARS && kinds.iter().any(|kind| id.starts_with(kind.prefix()));
    if is_access_key { account_of_id(id) } else { None }
}

/// The account that any unique id says it was made in.
pub(crate) fn account_of_id(id: &str) -> Option<AccountId> {
    let digits = id.as_bytes().get(4..4 + ACCESS_KEY_CHARS)?;
    let bits = digits.iter().try_fold(0u128, |bits, digit| {
        let value = ALPHABET.iter().position(|letter| letter == digit)?;
        Some(bits << 5 | u128::try_from(value).ok()?)
    })?;
    let is_marked = bits >> 79 == 1;
    let number = u64::try_from(bits >> RANDOM_BITS & ((1 << 40) - 1)).ok()?;
    AccountId::from_number(number).filter(|_| is_marked)
}

/// A new secret access key: 40 characters of 240 random bits.
///
/// # Errors
/// [`NoEntropy`].
pub(crate) fn new_secret(rng: &dyn Rng) -> Result<SecretBytes, NoEntropy> {
    let random = SecretBytes::init(SECRET_BYTES, |out| rng.fill(out))?;
    SecretBytes::init(SECRET_CHARS, |out| STANDARD.encode_slice(random.expose(), out).map(drop).map_err(|_| NoEntropy))
}

fn letter(value: u8) -> char {
    char::from(ALPHABET[usize::from(value & 31)])
}

/// An id that always is the same for the same text, for what is not stored.
pub(crate) fn fixed_unique_id(kind: UniqueIdKind, text: &str) -> String {
    let digest = strongroom_crypto::digest::sha256(text.as_bytes());
    kind.prefix().chars().chain(digest.iter().take(17).map(|byte| letter(byte & 31))).collect()
}

#[cfg(test)]
mod tests {
    use strongroom_core::world::SeededRng;

    use super::*;

    #[test]
    fn an_access_key_id_says_its_account() {
        let rng = SeededRng::new(1);
        for account in ["000000000000", "111122223333", "999999999999"] {
            let account: AccountId = account.parse().expect("twelve digits");
            let id = new_unique_id(UniqueIdKind::AccessKey, account, &rng).expect("random");
            assert!(id.starts_with("AKIA") && id.len() == 20, "{id}");
            assert_eq!(account_of_access_key(&id), Some(account), "{id}");
        }
        let user = new_unique_id(UniqueIdKind::User, "111122223333".parse().expect("digits"), &rng).expect("random");
        assert!(user.starts_with("AIDA") && user.len() == 21, "{user}");
        assert_eq!(account_of_access_key(&user), None);
    }

    #[test]
    fn other_texts_say_none() {
        for text in [
            "",
            "test",
            "111122223333",
            "AKIAIOSFODNN7EXAMPLE",
            "AKIA7777777777777777",
            "AKIAQ",
            "AKIAé777777777777777",
        ] {
            assert_eq!(account_of_access_key(text), None, "{text}");
        }
    }

    #[test]
    fn secrets_are_forty_characters_and_differ() {
        let rng = SeededRng::new(2);
        let (one, other) = (new_secret(&rng).expect("random"), new_secret(&rng).expect("random"));
        assert_eq!(one.len(), 40);
        assert_ne!(one, other);
    }
}
