//! What is counted: every family with its kind and meaning. Names follow the conventions of Prometheus;
//! the rules and the dashboard in `deploy/` use no other.

/// What every name begins with.
pub(super) const PREFIX: &str = "tiergate_";

/// How a family's values move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises while the store lives.
    Counter,
    /// Rises and falls.
    Gauge,
    /// How many lasted how long.
    Histogram,
}

impl Kind {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name, without `tiergate_`.
    pub name: &'static str,
    /// How its values move.
    pub kind: Kind,
    /// What it is.
    pub help: &'static str,
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, help }
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Histogram, help }
}

/// Every family.
pub const FAMILIES: &[Family] = &[
    gauge("build_info", "The program's version; always 1."),
    gauge(
        "ready",
        "1 if the store answers, the node has not stopped itself and this process has work.",
    ),
    gauge("needs_a_person", "Things that somebody has to do something about."),
    gauge("records", "Own records by the one place where each is."),
    gauge("kept_records", "Records of others that are kept here."),
    counter("judged_envelopes_total", "Envelopes of others that were judged here."),
    gauge("inbox_parcels", "Parcels that arrived and were not dealt with yet."),
    counter("refused_parcels_total", "Parcels that were set aside: they did not verify."),
    gauge("control_queued", "Receipts, manifests and inquiries that are not sealed yet."),
    gauge("link_due_records", "Records that wait to be handed to the carrier of a link."),
    gauge("link_in_flight_records", "Records handed over and without a receipt yet."),
    gauge("link_unknown_records", "Records whose receipt is overdue."),
    gauge("link_dead_records", "Records in envelopes that were given up: somebody has to decide."),
    gauge("link_oldest_age_seconds", "How long the oldest record waits on a link; 0 if none does."),
    gauge(
        "link_still_seconds",
        "How long nothing has moved on a link though something waits; 0 if it moves.",
    ),
    gauge("link_paused", "1 if somebody has paused the link."),
    gauge("link_last_receipt_timestamp_seconds", "When the last verified receipt came by a link."),
    counter("receipts_total", "Records answered by a verified receipt, by link and outcome."),
    counter(
        "attempts_total",
        "Envelopes of records handed to the carrier of a link, every try counted.",
    ),
    histogram(
        "link_acknowledgement_seconds",
        "From the number an envelope got to its verified receipt, by link.",
    ),
    counter("adapter_rows_read_total", "Rows read from a source."),
    counter("adapter_rows_unchanged_total", "Of these, rows that had not changed."),
    counter("adapter_records_total", "Records that a source gave."),
    counter("adapter_quarantined_total", "Rows and records of a source that were not valid."),
    gauge("adapter_write_backs", "Answers that wait to be written back to a source."),
    gauge("adapter_paused", "1 if an adapter is held, by somebody or by a guard."),
    gauge("adapter_last_page_timestamp_seconds", "When the last page of a source was committed."),
    gauge(
        "quarantine_records",
        "Problem data held here or returned to its unit, by rule; at most 10000 entries are looked at.",
    ),
    gauge(
        "certificate_expiry_seconds",
        "How long a certificate still holds; negative after its end.",
    ),
    gauge("certificate_expiry_timestamp_seconds", "When a certificate ends."),
    counter("audit_events_total", "Lines of the audit chain."),
    gauge("alerts", "Alerts that stand, by kind."),
    gauge(
        "alert_channel_failures",
        "Messages in a row that a channel did not take; 0 when it does.",
    ),
    gauge("disk_free_bytes", "Free bytes where the node keeps its facts."),
    gauge("disk_days_left", "Days until they are used up, as they were used over the last week."),
];
