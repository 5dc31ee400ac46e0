//! What can happen in a sequence, and dice to throw one. Keys, aliases and the rest are named by small numbers, which are
//! taken modulo what there is: a sequence keeps its sense when some of its steps are left out.

use strongroom_core::generated::{KeySpec, KeyUsage};

use super::reference::Kind;

/// A predictable generator (SplitMix64): the same seed gives the same sequence.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn small(&mut self, bound: u8) -> u8 {
        u8::try_from(self.below(usize::from(bound))).unwrap()
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Where a sequence plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Land {
    /// Wrapping keys are RSA, and take long to make: imports are left out of most sequences.
    World { imports: bool },
    /// Wrapping keys are SM2.
    China,
}

/// Which token comes with an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenChoice {
    /// Made for this call.
    Fresh,
    /// The key's last one again, whatever its age.
    Again,
    /// That of another key.
    Foreign,
    /// None at all, but bytes.
    Garbage,
}

/// Which id an import or a deletion names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Nothing,
    /// The material that stands at this place.
    Material(u8),
    Pending,
    /// One that no key has.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Import {
    pub(super) key: u8,
    pub(super) token: TokenChoice,
    /// Which bytes; the last choice fits no key.
    pub(super) bytes: u8,
    pub(super) is_new: Option<bool>,
    /// When it expires, in hours from now.
    pub(super) valid_hours: Option<i64>,
    pub(super) named: Named,
    pub(super) description: Option<u8>,
}

/// Choices of bytes to import, of which the last fits no key.
pub(super) const BYTES: u8 = 4;

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    CreateKey(Kind),
    EnableKey(u8),
    DisableKey(u8),
    ScheduleKeyDeletion(u8, i64),
    CancelKeyDeletion(u8),
    EnableKeyRotation(u8, i64),
    DisableKeyRotation(u8),
    RotateKeyOnDemand(u8),
    ImportKeyMaterial(Import),
    DeleteImportedKeyMaterial(u8, Named),
    CreateAlias(u8, u8),
    UpdateAlias(u8, u8),
    DeleteAlias(u8),
    CreateGrant {
        key: u8,
        name: Option<u8>,
        bob_retires: bool,
        operation: &'static str,
    },
    RevokeGrant(u8),
    RetireGrant {
        grant: u8,
        by_token: bool,
    },
    TagResource(u8, u8, u8),
    UntagResource(u8, u8),
    UpdateKeyDescription(u8, u8),
    PutKeyPolicy(u8, u8),
    ReplicateKey(u8),
    UpdatePrimaryRegion(u8),
    Encrypt(u8),
    EncryptByAlias(u8),
    Decrypt {
        made: u8,
        with: Option<u8>,
        same_context: bool,
    },
    ReEncrypt(u8, u8),
    GenerateMac(u8),
    Sign(u8),
    Verify(u8),
    Wait {
        minutes: i64,
        tasks: bool,
    },
    /// The node ends, and another begins over the same store.
    Restart,
    /// Everything that can be asked is asked.
    Look,
}

const fn kind(spec: KeySpec, usage: KeyUsage, is_external: bool, is_multi_region: bool) -> Kind {
    Kind { spec, usage, is_external, is_multi_region }
}

/// Symmetric keys have the longest life, so they come most often.
const KINDS: [Kind; 10] = [
    kind(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, false, false),
    kind(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, false, false),
    kind(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, true, false),
    kind(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, true, false),
    kind(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, false, true),
    kind(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, true, true),
    kind(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, false, false),
    kind(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, true, false),
    kind(KeySpec::EccNistP256, KeyUsage::SignVerify, false, true),
    kind(KeySpec::EccNistP256, KeyUsage::SignVerify, true, false),
];

const MINUTES: [i64; 9] = [0, 1, 30, 24 * 60, 2 * 24 * 60, 8 * 24 * 60, 31 * 24 * 60, 91 * 24 * 60, 400 * 24 * 60];

