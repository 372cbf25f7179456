//! Scenes in a real browser over the four nodes of `demo --serve`: what an administrator sees in the
//! morning, and what is done about it. One stage for all scenes, in their order; pictures of every page
//! in both languages are kept under `target/screenshots`.

#[path = "browser/scenes.rs"]
mod scenes;
#[path = "browser/stage.rs"]
mod stage;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use scenes::SCENES;
use stage::Stage;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|a| !a.starts_with('-'));
    let wanted: Vec<_> = SCENES
        .iter()
        .filter(|(name, _)| filter.is_none_or(|f| name.contains(f.as_str())))
        .collect();
    if arguments.iter().any(|a| a == "--list") {
        wanted.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", wanted.len());
    if wanted.is_empty() {
        println!("\ntest result: ok. 0 passed; 0 failed\n");
        return ExitCode::SUCCESS;
    }
    let stage = Stage::set();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut failed = 0;
    for (name, scene) in &wanted {
        // A scene that fails has said why; the next one has a browser of its own.
        let played = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(scene(&stage))));
        failed += usize::from(played.is_err());
        println!("test {name} ... {}", if played.is_ok() { "ok" } else { "FAILED" });
    }
    let passed = wanted.len() - failed;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
