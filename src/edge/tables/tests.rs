//! What every sink holds to, over files and over tables in three databases; and what tables hold to.

#![cfg(all(feature = "sqlite", feature = "mysql", feature = "postgres", feature = "odbc"))]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use canon::format::{Attributes, Format, Nature, Op, Values, supervision_1, supervision_1_files};
use canon::{Day, DigestAlg, Key, RecordId};

use super::{Settings, TablesSink};
use crate::db::{Engine, Place};
use crate::sink::{KeptRecord, Sink};
use crate::sql::contract::grounds::{Ground, Kind, on};
use crate::{Disposition, FilesSink, SinkError};

/// A record as it is kept.
struct Held {
    watermark: u64,
    id: RecordId,
    window: Day,
    void: bool,
    edition: String,
    fragment: String,
}

/// An application of this case: version, and the fields that are not the usual ones.
fn held(watermark: u64, case: &str, version: u32, fields: &[(&str, &str)]) -> Held {
    written(&supervision_1(), watermark, case, version, fields)
}

fn written(
    format: &Format,
    watermark: u64,
    case: &str,
    version: u32,
    fields: &[(&str, &str)],
) -> Held {
    let ty = format.type_by_name("application").unwrap();
    let record = format.get(ty);
    let mut values = Values::new();
    for (name, value) in [("case_no", case), ("item_name", "测试'事项\\")].iter().chain(fields)
    {
        values.set(record.field_by_name(name).unwrap_or_else(|| panic!("{name}")), value);
    }
    let day = Day::parse("2026-11-21").unwrap();
    let mut attrs =
        Attributes::live("test", "990103", day.start(), DigestAlg::default().of(&[b"row"]));
    attrs.version = version;
    if fields.iter().any(|(name, _)| *name == "remark") {
        attrs.op = Op::Void;
        (attrs.reason, attrs.by) = (Some("01".into()), Some("op7".into()));
    }
    let mut fragment = Vec::new();
    format.render(ty, &values, &attrs, &mut fragment);
    Held {
        watermark,
        id: RecordId { kind: record.wire.clone(), key: Key::new("990103", &[case]), version },
        window: day,
        void: attrs.op == Op::Void,
        edition: format.edition().to_owned(),
        fragment: String::from_utf8(fragment).unwrap(),
    }
}

fn batch(held: &[Held]) -> Vec<KeptRecord<'_>> {
    held.iter()
        .map(|h| KeptRecord {
            watermark: h.watermark,
            id: &h.id,
            window: h.window,
            envelope: "town/1/live/7",
            edition: &h.edition,
            void: h.void,
            fragment: &h.fragment,
        })
        .collect()
}

fn settings(place: Place) -> Settings {
    Settings {
        name: "province".into(),
        place,
        prefix: "p_".into(),
        statement_timeout: Duration::from_secs(20),
        lock_timeout: Duration::from_secs(1),
    }
}

fn tables(ground: &Ground) -> TablesSink {
    TablesSink::new(settings(ground.place.clone()), vec![supervision_1()]).unwrap()
}

/// One kind of sink, opened as often as a story wants.
enum Opens<'g> {
    Files(&'g tempfile::TempDir),
    Tables(&'g Ground),
}

impl Opens<'_> {
    fn open(&self) -> Box<dyn Sink> {
        match self {
            Self::Files(dir) => Box::new(FilesSink::open("files", dir.path()).unwrap()),
            Self::Tables(ground) => Box::new(tables(ground)),
        }
    }

    /// How many versions it holds, and how many of them withdraw.
    async fn holds(&self) -> (usize, usize) {
        match self {
            Self::Files(dir) => {
                let mut text = String::new();
                for file in std::fs::read_dir(dir.path()).unwrap() {
                    text += &std::fs::read_to_string(file.unwrap().path()).unwrap();
                }
                (text.lines().count(), text.matches("\"op\":\"void\"").count())
            }
            Self::Tables(ground) => {
                let count =
                    async |sql: &str| ground.cell(sql).await.unwrap().parse::<usize>().unwrap();
                (
                    count("SELECT count(*) FROM p_application").await,
                    count("SELECT count(*) FROM p_application WHERE tg_void = 1").await,
                )
            }
        }
    }
}

