//! S1 under any course of events: every collected record is in exactly one place.

use std::collections::BTreeMap;

use canon::{EnvelopeId, HashSum, Lane, Millis, NodeCode, RecordId};

use super::office::*;
use super::provider::run;
use crate::*;

/// SplitMix64: chance that can be had again.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let n = from.len() as u64;
        (n > 0).then(|| &from[self.below(n) as usize])
    }
}

/// One course of events.
struct Course {
    chance: Chance,
    county: Office,
    now: Millis,
    /// Next version of each record at each destination.
    versions: BTreeMap<(String, String, String), u32>,
    collected: Vec<(RecordId, NodeCode)>,
    rows: u64,
    sent: Vec<(EnvelopeId, Vec<RecordId>)>,
}

impl Course {
    fn next_version(&mut self, to: &str, kind: &str, case: &str) -> u32 {
        let of = (to.into(), kind.into(), case.into());
        let version = self.versions.entry(of).or_default();
        *version += 1 + u32::from(self.chance.below(8) == 0);
        *version
    }

    /// A page of up to eight records of few cases, children before and after their parents.
    async fn collect(&mut self) {
        let to = if self.chance.below(3) == 0 { "city" } else { "province" };
        let route = route(to, if self.chance.below(5) == 0 { Lane::Bulk } else { Lane::Live });
        let mut records = Vec::new();
        let mut quarantined = Vec::new();
        for _ in 0..=self.chance.below(7) {
            let case = format!("C{}", self.chance.below(12));
            let kind = if self.chance.below(2) == 0 { "SB" } else { "SL" };
            let version = self.next_version(to, kind, &case);
            self.collected.push((id(kind, &case, version), node(to)));
            let from = |record| from_row(record, &format!("row {case}"));
            if self.chance.below(6) == 0 {
                self.rows += 1;
                let row = format!("bad {}", self.rows);
                let bad = bad_row(&row, Some(id(kind, &case, version)), self.now);
                quarantined.push(NewQuarantine { route: route.clone(), ..bad });
            } else if kind == "SB" {
                records.push(from(record(kind, &case, version)));
            } else {
                records.push(from(child(kind, &case, version)));
            }
        }
        let chunks = vec![chunk(&route, self.now, records)];
        let page = Collected { quarantined, ..page("c", self.now, chunks) };
        self.county.store.commit_collected(&self.county.lease, page).await.unwrap();
    }

    async fn seal(&mut self) {
        let mut routes = self.county.store.staged_routes().await.unwrap();
        routes.sort();
        let Some((route, ..)) = self.chance.pick(&routes) else { return };
        let max = 1 + self.chance.below(6) as u32;
        let envelope = self.county.next_envelope(route, max).await;
        let Consumes::Staged(batch) = &envelope.consumes else { return };
        let members = self.names(batch);
        let sent = self.county.seal_this(envelope, self.now).await;
        self.sent.push((sent, members));
    }

    /// Record ids of a batch: the digests tell.
    fn names(&self, batch: &StagedBatch) -> Vec<RecordId> {
        let by_digest: BTreeMap<canon::Digest, &RecordId> = self
            .collected
            .iter()
            .map(|(id, _)| (record(&id.kind, &id.key.number(), id.version).digest, id))
            .collect();
        batch.records.iter().map(|r| by_digest[&r.digest].clone()).collect()
    }

