use axum::body::Body as HttpBody;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, Uri};
use mucura_s3_wire::RequestHead;
use mucura_s3_wire::checksum::{BodyChecksum, ChecksumAlgorithm, ChecksumHasher, ContentMd5};
use mucura_s3_wire::chunked::Encoder;
use mucura_s3_wire::sigv4::{Claim, Credentials, Expected, sign};

use super::*;
use crate::document::digests;

const BODY: &[u8] = b"0123456789 the bytes of a body";
const IDLE: Duration = Duration::from_secs(30);
const NOW_MS: u64 = 1_790_000_000_000;

/// What comes from the connection, piece by piece.
enum Sent {
    Bytes(Vec<u8>),
    Broken,
    Silence,
}

fn payload(sent: Vec<Sent>) -> Payload {
    let frames = stream::unfold(sent.into_iter(), |mut sent| async {
        let frame = match sent.next()? {
            Sent::Bytes(bytes) => Ok(Bytes::from(bytes)),
            Sent::Broken => Err(std::io::Error::other("reset")),
            Sent::Silence => std::future::pending().await,
        };
        Some((frame, sent))
    });
    Payload::new(HttpBody::from_stream(frames), &HeaderMap::new())
}

fn pieces(bytes: &[u8]) -> Vec<Sent> {
    bytes.chunks(7).map(|piece| Sent::Bytes(piece.to_vec())).collect()
}

/// Signers of one request: the client's, and the one that checks it.
fn signers(mode: PayloadMode) -> (ChunkSigner, ChunkSigner) {
    let credentials =
        Credentials { access_key: "AK".to_owned(), secret_key: "secret".to_owned(), session_token: None };
    let expected = Expected { region: "r", service: "s3" };
    let (method, uri) = (Method::PUT, Uri::from_static("http://host/b/k"));
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("host"));
    let signer = sign(&credentials, expected, &method, &uri, &mut headers, mode, NOW_MS).unwrap();
    let head = RequestHead { method: &method, uri: &uri, headers: &headers };
    let claim = Claim::parse(&head, expected).unwrap().unwrap();
    (signer, claim.verify("secret", NOW_MS).unwrap().chunk_signer)
}

fn said(mode: PayloadMode) -> RequestBody {
    RequestBody { len: BodyLen::Exactly(BODY.len() as u64), payload: mode, md5: None, checksum: None }
}

fn crc(bytes: &[u8]) -> WireChecksum {
    ChecksumHasher::checksum(ChecksumAlgorithm::Crc32, bytes)
}

fn with_crc(expected: ExpectedChecksum) -> Option<BodyChecksum> {
    Some(BodyChecksum { algorithm: ChecksumAlgorithm::Crc32, expected })
}

/// Takes a body as the store does: reads it to its end, then has it checked.
async fn store(
    sent: Vec<Sent>,
    said: RequestBody,
    signer: ChunkSigner,
) -> Result<(Vec<u8>, Option<Checksum>), ErrorCode> {
    let mut payload = payload(sent);
    let mut body = UploadBody::new(&mut payload, said, Some(signer), IDLE).map_err(|error| error.code)?;
    let mut got = Vec::new();
    let result = async {
        while let Some(piece) = body.next().await? {
            got.extend_from_slice(&piece);
        }
        let digests = digests(&got, body.plan());
        body.check(&digests)
    };
    match result.await {
        Ok(checksum) => Ok((got, checksum)),
        Err(BodyFailed) => Err(body.into_failure().into_s3().code),
    }
}

async fn plain(sent: Vec<Sent>, said: RequestBody) -> Result<Vec<u8>, ErrorCode> {
    let signer = signers(PayloadMode::Unsigned).1;
    store(sent, said, signer).await.map(|(bytes, _)| bytes)
}

#[tokio::test]
async fn a_whole_body_passes_as_it_is() {
    assert_eq!(plain(pieces(BODY), said(PayloadMode::Unsigned)).await, Ok(BODY.to_vec()));
}

#[tokio::test]
async fn a_body_of_another_length_than_declared_is_incomplete() {
    for sent in [vec![], pieces(&BODY[..BODY.len() - 1]), pieces(&[BODY, b"x"].concat())] {
        assert_eq!(plain(sent, said(PayloadMode::Unsigned)).await, Err(ErrorCode::IncompleteBody));
    }
}