/// Given twice, across restarts, with a version withdrawn: once each, nothing gone.
async fn counts_once(opens: Opens<'_>) {
    let all = [
        held(1, "1", 1, &[]),
        held(2, "2", 1, &[]),
        held(3, "1", 2, &[("remark", "误报")]),
        held(5, "3", 1, &[]),
    ];
    let all = batch(&all);
    let mut sink = opens.open();
    sink.deliver(&all[..2]).await.unwrap();
    sink.deliver(&all[1..3]).await.unwrap();
    drop(sink);
    let mut sink = opens.open();
    sink.look_again().await.unwrap();
    sink.deliver(&all).await.unwrap();
    sink.deliver(&[]).await.unwrap();
    assert_eq!(opens.holds().await, (4, 1));
    if let Some(reached) = sink.reached().await.unwrap() {
        assert_eq!(reached, 5, "the place says itself how far it is");
    }
    // A batch before what it has changes nothing, nor does a replay.
    sink.deliver(&all[..1]).await.unwrap();
    sink.again(&all[..2]).await.unwrap();
    assert_eq!(opens.holds().await, (4, 1));
}

#[tokio::test]
async fn a_sink_of_files_takes_each_version_once() {
    counts_once(Opens::Files(&tempfile::tempdir().unwrap())).await;
}

macro_rules! over_databases {
    ($($story:ident as $name:ident),+ $(,)?) => {
        over_databases!(@each sqlite Kind::Sqlite, $($story as $name),+);
        over_databases!(@each mariadb Kind::Mariadb, $($story as $name),+);
        over_databases!(@each postgres Kind::Postgres, $($story as $name),+);
    };
    (@each $ground:ident $kind:expr, $($story:ident as $name:ident),+) => {
        mod $ground {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                on($kind, |ground| Box::pin($story(ground))).await;
            })+
        }
    };
}

over_databases!(
    takes_once as a_sink_of_tables_takes_each_version_once,
    typed as values_are_typed_and_what_does_not_fit_is_kept_beside,
    replayed as a_lost_row_comes_back_by_replay,
    side_by_side as two_editions_share_the_tables,
    grows as a_format_that_grows_adds_columns_and_else_is_refused,
    torn as a_batch_is_whole_or_not_there,
    hostile as texts_that_look_like_sql_stay_texts,
);

async fn takes_once(ground: &Ground) {
    counts_once(Opens::Tables(ground)).await;
    let current = "SELECT tg_version FROM p_application_current WHERE case_no = '1'";
    assert_eq!(ground.cell(current).await.as_deref(), Some("2"));
    let reason = "SELECT tg_reason FROM p_application WHERE case_no = '1' AND tg_version = 2";
    assert_eq!(ground.cell(reason).await.as_deref(), Some("01"));
    let said = "SELECT tg_envelope FROM p_application WHERE case_no = '2'";
    assert_eq!(ground.cell(said).await.as_deref(), Some("town/1/live/7"));
    let name = "SELECT item_name FROM p_application WHERE case_no = '2'";
    assert_eq!(ground.cell(name).await.as_deref(), Some("测试'事项\\"));
}

async fn typed(ground: &Ground) {
    let all = [
        held(1, "1", 1, &[("applied_at", "2026-11-21 10:00:05")]),
        held(2, "2", 1, &[("applied_at", "2026-11-21")]),
        held(3, "3", 1, &[("applied_at", "2026-02-30")]),
    ];
    tables(ground).deliver(&batch(&all)).await.unwrap();
    let cell = async |column: &str, case: &str| {
        ground.cell(&format!("SELECT {column} FROM p_application WHERE case_no = '{case}'")).await
    };
    assert_eq!(cell("applied_at", "1").await.as_deref(), Some("2026-11-21 10:00:05"));
    assert_eq!(cell("applied_at_day", "1").await.as_deref(), Some("0"));
    assert_eq!(cell("applied_at", "2").await.as_deref(), Some("2026-11-21 00:00:00"));
    assert_eq!(cell("applied_at_day", "2").await.as_deref(), Some("1"), "precision is kept");
    assert_eq!(cell("applied_at", "3").await, None);
    let misfit = cell("tg_misfit", "3").await;
    assert_eq!(misfit.as_deref(), Some("{\"applied_at\":\"2026-02-30\"}"));
    assert_eq!(cell("tg_window", "1").await.as_deref(), Some("2026-11-21"));
    assert_eq!(cell("tg_nature", "1").await.as_deref(), Some(Nature::Live.as_str()));
    let later = "SELECT count(*) FROM p_application WHERE applied_at >= '2026-11-21 10:00:00'";
    assert_eq!(ground.cell(later).await.as_deref(), Some("1"));
    let comment = match ground.engine() {
        Engine::Postgres => {
            "SELECT col_description('p_application'::regclass, 15) FROM p_application LIMIT 1"
        }
        Engine::Mysql => {
            "SELECT column_comment FROM information_schema.columns WHERE table_schema = DATABASE()
               AND table_name = 'p_application' AND column_name = 'case_no'"
        }
        _ => {
            "SELECT substr(sql, instr(sql, '申请'), 30) FROM sqlite_master WHERE name = 'p_application'"
        }
    };
    assert!(ground.cell(comment).await.unwrap().contains("申请"), "columns say what they are");
}

