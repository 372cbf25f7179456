//! Compiling a package: each block and field found in the format, or named as what does not fit.

use std::collections::BTreeMap;

use canon::format::{CodeList, Field, Format, RecordType, TypeIx};

use crate::mapping::{BlockMap, CondMap, OriginMap, QueryMap, StepMap, VoidMap};
use crate::package::{Block, Cond, Editions, Feed, Namespace, Origin, Package, ParentIs};
use crate::problem::{Pos, Problems, nearest};
use crate::source::{Query, Vanished};
use crate::table::Otherwise;
use crate::tree::Text;
use crate::vanish;

pub(crate) struct Compiler<'a> {
    pub(crate) package: &'a Package,
    pub(crate) format: &'a Format,
    pub(crate) names: Vec<&'a String>,
    pub(crate) problems: Problems,
    pub(crate) table_problems: BTreeMap<String, Problems>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn queries(&mut self) -> Vec<QueryMap> {
        let package = self.package;
        for (i, block) in package.records.iter().enumerate() {
            if self.is_for(&block.editions) && self.type_of(&block.ty).is_none() {
                self.unknown_type(i, &block.ty);
            }
        }
        package.queries().iter().map(|query| self.query(query)).collect()
    }

    fn query(&mut self, query: &Query) -> QueryMap {
        let package = self.package;
        let mine: Vec<(usize, &Block)> = package
            .records
            .iter()
            .enumerate()
            .filter(|(_, block)| block.from.text == query.name.text)
            .collect();
        if mine.is_empty() {
            self.problems.push(
                "adapter.query_unused",
                query.name.pos,
                &query.name.text,
                "no [[record]] uses the rows of this query",
                "没有 [[record]] 使用该查询的行",
            );
        }
        let namespace = match &package.namespace {
            Namespace::Column(column) => {
                crate::read_record::check_column(
                    &query.columns,
                    column,
                    &format!("adapter.namespace, query {}", query.name.text),
                    &mut self.problems,
                );
                Some(slot(query, column))
            }
            Namespace::Node | Namespace::Fixed(_) => None,
        };
        let blocks: Vec<BlockMap> =
            mine.into_iter().filter_map(|(i, block)| self.block(i, block, query)).collect();
        if matches!(query.vanished, Vanished::Void { .. }) {
            let types = blocks.iter().map(|b| (self.format.get(b.ty), b));
            vanish::check(query, namespace, types, &mut self.problems);
        }
        let voids = package
            .voids
            .iter()
            .filter(|v| v.from.iter().any(|f| f.text == query.name.text))
            .map(|v| VoidMap {
                when: cond(&v.when, query),
                reason: self.attribute("reason", "作废原因", &v.reason, query),
                by: self.attribute("by", "作废操作员", &v.by, query),
            })
            .collect();
        QueryMap {
            name: query.name.text.clone(),
            columns: query.columns.iter().map(|c| c.text.clone()).collect(),
            key: query.key.iter().map(|k| slot(query, k)).collect(),
            namespace,
            blocks,
            voids,
        }
    }

    fn block(&mut self, i: usize, block: &Block, query: &Query) -> Option<BlockMap> {
        if !self.is_for(&block.editions) {
            return None;
        }
        let ty = self.type_of(&block.ty)?;
        let format = self.format;
        let record = format.get(ty);
        let mut steps = Vec::with_capacity(block.fields.len());
        let edition = format.edition();
        for (name, feed) in block.fields.iter().filter(|(_, f)| f.editions.have(edition)) {
            let path = format!("record[{}].fields.{}", i + 1, name.text);
            match record.field_by_name(&name.text) {
                Some(field) => {
                    steps.push(self.step(field, &record.fields[field], feed, query, &path))
                }
                None => self.unknown_field(name, record, &path),
            }
        }
        for (ix, field) in record.fields.iter().enumerate() {
            let mapped = steps.iter().any(|s| s.field == ix);
            if !mapped && (field.required || record.key.contains(&ix)) {
                self.problems.push(
                    "adapter.field_unmapped",
                    block.ty.pos,
                    format!("record[{}].fields.{}", i + 1, field.name),
                    format!("mandatory field of `{}` is not mapped", record.name),
                    format!("『{}』的必填字段『{}』没有映射", record.label, field.label),
                );
            }
        }
        steps.sort_by_key(|s| s.field);
        Some(BlockMap {
            ty,
            when: cond(&block.when, query),
            parent: if record.parent.is_none() { ParentIs::None } else { block.parent },
            entered: block.entered.as_ref().map(|c| slot(query, c)),
            nature: block.nature,
            steps,
        })
    }

    /// Whether what is only for some editions is for this one.
    fn is_for(&self, editions: &Editions) -> bool {
        editions.have(self.format.edition())
    }

    fn type_of(&self, ty: &Text) -> Option<TypeIx> {
        self.format.type_by_name(&ty.text).or_else(|| self.format.type_by_wire(&ty.text))
    }

    fn unknown_type(&mut self, i: usize, ty: &Text) {
        let names: Vec<&str> = self.format.types().iter().map(|t| t.name.as_str()).collect();
        let by_label = self
            .format
            .types()
            .iter()
            .find(|t| t.label == ty.text || t.aliases.contains(&ty.text))
            .map(|t| t.name.clone());
        self.problems
            .push(
                "adapter.unknown_type",
                ty.pos,
                format!("record[{}].type", i + 1),
                format!("`{}` is no record type; known: {}", ty.text, names.join(", ")),
                format!("没有记录类型『{}』；可用：{}", ty.text, names.join(", ")),
            )
            .hint = by_label.or_else(|| nearest(&ty.text, names.iter().copied()));
    }

    fn unknown_field(&mut self, name: &Text, record: &RecordType, path: &str) {
        let other = record
            .field_by_wire(&name.text)
            .or_else(|| record.field_by_label(&name.text))
            .map(|ix| record.fields[ix].name.clone());
        let near = nearest(&name.text, record.fields.iter().map(|f| f.name.as_str()));
        self.problems
            .push(
                "adapter.unknown_field",
                name.pos,
                path,
                format!("`{}` has no such field; see `tiergate format doc`", record.name),
                format!("『{}』没有该字段，见 tiergate format doc", record.label),
            )
            .hint = other.or(near);
    }

    fn step(
        &mut self,
        ix: usize,
        field: &Field,
        feed: &Feed,
        query: &Query,
        path: &str,
    ) -> StepMap {
        let mut step = self.plain_step(feed, query);
        step.field = ix;
        step.wire = field.wire.clone();
        step.label = field.label.clone();
        step.name = field.name.clone();
        if let Some(CodeList::Closed { codes, .. }) = &field.list {
            let known: Vec<&str> = codes.iter().map(|(code, _)| &**code).collect();
            self.check_codes(feed, &known, path);
        }
        step
    }

    /// Whatever a table, constant or default gives must be a code of the field's closed list.
    fn check_codes(&mut self, feed: &Feed, known: &[&str], path: &str) {
        let said = |code: &str| {
            let all = known.join(", ");
            (
                format!("`{code}` is not a code of this field; known: {all}"),
                format!("『{code}』不是该字段的代码；可用：{all}"),
            )
        };
        let pos = match &feed.from {
            Origin::Column(text) => text.pos,
            Origin::Concat { columns, .. } | Origin::First(columns) => {
                columns.first().map_or(Pos::default(), |c| c.pos)
            }
            Origin::Constant(text) => text.pos,
        };
        let constant = match &feed.from {
            Origin::Constant(text) if feed.table.is_none() => Some(&text.text),
            _ => None,
        };
        for code in [constant, feed.default.as_ref()].into_iter().flatten() {
            if !known.contains(&code.as_str()) {
                let (en, zh) = said(code);
                self.problems.push("adapter.bad_code", pos, path, en, zh).hint =
                    nearest(code, known.iter().copied());
            }
        }
        let table = feed.table.as_ref().and_then(|t| self.package.tables.get(&t.text));
        let Some(table) = table else { return };
        let below = self
            .table_problems
            .entry(table.file.clone())
            .or_insert_with(|| Problems::of(&table.file));
        for row in table.rows.iter().filter(|row| !known.contains(&row.to.as_str())) {
            let (en, zh) = said(&row.to);
            below.push("adapter.bad_code", Pos { line: row.line, column: 1 }, path, en, zh);
        }
        if let Otherwise::Default(code) = &table.otherwise
            && !known.contains(&&**code)
        {
            let (en, zh) = said(code);
            self.problems.push("adapter.bad_code", table.at.pos, path, en, zh);
        }
    }

    /// The attributes `reason` and `by` of a void record.
    fn attribute(&self, wire: &str, label: &str, feed: &Feed, query: &Query) -> StepMap {
        let mut step = self.plain_step(feed, query);
        step.wire = wire.into();
        step.name = wire.into();
        step.label = label.into();
        step
    }

    fn plain_step(&self, feed: &Feed, query: &Query) -> StepMap {
        let slots = |columns: &[Text]| columns.iter().map(|c| slot(query, c)).collect();
        let origin = match &feed.from {
            Origin::Column(column) => OriginMap::Column(slot(query, column)),
            Origin::Constant(text) => OriginMap::Constant(text.as_str().into()),
            Origin::Concat { columns, with } => {
                OriginMap::Concat(slots(columns), with.as_str().into())
            }
            Origin::First(columns) => OriginMap::First(slots(columns)),
        };
        StepMap {
            field: 0,
            wire: "".into(),
            label: String::new(),
            when: cond(&feed.when, query),
            name: String::new(),
            origin,
            verbs: feed.verbs.clone().into(),
            table: feed
                .table
                .as_ref()
                .and_then(|t| self.names.iter().position(|name| **name == t.text)),
            default: feed.default.as_deref().map(Into::into),
        }
    }
}