#[tokio::test]
async fn a_body_of_undeclared_length_may_have_any_up_to_the_most() {
    let of = |most: usize| RequestBody { len: BodyLen::UpTo(most as u64), ..said(PayloadMode::Unsigned) };
    for most in [BODY.len(), BODY.len() + 1] {
        assert_eq!(plain(pieces(BODY), of(most)).await, Ok(BODY.to_vec()));
    }
    assert_eq!(plain(vec![], of(10)).await, Ok(vec![]));
    assert_eq!(plain(pieces(BODY), of(BODY.len() - 1)).await, Err(ErrorCode::EntityTooLarge));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_body_incomplete() {
    let mut sent = pieces(&BODY[..14]);
    sent.push(Sent::Broken);
    assert_eq!(plain(sent, said(PayloadMode::Unsigned)).await, Err(ErrorCode::IncompleteBody));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_timed_out() {
    let mut sent = pieces(&BODY[..14]);
    sent.push(Sent::Silence);
    assert_eq!(plain(sent, said(PayloadMode::Unsigned)).await, Err(ErrorCode::RequestTimeout));
}

#[tokio::test]
async fn a_body_that_failed_gives_nothing_more() {
    // Too long at first; what follows would be right by itself.
    let sent = vec![Sent::Bytes([BODY, b"x"].concat()), Sent::Bytes(BODY.to_vec())];
    let mut payload = payload(sent);
    let signer = signers(PayloadMode::Unsigned).1;
    let mut body = UploadBody::new(&mut payload, said(PayloadMode::Unsigned), Some(signer), IDLE).unwrap();
    assert_eq!(body.next().await, Err(BodyFailed));
    assert_eq!(body.next().await, Err(BodyFailed));
}

#[tokio::test]
async fn a_body_with_another_hash_than_signed_is_refused() {
    let hash = |bytes: &[u8]| {
        let sum = ChecksumHasher::checksum(ChecksumAlgorithm::Sha256, bytes);
        PayloadMode::Signed(sum.as_bytes().try_into().unwrap())
    };
    assert_eq!(plain(pieces(BODY), said(hash(BODY))).await, Ok(BODY.to_vec()));
    assert_eq!(plain(pieces(BODY), said(hash(b"x"))).await, Err(ErrorCode::XAmzContentSha256Mismatch));
}

#[tokio::test]
async fn md5_and_checksum_must_be_those_of_the_body() {
    let md5 = digests(BODY, BodyPlan::default()).md5.unwrap();
    let with = |md5: [u8; 16], sum: WireChecksum| RequestBody {
        md5: Some(ContentMd5(md5)),
        checksum: with_crc(ExpectedChecksum::Value(sum)),
        ..said(PayloadMode::Unsigned)
    };
    assert_eq!(plain(pieces(BODY), with(md5, crc(BODY))).await, Ok(BODY.to_vec()));
    assert_eq!(plain(pieces(BODY), with([0; 16], crc(BODY))).await, Err(ErrorCode::BadDigest));
    assert_eq!(plain(pieces(BODY), with(md5, crc(b"x"))).await, Err(ErrorCode::BadDigest));
}

#[tokio::test]
async fn the_clients_checksum_is_kept_and_one_is_computed_where_wanted() {
    let signer = || signers(PayloadMode::Unsigned).1;
    let body =
        RequestBody { checksum: with_crc(ExpectedChecksum::Value(crc(BODY))), ..said(PayloadMode::Unsigned) };
    let kept = store(pieces(BODY), body, signer()).await.unwrap().1.unwrap();
    assert_eq!(&kept.value[..], crc(BODY).as_bytes());
    assert_eq!(store(pieces(BODY), said(PayloadMode::Unsigned), signer()).await.unwrap().1, None);

    let mut payload = payload(pieces(BODY));
    let wanted = mucura_metadata::ChecksumAlgorithm::Crc32;
    let body = UploadBody::new(&mut payload, said(PayloadMode::Unsigned), Some(signer()), IDLE);
    assert_eq!(body.unwrap().wanting(Some(wanted)).plan().checksum, Some(wanted));
}

/// The framed form of a body.
fn framed(body: &[u8], signer: Option<ChunkSigner>, trailer: Option<WireChecksum>, signed: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(signer);
    let mut out: Vec<u8> = body.chunks(11).flat_map(|piece| encoder.encode(piece)).collect();
    out.extend(encoder.finish(trailer.as_ref(), signed));
    out
}

/// Sends `body` in every framed form and says what became of it. `spoil`
/// changes the framed bytes.
async fn in_every_form(
    body: &[u8],
    sum: WireChecksum,
    spoil: impl Fn(&mut Vec<u8>),
) -> Vec<Result<Vec<u8>, ErrorCode>> {
    let mut results = Vec::new();
    for mode in [
        PayloadMode::StreamingSigned,
        PayloadMode::StreamingSignedTrailer,
        PayloadMode::StreamingUnsignedTrailer,
    ] {
        let (client, server) = signers(mode);
        let trailers = mode != PayloadMode::StreamingSigned;
        let trailer = trailers.then_some(sum);
        let mut bytes = framed(
            body,
            mode.needs_signature().then_some(client),
            trailer,
            mode == PayloadMode::StreamingSignedTrailer,
        );
        spoil(&mut bytes);
        let checksum = if trailers {
            with_crc(ExpectedChecksum::Trailer)
        } else {
            with_crc(ExpectedChecksum::Value(sum))
        };
        let said = RequestBody { checksum, ..said(mode) };
        results.push(store(pieces(&bytes), said, server).await.map(|(bytes, _)| bytes));
    }
    results
}

#[tokio::test]
async fn framed_bodies_are_taken_out_of_their_frames() {
    let got = in_every_form(BODY, crc(BODY), |_| {}).await;
    assert_eq!(got, vec![Ok(BODY.to_vec()); 3]);
}

#[tokio::test]
async fn framed_bodies_that_end_early_or_have_another_length_are_incomplete() {
    let got = in_every_form(BODY, crc(BODY), |bytes| bytes.truncate(bytes.len() - 1)).await;
    assert_eq!(got, vec![Err(ErrorCode::IncompleteBody); 3]);
    for body in [&BODY[1..], &[BODY, b"x"].concat()[..]] {
        let got = in_every_form(body, crc(body), |_| {}).await;
        assert_eq!(got, vec![Err(ErrorCode::IncompleteBody); 3]);
    }
}

#[tokio::test]
async fn framed_bodies_with_a_wrong_checksum_are_refused() {
    assert_eq!(in_every_form(BODY, crc(b"x"), |_| {}).await, vec![Err(ErrorCode::BadDigest); 3]);
}

#[tokio::test]
async fn a_changed_byte_in_a_frame_is_seen() {
    let spoil = |bytes: &mut Vec<u8>| {
        let at = bytes.windows(4).position(|window| window == b"6789").unwrap();
        bytes[at] ^= 1;
    };
    let refused = ErrorCode::SignatureDoesNotMatch;
    let expected = vec![Err(refused), Err(refused), Err(ErrorCode::BadDigest)];
    assert_eq!(in_every_form(BODY, crc(BODY), spoil).await, expected);
}
