//! A key that is not ours to read: a program that signs for an identity.

use std::path::PathBuf;
use std::sync::Arc;

use super::read::{Cx, duration};
use super::tree::Tab;

/// Longest wait for a signature, ms.
pub const SIGNER_WAIT_MS_MAX: i64 = 60_000;
/// The wait where nothing is said, ms.
const SIGNER_WAIT_MS: i64 = 5_000;

/// A program that signs, one request a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerProgram {
    /// Its file.
    pub file: PathBuf,
    /// What it is given.
    pub arguments: Vec<Arc<str>>,
    /// Longest wait for one signature, ms.
    pub wait: i64,
}

/// Reads `signer = { command, wait }`; none where there is none.
pub(crate) fn signer(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<SignerProgram> {
    let given = tab.entries().iter().any(|(k, _)| k.text == "signer");
    let mut tab = tab.table("signer", cx.problems);
    if !given {
        return None;
    }
    let command = tab.texts("command", cx.problems).unwrap_or_default();
    let wait = duration(&mut tab, "wait", cx).unwrap_or(SIGNER_WAIT_MS);
    if !(1..=SIGNER_WAIT_MS_MAX).contains(&wait) {
        cx.problems.push(
            "config.out_of_range",
            &tab.spot("wait"),
            tab.key("wait"),
            "must lie between 1 ms and 60 s",
            "应在 1 ms 与 60 s 之间",
        );
    }
    let (at, path) = (tab.spot("command"), tab.key("command"));
    tab.finish(cx.problems);
    let mut words = command.into_iter();
    let Some(file) = words.next().filter(|f| f.text.contains('/')) else {
        cx.problems.push(
            "config.bad_value",
            &at,
            path,
            "must be a list whose first word is the program's path (with a `/`), then its arguments; no shell reads it",
            "应为列表：首项为程序路径（含 /），其后为参数；不经 shell",
        );
        return None;
    };
    let arguments = words.map(|s| s.text.into()).collect();
    Some(SignerProgram { file: cx.base.join(file.text), arguments, wait })
}
