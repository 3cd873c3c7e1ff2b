use super::*;
use crate::encryption::keys::{DataKey, KeyContext};
use mucura_runtime::OsEntropy;
use mucura_types::BucketId;
use proptest::prelude::*;

/// The bytes 0, 3, 6 and so on; and each one more.
const ONE: &str = "AAMGCQwPEhUYGx4hJCcqLTAzNjk8P0JFSEtOUVRXWl0=";
const TWO: &str = "AQQHCg0QExYZHB8iJSgrLjE0Nzo9QENGSUxPUlVYW14=";

fn faults(text: &str) -> Vec<(Option<usize>, KeyFileReason)> {
    let error = KeyRing::parse(text).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&ONE[..20]), "{error:?}");
    error.faults.into_iter().map(|fault| (fault.line, fault.reason)).collect()
}

#[test]
fn the_marked_key_wraps_and_the_others_open() {
    let text = format!("# keys\n\n  1:{ONE}\r\n20: {TWO}   active\n");
    let ring = KeyRing::parse(&text).unwrap();
    assert_eq!((ring.active(), ring.ids().collect::<Vec<_>>()), (KeyId(20), vec![KeyId(1), KeyId(20)]));
    let context = KeyContext { bucket: BucketId(1), key: "k" };
    let data_key = DataKey::random(&OsEntropy).unwrap();
    let bytes = std::array::from_fn(|i| u8::try_from(i * 3).unwrap());
    let old = KeyRing::new(KeyId(1), &bytes).unwrap();
    let wrapped = old.wrap(&data_key, context, &OsEntropy).unwrap();
    assert_eq!(ring.unwrap(&wrapped, context).unwrap().bytes(), data_key.bytes());
}

#[test]
fn all_that_is_wrong_is_told_with_its_line() {
    let text = format!(
        "1:{ONE} active\nnonsense\n2:{ONE}\n1:{TWO}\n-1:{TWO}\n:{TWO}\n4294967296:{TWO}\n3:abc\n\
         4:{TWO} actif\n5:{TWO} active\n6:{TWO} active now\n7:\n\
         0:{TWO}\n"
    );
    let want = [
        (2, KeyFileReason::Form),
        (3, KeyFileReason::SameKey { first: 1 }),
        (4, KeyFileReason::SameId { first: 1 }),
        (5, KeyFileReason::Id),
        (6, KeyFileReason::Id),
        (7, KeyFileReason::Id),
        (8, KeyFileReason::Key),
        (9, KeyFileReason::Form),
        (10, KeyFileReason::SecondActive { first: 1 }),
        (11, KeyFileReason::Form),
        (12, KeyFileReason::Form),
        (13, KeyFileReason::Id),
    ];
    assert_eq!(faults(&text), want.map(|(line, reason)| (Some(line), reason)));
    for none in ["", "# nothing\n", &format!("1:{ONE}\n")] {
        assert_eq!(faults(none), [(None, KeyFileReason::NoActive)]);
    }
    let long = format!("1:{ONE} active\n#{}", "x".repeat(KEY_FILE_BYTES_MAX));
    assert_eq!(faults(&long), [(None, KeyFileReason::TooLong)]);
}

fn text_of(bytes: &[u8]) -> KeyText {
    let mut text = KeyText::empty();
    let len = bytes.len().min(text.spare().len());
    text.spare()[..len].copy_from_slice(&bytes[..len]);
    text.filled(len);
    text
}

#[test]
fn what_was_read_is_parsed_and_not_shown() {
    let line = format!("1:{ONE} active\n");
    let text = text_of(line.as_bytes());
    assert_eq!((text.as_bytes(), format!("{text:?}").as_str()), (line.as_bytes(), "KeyText"));
    assert_eq!(text.parse().unwrap().active(), KeyId(1));
    let reason = |bytes: &[u8]| text_of(bytes).parse().unwrap_err().faults[0].reason.clone();
    assert_eq!(reason(b"1:\xff"), KeyFileReason::NotText);
    assert_eq!(reason(&[b'#'; KEY_FILE_BYTES_MAX]), KeyFileReason::NoActive);
    assert_eq!(reason(&[b'#'; KEY_FILE_BYTES_MAX + 9]), KeyFileReason::TooLong);
}

#[test]
fn only_the_one_base64_of_a_key_is_taken() {
    let other_last_bits = format!("{}1=", &ONE[..42]);
    let long = format!("{ONE}AAAA");
    for text in ["", "=", &ONE[..43], &ONE[1..], &long, &other_last_bits, &ONE.replace('M', "-")] {
        assert!(decode(text).is_none(), "{text}");
    }
    assert_eq!(decode(&format!("{}8=", "/".repeat(42))).unwrap().0, [255; 32]);
}

proptest! {
    #[test]
    fn every_key_reads_back(bytes: [u8; 32]) {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
        let digit = |at: usize| char::from(DIGITS[(0..6).fold(0, |value, i| value << 1 | bit(at * 6 + i))]);
        let text: String = (0..43).map(digit).chain(['=']).collect();
        prop_assert_eq!(decode(&text).unwrap().0, bytes);
    }

    #[test]
    fn no_text_makes_it_panic(text in "([0-9]{0,11}[:é]?[A-Za-z0-9+/=]{0,50}( active)?\n?){0,8}", any in ".*") {
        KeyRing::parse(&text).ok();
        KeyRing::parse(&any).ok();
    }
}
