//! What the sources of a story hold: lines of a drop folder, rows of a legacy database.

use std::path::Path;

/// The unit that acts in every line.
pub const UNIT: &str = "11990103000000019T";
/// A citizen id of an invented person in a region that does not exist.
pub const ID: &str = "990103199001010011";
/// The same with a wrong check digit.
pub const BAD_ID: &str = "990103199001010012";

/// One line of a drop file: one record.
#[derive(Clone, Debug)]
pub struct Line {
    kind: &'static str,
    case: u32,
    region: &'static str,
    id: &'static str,
    at: String,
    text: String,
    void: &'static str,
}

/// The number of a case.
pub fn case(n: u32) -> String {
    format!("99010320261121{n:06}")
}

/// A record of a case: `SB`, `SL`, or `SLX` (its application is elsewhere).
pub fn line(kind: &'static str, case: u32) -> Line {
    let hour = if kind == "SB" { 8 } else { 9 };
    Line {
        kind,
        case,
        region: "990103101",
        id: ID,
        at: format!("2026-11-21 {hour:02}:00:00"),
        text: "残疾人证首次申领".into(),
        void: "",
    }
}

/// Both records of each of these cases.
pub fn cases(numbers: impl IntoIterator<Item = u32>) -> Vec<Line> {
    numbers.into_iter().flat_map(|n| [line("SB", n), line("SL", n)]).collect()
}

impl Line {
    /// With a wrong check digit.
    #[must_use]
    pub fn bad(self) -> Self {
        Self { id: BAD_ID, ..self }
    }

    /// In another region.
    #[must_use]
    pub fn region(self, region: &'static str) -> Self {
        Self { region, ..self }
    }

    /// With another text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        Self { text: text.into(), ..self }
    }

    /// At another time.
    #[must_use]
    pub fn at(self, at: &str) -> Self {
        Self { at: at.into(), ..self }
    }

    /// Should never have been.
    #[must_use]
    pub fn void(self) -> Self {
        Self { void: "Y", ..self }
    }

    fn write(&self, out: &mut String) {
        let Self { kind, region, id, at, text, void, .. } = self;
        let case = case(self.case);
        out.push_str(&[kind, &*case, UNIT, region, id, at, text, void].join(","));
        out.push_str("\r\n");
    }
}

/// Drops a file of lines into a folder, whole at once as a careful system does.
pub fn drop_file(folder: &Path, name: &str, lines: &[Line]) {
    let mut text = String::from("kind,case,unit,region,id,at,text,void\r\n");
    for line in lines {
        line.write(&mut text);
    }
    let part = folder.join(format!("{name}.part"));
    std::fs::write(&part, text).expect("the drop folder");
    std::fs::rename(part, folder.join(name)).expect("the drop folder");
}
