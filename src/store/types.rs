//! The facts a store takes and gives back.

mod collected;
mod inbound;
mod ledger;
mod outbound;
mod archive;
mod outlet;
mod restore;
mod settled;
mod share;
mod standing;

pub use collected::*;
pub use inbound::*;
pub use ledger::*;
pub use outbound::*;
pub use archive::*;
pub use outlet::*;
pub use restore::*;
pub use settled::*;
pub use share::*;
pub use standing::*;
