//! The patterns a format may use: alternatives of ASCII character classes with counts. No regex
//! engine: what a class list cannot say is refused when the format is compiled.

/// Most repetitions a pattern may ask for.
const REPEAT_MAX: u16 = 10_000;

/// A compiled pattern, anchored at both ends as XSD patterns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As written.
    pub text: String,
    branches: Vec<Vec<Atom>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Atom {
    /// Bit n: ASCII character n.
    class: u128,
    min: u16,
    max: u16,
}

impl Pattern {
    /// Compiles a pattern; the error says what is not supported.
    pub fn compile(text: &str) -> Result<Self, String> {
        let mut branches = vec![];
        let mut p = Reader { rest: text };
        loop {
            let mut atoms = vec![];
            while let Some(class) = p.class()? {
                let (min, max) = p.count()?;
                atoms.push(Atom { class, min, max });
            }
            branches.push(atoms);
            match p.next() {
                None => break,
                Some('|') => {}
                Some(c) => {
                    return Err(format!(
                        "`{c}` is not supported in a pattern; write alternatives of [classes], \
                         literals and {{counts}}"
                    ));
                }
            }
        }
        Ok(Self { text: text.to_owned(), branches })
    }

    /// Whether the whole of `value` matches.
    pub fn matches(&self, value: &str) -> bool {
        self.branches.iter().any(|atoms| branch(atoms, value.as_bytes()))
    }
}

/// Whether a branch matches the whole of `bytes`, in time that grows with their length only.
fn branch(atoms: &[Atom], bytes: &[u8]) -> bool {
    let mut at = 0;
    for (n, atom) in atoms.iter().enumerate() {
        let run = atom.run(bytes.get(at..).unwrap_or_default());
        if run < usize::from(atom.min) {
            return false;
        }
        if atom.min < atom.max {
            // The last one takes all there is, or not; no other choice is left.
            let last = n + 1 == atoms.len();
            return if last { at + run == bytes.len() } else { ends(&atoms[n..], bytes, at) };
        }
        at += run;
    }
    at == bytes.len()
}

/// The rest of a branch from its first atom whose count is free: every place that can be reached is
/// followed at once, so that no value makes it try the same place twice.
fn ends(atoms: &[Atom], bytes: &[u8], from: usize) -> bool {
    let mut here = vec![false; bytes.len() + 1];
    here[from] = true;
    for atom in atoms {
        let mut next = vec![false; bytes.len() + 1];
        let (min, max) = (usize::from(atom.min), usize::from(atom.max));
        // How many fitting bytes stand before each place, and which starts are within reach of it.
        let (mut run, mut starts) = (0, 0_usize);
        for at in from..=bytes.len() {
            if at > from {
                run = if atom.fits(bytes[at - 1]) { run + 1 } else { 0 };
                if run == 0 {
                    starts = 0;
                }
            }
            if let Some(start) = at.checked_sub(min).filter(|s| *s >= from && at - s <= run) {
                starts += usize::from(here[start]);
            }
            next[at] = starts > 0;
            // The start that would need one more than `max` to come further.
            if let Some(start) = at.checked_sub(max).filter(|s| *s >= from && at - s <= run) {
                starts -= usize::from(here[start]);
            }
        }
        here = next;
    }
    here[bytes.len()]
}

impl Atom {
    const fn fits(&self, byte: u8) -> bool {
        byte < 128 && self.class >> byte & 1 == 1
    }