    async fn settle(&mut self) {
        let Some((sent, members)) = self.chance.pick(&self.sent).cloned() else { return };
        let mut exceptions = Vec::new();
        for position in 0..members.len() as u32 {
            let outcome = match self.chance.below(8) {
                0 => FinalOutcome::Superseded,
                1 => FinalOutcome::Rejected,
                2 if &*members[position as usize].kind == "SL" => FinalOutcome::ParentMissing,
                _ => continue,
            };
            exceptions.push((position, outcome));
        }
        let mut s = self.county.settlement(&sent, &exceptions, &members, self.now).await;
        for exception in &mut s.not_accepted {
            if let Some(again) = &mut exception.again {
                again.source_row = Some(format!("row {}", exception.id.key.number()).into());
            }
        }
        if self.chance.below(8) == 0 {
            s.event = OutEvent::Declining;
            s.reason = Some("receiver.route_closed".into());
            s.not_accepted.clear();
            s.counts.clear();
        }
        s.rows = (0..)
            .zip(&members)
            .map(|(position, id)| RowOutcome {
                adapter: "county".into(),
                row: format!("row {}", id.key.number()).into(),
                outcome: match s.event {
                    OutEvent::Declining => Some(FinalOutcome::Rejected),
                    _ => exceptions.iter().find(|(p, _)| *p == position).map(|(_, o)| *o),
                },
                text: "text".into(),
            })
            .collect();
        self.county.store.commit_settled(&self.county.lease, s).await.unwrap();
    }

    /// Drains some write-backs.
    async fn drain(&mut self) {
        let due = self.county.store.write_backs("county", self.now, 3).await.unwrap();
        let mut done = Vec::new();
        for WriteBackDue { row, flag, .. } in due {
            let failed = self.chance.below(3) == 0;
            let failed = failed.then(|| ("locked".to_owned(), self.now.plus(HOUR)));
            done.push(WriteBackDone { row, flag, failed });
        }
        self.county.store.commit_write_backs("county", done, self.now).await.unwrap();
    }

    async fn event(&mut self) {
        let Some((sent, _)) = self.chance.pick(&self.sent).cloned() else { return };
        match self.chance.below(8) {
            0 => self.county.attempt(true, &sent, OutEvent::Confirmed, self.now).await,
            1 => self.county.attempt(true, &sent, OutEvent::NotConfirmed, self.now).await,
            2 => self.county.attempt(true, &sent, OutEvent::GivenUp, self.now).await,
            n => {
                let event = [
                    OutEvent::Overdue,
                    OutEvent::Refused,
                    OutEvent::Resend,
                    OutEvent::Reopened,
                    OutEvent::GivenUp,
                ][n as usize - 3];
                self.county.event(&sent, event, self.now).await;
            }
        }
    }

    async fn act(&mut self) {
        let problems = self.county.problems().await;
        let Some(problem) = self.chance.pick(&problems) else { return };
        let action = match self.chance.below(3) {
            0 => ProblemAction::Return { deadline: self.now.plus(HOUR) },
            1 => ProblemAction::Resubmit,
            _ => ProblemAction::Void,
        };
        self.county.act(&[problem.number], action, self.now).await;
    }

    async fn step(&mut self) {
        self.now = self.now.plus(self.chance.below(30) as i64 * MINUTE);
        match self.chance.below(11) {
            0..=2 => self.collect().await,
            3 | 4 => self.seal().await,
            5 | 6 => self.settle().await,
            7 => self.event().await,
            8 => self.act().await,
            9 => self.drain().await,
            _ => drop(self.county.store.release_waiting(self.now, 5).await.unwrap()),
        }
    }

    /// Every record in one place; the places, the tallies and the sums are those of the records.
    async fn check(&self) {
        let census = self.county.assert_conserved().await;
        let mut places = [0; 10];
        let mut sum = HashSum::default();
        for (id, to) in &self.collected {
            let place = self.county.store.place(id, to).await.unwrap();
            let place = place.unwrap_or_else(|| panic!("{id} to {to} is lost"));
            places[place as usize] += 1;
            if matches!(place, Place::Accepted | Place::Superseded) {
                sum.merge(&sum_of([id]));
            }
        }
        assert_eq!(places, census);
        let mut tallied = [0; 10];
        let mut tallied_sum = HashSum::default();
        for day in t0().day().0..=self.now.day().0 {
            for tally in self.county.store.tallies(canon::Day(day)).await.unwrap() {
                assert_eq!(tally.collected, tally.places.iter().sum::<u64>());
                tallied.iter_mut().zip(tally.places).for_each(|(a, b)| *a += b);
                tallied_sum.merge(&tally.sum.parse().unwrap());
            }
        }
        assert_eq!(tallied, census);
        assert_eq!(tallied_sum, sum);
    }
}

