//! The decoder: framed bytes in, payload out.

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

use crate::checksum::{Checksum, ChecksumAlgorithm};
use crate::chunked::TRAILER_SIGNATURE;
use crate::error::{ErrorCode, S3Error};
use crate::sigv4::{ChunkSigner, PayloadMode};

/// The longest line, of a chunk's head or of a trailer.
const MAX_LINE: usize = 1_024;

/// Decodes one body.
///
/// Payload comes out as slices of what goes in, as soon as it arrives: nothing but a line is ever
/// kept. So a chunk's bytes come out *before* its signature was checked. Whoever uses them must
/// publish nothing until [`Decoder::finish`] said yes; any error means that all that came out is
/// worthless.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    line: Vec<u8>,
    signer: Option<ChunkSigner>,
    has_trailers: bool,
    chunk_hash: Sha256,
    /// Payload bytes of the declared length that no chunk has announced yet.
    unannounced: u64,
    trailer: Option<ChecksumAlgorithm>,
    trailer_value: Option<Checksum>,
    /// The trailers as they are signed.
    trailer_text: String,
}

#[derive(Debug)]
enum State {
    ChunkHead,
    Data {
        left: u64,
        signature: [u8; 32],
    },
    /// The line end behind a chunk's bytes.
    DataEnd,
    /// `blank` after an empty line that some clients put before the signature of the trailers.
    Trailers {
        blank: bool,
    },
    /// The empty line that ends the body.
    End,
    Done,
}

impl Decoder {
    /// Decodes a body framed as `mode` says, of `decoded_len` payload bytes in all.
    ///
    /// `signer` is that of the verified request, `None` for an anonymous one, which cannot use a
    /// signed mode (`AccessDenied`). `trailer` is the checksum announced in `x-amz-trailer`.
    pub fn new(
        mode: PayloadMode,
        signer: Option<ChunkSigner>,
        decoded_len: u64,
        trailer: Option<ChecksumAlgorithm>,
    ) -> Result<Self, S3Error> {
        let has_trailers =
            matches!(mode, PayloadMode::StreamingSignedTrailer | PayloadMode::StreamingUnsignedTrailer);
        if !mode.is_chunked() || (trailer.is_some() && !has_trailers) {
            return Err(S3Error::with_message(
                ErrorCode::InvalidRequest,
                "x-amz-content-sha256 does not allow the trailers that x-amz-trailer announces.",
            ));
        }
        if mode.needs_signature() && signer.is_none() {
            return Err(ErrorCode::AccessDenied.into());
        }
        Ok(Self {
            state: State::ChunkHead,
            line: Vec::new(),
            signer: signer.filter(|_| mode.needs_signature()),
            has_trailers,
            chunk_hash: Sha256::new(),
            unannounced: decoded_len,
            trailer,
            trailer_value: None,
            trailer_text: String::new(),
        })
    }

