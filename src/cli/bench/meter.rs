//! Wall time, CPU time and memory of this process.

use std::time::Instant;

use crate::os;

/// A running measurement.
pub(crate) struct Meter {
    wall: Instant,
    cpu: f64,
    whose: Whose,
}

/// Whose CPU time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This process's.
    Process,
    /// The machine's: a broker and a database beside this process do part of the work.
    Machine,
}

impl Whose {
    fn seconds(self) -> f64 {
        match self {
            Self::Process => os::cpu_seconds(),
            Self::Machine => os::machine_cpu_seconds(),
        }
    }
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
    /// Starts, over this process.
    pub(crate) fn start() -> Self {
        Self::over(Whose::Process)
    }

    /// Starts.
    pub(crate) fn over(whose: Whose) -> Self {
        Self { wall: Instant::now(), cpu: whose.seconds(), whose }
    }

    /// So far.
    pub(crate) fn taken(&self) -> Taken {
        Taken { wall: self.wall.elapsed().as_secs_f64(), cpu: self.whose.seconds() - self.cpu }
    }
}
