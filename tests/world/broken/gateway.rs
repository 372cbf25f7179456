//! A gateway process is killed.

use super::{Size, Sweep, proxied, stream};
use crate::world::flow::{Flow, Plan};
use crate::world::process::Chance;

/// SIGKILL of one of four processes and its start, again and again.
pub async fn killed(size: Size, seed: u64) {
    let (_proxy, login) = proxied();
    let mut flow = Flow::new(Plan::four(login)).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.start_all();
    let mut chance = Chance(seed);
    for _ in 0..size.times {
        stream(&mut flow, Size { files: 2, ..size }).await;
        let at = chance.below(4) as usize;
        tokio::time::sleep(std::time::Duration::from_millis(chance.below(500))).await;
        flow.kill(at);
        flow.start(at);
    }
    flow.finish(&format!("a gateway killed {} times", size.times), size.settle).await;
}
