//! What stands on a broker: declared at install time, compared by the doctor, repaired when a queue
//! has lost its leader. Needs a login that may configure; nodes themselves need not.

use std::fmt;

use canon::NodeCode;
use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongLongInt};
use lapin::{Channel, ExchangeKind};

use super::connect::{Line, connect};
use super::consume::in_force;
use super::obstacle::{Obstacle, ask};
use super::settings::Settings;
use crate::topology::{Argument, GENERATION_MAX, Part, Topology};

/// What was found or done about one thing on a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// `exchange tiergate`, `queue tiergate.county.live.g1`.
    pub what: String,
    /// How it is now.
    pub how: How,
}

/// How a thing on a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// It was not there and is now.
    Created,
    /// It is there, and as it should be.
    Stands,
    /// It is there; this login may not ask for more.
    NotCompared,
    /// It is not there.
    Missing,
    /// It is there and not as it should be: what the broker says.
    Differs(String),
    /// It did not answer and the next generation took its place.
    Replaced(String),
    /// It was replaced and could not be deleted: what the broker says.
    Left(String),
}

impl How {
    /// Whether nothing stands in the way of the parcels. What was replaced and is left over does not:
    /// nothing is bound to it any more.
    pub const fn fine(&self) -> bool {
        match self {
            Self::Created | Self::Stands | Self::NotCompared => true,
            Self::Replaced(_) | Self::Left(_) => true,
            Self::Missing | Self::Differs(_) => false,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.what, self.how)
    }
}

/// A session with a broker: a channel that is opened anew whenever a question cost it.
struct Session<'a> {
    settings: &'a Settings,
    line: Line,
    channel: Option<Channel>,
}

impl<'a> Session<'a> {
    async fn open(settings: &'a Settings) -> Result<Self, Obstacle> {
        let line = connect(settings, "manage").await?;
        Ok(Self { settings, line, channel: None })
    }

    async fn channel(&mut self) -> Result<Channel, Obstacle> {
        match &self.channel {
            Some(channel) if channel.status().connected() => Ok(channel.clone()),
            _ => {
                let channel = self.line.channel().await?;
                self.channel = Some(channel.clone());
                Ok(channel)
            }
        }
    }

    async fn exchange(
        &mut self,
        name: &str,
        kind: ExchangeKind,
        passive: bool,
    ) -> Result<(), Obstacle> {
        let channel = self.channel().await?;
        let options =
            ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let asked = channel.exchange_declare(name.into(), kind, options, FieldTable::default());
        self.ask("exchange", asked).await
    }

    async fn queue(
        &mut self,
        name: &str,
        arguments: FieldTable,
        passive: bool,
    ) -> Result<(), Obstacle> {
        let channel = self.channel().await?;
        let options =
            QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        self.ask("queue", channel.queue_declare(name.into(), options, arguments)).await.map(drop)
    }

    async fn bind(&mut self, queue: &str, exchange: &str, key: &str) -> Result<(), Obstacle> {
        let channel = self.channel().await?;
        let options = QueueBindOptions::default();
        let (q, e, k) = (queue.into(), exchange.into(), key.into());
        self.ask("binding", channel.queue_bind(q, e, k, options, FieldTable::default())).await
    }

    async fn unbind(&mut self, queue: &str, exchange: &str, key: &str) -> Result<(), Obstacle> {
        let channel = self.channel().await?;
        let (q, e, k) = (queue.into(), exchange.into(), key.into());
        self.ask("unbinding", channel.queue_unbind(q, e, k, FieldTable::default())).await
    }

    async fn drop_exchange(&mut self, name: &str) -> Result<(), Obstacle> {
        let channel = self.channel().await?;
        let options = ExchangeDeleteOptions::default();
        self.ask("exchange deletion", channel.exchange_delete(name.into(), options)).await
    }

    async fn drop_queue(&mut self, name: &str) -> Result<(), Obstacle> {
        let channel = self.channel().await?;
        let options = QueueDeleteOptions::default();
        self.ask("queue deletion", channel.queue_delete(name.into(), options)).await.map(drop)
    }

