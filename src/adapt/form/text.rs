//! Delimited text, whole: the drop folder pages it by bytes, a preview takes its first rows.

use std::io::Read;

use super::fault::FormError;
use super::{Item, Take, Told, header};
use crate::row::RowBuf;
use crate::source::FileSource;
use crate::text::{Next, RowFault, RowReader, TextSettings};

pub(super) fn read(
    file: &mut impl Read,
    text: TextSettings,
    source: &FileSource,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let mut reader = RowReader::new(text);
    let (mut row, mut out) = (RowBuf::new(), RowBuf::new());
    let mut pick: Option<Vec<usize>> = None;
    let mut piece = vec![0; 64 << 10];
    let mut told = Told::default();
    if take(Item::Part { query: 0, name: "" }).is_break() {
        return Ok(told);
    }
    loop {
        let next = reader.next_row(&mut row);
        let flow = match (next, &pick) {
            (Next::More, _) => {
                let n = file.read(&mut piece)?;
                reader.feed(piece.get(..n).unwrap_or_default(), n == 0);
                continue;
            }
            (Next::End, _) => break,
            (Next::Row | Next::Fault(_), None) => {
                let view = row.row();
                let names: Vec<String> =
                    (0..view.len()).map(|i| view.get(i).unwrap_or_default().to_owned()).collect();
                pick = Some(picked(&names, source)?);
                reader.expect_columns(names.len());
                continue;
            }
            (Next::Row, Some(pick)) => {
                out.clear();
                out.number = row.number;
                for at in pick {
                    out.push(row.row().get(*at));
                }
                take(Item::Row(&out))
            }
            (Next::Fault(fault), _) => {
                told.cut_off |= fault == RowFault::CutOff;
                take(Item::Fault { number: row.number, fault })
            }
        };
        if flow.is_break() {
            return Ok(told);
        }
    }
    if pick.is_none() {
        picked(&[], source)?;
    }
    Ok(told)
}

fn picked(names: &[String], source: &FileSource) -> Result<Vec<usize>, FormError> {
    let columns = source.queries.iter().flat_map(|q| &q.columns).map(|c| c.text.as_str());
    Ok(header::pick_columns(names, columns)?)
}
