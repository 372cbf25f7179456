//! `tiergate store`: brings a store to this program's edition, or moves a node's facts from a SQLite
//! file into PostgreSQL.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use exchange::config::{PostgresConfig, PostgresTls, SecretRef, StoreUrl};
use serde::Serialize;
use store::postgres::{self, Moved, PostgresStore};
use store::{Place, SqliteStore};

use crate::assemble::store_failure;
use crate::stores::postgres_settings_of;
use crate::text::{Done, Exit, Failure, Out};
use crate::{open, os};

/// Connections of the move: one copies, one opens.
const CONNECTIONS: u32 = 2;

/// What is done to a store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Bring the stores of these nodes to this program's edition · 升级存储结构
    Migrate {
        /// Configuration files
        #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
        config: Vec<PathBuf>,
    },
    /// Move a node, all identities, from a SQLite file into PostgreSQL · 存储迁移
    Move {
        /// The file: sqlite:PATH. Nobody may have it open; it is never started again
        #[arg(long, value_name = "sqlite:PATH")]
        from: String,
        /// An empty schema: postgres://USER@HOST/DATABASE?schema=NAME
        #[arg(long, value_name = "URL")]
        to: String,
        /// Where the password is: file:PATH or env:NAME
        #[arg(long, value_name = "REFERENCE")]
        password: Option<String>,
        /// Encrypt the connection: the certificate is of a known authority and names the host
        #[arg(long)]
        verify_full: bool,
    },
}

/// Runs the command.
pub(crate) fn run(command: StoreCommand, out: &Out) -> Done {
    match command {
        StoreCommand::Migrate { config } => migrate(&config, out),
        StoreCommand::Move { from, to, password, verify_full } => {
            let password = open::referred("--password", password.as_deref())?;
            let tls = if verify_full { PostgresTls::VerifyFull } else { PostgresTls::Prefer };
            move_store(&from, &to, password, tls, out)
        }
    }
}

/// What became of one store.
#[derive(Serialize)]
struct Migrated {
    store: String,
    ran: Vec<String>,
}

fn migrate(configs: &[PathBuf], out: &Out) -> Done {
    let nodes = open::each_config(configs)?;
    let mut all = Vec::new();
    os::block_on(async {
        for node in &nodes {
            let (store, ran) = match &node.store {
                StoreUrl::Memory => continue,
                StoreUrl::Sqlite(path) => {
                    (path.display().to_string(), SqliteStore::migrate(path).await)
                }
                StoreUrl::Postgres(schema) => {
                    let settings = postgres_settings_of(schema, node.limits.store_connections)?;
                    (schema.to_string(), PostgresStore::migrate(&settings).await)
                }
            };
            all.push(Migrated { store, ran: ran.map_err(store_failure)? });
        }
        Ok::<_, Failure>(())
    })??;
    if out.json {
        out.value(&all)?;
        return Ok(Exit::Fine);
    }
    for one in &all {
        let (store, ran) = (&one.store, one.ran.join(", "));
        if one.ran.is_empty() {
            out.say(
                format_args!("{store}: nothing to do"),
                format_args!("{store}：已是本程序的版本"),
            )?;
        } else {
            out.say(format_args!("{store}: ran {ran}"), format_args!("{store}：已执行 {ran}"))?;
        }
    }
    Ok(Exit::Fine)
}

fn move_store(
    from: &str,
    to: &str,
    password: Option<SecretRef>,
    tls: PostgresTls,
    out: &Out,
) -> Done {
    let Some(path) = from.strip_prefix("sqlite:").filter(|p| !p.is_empty()) else {
        return Err(Failure::usage(
            "--from must be sqlite:PATH, the file of the node that moves",
            "--from 应为 sqlite:路径，即要迁移的节点文件",
        ));
    };
    let Some(schema) = PostgresConfig::parse(to) else {
        return Err(Failure::usage(
            "--to must be postgres://USER@HOST:PORT/DATABASE?schema=NAME, without a password",
            "--to 应为 postgres://用户@主机:端口/数据库?schema=名称，不含密码",
        ));
    };
    let schema = PostgresConfig { password, tls, ..schema };
    let settings = postgres_settings_of(&schema, CONNECTIONS)?;
    let moved = os::block_on(postgres::move_from_sqlite(Path::new(path), &settings))?;
    let moved = moved.map_err(store_failure)?;
    if out.json {
        out.value(&moved)?;
    } else {
        told(&moved, &schema, out)?;
    }
    Ok(Exit::Fine)
}

fn told(moved: &Moved, schema: &PostgresConfig, out: &Out) -> std::io::Result<()> {
    if moved.only_marked {
        out.say(
            "the facts were there already; the file is marked as moved now",
            "数据此前已迁移完毕，现已将原文件标记为已迁移",
        )?;
    }
    let identities = moved.identities.join(", ");
    let rows: u64 = moved.tables.iter().map(|(_, n)| n).sum();
    let tables = moved.tables.len();
    out.say(
        format_args!("moved {identities}: {rows} rows of {tables} tables"),
        format_args!("已迁移 {identities}：{tables} 张表，{rows} 行"),
    )?;
    let records: u64 = moved.census.iter().sum();
    let places = Place::ALL.iter().zip(moved.census).filter(|(_, n)| *n > 0);
    let places: Vec<String> = places.map(|(place, n)| format!("{place} {n}")).collect();
    let places = places.join(" · ");
    out.say(
        format_args!("the same at both ends: {records} records ({places}), sums, and the audit chain of {} events", moved.audited),
        format_args!("两端一致：记录 {records} 条（{places}）、台账合计、审计链 {} 项", moved.audited),
    )?;
    out.say(
        format_args!("the file is not started again; write in [store]: url = \"{schema}\""),
        format_args!("原文件不可再启动；请在 [store] 中写 url = \"{schema}\""),
    )
}
