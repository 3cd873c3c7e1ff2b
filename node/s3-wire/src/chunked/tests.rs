//! The framing against the examples of the AWS documentation, cut anywhere, and against its faults.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri};
use proptest::prelude::*;

use super::{Decoder, Encoder};
use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumHasher};
use crate::error::{ErrorCode, S3Error};
use crate::sigv4::{ChunkSigner, Credentials, Expected, PayloadMode, sign};

const MODES: [PayloadMode; 3] = [
    PayloadMode::StreamingSigned,
    PayloadMode::StreamingSignedTrailer,
    PayloadMode::StreamingUnsignedTrailer,
];

/// The signer of the documentation's PUT of 65 KiB of `a`.
fn signer(mode: PayloadMode) -> ChunkSigner {
    let credentials = Credentials {
        access_key: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "s3.amazonaws.com"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if mode == PayloadMode::StreamingSignedTrailer {
        headers.insert("x-amz-trailer", HeaderValue::from_static("x-amz-checksum-crc32c"));
    } else {
        // The documentation signs this header in the example without trailers only.
        headers.insert("content-length", HeaderValue::from_static("66824"));
    }
    let uri: Uri = "/examplebucket/chunkObject.txt".parse().unwrap();
    let target = Expected { region: "us-east-1", service: "s3" };
    sign(&credentials, target, &Method::PUT, &uri, &mut headers, mode, 1_369_353_600_000).unwrap()
}

fn encode(mode: PayloadMode, payload: &[u8], chunk_len: usize, trailer: Option<&Checksum>) -> Vec<u8> {
    let mut encoder = Encoder::new(mode.needs_signature().then(|| signer(mode)));
    let mut out = Vec::new();
    for chunk in payload.chunks(chunk_len.max(1)) {
        out.extend(encoder.encode(chunk));
    }
    out.extend(encoder.finish(trailer, mode == PayloadMode::StreamingSignedTrailer));
    out
}

fn decode(
    mode: PayloadMode,
    decoded_len: u64,
    trailer: Option<ChecksumAlgorithm>,
    pieces: &[&[u8]],
) -> Result<(Vec<u8>, Option<Checksum>), S3Error> {
    let mut decoder = Decoder::new(mode, Some(signer(mode)), decoded_len, trailer)?;
    let mut payload = Vec::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(data) = decoder.decode(&mut input)? {
            payload.extend_from_slice(&data);
        }
    }
    Ok((payload, decoder.finish()?))
}

fn trailer_of(mode: PayloadMode, payload: &[u8]) -> Option<Checksum> {
    (mode != PayloadMode::StreamingSigned)
        .then(|| ChecksumHasher::checksum(ChecksumAlgorithm::Crc32c, payload))
}

