//! The durability test: sixty kills of a real process of four nodes over the whole flow. `make chaos`.

/// Kills of one run.
const KILLS: u32 = 60;

#[tokio::test]
async fn sixty_kills_lose_nothing() {
    let seed = std::env::var("CHAOS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    println!("seed {seed} (CHAOS_SEED)");
    tests::world::process::killed(KILLS, seed).await;
}
