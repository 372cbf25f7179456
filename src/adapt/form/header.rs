//! Finding the wanted columns among a file's own.

use super::fault::FileFault;

/// A column's name without what does not matter: blanks, quotes, the case of ASCII letters.
pub(super) fn plain(name: &str) -> String {
    name.trim().trim_matches('"').trim().to_ascii_lowercase()
}

/// For each wanted column its place among `names`; columns beyond the wanted are passed over.
///
/// # Errors
/// A wanted column is not there, or twice.
pub fn pick_columns<'c>(
    names: &[String],
    wanted: impl IntoIterator<Item = &'c str>,
) -> Result<Vec<usize>, FileFault> {
    pick(names, wanted, plain)
}

/// The same for names that people wrote into cells: blanks and line ends within them do not matter.
pub(super) fn pick_cells<'c>(
    names: &[String],
    wanted: impl IntoIterator<Item = &'c str>,
) -> Result<Vec<usize>, FileFault> {
    pick(names, wanted, |name| plain(name).split_whitespace().collect())
}

fn pick<'c>(
    names: &[String],
    wanted: impl IntoIterator<Item = &'c str>,
    plain: impl Fn(&str) -> String,
) -> Result<Vec<usize>, FileFault> {
    let names: Vec<String> = names.iter().map(|name| plain(name)).collect();
    let (mut pick, mut missing) = (Vec::new(), Vec::new());
    for column in wanted {
        let want = plain(column);
        let mut places = names.iter().enumerate().filter(|(_, n)| **n == want);
        match (places.next(), places.next()) {
            (Some((at, _)), None) => pick.push(at),
            (Some(_), Some(_)) => {
                return Err(FileFault {
                    code: "source.header_wrong",
                    zh: format!("表头中『{column}』出现两次"),
                    en: format!("the header names `{column}` twice"),
                });
            }
            (None, _) => missing.push(column),
        }
    }
    if missing.is_empty() {
        return Ok(pick);
    }
    Err(if pick.is_empty() {
        FileFault {
            code: "source.header_missing",
            zh: "首行不是约定的表头".into(),
            en: "the first line is not the agreed header".into(),
        }
    } else {
        FileFault {
            code: "source.header_wrong",
            zh: format!("表头缺少：{}", missing.join("、")),
            en: format!("the header lacks: {}", missing.join(", ")),
        }
    })
}
