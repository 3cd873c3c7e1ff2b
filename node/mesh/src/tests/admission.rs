use std::net::SocketAddr;
use std::sync::Arc;

use super::fixture::*;
use crate::endpoint::Seeds;
use crate::frame::{message, read_message};
use crate::hello::{Hello, Kind, VERSIONS, Welcome};
use crate::identity::{self, dns_name};
use crate::tls::{self, Tls};
use crate::*;
use mucura_types::{NodeId, SiteId};
use quinn::{Connection, ConnectionError, Endpoint};

/// Why a call failed that was refused.
async fn refusal(mesh: &Mesh, to: u64) -> Refused {
    match echo(mesh, to).await.unwrap_err() {
        CallError::Refused(refused) => refused,
        other => panic!("{other}"),
    }
}

fn is_certificate(refused: &Refused) -> bool {
    matches!(refused, Refused::Certificate { .. })
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused_by_both_sides() {
    let (site, other) = (Site::new(1), Site::new(1));
    let (a, _) = site.node(1, |_| {});
    let (stranger, service) = other.node(2, |_| {});
    know(&a, &[(2, &stranger)]);
    assert!(is_certificate(&refusal(&a, 2).await), "the dialler refuses the acceptor");

    // It trusts our CA, but its own certificate is of the other.
    let mut config = other.config(3);
    config.identity.ca_cert_pem = site.ca.cert_pem.clone();
    let intruder = other.start(config);
    know(&intruder, &[(1, &a)]);
    assert!(is_certificate(&refusal(&intruder, 1).await), "the acceptor refuses the dialler");
    assert!(!a.is_reachable(NodeId(2)) && !a.is_reachable(NodeId(3)));
    drop(service);
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let mut config = site.config(2);
    let long_ago = site.runtime.clock.now_ms() - 10 * 86_400_000;
    let day = std::time::Duration::from_secs(86_400);
    config.identity = identity::issue(&site.ca, site.id, NodeId(2), long_ago, day).unwrap();
    let stale = site.start(config);
    know(&stale, &[(1, &a)]);
    assert!(is_certificate(&refusal(&stale, 1).await));
    know(&a, &[(2, &stale)]);
    assert!(is_certificate(&refusal(&a, 2).await));
    // It is well again with a new certificate, without a restart.
    stale.set_identity(&site.identity(2)).unwrap();
    soon(5000, async { while echo(&stale, 1).await.is_err() {} }).await;
    assert!(stale.set_identity(&site.identity(3)).is_err());
}

#[tokio::test]
async fn another_node_at_the_address_is_not_taken_for_the_one_called() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let (c, _) = site.node(3, |_| {});
    know_at(&a, 2, c.local_addr().unwrap(), None);
    assert!(is_certificate(&refusal(&a, 2).await));
}

#[tokio::test]
async fn a_known_node_with_another_store_is_refused_by_both_sides() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let mut config = site.config(2);
    config.store = store(99);
    let wiped = site.start(config);
    wiped.serve(Arc::new(TestService::default()));
    know(&a, &[(2, &wiped)]);
    assert_eq!(refusal(&a, 2).await, Refused::WrongStore, "dialled");
    know(&wiped, &[(1, &a)]);
    assert_eq!(refusal(&wiped, 1).await, Refused::WrongStore, "accepted");
    assert!(!a.is_reachable(NodeId(2)));

    // Once the book says so, it may; and no longer when it says otherwise.
    know_at(&a, 2, wiped.local_addr().unwrap(), Some(store(99)));
    soon(5000, async { while echo(&wiped, 1).await.is_err() {} }).await;
    echo(&a, 2).await.unwrap();
    know(&a, &[(2, &wiped)]);
    soon(2000, until_reachable(&a, 2, false)).await;
}

#[tokio::test]
async fn who_left_the_address_book_is_disconnected_and_who_stayed_is_not() {
    let site = Site::new(1);
    let (a, b, _) = site.pair();
    let (c, _) = site.node(3, |_| {});
    know(&a, &[(2, &b), (3, &c)]);
    know(&c, &[(1, &a)]);
    for (from, to) in [(&a, 2), (&a, 3), (&b, 1), (&c, 1)] {
        echo(from, to).await.unwrap();
    }
    know(&a, &[(2, &b)]);
    soon(2000, until_reachable(&a, 3, false)).await;
    assert!(a.is_reachable(NodeId(2)));
    assert!(matches!(echo(&a, 3).await.unwrap_err(), CallError::Unreachable { .. }));
    assert_eq!(b.peers().len(), 1);
    assert!(b.peers()[0].connected && b.peers()[0].bytes_in > 0 && b.peers()[0].rtt.is_some());
}

