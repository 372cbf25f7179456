//! The store: its database dies, its disk is full.

use std::path::{Path, PathBuf};

use super::{Size, Sweep, proxied, stream};
use crate::world::flow::{Flow, Keeps, Plan};
use crate::world::services::{Address, Private, Service};

/// SIGKILL of PostgreSQL in the middle, and a start; both nodes keep everything in it.
pub async fn killed(size: Size) {
    let database = Private::start(Service::Postgres);
    let (_proxy, login) = proxied();
    let keeps = vec![Keeps::Postgres(Address::of(&database.url())); 2];
    let mut flow = Flow::new(Plan { keeps, ..Plan::two(login) }).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.start_all();
    stream(&mut flow, size).await;
    flow.until_kept(1, size.settle).await;
    database.kill();
    stream(&mut flow, size).await;
    database.start_again();
    stream(&mut flow, size).await;
    flow.finish("PostgreSQL killed", size.settle).await;
}

/// The disk of the destination's store is full, then that of the origin's, each until it is freed.
pub async fn disk_full(size: Size) {
    let (_proxy, login) = proxied();
    let mut flow = Flow::new(Plan::two(login)).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    for at in 0..=flow.top() {
        flow.start_on_own_disk(at, size.disk);
    }
    stream(&mut flow, size).await;
    flow.until_kept(1, size.settle).await;
    for at in [flow.top(), 0] {
        let filler = fill(&flow.data(at));
        stream(&mut flow, size).await;
        flow.says(at, "full");
        stream(&mut flow, size).await;
        std::fs::remove_file(filler).expect("the filler");
        stream(&mut flow, size).await;
        flow.until_settled(size.settle).await;
    }
    flow.finish("disk full, then freed", size.settle).await;
}

/// The disk under both nodes' tables in PostgreSQL is full, until it is freed. Its log is on another
/// one: where that is full PostgreSQL ends by itself, which is [`killed`].
pub async fn postgres_disk_full(size: Size) {
    let database = Private::on_small_disk("96m");
    let (_proxy, login) = proxied();
    let keeps = vec![Keeps::Postgres(Address::of(&database.url())); 2];
    let mut flow = Flow::new(Plan { keeps, ..Plan::two(login) }).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.start_all();
    stream(&mut flow, size).await;
    flow.until_settled(size.settle).await;
    let filler = fill(&database.disk());
    stream(&mut flow, size).await;
    flow.says(0, "No space left on device");
    stream(&mut flow, size).await;
    assert!(flow.kept().await < flow.attempted(), "not everything found a place");
    std::fs::remove_file(filler).expect("the filler");
    stream(&mut flow, size).await;
    flow.finish("disk full under PostgreSQL, then freed", size.settle).await;
}

/// A file that takes what is left.
fn fill(folder: &Path) -> PathBuf {
    use std::io::Write as _;
    let path = folder.join("filler");
    let mut file = std::fs::File::create(&path).expect("a file");
    let mut piece = vec![1; 1 << 20];
    while !piece.is_empty() {
        // The last bytes in ever smaller pieces.
        if let Err(error) = file.write_all(&piece) {
            assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
            piece.truncate(piece.len() / 2);
        }
    }
    path
}