impl Course {
    async fn start(county: Office, seed: u64) -> Self {
        Self {
            chance: Chance(seed),
            county,
            now: t0(),
            versions: BTreeMap::new(),
            collected: Vec::new(),
            rows: 0,
            sent: Vec::new(),
        }
    }

    /// All that the store says of itself, less its own numbers.
    async fn view(&self) -> String {
        let s = &self.county.store;
        let mut text = String::new();
        let mut say = |what: String| {
            text.push_str(&what);
            text.push('\n');
        };
        for day in t0().day().0..=self.now.day().0 {
            let mut tallies = s.tallies(canon::Day(day)).await.unwrap();
            tallies.sort_by_key(|t| (t.route.clone(), t.kind.clone()));
            say(format!("{tallies:?}"));
        }
        let mut routes = s.staged_routes().await.unwrap();
        routes.sort();
        for (route, ..) in &routes {
            let batch = s.staged_batch(route, 100, 1 << 20).await.unwrap().unwrap();
            say(format!("{route} {} {}", batch.day, batch.oldest));
            for (id, staged) in self.names(&batch).iter().zip(&batch.records) {
                say(format!("{id} {:?} {}", staged.source_row, staged.orphan));
            }
        }
        for lane in [Lane::Live, Lane::Bulk] {
            for to in ["province", "city"] {
                say(format!("{:?}", s.counters(&route(to, lane)).await.unwrap()));
            }
            let due = self.county.due(lane, self.now).await;
            let due: Vec<_> = due.iter().map(|d| (&d.id, d.attempts, d.since)).collect();
            say(format!("{due:?}"));
        }
        let overdue = s.overdue(self.now, 100).await.unwrap();
        say(format!("{:?}", overdue.iter().map(|o| &o.id).collect::<Vec<_>>()));
        say(format!("{:?}", s.write_backs("county", self.now, 100).await.unwrap()));
        for mut problem in self.county.problems().await {
            problem.number = 0;
            say(format!("{problem:?}"));
        }
        for (id, to) in &self.collected {
            say(format!("{id} {to} {:?}", s.place(id, to).await.unwrap()));
        }
        for (sent, _) in &self.sent {
            say(format!("{:?}", s.outbound(sent).await.unwrap()));
        }
        say(format!("{:?}", s.status().await.unwrap()));
        text
    }
}

#[test]
fn every_record_is_in_exactly_one_place_whatever_happens() {
    for seed in 0..12 {
        run(async |bench| {
            let mut course = Course::start(Office::open(&bench, "county").await, seed).await;
            for n in 0..120 {
                course.step().await;
                course.county.assert_conserved().await;
                if n % 20 == 0 {
                    course.check().await;
                }
            }
            course.check().await;
        });
    }
}

#[test]
fn every_back_end_says_the_same_after_the_same_course() {
    for seed in 100..108 {
        run(async |bench| {
            let memory = MemoryStore::new(&node("county")).shared();
            let memory = Office::of(memory, node("county")).await;
            let mut expected = Course::start(memory, seed).await;
            let mut course = Course::start(Office::open(&bench, "county").await, seed).await;
            for n in 0..100 {
                expected.step().await;
                course.step().await;
                if n % 5 == 0 {
                    let (a, b) = (expected.view().await, course.view().await);
                    let differs = a.lines().zip(b.lines()).find(|(a, b)| a != b);
                    assert_eq!(differs, None, "seed {seed}, step {n}");
                    assert_eq!(a.lines().count(), b.lines().count());
                }
            }
        });
    }
}
