//! A record's values: one arena of text with a slot for each field, cheap to clear and reuse.

/// An absent slot.
const ABSENT: (u32, u32) = (u32::MAX, 0);

/// Values of one record, addressed by field index. An empty text is an absent value: the format
/// has no empty elements.
#[derive(Clone, Default)]
pub struct Values {
    arena: String,
    slots: Vec<(u32, u32)>,
}

impl Values {
    /// No values yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a value into a slot; the empty text empties it. A slot that is set again leaves its old
    /// text in the arena until [`Values::clear`].
    pub fn set(&mut self, ix: usize, value: &str) {
        self.begin(ix);
        self.arena.push_str(value);
        self.end(ix);
    }

    /// Starts a value that is written piece by piece through [`Values::push`]; [`Values::end`]
    /// closes it.
    pub(crate) fn begin(&mut self, ix: usize) {
        if self.slots.len() <= ix {
            self.slots.resize(ix + 1, ABSENT);
        }
        self.slots[ix] = (self.arena.len() as u32, 0);
    }

    /// Adds text to the value begun last.
    pub(crate) fn push(&mut self, text: &str) {
        self.arena.push_str(text);
    }

    /// Closes the value begun last.
    pub(crate) fn end(&mut self, ix: usize) {
        if let Some(slot) = self.slots.get_mut(ix) {
            let len = self.arena.len() as u32 - slot.0;
            *slot = if len == 0 { ABSENT } else { (slot.0, len) };
        }
    }

    /// Empties a slot.
    pub fn remove(&mut self, ix: usize) {
        if let Some(slot) = self.slots.get_mut(ix) {
            *slot = ABSENT;
        }
    }

    /// The value of a field; none where it is absent.
    pub fn get(&self, ix: usize) -> Option<&str> {
        let &(start, len) = self.slots.get(ix)?;
        if start == u32::MAX {
            return None;
        }
        self.arena.get(start as usize..start as usize + len as usize)
    }

    /// Empties all slots and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.slots.clear();
    }

    /// Present values in field order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        (0..self.slots.len()).filter_map(|ix| Some((ix, self.get(ix)?)))
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Values {}

impl std::fmt::Debug for Values {
    /// How many values there are; never the values (they may be personal data).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Values({} present)", self.iter().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_set_replaced_emptied_and_compared_by_content() {
        let (mut a, mut b) = (Values::new(), Values::new());
        a.set(3, "x");
        a.set(1, "first");
        a.set(1, "张三");
        b.set(1, "张三");
        b.set(3, "x");
        b.set(9, "");
        assert_eq!(a, b);
        assert_eq!(a.get(1), Some("张三"));
        assert_eq!((a.get(0), a.get(77)), (None, None));
        a.remove(1);
        assert_ne!(a, b);
        a.clear();
        assert_eq!(a.iter().count(), 0);
        assert_eq!(format!("{b:?}"), "Values(2 present)");
    }
}
