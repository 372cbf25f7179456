//! The publishing side: a connection of its own, held by a supervisor off the way of the requests.
//!
//! Publishing and consuming have a connection each, because a broker short of memory stops reading
//! from connections that publish, and acknowledgements must still get through.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Event, ExchangeKind, PublisherConfirm};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::connect::{Line, connect};
use super::obstacle::{Obstacle, ask};
use super::outside;
use super::settings::Settings;
use super::state::{Role, State};
use super::supervise::{Ended, LOOK, Waits, stopped};
use crate::{Condition, Confirmation, Parcel};

/// Hands parcels over.
pub(crate) struct Publisher {
    settings: Arc<Settings>,
    state: Arc<State>,
    /// One batch at a time: confirms are counted per channel.
    turn: tokio::sync::Mutex<()>,
    open: Mutex<Option<Open>>,
    /// What a batch found wrong with the connection.
    wrong: Mutex<Option<Obstacle>>,
    give_up: Notify,
    lines: AtomicU64,
}

/// A channel in confirm mode.
#[derive(Clone)]
struct Open {
    number: u64,
    channel: Channel,
    blocked: watch::Receiver<bool>,
}

impl Open {
    /// Resolves when the broker takes nothing for now.
    async fn until_blocked(&self) {
        let mut blocked = self.blocked.clone();
        if blocked.wait_for(|blocked| *blocked).await.is_err() {
            // The connection ended; its confirms say so.
            std::future::pending::<()>().await;
        }
    }
}

impl Publisher {
    pub(crate) fn new(settings: Arc<Settings>, state: Arc<State>) -> Self {
        Self {
            settings,
            state,
            turn: tokio::sync::Mutex::new(()),
            open: Mutex::default(),
            wrong: Mutex::default(),
            give_up: Notify::new(),
            lines: AtomicU64::new(0),
        }
    }

    /// Publishes all, then waits for all confirms. What cannot be handed over now is said at once.
    pub(crate) async fn publish(&self, parcels: &[Parcel]) -> Vec<Confirmation> {
        let _turn = self.turn.lock().await;
        let mut said = Vec::with_capacity(parcels.len());
        for batch in parcels.chunks(self.settings.limits.in_flight.max(1)) {
            said.extend(self.batch(batch).await);
        }
        said
    }

