//! Every story over the memory store, and with more deaths than over a file. `make chaos`; the suite has
//! them over SQLite, and the simulator is at home in memory.

#![expect(clippy::duplicate_mod, reason = "the stories are mounted once a store")]

#[path = "suite/exchange/over_memory.rs"]
mod over_memory;
