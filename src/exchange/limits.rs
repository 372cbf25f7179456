//! The limits a node works under. Every one has a name, a unit and a default here; `config/` sets
//! them, `config/README.md` lists them.

/// Milliseconds in a second, a minute, a day.
pub const SECOND: i64 = 1000;
/// A minute in milliseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// A day in milliseconds.
pub const DAY: i64 = 24 * 60 * MINUTE;

/// Limits in force at one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Most records in one envelope.
    pub envelope_records_max: u32,
    /// Most body bytes in one envelope.
    pub envelope_bytes_max: u64,
    /// How long a staged record waits for company before it is sealed, ms.
    pub seal_delay: i64,
    /// zstd level of a sealed frame.
    pub compression_level: i32,
    /// Rows read from a source in one turn.
    pub page_rows_max: u32,
    /// Largest package a parcel may open to, bytes.
    pub package_bytes_max: usize,
    /// Parcels published in one turn of a link and lane.
    pub in_flight_max: u32,
    /// Bytes published in one turn of a link and lane.
    pub in_flight_bytes_max: u64,
    /// Parcels in the inbox above which nothing more is taken off the carrier.
    pub inbox_parcels_max: i64,
    /// Parcels a worker claims in one turn.
    pub claim_max: u32,
    /// Claims without an outcome after which a parcel is poison.
    pub poison_tries: u32,
    /// Attempts made while the peer was reachable, after which an envelope is dead.
    pub attempts_max: u32,
    /// Refusals in a row that pause a link.
    pub refusals_to_pause: u32,
    /// First wait of the retry schedule, ms.
    pub retry_min: i64,
    /// Longest wait of the retry schedule, ms.
    pub retry_max: i64,
    /// How long a receipt may take before it is overdue, ms.
    pub receipt_overdue: i64,
    /// How long after an inquiry the next one goes out, ms.
    pub inquiry_interval: i64,
    /// How long a gap in sequences is tolerated, ms.
    pub gap_grace: i64,
    /// How far ahead of this clock a head may be sealed, ms.
    pub clock_skew: i64,
    /// How long a record waits for a parent elsewhere, ms.
    pub parent_wait: i64,
    /// After a day's end, how long its window stays open, ms.
    pub close_grace: i64,
    /// How long a relay keeps bytes whose destination has not answered, ms.
    pub relay_keep: i64,
    /// How long settled control parcels are kept, ms.
    pub control_keep: i64,
    /// How long a lease lasts without renewal, ms.
    pub lease_ttl: i64,
    /// Refusals sent along one link in a minute.
    pub refusals_per_minute: u32,
    /// Records a second on one link and lane; 0 is no limit.
    pub records_per_second: u32,
    /// Bytes a second on one link and lane; 0 is no limit.
    pub bytes_per_second: u32,
    /// Days the owning unit gets for a returned row.
    pub return_days: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_records_max: 500,
            envelope_bytes_max: 4 << 20,
            seal_delay: 200,
            compression_level: 1,
            page_rows_max: 2000,
            package_bytes_max: 64 << 20,
            in_flight_max: 32,
            in_flight_bytes_max: 4 << 20,
            inbox_parcels_max: 256,
            claim_max: 16,
            poison_tries: 3,
            attempts_max: 1000,
            refusals_to_pause: 3,
            retry_min: 500,
            retry_max: 60 * SECOND,
            receipt_overdue: 30 * SECOND,
            inquiry_interval: 30 * SECOND,
            gap_grace: 2 * MINUTE,
            clock_skew: 10 * MINUTE,
            parent_wait: 7 * DAY,
            close_grace: 30 * MINUTE,
            relay_keep: 7 * DAY,
            control_keep: 7 * DAY,
            lease_ttl: 30 * SECOND,
            refusals_per_minute: 60,
            records_per_second: 0,
            bytes_per_second: 0,
            return_days: 3,
        }
    }
}