/// Index of a declared column; reading has checked that it is one.
fn slot(query: &Query, column: &Text) -> usize {
    query.columns.iter().position(|c| c.text == column.text).unwrap_or(usize::MAX)
}

fn cond(cond_: &Cond, query: &Query) -> CondMap {
    let boxed = |list: &[String]| list.iter().map(|t| t.as_str().into()).collect();
    let several = |list: &[Cond]| list.iter().map(|c| cond(c, query)).collect();
    match cond_ {
        Cond::Always => CondMap::Always,
        Cond::Present(column) => CondMap::Present(slot(query, column)),
        Cond::Empty(column) => CondMap::Empty(slot(query, column)),
        Cond::In(column, list) => CondMap::In(slot(query, column), boxed(list)),
        Cond::NotIn(column, list) => CondMap::NotIn(slot(query, column), boxed(list)),
        Cond::All(list) => CondMap::All(several(list)),
        Cond::Any(list) => CondMap::Any(several(list)),
    }
}

#[cfg(test)]
mod tests {
    use canon::format::{supervision_1, supervision_1_files};

    use super::*;
    use crate::{Mapping, Problem};

    const LINE: &str = include_str!("../../tests/world/line/adapter.toml");
    const NOVELTY: &str = include_str!("../../tests/world/novelty.xsd");

