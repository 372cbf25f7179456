//! The four tiers of the demo.

use canon::NodeCode;

use crate::text::Lang;

/// One of the four nodes, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// A township's service window.
    Township,
    /// A county with an approval system.
    County,
    /// A city: relays, and keeps a copy of the county's.
    City,
    /// The province's platform.
    Province,
}

impl Tier {
    /// All, lowest first.
    pub(crate) const ALL: [Self; 4] = [Self::Township, Self::County, Self::City, Self::Province];
    /// Those that collect.
    pub(crate) const SENDERS: [Self; 2] = [Self::Township, Self::County];

    /// Its folder.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Township => "township",
            Self::County => "county",
            Self::City => "city",
            Self::Province => "province",
        }
    }

    /// Its code, as in `config/demo`.
    pub(crate) fn code(self) -> NodeCode {
        let code = match self {
            Self::Township => "town-990103101",
            Self::County => "county-990103",
            Self::City => "city-990100",
            Self::Province => "province-990000",
        };
        NodeCode::new(code).expect("these are legal codes")
    }

    /// The region it speaks for: a code covers those that begin with it.
    pub(crate) const fn region(self) -> &'static str {
        match self {
            Self::Township => "990103101",
            Self::County => "990103",
            Self::City => "9901",
            Self::Province => "99",
        }
    }

    /// What people call it.
    pub(crate) fn title(self, lang: Lang) -> &'static str {
        match self {
            Self::Township => lang.of("township", "乡镇"),
            Self::County => lang.of("county", "县"),
            Self::City => lang.of("city", "市"),
            Self::Province => lang.of("province", "省平台"),
        }
    }
}