    /// Takes bytes from the front of `input` and gives the next piece of payload.
    ///
    /// `None` means that `input` is used up: call again with more, or [`Decoder::finish`] when
    /// there is no more. Signed chunks are hashed here, so large inputs cost time accordingly.
    ///
    /// Fails with `SignatureDoesNotMatch`, with `IncompleteBody` when the chunks do not add up to
    /// the declared length, with `MalformedTrailerError`, or with `InvalidRequest` for framing that
    /// is none.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, S3Error> {
        while !input.is_empty() {
            match self.state {
                State::Data { left, signature } => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let piece = input.split_to(take);
                    self.take_data(&piece, left, signature)?;
                    return Ok(Some(piece));
                }
                State::Done => return Err(malformed("there is data behind its end")),
                _ => {
                    if let Some(line) = self.take_line(input)? {
                        self.take_whole_line(&line)?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether the end of the body was reached; what follows would be an error.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Ends the body: everything announced has come and every signature was right.
    ///
    /// Gives the checksum from the trailer, which the caller compares with its own. `IncompleteBody`
    /// if the body ended early.
    pub fn finish(self) -> Result<Option<Checksum>, S3Error> {
        if self.is_done() { Ok(self.trailer_value) } else { Err(ErrorCode::IncompleteBody.into()) }
    }

    fn take_data(&mut self, piece: &Bytes, left: u64, signature: [u8; 32]) -> Result<(), S3Error> {
        if self.signer.is_some() {
            self.chunk_hash.update(piece);
        }
        let left = left.saturating_sub(piece.len() as u64);
        if left > 0 {
            self.state = State::Data { left, signature };
            return Ok(());
        }
        self.check_chunk(&signature)?;
        self.state = State::DataEnd;
        Ok(())
    }

    /// Takes input up to the end of the line; gives the line, without its end, when it is whole.
    fn take_line(&mut self, input: &mut Bytes) -> Result<Option<String>, S3Error> {
        let room = MAX_LINE - self.line.len();
        let Some(end) = input.iter().take(room + 1).position(|byte| *byte == b'\n') else {
            if input.len() > room {
                return Err(malformed("a line is too long"));
            }
            self.line.extend_from_slice(input);
            input.clear();
            return Ok(None);
        };
        self.line.extend_from_slice(&input[..end]);
        input.advance(end + 1);
        let mut line = std::mem::take(&mut self.line);
        let in_trailers = matches!(self.state, State::Trailers { .. } | State::End);
        if line.last() == Some(&b'\r') {
            line.pop();
        } else if !in_trailers {
            return Err(malformed("a line does not end in CRLF"));
        }
        String::from_utf8(line).map(Some).map_err(|_| malformed("a line is not text"))
    }

    fn take_whole_line(&mut self, line: &str) -> Result<(), S3Error> {
        match self.state {
            State::ChunkHead => self.take_chunk_head(line),
            State::DataEnd if line.is_empty() => {
                self.state = State::ChunkHead;
                Ok(())
            }
            State::DataEnd => Err(malformed("a chunk is longer than it says")),
            State::Trailers { blank } if line.is_empty() => self.take_blank(blank),
            State::Trailers { .. } => self.take_trailer(line),
            State::End if line.is_empty() => {
                self.state = State::Done;
                Ok(())
            }
            State::End if self.has_trailers => Err(ErrorCode::MalformedTrailer.into()),
            State::End | State::Data { .. } | State::Done => Err(malformed("there is data behind its end")),
        }
    }

    fn take_chunk_head(&mut self, line: &str) -> Result<(), S3Error> {
        let (size, signature) = match (line.split_once(';'), &self.signer) {
            (Some((size, extension)), Some(_)) => {
                let signature = extension
                    .strip_prefix("chunk-signature=")
                    .ok_or_else(|| malformed("a chunk has no signature"))?;
                (size, crate::sigv4::parse_digest(signature).ok_or(ErrorCode::SignatureDoesNotMatch)?)
            }
            (None, None) => (line, [0; 32]),
            (None, Some(_)) => return Err(malformed("a chunk has no signature")),
            (Some(_), None) => return Err(malformed("a chunk has an extension")),
        };
        let size = parse_size(size).ok_or_else(|| malformed("a chunk has no valid size"))?;
        if size > self.unannounced || (size == 0 && self.unannounced > 0) {
            return Err(S3Error::with_message(
                ErrorCode::IncompleteBody,
                "The chunks do not add up to the x-amz-decoded-content-length.",
            ));
        }
        self.unannounced -= size;
        self.state = State::Data { left: size, signature };
        if size == 0 {
            self.check_chunk(&signature)?;
            self.state = if self.has_trailers { State::Trailers { blank: false } } else { State::End };
        }
        Ok(())
    }

    fn check_chunk(&mut self, signature: &[u8; 32]) -> Result<(), S3Error> {
        let Some(signer) = &mut self.signer else { return Ok(()) };
        let hash = self.chunk_hash.finalize_reset().into();
        if signer.chunk_matches(&hash, signature) {
            Ok(())
        } else {
            Err(ErrorCode::SignatureDoesNotMatch.into())
        }
    }

    fn take_blank(&mut self, blank: bool) -> Result<(), S3Error> {
        if self.signer.is_some() {
            // The signature of the trailers is still to come.
            if blank {
                return Err(ErrorCode::MalformedTrailer.into());
            }
            self.state = State::Trailers { blank: true };
            return Ok(());
        }
        self.check_all_trailers_came()?;
        self.state = State::Done;
        Ok(())
    }

    fn take_trailer(&mut self, line: &str) -> Result<(), S3Error> {
        let (name, value) = line.split_once(':').ok_or(ErrorCode::MalformedTrailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == TRAILER_SIGNATURE {
            let Some(signer) = &self.signer else { return Err(ErrorCode::MalformedTrailer.into()) };
            let signature = crate::sigv4::parse_digest(value).ok_or(ErrorCode::SignatureDoesNotMatch)?;
            let hash = Sha256::digest(&self.trailer_text).into();
            if !signer.trailers_match(&hash, &signature) {
                return Err(ErrorCode::SignatureDoesNotMatch.into());
            }
            self.check_all_trailers_came()?;
            self.state = State::End;
            return Ok(());
        }
        let announced = ChecksumAlgorithm::from_header(&name).filter(|found| self.trailer == Some(*found));
        let algorithm =
            announced.filter(|_| self.trailer_value.is_none()).ok_or(ErrorCode::MalformedTrailer)?;
        let checksum = Checksum::from_base64(algorithm, value).ok_or_else(|| {
            S3Error::with_message(
                ErrorCode::InvalidRequest,
                format!("Value for {name} trailing header is invalid."),
            )
        })?;
        self.trailer_value = Some(checksum);
        self.trailer_text = format!("{name}:{value}\n");
        Ok(())
    }

    fn check_all_trailers_came(&self) -> Result<(), S3Error> {
        if self.trailer.is_some() == self.trailer_value.is_some() {
            Ok(())
        } else {
            Err(ErrorCode::MalformedTrailer.into())
        }
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits { u64::from_str_radix(text, 16).ok() } else { None }
}

fn malformed(detail: &str) -> S3Error {
    S3Error::with_message(ErrorCode::InvalidRequest, format!("The chunked body is malformed: {detail}."))
}
