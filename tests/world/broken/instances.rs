//! Several gateway processes share one node: each is killed, and their database.

use std::time::Duration;

use super::{Size, Sweep, proxied, stream};
use crate::world::flow::{Flow, Keeps, Origin, Plan};
use crate::world::process::Chance;
use crate::world::services::{Address, Private, Service};

/// Two instances of the origin and two of the destination. One of the four is killed again and
/// again: by turns it is started at once, and stays away until the other one does its work. Half way
/// the database dies under all of them.
pub async fn killed(size: Size, seed: u64) {
    let database = Private::start(Service::Postgres);
    let (_proxy, login) = proxied();
    let keeps = vec![Keeps::Postgres(Address::of(&database.url())); 2];
    let origins = vec![Origin::Drop, Origin::Database];
    let mut flow = Flow::new(Plan { keeps, instances: 2, origins, ..Plan::two(login) }).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.start_all();
    let (mut chance, mut longest) = (Chance(seed), Duration::ZERO);
    for kill in 0..size.times {
        for at in 0..=flow.top() {
            flow.until_shared(at, size.settle).await;
        }
        if kill == size.times / 2 {
            stream(&mut flow, Size { files: 1, ..size }).await;
            database.kill();
            flow.feed(size.rows).await;
            database.start_again();
        }
        stream(&mut flow, Size { files: 2, ..size }).await;
        let seats = flow.seats();
        let (at, instance) = seats[chance.below(seats.len() as u64) as usize];
        if kill.is_multiple_of(2) {
            longest = longest.max(flow.kill_until_taken_over(at, instance).await);
            stream(&mut flow, Size { files: 1, ..size }).await;
        } else {
            tokio::time::sleep(Duration::from_millis(chance.below(500))).await;
            flow.kill_instance(at, instance);
        }
        flow.start_instance(at, instance);
    }
    flow.until("`tiergate status` names the carrier of each instance", size.settle, async |flow| {
        let status = flow.status();
        (0..2).all(|n| status.matches(&format!("instance-{n}: carrier mq: carries")).count() == 2)
    })
    .await;
    println!("the work of a dead instance was taken over within {longest:?}");
    let fault = format!("one of two instances of each node killed {} times", size.times);
    flow.finish(&fault, size.settle).await;
}
