//! A platform as data: a folder with its format (annotated XSDs), `map.toml` (which record becomes
//! what) and one file for each way to reach it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::format::{CodeList, Field, Format, RecordType, TypeIx};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::message::WORDS;

/// The file that says which record becomes what.
const MAP: &str = "map.toml";
/// Largest file of a target's folder, bytes.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Something wrong in a target's folder: file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {en}")]
pub struct TargetProblem {
    /// File name in the folder.
    pub file: String,
    /// Text, English.
    pub en: String,
    /// Text, Chinese.
    pub zh: String,
}

/// Where a value of the platform's record comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Always this.
    Fixed(String),
    /// A word about the record itself ([`WORDS`]).
    Word(String),
    /// A field of the record, its codes translated.
    Field {
        /// Which field.
        from: usize,
        /// Codes there and here.
        codes: BTreeMap<String, String>,
    },
}

/// What one record type becomes.
#[derive(Clone, Debug)]
pub(super) struct Mapped {
    /// Type of the platform's format.
    pub(super) ty: TypeIx,
    /// For each of its fields.
    pub(super) ways: Vec<Option<Way>>,
}

/// A platform.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name; part of every message id.
    pub name: String,
    /// Its format.
    pub format: Arc<Format>,
    pub(super) from: String,
    pub(super) records: BTreeMap<Arc<str>, Mapped>,
    pub(super) put: Option<String>,
    pub(super) void: Option<String>,
    files: BTreeMap<String, Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapText {
    target: Head,
    record: Vec<RecordText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    from: String,
    format: String,
    put: Option<String>,
    void: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordText {
    from: String,
    to: String,
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    field: BTreeMap<String, String>,
    #[serde(default)]
    codes: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    left_out: BTreeSet<String>,
}

struct Problems(Vec<TargetProblem>);

impl Problems {
    fn push(&mut self, file: &str, en: impl Into<String>, zh: impl Into<String>) {
        self.0.push(TargetProblem { file: file.to_owned(), en: en.into(), zh: zh.into() });
    }
}

impl Target {
    /// Reads a folder, for records of `source`.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn read(
        files: BTreeMap<String, Vec<u8>>,
        source: &Format,
    ) -> Result<Self, Vec<TargetProblem>> {
        let mut problems = Problems(Vec::new());
        let Ok(map) = parsed::<MapText>(&files, MAP).map_err(|p| problems.0.push(p)) else {
            return Err(problems.0);
        };
        let Some(format) = compiled(&files, &map.target.format, &mut problems) else {
            return Err(problems.0);
        };
        if map.target.from != source.edition() {
            problems.push(
                MAP,
                format!(
                    "maps from `{}`, the node's format is `{}`",
                    map.target.from,
                    source.edition()
                ),
                format!("映射自『{}』，而本节点的格式为『{}』", map.target.from, source.edition()),
            );
        }
        let mut records = BTreeMap::new();
        for text in &map.record {
            if let Some(mapped) = mapped(text, source, &format, &mut problems) {
                let from = Arc::from(text.from.as_str());
                if records.insert(from, mapped).is_some() {
                    let from = &text.from;
                    problems.push(
                        MAP,
                        format!("`{from}` is mapped twice"),
                        format!("『{from}』映射了两次"),
                    );
                }
            }
        }
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        let Head { name, from, put, void, .. } = map.target;
        Ok(Self { name, from, format: Arc::new(format), records, put, void, files })
    }

    /// Reads the file of one way to reach the platform.
    ///
    /// # Errors
    /// It is not there, or not written so.
    pub(super) fn way<T: DeserializeOwned>(&self, file: &str) -> Result<T, TargetProblem> {
        parsed(&self.files, file)
    }

    /// Record types that the platform takes, as elements of its format.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<str>> {
        self.records.values().map(|r| &self.format.get(r.ty).wire)
    }

    /// The type that records of `from` become.
    pub fn kind_of(&self, from: &str) -> Option<&RecordType> {
        self.records.get(from).map(|r| self.format.get(r.ty))
    }
}

