use std::net::SocketAddr;

/// How a request reached the node. Whoever owns the listener puts it into the
/// extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The other end. An IPv4 address is always one, also when it came to a
    /// listener of IPv6.
    pub peer: SocketAddr,
    /// Whether it came over TLS.
    pub secure: bool,
}

impl Connection {
    /// One without TLS.
    pub fn plain(peer: SocketAddr) -> Self {
        Self { peer: canonical(peer), secure: false }
    }

    /// One over TLS.
    pub fn secure(peer: SocketAddr) -> Self {
        Self { peer: canonical(peer), secure: true }
    }

    /// The scheme of the URLs that are asked for over it.
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_client_is_one_to_a_listener_of_ipv6() {
        let peer = |text: &str| Connection::plain(text.parse().unwrap()).peer.to_string();
        assert_eq!(peer("[::ffff:192.0.2.7]:5000"), "192.0.2.7:5000");
        assert_eq!(peer("192.0.2.7:5000"), "192.0.2.7:5000");
        assert_eq!(peer("[2001:db8::7]:5000"), "[2001:db8::7]:5000");
    }
}
