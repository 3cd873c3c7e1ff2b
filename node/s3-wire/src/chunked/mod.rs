//! The aws-chunked framing of request bodies, decoded and encoded without I/O.

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// The name of the trailer that signs the others.
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

#[cfg(test)]
mod tests;