async fn replayed(ground: &Ground) {
    let all = [held(1, "1", 1, &[]), held(2, "2", 1, &[]), held(3, "3", 1, &[])];
    let mut sink = tables(ground);
    sink.deliver(&batch(&all)).await.unwrap();
    ground.run("DELETE FROM p_application WHERE case_no <> '2'").await;
    ground.run("UPDATE p_application SET item_name = 'someone'").await;
    sink.deliver(&batch(&all)).await.unwrap();
    let count = "SELECT count(*) FROM p_application WHERE item_name LIKE '测试%'";
    assert_eq!(ground.cell(count).await.as_deref(), Some("0"), "what was taken is passed over");
    sink.again(&batch(&all)[..2]).await.unwrap();
    assert_eq!(ground.cell(count).await.as_deref(), Some("2"));
    assert_eq!(sink.reached().await.unwrap(), Some(3), "the watermark never goes back");
}

/// The second edition: applications have a text more.
fn second() -> Arc<Format> {
    grown_as("2", "<xs:element name=\"XZD\" type=\"Text200\" minOccurs=\"0\">")
}

fn grown(element: &str) -> Arc<Format> {
    grown_as("1", element)
}

/// The format with one more element in its applications.
fn grown_as(edition: &str, element: &str) -> Arc<Format> {
    let mut files: BTreeMap<String, String> = supervision_1_files();
    for text in files.values_mut() {
        *text = text.replace("tiergate:supervision:1", &format!("tiergate:supervision:{edition}"));
        let named = |edition| format!("\"supervision\" edition=\"{edition}\"");
        *text = text.replace(&named("1"), &named(edition));
    }
    let text = files.values_mut().find(|t| t.contains("<xs:element name=\"SB\">")).unwrap();
    let at = text.find("<xs:element name=\"SB\">").unwrap();
    let end = at + text.get(at..).unwrap().find("</xs:sequence>").unwrap();
    let more = format!(
        "{element}<xs:annotation><xs:appinfo><t:field name=\"novelty\"/></xs:appinfo>
           <xs:documentation xml:lang=\"zh\">新字段</xs:documentation></xs:annotation></xs:element>"
    );
    text.insert_str(end, &more);
    Arc::new(Format::compile("supervision", edition, &files).unwrap_or_else(|p| panic!("{p:?}")))
}

async fn grows(ground: &Ground) {
    let old = [held(1, "1", 1, &[])];
    tables(ground).deliver(&batch(&old)).await.unwrap();
    let open = |format| TablesSink::new(settings(ground.place.clone()), vec![format]).unwrap();
    let optional = "<xs:element name=\"XZD\" type=\"Text100\" minOccurs=\"0\">";
    let mut sink = open(grown(optional));
    sink.deliver(&batch(&[held(2, "2", 1, &[])])).await.unwrap();
    assert_eq!(sink.news(), ["p_application: novelty"], "said once, for the audit");
    assert!(sink.news().is_empty());
    let column = "SELECT count(novelty) FROM p_application_current";
    assert_eq!(ground.cell(column).await.as_deref(), Some("0"), "in the view too");
    let mut same = open(grown(optional));
    same.deliver(&batch(&[held(3, "3", 1, &[])])).await.unwrap();
    assert!(same.news().is_empty());
    for (format, words) in [
        (supervision_1(), "has no field `novelty` any more"),
        (grown("<xs:element name=\"XZD\" type=\"Code36\" minOccurs=\"0\">"), "column `novelty` is"),
    ] {
        let error = open(format).deliver(&batch(&old)).await.unwrap_err();
        assert_eq!((error.code(), error.disposition()), ("source.sink_schema", Disposition::Halt));
        let text = error.to_string();
        assert!(text.contains(words), "{text}");
    }
}

