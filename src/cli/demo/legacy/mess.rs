//! The usual mess of legacy data, planted at low rates, each kind at least once.

use super::chance::Dice;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $zh:literal;)+) => {
        /// A kind of mess.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Mess { $($(#[$doc])* $name),+ }
        impl Mess {
            /// Every kind.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];
            /// English.
            pub(crate) const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
            /// Chinese.
            pub(crate) const fn zh(self) -> &'static str {
                match self { $(Self::$name => $zh),+ }
            }
        }
    };
}

kinds! {
    /// A code that no table has.
    WrongCode = "wrong_code", "代码错误";
    /// A mandatory field left empty.
    MissingField = "missing_field", "必填项缺失";
    /// A citizen number with a wrong check digit.
    BadCitizenId = "bad_citizen_id", "身份证号校验位错误";
    /// Accepted the day before it was applied for.
    AcceptedBeforeApplied = "accepted_before_applied", "受理时间早于申请时间";
    /// A text longer than any format takes.
    OverLong = "over_long", "文字超长";
    /// An item that no list has.
    UnknownItem = "unknown_item", "事项编码不在目录";
    /// The same case entered twice.
    DuplicateCase = "duplicate_case", "重复录入";
    /// Corrected later by the clerk.
    ChangedCase = "changed_case", "办件变更";
    /// Withdrawn later: it should never have been.
    VoidedCase = "voided_case", "办件作废";
    /// Its children are there, the case itself is still a draft.
    ChildBeforeParent = "child_before_parent", "子环节先于申请";
    /// A character that an old system could not write.
    LostCharacter = "lost_character", "姓名含问号（生僻字丢失）";
    /// Dates as people type them.
    UnpaddedDate = "unpadded_date", "日期未补零或写法不一";
    /// Full-width digits.
    FullWidth = "full_width", "全角数字";
    /// A quote that nobody meant.
    StrayQuote = "stray_quote", "多余引号";
    /// A long number that a spreadsheet has destroyed.
    ExcelMangled = "excel_mangled", "长数字被表格软件破坏";
    /// A file delivered twice.
    DuplicatedFile = "duplicated_file", "文件重复";
    /// A file cut off in the middle.
    CutOffFile = "cut_off_file", "文件中断";
    /// Line 17 of the township's first file: a check digit that should be X.
    LineSeventeen = "line_17", "第 17 行身份证号校验位应为 X";
}

impl Mess {
    /// Its owner has to mend it.
    pub(super) const fn is_owners(self) -> bool {
        matches!(
            self,
            Self::WrongCode
                | Self::MissingField
                | Self::BadCitizenId
                | Self::AcceptedBeforeApplied
                | Self::OverLong
                | Self::UnknownItem
                | Self::LostCharacter
                | Self::ExcelMangled
                | Self::LineSeventeen
        )
    }
}

/// Cases below this number are planted by hand; mess beyond it is chance.
pub(super) const PLANTED: u64 = 30;
/// Of a thousand cases, how many get each kind by chance.
const PER_MILLE: u64 = 3;

fn planted(list: &[(u64, Mess)], index: u64) -> Option<Mess> {
    list.iter().find(|(at, _)| *at == index).map(|(_, mess)| *mess)
}

fn by_chance(kinds: &[Mess], seed: u64, purpose: u64, index: u64) -> Option<Mess> {
    let roll = Dice::new(seed, purpose, index).range(0, 999);
    kinds.get((roll / PER_MILLE) as usize).copied()
}

/// What is wrong with a case of the county.
pub(super) fn county(seed: u64, index: u64) -> Option<Mess> {
    const HAND: &[(u64, Mess)] = &[
        (3, Mess::WrongCode),
        (5, Mess::MissingField),
        (7, Mess::BadCitizenId),
        (9, Mess::AcceptedBeforeApplied),
        (11, Mess::OverLong),
        (13, Mess::UnknownItem),
        (15, Mess::DuplicateCase),
        (17, Mess::ChangedCase),
        (19, Mess::VoidedCase),
        (21, Mess::ChildBeforeParent),
        (23, Mess::LostCharacter),
    ];
    const KINDS: &[Mess] = &[
        Mess::WrongCode,
        Mess::MissingField,
        Mess::BadCitizenId,
        Mess::AcceptedBeforeApplied,
        Mess::OverLong,
        Mess::UnknownItem,
        Mess::DuplicateCase,
        Mess::ChangedCase,
        Mess::VoidedCase,
        Mess::ChildBeforeParent,
        Mess::LostCharacter,
    ];
    if index < PLANTED { planted(HAND, index) } else { by_chance(KINDS, seed, 0xC0, index) }
}

/// What is wrong with a case of the township.
pub(super) fn township(seed: u64, index: u64) -> Option<Mess> {
    const HAND: &[(u64, Mess)] = &[
        (2, Mess::WrongCode),
        (4, Mess::MissingField),
        (6, Mess::BadCitizenId),
        (8, Mess::AcceptedBeforeApplied),
        (10, Mess::OverLong),
        (12, Mess::UnknownItem),
        (14, Mess::ExcelMangled),
        (super::township::LINE_SEVENTEEN, Mess::LineSeventeen),
        (16, Mess::LostCharacter),
        (18, Mess::StrayQuote),
        (19, Mess::FullWidth),
        (20, Mess::DuplicateCase),
        (21, Mess::ChangedCase),
        (22, Mess::VoidedCase),
    ];
    const KINDS: &[Mess] = &[
        Mess::WrongCode,
        Mess::MissingField,
        Mess::BadCitizenId,
        Mess::AcceptedBeforeApplied,
        Mess::OverLong,
        Mess::UnknownItem,
        Mess::ExcelMangled,
        Mess::LostCharacter,
        Mess::StrayQuote,
        Mess::FullWidth,
        Mess::FullWidth,
        Mess::DuplicateCase,
    ];
    if index < PLANTED { planted(HAND, index) } else { by_chance(KINDS, seed, 0x70, index) }
}
