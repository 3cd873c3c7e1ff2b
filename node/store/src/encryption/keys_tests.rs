use super::*;
use mucura_runtime::OsEntropy;

const CONTEXT: KeyContext<'_> = KeyContext { bucket: BucketId(7), key: "photos/ä.jpg" };
const OTHERS: [KeyContext<'_>; 3] = [
    KeyContext { bucket: BucketId(8), key: "photos/ä.jpg" },
    KeyContext { bucket: BucketId(7), key: "photos/ä.jp" },
    KeyContext { bucket: BucketId(7), key: "" },
];

/// Always the same bytes.
struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        bytes.fill(self.0);
        Ok(())
    }
}

fn bytes(first: u8) -> [u8; 32] {
    std::array::from_fn(|i| first + u8::try_from(i).unwrap())
}

fn is_refused(result: Result<DataKey, KeyError>) -> bool {
    matches!(result, Err(KeyError::Refused))
}

#[test]
fn wrapped_keys_are_those_of_the_format() {
    let data_key = DataKey::from_bytes(bytes(0));
    let ring = KeyRing::new(KeyId(3), &bytes(32)).unwrap();
    let wrapped = ring.wrap(&data_key, CONTEXT, &Fixed(9)).unwrap();
    assert_eq!(wrapped.key, KeyId(3));
    assert_eq!(
        hex::encode(wrapped.sealed.as_bytes()),
        "09090909090909090909090944d991e0c99774c590ba1b64a9521624ecfdd69dc1d0a963c9381c18c87dea48\
         15bf166996230a11a757ae541e3be9a9"
    );
    let customer = CustomerKey::new(&bytes(32)).unwrap();
    assert_eq!(
        hex::encode(customer.wrap(&data_key, CONTEXT, &Fixed(9)).unwrap().as_bytes()),
        "09090909090909090909090944d991e0c99774c590ba1b64a9521624ecfdd69dc1d0a963c9381c18c87dea48\
         f5e42cc956665bdc32105cb019c6ecdb"
    );
}

#[test]
fn a_wrapped_key_opens_for_its_object_only() {
    let data_key = DataKey::random(&OsEntropy).unwrap();
    let ring = KeyRing::new(KeyId(1), &bytes(1)).unwrap();
    let wrapped = ring.wrap(&data_key, CONTEXT, &OsEntropy).unwrap();
    assert_eq!(ring.unwrap(&wrapped, CONTEXT).unwrap().bytes(), data_key.bytes());
    assert!(OTHERS.iter().all(|other| is_refused(ring.unwrap(&wrapped, *other))));
    let same_id = KeyRing::new(KeyId(1), &bytes(2)).unwrap();
    assert!(is_refused(same_id.unwrap(&wrapped, CONTEXT)));
    let stored = wrapped.to_bytes();
    assert_eq!((WrappedKey::from_bytes(&stored).unwrap(), &stored[..4]), (wrapped, &[0, 0, 0, 1][..]));
    assert!((0..stored.len()).all(|len| WrappedKey::from_bytes(&stored[..len]).is_err()));
    for at in 0..SEALED_KEY_BYTES {
        let mut damaged = *wrapped.sealed.as_bytes();
        damaged[at] ^= 1;
        let sealed = SealedKey::from_bytes(&damaged).unwrap();
        assert!(is_refused(ring.unwrap(&WrappedKey { sealed, ..wrapped }, CONTEXT)));
        assert!(SealedKey::from_bytes(&damaged[..at]).is_err());
    }
    assert_ne!(ring.wrap(&data_key, CONTEXT, &OsEntropy).unwrap(), wrapped);
}

#[test]
fn after_a_rotation_old_keys_open_and_the_new_one_wraps() {
    let old = KeyRing::new(KeyId(1), &bytes(1)).unwrap();
    let data_key = DataKey::random(&OsEntropy).unwrap();
    let wrapped = old.wrap(&data_key, CONTEXT, &OsEntropy).unwrap();
    assert!(old.rewrap(&wrapped, CONTEXT, &OsEntropy).unwrap().is_none());

    let rotated = KeyRing::new(KeyId(2), &bytes(2)).unwrap().with(KeyId(1), &bytes(1)).unwrap();
    assert_eq!(rotated.unwrap(&wrapped, CONTEXT).unwrap().bytes(), data_key.bytes());
    assert!(rotated.rewrap(&wrapped, OTHERS[0], &OsEntropy).is_err());
    let rewrapped = rotated.rewrap(&wrapped, CONTEXT, &OsEntropy).unwrap().unwrap();
    assert_eq!(rewrapped.key, KeyId(2));

    let new = KeyRing::new(KeyId(2), &bytes(2)).unwrap();
    assert_eq!(new.unwrap(&rewrapped, CONTEXT).unwrap().bytes(), data_key.bytes());
    assert!(matches!(new.unwrap(&wrapped, CONTEXT), Err(KeyError::UnknownKey(KeyId(1)))));
}

#[test]
fn only_the_customers_own_key_opens_his_object() {
    let data_key = DataKey::random(&OsEntropy).unwrap();
    let customer = CustomerKey::new(&bytes(1)).unwrap();
    let sealed = customer.wrap(&data_key, CONTEXT, &OsEntropy).unwrap();
    assert_eq!(customer.unwrap(&sealed, CONTEXT).unwrap().bytes(), data_key.bytes());
    assert!(is_refused(CustomerKey::new(&bytes(2)).unwrap().unwrap(&sealed, CONTEXT)));
    assert!(OTHERS.iter().all(|other| is_refused(customer.unwrap(&sealed, *other))));
    // The same bytes as a site key are another key.
    let ring = KeyRing::new(KeyId(1), &bytes(1)).unwrap();
    assert!(is_refused(ring.unwrap(&WrappedKey { key: KeyId(1), sealed }, CONTEXT)));
}

#[test]
fn a_fingerprint_is_of_one_key_under_one_number() {
    let of = |id, key: &[u8; 32]| KeyRing::new(KeyId(id), key).unwrap().fingerprints().next().unwrap().1;
    assert_eq!(of(1, &bytes(1)), of(1, &bytes(1)));
    assert_ne!(of(1, &bytes(1)), of(2, &bytes(1)));
    assert_ne!(of(1, &bytes(1)), of(1, &bytes(2)));
    let shown = of(1, &bytes(1)).to_string();
    assert!(shown.len() == 16 && shown.bytes().all(|b| b.is_ascii_hexdigit()), "{shown}");
}

#[test]
fn nothing_secret_is_printed() {
    let ring = KeyRing::new(KeyId(2), &[0xab; 32]).unwrap().with(KeyId(1), &[0xcd; 32]).unwrap();
    assert_eq!(format!("{ring:?}"), "KeyRing { active: KeyId(2), ids: [KeyId(1), KeyId(2)], .. }");
    assert_eq!(format!("{:?}", DataKey::from_bytes([0xab; 32])), "DataKey");
    assert_eq!(format!("{:?}", CustomerKey::new(&[0xab; 32]).unwrap()), "CustomerKey");
}
