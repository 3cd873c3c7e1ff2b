use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happened in a run, as a log for people and as a hash over every
/// datagram too. Runs of one seed have the same hash.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Mutex<Inner>>);

struct Inner {
    hash: blake3::Hasher,
    datagrams: u64,
    events: u64,
    /// Whether events are printed as they come.
    aloud: bool,
}

impl Trace {
    pub(crate) fn new(aloud: bool) -> Self {
        let inner = Inner { hash: blake3::Hasher::new(), datagrams: 0, events: 0, aloud };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Something worth telling; the time is the simulation's.
    pub(crate) fn event(&self, at: Duration, what: &str) {
        let mut inner = self.0.lock().unwrap();
        let line = format!("{:9.3} {what}", at.as_secs_f64());
        inner.hash.update(line.as_bytes());
        inner.events += 1;
        if inner.aloud {
            println!("{line}");
        }
    }

    /// A datagram that is sent now.
    pub(crate) fn datagram(&self, to: SocketAddr, contents: &[u8]) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        let mut inner = self.0.lock().unwrap();
        inner.hash.update(&at.as_nanos().to_le_bytes());
        inner.hash.update(to.to_string().as_bytes());
        inner.hash.update(contents);
        inner.datagrams += 1;
        if inner.aloud && std::env::var_os("MUCURA_SIM_DATAGRAMS").is_some() {
            let (at, hash) = (at.as_secs_f64(), blake3::hash(contents).to_hex());
            println!("{at:9.3}   datagram to {to}: {} bytes {}", contents.len(), &hash[..8]);
        }
    }

    /// One line that is the same for runs that went the same way.
    pub(crate) fn summary(&self) -> String {
        let inner = self.0.lock().unwrap();
        let hash = inner.hash.finalize().to_hex();
        format!("trace {} of {} events and {} datagrams", &hash[..16], inner.events, inner.datagrams)
    }
}