    /// How many of the first bytes it could take.
    fn run(&self, bytes: &[u8]) -> usize {
        bytes.iter().take(usize::from(self.max)).take_while(|b| self.fits(**b)).count()
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    /// A class or literal; none before `|` and at the end.
    fn class(&mut self) -> Result<Option<u128>, String> {
        match self.peek() {
            None | Some('|') => Ok(None),
            Some('[') => {
                self.next();
                self.bracket().map(Some)
            }
            Some('\\') => {
                self.next();
                match self.next() {
                    Some(c) if c.is_ascii_punctuation() => Ok(Some(1 << c as u32)),
                    other => Err(format!(
                        "`\\{}` is not supported in a pattern; write the class out, such as [0-9] \
                         (`\\d` takes full-width digits)",
                        other.map_or(String::new(), String::from)
                    )),
                }
            }
            Some(c) if c.is_ascii() && !"()?*+{}].^$".contains(c) => {
                self.next();
                Ok(Some(1 << c as u32))
            }
            Some(c) => Err(format!(
                "`{c}` is not supported in a pattern; write alternatives of [classes], literals \
                 and {{counts}}"
            )),
        }
    }

    fn bracket(&mut self) -> Result<u128, String> {
        let mut class = 0u128;
        loop {
            let from = match self.next() {
                Some(']') if class != 0 => return Ok(class),
                Some('\\') => self.next(),
                Some('^' | '[') => None,
                c => c,
            };
            let from = ascii(from)?;
            let to = if self.peek() == Some('-') {
                self.next();
                ascii(self.next())?
            } else {
                from
            };
            if to < from {
                return Err("a class range runs backwards; swap its ends".to_owned());
            }
            for c in from..=to {
                class |= 1 << c;
            }
        }
    }

    fn count(&mut self) -> Result<(u16, u16), String> {
        match self.peek() {
            Some('?') => {
                self.next();
                Ok((0, 1))
            }
            Some('{') => {
                self.next();
                let (inside, rest) =
                    self.rest.split_once('}').ok_or("a `{` has no `}`; close the count")?;
                self.rest = rest;
                let (min, max) = inside.split_once(',').unwrap_or((inside, inside));
                let number = |n: &str| n.parse::<u16>().ok().filter(|n| *n <= REPEAT_MAX);
                match (number(min), number(max)) {
                    (Some(min), Some(max)) if min <= max => Ok((min, max)),
                    _ => Err(format!("`{{{inside}}}` is not a count; write {{n}} or {{n,m}}")),
                }
            }
            _ => Ok((1, 1)),
        }
    }
}

fn ascii(c: Option<char>) -> Result<u32, String> {
    c.filter(|c| (' '..='~').contains(c))
        .map(u32::from)
        .ok_or_else(|| "a class holds printable ASCII characters only, and is closed by `]`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_classes_and_counts_match_whole_values() {
        let p = Pattern::compile("[0-9]{6}|[0-9]{9}|[0-9]{12}").unwrap();
        assert!(p.matches("990100") && p.matches("990100001"));
        assert!(!p.matches("9901001") && !p.matches("９９０１００") && !p.matches(""));
        let p = Pattern::compile(r"[0-9]{1,17}|[0-9]{1,17}\.[0-9]{1,2}").unwrap();
        assert!(p.matches("0") && p.matches("12.50"));
        assert!(!p.matches("12.") && !p.matches("1.505") && !p.matches("-1"));
        let p = Pattern::compile("a?[a-c]{1,2}c").unwrap();
        assert!(p.matches("ac") && p.matches("aabc") && !p.matches("aaaac"));
    }

    /// Every way of cutting a value, tried one after the other: what is right, and never ends.
    fn by_trying(atoms: &[Atom], bytes: &[u8]) -> bool {
        let Some((atom, rest)) = atoms.split_first() else { return bytes.is_empty() };
        let run = atom.run(bytes);
        (usize::from(atom.min)..=run).any(|n| by_trying(rest, &bytes[n..]))
    }

    #[test]
    fn it_says_what_trying_every_cut_says() {
        let patterns = [
            "a{0,3}a{1,2}b",
            "a?b?a?b?",
            "[ab]{1,3}a[ab]{0,2}",
            "a{2}b{0,1}a{2}",
            "[ab]{0,4}b{3}",
            "a{0,2}b{0,2}a{0,2}",
            "[ab]{2,5}[ab]{2,5}",
            "a{1,2}[ab]a{0,0}b?",
            "b{3,4}",
            "a?",
        ];
        for text in patterns {
            let p = Pattern::compile(text).unwrap();
            for n in 0..1_u32 << 9 {
                let bits = 32 - n.leading_zeros();
                let value: String =
                    (0..bits).map(|b| if n >> b & 1 == 0 { 'a' } else { 'b' }).collect();
                let right = p.branches.iter().any(|atoms| by_trying(atoms, value.as_bytes()));
                assert_eq!(p.matches(&value), right, "{text} on {value}");
            }
        }
    }

    #[test]
    fn no_value_makes_a_pattern_slow() {
        let atom = "[a-z]{0,10000}";
        let p = Pattern::compile(&format!("{}{}", atom.repeat(12), "0")).unwrap();
        let value = "a".repeat(100_000);
        // Trying every cut would not end before the sun does.
        assert!(!p.matches(&value));
        assert!(p.matches(&format!("{value}0")));
    }

    #[test]
    fn what_it_cannot_say_is_refused() {
        for bad in [r"\d", "(a)", "a*", "a+", ".", "[^a]", "[z-a]", "a{2,1}", "a{2", "[é]", "[]"] {
            assert!(Pattern::compile(bad).is_err(), "{bad}");
        }
    }
}
