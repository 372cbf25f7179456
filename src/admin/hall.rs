//! One node with everything its pages need.

use std::fmt;
use std::sync::Arc;

use canon::Millis;
use exchange::Node;
use store::SharedStore;

use crate::access::Access;
use crate::house::House;
use crate::live::Live;
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
        })
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