    fn second() -> Format {
        let mut files = supervision_1_files();
        for text in files.values_mut() {
            *text = text.replace("tiergate:supervision:1", "tiergate:supervision:2");
            *text = text.replace("\"supervision\" edition=\"1\"", "\"supervision\" edition=\"2\"");
            if let Some(at) = text.find("<xs:element name=\"SB\">") {
                let end = at + text.get(at..).unwrap().find("</xs:sequence>").unwrap();
                text.insert_str(end, NOVELTY);
            }
        }
        Format::compile("supervision", "2", &files).unwrap_or_else(|p| panic!("{p:?}"))
    }

    fn compiled(toml: &str, format: &Format) -> Result<Mapping, Vec<Problem>> {
        let files = BTreeMap::from([("adapter.toml".to_owned(), toml.as_bytes().to_vec())]);
        Mapping::compile(&Package::read(&files)?, format)
    }

    fn codes(toml: &str, format: &Format) -> Vec<(&'static str, String)> {
        let problems = compiled(toml, format).unwrap_err();
        problems.into_iter().map(|p| (p.code, p.key)).collect()
    }

    #[test]
    fn one_package_serves_two_editions() {
        let steps = |format: &Format| {
            let mapping = compiled(LINE, format).unwrap_or_else(|p| panic!("{p:?}"));
            mapping.queries[0].blocks[0].steps.iter().any(|s| s.name == "novelty")
        };
        assert!(!steps(&supervision_1()));
        assert!(steps(&second()));
    }

    #[test]
    fn what_does_not_fit_an_edition_is_named() {
        let for_all = LINE.replace(", editions = [\"supervision/2\"]", "");
        assert!(compiled(&for_all, &second()).is_ok());
        assert_eq!(
            codes(&for_all, &supervision_1()),
            [("adapter.unknown_field", "record[1].fields.novelty".to_owned())]
        );
        // A record of the new edition alone is none of the old one's.
        let block = "\n[[record]]\ntype = \"brand_new\"\n[record.fields]\ncase_no = \"case\"\n";
        let newer = block.replace("[record.", "editions = [\"supervision/9\"]\n[record.");
        assert!(compiled(&format!("{LINE}{newer}"), &second()).is_ok());
        let found = codes(&format!("{LINE}{block}"), &second());
        assert!(found.iter().any(|(code, _)| *code == "adapter.unknown_type"), "{found:?}");
    }

    #[test]
    fn editions_are_those_of_the_package_s_own_format() {
        let typed = LINE.replace("[\"supervision/2\"]", "[\"guangdong/1\"]");
        assert_eq!(codes(&typed, &supervision_1())[0].0, "adapter.bad_value");
        let other = LINE.replace("format = \"supervision/1\"", "format = \"guangdong/1\"");
        let other = other.replace("[\"supervision/2\"]", "[\"guangdong/2\"]");
        assert!(codes(&other, &supervision_1()).iter().any(|(code, _)| *code == "adapter.format"));
    }
}
