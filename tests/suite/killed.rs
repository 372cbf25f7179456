//! The durability test, short: `make chaos` is the long one.

#[tokio::test]
async fn five_kills_of_a_running_process_lose_nothing() {
    tests::world::process::killed(5, 7).await;
}
