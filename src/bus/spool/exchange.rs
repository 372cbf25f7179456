//! What a gate moves: the files of a folder, or the rows of a table. The carrier above knows neither.

use crate::BusFuture;

/// Something on the incoming side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name there; unique, and good for nothing else.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Changes whenever the content may have.
    pub stamp: u128,
    /// A plain file or row. Anything else (a link, a folder, a device) is never opened.
    pub plain: bool,
}

/// One place where parcels are laid for a gate and where a gate lays them.
///
/// Every method either did what it says or changed nothing that matters: it may be asked again.
pub trait Exchange: Send + Sync {
    /// Puts files on the outgoing side, whole and durable. A name that is there is replaced: it
    /// holds the same.
    fn put(&self, files: Vec<(String, Vec<u8>)>) -> BusFuture<'_, ()>;

    /// How many files the gate has not taken away yet.
    fn waiting(&self) -> BusFuture<'_, u64>;

    /// What lies on the incoming side, at most [`super::LIST_MAX`].
    fn list(&self) -> BusFuture<'_, Vec<Item>>;

    /// The bytes of an incoming file, at most `max + 1`; none if it is gone.
    fn read<'a>(&'a self, name: &'a str, max: usize) -> BusFuture<'a, Option<Vec<u8>>>;

    /// Files whose parcel the inbox has: away from the incoming side, all of them, also if the
    /// process dies in the middle.
    fn finish(&self, names: Vec<String>) -> BusFuture<'_, ()>;

    /// A file that no parcel can be made of: away from the incoming side, kept for a person.
    fn set_aside<'a>(&'a self, name: &'a str) -> BusFuture<'a, ()>;
}
