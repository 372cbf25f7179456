//! A TCP proxy under a test's control, between a node and its broker or database: it passes, keeps
//! silent, delays or cuts, counts who comes, and remembers what it saw on the wire.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes of each direction that are remembered, over all connections.
const REMEMBERED_MAX: usize = 256 << 10;
/// Bytes taken at once.
const CHUNK: usize = 16 << 10;

/// What the proxy does with what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Half-open: connections stand and are taken, and nothing moves in either direction.
    Silent,
    /// Passes on, each piece so much later.
    Slow(Duration),
    /// Every new connection is reset at once; those that stand stay.
    Refuse,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Connections that were made to the proxy.
    pub connections: usize,
    /// The first bytes that came from the side that connects.
    pub sent: Vec<u8>,
    /// The first bytes that came back.
    pub received: Vec<u8>,
}

impl Seen {
    /// Whether a text went over the wire as it is, either way.
    pub fn holds(&self, text: &str) -> bool {
        let in_it = |bytes: &[u8]| bytes.windows(text.len()).any(|at| at == text.as_bytes());
        in_it(&self.sent) || in_it(&self.received)
    }
}

/// What the connections share with the test.
#[derive(Clone)]
struct Wire {
    mode: watch::Receiver<Mode>,
    cuts: watch::Receiver<u64>,
    seen: Arc<Mutex<Seen>>,
}

/// The proxy; it runs on a thread of its own, so that a test may block. Ends when dropped.
pub struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    cuts: watch::Sender<u64>,
    seen: Arc<Mutex<Seen>>,
    end: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Proxy {
    /// A proxy before `target` (a port of 127.0.0.1) on a port of its own.
    pub fn before(target: u16) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("bound").port();
        let (mode, mode_seen) = watch::channel(Mode::Pass);
        let (cuts, cuts_seen) = watch::channel(0);
        let (end, ended) = tokio::sync::oneshot::channel();
        let seen = Arc::<Mutex<Seen>>::default();
        let wire = Wire { mode: mode_seen, cuts: cuts_seen, seen: Arc::clone(&seen) };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = accept(&listener, target, &wire) => {}
                    _ = ended => {}
                }
            });
        });
        Self { port, mode, cuts, seen, end: Some(end), thread: Some(thread) }
    }

    /// Where it listens, on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What it does from now on, to connections that stand too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Resets every connection there is (RST on both sides).
    pub fn cut(&self) {
        self.cuts.send_modify(|n| *n += 1);
    }

    /// What it saw so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections made to it so far.
    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).connections
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the proxy panicked");
        }
    }
}

async fn accept(listener: &TcpListener, target: u16, wire: &Wire) {
    loop {
        // A connection that ended before it was taken is nobody's.
        let Ok((near, _)) = listener.accept().await else { continue };
        wire.seen.lock().unwrap_or_else(PoisonError::into_inner).connections += 1;
        let wire = wire.clone();
        tokio::spawn(async move {
            let mode = *wire.mode.borrow();
            if mode == Mode::Refuse {
                near.set_zero_linger().expect("a socket");
                return;
            }
            carry(near, target, wire).await;
        });
    }
}

/// One connection, until either side or the test ends it.
async fn carry(mut near: TcpStream, target: u16, wire: Wire) {
    let mut cuts = wire.cuts.clone();
    cuts.mark_unchanged();
    // A connection made while it was silent reaches nobody before that is over.
    let far = tokio::select! {
        far = connect(target, wire.mode.clone()) => far,
        _ = cuts.changed() => None,
    };
    let Some(mut far) = far else { return reset(&near) };
    for side in [&near, &far] {
        side.set_nodelay(true).expect("a socket");
    }
    let ended = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let there = pump(near_read, far_write, &wire, |seen| &mut seen.sent);
        let back = pump(far_read, near_write, &wire, |seen| &mut seen.received);
        tokio::select! {
            ended = async { tokio::try_join!(there, back) } => ended.is_ok(),
            _ = cuts.changed() => false,
        }
    };
    // Whoever is left is told in the same way: a broken connection as one that is broken.
    if !ended {
        reset(&near);
        reset(&far);
    }
}

async fn connect(target: u16, mut mode: watch::Receiver<Mode>) -> Option<TcpStream> {
    open(&mut mode).await;
    TcpStream::connect(("127.0.0.1", target)).await.ok()
}

/// Waits while nothing may move.
async fn open(mode: &mut watch::Receiver<Mode>) {
    // The sender lives as long as the runtime this runs on.
    if mode.wait_for(|mode| *mode != Mode::Silent).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn reset(side: &TcpStream) {
    side.set_zero_linger().expect("a socket");
}

type Remember = fn(&mut Seen) -> &mut Vec<u8>;

/// One direction, until its end, which is passed on.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    wire: &Wire,
    remember: Remember,
) -> io::Result<()> {
    let mut mode = wire.mode.clone();
    let mut chunk = vec![0; CHUNK];
    loop {
        open(&mut mode).await;
        let n = from.read(&mut chunk).await?;
        let now = *mode.borrow();
        if let Mode::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        // It may have become silent while this waited.
        open(&mut mode).await;
        if n == 0 {
            return to.shutdown().await;
        }
        remembered(
            &mut wire.seen.lock().unwrap_or_else(PoisonError::into_inner),
            remember,
            &chunk[..n],
        );
        to.write_all(&chunk[..n]).await?;
    }
}