/// The place and the steps of a seed.
pub(super) fn throw(seed: u64) -> (Land, Vec<Step>) {
    let mut dice = Dice::new(seed);
    let land = match dice.below(128) {
        0 => Land::World { imports: true },
        1..32 => Land::World { imports: false },
        _ => Land::China,
    };
    let length = 6 + dice.below(34);
    let mut steps: Vec<_> = (0..1 + dice.below(3)).map(|_| Step::CreateKey(dice.pick(&KINDS))).collect();
    while steps.len() < length {
        steps.push(step(&mut dice));
    }
    if land == (Land::World { imports: false }) {
        steps.retain(|step| !matches!(step, Step::ImportKeyMaterial(_)));
    }
    (land, steps)
}

fn step(dice: &mut Dice) -> Step {
    let key = dice.small(4);
    match dice.below(100) {
        0..3 => Step::CreateKey(dice.pick(&KINDS)),
        3..6 => Step::ReplicateKey(key),
        6..8 => Step::UpdatePrimaryRegion(key),
        8..10 => Step::EnableKey(key),
        10..15 => Step::DisableKey(key),
        15..20 => Step::ScheduleKeyDeletion(key, dice.pick(&[7, 7, 8, 30, 6, 31])),
        20..23 => Step::CancelKeyDeletion(key),
        23..28 => Step::EnableKeyRotation(key, dice.pick(&[90, 90, 120, 365, 2560, 89])),
        28..30 => Step::DisableKeyRotation(key),
        30..35 => Step::RotateKeyOnDemand(key),
        35..48 => Step::ImportKeyMaterial(import(dice, key)),
        48..52 => {
            let named =
                [Named::Nothing, Named::Nothing, Named::Pending, Named::Material(dice.small(3)), Named::Unknown];
            Step::DeleteImportedKeyMaterial(key, dice.pick(&named))
        }
        52..55 => Step::CreateAlias(dice.small(4), key),
        55..57 => Step::UpdateAlias(dice.small(4), key),
        57..59 => Step::DeleteAlias(dice.small(4)),
        59..63 => {
            let operation = dice.pick(&["Decrypt", "Decrypt", "DescribeKey", "GenerateMac", "Sign"]);
            let name = dice.one_in(2).then(|| dice.small(2));
            Step::CreateGrant { key, name, bob_retires: dice.one_in(2), operation }
        }
        63..65 => Step::RevokeGrant(dice.small(8)),
        65..67 => Step::RetireGrant { grant: dice.small(8), by_token: dice.one_in(2) },
        67..69 => Step::TagResource(key, dice.small(3), dice.small(3)),
        69 => Step::UntagResource(key, dice.small(3)),
        70 => Step::UpdateKeyDescription(key, dice.small(3)),
        71 => Step::PutKeyPolicy(key, dice.small(3)),
        72..77 => Step::Encrypt(key),
        77 => Step::EncryptByAlias(dice.small(4)),
        78..81 => {
            let with = dice.one_in(3).then(|| dice.small(4));
            Step::Decrypt { made: dice.small(16), with, same_context: !dice.one_in(6) }
        }
        81 => Step::ReEncrypt(dice.small(16), key),
        82..84 => Step::GenerateMac(key),
        84..86 => Step::Sign(key),
        86..88 => Step::Verify(dice.small(16)),
        88..97 => Step::Wait { minutes: dice.pick(&MINUTES), tasks: !dice.one_in(4) },
        97..99 => Step::Restart,
        _ => Step::Look,
    }
}

fn import(dice: &mut Dice, key: u8) -> Import {
    use TokenChoice::{Again, Foreign, Fresh, Garbage};
    Import {
        key,
        token: dice.pick(&[Fresh, Fresh, Fresh, Fresh, Again, Again, Again, Foreign, Garbage]),
        bytes: if dice.one_in(16) { BYTES - 1 } else { dice.small(BYTES - 1) },
        is_new: dice.pick(&[None, None, None, Some(true), Some(true), Some(false)]),
        valid_hours: dice.pick(&[None, None, None, Some(1), Some(24 * 3), Some(24 * 365), Some(24 * 366), Some(0)]),
        named: match dice.below(12) {
            0 => Named::Material(dice.small(3)),
            1 => Named::Pending,
            2 => Named::Unknown,
            _ => Named::Nothing,
        },
        description: dice.one_in(4).then(|| dice.small(3)),
    }
}
