//! Where tests find the real broker and databases, and private ones that a fault test may kill.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::root;

/// RabbitMQ, as an administrator: `amqp://…`.
pub fn amqp() -> String {
    shared("TIERGATE_TEST_AMQP")
}

/// The same broker over TLS: `amqps://…`.
pub fn amqps() -> String {
    shared("TIERGATE_TEST_AMQPS")
}

/// The folder with `ca.pem`, `client.pem`, `client.key` and the others.
pub fn tls() -> PathBuf {
    shared("TIERGATE_TEST_TLS").into()
}

/// PostgreSQL, as a superuser: `postgres://…`.
pub fn postgres() -> String {
    shared("TIERGATE_TEST_POSTGRES")
}

/// MariaDB, with all rights: `mysql://…`.
pub fn mariadb() -> String {
    shared("TIERGATE_TEST_MARIADB")
}

/// Runs `rabbitmqctl` against the shared broker and gives what it printed.
pub fn rabbitmqctl<S: AsRef<OsStr>>(args: &[S]) -> String {
    run(Command::new(shared("TIERGATE_TEST_RABBITMQCTL")).arg("--quiet").args(args))
}

/// The folder of the shared services.
fn folder() -> PathBuf {
    let named = std::env::var_os("TIERGATE_SERVICES").map(PathBuf::from);
    named.unwrap_or_else(|| root().join("target/services"))
}

/// A value of the shared services; fails with what to do.
#[track_caller]
fn shared(name: &str) -> String {
    let named = std::env::var(name).ok();
    let found = named.or_else(|| environment(&folder()).remove(name));
    found.unwrap_or_else(|| panic!("no {name}: start the services: make services"))
}

/// The lines `NAME=value` of a folder of services; none if nothing runs there.
fn environment(folder: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder.join("env")).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Runs a command to its end; a failure says what it printed.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = output(command);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    out
}

#[track_caller]
fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// A service that a test may have for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// RabbitMQ.
    Rabbitmq,
    /// PostgreSQL.
    Postgres,
}

impl Service {
    const fn name(self) -> &'static str {
        match self {
            Self::Rabbitmq => "rabbitmq",
            Self::Postgres => "postgres",
        }
    }
}

/// Which are started so far in this process.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A service of its own, with own ports and data: made for being killed. Gone when dropped.
pub struct Private {
    service: Service,
    folder: PathBuf,
    /// The size of the disk that its data lie on; none is the machine's.
    disk: Option<&'static str>,
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.service.name(), self.folder.display())
    }
}

impl Private {
    /// Starts one and waits until it answers.
    pub fn start(service: Service) -> Self {
        let made = Self::prepared(service);
        made.start_again();
        made
    }

    /// PostgreSQL with its tables on a disk of this size, which only it sees and which is gone with it.
    pub fn on_small_disk(size: &'static str) -> Self {
        let mut made = Self::prepared(Service::Postgres);
        made.disk = Some(size);
        made.start_again();
        made
    }

