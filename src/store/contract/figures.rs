//! Counts over everything that was ever sent.

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn tries_and_times_of_answers_are_counted_by_link() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        assert!(county.store.link_paces().await.unwrap().iter().all(|p| p.attempts == 0));
        // One answered at once, one for each bound exactly, one later than all; one not at all.
        let waits: Vec<i64> =
            [0].into_iter().chain(ANSWERED_WITHIN).chain([ANSWERED_WITHIN[11] + 1]).collect();
        let cases: Vec<String> = (0..=waits.len()).map(|n| format!("C{n}")).collect();
        county.collect(t0(), cases.iter().map(|c| record("SB", c, 1)).collect()).await;
        let mut sent = Vec::new();
        for _ in &cases {
            sent.push(county.seal_some(&live(), 1, t0()).await);
        }
        county.attempt(true, &sent[0], OutEvent::NotConfirmed, t0()).await;
        for one in &sent {
            county.attempt(true, one, OutEvent::Confirmed, t0()).await;
        }
        for (n, wait) in waits.iter().enumerate() {
            county.settle(&sent[n], &[], &[id("SB", &cases[n], 1)], t0().plus(*wait)).await;
        }
        let paces = county.store.link_paces().await.unwrap();
        let up = paces.iter().find(|p| p.link == "up").unwrap();
        assert_eq!(up.attempts, sent.len() as u64 + 1);
        let mut answered = [1; ANSWERED_WITHIN.len() + 1];
        answered[0] = 2;
        assert_eq!(up.answered, answered);
        assert_eq!(up.answered_ms, waits.iter().sum::<i64>().unsigned_abs());
    });
}
