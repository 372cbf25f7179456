//! `tiergate format`: what a format says, for people and for stock XSD tools.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::format::{Format, Lang as Language, supervision_1};
use clap::Subcommand;

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
    let (folder, doc) = match &command {
        FormatCommand::Doc { format } => (format, true),
        FormatCommand::Xsd { format } => (format, false),
        FormatCommand::Diff(args) => return editions::run(args, out),
    };
    let format = load(folder.as_deref(), out)?;
    let lang = match out.lang {
        Lang::Zh => Language::Zh,
        Lang::En => Language::En,
    };
    let text = if doc { format.dictionary_markdown(lang) } else { format.flat_xsd() };
    if out.json {
        out.value(&serde_json::json!({ "edition": format.edition(), "text": text }))?;
    } else {
        out.text(text.trim_end())?;
    }
    Ok(Exit::Fine)
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
