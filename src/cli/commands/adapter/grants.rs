//! `tiergate adapter grants`: the SQL for the account that reads a database.

use std::path::PathBuf;

use adapt::Source;
use clap::Args;
use edge::db::Engine;
use edge::sql::{Account, grants};
use serde_json::json;

use crate::text::{Done, Exit, Failure, Out};

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct Grants {
    /// The package's folder
    folder: PathBuf,
    /// mysql (MariaDB), postgres (人大金仓), mssql, oracle (达梦) or sqlite
    #[arg(long, value_parser = engine)]
    engine: Engine,
    /// The account's name
    #[arg(long, default_value = "tiergate_reader", value_parser = plain)]
    user: String,
    /// The database's name, where rights name it (MySQL)
    #[arg(long, default_value = "approval", value_parser = plain)]
    database: String,
    /// Where tables lie that the package names without a schema (PostgreSQL, Oracle, SQL Server)
    #[arg(long, value_parser = plain)]
    schema: Option<String>,
}

fn engine(text: &str) -> Result<Engine, String> {
    let known = Engine::ALL.iter().find(|(word, _)| *word == text);
    known.map(|(_, engine)| *engine).ok_or_else(|| {
        let words: Vec<&str> = Engine::ALL.iter().map(|(word, _)| *word).collect();
        format!("write one of · 请写其中之一: {}", words.join(", "))
    })
}

/// A name that needs no quotes: it is printed into a statement.
fn plain(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.is_empty() && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    Err("letters, digits and _ only · 只能用字母、数字和 _".into())
}

/// Prints it.
pub(crate) fn run(args: &Grants, out: &Out) -> Done {
    let package = match super::read(&args.folder)? {
        Ok(package) => package,
        Err(found) => return out.verdict(&found, String::new(), String::new()),
    };
    let Source::Sql(source) = &package.source else {
        return Err(Failure::usage(
            "this package reads no database: an account there is of no use to it",
            "该适配包不读数据库，不需要数据库账号",
        ));
    };
    let Grants { engine, user, database, schema, .. } = args;
    let to = Account { engine: *engine, user, database, schema: schema.as_deref() };
    let all = grants(source, to);
    if out.json {
        let engine = args.engine.as_str();
        out.value(&json!({ "ok": true, "engine": engine, "grants": all }))?;
    } else {
        out.text(all.join("\n"))?;
    }
    Ok(Exit::Fine)
}
