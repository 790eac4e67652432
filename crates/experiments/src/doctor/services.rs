//! Services of this machine that a contained program must not reach: each greets with the canary.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::attack::CANARY;

/// How often the services look whether they are to end.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// They serve until this is dropped.
#[derive(Debug)]
pub(super) struct Services {
    pub(super) loopback: SocketAddr,
    /// On loopback too: what the replica under attack is allowed.
    pub(super) declared: SocketAddr,
    pub(super) outward: Option<SocketAddr>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Listeners {
    tcp: Vec<TcpListener>,
    unix: UnixListener,
}

impl Services {
    /// Listens twice on loopback, on the address by which other machines would reach this one, and on an abstract
    /// socket.
    pub(super) fn start(abstract_name: &str) -> io::Result<Self> {
        let loopback = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = loopback.local_addr()?;
        let declared = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let declared_address = declared.local_addr()?;
        let mut tcp = vec![loopback, declared];
        let mut outward = None;
        if let Some(own) = outward_address()
            && let Ok(listener) = TcpListener::bind((own, 0))
        {
            outward = Some(listener.local_addr()?);
            tcp.push(listener);
        }
        let unix = UnixListener::bind_addr(&UnixAddr::from_abstract_name(abstract_name)?)?;
        let listeners = Listeners { tcp, unix };
        listeners.without_waiting()?;
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = std::thread::Builder::new().spawn(move || listeners.serve(&told))?;
        Ok(Self {
            loopback: address,
            declared: declared_address,
            outward,
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It looks twenty times a second; what it held is closed when it has ended.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Listeners {
    fn without_waiting(&self) -> io::Result<()> {
        self.unix.set_nonblocking(true)?;
        self.tcp
            .iter()
            .try_for_each(|listener| listener.set_nonblocking(true))
    }

    fn serve(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let tcp = self
                .tcp
                .iter()
                .map(|listener| PollFd::new(listener, PollFlags::IN));
            let unix = PollFd::new(&self.unix, PollFlags::IN);
            let mut waited: Vec<PollFd<'_>> = tcp.chain([unix]).collect();
            // A signal is as good as a look.
            let _ = poll(&mut waited, Some(&LOOK));
            // A guest that has gone again wants no greeting.
            for listener in &self.tcp {
                if let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.write_all(CANARY.as_bytes());
                }
            }
            if let Ok((mut stream, _)) = self.unix.accept() {
                let _ = stream.write_all(CANARY.as_bytes());
            }
        }
    }
}

/// The address of this machine on the way to others. Connecting a datagram socket sends nothing.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback() && !own.is_unspecified()).then_some(own)
}
