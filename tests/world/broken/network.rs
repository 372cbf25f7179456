//! The network between the nodes and the broker.

use std::time::Duration;

use super::{Size, Sweep, proxied, stream};
use crate::world::flow::{Flow, Plan};
use crate::world::proxy::Mode;

/// Every connection is reset, again and again.
pub async fn reset(size: Size) {
    let (proxy, login) = proxied();
    let mut flow = Flow::new(Plan::two(login)).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.start_all();
    for _ in 0..size.times {
        stream(&mut flow, size).await;
        proxy.cut();
    }
    flow.finish("network cut, reset", size.settle).await;
}

/// Half-open: connections stand and nothing arrives, for longer than anybody waits.
pub async fn half_open(size: Size) {
    let (proxy, login) = proxied();
    let mut flow = Flow::new(Plan::two(login)).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.start_all();
    stream(&mut flow, size).await;
    flow.until_kept(1, size.settle).await;
    let before = proxy.connections();
    proxy.set(Mode::Silent);
    stream(&mut flow, size).await;
    // Both sides of both nodes notice by themselves and try anew.
    flow.until("dead connections are given up", size.settle, async |_| {
        proxy.connections() >= before + 4
    })
    .await;
    tokio::time::sleep(size.pause).await;
    proxy.set(Mode::Pass);
    stream(&mut flow, size).await;
    flow.finish("network cut, half-open", size.settle).await;
}

/// Everything is late, in both directions.
pub async fn slow(size: Size) {
    let (proxy, login) = proxied();
    let mut flow = Flow::new(Plan::two(login)).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.start_all();
    proxy.set(Mode::Slow(Duration::from_millis(200)));
    stream(&mut flow, size).await;
    flow.finish("slow network", size.settle).await;
}

/// Nobody is there when the nodes come up.
pub async fn down_at_first(size: Size) {
    let (proxy, login) = proxied();
    let mut flow = Flow::new(Plan::two(login)).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    let before = proxy.connections();
    proxy.set(Mode::Refuse);
    flow.start_all();
    stream(&mut flow, size).await;
    flow.until("they try, and try again", size.settle, async |_| proxy.connections() >= before + 8)
        .await;
    assert_eq!(flow.kept().await, 0);
    proxy.set(Mode::Pass);
    flow.finish("broker down at the first connect", size.settle).await;
}
