//! `tiergate format`: what a format says, for people and for stock XSD tools.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::format::{Format, Lang as Language, supervision_1};
use clap::Subcommand;
use edge::db::Engine;
use edge::tables;

use crate::commands::editions;
use crate::open;
use crate::text::{Done, Exit, Failure, Lang, Out};

/// What is printed.
#[derive(Debug, Subcommand)]
pub(crate) enum FormatCommand {
    /// The data dictionary as Markdown · 数据字典（Markdown）
    Doc {
        /// The format's folder; the built-in supervision/1 if not given
        #[arg(long)]
        format: Option<PathBuf>,
    },
    /// The tables of a `sql_tables` sink, as a script with Chinese comments · 库表结构脚本
    Ddl {
        /// postgres, mysql (MariaDB) or sqlite
        #[arg(long, value_parser = engine)]
        engine: Engine,
        /// Before the name of every table
        #[arg(long, default_value = "")]
        prefix: String,
        /// The format's folder; the built-in supervision/1 if not given
        #[arg(long)]
        format: Option<PathBuf>,
    },
    /// One flat XSD without imports, for stock tools · 合并为单个 XSD，供通用工具使用
    Xsd {
        /// The format's folder; the built-in supervision/1 if not given
        #[arg(long)]
        format: Option<PathBuf>,
    },
    /// What changed between two editions, what breaks, and which adapters · 比较两版格式
    Diff(editions::Editions),
}

/// Prints it.
pub(crate) fn run(command: FormatCommand, out: &Out) -> Done {
    let lang = match out.lang {
        Lang::Zh => Language::Zh,
        Lang::En => Language::En,
    };
    match command {
        FormatCommand::Doc { format } => print(format, out, |f| f.dictionary_markdown(lang)),
        FormatCommand::Xsd { format } => print(format, out, Format::flat_xsd),
        FormatCommand::Ddl { engine, prefix, format } => {
            print(format, out, |f| tables::script(f, engine, &prefix))
        }
        FormatCommand::Diff(args) => editions::run(&args, out),
    }
}

fn print(folder: Option<PathBuf>, out: &Out, text: impl FnOnce(&Format) -> String) -> Done {
    let format = load(folder.as_deref(), out)?;
    let text = text(&format);
    if out.json {
        out.value(&serde_json::json!({ "edition": format.edition(), "text": text }))?;
    } else {
        out.text(text.trim_end())?;
    }
    Ok(Exit::Fine)
}

/// An engine that tables are made for.
fn engine(text: &str) -> Result<Engine, String> {
    let known = tables::ENGINES.iter().find(|(word, _)| *word == text);
    known.map(|(_, engine)| *engine).ok_or_else(|| {
        let words: Vec<&str> = tables::ENGINES.iter().map(|(word, _)| *word).collect();
        format!("write one of · 请写其中之一: {}", words.join(", "))
    })
}

/// The format of a folder, or the built-in one.
pub(crate) fn load(folder: Option<&Path>, out: &Out) -> Result<Arc<Format>, Failure> {
    let Some(folder) = folder else { return Ok(supervision_1()) };
    open::format(folder)?.map(Arc::new).map_err(|found| {
        let lines: Vec<String> = found.iter().map(|f| f.line(out.lang)).collect();
        let shown = lines.join("\n");
        Failure {
            exit: Exit::Problems,
            en: format!("the format does not compile:\n{shown}"),
            zh: format!("格式有误：\n{shown}"),
        }
    })
}
