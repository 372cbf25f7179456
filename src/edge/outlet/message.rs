//! One record in the platform's own format.

use std::sync::Arc;

use canon::format::{Attributes, CaseFacts, Format, Op, OpenLists, Parsed, TypeIx, Values};
use canon::{DigestAlg, RecordId, Severity, Violation};

use super::target::{Target, Way};

/// A record as the platform gets it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id, the same each time: made of target, type, key and version.
    pub id: String,
    /// The record, for people and logs.
    pub record: RecordId,
    /// What it is in the platform's format.
    pub made: Made,
    /// How often it was handed over before.
    pub attempts: u32,
}

/// Values in the platform's format.
#[derive(Clone)]
pub struct Made {
    /// Element or table of the platform's format.
    pub kind: Arc<str>,
    /// Wire names and values, in the format's order; what is absent is left out.
    pub fields: Vec<(Arc<str>, String)>,
}

impl std::fmt::Debug for Made {
    /// Never the values: they may be personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({} fields)", self.kind, self.fields.len())
    }
}

impl Made {
    /// The value of a field.
    pub fn get(&self, wire: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| **name == *wire).map(|(_, value)| value.as_str())
    }
}

/// Why a record cannot be given to the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotMade {
    /// The platform's format has no such record.
    Type,
    /// The platform's format knows no withdrawal.
    Void,
    /// The platform's format does not take these values.
    Values(Vec<Violation>),
}

impl Target {
    /// The id under which a record version is handed over, always the same: 32 hexadecimal digits.
    pub fn message_id(&self, id: &RecordId) -> String {
        let text = format!("{}\n{}\n{}\n{}", self.name, id.kind, id.key, id.version);
        let digest = DigestAlg::default().of(&[text.as_bytes()]);
        let hex = digest.to_string();
        hex.rsplit(':').next().unwrap_or_default().chars().take(32).collect()
    }

    /// A record in the platform's format.
    ///
    /// # Errors
    /// It has no place there, or the format refuses what it would be.
    pub fn make(&self, id: &RecordId, parsed: &Parsed, source: &Format) -> Result<Made, NotMade> {
        let wire = &source.get(parsed.ty).wire;
        // The map was made for one edition: fields are known by their places in it.
        let mapped = self.records.get(wire).filter(|_| *self.from == *source.edition());
        let record = mapped.ok_or(NotMade::Type)?;
        if parsed.attrs.op == Op::Void && self.void.is_none() {
            return Err(NotMade::Void);
        }
        let mut values = Values::new();
        for (ix, way) in record.ways.iter().enumerate() {
            let value = match way {
                None => None,
                Some(Way::Fixed(text)) => Some(text.clone()),
                Some(Way::Word(word)) => self.word(word, id, &parsed.attrs),
                Some(Way::Field { from, codes }) => parsed
                    .values
                    .get(*from)
                    .map(|value| codes.get(value).map_or_else(|| value.to_owned(), String::clone)),
            };
            if let Some(value) = value {
                values.set(ix, &value);
            }
        }
        self.judged(record.ty, &values, &parsed.attrs)?;
        let fields = &self.format.get(record.ty).fields;
        let made = values.iter().map(|(ix, v)| (Arc::clone(&fields[ix].wire), v.to_owned()));
        Ok(Made { kind: Arc::clone(&self.format.get(record.ty).wire), fields: made.collect() })
    }

    fn judged(&self, ty: TypeIx, values: &Values, attrs: &Attributes) -> Result<(), NotMade> {
        let mut found = Vec::new();
        let (case, lists) = (CaseFacts::new(), OpenLists::new());
        self.format.validate(ty, values, attrs, &case, &lists, &mut found);
        found.retain(|v| v.severity == Severity::Error);
        if found.is_empty() { Ok(()) } else { Err(NotMade::Values(found)) }
    }

    fn word(&self, word: &str, id: &RecordId, attrs: &Attributes) -> Option<String> {
        match word {
            "message" => Some(self.message_id(id)),
            "version" => Some(attrs.version.to_string()),
            "op" => match attrs.op {
                Op::Put => self.put.clone(),
                Op::Void => self.void.clone(),
            },
            "system" => Some(attrs.system.to_string()),
            "namespace" => Some(attrs.namespace.to_string()),
            "entered" => attrs.entered.clone(),
            "collected" => Some(attrs.collected.to_string()),
            _ => None,
        }
    }
}

