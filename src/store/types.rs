//! The facts a store takes and gives back.

mod account;
mod archive;
mod collected;
mod inbound;
mod ledger;
mod outbound;
mod outlet;
mod page;
mod restore;
mod settled;
mod share;
mod standing;
mod window;

pub use account::*;
pub use archive::*;
pub use collected::*;
pub use inbound::*;
pub use ledger::*;
pub use outbound::*;
pub use outlet::*;
pub use page::*;
pub use restore::*;
pub use settled::*;
pub use share::*;
pub use standing::*;
pub use window::*;