    async fn batch(&self, parcels: &[Parcel]) -> Vec<Confirmation> {
        let shut = |code| vec![Confirmation::Unreachable(code); parcels.len()];
        if let Some(code) = self.state.shut() {
            return shut(code);
        }
        let Some(open) = self.lock_open().clone() else { return shut("bus.unreachable") };
        let mut words = shut("bus.unconfirmed");
        let mut confirms = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            match self.hand_over(&open, parcel).await {
                Ok(confirm) => confirms.push(confirm),
                Err(code) => {
                    let rest = words.iter_mut().skip(confirms.len());
                    rest.for_each(|word| *word = Confirmation::Unreachable(code));
                    break;
                }
            }
        }
        self.settle(&open, parcels, confirms, &mut words).await;
        words
    }

    async fn hand_over(
        &self,
        open: &Open,
        parcel: &Parcel,
    ) -> Result<PublisherConfirm, &'static str> {
        let names = &self.settings.names;
        let key = names.key(&parcel.hop, crate::topology::Part::Lane(parcel.lane));
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let properties = outside::properties(parcel, &self.settings.user);
        let publish = open.channel.basic_publish(
            names.exchange().into(),
            key.into(),
            options,
            &parcel.frame,
            properties,
        );
        let longest = self.settings.limits.confirm_timeout;
        tokio::select! {
            biased;
            sent = timeout(longest, publish) => match sent {
                Ok(Ok(confirm)) => Ok(confirm),
                Ok(Err(error)) => {
                    self.gone(open, Obstacle::of("publish", &error));
                    Err("bus.unconfirmed")
                }
                Err(_) => {
                    self.gone(open, Obstacle::new("bus.unconfirmed", "publish: nothing was taken in time"));
                    Err("bus.unconfirmed")
                }
            },
            () = open.until_blocked() => Err("bus.blocked"),
        }
    }

    /// Waits for confirms; each one that comes gives the next its full time.
    async fn settle(
        &self,
        open: &Open,
        parcels: &[Parcel],
        confirms: Vec<PublisherConfirm>,
        words: &mut [Confirmation],
    ) {
        let longest = self.settings.limits.confirm_timeout;
        // The library hands a returned message out with the next confirm, which need not be its
        // own: it is known by its message id.
        let mut returned: BTreeSet<String> = BTreeSet::new();
        let count = confirms.len();
        for (at, confirm) in confirms.into_iter().enumerate() {
            let said = tokio::select! {
                biased;
                said = confirm => said,
                () = open.until_blocked() => {
                    let rest = words.iter_mut().take(count).skip(at);
                    rest.for_each(|word| *word = Confirmation::Unreachable("bus.blocked"));
                    break;
                }
                () = sleep_until(Instant::now() + longest) => {
                    let ms = longest.as_millis();
                    let detail = format!("a parcel was not confirmed within {ms} ms");
                    self.gone(open, Obstacle::new("bus.unconfirmed", detail));
                    break;
                }
            };
            let (word, message) = match said {
                Ok(lapin::Confirmation::Ack(message)) => (Confirmation::Confirmed, message),
                Ok(lapin::Confirmation::Nack(message)) => {
                    (Confirmation::Nacked("bus.full"), message)
                }
                Ok(lapin::Confirmation::NotRequested) => {
                    self.gone(
                        open,
                        Obstacle::new("bus.unconfirmed", "the channel does not confirm"),
                    );
                    break;
                }
                Err(error) => {
                    self.gone(open, Obstacle::of("confirm", &error));
                    break;
                }
            };
            if let Some(id) = message.as_ref().and_then(|m| m.properties.message_id().as_ref()) {
                returned.insert(id.to_string());
            }
            words[at] = word;
        }
        if returned.is_empty() {
            return;
        }
        for (parcel, word) in parcels.iter().zip(words) {
            if returned.contains(outside::message_id(&parcel.id.to_string())) {
                *word = Confirmation::Returned;
            }
        }
    }

    /// The connection is of no more use; the supervisor makes a new one.
    fn gone(&self, open: &Open, obstacle: Obstacle) {
        let mut now = self.lock_open();
        if now.as_ref().is_none_or(|o| o.number != open.number) {
            // The supervisor saw it first.
            return;
        }
        now.take();
        self.state.down(Role::Publish, &obstacle, std::time::Duration::ZERO);
        *self.wrong.lock().unwrap_or_else(PoisonError::into_inner) = Some(obstacle);
        self.give_up.notify_one();
    }

    fn lock_open(&self) -> std::sync::MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a connection until the carrier is no longer wanted.
    pub(crate) async fn supervise(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut waits = Waits::new(&self.settings, 1);
        loop {
            let ended = self.hold(&mut waits, &mut stop).await;
            self.lock_open().take();
            let obstacle = match ended {
                Ended::Stopped => return,
                Ended::Planned => continue,
                Ended::Failed(obstacle) => obstacle,
            };
            let next = waits.after(&obstacle);
            self.state.down(Role::Publish, &obstacle, next);
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = sleep(next) => {}
            }
        }
    }

    async fn hold(&self, waits: &mut Waits, stop: &mut watch::Receiver<bool>) -> Ended {
        let opened = tokio::select! {
            () = stopped(stop) => return Ended::Stopped,
            opened = self.open_line() => opened,
        };
        let (line, channel) = match opened {
            Ok(opened) => opened,
            Err(obstacle) => return obstacle.into(),
        };
        let events = line.events();
        let (blocks, blocked) = watch::channel(false);
        // A wish to give up was about an earlier connection.
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).take();
        let number = self.lines.fetch_add(1, Ordering::Relaxed);
        *self.lock_open() = Some(Open { number, channel: channel.clone(), blocked });
        self.state.set(Role::Publish, Condition::Up);
        waits.up();
        let ended = self.watch(&line, &channel, events, &blocks, stop).await;
        // Whoever is publishing finishes first, so that nothing is under way when it closes.
        let polite = !matches!(ended, Ended::Failed(_));
        self.lock_open().take();
        if polite {
            let _turn = self.turn.lock().await;
            line.close().await;
        }
        ended
    }

    async fn open_line(&self) -> Result<(Line, Channel), Obstacle> {
        let longest = self.settings.limits.connect_timeout;
        let line = connect(&self.settings, Role::Publish.word()).await?;
        let channel = line.channel().await?;
        let confirm = channel.confirm_select(ConfirmSelectOptions::default());
        ask("confirm mode", longest, confirm).await?;
        exchange_stands(&self.settings, &channel).await?;
        Ok((line, channel))
    }

    async fn watch(
        &self,
        line: &Line,
        channel: &Channel,
        events: impl futures_util::Stream<Item = Event>,
        blocks: &watch::Sender<bool>,
        stop: &mut watch::Receiver<bool>,
    ) -> Ended {
        let mut events = std::pin::pin!(events);
        let mut look = tokio::time::interval(LOOK);
        let mut watched = Instant::now();
        loop {
            tokio::select! {
                () = stopped(stop) => return Ended::Stopped,
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        self.state.set(Role::Publish, Condition::Blocked { reason });
                        blocks.send_replace(true);
                    }
                    Some(Event::ConnectionUnblocked) => {
                        if let Err(obstacle) = self.unblocked(channel).await {
                            return obstacle.into();
                        }
                        blocks.send_replace(false);
                        self.state.set(Role::Publish, Condition::Up);
                    }
                    Some(Event::Error(error)) => return Obstacle::of("connection", &error).into(),
                    Some(_) => {}
                    None => return Obstacle::new("bus.unreachable", "connection: closed").into(),
                },
                () = self.give_up.notified() => {
                    let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner).take();
                    // A wish without a reason was about an earlier connection.
                    if let Some(obstacle) = wrong {
                        return obstacle.into();
                    }
                }
                _ = look.tick() => {
                    if !line.alive() {
                        return Obstacle::new("bus.unreachable", "connection: lost").into();
                    }
                    if watched.elapsed() >= self.settings.limits.watch {
                        watched = Instant::now();
                        if line.outdated(&self.settings) {
                            return Ended::Planned;
                        }
                    }
                }
            }
        }
    }

    /// What was handed over while the broker read nothing is confirmed now, or the connection goes.
    async fn unblocked(&self, channel: &Channel) -> Result<(), Obstacle> {
        let longest = self.settings.limits.confirm_timeout;
        ask("confirms after blocking", longest, channel.wait_for_confirms()).await.map(drop)
    }
}

/// The exchange is there; its absence is said as what it is.
pub(crate) async fn exchange_stands(
    settings: &Settings,
    channel: &Channel,
) -> Result<(), Obstacle> {
    let exchange = settings.names.exchange();
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let asked = channel.exchange_declare(
        exchange.as_str().into(),
        ExchangeKind::Topic,
        options,
        FieldTable::default(),
    );
    ask("exchange", settings.limits.connect_timeout, asked).await.map_err(|obstacle| match obstacle
        .code
    {
        "bus.topology" => Obstacle::new(
            "bus.topology",
            format!("exchange `{exchange}` is not there; run `tiergate bus declare`"),
        ),
        _ => obstacle,
    })
}
