//! One parser under libFuzzer: `FUZZ_TARGET` names it, `FUZZ_SEEDS` is a folder that its seeds are laid
//! into. Built for that by `run.sh`; built any other way it has nothing to do.
#![cfg_attr(fuzzing, no_main)]

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("built without instrumentation; run `make fuzz`");
    std::process::exit(2);
}

#[cfg(fuzzing)]
static RUN: std::sync::OnceLock<fn(&[u8])> = std::sync::OnceLock::new();

#[cfg(fuzzing)]
fn begin() {
    use tests::fuzz::targets::{TARGETS, warm};

    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a parser");
    let target = TARGETS.iter().find(|t| t.name == name);
    let target = target.unwrap_or_else(|| panic!("no parser `{name}`"));
    drop(warm());
    if let Ok(folder) = std::env::var("FUZZ_SEEDS") {
        for (n, seed) in (target.seeds)().into_iter().enumerate() {
            let file = std::path::Path::new(&folder).join(format!("seed-{n}"));
            std::fs::write(file, seed).expect("a folder for seeds");
        }
    }
    RUN.set(target.run).expect("begun once");
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(init: begin(), |bytes: &[u8]| {
    RUN.get().expect("begun")(bytes);
});
