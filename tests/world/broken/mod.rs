//! What breaks around a gateway, against the real broker and databases. Each story is a flow that
//! something happens to; it ends when every record is accounted for (`Flow::finish`). `make test`
//! tells the short ones, `make chaos` all of them, longer.

pub mod broker;
pub mod gateway;
pub mod instances;
pub mod login;
pub mod network;
pub mod queues;
pub mod store;

use std::time::Duration;

use super::flow::{Flow, Login};
use super::proxy::Proxy;
use super::services::{self, Address, Private};

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Files at the township in each part of a story.
    pub files: u32,
    /// Rows of each, four records a row.
    pub rows: u32,
    /// How often what can be done again is done.
    pub times: u32,
    /// How long something stands still.
    pub pause: Duration,
    /// How long everything may take to settle after the last fault.
    pub settle: Duration,
    /// How large a disk is that fills up. SQLite's log alone may take 64 MB before it is written back.
    pub disk: &'static str,
}

/// For `make test`.
pub const SHORT: Size = Size {
    files: 3,
    rows: 4,
    times: 3,
    pause: Duration::from_secs(2),
    settle: Duration::from_secs(120),
    disk: "64m",
};

/// For `make chaos`.
pub const LONG: Size = Size {
    files: 20,
    rows: 20,
    times: 20,
    pause: Duration::from_secs(60),
    settle: Duration::from_secs(300),
    disk: "256m",
};

/// Files in a row, some moments between them.
async fn stream(flow: &mut Flow, size: Size) {
    for _ in 0..size.files {
        flow.feed(size.rows).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The login of an administrator at a private broker.
fn administrator(broker: &Private) -> Login {
    Login::Password(Address::of(&broker.url()))
}

/// A proxy before the shared broker, and the login through it.
fn proxied() -> (Proxy, Login) {
    let address = Address::of(&services::amqp());
    let proxy = Proxy::before(address.port);
    let login = Login::Password(address.through(proxy.port()));
    (proxy, login)
}

/// Takes away what a flow had on the shared broker, also when the test fails.
struct Sweep(String);

impl Sweep {
    fn of(flow: &Flow) -> Self {
        Self(flow.prefix().to_owned())
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        let prefix = &self.0;
        // Queues and exchanges of a prefix in one call: `rabbitmqctl` has none for exchanges.
        let erlang = format!(
            "P = <<\"{prefix}.\">>, N = byte_size(P), \
             Ours = fun(B) -> B =:= <<\"{prefix}\">> orelse binary:longest_common_prefix([B, P]) =:= N end, \
             [rabbit_amqqueue:delete(Q, false, false, <<\"tests\">>) || Q <- rabbit_amqqueue:list(<<\"/\">>), \
              Ours(element(4, amqqueue:get_name(Q)))], \
             [rabbit_exchange:delete(X, false, <<\"tests\">>) || {{resource, _, exchange, B}} = X <- \
              rabbit_exchange:list_names(), Ours(B)], ok."
        );
        services::rabbitmqctl(&["eval", &erlang]);
    }
}
