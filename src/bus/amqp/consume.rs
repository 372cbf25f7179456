//! The consuming side: one consumer a queue, as many parcels at hand as the prefetch allows, and
//! acknowledgements only for what the inbox has.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::{Lane, NodeCode};
use futures_util::future::{BoxFuture, Fuse, FusedFuture, FutureExt};
use futures_util::stream::{BoxStream, FuturesUnordered, SelectAll, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions,
    ExchangeDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Event, ExchangeKind};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::connect::{Line, connect};
use super::obstacle::{Obstacle, ask, silent};
use super::outside;
use super::publish::exchange_stands;
use super::settings::Settings;
use super::state::{Role, State};
use super::supervise::{Ended, LOOK, Waits, stopped};
use crate::topology::{GENERATION_MAX, Part};
use crate::{Condition, Delivery};

/// Gets parcels.
pub(crate) struct Consumer {
    settings: Arc<Settings>,
    state: Arc<State>,
    hand: Mutex<Hand>,
    arrival: Notify,
    strays: Mutex<Vec<crate::Trouble>>,
}

/// Most reports kept until they are asked for.
const STRAYS_MAX: usize = 100;

/// What is at hand of the connection in force. A new connection begins with nothing: the broker
/// delivers everything unacknowledged again.
#[derive(Default)]
struct Hand {
    next_tag: u64,
    places: Vec<Place>,
    waiting: BTreeMap<Lane, VecDeque<(Origin, Delivery)>>,
    taken: BTreeMap<u64, (Origin, Delivery)>,
}

/// A queue that is consumed.
struct Place {
    channel: Channel,
    /// Delivered and not acknowledged, taken or not.
    open: BTreeSet<u64>,
}

/// Where a delivery came from: which place, and the broker's number of it there.
#[derive(Clone, Copy)]
struct Origin {
    place: usize,
    number: u64,
}

type Incoming = (usize, Option<lapin::Result<lapin::message::Delivery>>);
type Stream = BoxStream<'static, Incoming>;
/// A question whose answer may stand behind deliveries on the same wire.
type Asked<T> = BoxFuture<'static, Result<T, Obstacle>>;

/// A connection with everything asked that is asked before the first delivery.
struct Opened {
    line: Line,
    /// Consumers about to be; once one stands, answers to the others come between its deliveries.
    consumers: Vec<Asked<Stream>>,
    /// For looking at the markers.
    markers: Channel,
}

