use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use mucura_consensus::ConsensusError;
use mucura_metadata::Rejection;
use mucura_store::StoreError;
use serde_json::{Value, json};

/// An answer in JSON.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

/// Why a request was not carried out. The codes are part of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AdminError {
    /// Not signed, or not rightly.
    #[error("{0}")]
    NotAllowed(String),
    /// The request makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// There is no such route or thing.
    #[error("{0}")]
    NotFound(String),
    /// It contradicts what there is.
    #[error("{message}")]
    Conflict {
        /// Which contradiction.
        code: &'static str,
        /// In words.
        message: String,
    },
    /// Not now; nothing was done.
    #[error("{0}")]
    Unavailable(String),
    /// No answer in time; it may have been done.
    #[error("{0}")]
    TimedOut(String),
    /// A fault of the program or of what is stored.
    #[error("internal error; the node's log says more")]
    Internal,
}

impl AdminError {
    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotAllowed(_) => (StatusCode::FORBIDDEN, "AccessDenied"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "InvalidRequest"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "NotFound"),
            Self::Conflict { code, .. } => (StatusCode::CONFLICT, code),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            Self::TimedOut(_) => (StatusCode::GATEWAY_TIMEOUT, "TimedOut"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let (status, code) = self.parts();
        json_answer(status, &json!({ "code": code, "message": self.to_string() }))
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rejected(rejection) => rejection.into(),
            StoreError::TimedOut => Self::TimedOut(error.to_string()),
            StoreError::Unavailable { .. }
            | StoreError::NotEnoughDrives { .. }
            | StoreError::NotEnoughShards { .. }
            | StoreError::NoKey { .. }
            | StoreError::Busy => Self::Unavailable(error.to_string()),
            StoreError::Body | StoreError::WrongKey | StoreError::Internal { .. } => {
                tracing::error!(%error, "admin request failed");
                Self::Internal
            }
        }
    }
}

impl From<ConsensusError> for AdminError {
    fn from(error: ConsensusError) -> Self {
        match error {
            ConsensusError::Timeout => Self::TimedOut(error.to_string()),
            ConsensusError::CannotTransfer { .. } => {
                Self::Conflict { code: "CannotTransfer", message: error.to_string() }
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Rejection> for AdminError {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        match rejection {
            Rejection::NoSuchNode
            | Rejection::NoSuchDrive
            | Rejection::NoSuchUser
            | Rejection::NoSuchWebhook
            | Rejection::NoSuchAccessKey => Self::NotFound(message),
            Rejection::UserExists => Self::Conflict { code: "UserExists", message },
            Rejection::WebhookExists => Self::Conflict { code: "WebhookExists", message },
            Rejection::UserOwnsBuckets => Self::Conflict { code: "UserOwnsBuckets", message },
            Rejection::Malformed(_) => Self::Malformed(message),
            _ => Self::Conflict { code: "Conflict", message },
        }
    }
}
