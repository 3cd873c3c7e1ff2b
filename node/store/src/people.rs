use mucura_metadata as metadata;
use mucura_metadata::{AccessKeyRecord, Command, CreateUser, NewKey, Reply, UserRecord};
use mucura_types::UserId;
use tokio::time::Instant;

use crate::error::StoreError;
use crate::fresh::Fresh;
use crate::store::Store;

/// The user of the configuration file: the operator.
pub const ROOT_USER: UserId = UserId(1);
/// What it is shown as.
pub const ROOT_NAME: &str = "root";
/// Whoever does not sign, where something must have an owner.
pub const ANONYMOUS_USER: UserId = UserId(2);

const ACCESS_KEY_CHARS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A user or key just made: the only time that the secret is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// The user.
    pub id: UserId,
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

impl Store {
    /// Makes a user with a first access key.
    ///
    /// # Errors
    /// Rejected: the name is taken.
    pub async fn create_user(
        &self,
        name: &str,
        email: &str,
        deadline: Instant,
    ) -> Result<NewUser, StoreError> {
        let (key, secret_key) = self.new_key()?;
        let access_key = key.access_key.clone();
        let command = Command::CreateUser(CreateUser { name: name.to_owned(), email: email.to_owned(), key });
        match self.inner().gateway.once(command, deadline).await? {
            Reply::User(id) => Ok(NewUser { id, access_key, secret_key }),
            other => Err(StoreError::internal(format!("a user was answered {other:?}"))),
        }
    }

    /// Removes a user who owns no buckets.
    ///
    /// # Errors
    /// Rejected: not there, or owns buckets.
    pub async fn delete_user(&self, user: UserId, deadline: Instant) -> Result<(), StoreError> {
        self.inner().gateway.once(Command::DeleteUser { user }, deadline).await.map(|_| ())
    }

    /// Gives a user another access key.
    ///
    /// # Errors
    /// Rejected: no such user.
    pub async fn create_key(&self, user: UserId, deadline: Instant) -> Result<NewUser, StoreError> {
        let (key, secret_key) = self.new_key()?;
        let access_key = key.access_key.clone();
        self.inner().gateway.once(Command::CreateKey { user, key }, deadline).await?;
        Ok(NewUser { id: user, access_key, secret_key })
    }

    /// Removes an access key.
    ///
    /// # Errors
    /// Rejected: no such key.
    pub async fn delete_key(&self, access_key: &str, deadline: Instant) -> Result<(), StoreError> {
        let command = Command::DeleteKey { access_key: access_key.to_owned() };
        self.inner().gateway.once(command, deadline).await.map(|_| ())
    }

    /// Allows or stops the use of an access key.
    ///
    /// # Errors
    /// Rejected: no such key.
    pub async fn set_key_enabled(
        &self,
        access_key: &str,
        enabled: bool,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let command = Command::SetKeyEnabled { access_key: access_key.to_owned(), enabled };
        self.inner().gateway.once(command, deadline).await.map(|_| ())
    }

    fn new_key(&self) -> Result<(NewKey, String), StoreError> {
        let inner = self.inner();
        let mut random = [0u8; 57];
        inner.runtime.entropy.fill(&mut random).map_err(StoreError::internal)?;
        let (for_access, for_secret) = random.split_at(17);
        let pick = |chars: &[u8], byte: &u8| char::from(chars[usize::from(*byte) % chars.len()]);
        let access_key: String =
            "MUC".chars().chain(for_access.iter().map(|b| pick(ACCESS_KEY_CHARS, b))).collect();
        let secret_key: String = for_secret.iter().map(|b| pick(SECRET_CHARS, b)).collect();
        let sealed =
            inner.site_key.seal(access_key.as_bytes(), secret_key.as_bytes(), &*inner.runtime.entropy)?;
        Ok((NewKey { access_key, sealed_secret: sealed.into() }, secret_key))
    }
}

impl Fresh {
    /// All users.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn users(&self) -> Result<Vec<(UserId, UserRecord)>, StoreError> {
        Ok(self.read(metadata::users).await?.into_iter().collect())
    }

    /// A user.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        self.read(move |view| metadata::user(view, id)).await
    }

    /// The access keys of a user.
    ///
    /// # Errors
    /// `Unavailable`, `Internal`.
    pub async fn keys(&self, id: UserId) -> Result<Vec<(String, AccessKeyRecord)>, StoreError> {
        self.read(move |view| metadata::keys_of_user(view, id)).await
    }
}
