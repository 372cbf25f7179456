//! Content digest and facts: what tells a change from a repetition, and what other records' rules
//! may read.

use super::{Format, Op, TypeIx, Values};
use crate::digest::{Digest, DigestAlg};

impl Format {
    /// Digest over the element values and `op`, without the rest of the attribute group and
    /// without volatile fields. Only for seeing change: equal to the last version's means that
    /// nothing is collected.
    pub fn content_digest(&self, ty: TypeIx, values: &Values, op: Op) -> Digest {
        let mut buffer = Vec::with_capacity(2048);
        self.content_digest_in(ty, values, op, &mut buffer)
    }

    /// As [`Format::content_digest`], in a buffer that the caller reuses.
    pub fn content_digest_in(
        &self,
        ty: TypeIx,
        values: &Values,
        op: Op,
        buffer: &mut Vec<u8>,
    ) -> Digest {
        let record = self.get(ty);
        buffer.clear();
        buffer.extend_from_slice(op.as_str().as_bytes());
        buffer.push(0);
        buffer.extend_from_slice(record.wire.as_bytes());
        for (ix, value) in values.iter() {
            let Some(field) = record.fields.get(ix).filter(|f| !f.volatile) else { continue };
            // XML holds no NUL, so the zero bytes separate without doubt.
            buffer.push(0);
            buffer.extend_from_slice(field.wire.as_bytes());
            buffer.push(0);
            buffer.extend_from_slice(value.as_bytes());
        }
        DigestAlg::default().of(&[buffer])
    }

    /// The record's facts as text: `SBSJ=2014-09-19 14:10:10;SLZTDM=1`.
    pub fn facts(&self, ty: TypeIx, values: &Values) -> String {
        let mut out = String::new();
        self.facts_in(ty, values, &mut out);
        out
    }

    /// As [`Format::facts`], in a text that the caller reuses.
    pub fn facts_in(&self, ty: TypeIx, values: &Values, out: &mut String) {
        out.clear();
        for (ix, field) in self.get(ty).fields.iter().enumerate() {
            let Some(value) = values.get(ix).filter(|_| field.fact) else { continue };
            // An invalid value may hold anything; it is no fact.
            if value.contains([';', '=']) {
                continue;
            }
            if !out.is_empty() {
                out.push(';');
            }
            out.push_str(&field.wire);
            out.push('=');
            out.push_str(value);
        }
    }
}
