//! Outlets: where records leave to a platform that does not run Tiergate.
//!
//! An outlet hands a record over and hears what the platform says; it keeps nothing itself and decides
//! nothing. Which platform it is, is data: a folder with the platform's format, the mapping to it, its
//! tables or calls and its answers ([`Target`]).

mod answers;
#[cfg(feature = "http")]
pub mod calls;
mod document;
#[cfg(feature = "sql")]
pub mod front_db;
mod message;
#[cfg(feature = "http")]
mod reply;
mod target;

use canon::Millis;

pub use answers::{AnswerClass, Answers};
pub use document::exinfo;
pub use message::{Made, Message, NotMade};
pub use target::{Target, TargetProblem};

use crate::source::BoxFuture;

/// What was heard of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The platform's word: what it means, and the word itself.
    Said(AnswerClass, String),
    /// The platform has it and has not said anything yet.
    Waiting,
    /// The platform does not know it.
    Absent,
    /// It left, and nothing was heard: perhaps the platform has it.
    Unknown(String),
    /// It surely did not leave.
    NotSent(String),
}

/// Why a platform could not be spoken to at all. Nothing left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outlet `{outlet}`: `{place}`: {detail}")]
pub struct OutletError {
    /// Which outlet.
    pub outlet: String,
    /// Table or address, never with a secret.
    pub place: String,
    /// Stable code: `platform.unreachable`, `platform.denied`, `platform.schema`.
    pub code: &'static str,
    /// The system's words.
    pub detail: String,
}

/// Speaks to one platform.
pub trait Outlet: Send {
    /// Hands records over, parents before children; one answer for each. The same message may come
    /// again after a crash.
    fn hand<'a>(
        &'a mut self,
        batch: &'a [Message],
        now: Millis,
    ) -> BoxFuture<'a, Result<Vec<Heard>, OutletError>>;

    /// Asks what became of records that were handed over, or perhaps were; one answer for each.
    /// [`Heard::Absent`] where it cannot ask: then they are handed over again under the same id.
    fn ask<'a>(
        &'a mut self,
        batch: &'a [Message],
        now: Millis,
    ) -> BoxFuture<'a, Result<Vec<Heard>, OutletError>>;

    /// How long after it took a record the platform is asked, ms.
    fn patience(&self) -> i64;
}
