//! The encoder, for our own clients and for tests.

use sha2::{Digest, Sha256};

use crate::checksum::{Checksum, ChecksumAlgorithm};
use crate::chunked::TRAILER_SIGNATURE;
use crate::sigv4::{ChunkSigner, PayloadMode};

/// Frames one body.
#[derive(Debug)]
pub struct Encoder {
    signer: Option<ChunkSigner>,
}

impl Encoder {
    /// Frames a body; `signer` is the result of [`crate::sigv4::sign`] for a signed mode, else `None`.
    pub fn new(signer: Option<ChunkSigner>) -> Self {
        Self { signer }
    }

    /// One chunk. Empty data gives nothing, because an empty chunk would end the body.
    pub fn encode(&mut self, data: &[u8]) -> Vec<u8> {
        if data.is_empty() {
            return Vec::new();
        }
        let mut out = self.head(data).into_bytes();
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
        out
    }

    /// The end of the body, with the trailer that `x-amz-trailer` announced.
    ///
    /// `signed_trailer` as in [`PayloadMode::StreamingSignedTrailer`], which signs even no trailer.
    pub fn finish(mut self, trailer: Option<&Checksum>, signed_trailer: bool) -> Vec<u8> {
        let mut out = self.head(b"");
        let mut signed = String::new();
        if let Some(checksum) = trailer {
            let line = format!("{}:{}", checksum.algorithm().header(), checksum.to_base64());
            out.push_str(&line);
            out.push_str("\r\n");
            signed = line + "\n";
        }
        if let Some(signer) = self.signer.filter(|_| signed_trailer) {
            let signature = signer.sign_trailers(&Sha256::digest(&signed).into());
            out.push_str(&format!("{TRAILER_SIGNATURE}:{}\r\n", hex::encode(signature)));
        }
        out.push_str("\r\n");
        out.into_bytes()
    }

    /// The `Content-Length` of a body of `decoded_len` bytes in chunks of `chunk_len`.
    pub fn encoded_len(
        mode: PayloadMode,
        decoded_len: u64,
        chunk_len: u64,
        trailer: Option<ChecksumAlgorithm>,
    ) -> u64 {
        let chunk_len = chunk_len.max(1);
        let extension: u64 = if mode.needs_signature() { 17 + 64 } else { 0 };
        let framed = |len: u64| {
            let digits = u64::from(len.checked_ilog(16).unwrap_or(0)) + 1;
            digits + extension + 2 + len + if len > 0 { 2 } else { 0 }
        };
        let rest = decoded_len % chunk_len;
        let mut total = decoded_len / chunk_len * framed(chunk_len) + framed(0) + 2;
        if rest > 0 {
            total += framed(rest);
        }
        if let Some(algorithm) = trailer {
            let name = algorithm.header().len() as u64;
            let value = (algorithm.digest_len() as u64).div_ceil(3) * 4;
            total += name + 1 + value + 2;
        }
        if mode == PayloadMode::StreamingSignedTrailer {
            total += TRAILER_SIGNATURE.len() as u64 + 1 + 64 + 2;
        }
        total
    }

    fn head(&mut self, data: &[u8]) -> String {
        match &mut self.signer {
            Some(signer) => {
                let signature = signer.sign_chunk(&Sha256::digest(data).into());
                format!("{:x};chunk-signature={}\r\n", data.len(), hex::encode(signature))
            }
            None => format!("{:x}\r\n", data.len()),
        }
    }
}
