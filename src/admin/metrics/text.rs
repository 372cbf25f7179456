//! Samples as the text format writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::families::{FAMILIES, PREFIX};

/// Samples by family.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<&'static str, Vec<String>>);

impl Figures {
    /// One sample of a family.
    pub(super) fn put(&mut self, family: &'static str, labels: &[(&str, &str)], value: f64) {
        self.line(family, "", labels, value);
    }

    /// A count as a sample.
    pub(super) fn count(&mut self, family: &'static str, labels: &[(&str, &str)], n: u64) {
        self.put(family, labels, n as f64);
    }

    /// A histogram: how many were at most each bound, how many there are, and what they come to.
    pub(super) fn histogram(
        &mut self,
        family: &'static str,
        label: (&str, &str),
        (bounds, counts): (&[f64], &[u64]),
        sum: f64,
    ) {
        let mut so_far = 0;
        for (i, n) in counts.iter().enumerate() {
            so_far += n;
            let bound = bounds.get(i).map_or("+Inf".to_owned(), f64::to_string);
            self.line(family, "_bucket", &[label, ("le", &bound)], so_far as f64);
        }
        self.line(family, "_sum", &[label], sum);
        self.line(family, "_count", &[label], so_far as f64);
    }

    fn line(&mut self, family: &'static str, end: &str, labels: &[(&str, &str)], value: f64) {
        let said: Vec<String> =
            labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
        let said = if said.is_empty() { said.concat() } else { format!("{{{}}}", said.join(",")) };
        let line = format!("{PREFIX}{family}{end}{said} {value}");
        self.0.entry(family).or_default().push(line);
    }

    /// The families that have samples.
    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }

    /// Everything, in the order of the families.
    pub(super) fn write(&self) -> String {
        let mut out = String::new();
        for family in FAMILIES {
            let Some(lines) = self.0.get(family.name) else { continue };
            let (name, kind) = (family.name, family.kind.word());
            let written = writeln!(
                out,
                "# HELP {PREFIX}{name} {}\n# TYPE {PREFIX}{name} {kind}\n{}",
                family.help,
                lines.join("\n")
            );
            debug_assert!(written.is_ok(), "a text takes what is written");
        }
        out
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_with_their_family() {
        let mut figures = Figures::default();
        figures.count("link_due_records", &[("link", "a\"b\\c\nd")], 7);
        figures.put("build_info", &[], 1.0);
        let text = figures.write();
        assert!(text.contains("# TYPE tiergate_link_due_records gauge\n"), "{text}");
        assert!(text.contains("tiergate_link_due_records{link=\"a\\\"b\\\\c\\nd\"} 7\n"), "{text}");
        assert!(text.contains("\ntiergate_build_info 1\n"), "{text}");
    }

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let mut figures = Figures::default();
        let name = "link_acknowledgement_seconds";
        figures.histogram(name, ("link", "up"), (&[0.5, 10.0], &[2, 3, 1]), 40.25);
        let text = figures.write();
        let line = |end: &str, labels: &str, n: &str| {
            let line = format!("tiergate_{name}{end}{{link=\"up\"{labels}}} {n}\n");
            assert!(text.contains(&line), "{line} in {text}");
        };
        line("_bucket", ",le=\"0.5\"", "2");
        line("_bucket", ",le=\"10\"", "5");
        line("_bucket", ",le=\"+Inf\"", "6");
        line("_sum", "", "40.25");
        line("_count", "", "6");
    }
}
