//! Head ⇄ bytes.

use canon::{Day, Digest, DigestAlg, Environment, Millis, NodeCode};

use crate::head::{By, Confidential, Head, Kind, ReceiptFor, Recipient, Skipped};
use crate::limits::{FRAGMENTS_MAX, HEAD_BYTES_MAX, LIST_BYTES_MAX};
use crate::wire::{Scan, Writer, exact, parse_envelope_id};
use crate::{Refuse, Suite};

pub(crate) const OPEN: &str = r#"<Head xmlns="urn:tiergate:envelope:1" Id="head">"#;
pub(crate) const CLOSE: &str = "</Head>";

impl Head {
    /// The exact bytes of the `Head` element: they are hashed and signed as they are.
    pub fn write(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(2_048 + self.lengths.len() * 6);
        w.raw(OPEN);
        w.show("Kind", &self.kind);
        w.show("Environment", &self.environment);
        w.show("From", &self.from);
        w.show("To", &self.to);
        w.num("Epoch", u64::from(self.epoch));
        w.show("Route", &self.route);
        w.num("Sequence", self.sequence);
        w.num("SettledBelow", self.settled_below);
        for skipped in &self.skipped {
            skipped.write(&mut w);
        }
        w.show("SealedAt", &self.sealed_at);
        w.show("Window", &self.window);
        w.text("Format", &self.format);
        w.text("CodeTables", &self.code_tables);
        w.text("Authority", &self.authority);
        for (name, version) in &self.adapters {
            w.open("Adapter");
            w.text("Name", name);
            w.text("Version", version);
            w.close("Adapter");
        }
        w.text("DigestAlgorithm", self.digest_alg.name());
        w.num("Count", self.lengths.len() as u64);
        w.list("Lengths", &self.lengths);
        w.show("Root", &self.root);
        w.show("Certificate", &self.certificate);
        w.list("KeepOrphans", &self.keep_orphans);
        if let Some(confidential) = &self.confidential {
            confidential.write(&mut w);
        }
        if let Some(answers) = &self.answers {
            answers.write(&mut w);
        }
        w.raw(CLOSE);
        w.finish()
    }

    /// Reads the exact bytes of a `Head` element; refuses anything [`Head::write`] would not
    /// have written.
    pub fn read(bytes: &[u8]) -> Result<Self, Refuse> {
        if bytes.len() > HEAD_BYTES_MAX {
            let (size, max) = (bytes.len() as u64, HEAD_BYTES_MAX as u64);
            return Err(Refuse::TooLarge { what: "head", size, max });
        }
        let mut s = Scan::new(bytes);
        s.literal(OPEN, "Head")?;
        let head = Self {
            kind: s.parse::<Kind>("Kind")?,
            environment: s.parse::<Environment>("Environment")?,
            from: s.with("From", NodeCode::new)?,
            to: s.with("To", NodeCode::new)?,
            epoch: s.parse("Epoch")?,
            route: s.parse("Route")?,
            sequence: s.parse("Sequence")?,
            settled_below: s.parse("SettledBelow")?,
            skipped: s.repeated("Skipped", Skipped::read)?,
            sealed_at: s.with("SealedAt", Millis::parse)?,
            window: s.with("Window", Day::parse)?,
            format: s.owned("Format")?,
            code_tables: s.owned("CodeTables")?,
            authority: s.owned("Authority")?,
            adapters: s.repeated("Adapter", |s| Ok((s.owned("Name")?, s.owned("Version")?)))?,
            digest_alg: digest_alg(&mut s)?,
            lengths: lengths(&mut s)?,
            root: s.parse::<Digest>("Root")?,
            certificate: s.parse::<Digest>("Certificate")?,
            keep_orphans: list(&mut s, "KeepOrphans", FRAGMENTS_MAX)?,
            confidential: Confidential::read(&mut s)?,
            answers: ReceiptFor::read(&mut s)?,
        };
        s.literal(CLOSE, "end of Head")?;
        s.end()?;
        exact(bytes, &head.write())?;
        head.agrees_with_itself()?;
        Ok(head)
    }

