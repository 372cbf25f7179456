//! `tiergate adapter`: from the user's own file to a package that `check adapter` accepts.

mod beside;
mod grants;
mod new;
mod preview;
mod resume;
mod server;
mod test;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adapt::Package;
use clap::Subcommand;

use crate::files;
use crate::text::{Done, Failure, Finding, Out};

/// What is done with a package.
#[derive(Debug, Subcommand)]
pub(crate) enum AdapterCommand {
    /// Make a package from a file of yours · 由您的文件新建适配包
    New(new::New),
    /// Show what a package makes of a file or database; nothing is stored · 预览转换结果
    Preview(preview::Preview),
    /// The SQL for the least account that reads a package's database · 最小权限账号的授权语句
    Grants(grants::Grants),
    /// Let an adapter go on that its guard or a wrong header paused · 恢复已暂停的适配器
    Resume(resume::Resume),
    /// Run a package's samples against their expected output · 运行适配包样例
    Test(test::Test),
}

/// Runs the command.
pub(crate) fn run(command: AdapterCommand, out: &Out) -> Done {
    match command {
        AdapterCommand::New(args) => new::run(&args, out),
        AdapterCommand::Preview(args) => preview::run(&args, out),
        AdapterCommand::Grants(args) => grants::run(&args, out),
        AdapterCommand::Resume(args) => resume::run(&args, out),
        AdapterCommand::Test(args) => test::run(&args, out),
    }
}

/// Which format a package is held against.
#[derive(Debug, clap::Args)]
pub(crate) struct FormatArg {
    /// The format's folder; the built-in supervision/1 if not given
    #[arg(long, value_name = "FOLDER")]
    pub(crate) format: Option<PathBuf>,
}

/// A package's files by name.
pub(crate) fn files_of(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    if !folder.is_dir() {
        let shown = folder.display();
        return Err(Failure::environment(
            format!(
                "{shown} is not a folder; name an adapter package, such as adapters/township_window"
            ),
            format!("{shown} 不是目录；请指明适配包目录，如 adapters/township_window"),
        ));
    }
    files::folder(folder)
}

/// What a package is called: the last part of its folder, whatever stands in it.
pub(crate) fn called(folder: &Path) -> String {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A package's problems as findings, with the folder before each file.
pub(crate) fn findings(folder: &Path, problems: Vec<adapt::Problem>) -> Vec<Finding> {
    let finding = |p: adapt::Problem| Finding {
        file: folder.join(p.file).display().to_string(),
        line: p.pos.line.into(),
        column: p.pos.column.into(),
        code: p.code.into(),
        key: p.key,
        en: p.en,
        zh: p.zh,
        hint: p.hint,
    };
    problems.into_iter().map(finding).collect()
}

/// A package read from its folder, samples not run.
pub(crate) fn read(folder: &Path) -> Result<Result<Package, Vec<Finding>>, Failure> {
    Ok(Package::read(&files_of(folder)?).map_err(|problems| findings(folder, problems)))
}