    async fn ask<T>(
        &self,
        step: &str,
        question: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, Obstacle> {
        ask(step, self.settings.limits.connect_timeout, question).await
    }

    /// Declares one thing, or only looks.
    async fn thing(&mut self, thing: &Thing, create: bool) -> Result<How, Obstacle> {
        let found = match self.put(thing, true).await {
            Ok(()) => true,
            Err(obstacle) if obstacle.reply == Some(404) => false,
            Err(obstacle) => return Err(obstacle),
        };
        if !found && !create {
            return Ok(How::Missing);
        }
        // Declaring what is there compares it and changes nothing.
        match self.put(thing, false).await {
            Ok(()) if found => Ok(How::Stands),
            Ok(()) => Ok(How::Created),
            Err(obstacle) if obstacle.reply == Some(406) => Ok(How::Differs(obstacle.detail)),
            Err(obstacle) if obstacle.reply == Some(403) && found => Ok(How::NotCompared),
            Err(obstacle) => Err(obstacle),
        }
    }

    async fn put(&mut self, thing: &Thing, passive: bool) -> Result<(), Obstacle> {
        match thing {
            Thing::Exchange(name, kind) => self.exchange(name, kind.clone(), passive).await,
            Thing::Queue(name, arguments) => self.queue(name, arguments.clone(), passive).await,
        }
    }

    async fn generation(&mut self, node: &NodeCode, part: Part) -> Result<Option<u32>, Obstacle> {
        match in_force(self.settings, &self.line, node, part, 1).await {
            Ok(generation) => Ok(Some(generation)),
            Err(obstacle) if obstacle.code == "bus.topology" => Ok(None),
            Err(obstacle) => Err(obstacle),
        }
    }
}

/// Something to declare.
enum Thing {
    Exchange(String, ExchangeKind),
    Queue(String, FieldTable),
}

impl Thing {
    fn name(&self) -> String {
        match self {
            Self::Exchange(name, _) => format!("exchange {name}"),
            Self::Queue(name, _) => format!("queue {name}"),
        }
    }
}

fn exchanges(topology: &Topology) -> [Thing; 2] {
    let names = &topology.names;
    [
        Thing::Exchange(names.exchange(), ExchangeKind::Topic),
        Thing::Exchange(names.dead_exchange(), ExchangeKind::Direct),
    ]
}

fn queue(topology: &Topology, node: &NodeCode, part: Part, generation: u32) -> Thing {
    let mut table = FieldTable::default();
    for (name, value) in topology.arguments(node, part) {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString(text.into()),
            Argument::Number(n) => {
                AMQPValue::LongLongInt(LongLongInt::try_from(n).unwrap_or(LongLongInt::MAX))
            }
        };
        table.insert(name.into(), value);
    }
    Thing::Queue(topology.names.queue(node, part, generation), table)
}

/// Declares everything that is missing. What is there is compared and left as it is.
pub async fn declare(settings: &Settings, topology: &Topology) -> Result<Vec<Item>, Obstacle> {
    go_through(settings, topology, true).await
}

/// Looks whether everything is there and as it should be; changes nothing.
pub async fn compare(settings: &Settings, topology: &Topology) -> Result<Vec<Item>, Obstacle> {
    go_through(settings, topology, false).await
}

async fn go_through(
    settings: &Settings,
    topology: &Topology,
    create: bool,
) -> Result<Vec<Item>, Obstacle> {
    let mut session = Session::open(settings).await?;
    let mut items = Vec::new();
    for thing in exchanges(topology) {
        let how = session.thing(&thing, create).await?;
        items.push(Item { what: thing.name(), how });
    }
    for node in topology.nodes.keys() {
        for part in Part::ALL {
            let generation = session.generation(node, part).await?;
            let thing = queue(topology, node, part, generation.unwrap_or(1));
            let how = session.thing(&thing, create).await?;
            if create {
                put_in_force(&mut session, topology, node, part, generation.unwrap_or(1)).await?;
            }
            // A queue without its marker is found by nobody.
            let how = if generation.is_none() && !create { How::Missing } else { how };
            items.push(Item { what: thing.name(), how });
        }
        if create {
            // The node last: once it stands, everything of it does.
            session.exchange(&topology.names.node(node), ExchangeKind::Fanout, false).await?;
        }
    }
    session.line.close().await;
    Ok(items)
}

