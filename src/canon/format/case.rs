//! What validation is told from outside: facts of the same case's other records.

/// Facts (`fact="true"` fields) of the other records of the same case. The caller gathers them:
/// from its store and from records of the same case earlier in the batch.
#[derive(Clone, Debug, Default)]
pub struct CaseFacts {
    text: String,
    rows: Vec<Row>,
    complete: bool,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    start: u32,
    kind: u16,
    part: u16,
    facts: u32,
}

impl CaseFacts {
    /// No facts, and no claim that these are all: rules about *absence* are not judged.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that every record of the case that is known anywhere here has been inserted, so that
    /// rules about absence (`needs`) may be judged.
    #[must_use]
    pub fn complete(mut self) -> Self {
        self.complete = true;
        self
    }

    /// Sets whether rules about absence may be judged.
    pub fn set_complete(&mut self, complete: bool) {
        self.complete = complete;
    }

    /// Whether rules about absence may be judged.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Adds a record's facts, as [`crate::format::Format::facts`] wrote them; the same (type, part)
    /// again replaces.
    pub fn insert(&mut self, wire: &str, part: &str, facts: &str) {
        let start = self.text.len() as u32;
        self.text.push_str(wire);
        self.text.push_str(part);
        self.text.push_str(facts);
        let row = Row {
            start,
            kind: wire.len() as u16,
            part: part.len() as u16,
            facts: facts.len() as u32,
        };
        match self.rows.iter().position(|&r| self.kind(r) == wire && self.part(r) == part) {
            Some(ix) => self.rows[ix] = row,
            None => self.rows.push(row),
        }
    }

    /// The facts of one record.
    pub fn get(&self, wire: &str, part: &str) -> Option<&str> {
        let row = self.rows.iter().find(|&&r| self.kind(r) == wire && self.part(r) == part)?;
        Some(self.facts(*row))
    }

    /// (key part, facts) of every record of a type, in the order inserted.
    pub fn of<'a>(&'a self, wire: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.rows
            .iter()
            .filter(move |&&r| self.kind(r) == wire)
            .map(|&r| (self.part(r), self.facts(r)))
    }

    /// Whether nothing was inserted.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
        self.complete = false;
    }

    fn slice(&self, from: usize, len: usize) -> &str {
        self.text.get(from..from + len).unwrap_or("")
    }

    fn kind(&self, r: Row) -> &str {
        self.slice(r.start as usize, r.kind as usize)
    }

    fn part(&self, r: Row) -> &str {
        self.slice(r.start as usize + r.kind as usize, r.part as usize)
    }

    fn facts(&self, r: Row) -> &str {
        self.slice(r.start as usize + r.kind as usize + r.part as usize, r.facts as usize)
    }
}

/// One fact out of a facts text such as `SBSJ=2014-09-19 14:10:10;SLZTDM=1`.
pub fn fact<'a>(facts: &'a str, wire: &str) -> Option<&'a str> {
    facts.split(';').find_map(|f| f.strip_prefix(wire)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_found_by_type_and_part_and_replaced() {
        let mut case = CaseFacts::new();
        case.insert("SB", "", "SBSJ=2026-01-05 09:00:00");
        case.insert("SPCL", "1", "SPHJDM=1;SPSJ=2026-01-06");
        case.insert("SPCL", "2", "SPHJDM=2");
        case.insert("SPCL", "1", "SPHJDM=1;SPSJ=2026-01-07");
        assert_eq!(case.get("SB", ""), Some("SBSJ=2026-01-05 09:00:00"));
        assert_eq!(case.of("SPCL").count(), 2);
        assert_eq!(fact(case.get("SPCL", "1").unwrap(), "SPSJ"), Some("2026-01-07"));
        assert_eq!(fact("ASPSJ=1;SPSJ=2", "SPSJ"), Some("2"));
        assert_eq!(fact("SPSJX=1", "SPSJ"), None);
        case.clear();
        assert!(case.is_empty() && !case.is_complete());
    }
}