#[test]
fn the_framing_of_the_documentation_decodes() {
    let mut framed = Vec::new();
    for (size, signature) in [
        (65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ] {
        framed.extend(format!("{size:x};chunk-signature={signature}\r\n").into_bytes());
        framed.extend(vec![b'a'; size]);
        framed.extend(b"\r\n");
    }
    assert_eq!(framed.len(), 66_824);
    let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let signer = documented_signer("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", None, seed);
    let mut decoder = Decoder::new(PayloadMode::StreamingSigned, Some(signer), 66_560, None).unwrap();
    let mut input = Bytes::from(framed);
    let mut payload = 0;
    while let Some(data) = decoder.decode(&mut input).unwrap() {
        payload += data.len();
    }
    assert_eq!(payload, 66_560);
    decoder.finish().unwrap();
}

#[test]
fn the_trailers_of_the_documentation_decode() {
    let mut framed = Vec::new();
    for (size, signature) in [
        (65_536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
        (1_024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
        (0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
    ] {
        framed.extend(format!("{size:x};chunk-signature={signature}\r\n").into_bytes());
        framed.extend(vec![b'a'; size]);
        if size > 0 {
            framed.extend(b"\r\n");
        }
    }
    framed.extend(b"x-amz-checksum-crc32c:sOO8/Q==\r\n");
    framed.extend(
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    );
    let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    let mode = PayloadMode::StreamingSignedTrailer;
    let signer =
        documented_signer("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", Some("x-amz-checksum-crc32c"), seed);
    let mut decoder = Decoder::new(mode, Some(signer), 66_560, Some(ChecksumAlgorithm::Crc32c)).unwrap();
    let mut input = Bytes::from(framed);
    while decoder.decode(&mut input).unwrap().is_some() {}
    let computed = ChecksumHasher::checksum(ChecksumAlgorithm::Crc32c, &[b'a'; 66_560]);
    assert_eq!(decoder.finish().unwrap(), Some(computed));
}

/// Verifies the head of the documentation's example, and gives the signer it leads to.
fn documented_signer(sha256: &str, trailer: Option<&str>, seed: &str) -> ChunkSigner {
    let mut headers = vec![
        ("content-encoding", "aws-chunked"),
        ("host", "s3.amazonaws.com"),
        ("x-amz-content-sha256", sha256),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-decoded-content-length", "66560"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ];
    match trailer {
        Some(name) => headers.push(("x-amz-trailer", name)),
        None => headers.insert(1, ("content-length", "66824")),
    }
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let mut request = http::Request::builder().method("PUT").uri("/examplebucket/chunkObject.txt").header(
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders={},Signature={seed}",
            names.join(";")
        ),
    );
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(()).unwrap();
    let expected = Expected { region: "us-east-1", service: "s3" };
    let claim = crate::sigv4::Claim::parse(&crate::RequestHead::from(&request), expected).unwrap().unwrap();
    claim.verify("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 1_369_353_600_000).unwrap().chunk_signer
}

#[test]
fn payload_is_not_copied() {
    let mut decoder = Decoder::new(PayloadMode::StreamingUnsignedTrailer, None, 4, None).unwrap();
    let mut input = Bytes::from_static(b"4\r\ndata\r\n0\r\n\r\n");
    let start = input.as_ptr();
    let piece = decoder.decode(&mut input).unwrap().unwrap();
    assert_eq!(piece.as_ptr(), start.wrapping_add(3));
}

fn refusal(mode: PayloadMode, decoded_len: u64, trailer: bool, framed: &[u8]) -> ErrorCode {
    let trailer = trailer.then_some(ChecksumAlgorithm::Crc32);
    decode(mode, decoded_len, trailer, &[framed]).expect_err("refused").code
}

#[test]
fn bodies_that_do_not_add_up_are_refused() {
    let mode = PayloadMode::StreamingUnsignedTrailer;
    for (framed, code) in [
        (&b""[..], ErrorCode::IncompleteBody),
        (b"4\r\nda", ErrorCode::IncompleteBody),
        (b"4\r\ndata\r\n", ErrorCode::IncompleteBody),
        (b"4\r\ndata\r\n0\r\n", ErrorCode::IncompleteBody),
        (b"3\r\ndat\r\n0\r\n\r\n", ErrorCode::IncompleteBody),
        (b"5\r\ndata!\r\n0\r\n\r\n", ErrorCode::IncompleteBody),
        (b"ffffffffffffffff\r\n", ErrorCode::IncompleteBody),
        (b"10000000000000000\r\n", ErrorCode::InvalidRequest),
        (b"4\r\ndata!\r\n0\r\n\r\n", ErrorCode::InvalidRequest),
        (b"4\r\ndata\r\n0\r\n\r\nmore", ErrorCode::InvalidRequest),
        (b"-4\r\ndata\r\n0\r\n\r\n", ErrorCode::InvalidRequest),
        (b"+4\r\ndata\r\n0\r\n\r\n", ErrorCode::InvalidRequest),
        (b"4\ndata\r\n0\r\n\r\n", ErrorCode::InvalidRequest),
        (b"4;a=b\r\ndata\r\n0\r\n\r\n", ErrorCode::InvalidRequest),
        (b"\r\n", ErrorCode::InvalidRequest),
        (b"4\r\ndata\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", ErrorCode::MalformedTrailer),
    ] {
        assert_eq!(refusal(mode, 4, false, framed), code, "{:?}", String::from_utf8_lossy(framed));
    }
    assert_eq!(refusal(mode, 4, false, &[b'0'; 2_000]), ErrorCode::InvalidRequest);
    assert_eq!(refusal(PayloadMode::StreamingSigned, 4, false, b"4\r\ndata\r\n"), ErrorCode::InvalidRequest);
}

#[test]
fn trailers_must_be_those_announced() {
    let mode = PayloadMode::StreamingUnsignedTrailer;
    for (trailers, code) in [
        (&b"\r\n"[..], ErrorCode::MalformedTrailer),
        (b"x-amz-checksum-crc32c:AAAAAA==\r\n\r\n", ErrorCode::MalformedTrailer),
        (
            b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
            ErrorCode::MalformedTrailer,
        ),
        (b"x-amz-checksum-crc32 AAAAAA==\r\n\r\n", ErrorCode::MalformedTrailer),
        (b"x-amz-trailer-signature:00\r\n\r\n", ErrorCode::MalformedTrailer),
        (b"x-amz-checksum-crc32:AAAA\r\n\r\n", ErrorCode::InvalidRequest),
        (b"x-amz-checksum-crc32:AAAAAA==\r\n", ErrorCode::IncompleteBody),
    ] {
        let framed = [b"4\r\ndata\r\n0\r\n", trailers].concat();
        assert_eq!(refusal(mode, 4, true, &framed), code, "{:?}", String::from_utf8_lossy(trailers));
    }
}

#[test]
fn wrong_signatures_of_chunks_and_trailers_are_refused() {
    let mode = PayloadMode::StreamingSignedTrailer;
    let trailer = trailer_of(mode, b"data");
    let framed = String::from_utf8(encode(mode, b"data", 2, trailer.as_ref())).unwrap();
    let other = trailer_of(mode, b"other").unwrap().to_base64();
    let signature_at = framed.find("trailer-signature:").unwrap() + "trailer-signature:".len();
    let mut unsigned = framed.clone();
    unsigned.replace_range(signature_at..signature_at + 64, &"0".repeat(64));
    for framed in [
        framed.replace("\r\nda\r\n", "\r\ndA\r\n"),
        framed.replacen("chunk-signature=", "chunk-signature=x", 1),
        framed.replace(&trailer.unwrap().to_base64(), &other),
        unsigned,
    ] {
        let decoded = decode(mode, 4, Some(ChecksumAlgorithm::Crc32c), &[framed.as_bytes()]);
        assert_eq!(decoded.map_err(|error| error.code), Err(ErrorCode::SignatureDoesNotMatch), "{framed}");
    }
}

#[test]
fn anonymous_requests_cannot_use_signed_chunks() {
    let refused = Decoder::new(PayloadMode::StreamingSigned, None, 0, None).map(|_| ());
    assert_eq!(refused, Err(ErrorCode::AccessDenied.into()));
}

#[test]
fn both_spellings_of_the_trailer_end_are_read() {
    let mode = PayloadMode::StreamingSignedTrailer;
    let trailer = trailer_of(mode, b"data");
    let framed = String::from_utf8(encode(mode, b"data", 4, trailer.as_ref())).unwrap();
    let documented = framed.replace("\r\nx-amz-trailer-signature", "\n\r\nx-amz-trailer-signature");
    for framed in [framed, documented] {
        let decoded = decode(mode, 4, Some(ChecksumAlgorithm::Crc32c), &[framed.as_bytes()]).unwrap();
        assert_eq!(decoded, (b"data".to_vec(), trailer));
    }
}

proptest! {
    #[test]
    fn encoded_bodies_decode_however_they_are_cut(
        payload in prop::collection::vec(any::<u8>(), 0..600),
        chunk_len in 1_usize..300,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        for mode in MODES {
            let trailer = trailer_of(mode, &payload);
            let framed = encode(mode, &payload, chunk_len, trailer.as_ref());
            let algorithm = trailer.map(|checksum| checksum.algorithm());
            let len = payload.len() as u64;
            prop_assert_eq!(
                framed.len() as u64,
                Encoder::encoded_len(mode, len, chunk_len as u64, algorithm)
            );
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(framed.len() + 1)).collect();
            ends.extend([0, framed.len()]);
            ends.sort_unstable();
            let pieces: Vec<&[u8]> = ends.windows(2).map(|pair| &framed[pair[0]..pair[1]]).collect();
            prop_assert_eq!(decode(mode, len, algorithm, &pieces), Ok((payload.clone(), trailer)));
        }
    }

    #[test]
    fn a_signed_body_with_a_changed_byte_never_passes_as_another(
        payload in prop::collection::vec(any::<u8>(), 1..200),
        at: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        for mode in [PayloadMode::StreamingSigned, PayloadMode::StreamingSignedTrailer] {
            let trailer = trailer_of(mode, &payload);
            let mut framed = encode(mode, &payload, 64, trailer.as_ref());
            let at = at.index(framed.len());
            framed[at] ^= 1 << bit;
            let len = payload.len() as u64;
            let decoded = decode(mode, len, trailer.map(|checksum| checksum.algorithm()), &[&framed]);
            // What means nothing may change: the case of a hex digit, the space around a trailer.
            if let Ok(decoded) = decoded {
                prop_assert_eq!(decoded, (payload.clone(), trailer));
            }
        }
    }

    #[test]
    fn lines_are_bounded_however_they_are_cut(len in 1_000_usize..1_050, cut in 0_usize..1_000) {
        // No such line is right; what counts is that its fault is always the same.
        let framed = format!("{}\r\n", "0".repeat(len)).into_bytes();
        let mode = PayloadMode::StreamingUnsignedTrailer;
        let whole = decode(mode, 4, None, &[&framed]).map_err(|error| error.message);
        let pieces = decode(mode, 4, None, &[&framed[..cut], &framed[cut..]]).map_err(|error| error.message);
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn a_body_cut_short_is_refused(payload in prop::collection::vec(any::<u8>(), 0..100), at: prop::sample::Index) {
        for mode in MODES {
            let trailer = trailer_of(mode, &payload);
            let framed = encode(mode, &payload, 40, trailer.as_ref());
            let cut = &framed[..at.index(framed.len())];
            let decoded = decode(mode, payload.len() as u64, trailer.map(|checksum| checksum.algorithm()), &[cut]);
            prop_assert_eq!(decoded.map_err(|error| error.code), Err(ErrorCode::IncompleteBody));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        framed in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "([0-9a-f]{1,2}\r\n[a-z]{0,8}\r\n){0,4}0\r\n[a-z:-]{0,30}\r\n\r\n".prop_map(String::into_bytes),
        ],
        decoded_len in 0_u64..40,
        trailer: bool,
    ) {
        for mode in MODES {
            let trailer = (trailer && mode != PayloadMode::StreamingSigned).then_some(ChecksumAlgorithm::Crc32);
            if let Ok((payload, _)) = decode(mode, decoded_len, trailer, &[&framed]) {
                prop_assert_eq!(payload.len() as u64, decoded_len);
            }
        }
    }
}
