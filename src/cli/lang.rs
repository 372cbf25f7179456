//! The two languages of everything that is said.

/// Language of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lang {
    /// 中文
    Zh,
    /// English
    En,
}

impl Lang {
    /// The language of the first of `LC_ALL`, `LC_MESSAGES`, `LANG` that is set and not empty.
    pub(crate) fn of_locale(var: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(var);
        let first = set.into_iter().find(|v| !v.is_empty());
        if first.is_some_and(|v| v.to_ascii_lowercase().starts_with("zh")) {
            Self::Zh
        } else {
            Self::En
        }
    }

    /// The text in this language.
    pub(crate) fn of<T>(self, en: T, zh: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}
