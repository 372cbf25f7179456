//! Bodies of the control kinds: each a small fragment of `urn:tiergate:control:1`, described by
//! `schemas/control/1/control.xsd`. Receipts' outcomes are in [`crate::outcome`].

mod authority;
mod hop;
mod inquiry;
mod manifest;
mod narrow;
mod notice;
mod quality;
mod restored;
mod vouched;

pub use authority::AuthorityPart;
pub use hop::{Hop, Refusal, Stage};
pub use inquiry::{Answer, HeldState, Inquiry, KeyVersion};
pub use manifest::{Counts, ManifestLine, Side};
pub use narrow::{
    DifferenceRow, LISTED_MAX, Listed, NAMED_MAX, Named, NamedRow, Names, Narrow, Narrowed,
    Question, Stated, Sum, half,
};
pub use notice::Notice;
pub use quality::QualityNotice;
pub use restored::{Holding, JudgedPage, JudgedPart, JudgedRow, Recall, Recalled};
pub use vouched::VouchedFor;

/// Edition of the control bodies, as control routes and heads name it.
pub const EDITION: &str = "control/1";
/// Namespace of the control bodies.
pub const NAMESPACE: &str = "urn:tiergate:control:1";

/// Reads one fragment whose root is `$name`, then holds it against what would be written.
macro_rules! strict_read {
    ($fragment:expr, $name:literal, $read:expr) => {{
        let mut scan = crate::wire::Scan::new($fragment);
        scan.literal(concat!("<", $name, " xmlns=\"urn:tiergate:control:1\">"), $name)?;
        let body = $read(&mut scan)?;
        scan.literal(concat!("</", $name, ">"), $name)?;
        scan.end()?;
        crate::wire::exact($fragment, &body.write())?;
        Ok(body)
    }};
}
pub(crate) use strict_read;

/// Writes one fragment whose root is `$name`.
macro_rules! strict_write {
    ($name:literal, $write:expr) => {{
        let mut w = crate::wire::Writer::with_capacity(512);
        w.raw(concat!("<", $name, " xmlns=\"urn:tiergate:control:1\">"));
        $write(&mut w);
        w.raw(concat!("</", $name, ">"));
        w.finish()
    }};
}
pub(crate) use strict_write;