    /// The small disk, as its process sees it.
    pub fn disk(&self) -> PathBuf {
        let disk = self.folder.join("postgres/disk");
        let seen = disk.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.pid()).join("root").join(seen)
    }

    /// One that was never started: its address is decided by the first start, so it has none yet.
    pub fn prepared(service: Service) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}", service.name(), std::process::id());
        Self { service, folder: folder().join("private").join(name), disk: None }
    }

    /// Starts it, or starts it again after a kill: same ports, same data.
    pub fn start_again(&self) {
        self.script("up.sh", &[self.service.name()]);
    }

    /// Stops it as an operator would.
    pub fn stop(&self) {
        self.script("down.sh", &[self.service.name()]);
    }

    fn script(&self, script: &str, args: &[&str]) -> String {
        let script = root().join("tests/services").join(script);
        let mut bash = Command::new("bash");
        bash.arg(script).args(args).env("TIERGATE_SERVICES", &self.folder);
        bash.envs(self.disk.map(|size| ("TIERGATE_POSTGRES_DISK", size)));
        run(&mut bash)
    }

    /// One of its values, as `TIERGATE_TEST_AMQPS`; they outlive a kill, but not [`Self::stop`].
    pub fn value(&self, name: &str) -> String {
        let found = environment(&self.folder).remove(name);
        found.unwrap_or_else(|| panic!("{self:?} has no {name}"))
    }

    /// Its address, with user and password.
    pub fn url(&self) -> String {
        self.value(match self.service {
            Service::Rabbitmq => "TIERGATE_TEST_AMQP",
            Service::Postgres => "TIERGATE_TEST_POSTGRES",
        })
    }

    /// Its folder: data, logs, certificates.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its number as a process.
    fn pid(&self) -> String {
        let pid = std::fs::read_to_string(self.folder.join(self.service.name()).join("pid"));
        pid.expect("it was started").trim().to_owned()
    }

    fn signal(&self, signal: &str) {
        run(Command::new("kill").args([signal, &self.pid()]));
    }

    /// SIGKILL, and back when the process is gone.
    pub fn kill(&self) {
        let pid = self.pid();
        self.signal("-KILL");
        // The children of PostgreSQL see by themselves that their parent is gone.
        while alive(&pid) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// SIGSTOP: it lives, its connections stand, it answers nothing.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Runs `rabbitmqctl` against this broker.
    pub fn ctl<S: AsRef<OsStr>>(&self, args: &[S]) -> String {
        run(Command::new(self.folder.join("rabbitmq/ctl")).arg("--quiet").args(args))
    }

    /// Starts it again with another of its certificates: `server`, `server-expired`.
    pub fn show(&self, certificate: &str) {
        self.stop();
        let tls = self.folder.join("tls");
        for end in ["pem", "key"] {
            let (shown, kept) = (format!("server.{end}"), format!("server-kept.{end}"));
            if !tls.join(&kept).exists() {
                std::fs::rename(tls.join(&shown), tls.join(&kept)).expect("a certificate");
            }
            let from = if certificate == "server" { kept } else { format!("{certificate}.{end}") };
            std::fs::copy(tls.join(from), tls.join(shown)).expect("a certificate");
        }
        self.start_again();
    }

    /// The broker's memory alarm: it takes nothing from publishers until it is over.
    pub fn alarm(&self, on: bool) {
        self.ctl(&["set_vm_memory_high_watermark", if on { "0.00001" } else { "0.4" }]);
    }

    /// Names of the queues there are.
    pub fn queues(&self) -> Vec<String> {
        self.ctl(&["list_queues", "name"]).lines().skip(1).map(str::to_owned).collect()
    }
}

/// Whether a process has neither ended nor only its number left.
fn alive(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| !matches!(state, "Z" | "X"))
}

impl Drop for Private {
    fn drop(&mut self) {
        let script = root().join("tests/services/down.sh");
        let mut down = Command::new("bash");
        down.arg(script).env("TIERGATE_SERVICES", &self.folder);
        let stopped = output(&mut down).status.success();
        let gone = std::fs::remove_dir_all(&self.folder).is_ok();
        // A second panic while the first unwinds would hide it; `make services-down` cleans up.
        assert!((stopped && gone) || std::thread::panicking(), "{self:?} could not be taken away");
    }
}

/// The parts of an address `scheme://user:password@host:port/rest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `amqp`, `postgres`.
    pub scheme: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What follows the port, without the slash.
    pub rest: String,
}

impl Address {
    /// Takes an address of our own services apart.
    pub fn of(url: &str) -> Self {
        let parts = || {
            let (scheme, rest) = url.split_once("://")?;
            let (who, rest) = rest.split_once('@')?;
            let (user, password) = who.split_once(':')?;
            let (at, rest) = rest.split_once('/')?;
            let (host, port) = at.split_once(':')?;
            let owned = str::to_owned;
            Some(Self {
                scheme: owned(scheme),
                user: owned(user),
                password: owned(password),
                host: owned(host),
                port: port.parse().ok()?,
                rest: owned(rest),
            })
        };
        parts().unwrap_or_else(|| panic!("not scheme://user:password@host:port/rest: {url}"))
    }

    /// The same service by another port: a proxy's.
    pub fn through(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    /// The same service with another password.
    pub fn with_password(&self, password: &str) -> Self {
        Self { password: password.to_owned(), ..self.clone() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, user, password, host, port, rest } = self;
        write!(f, "{scheme}://{user}:{password}@{host}:{port}/{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_put_together() {
        let url = "amqp://tiergate:secret@127.0.0.1:20001/%2f";
        let address = Address::of(url);
        assert_eq!(address.to_string(), url);
        assert_eq!(
            address.through(9).with_password("x").to_string(),
            "amqp://tiergate:x@127.0.0.1:9/%2f"
        );
    }

    #[test]
    fn the_shared_services_answer() {
        for url in [amqp(), amqps(), postgres(), mariadb()] {
            let Address { host, port, .. } = Address::of(&url);
            std::net::TcpStream::connect((host, port))
                .unwrap_or_else(|e| panic!("{url}: {e}; start the services: make services"));
        }
        assert!(rabbitmqctl(&["list_users"]).contains("tiergate"));
        assert!(tls().join("client.pem").is_file());
    }
}