/// Binds a queue and sets its marker.
async fn put_in_force(
    session: &mut Session<'_>,
    topology: &Topology,
    node: &NodeCode,
    part: Part,
    generation: u32,
) -> Result<(), Obstacle> {
    let names = &topology.names;
    let queue = names.queue(node, part, generation);
    session.bind(&queue, &names.exchange_of(part), &names.key(node, part)).await?;
    session.exchange(&queue, ExchangeKind::Fanout, false).await
}

/// Replaces every queue in force that does not answer by its next generation. Parcels in it are
/// left behind: nothing of them is settled, so their senders send them again.
pub async fn repair(settings: &Settings, topology: &Topology) -> Result<Vec<Item>, Obstacle> {
    let mut items = Vec::new();
    for node in topology.nodes.keys() {
        for part in Part::ALL {
            let mut session = Session::open(settings).await?;
            let Some(generation) = session.generation(node, part).await? else { continue };
            let name = topology.names.queue(node, part, generation);
            if let Some(silence) = silent(&mut session, &name).await? {
                items
                    .extend(replace(settings, topology, (node, part, generation), &silence).await?);
            } else {
                session.line.close().await;
            }
        }
    }
    Ok(items)
}

/// Asks a queue's leader for a parcel; what it says if it does not answer. A parcel that is got
/// goes back when the channel closes.
async fn silent(session: &mut Session<'_>, queue: &str) -> Result<Option<String>, Obstacle> {
    let channel = session.channel().await?;
    let got = session.ask("get", channel.basic_get(queue.into(), BasicGetOptions::default())).await;
    Ok(match got {
        Ok(_) => None,
        // Not there at all: `declare` makes it.
        Err(obstacle) if obstacle.reply == Some(404) => None,
        Err(obstacle) if obstacle.reply == Some(403) => return Err(obstacle),
        Err(obstacle) => Some(obstacle.detail),
    })
}

pub(crate) async fn replace(
    settings: &Settings,
    topology: &Topology,
    (node, part, old): (&NodeCode, Part, u32),
    silence: &str,
) -> Result<Vec<Item>, Obstacle> {
    let names = &topology.names;
    let new = old + 1;
    if new > GENERATION_MAX {
        let detail = format!("there is no generation after {old}; delete all of them and declare");
        return Err(Obstacle::new("bus.topology", detail));
    }
    // The silent queue may have cost the connection that asked it.
    let mut session = Session::open(settings).await?;
    let thing = queue(topology, node, part, new);
    session.thing(&thing, true).await?;
    put_in_force(&mut session, topology, node, part, new).await?;
    let (old_name, new_name) = (names.queue(node, part, old), names.queue(node, part, new));
    // From here on nothing more goes into the old one.
    session.unbind(&old_name, &names.exchange_of(part), &names.key(node, part)).await?;
    session.drop_exchange(&old_name).await?;
    let mut items =
        vec![Item { what: format!("queue {old_name} ({silence})"), how: How::Replaced(new_name) }];
    if let Err(obstacle) = session.drop_queue(&old_name).await {
        items.push(Item { what: format!("queue {old_name}"), how: How::Left(obstacle.detail) });
    }
    Ok(items)
}

/// Deletes everything of a topology, every generation: for the demo and for tests.
pub async fn remove(settings: &Settings, topology: &Topology) -> Result<(), Obstacle> {
    let mut session = Session::open(settings).await?;
    for node in topology.nodes.keys() {
        for part in Part::ALL {
            let last = session.generation(node, part).await?.unwrap_or(1);
            for generation in 1..=last {
                let name = topology.names.queue(node, part, generation);
                session.drop_queue(&name).await?;
                session.drop_exchange(&name).await?;
            }
        }
        session.drop_exchange(&topology.names.node(node)).await?;
    }
    for thing in exchanges(topology) {
        if let Thing::Exchange(name, _) = thing {
            session.drop_exchange(&name).await?;
        }
    }
    session.line.close().await;
    Ok(())
}

/// Whether the marker of a generation stands, for tests.
#[cfg(test)]
pub(crate) async fn stands(
    settings: &Settings,
    node: &NodeCode,
    part: Part,
    generation: u32,
) -> Result<bool, Obstacle> {
    let line = connect(settings, "look").await?;
    let marker = settings.names.queue(node, part, generation);
    super::consume::marked(settings, &line.channel().await?, marker).await
}
