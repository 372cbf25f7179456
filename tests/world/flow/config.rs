//! What a flow is made of, and the configuration of its nodes.

use std::path::PathBuf;

use super::{Flow, Origin};
use crate::world::process::secret;
use crate::world::services::Address;
use crate::world::{PROVINCE, TIERS, TOWN};

const LIMITS: &str = r#"
[limits]
seal_delay = "50 ms"
envelope_records_max = 8
retry_min = "100 ms"
retry_max = "1 s"
amqp_receipt_overdue = "2 s"
inquiry_interval = "1 s"
gap_grace = "1 s"
lease_ttl = "2 s"
broker_connect_timeout = "2 s"
broker_confirm_timeout = "2 s"
broker_heartbeat = "2 s"
broker_retry_max = "1 s"
broker_login_retry = "2 s"
broker_watch = "500 ms"
"#;

/// How the nodes log in to the broker.
#[derive(Clone, Debug)]
pub enum Login {
    /// By user and password, at the address they stand in.
    Password(Address),
    /// By the certificate and key `NAME.pem`, `NAME.key` and `ca.pem` of a folder.
    Certificate {
        /// Where; its password is not used.
        at: Address,
        /// The folder.
        tls: PathBuf,
        /// The name.
        name: &'static str,
    },
}

/// Where a tier keeps its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// In a file of its folder.
    Sqlite,
    /// In this database, in a schema named after the tier.
    Postgres(Address),
}

/// A flow to be.
pub struct Plan {
    /// Which of [`TIERS`], lowest first; the first has the source, the last is the destination.
    pub tiers: Vec<usize>,
    /// The broker they share.
    pub login: Login,
    /// Each tier's store, in the order of `tiers`.
    pub keeps: Vec<Keeps>,
    /// How many processes each tier has; several need [`Keeps::Postgres`].
    pub instances: usize,
    /// The sources of the first tier.
    pub origins: Vec<Origin>,
    /// Bodies are closed for the destination.
    pub confidential: bool,
}

impl Plan {
    /// Township and province over SQLite.
    pub fn two(login: Login) -> Self {
        Self::of(vec![TOWN, PROVINCE], login)
    }

    /// All four tiers over SQLite.
    pub fn four(login: Login) -> Self {
        Self::of((0..TIERS.len()).collect(), login)
    }

    /// These tiers over SQLite.
    pub fn of(tiers: Vec<usize>, login: Login) -> Self {
        let keeps = vec![Keeps::Sqlite; tiers.len()];
        let origins = vec![Origin::Drop];
        Self { tiers, login, keeps, instances: 1, origins, confidential: false }
    }
}

pub(super) fn text(flow: &Flow, at: usize) -> String {
    let store = match &flow.plan.keeps[at] {
        Keeps::Sqlite => "url = \"sqlite:node.db\"".to_owned(),
        Keeps::Postgres(Address { scheme, user, host, port, rest, .. }) => format!(
            "url = \"{scheme}://{user}@{host}:{port}/{rest}?schema={}\"\n\
             password = \"file:db.password\"\ntls = \"disable\"",
            schema(flow.name(at))
        ),
    };
    let mut text = format!(
        "version = 1\n\n[node]\ntitle = \"test\"\ndata = \"data\"\n\n[store]\n{store}\n\n\
             [trust]\nanchors = [\"../ca.pem\"]\n\n[[identity]]\ncode = \"{}\"\nenvironment = \"demo\"\n\
             key = \"file:node.key\"\ncertificate = \"node.pem\"\n",
        flow.name(at)
    );
    if flow.closes(at) {
        text +=
            "encryption = { certificate = \"encryption.pem\", key = \"file:encryption.key\" }\n";
    }
    text += &broker(flow);
    let link = |name: &str, peer: &str, more: &str| {
        format!("\n[[link]]\nname = \"{name}\"\npeer = \"{peer}\"\ncarrier = \"amqp\"\n{more}\n")
    };
    if at < flow.top() {
        text += &link("up", flow.name(at + 1), "parent = true");
    }
    if let Some(down) = at.checked_sub(1) {
        let beneath: Vec<&str> = (0..down).map(|at| flow.name(at)).collect();
        text += &link("down", flow.name(down), &format!("beneath = {beneath:?}"));
    }
    if at == 0 {
        let destination = flow.name(flow.top());
        text +=
            &format!("\n[[route]]\ndestination = \"{destination}\"\nformat = \"supervision/1\"\n");
        if flow.closes(at) {
            let readers = format!("../{destination}/encryption.pem");
            text += &format!("confidentiality = \"body\"\nreaders = [\"{readers}\"]\n");
        }
        text.extend(flow.plan.origins.iter().map(|origin| origin.config(destination)));
    }
    text + LIMITS
}

/// The schema of a node.
pub(super) fn schema(name: &str) -> String {
    name.replace('-', "_")
}

fn broker(flow: &Flow) -> String {
    let (Login::Password(at) | Login::Certificate { at, .. }) = &flow.plan.login;
    let how = match &flow.plan.login {
        Login::Password(_) => "auth = \"password\"\npassword = \"file:mq.password\"",
        Login::Certificate { .. } => {
            "auth = \"external\"\nca = \"mq-ca.pem\"\ncertificate = \"mq.pem\"\nkey = \"file:mq.key\""
        }
    };
    let Address { scheme, host, port, rest, user, .. } = at;
    format!(
        "\n[[broker]]\nname = \"mq\"\nurl = \"{scheme}://{host}:{port}/{rest}\"\nuser = \"{user}\"\n\
             {how}\nprefix = \"{}\"\n",
        flow.prefix
    )
}

impl Flow {
    /// Whether a tier reads closed bodies: who seals them, and whom they are for.
    pub(super) fn closes(&self, at: usize) -> bool {
        self.plan.confidential && (at == 0 || at == self.top())
    }

    /// Writes the secrets of a login where the configuration looks for them: a running node takes
    /// them up by itself.
    pub fn log_in_by(&self, login: &Login) {
        for at in 0..self.plan.tiers.len() {
            let put = |name: &str, text: &[u8]| {
                let (part, path) = (self.of(at).join("part"), self.of(at).join(name));
                secret(&part, &String::from_utf8_lossy(text));
                std::fs::rename(part, path).expect("a file");
            };
            match login {
                Login::Password(address) => put("mq.password", address.password.as_bytes()),
                Login::Certificate { tls, name, .. } => {
                    let read = |name: String| std::fs::read(tls.join(name)).expect("a certificate");
                    put("mq-ca.pem", &read("ca.pem".to_owned()));
                    put("mq.pem", &read(format!("{name}.pem")));
                    put("mq.key", &read(format!("{name}.key")));
                }
            }
        }
    }
}