fn remembered(seen: &mut Seen, remember: Remember, bytes: &[u8]) {
    let into = remember(seen);
    let room = REMEMBERED_MAX.saturating_sub(into.len());
    into.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread::JoinHandle;

    use super::*;

    /// How long a test waits to see that nothing comes.
    const NOTHING: Duration = Duration::from_millis(150);

    /// Answers everything with the same in capitals, until each connection ends.
    fn echo() -> (u16, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut side, _) = listener.accept().unwrap();
            let mut chunk = [0; 64];
            while let Ok(n @ 1..) = side.read(&mut chunk) {
                side.write_all(&chunk[..n].to_ascii_uppercase()).unwrap();
            }
        });
        (port, thread)
    }

    fn connected(proxy: &Proxy) -> TcpStream {
        let side = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        side.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        side
    }

    fn read(side: &mut TcpStream) -> String {
        let mut chunk = [0; 64];
        let n = side.read(&mut chunk).unwrap();
        String::from_utf8_lossy(&chunk[..n]).into_owned()
    }

    #[test]
    fn what_passes_arrives_is_counted_and_remembered() {
        let (port, server) = echo();
        let proxy = Proxy::before(port);
        assert_eq!(proxy.connections(), 0);
        let mut side = connected(&proxy);
        side.write_all(b"hello").unwrap();
        assert_eq!(read(&mut side), "HELLO");
        let seen = proxy.seen();
        assert_eq!(
            (seen.connections, &*seen.sent, &*seen.received),
            (1, &b"hello"[..], &b"HELLO"[..])
        );
        assert!(seen.holds("ell") && seen.holds("ELL") && !seen.holds("elL"));
        drop(side);
        server.join().unwrap();
    }

    #[test]
    fn silence_holds_everything_back_and_loses_nothing() {
        let (port, server) = echo();
        let proxy = Proxy::before(port);
        let mut side = connected(&proxy);
        side.write_all(b"a").unwrap();
        assert_eq!(read(&mut side), "A");
        proxy.set(Mode::Silent);
        side.write_all(b"b").unwrap();
        side.set_read_timeout(Some(NOTHING)).unwrap();
        let kind = side.read(&mut [0; 1]).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind}");
        assert_eq!(proxy.seen().sent, b"a", "what is held back was not on the wire");
        proxy.set(Mode::Pass);
        side.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(read(&mut side), "B");
        drop(side);
        server.join().unwrap();
    }

    #[test]
    fn a_cut_resets_both_sides_and_a_later_connection_passes() {
        let (port, server) = echo();
        let proxy = Proxy::before(port);
        let mut side = connected(&proxy);
        side.write_all(b"a").unwrap();
        assert_eq!(read(&mut side), "A");
        proxy.cut();
        assert_eq!(side.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        server.join().unwrap();
        let (port, server) = echo();
        let proxy = Proxy::before(port);
        proxy.cut();
        let mut side = connected(&proxy);
        side.write_all(b"b").unwrap();
        assert_eq!(read(&mut side), "B", "an earlier cut is no cut of this one");
        drop(side);
        server.join().unwrap();
    }

    #[test]
    fn a_silent_connection_can_be_cut() {
        let proxy = Proxy::before(1);
        proxy.set(Mode::Silent);
        let mut side = connected(&proxy);
        side.write_all(b"a").unwrap();
        while proxy.connections() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Accepted, and perhaps not yet carried: a cut before that is none of its own.
        side.set_read_timeout(Some(NOTHING)).unwrap();
        loop {
            proxy.cut();
            match side.read(&mut [0; 1]).unwrap_err().kind() {
                ErrorKind::ConnectionReset => break,
                kind => assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)),
            }
        }
    }

    #[test]
    fn who_is_refused_is_reset_and_counted() {
        let proxy = Proxy::before(1);
        proxy.set(Mode::Refuse);
        let mut side = connected(&proxy);
        assert_eq!(side.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(proxy.connections(), 1);
    }

    #[test]
    fn slow_is_later_and_complete() {
        let (port, server) = echo();
        let proxy = Proxy::before(port);
        proxy.set(Mode::Slow(NOTHING));
        let mut side = connected(&proxy);
        let begun = std::time::Instant::now();
        side.write_all(b"late").unwrap();
        assert_eq!(read(&mut side), "LATE");
        assert!(begun.elapsed() >= 2 * NOTHING, "once each way");
        drop(side);
        server.join().unwrap();
    }

    #[test]
    fn an_end_is_passed_on() {
        let (port, server) = echo();
        let proxy = Proxy::before(port);
        let mut side = connected(&proxy);
        side.write_all(b"x").unwrap();
        side.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = String::new();
        side.read_to_string(&mut all).unwrap();
        assert_eq!(all, "X", "what came before the end arrived, and then the end");
        server.join().unwrap();
    }
}