/// What [`Target::make`] may put in beside fields.
pub(super) const WORDS: [&str; 7] =
    ["message", "version", "op", "system", "namespace", "entered", "collected"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use canon::format::supervision_1;

    use super::*;

    /// Guangdong's folder as another province would have it: other names, other codes, and a column
    /// that says what a row is for.
    fn elsewhere(head: &str, record: &str) -> Target {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/guangdong/1");
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let text = match text.split_once("<xs:simpleType name=\"PickupWay\">") {
                Some((before, list)) => {
                    let list = list.replacen("value=\"8\"", "value=\"K\"", 1);
                    format!("{before}<xs:simpleType name=\"PickupWay\">{list}")
                }
                None => text,
            };
            let text = text
                .replace("t:field name=\"receiver_name\"", "t:field name=\"taker\"")
                .replace(
                    "to = \"EX_GDBS_LQDJ\"\nset = { version = \"@version\" }",
                    &format!("to = \"EX_GDBS_LQDJ\"\n{record}"),
                )
                .replace("[target]", &format!("[target]\n{head}"));
            files.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), text.into_bytes());
        }
        Target::read(files, &supervision_1()).unwrap_or_else(|p| panic!("{p:?}"))
    }

    /// The sample of a pickup by courier, as it was put or withdrawn.
    fn pickup(op: Op) -> (RecordId, Parsed) {
        let source = supervision_1();
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../schemas/samples/supervision/1/valid/LQDJ.xml"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.replace("<LQFS>0</LQFS>", "<LQFS>8</LQFS>").replace(" v=\"1\"", " v=\"7\"");
        let mut parsed = source.parse(text.trim_end().as_bytes()).unwrap();
        parsed.attrs.op = op;
        if op == Op::Void {
            (parsed.attrs.reason, parsed.attrs.by) = (Some("1".into()), Some("op-7".into()));
        }
        let key = source.key(parsed.ty, &parsed.values, &parsed.attrs.namespace).unwrap();
        (RecordId { kind: "LQDJ".into(), key, version: 7 }, parsed)
    }

    const RECORD: &str = "field = { taker = \"receiver_name\" }\ncodes.pickup_way = { 8 = \"K\" }\n\
        set = { version = \"@version\", remark = \"@op\", case_no_short = \"@system\", item_code_short = \"TG\" }\n\
        left_out = [\"remark\", \"case_no_short\", \"item_code_short\"]";

    #[test]
    fn names_codes_and_words_are_those_of_the_platform() {
        let target = elsewhere("put = \"A\"\nvoid = \"D\"", RECORD);
        for (op, word) in [(Op::Put, "A"), (Op::Void, "D")] {
            let (id, parsed) = pickup(op);
            let made = target.make(&id, &parsed, &supervision_1()).unwrap();
            assert_eq!(&*made.kind, "EX_GDBS_LQDJ");
            for (wire, wanted) in [
                ("LQRXM", "测试领取人姓名"),
                ("LQFS", "K"),
                ("BZ", word),
                ("SBLSH_SHORT", "county_approval"),
                ("SXBM_SHORT", "TG"),
                ("VERSION", "7"),
                ("LQSJ", "2026-03-02 15:00:00"),
            ] {
                assert_eq!(made.get(wire), Some(wanted), "{wire} {op:?}");
            }
        }
    }

    #[test]
    fn a_platform_without_a_word_for_it_is_given_no_withdrawal() {
        let target = elsewhere("put = \"A\"", RECORD);
        let (id, parsed) = pickup(Op::Void);
        assert_eq!(target.make(&id, &parsed, &supervision_1()).unwrap_err(), NotMade::Void);
        let (id, parsed) = pickup(Op::Put);
        assert!(target.make(&id, &parsed, &supervision_1()).is_ok());
    }

    #[test]
    fn what_the_platform_would_refuse_is_not_given_to_it() {
        let too_long = RECORD.replace("\"TG\"", &format!("\"{}\"", "长".repeat(51)));
        let target = elsewhere("", &too_long);
        let (id, parsed) = pickup(Op::Put);
        let NotMade::Values(found) = target.make(&id, &parsed, &supervision_1()).unwrap_err()
        else {
            panic!("its values are the matter")
        };
        assert_eq!((&*found[0].rule, &*found[0].field), ("field.too_long", "SXBM_SHORT"));
    }
}