    /// What one head says in two places must be the same.
    fn agrees_with_itself(&self) -> Result<(), Refuse> {
        let lane_is_control = self.route.lane == canon::Lane::Control;
        let rules = [
            (self.to == self.route.destination, "To: the route's destination"),
            (self.kind.is_control() == lane_is_control, "Route: the lane of this kind"),
            (self.sequence > 0, "Sequence from 1"),
            (self.settled_below <= self.sequence, "SettledBelow: not above Sequence"),
            (self.root.alg == self.digest_alg, "Root in DigestAlgorithm"),
            (self.answers.is_some() == (self.kind == Kind::Receipt), "Answers: in receipts only"),
            (self.keep_orphans.is_sorted_by(|a, b| a < b), "KeepOrphans ascending"),
            (self.keep_orphans.last().is_none_or(|p| (*p as usize) < self.count()), "KeepOrphans"),
            (self.skipped.iter().all(|s| s.first <= s.last), "Skipped: first to last"),
            (self.skipped.is_sorted_by(|a, b| a.last < b.first), "Skipped ascending"),
            (
                self.answers.iter().all(|a| a.decline.is_none() || self.lengths.is_empty()),
                "Decline: no outcomes",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(Refuse::Malformed { at: 0, what }),
            None => Ok(()),
        }
    }

    /// The suite of the route.
    pub fn suite(&self) -> Result<Suite, Refuse> {
        self.route.suite.parse()
    }
}

impl Skipped {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.open("Skipped");
        w.num("First", self.first);
        w.num("Last", self.last);
        w.text("Cause", &self.cause);
        w.close("Skipped");
    }

    pub(crate) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        Ok(Self { first: s.parse("First")?, last: s.parse("Last")?, cause: s.owned("Cause")? })
    }
}

impl ReceiptFor {
    fn write(&self, w: &mut Writer) {
        w.open("Answers");
        w.show("Envelope", &self.envelope);
        w.show("HeadDigest", &self.head);
        w.show("Root", &self.root);
        w.show("ReceivedAt", &self.received_at);
        if self.by == By::Outlet {
            w.text("By", "outlet");
        }
        w.opt("Decline", self.decline.as_deref());
        w.close("Answers");
    }

    fn read(s: &mut Scan<'_>) -> Result<Option<Self>, Refuse> {
        if !s.try_open("Answers") {
            return Ok(None);
        }
        let answers = Self {
            envelope: s.with("Envelope", parse_envelope_id)?,
            head: s.parse("HeadDigest")?,
            root: s.parse("Root")?,
            received_at: s.with("ReceivedAt", Millis::parse)?,
            by: s
                .with_opt("By", |word| (word == "outlet").then_some(By::Outlet))?
                .unwrap_or_default(),
            decline: s.opt("Decline")?,
        };
        s.close("Answers")?;
        Ok(Some(answers))
    }
}

impl Confidential {
    fn write(&self, w: &mut Writer) {
        w.open("Confidential");
        w.text("Cipher", &self.cipher);
        w.show("CiphertextDigest", &self.ciphertext);
        for recipient in &self.recipients {
            w.open("Recipient");
            w.show("Node", &recipient.node);
            w.show("Certificate", &recipient.certificate);
            w.text("WrappedKey", &recipient.key);
            w.close("Recipient");
        }
        w.close("Confidential");
    }

    fn read(s: &mut Scan<'_>) -> Result<Option<Self>, Refuse> {
        if !s.try_open("Confidential") {
            return Ok(None);
        }
        let confidential = Self {
            cipher: s.owned("Cipher")?,
            ciphertext: s.parse("CiphertextDigest")?,
            recipients: s.repeated("Recipient", |s| {
                Ok(Recipient {
                    node: s.with("Node", NodeCode::new)?,
                    certificate: s.parse("Certificate")?,
                    key: s.owned("WrappedKey")?,
                })
            })?,
        };
        s.close("Confidential")?;
        Ok(Some(confidential))
    }
}

/// An algorithm this build lacks is a matter of suites, not of form.
fn digest_alg(s: &mut Scan<'_>) -> Result<DigestAlg, Refuse> {
    DigestAlg::by_name(&s.text("DigestAlgorithm")?).ok_or(Refuse::SuiteUnknown)
}

fn lengths(s: &mut Scan<'_>) -> Result<Vec<u32>, Refuse> {
    let count: usize = s.parse("Count")?;
    if count > FRAGMENTS_MAX {
        let (size, max) = (count as u64, FRAGMENTS_MAX as u64);
        return Err(Refuse::TooLarge { what: "count of fragments", size, max });
    }
    let lengths = list(s, "Lengths", count)?;
    if lengths.len() == count { Ok(lengths) } else { Err(s.malformed("Lengths: one for each")) }
}

/// At most `max` numbers separated by one blank.
fn list(s: &mut Scan<'_>, name: &'static str, max: usize) -> Result<Vec<u32>, Refuse> {
    if !s.try_open(name) {
        return Ok(Vec::new());
    }
    let bad = Refuse::Malformed { at: s.at(), what: name };
    let mut values = Vec::with_capacity(max.min(1_024));
    for digits in s.until_tag(LIST_BYTES_MAX)?.split(|b| *b == b' ') {
        if values.len() == max || digits.is_empty() || digits.len() > 10 {
            return Err(bad);
        }
        let mut value = 0_u64;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return Err(bad);
            }
            value = value * 10 + u64::from(digit - b'0');
        }
        values.push(u32::try_from(value).map_err(|_| bad.clone())?);
    }
    s.close(name)?;
    Ok(values)
}
