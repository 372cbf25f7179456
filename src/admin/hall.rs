//! One node with everything its pages need.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use canon::Millis;
use exchange::Node;
use store::{LinkPace, SharedStore};

use crate::access::Access;
use crate::alert::Alerts;
use crate::health::Ready;
use crate::house::House;
use crate::live::Live;
use crate::machines::{Figures, Kept, Machines};
use crate::metrics::Causes;
use crate::page::books::Books;
use crate::series::Series;

/// Where pages take the time from.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;
/// Where they take chance from: fills the slice.
pub type Chance = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// A node as its administrators see it.
pub struct Hall {
    /// The node.
    pub node: Arc<Node>,
    /// Its name for people.
    pub title: String,
    /// Days the owning unit gets for a returned row.
    pub return_days: i64,
    /// What only the process knows.
    pub house: Arc<dyn House>,
    /// Accounts and sessions.
    pub access: Access,
    /// What moved over time.
    pub series: Series,
    /// Pages that follow.
    pub live: Live,
    /// What pages have read of days and months.
    pub books: Books,
    /// The node's time.
    pub clock: Clock,
    /// The time on people's telephones: the node's own, but in a demonstration.
    pub wall: Clock,
    /// Chance.
    pub chance: Chance,
    /// What programs ask; set once by whoever runs the node, and as it is by default until then.
    pub machines: OnceLock<Machines>,
    /// What was found for programs that ask often.
    pub(crate) remembered: Remembered,
}

/// What was found last for programs.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) ready: Kept<Ready>,
    pub(crate) figures: Kept<Arc<str>>,
    pub(crate) causes: Kept<Causes>,
    pub(crate) paces: Kept<Arc<[LinkPace]>>,
    audited: AtomicI64,
}

impl Remembered {
    /// A line of the audit chain that there is.
    pub(crate) fn audited(&self) -> i64 {
        self.audited.load(Ordering::Relaxed)
    }

    /// There is one of this number.
    pub(crate) fn audited_until(&self, number: i64) {
        self.audited.fetch_max(number, Ordering::Relaxed);
    }
}

impl fmt::Debug for Hall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pages of {}", self.node.code)
    }
}

impl Hall {
    /// A hall of a node.
    pub fn new(
        (node, title): (Arc<Node>, String),
        house: Arc<dyn House>,
        access: Access,
        (clock, wall, chance): (Clock, Clock, Chance),
    ) -> Arc<Self> {
        Arc::new(Self {
            title,
            return_days: node.limits.return_days,
            node,
            house,
            access,
            series: Series::default(),
            live: Live::default(),
            books: Books::default(),
            clock,
            wall,
            chance,
            machines: OnceLock::new(),
            remembered: Remembered::default(),
        })
    }

    /// Who reads the figures.
    pub(crate) fn figures(&self) -> Figures {
        self.machines.get().map(|m| m.figures).unwrap_or_default()
    }

    /// What is told when something needs somebody, where that was set up.
    pub(crate) fn alerts(&self) -> Option<&Alerts> {
        self.machines.get().and_then(|m| m.alerts.as_ref())
    }

    /// The node's facts.
    pub fn store(&self) -> &SharedStore {
        &self.node.store
    }

    /// The time now.
    pub fn now(&self) -> Millis {
        (self.clock)()
    }
}