/// A dialler that says what it likes, with a certificate of `identity` or none.
async fn raw(site: &Site, identity: Option<&NodeIdentity>, to: SocketAddr) -> (Endpoint, Connection) {
    let clock = site.runtime.clock.clone();
    let seeds = Seeds::draw(site.runtime.entropy.as_ref()).unwrap();
    let socket = SocketFactory::udp().bind("127.0.0.1:0".parse().unwrap(), 128 << 10).unwrap();
    let config = seeds.endpoint(MTU_MAX, b"").unwrap();
    let endpoint =
        Endpoint::new_with_abstract_socket(config, None, socket, Arc::new(quinn::TokioRuntime)).unwrap();
    let crypto = match identity {
        Some(identity) => Tls::new(identity, clock).unwrap().client,
        None => tls::anonymous(identity::fingerprint(&site.ca.cert_pem).unwrap(), clock),
    };
    let name = dns_name(SiteId(1), NodeId(1));
    let connection = endpoint.connect_with(seeds.client(crypto), to, &name).unwrap().await.unwrap();
    (endpoint, connection)
}

async fn close_code(connection: &Connection) -> u64 {
    match soon(5000, connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_hello_that_does_not_fit_is_answered_with_the_reason() {
    let site = Site::new(1);
    let (a, _) = site.node(1, |_| {});
    let to = a.local_addr().unwrap();
    let now = site.runtime.clock.now_ms();
    let two = site.identity(2);
    let foreign = identity::issue(&site.ca, SiteId(2), NodeId(2), now, YEAR).unwrap();
    let itself = site.identity(1);
    let good = Hello {
        versions: VERSIONS,
        site: SiteId(1),
        node: NodeId(2),
        store: store(2),
        kind: Kind::Control,
        lane: 0,
        build: String::new(),
    };
    let cases = [
        (&foreign, good.clone().encode(), 3),
        (&two, Hello { site: SiteId(2), ..good.clone() }.encode(), 3),
        (&two, Hello { node: NodeId(3), ..good.clone() }.encode(), 4),
        (&itself, Hello { node: NodeId(1), ..good.clone() }.encode(), 4),
        (&two, Hello { versions: (2, 9), ..good.clone() }.encode(), 6),
        (&two, Hello { lane: 200, kind: Kind::Bulk, ..good.clone() }.encode(), 2),
        (&two, b"GET / HTTP/1.1".to_vec(), 2),
        (&two, vec![0; 5000], 2),
    ];
    for (identity, hello, code) in cases {
        let (_endpoint, connection) = raw(&site, Some(identity), to).await;
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(&message(&hello)).await.unwrap();
        assert_eq!(close_code(&connection).await, code, "{hello:?}");
    }
    let (_endpoint, connection) = raw(&site, None, to).await;
    assert_eq!(close_code(&connection).await, 7, "no certificate");
    assert!(!a.is_reachable(NodeId(2)));

    // The good one is welcome, and so is a dialler of newer versions too; of
    // the same node, kind and lane, the newest connection counts.
    let mut before: Option<Connection> = None;
    let other_lane = Hello { kind: Kind::Bulk, lane: 1, ..good.clone() };
    let mut endpoints = Vec::new();
    for hello in [other_lane, good.clone(), Hello { versions: (1, 9), ..good }] {
        let (endpoint, connection) = raw(&site, Some(&two), to).await;
        endpoints.push(endpoint);
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&message(&hello.encode())).await.unwrap();
        let welcome = Welcome::decode(&read_message(&mut recv, 1000).await.unwrap()).unwrap();
        assert_eq!((welcome.version, welcome.node), (1, NodeId(1)));
        match before.replace(connection.clone()) {
            Some(old) if hello.versions.1 == 9 => assert_eq!(close_code(&old).await, 1),
            Some(old) => assert!(old.close_reason().is_none()),
            None => {}
        }
    }
}
