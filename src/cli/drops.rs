//! What lies in the folders into which other systems drop files, for `status`.

use canon::{Millis, NodeCode};
use edge::file_drop;
use exchange::config::NodeConfig;

use crate::commands::waiting::Said;
use crate::open;
use crate::text::{Lang, age};

/// Older than this a file should have been read long since, milliseconds.
const LATE_MS: i64 = 10 * 60 * 1000;

/// A drop folder of an adapter.
#[derive(Clone, Debug)]
pub(crate) struct DropView {
    adapter: String,
    settings: file_drop::Settings,
}

/// The drop folders of an identity. A package that cannot be read is for `check config` to say.
pub(crate) fn views(node: &NodeConfig, code: &NodeCode) -> Vec<DropView> {
    let adapters = node.adapters.iter().filter(|a| a.identity == *code);
    let with_folder: Vec<_> =
        adapters.filter_map(|a| Some((a, a.source.folder.clone()?))).collect();
    if with_folder.is_empty() {
        return Vec::new();
    }
    let Ok(Ok(format)) = open::format_of(node) else { return Vec::new() };
    let view = |(adapter, folder): &(&exchange::config::AdapterConfig, std::path::PathBuf)| {
        let package = open::package(adapter, &format).ok()?.ok()?;
        let adapt::Source::Files(source) = &package.source else { return None };
        let settings = file_drop::Settings::of(&adapter.name, folder.clone(), source);
        Some(DropView { adapter: adapter.name.to_string(), settings })
    };
    with_folder.iter().filter_map(view).collect()
}

/// What should be known of them: files that nobody reads, files that have lain for long.
pub(crate) fn of(views: &[DropView], now: Millis) -> Vec<Said> {
    views.iter().flat_map(|view| said(view, now)).collect()
}

fn said(view: &DropView, now: Millis) -> Vec<Said> {
    let Some(lies) = file_drop::lies(&view.settings) else { return Vec::new() };
    let one = |(en, zh): (String, String)| Said {
        kind: "drop",
        about: view.adapter.clone(),
        until: None,
        en: format!("adapter {}: {en}", view.adapter),
        zh: format!("适配器 {}：{zh}", view.adapter),
        needs_a_person: true,
    };
    let oldest = lies.oldest.map_or(0, |at| now.since(Millis(at)));
    let late = (oldest >= LATE_MS).then(|| {
        let (n, folder) = (lies.unread, view.settings.folder.display());
        (
            format!(
                "{n} files wait in {folder}, the oldest {}; is the service running, is the adapter paused?",
                age(oldest, Lang::En)
            ),
            format!(
                "{folder} 中有 {n} 个文件待读取，最久 {}；请查看服务是否运行、适配器是否已暂停",
                age(oldest, Lang::Zh)
            ),
        )
    });
    [late, file_drop::unmatched(&view.settings, &lies)].into_iter().flatten().map(one).collect()
}
