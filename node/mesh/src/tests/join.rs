use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::fixture::*;
use crate::identity::{self, SiteCa};
use crate::*;
use bytes::Bytes;
use mucura_runtime::Runtime;
use mucura_types::{NodeId, SiteId};

const SECRET: &[u8] = b"the site's secret";

/// Signs the request of whoever has a good token, once.
struct Doorman {
    ca: SiteCa,
    runtime: Runtime,
    used: Mutex<BTreeSet<[u8; 16]>>,
}

impl JoinHandler for Doorman {
    fn join(&self, _from: SocketAddr, request: Bytes) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        Box::pin(async move {
            let text = String::from_utf8(request.to_vec()).map_err(|_| Refusal::Malformed)?;
            let (token, csr) = text.split_once('\n').ok_or(Refusal::Malformed)?;
            let refuse = |e: IdentityError| Refusal::Failed(e.to_string());
            let token = JoinToken::parse(token).map_err(refuse)?;
            let now = self.runtime.clock.now_ms();
            token.verify(SECRET, SiteId(1), now).map_err(refuse)?;
            if !self.used.lock().unwrap().insert(token.id()) {
                return Err(Refusal::Failed("used".to_owned()));
            }
            let cert =
                identity::sign_request(&self.ca, csr, SiteId(1), NodeId(7), now, YEAR).map_err(refuse)?;
            Ok(format!("{}{cert}", self.ca.cert_pem).into())
        })
    }
}

#[tokio::test]
async fn a_good_token_lets_a_machine_in_once_and_no_other_does() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let contact = a.local_addr().unwrap();
    let now = site.runtime.clock.now_ms();
    let pin = identity::fingerprint(&site.ca.cert_pem).unwrap();
    let mint = |secret, id, pin, expires| JoinToken::mint(secret, site.id, [id; 16], pin, contact, expires);
    let key = identity::request().unwrap();
    let ask = async |token: &JoinToken| {
        let request = format!("{token}\n{}", key.csr_pem).into();
        join(token, request, &site.runtime, &SocketFactory::udp(), within(5000)).await
    };
    let failed = |text: &str| CallError::Refused(Refused::Failed(text.to_owned()));
    let good = mint(SECRET, 1, pin, now + 60_000);
    // Nobody is let in before the node is ready for it.
    assert!(matches!(ask(&good).await.unwrap_err(), CallError::Unreachable { .. } | CallError::PeerClosed));
    let doorman = Doorman { ca: site.ca.clone(), runtime: site.runtime.clone(), used: Mutex::default() };
    a.serve_joins(Arc::new(doorman));

    assert_eq!(ask(&mint(SECRET, 2, pin, now - 1)).await.unwrap_err(), failed("expired"));
    assert_eq!(
        ask(&mint(b"guess", 3, pin, now + 60_000)).await.unwrap_err(),
        failed("not made by this site")
    );
    let astray = ask(&mint(SECRET, 4, [0; 32], now + 60_000)).await.unwrap_err();
    assert!(matches!(astray, CallError::Refused(Refused::Certificate { .. })), "{astray}");

    let answer = String::from_utf8(ask(&good).await.unwrap().to_vec()).unwrap();
    assert_eq!(ask(&good).await.unwrap_err(), failed("used"));
    let at = answer.rfind("-----BEGIN").unwrap();
    let (ca, cert) = answer.split_at(at);
    let mut config = site.config(7);
    config.identity = NodeIdentity::parse(ca, cert, &key.key_pem).unwrap();
    let joined = site.start(config);
    know(&joined, &[(1, &a)]);
    echo(&joined, 1).await.unwrap();
}