impl Consumer {
    pub(crate) fn new(settings: Arc<Settings>, state: Arc<State>) -> Self {
        Self {
            settings,
            state,
            hand: Mutex::default(),
            arrival: Notify::new(),
            strays: Mutex::default(),
        }
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        // Every change under the lock is complete before anything can panic.
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// At most `max` parcels of a lane that are at hand.
    pub(crate) fn take(&self, lane: Lane, max: usize) -> Vec<Delivery> {
        let mut hand = self.hand();
        let hand = &mut *hand;
        let Some(waiting) = hand.waiting.get_mut(&lane) else { return Vec::new() };
        let count = waiting.len().min(max);
        let mut out = Vec::with_capacity(count);
        for (origin, delivery) in waiting.drain(..count) {
            out.push(delivery.clone());
            hand.taken.insert(delivery.tag, (origin, delivery));
        }
        out
    }

    /// Puts parcels back, the first again first.
    pub(crate) fn give_back(&self, tags: &[u64]) {
        let mut hand = self.hand();
        for tag in tags.iter().rev() {
            if let Some((origin, delivery)) = hand.taken.remove(tag) {
                let lane = delivery.parcel.lane;
                hand.waiting.entry(lane).or_default().push_front((origin, delivery));
            }
        }
        drop(hand);
        self.arrival.notify_one();
    }

    /// Acknowledges what the inbox has. Tags of an earlier connection mean nothing any more: the
    /// broker brings those parcels again, and the inbox knows them.
    pub(crate) async fn ack(&self, tags: &[u64]) {
        let acks = self.acks(tags);
        for (channel, number, multiple) in acks {
            let options = BasicAckOptions { multiple };
            let longest = self.settings.limits.connect_timeout;
            if ask("ack", longest, channel.basic_ack(number, options)).await.is_err() {
                // The connection is on its way out, and with it every ack that is left.
                return;
            }
        }
    }

    /// As few acknowledgements as possible: everything up to a number at once, where nothing in
    /// between is still open.
    fn acks(&self, tags: &[u64]) -> Vec<(Channel, u64, bool)> {
        let mut hand = self.hand();
        let mut numbers: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for tag in tags {
            if let Some((origin, _)) = hand.taken.remove(tag) {
                numbers.entry(origin.place).or_default().insert(origin.number);
            }
        }
        let mut acks = Vec::new();
        for (place, numbers) in numbers {
            let Some(place) = hand.places.get_mut(place) else { continue };
            let whole = numbers.iter().zip(&place.open).take_while(|(a, b)| a == b).count();
            let last = whole.checked_sub(1).and_then(|n| numbers.iter().nth(n)).copied();
            acks.extend(last.map(|last| (place.channel.clone(), last, whole > 1)));
            let single = numbers.iter().skip(whole);
            acks.extend(single.map(|number| (place.channel.clone(), *number, false)));
            place.open.retain(|number| !numbers.contains(number));
        }
        acks
    }

    /// What was dropped since the last asking.
    pub(crate) fn strays(&self) -> Vec<crate::Trouble> {
        std::mem::take(&mut *self.strays.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resolves when a parcel may have come.
    pub(crate) async fn arrival(&self) {
        self.arrival.notified().await;
    }

    /// Parcels at hand or taken and not acknowledged.
    pub(crate) fn open(&self) -> usize {
        self.hand().places.iter().map(|p| p.open.len()).sum()
    }

    /// Holds a connection until the carrier is no longer wanted.
    pub(crate) async fn supervise(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut waits = Waits::new(&self.settings, 2);
        let mut generations = BTreeMap::new();
        loop {
            let ended = self.hold(&mut waits, &mut generations, &mut stop).await;
            self.forget();
            let obstacle = match ended {
                Ended::Stopped => return,
                Ended::Planned => continue,
                Ended::Failed(obstacle) => obstacle,
            };
            let next = waits.after(&obstacle);
            self.state.down(Role::Consume, &obstacle, next);
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = sleep(next) => {}
            }
        }
    }

    fn forget(&self) {
        let mut hand = self.hand();
        let next_tag = hand.next_tag;
        *hand = Hand { next_tag, ..Hand::default() };
    }

    async fn hold(
        &self,
        waits: &mut Waits,
        generations: &mut BTreeMap<Part, u32>,
        stop: &mut watch::Receiver<bool>,
    ) -> Ended {
        let opened = tokio::select! {
            () = stopped(stop) => return Ended::Stopped,
            opened = self.open_line(generations) => opened,
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(obstacle) => return obstacle.into(),
        };
        let Opened { line, consumers, markers } = opened;
        let ended = self.watch(&line, consumers, &markers, generations, waits, stop).await;
        self.forget();
        if !matches!(ended, Ended::Failed(_)) {
            line.close().await;
        }
        ended
    }

    async fn open_line(&self, generations: &mut BTreeMap<Part, u32>) -> Result<Opened, Obstacle> {
        let line = connect(&self.settings, Role::Consume.word()).await?;
        exchange_stands(&self.settings, &line.channel().await?).await?;
        let mut consumers = Vec::new();
        for (place, part) in Part::ALL.into_iter().enumerate() {
            let known = generations.get(&part).copied().unwrap_or(1);
            let generation =
                in_force(&self.settings, &line, &self.settings.node, part, known).await?;
            generations.insert(part, generation);
            consumers.push(self.consume(&line, place, part, generation).await?);
        }
        let markers = line.channel().await?;
        Ok(Opened { line, consumers, markers })
    }

    /// Everything up to the consumer itself, which is asked for by the future given back.
    async fn consume(
        &self,
        line: &Line,
        place: usize,
        part: Part,
        generation: u32,
    ) -> Result<Asked<Stream>, Obstacle> {
        let limits = &self.settings.limits;
        let queue = self.settings.names.queue(&self.settings.node, part, generation);
        let channel = line.channel().await?;
        let qos = channel.basic_qos(limits.prefetch, BasicQosOptions::default());
        ask("prefetch", limits.connect_timeout, qos).await?;
        // The place stands before its first delivery can come.
        let open = BTreeSet::new();
        self.hand().places.push(Place { channel: channel.clone(), open });
        let tag = format!("{}.{part}", self.settings.node);
        Ok(async move {
            let options = BasicConsumeOptions::default();
            let asked = channel.basic_consume(
                queue.as_str().into(),
                tag.into(),
                options,
                FieldTable::default(),
            );
            let step = format!("consuming `{queue}`");
            let consumer = asked.await.map_err(|error| Obstacle::of(&step, &error))?;
            // The end of a stream is something to act on, and `SelectAll` would swallow it.
            let each = consumer.map(move |item| (place, Some(item)));
            Ok(each.chain(futures_util::stream::iter([(place, None)])).boxed())
        }
        .boxed())
    }

    /// Starts the consumers and takes what they bring. On a slow line an answer waits behind every
    /// delivery that was sent before it, so deliveries count as a sign of life: a timeout of its own
    /// would cut a line that works, have everything delivered again, and never come to an end.
    async fn watch(
        &self,
        line: &Line,
        consumers: Vec<Asked<Stream>>,
        markers: &Channel,
        generations: &BTreeMap<Part, u32>,
        waits: &mut Waits,
        stop: &mut watch::Receiver<bool>,
    ) -> Ended {
        let limits = &self.settings.limits;
        let mut starting: FuturesUnordered<_> = consumers.into_iter().collect();
        let mut incoming = SelectAll::new();
        let mut check = std::pin::pin!(Fuse::terminated());
        let mut events = std::pin::pin!(line.events());
        let mut look = tokio::time::interval(LOOK);
        let (mut watched, mut heard) = (Instant::now(), Instant::now());
        loop {
            let answered = tokio::select! {
                () = stopped(stop) => return Ended::Stopped,
                Some(started) = starting.next() => started.map(|stream| {
                    incoming.push(stream);
                    if starting.is_empty() {
                        self.state.set(Role::Consume, Condition::Up);
                        waits.up();
                    }
                }),
                Some((place, item)) = incoming.next() => self.incoming(place, item).await,
                replaced = &mut check => match replaced {
                    Ok(true) => return Ended::Planned,
                    Ok(false) => Ok(()),
                    Err(obstacle) => Err(obstacle),
                },
                event = events.next() => match event {
                    Some(Event::Error(error)) => Err(Obstacle::of("connection", &error)),
                    Some(_) => continue,
                    None => Err(Obstacle::new("bus.unreachable", "connection: closed")),
                },
                _ = look.tick() => {
                    let asking = !starting.is_empty() || !check.is_terminated();
                    if !line.alive() {
                        return Obstacle::new("bus.unreachable", "connection: lost").into();
                    }
                    if asking && heard.elapsed() > limits.connect_timeout {
                        return silent("consuming", limits.connect_timeout).into();
                    }
                    if !asking && watched.elapsed() >= limits.watch {
                        if line.outdated(&self.settings) {
                            return Ended::Planned;
                        }
                        (watched, heard) = (Instant::now(), Instant::now());
                        check.set(self.replaced(markers, generations).fuse());
                    }
                    continue;
                }
            };
            if let Err(obstacle) = answered {
                return obstacle.into();
            }
            heard = Instant::now();
        }
    }

    /// Whether one of the queues is no longer the one in force.
    async fn replaced(
        &self,
        channel: &Channel,
        generations: &BTreeMap<Part, u32>,
    ) -> Result<bool, Obstacle> {
        for (part, generation) in generations {
            let marker = self.settings.names.queue(&self.settings.node, *part, *generation);
            if !stands(asked_for(channel, marker).await)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn incoming(
        &self,
        place: usize,
        item: Option<lapin::Result<lapin::message::Delivery>>,
    ) -> Result<(), Obstacle> {
        let part = Part::ALL[place];
        let delivery = match item {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return Err(Obstacle::of(&format!("consuming {part}"), &error)),
            None => {
                let detail = format!("the broker ended the consumer of {part}: its queue is gone");
                return Err(Obstacle::new("bus.topology", detail));
            }
        };
        let number = delivery.delivery_tag;
        let (node, user) = (&self.settings.node, &self.settings.user);
        let fits = delivery.data.len() <= self.settings.limits.frame_bytes_max;
        // A frame that is too large is not kept, and its sender is told all the same.
        let frame: &[u8] = if fits { &delivery.data } else { &[] };
        let dead = part == Part::Dead;
        let read = outside::parcel(node, user, &delivery.properties, frame);
        match read {
            Ok(parcel) if dead || (fits && part == Part::Lane(parcel.lane)) => {
                let mut hand = self.hand();
                hand.next_tag += 1;
                let delivery = Delivery { tag: hand.next_tag, parcel, dead };
                let origin = Origin { place, number };
                if let Some(place) = hand.places.get_mut(place) {
                    place.open.insert(number);
                }
                let lane = delivery.parcel.lane;
                hand.waiting.entry(lane).or_default().push_back((origin, delivery));
                drop(hand);
                self.arrival.notify_one();
                Ok(())
            }
            Err(why) if dead => self.drop_unreadable(place, number, why).await,
            // Laid aside by the broker, to be taken from there.
            Ok(_) | Err(_) => self.lay_aside(place, number).await,
        }
    }

    async fn lay_aside(&self, place: usize, number: u64) -> Result<(), Obstacle> {
        let Some(channel) = self.channel(place) else { return Ok(()) };
        let reject = channel.basic_reject(number, BasicRejectOptions { requeue: false });
        ask("reject", self.settings.limits.connect_timeout, reject).await
    }

    /// Nothing in it can be attributed to anybody, so nobody can be asked. It is counted; whatever
    /// it was, its sender has no receipt and sends it again.
    async fn drop_unreadable(&self, place: usize, number: u64, why: &str) -> Result<(), Obstacle> {
        self.stray(why);
        let Some(channel) = self.channel(place) else { return Ok(()) };
        let ack = channel.basic_ack(number, BasicAckOptions::default());
        ask("ack", self.settings.limits.connect_timeout, ack).await
    }

    fn stray(&self, why: &str) {
        self.state.unreadable.fetch_add(1, Ordering::Relaxed);
        let (code, subject) = ("bus.unreadable", self.settings.names.dead_exchange());
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        if strays.len() < STRAYS_MAX {
            strays.push(crate::Trouble { code, subject, detail: why.to_owned() });
        }
        drop(strays);
        self.arrival.notify_one();
    }

    fn channel(&self, place: usize) -> Option<Channel> {
        self.hand().places.get(place).map(|p| p.channel.clone())
    }
}

/// The generation of a queue that is in force: the one whose marker stands.
pub(crate) async fn in_force(
    settings: &Settings,
    line: &Line,
    node: &NodeCode,
    part: Part,
    known: u32,
) -> Result<u32, Obstacle> {
    let names = &settings.names;
    let found = async |name: String| {
        // Asking for what is not there costs the channel.
        let channel = line.channel().await?;
        let stands = marked(settings, &channel, name).await;
        if matches!(stands, Ok(true)) {
            let close = channel.close(200, "OK".into());
            ask("channel close", settings.limits.connect_timeout, close).await?;
        }
        stands
    };
    if found(names.queue(node, part, known)).await? {
        return Ok(known);
    }
    if found(names.node(node)).await? {
        // Upwards from what is known, as a repair goes; then from the beginning, in case everything
        // was declared anew.
        for generation in (known + 1..=GENERATION_MAX).chain(1..known) {
            if found(names.queue(node, part, generation)).await? {
                return Ok(generation);
            }
        }
    }
    let queue = settings.names.queue(node, part, 1);
    Err(Obstacle::new(
        "bus.topology",
        format!("queue `{queue}` or a later one is not there; run `tiergate bus declare`"),
    ))
}

/// Whether a marker stands.
pub(crate) async fn marked(
    settings: &Settings,
    channel: &Channel,
    marker: String,
) -> Result<bool, Obstacle> {
    let longest = settings.limits.connect_timeout;
    match timeout(longest, asked_for(channel, marker)).await {
        Ok(answer) => stands(answer),
        Err(_) => Err(silent("marker", longest)),
    }
}

fn asked_for(channel: &Channel, marker: String) -> impl Future<Output = lapin::Result<()>> {
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(marker.into(), ExchangeKind::Fanout, options, FieldTable::default())
}

/// "Not there" is an answer.
fn stands(answer: lapin::Result<()>) -> Result<bool, Obstacle> {
    match answer.map_err(|error| Obstacle::of("marker", &error)) {
        Ok(()) => Ok(true),
        Err(obstacle) if obstacle.code == "bus.topology" => Ok(false),
        Err(obstacle) => Err(obstacle),
    }
}
