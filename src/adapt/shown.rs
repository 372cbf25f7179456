//! Which source columns may be shown to whoever looks on.

use std::collections::BTreeSet;

use canon::format::Format;

use crate::mapping::Mapping;

impl Mapping {
    /// Columns whose values may be shown: each feeds a field, and none that the format marks as
    /// personal. What nobody maps is nobody's to show.
    pub fn shown_columns(&self, format: &Format) -> BTreeSet<&str> {
        let (mut open, mut personal) = (BTreeSet::new(), BTreeSet::new());
        for query in &self.queries {
            for block in &query.blocks {
                let fields = &format.get(block.ty).fields;
                for step in &block.steps {
                    let slots = step.origin.columns().iter();
                    let fed = slots.filter_map(|slot| query.columns.get(*slot)).map(String::as_str);
                    match fields.get(step.field) {
                        Some(field) if !field.personal => open.extend(fed),
                        _ => personal.extend(fed),
                    }
                }
            }
        }
        open.retain(|column| !personal.contains(column));
        open
    }
}
