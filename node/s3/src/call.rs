use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use mucura_s3_wire::access::{
    Context, RequestFacts, Requester, context_of, set_request_retention, set_request_tags,
};
use mucura_s3_wire::acl::{Acl, Grantee, access_control_policy};
use mucura_s3_wire::auth::{SignatureForm, Verified};
use mucura_s3_wire::config::lock::{LegalHold, Retention};
use mucura_s3_wire::config::tagging::TagSet;
use mucura_s3_wire::request::RequestBody;
use mucura_s3_wire::xml::Owner;
use mucura_s3_wire::{ErrorCode, RequestHead, S3Error};
use mucura_store::{
    ANONYMOUS_USER, Body, Fresh, PartInfo, Principal, PutObjectRequest, PutPartRequest, ROOT_NAME, ROOT_USER,
    Store, StoreError, Stored,
};
use mucura_types::UserId;
use tokio::time::Instant;

use crate::errors::Failure;
use crate::front::Shared;
use crate::payload::Payload;
use crate::upload_body::UploadBody;

/// A request whose sender is known, while it is served.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) fresh: Fresh,
    /// Who signed; none: nobody did.
    pub(crate) signer: Option<Signer>,
    /// What the signature covers of the body, where there is one.
    pub(crate) verified: Option<Verified>,
    /// The same as a user: the anonymous one, where nobody did.
    pub(crate) user: UserId,
    /// The account that must own the bucket, if the client insists on one.
    pub(crate) expected_owner: Option<String>,
    /// The request's id.
    pub(crate) request_id: &'a str,
    /// The URL that was asked for, without its query.
    pub(crate) url: String,
    pub(crate) conditions: Conditions<'a>,
}

/// Whoever signed a request.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) user: UserId,
    /// The user as text.
    pub(crate) id: String,
    pub(crate) name: String,
    /// How the request was signed.
    pub(crate) form: SignatureForm,
}

/// Users as answers show them.
pub(crate) struct Shown(BTreeMap<UserId, Owner>);

impl Shown {
    /// One of those that were looked up.
    pub(crate) fn of(&self, user: UserId) -> Owner {
        let nobody = || Owner { id: user.to_string(), display_name: String::new() };
        self.0.get(&user).cloned().unwrap_or_else(nobody)
    }
}

impl Signer {
    /// Whoever the secret belongs to that a claim was verified with.
    pub(crate) fn new(principal: Principal, form: SignatureForm) -> Self {
        let Principal { user, name, .. } = principal;
        Self { user, id: user.to_string(), name, form }
    }
}

/// What a body says that conditions of policies may ask about.
#[derive(Clone)]
pub(crate) enum Said {
    /// Nothing of the kind.
    Nothing,
    Tags(TagSet),
    Retention(Retention),
    Hold(LegalHold),
}

/// What conditions of policies may ask about, gathered when one does.
pub(crate) struct Conditions<'a> {
    pub(crate) head: RequestHead<'a>,
    pub(crate) facts: RequestFacts,
    /// What the body says, once it was read.
    pub(crate) said: Said,
    pub(crate) context: OnceLock<Context>,
    /// For buckets without a policy, where nobody asks.
    pub(crate) nothing: Context,
}

impl<'a> Conditions<'a> {
    pub(crate) fn new(head: RequestHead<'a>, facts: RequestFacts) -> Self {
        Self { head, facts, said: Said::Nothing, context: OnceLock::new(), nothing: Context::default() }
    }

    pub(crate) fn context(&self, requester: Requester<'_>) -> Result<&Context, S3Error> {
        if let Some(context) = self.context.get() {
            return Ok(context);
        }
        let mut context = context_of(&self.head, requester, &self.facts)?;
        match &self.said {
            Said::Nothing => {}
            Said::Tags(tags) => set_request_tags(&mut context, tags),
            Said::Retention(retention) => set_request_retention(&mut context, retention),
            Said::Hold(hold) => context.set("s3:object-lock-legal-hold", hold.as_str()),
        }
        Ok(self.context.get_or_init(|| context))
    }
}

impl Call<'_> {
    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The same request, which sees what is there by now. Its body was read,
    /// and says this.
    pub(crate) async fn again(&self, said: Said) -> Result<Call<'_>, Failure> {
        Ok(Call {
            shared: self.shared,
            fresh: self.store().fresh(self.deadline()).await?,
            signer: self.signer.clone(),
            verified: None,
            user: self.user,
            expected_owner: self.expected_owner.clone(),
            request_id: self.request_id,
            url: self.url.clone(),
            conditions: Conditions { said, ..Conditions::new(self.conditions.head, self.conditions.facts) },
        })
    }

    /// When dealings with the metadata that begin now must be over.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.shared.config.metadata_timeout
    }

    /// Stores an object. Boxed: what storing keeps in hand is large.
    pub(crate) async fn store_object(
        &self,
        put: PutObjectRequest,
        body: &mut dyn Body,
    ) -> Result<Stored, StoreError> {
        Box::pin(self.store().put_object(put, body, self.deadline())).await
    }

    /// Stores a part.
    pub(crate) async fn store_part(
        &self,
        part: PutPartRequest,
        body: &mut dyn Body,
    ) -> Result<PartInfo, StoreError> {
        Box::pin(self.store().put_part(part, body, self.deadline())).await
    }

    /// A user as answers show them.
    pub(crate) async fn shown(&self, user: UserId) -> Result<Owner, Failure> {
        let display_name = match user {
            ROOT_USER => ROOT_NAME.to_owned(),
            ANONYMOUS_USER => "anonymous".to_owned(),
            user => self.fresh.user(user).await?.map(|record| record.name).unwrap_or_default(),
        };
        Ok(Owner { id: user.to_string(), display_name })
    }

    /// Users as answers show them, each looked up once.
    pub(crate) async fn shown_all(&self, users: impl Iterator<Item = UserId>) -> Result<Shown, Failure> {
        let mut shown = BTreeMap::new();
        for user in users.collect::<BTreeSet<_>>() {
            shown.insert(user, self.shown(user).await?);
        }
        Ok(Shown(shown))
    }

    /// An access control list as answers show it.
    pub(crate) async fn show_acl(&self, owner: &Owner, acl: &Acl) -> Result<String, Failure> {
        let users = acl.grants().iter().filter_map(|grant| match &grant.grantee {
            Grantee::User(id) => id.parse::<UserId>().ok(),
            _ => None,
        });
        let users = self.shown_all(users).await?;
        Ok(access_control_policy(owner, acl, |id| Some(users.of(id.parse().ok()?).display_name)))
    }

    /// The body of an upload.
    pub(crate) fn upload<'p>(
        &self,
        said: RequestBody,
        payload: &'p mut Payload,
    ) -> Result<UploadBody<'p>, S3Error> {
        let verified = self.verified.as_ref();
        // The signature covers what the claim says: nothing else may be believed.
        let believed = match verified {
            Some(verified) => said.payload == verified.payload,
            None => !said.payload.needs_signature(),
        };
        if !believed {
            return Err(ErrorCode::AccessDenied.into());
        }
        let chunk_signer = verified.and_then(|verified| verified.chunk_signer.clone());
        UploadBody::new(payload, said, chunk_signer, self.shared.config.idle_timeout)
    }
}
