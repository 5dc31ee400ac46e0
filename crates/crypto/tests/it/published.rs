//! Examples printed in standards: RFC 8032 for Ed25519, GB/T 32905, 32907 and 32918 for SM3, SM4 and SM2.

use sm3::{Digest, Sm3};
use sm4::Sm4;
use sm4::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use strongroom_core::generated::{EncryptionAlgorithmSpec, KeySpec, SigningAlgorithmSpec};
use strongroom_crypto::digest::sha512;
use strongroom_crypto::material::{Material, Message};
use strongroom_crypto::rng::SystemRng;

use crate::{der, hex, import};

/// RFC 8032, section 7.1, tests 1 to 3 and SHA(abc).
#[test]
fn ed25519() {
    check(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        &[],
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
         5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
    check(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        &[0x72],
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    check(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        &[0xaf, 0x82],
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    );
    check(
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        &sha512(b"abc"),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589\
         09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    );

    #[track_caller]
    fn check(seed: &str, public: &str, message: &[u8], signature: &str) {
        let key = ed25519_key(&hex(seed));
        assert_eq!(key.public_key_spki().unwrap(), [hex("302a300506032b6570032100"), hex(public)].concat());
        let made = key.sign(SigningAlgorithmSpec::Ed25519Sha512, Message::Raw(message), &SystemRng).expect("signs");
        assert_eq!(made, hex(signature));
        key.verify(SigningAlgorithmSpec::Ed25519Sha512, Message::Raw(message), &made).expect("its own");
    }
}

/// RFC 8032, section 7.3, and the service's twist: it hashes the caller's 64-byte digest once more (behaviours 3.3).
#[test]
fn ed25519ph() {
    let seed: [u8; 32] =
        hex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42").try_into().expect("32 bytes");
    let published = hex("98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
         31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406");
    let reference = ed25519_dalek::SigningKey::from_bytes(&seed);
    let prehashed = |message: &[u8]| reference.sign_prehashed(sha2::Sha512::new_with_prefix(message), None).unwrap();
    assert_eq!(prehashed(b"abc").to_bytes().to_vec(), published);

    let digest = sha512(b"abc");
    let algorithm = SigningAlgorithmSpec::Ed25519PhSha512;
    let key = ed25519_key(&seed);
    let made = key.sign(algorithm, Message::Digest(&digest), &SystemRng).expect("signs");
    assert_eq!(made, prehashed(&digest).to_bytes());
    key.verify(algorithm, Message::Digest(&digest), &made).expect("its own");
    key.verify(algorithm, Message::Digest(&digest), &published).expect_err("hashed once");
}

fn ed25519_key(seed: &[u8]) -> Material {
    import(KeySpec::EccNistEdwards25519, &der::ed25519_pkcs8(seed)).expect("any seed is a key")
}

/// GB/T 32905-2016, appendix A.
#[test]
fn sm3() {
    check(b"abc", "66c7f0f4 62eeedd9 d1f2d46b dc10e4e2 4167c487 5cf2f7a2 297da02b 8f4ba8e0");
    check(&b"abcd".repeat(16), "debe9ff9 2275b8a1 38604889 c18e5a4d 6fdb70e5 387e5765 293dcba3 9c0c5732");

    #[track_caller]
    fn check(message: &[u8], expect: &str) {
        assert_eq!(Sm3::digest(message).to_vec(), hex(expect));
    }
}

/// GB/T 32907-2016, appendix A, example 1.
#[test]
fn sm4() {
    let key: [u8; 16] = hex("0123456789abcdeffedcba9876543210").try_into().expect("16 bytes");
    let cipher = Sm4::new(&key.into());
    let mut block = key.into();
    cipher.encrypt_block(&mut block);
    assert_eq!(block.to_vec(), hex("681edf34d206965e86b3e94f536e4246"));
    cipher.decrypt_block(&mut block);
    assert_eq!(block.to_vec(), key);
}

/// The key of GB/T 32918.5-2017, appendix A.
fn sm2_key() -> Material {
    let scalar = hex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
    let key = import(KeySpec::Sm2, &der::ec_pkcs8(KeySpec::Sm2, &scalar)).expect("the published scalar");
    let point = hex("04 09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
         ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13");
    assert_eq!(key.public_key_spki().unwrap(), der::ec_spki(KeySpec::Sm2, &point));
    key
}

/// GB/T 32918.5-2017, appendix A: the signature over "message digest" with the default identity.
#[test]
fn sm2_signature() {
    let key = sm2_key();
    let r = hex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3");
    let s = hex("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa");
    let signature = der::two_integers_and(&r, &s, &[]);
    let e = hex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");
    let algorithm = SigningAlgorithmSpec::Sm2Dsa;
    key.verify(algorithm, Message::Raw(b"message digest"), &signature).expect("published");
    key.verify(algorithm, Message::Digest(&e), &signature).expect("published");
    key.verify(algorithm, Message::Raw(b"message Digest"), &signature).expect_err("another message");

    let ours = key.sign(algorithm, Message::Raw(b"message digest"), &SystemRng).expect("signs");
    key.verify(algorithm, Message::Digest(&e), &ours).expect("the same message");
}

/// GB/T 32918.5-2017, appendix C: the ciphertext of "encryption standard", here in its ASN.1 form.
#[test]
fn sm2_ciphertext() {
    let ciphertext = der::two_integers_and(
        &hex("04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"),
        &hex("e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"),
        &[
            &hex("59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"),
            &hex("21886ca989ca9c7d58087307ca93092d651efa"),
        ],
    );
    let opened = sm2_key().decrypt(EncryptionAlgorithmSpec::Sm2Pke, &ciphertext).expect("published");
    assert_eq!(opened.expose(), b"encryption standard");
}
