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

fn branch(atoms: &[Atom], bytes: &[u8]) -> bool {
    let Some((atom, rest)) = atoms.split_first() else {
        return bytes.is_empty();
    };
    let fits = |b: &u8| *b < 128 && atom.class >> *b & 1 == 1;
    let run = bytes.iter().take(usize::from(atom.max)).take_while(|b| fits(b)).count();
    let min = usize::from(atom.min);
    if run < min {
        return false;
    }
    // Longest first; a fixed count, the usual case, tries once.
    (min..=run).rev().any(|n| branch(rest, &bytes[n..]))
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

    #[test]
    fn what_it_cannot_say_is_refused() {
        for bad in [r"\d", "(a)", "a*", "a+", ".", "[^a]", "[z-a]", "a{2,1}", "a{2", "[é]", "[]"] {
            assert!(Pattern::compile(bad).is_err(), "{bad}");
        }
    }
}
