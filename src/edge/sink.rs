//! Where kept records leave: the trait.

use canon::{Day, RecordId};
use serde::{Deserialize, Serialize};

use crate::error::SinkError;
use crate::source::BoxFuture;

/// Watermarks of one envelope: a record's is the envelope's ordinal times this, plus its position.
pub const POSITIONS: u64 = 1 << 20;

/// A kept record on its way out.
#[derive(Clone, Debug)]
pub struct KeptRecord<'a> {
    /// The caller's count of kept records; rises from record to record.
    pub watermark: u64,
    /// Which record and version.
    pub id: &'a RecordId,
    /// The sender's window.
    pub window: Day,
    /// The envelope that brought it.
    pub envelope: &'a str,
    /// Format and edition that it is written in.
    pub edition: &'a str,
    /// The version withdraws the record.
    pub void: bool,
    /// The exact bytes that were signed.
    pub fragment: &'a str,
}

/// Takes kept records.
pub trait Sink: Send {
    /// Takes records in rising watermark order. What was taken before is passed over, so that a batch
    /// may be given again after a crash. When it returns, all are durable.
    fn deliver<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Takes records that may have been taken before: a replay. What is there is written over by the
    /// same, the watermark never goes back.
    fn again<'a>(&'a mut self, batch: &'a [KeptRecord<'a>])
    -> BoxFuture<'a, Result<(), SinkError>>;

    /// The highest watermark that the place itself says it has; none where it cannot tell.
    fn reached(&mut self) -> BoxFuture<'_, Result<Option<u64>, SinkError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What the sink has changed about its place since it was last asked, for the audit.
    fn news(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Records that the place refused one by one, since it was last asked: they are not given again
    /// by themselves, and must be seen.
    fn set_aside(&mut self) -> Vec<SetAside> {
        Vec::new()
    }

    /// Another process may have delivered meanwhile: what is remembered of how far it is, is old.
    fn look_again(&mut self) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A record that a sink's place refuses while it takes the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Its watermark: from there it can be given again.
    pub watermark: u64,
    /// Type, key and version.
    pub record: String,
    /// The place's own code.
    pub code: String,
    /// The place's own words.
    pub text: String,
}
