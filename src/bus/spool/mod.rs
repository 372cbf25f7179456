//! The carrier of signed files: for a one-way gate (网闸), a folder that somebody synchronises, or a
//! disk carried by hand. Outgoing parcels become files, incoming files become parcels.
//!
//! A gate may copy half a file, rename it, bring it twice, out of order or never. So every file says
//! itself what it is, how long and with which digest; nothing is believed of its name; and it leaves
//! the incoming side only once the inbox has what it brought.

#[cfg(feature = "spool")]
mod closing;
#[cfg(feature = "spool")]
pub mod disk;
#[cfg(feature = "spool")]
mod exchange;
#[cfg(feature = "spool")]
mod folder;
#[cfg(feature = "spool")]
mod form;
#[cfg(feature = "spool")]
mod inbound;
mod name;
#[cfg(feature = "spool")]
mod outbound;
#[cfg(feature = "spool")]
mod outside;
#[cfg(feature = "spool")]
mod spool_bus;
#[cfg(all(test, feature = "spool"))]
mod tests;
#[cfg(feature = "spool")]
mod xml;
#[cfg(feature = "spool")]
mod zipped;

use std::time::Duration;

#[cfg(feature = "spool")]
pub use self::{
    closing::Closing,
    exchange::{Exchange, Item},
    folder::Folder,
    form::{Reading, read, write},
    outside::{OUTSIDE_BYTES_MAX, Outside, Piece},
    spool_bus::{SpoolBus, SpoolLink},
};
pub use name::{NAME_DEFAULT, NAME_MAX, NAME_MIN, Named, Pattern, PatternFault};

/// Largest payload of one parcel (the frame, or the opened package in the form `xml`), bytes.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;
/// Largest file that is read, bytes.
pub const FILE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + (1 << 20);
/// Smallest `max_file`, bytes: an outside and a piece worth carrying.
pub const PIECE_FILE_MIN: usize = 16 << 10;
/// Most numbered parts of one parcel.
pub const PARTS_MAX: u32 = 9_999;
/// Most files looked at in one listing of an incoming folder.
pub const LIST_MAX: usize = 100_000;
/// Most new files opened in one look at an incoming folder.
pub const OPENED_MAX: usize = 512;
/// Most bytes of new files opened in one look, and most bytes handed out in one turn.
pub const TURN_BYTES_MAX: usize = 64 << 20;
/// Most files kept in each of `done/`, `bad/` and `carried/`; the oldest go first.
pub const DONE_FILES_MAX: usize = 10_000;
/// Issues remembered, so that a copy of what was taken is put away without a second look.
pub const REMEMBERED_MAX: usize = 20_000;

/// How a file is written. All of them are read, whatever is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The sealed frame between a line that says what it is and a line that ends it.
    #[default]
    Zst,
    /// The frame in a zip, with the same line as a file beside it.
    Zip,
    /// The opened package, for gates that must read what passes.
    Xml,
}

impl Form {
    /// The word in configuration, and the usual extension.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zst => "zst",
            Self::Zip => "zip",
            Self::Xml => "xml",
        }
    }
}

/// How one link writes its files, and how patient it is with those that come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How files are written.
    pub form: Form,
    /// Their names.
    pub name: Pattern,
    /// Largest file, bytes; a larger parcel goes in numbered parts.
    pub max_file: usize,
    /// Files a minute; 0 is no limit.
    pub files_per_minute: u32,
    /// Each file so often, under different names, for gates that lose some.
    pub repeat: u32,
    /// Files in `out/` above which nothing more is written: the gate takes none away.
    pub out_files_max: u64,
    /// How long an unfinished file, or a parcel with parts missing, is waited for before it is named.
    pub patience: Duration,
    /// Pause between two looks at the incoming side.
    pub poll: Duration,
    /// zstd level at which the form `xml` is compressed again.
    pub level: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            form: Form::Zst,
            name: Pattern::default(),
            max_file: FILE_BYTES_MAX,
            files_per_minute: 0,
            repeat: 1,
            out_files_max: 10_000,
            patience: Duration::from_secs(600),
            poll: Duration::from_secs(1),
            level: 1,
        }
    }
}