fn parsed<T: DeserializeOwned>(
    files: &BTreeMap<String, Vec<u8>>,
    file: &str,
) -> Result<T, TargetProblem> {
    let problem = |en: String, zh: String| TargetProblem { file: file.to_owned(), en, zh };
    let bytes = files.get(file).ok_or_else(|| {
        problem("there is no such file in the folder".into(), "目录中没有该文件".into())
    })?;
    if bytes.len() > FILE_BYTES_MAX {
        let (en, zh) = ("larger than 1 MiB", "超过 1 MiB");
        return Err(problem(en.into(), zh.into()));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| problem("not UTF-8".into(), "不是 UTF-8 编码".into()))?;
    toml::from_str(text).map_err(|e| {
        let said = e.to_string().trim().replace('\n', " ");
        problem(said.clone(), format!("写法有误：{said}"))
    })
}

fn compiled(
    files: &BTreeMap<String, Vec<u8>>,
    edition: &str,
    problems: &mut Problems,
) -> Option<Format> {
    let texts: BTreeMap<String, String> = files
        .iter()
        .filter(|(name, _)| name.ends_with(".xsd"))
        .map(|(name, bytes)| (name.clone(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    let Some((name, number)) = edition.split_once('/') else {
        problems.push(MAP, "format is written NAME/EDITION", "format 应写作 名称/版次");
        return None;
    };
    match Format::compile(name, number, &texts) {
        Ok(format) => Some(format),
        Err(found) => {
            for p in found {
                let at = format!("line {}: {}", p.line, p.message);
                let zh = format!("第 {} 行：{}", p.line, p.message);
                problems.push(&p.file, at, zh);
            }
            None
        }
    }
}

fn mapped(
    text: &RecordText,
    source: &Format,
    target: &Format,
    problems: &mut Problems,
) -> Option<Mapped> {
    let (Some(from), Some(ty)) = (source.type_by_wire(&text.from), target.type_by_wire(&text.to))
    else {
        let (from, to) = (&text.from, &text.to);
        problems.push(
            MAP,
            format!("`{from}` → `{to}`: one of the formats has no such record type"),
            format!("『{from}』→『{to}』：有一方格式没有这种记录"),
        );
        return None;
    };
    let (from, to) = (source.get(from), target.get(ty));
    let mut one = One { text, from, to, problems, used: BTreeSet::new() };
    let ways = to.fields.iter().map(|field| one.way(field)).collect();
    one.left_over();
    Some(Mapped { ty, ways })
}

/// One record type on its way to another.
struct One<'a> {
    text: &'a RecordText,
    from: &'a RecordType,
    to: &'a RecordType,
    problems: &'a mut Problems,
    used: BTreeSet<&'a str>,
}

impl<'a> One<'a> {
    fn push(&mut self, field: &str, en: &str, zh: &str) {
        let place = format!("{} → {}, `{field}`", self.text.from, self.text.to);
        self.problems.push(MAP, format!("{place}: {en}"), format!("{place}：{zh}"));
    }

    fn way(&mut self, field: &Field) -> Option<Way> {
        if let Some(set) = self.text.set.get(&field.name) {
            return match set.strip_prefix('@') {
                None => Some(Way::Fixed(set.clone())),
                Some(word) if WORDS.contains(&word) => Some(Way::Word(word.to_owned())),
                Some(_) => {
                    let known = WORDS.map(|w| format!("@{w}")).join(" ");
                    let en = format!("no such word; there are {known}");
                    self.push(&field.name, &en, &format!("没有这个词；可用 {known}"));
                    None
                }
            };
        }
        let text = self.text;
        let name = text.field.get(&field.name).unwrap_or(&field.name);
        let Some(ix) = self.from.field_by_name(name) else {
            if field.required || text.field.contains_key(&field.name) {
                self.push(&field.name, "nothing gives it a value", "没有取值来源");
            }
            return None;
        };
        let source = &self.from.fields[ix];
        self.used.insert(&source.name);
        let codes = text.codes.get(&field.name).cloned().unwrap_or_default();
        self.codes(field, source, &codes);
        Some(Way::Field { from: ix, codes })
    }

    fn codes(&mut self, field: &Field, source: &Field, codes: &BTreeMap<String, String>) {
        let (
            Some(CodeList::Closed { codes: theirs, .. }),
            Some(CodeList::Closed { codes: ours, .. }),
        ) = (&field.list, &source.list)
        else {
            return;
        };
        let becomes = |code: &str| codes.get(code).map_or(code, String::as_str).to_owned();
        let lost: Vec<&str> = ours
            .iter()
            .map(|(code, _)| &**code)
            .filter(|code| !theirs.iter().any(|(known, _)| **known == *becomes(code)))
            .collect();
        if !lost.is_empty() {
            let lost = lost.join(" ");
            let en =
                format!("codes that the platform does not have: {lost}; translate them in `codes`");
            let zh = format!("平台没有这些代码：{lost}；请在 codes 中转换");
            self.push(&field.name, &en, &zh);
        }
    }

    /// Nothing is dropped without a word.
    fn left_over(&mut self) {
        let (from, to, text) = (self.from, self.to, self.text);
        for field in &from.fields {
            if !self.used.contains(field.name.as_str()) && !text.left_out.contains(&field.name) {
                let en = "has no place in the platform's record; map it, or name it in `left_out`";
                self.push(&field.name, en, "平台记录中没有对应项；请映射，或列入 left_out");
            }
        }
        let named = text.set.keys().chain(text.field.keys()).chain(text.codes.keys());
        let lost: Vec<&String> = named.filter(|n| to.field_by_name(n).is_none()).collect();
        for name in lost {
            self.push(name, "the platform's record has no such field", "平台记录没有这个字段");
        }
        for name in &text.left_out {
            if from.field_by_name(name).is_none() || self.used.contains(name.as_str()) {
                self.push(name, "is not left out", "并未略去");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use canon::format::supervision_1;

    use super::*;

    fn files() -> BTreeMap<String, Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/guangdong/1");
        let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        let name = |p: &std::path::Path| p.file_name().unwrap().to_str().unwrap().to_owned();
        entries.map(|p| (name(&p), std::fs::read(&p).unwrap())).collect()
    }

    fn problems(change: impl Fn(String) -> String) -> Vec<String> {
        let mut files = files();
        let map = String::from_utf8(files[MAP].clone()).unwrap();
        files.insert(MAP.into(), change(map).into_bytes());
        match Target::read(files, &supervision_1()) {
            Ok(_) => Vec::new(),
            Err(found) => found.into_iter().map(|p| p.en).collect(),
        }
    }

    #[test]
    fn guangdong_takes_every_stage_and_nothing_is_dropped_without_a_word() {
        let source = supervision_1();
        let target = Target::read(files(), &source).unwrap();
        assert_eq!(target.records.len(), 11);
        let stages =
            ["SB", "WSYSL", "SL", "SPCL", "BJGZ", "BJSL", "TBCXSQ", "TBCXJG", "BJ", "LQDJ"];
        for stage in stages {
            let to = target.kind_of(stage).unwrap();
            assert_eq!(*to.wire, format!("EX_GDBS_{stage}"));
            assert!(to.field_by_wire("VERSION").is_some());
        }
        assert!(target.kind_of("TS").is_none());
    }

    #[test]
    fn what_is_wrong_in_a_map_is_named() {
        assert_eq!(problems(|map| map), Vec::<String>::new());
        let found = problems(|map| map.replace("\"limit\", ", ""));
        assert!(found[0].contains("`limit`: has no place"), "{found:?}");
        let found = problems(|map| map.replacen("@version", "@nothing", 1));
        assert!(found[0].contains("no such word"), "{found:?}");
        let found = problems(|map| map.replace("to = \"EX_GDBS_LQDJ\"", "to = \"EX_GDBS_X\""));
        assert!(found[0].contains("no such record type"), "{found:?}");
        let found = problems(|map| map.replacen("version = ", "verzion = ", 1));
        assert!(found.iter().any(|p| p.contains("nothing gives it a value")), "{found:?}");
        assert!(found.iter().any(|p| p.contains("no such field")), "{found:?}");
        let found = problems(|map| map.replace("from = \"supervision/1\"", "from = \"other/1\""));
        assert!(found[0].contains("`other/1`"), "{found:?}");
        assert_eq!(problems(|map| map + "\nunknown = 1\n").len(), 1);
    }

    #[test]
    fn codes_that_the_platform_does_not_have_are_named() {
        let mut files = files();
        let sb = String::from_utf8(files["common.xsd"].clone()).unwrap();
        let without =
            sb.replacen("<xs:enumeration value=\"9\">", "<xs:enumeration value=\"7\">", 1);
        assert_ne!(sb, without);
        files.insert("common.xsd".into(), without.into_bytes());
        let found = Target::read(files, &supervision_1()).unwrap_err();
        assert!(found.iter().any(|p| p.en.contains("does not have: 9")), "{found:?}");
    }
}
