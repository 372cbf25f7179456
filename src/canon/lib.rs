//! The canonical record: identities, digests, time, and formats compiled from annotated XSDs.
//!
//! Nothing here knows SQL, AMQP, files or the clock: sources of XSD text, the time and the code
//! tables in force are arguments.

pub mod codes;
pub mod digest;
pub mod format;
pub mod key;
mod lanes;
pub mod limits;
pub mod node;
pub mod prefix;
pub mod time;
pub mod violation;

pub use codes::{Code, code};
pub use digest::{Digest, DigestAlg, HashSum, leaf_hash, leaf_hashes};
pub use key::{Key, RecordId};
pub use node::{EnvelopeId, Environment, Lane, NodeCode, Route};
pub use prefix::{Prefix, key_place};
pub use time::{Day, Millis};
pub use violation::{Severity, Violation};
