//! Error codes of connections and streams, `docs/formats/mesh.md`.

use quinn::{ConnectionError, VarInt};

use crate::error::{CallError, Refused};

/// Codes that close a connection.
pub(crate) const SHUTDOWN: VarInt = VarInt::from_u32(0);
pub(crate) const REPLACED: VarInt = VarInt::from_u32(1);
pub(crate) const MALFORMED: VarInt = VarInt::from_u32(2);
pub(crate) const WRONG_SITE: VarInt = VarInt::from_u32(3);
pub(crate) const WRONG_NODE: VarInt = VarInt::from_u32(4);
pub(crate) const WRONG_STORE: VarInt = VarInt::from_u32(5);
pub(crate) const NO_VERSION: VarInt = VarInt::from_u32(6);
pub(crate) const NO_CERTIFICATE: VarInt = VarInt::from_u32(7);
pub(crate) const TOO_MANY: VarInt = VarInt::from_u32(8);
pub(crate) const NOT_A_PEER: VarInt = VarInt::from_u32(9);

/// Codes that reset or stop a stream. 0, a stream dropped without a word,
/// means the same as cancelled.
pub(crate) const STREAM_CANCELLED: VarInt = VarInt::from_u32(1);
pub(crate) const STREAM_BUSY: VarInt = VarInt::from_u32(2);
pub(crate) const STREAM_TIMED_OUT: VarInt = VarInt::from_u32(3);
pub(crate) const STREAM_MALFORMED: VarInt = VarInt::from_u32(4);
pub(crate) const STREAM_TOO_LARGE: VarInt = VarInt::from_u32(5);

/// The code that closes a connection for this reason.
pub(crate) fn close_code(refused: &Refused) -> VarInt {
    match refused {
        Refused::Certificate { .. } => NO_CERTIFICATE,
        Refused::WrongSite => WRONG_SITE,
        Refused::WrongNode => WRONG_NODE,
        Refused::WrongStore => WRONG_STORE,
        Refused::Version => NO_VERSION,
        Refused::UnknownMethod | Refused::Malformed | Refused::Failed(_) => MALFORMED,
    }
}

/// What the end of a stream by its peer means.
pub(crate) fn stream_error(code: VarInt) -> CallError {
    match code {
        STREAM_BUSY => CallError::Busy,
        STREAM_TIMED_OUT => CallError::Timeout,
        STREAM_MALFORMED => CallError::Refused(Refused::Malformed),
        STREAM_TOO_LARGE => CallError::TooLarge,
        _ => CallError::PeerClosed,
    }
}

/// What it means that a connection ended before it was of use.
pub(crate) fn connect_error(error: &ConnectionError) -> CallError {
    // TLS alerts travel as transport errors 0x100 to 0x1ff.
    let is_tls = |code: u64| (0x100..0x200).contains(&code);
    match error {
        ConnectionError::ApplicationClosed(close) => match close.error_code {
            WRONG_SITE => Refused::WrongSite.into(),
            WRONG_NODE => Refused::WrongNode.into(),
            WRONG_STORE => Refused::WrongStore.into(),
            NO_VERSION => Refused::Version.into(),
            MALFORMED => Refused::Malformed.into(),
            NO_CERTIFICATE => Refused::Certificate { reason: "the peer asks for one".to_owned() }.into(),
            TOO_MANY => CallError::Busy,
            _ => CallError::Unreachable { reason: error.to_string() },
        },
        ConnectionError::TransportError(e) if is_tls(e.code.into()) => {
            Refused::Certificate { reason: e.to_string() }.into()
        }
        ConnectionError::ConnectionClosed(e) if is_tls(e.error_code.into()) => {
            Refused::Certificate { reason: e.to_string() }.into()
        }
        _ => CallError::Unreachable { reason: error.to_string() },
    }
}
