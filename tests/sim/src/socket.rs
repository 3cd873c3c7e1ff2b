use std::future::Future;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use mucura_mesh::SocketFactory;
use mucura_mesh::datagrams::{AsyncUdpSocket, RecvMeta, Transmit, UdpPoller};
use turmoil::net::UdpSocket;

use crate::choices::Choices;
use crate::trace::Trace;

type Readable = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Where a machine's process is connected to the simulated network. A process
/// that dies does not drop all that it had, as its parts hold each other; so its
/// socket is closed from here.
#[derive(Clone)]
pub(crate) struct Plug {
    open: Arc<Mutex<Option<Arc<SimSocket>>>>,
    loss: Arc<Mutex<Loss>>,
    trace: Trace,
}

/// Which datagrams are lost on their way.
struct Loss {
    per_mille: u32,
    choices: Choices,
}

impl Plug {
    pub(crate) fn new(trace: Trace, choices: Choices) -> Self {
        Self { open: Arc::default(), loss: Arc::new(Mutex::new(Loss { per_mille: 0, choices })), trace }
    }

    /// How many in a thousand datagrams are lost from now on.
    pub(crate) fn lose(&self, per_mille: u32) {
        self.loss.lock().unwrap().per_mille = per_mille;
    }

    /// Closes the socket of the process before. On the machine's host.
    pub(crate) fn pull(&self) {
        if let Some(socket) = self.open.lock().unwrap().take() {
            *socket.readable.lock().unwrap() = None;
            *socket.socket.lock().unwrap() = None;
        }
    }

    /// Sockets of the simulated network; what they send is part of the trace.
    pub(crate) fn sockets(&self) -> SocketFactory {
        let plug = self.clone();
        SocketFactory::given(move |addr| {
            let bound = UdpSocket::bind(addr).now_or_never().unwrap_or(Err(ErrorKind::WouldBlock.into()))?;
            let socket = Arc::new(SimSocket {
                addr: bound.local_addr()?,
                socket: Mutex::new(Some(Arc::new(bound))),
                readable: Mutex::new(None),
                trace: plug.trace.clone(),
                loss: plug.loss.clone(),
            });
            *plug.open.lock().unwrap() = Some(socket.clone());
            Ok(socket)
        })
    }
}

/// A datagram socket of the simulated network as quinn takes it.
struct SimSocket {
    addr: SocketAddr,
    /// None once it is closed.
    socket: Mutex<Option<Arc<UdpSocket>>>,
    /// The wait for the next datagram, while there is none.
    readable: Mutex<Option<Readable>>,
    trace: Trace,
    loss: Arc<Mutex<Loss>>,
}

impl SimSocket {
    fn open(&self) -> io::Result<Arc<UdpSocket>> {
        self.socket.lock().unwrap().clone().ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

impl std::fmt::Debug for SimSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimSocket")
    }
}

/// The simulated network takes everything at once.
#[derive(Debug)]
struct Always;

impl UdpPoller for Always {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for SimSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Always)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.trace.datagram(transmit.destination, transmit.contents);
        {
            let mut loss = self.loss.lock().unwrap();
            if loss.per_mille > 0 && loss.choices.within(0..1000) < u64::from(loss.per_mille) {
                return Ok(());
            }
        }
        match self.open()?.try_send_to(transmit.contents, transmit.destination) {
            // A host that is down refuses; on a real network that shows only
            // as silence.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            other => other.map(drop),
        }
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let socket = self.open()?;
        let mut readable = self.readable.lock().unwrap();
        loop {
            if let Some(wait) = &mut *readable {
                std::task::ready!(wait.as_mut().poll(context))?;
                *readable = None;
            }
            let mut received = 0;
            for (buffer, meta) in buffers.iter_mut().zip(meta.iter_mut()) {
                match socket.try_recv_from(buffer) {
                    Ok((len, addr)) => {
                        *meta = RecvMeta { addr, len, stride: len, ..RecvMeta::default() };
                        received += 1;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            if received > 0 {
                return Poll::Ready(Ok(received));
            }
            let socket = socket.clone();
            *readable = Some(Box::pin(async move { socket.readable().await }));
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}
