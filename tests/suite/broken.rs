//! Faults of the real broker and database, short: `make chaos` tells all of them, and longer.

use tests::world::broken::{
    SHORT, Size, broker, gateway, instances, login, network, queues, store,
};

#[tokio::test]
async fn a_killed_broker_loses_nothing() {
    broker::killed(SHORT).await;
}

#[tokio::test]
async fn a_broker_that_blocks_publishers_loses_nothing() {
    broker::blocking(SHORT).await;
}

#[tokio::test]
async fn a_deleted_queue_loses_nothing() {
    broker::queue_deleted(SHORT).await;
}

#[tokio::test]
async fn a_queue_without_a_leader_loses_nothing() {
    broker::queue_without_a_leader(SHORT).await;
}

#[tokio::test]
async fn reset_connections_lose_nothing() {
    network::reset(SHORT).await;
}

#[tokio::test]
async fn half_open_connections_lose_nothing() {
    network::half_open(SHORT).await;
}

#[tokio::test]
async fn a_broker_that_is_down_at_first_loses_nothing() {
    network::down_at_first(SHORT).await;
}

#[tokio::test]
async fn a_wrong_password_is_said_and_makes_no_storm() {
    login::password(SHORT).await;
}

#[tokio::test]
async fn an_expired_certificate_is_said_and_makes_no_storm() {
    login::certificate(SHORT).await;
}

#[tokio::test]
async fn a_gateway_killed_again_and_again_loses_nothing() {
    gateway::killed(SHORT, 7).await;
}

#[tokio::test]
async fn instances_killed_by_turns_lose_nothing() {
    instances::killed(Size { times: 2, ..SHORT }, 7).await;
}

#[tokio::test]
async fn a_killed_database_loses_nothing() {
    store::killed(SHORT).await;
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    store::disk_full(SHORT).await;
}

#[tokio::test]
async fn a_relay_of_closed_bodies_has_no_id_number_in_its_queues() {
    queues::closed(SHORT).await;
}

#[tokio::test]
async fn a_relay_in_the_clear_has_them_in_its_queues() {
    queues::clear(SHORT).await;
}
