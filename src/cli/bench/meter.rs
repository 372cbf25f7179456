//! Wall time, CPU time and memory of this process.

use std::time::Instant;

use crate::os;

/// A running measurement.
pub(crate) struct Meter {
    wall: Instant,
    cpu: f64,
}

/// What one stage took.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Taken {
    /// Wall seconds.
    pub(crate) wall: f64,
    /// CPU seconds of all threads.
    pub(crate) cpu: f64,
}

impl Meter {
    /// Starts.
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: os::cpu_seconds() }
    }

    /// So far.
    pub(crate) fn taken(&self) -> Taken {
        Taken { wall: self.wall.elapsed().as_secs_f64(), cpu: os::cpu_seconds() - self.cpu }
    }
}