/// Edition 2 has a field more and longer texts; both are kept in the same tables, in either order.
async fn side_by_side(ground: &Ground) {
    tables(ground).deliver(&batch(&[held(1, "1", 1, &[])])).await.unwrap();
    let (second, long) = (second(), "长".repeat(150));
    let open = |formats: &[&Arc<Format>]| {
        let formats = formats.iter().map(|f| Arc::clone(f)).collect();
        TablesSink::new(settings(ground.place.clone()), formats).unwrap()
    };
    let mut sink = open(&[&supervision_1(), &second]);
    let newer = written(&second, 2, "1", 2, &[("novelty", &long), ("item_name", "二版")]);
    sink.deliver(&batch(&[newer, held(3, "2", 1, &[])])).await.unwrap();
    let cells = async |column: &str| {
        let sql = format!("SELECT {column} FROM p_application_current WHERE case_no =");
        (ground.cell(&format!("{sql} '1'")).await, ground.cell(&format!("{sql} '2'")).await)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(cells("tg_format").await, (some("supervision/2"), some("supervision/1")));
    assert_eq!(cells("novelty").await, (Some(long.clone()), None));
    assert_eq!(sink.news().len(), 1);
    // Half a year later the second edition is the node's own, and says more.
    let third = grown_as("3", "<xs:element name=\"XZD\" type=\"Text500\" minOccurs=\"0\">");
    let longer = "更".repeat(390);
    let mut sink = open(&[&third, &second, &supervision_1()]);
    let newest = written(&third, 4, "2", 2, &[("novelty", &longer)]);
    sink.deliver(&batch(&[newest, held(5, "3", 1, &[])])).await.unwrap();
    assert_eq!(cells("novelty").await, (Some(long), Some(longer)));
    // MariaDB's texts lie beside their rows and have no length.
    let news: &[&str] = match ground.engine() {
        Engine::Mysql => &[],
        _ => &["p_application: novelty"],
    };
    assert_eq!(sink.news(), news, "the column is longer now");
    // A record of an edition that is not here stops it, and is there once it is.
    let mut old = open(&[&supervision_1(), &second]);
    let unknown = written(&third, 6, "4", 1, &[]);
    let error = old.deliver(&batch(&[unknown])).await.unwrap_err();
    assert_eq!(error.code(), "source.sink_schema", "{error}");
}

async fn hostile(ground: &Ground) {
    let texts = [
        "'); DROP TABLE p_application; --",
        "\\'; DELETE FROM p_application; -- ",
        "$$; DROP TABLE p_application; $$",
        "' OR '1'='1",
        "%s %d ? $1 :name",
        "/*! DROP TABLE p_application */",
    ];
    let all: Vec<Held> = (1..)
        .zip(texts)
        .map(|(n, text)| held(n, &format!("{n}'\";--"), 1, &[("item_name", text)]))
        .collect();
    let mut sink = tables(ground);
    sink.deliver(&batch(&all)).await.unwrap();
    sink.again(&batch(&all)).await.unwrap();
    for (n, text) in (1..=texts.len()).zip(texts) {
        let name = format!("SELECT item_name FROM p_application WHERE tg_watermark = {n}");
        assert_eq!(ground.cell(&name).await.as_deref(), Some(text));
        let case = format!("SELECT case_no FROM p_application WHERE tg_watermark = {n}");
        assert_eq!(ground.cell(&case).await, Some(format!("{n}'\";--")));
    }
}

async fn torn(ground: &Ground) {
    let mut sink = tables(ground);
    sink.deliver(&batch(&[held(1, "1", 1, &[])])).await.unwrap();
    // A record of no type of this format: nothing of its batch is there.
    let mut foreign = held(3, "3", 1, &[]);
    foreign.fragment = "<XX/>".into();
    let torn = [held(2, "2", 1, &[]), foreign];
    let error = sink.deliver(&batch(&torn)).await.unwrap_err();
    assert!(matches!(error, SinkError::Schema { .. }), "{error}");
    assert_eq!(ground.cell("SELECT count(*) FROM p_application").await.as_deref(), Some("1"));
    assert_eq!(tables(ground).reached().await.unwrap(), Some(1));
}
