//! What the sources of a story hold: lines of a drop folder, rows of a legacy database.

use std::path::Path;

use canon::Millis;

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
    /// Blanks behind the number of the case: for its source another row, for its record the same key.
    blanks: &'static str,
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
        blanks: "",
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

    /// Under another row key at its source.
    #[must_use]
    pub fn keyed_anew(self) -> Self {
        Self { blanks: " ", ..self }
    }

    /// Should never have been.
    #[must_use]
    pub fn void(self) -> Self {
        Self { void: "Y", ..self }
    }

    fn write(&self, out: &mut String) {
        let Self { kind, region, id, at, text, void, blanks, .. } = self;
        let case = case(self.case);
        out.push_str(&[kind, &*(case + blanks), UNIT, region, id, at, text, void].join(","));
        out.push_str("\r\n");
    }
}

/// Lines as a web service gives them: JSON objects.
pub fn objects(lines: &[Line]) -> Vec<String> {
    let one = |line: &Line| {
        let Line { kind, region, id, at, text, void, blanks, .. } = line;
        let case = case(line.case) + blanks;
        format!(
            "{{\"kind\":\"{kind}\",\"case\":\"{case}\",\"unit\":\"{UNIT}\",\"region\":\"{region}\",\"id\":\"{id}\",\"at\":\"{at}\",\"text\":\"{text}\",\"void\":\"{void}\"}}"
        )
    };
    lines.iter().map(one).collect()
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

/// A case's row in the county's database.
pub fn county_case(number: &str, id: &str, modified: Millis) -> Vec<(&'static str, String)> {
    let modified = modified.to_string();
    [
        ("case_id", number),
        ("item_code", "990103001000101"),
        ("item_name", "残疾人证办理"),
        ("area_code", "990103101"),
        ("org_code", UNIT),
        ("org_name", "测试县残疾人联合会"),
        ("apply_type", "1"),
        ("apply_name", "测试甲"),
        ("cert_type", "SFZ"),
        ("cert_no", id),
        ("contact_name", "测试甲"),
        ("contact_phone", "13900000000"),
        ("project_name", "残疾人证首次申领"),
        ("material_list", "申请表"),
        ("case_source", "1"),
        ("submit_time", "2026-11-21 08:00:00"),
        ("case_state", "1"),
        ("created_time", "2026-11-21 08:00:00"),
        ("modified_time", modified.as_str()),
    ]
    .map(|(column, text)| (column, text.to_owned()))
    .into()
}

/// The first step of a case.
pub fn county_step(number: &str) -> Vec<(&'static str, String)> {
    [
        ("step_id", format!("{number}-1").as_str()),
        ("case_id", number),
        ("step_no", "1"),
        ("step_code", "CB"),
        ("step_name", "承办"),
        ("org_code", UNIT),
        ("org_name", "测试县残疾人联合会"),
        ("approver", "经办乙"),
        ("post_name", "科员"),
        ("opinion", "同意"),
        ("step_state", "TG"),
        ("step_time", "2026-11-21 09:00:00"),
    ]
    .map(|(column, text)| (column, text.to_owned()))
    .into()
}
