//! A first look at a file that is no plain text: its form, its columns, its first rows.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;

use adapt::form::{self, FormError, FormLimits, Item, Looked, Reading, Scratch};
use adapt::{Detect, FileSource, Query, RowBuf, Text, Vanished};

use super::given::Input;
use crate::files;
use crate::text::Failure;

/// What is seen of the file; none where it is plain text.
pub(super) fn read(
    path: &Path,
    name: &str,
    sheet: Option<&str>,
    rows_max: usize,
) -> Result<Option<Input>, Failure> {
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let wrong = |e: FormError| {
        let shown = path.display();
        match e {
            FormError::Wrong(fault) => Failure::usage(
                format!("{shown}: {} [{}]", fault.en, fault.code),
                format!("{shown}：{} [{}]", fault.zh, fault.code),
            ),
            FormError::Io(e) => files::cannot(path, &e),
        }
    };
    let mut opened = files::open(path)?;
    let limits = FormLimits::default();
    let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
    let found = form::look(&mut opened, &file, &limits, &mut scratch).map_err(wrong)?;
    let Some(found) = found else { return Ok(None) };
    let sheets: Vec<String> = found.iter().filter_map(|l| l.part.clone()).collect();
    let chosen = match sheet {
        None => found.into_iter().next(),
        Some(sheet) => found.into_iter().find(|l| l.part.as_deref().is_none_or(|p| p == sheet)),
    };
    let Some(Looked { form, part, header }) = chosen else {
        let (shown, all) = (path.display(), sheets.join("、"));
        return Err(Failure::usage(
            format!("{shown} has no such sheet; it has: {all}"),
            format!("{shown} 没有该工作表；其中有：{all}"),
        ));
    };
    let sheets = sheets.into_iter().filter(|s| part.as_ref() != Some(s)).collect();
    let source = source(form, &header);
    let mut rows: Vec<RowBuf> = Vec::new();
    let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
    let reading = Reading { source: &source, limits: &limits, scratch: &mut scratch };
    form::read(&mut opened, reading, &mut |item| {
        if let Item::Row(row) = item {
            rows.push(row.clone());
        }
        if rows.len() < rows_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .map_err(wrong)?;
    Ok(Some(Input { name: name.into(), file, form: source.form, sheets, header, rows }))
}

/// A source with every column that the file has.
fn source(form: adapt::Form, header: &[String]) -> FileSource {
    let text = |text: &String| Text { text: text.clone(), ..Text::default() };
    let query = Query {
        name: Text::default(),
        sql: String::new(),
        sql_for: Default::default(),
        columns: header.iter().map(text).collect(),
        key: Vec::new(),
        detect: Detect::File,
        history: None,
        vanished: Vanished::Ignore,
        write_back: None,
    };
    let plain = String::new;
    let (files, done, failed) = (plain(), plain(), plain());
    FileSource { form, files, done, failed, answer: None, settle_seconds: 0, queries: vec![query] }
}
