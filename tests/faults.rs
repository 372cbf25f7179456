//! Every fault of the real broker and database, long. `make chaos`; the suite has short versions.

use tests::world::broken::{LONG, broker, gateway, instances, login, network, store};

fn seed() -> u64 {
    let seed = std::env::var("CHAOS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    println!("seed {seed} (CHAOS_SEED)");
    seed
}

#[tokio::test]
async fn broker_killed() {
    broker::killed(LONG).await;
}

#[tokio::test]
async fn broker_stopped_for_a_minute() {
    broker::frozen(LONG).await;
}

#[tokio::test]
async fn broker_blocks_publishers() {
    broker::blocking(LONG).await;
}

#[tokio::test]
async fn queue_deleted() {
    broker::queue_deleted(LONG).await;
}

#[tokio::test]
async fn queue_without_a_leader() {
    broker::queue_without_a_leader(LONG).await;
}

#[tokio::test]
async fn network_reset() {
    network::reset(LONG).await;
}

#[tokio::test]
async fn network_half_open() {
    network::half_open(LONG).await;
}

#[tokio::test]
async fn network_slow() {
    network::slow(LONG).await;
}

#[tokio::test]
async fn broker_down_at_the_first_connect() {
    network::down_at_first(LONG).await;
}

#[tokio::test]
async fn wrong_password() {
    login::password(LONG).await;
}

#[tokio::test]
async fn expired_certificate() {
    login::certificate(LONG).await;
}

#[tokio::test]
async fn expired_certificate_of_the_broker() {
    login::broker_certificate(LONG).await;
}

#[tokio::test]
async fn gateway_killed_twenty_times() {
    gateway::killed(LONG, seed()).await;
}

#[tokio::test]
async fn instances_killed_twenty_times() {
    instances::killed(LONG, seed()).await;
}

#[tokio::test]
async fn database_killed() {
    store::killed(LONG).await;
}

#[tokio::test]
async fn postgres_disk_full() {
    store::postgres_disk_full(LONG).await;
}

#[tokio::test]
async fn disk_full() {
    store::disk_full(LONG).await;
}
