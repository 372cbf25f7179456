//! A key that is not ours to read: a program that signs for an identity, or a PKCS#11 token.

use std::path::PathBuf;
use std::sync::Arc;

use super::read::{Cx, duration, secret};
use super::secret::SecretRef;
use super::tree::Tab;

/// Longest wait for a signature, ms.
pub const SIGNER_WAIT_MS_MAX: i64 = 60_000;
/// The wait where nothing is said, ms.
const SIGNER_WAIT_MS: i64 = 5_000;

/// Who holds a key that this process does not read.
#[derive(Clone, Debug)]
pub enum Outside {
    /// A program of whoever runs the node.
    Program(SignerProgram),
    /// A token, reached through its maker's library.
    Token(TokenConfig),
}

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

/// A key on a PKCS#11 token.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// The maker's library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: Arc<str>,
    /// Label of the private key on it.
    pub key: Arc<str>,
    /// The user's PIN.
    pub pin: SecretRef,
    /// Longest wait for one signature, ms.
    pub wait: i64,
}

/// Reads `signer = { command, wait }` or `token = { module, token, key, pin, wait }`; none where there
/// is neither.
pub(crate) fn outside(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> Option<Outside> {
    let given = |tab: &Tab<'_>, key: &str| tab.entries().iter().any(|(k, _)| k.text == key);
    let (program, token) = (given(tab, "signer"), given(tab, "token"));
    if program && token {
        cx.problems.push(
            "config.bad_value",
            &tab.spot("token"),
            tab.key("token"),
            "stands beside `signer`; one key has one holder, take one of them away",
            "与 signer 同时出现；一个密钥只能有一处保管，请去掉其一",
        );
    }
    // Both are asked for, so that `finish` knows them when they are absent.
    let program = signer(tab.table("signer", cx.problems), program, cx);
    let token = self::token(tab.table("token", cx.problems), token, cx);
    program.map(Outside::Program).or(token.map(Outside::Token))
}

fn wait(tab: &mut Tab<'_>, cx: &mut Cx<'_>) -> i64 {
    let wait = duration(tab, "wait", cx).unwrap_or(SIGNER_WAIT_MS);
    if !(1..=SIGNER_WAIT_MS_MAX).contains(&wait) {
        cx.problems.push(
            "config.out_of_range",
            &tab.spot("wait"),
            tab.key("wait"),
            "must lie between 1 ms and 60 s",
            "应在 1 ms 与 60 s 之间",
        );
    }
    wait
}

fn signer(mut tab: Tab<'_>, given: bool, cx: &mut Cx<'_>) -> Option<SignerProgram> {
    if !given {
        return None;
    }
    let command = tab.texts("command", cx.problems).unwrap_or_default();
    let wait = wait(&mut tab, cx);
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

fn token(mut tab: Tab<'_>, given: bool, cx: &mut Cx<'_>) -> Option<TokenConfig> {
    if !given {
        return None;
    }
    let module = tab.need("module", cx.problems);
    let token = tab.need("token", cx.problems);
    let key = tab.need("key", cx.problems);
    let pin = secret(&mut tab, "pin", cx);
    let wait = wait(&mut tab, cx);
    tab.finish(cx.problems);
    Some(TokenConfig {
        module: cx.base.join(module?.text),
        token: token?.text.into(),
        key: key?.text.into(),
        pin: pin?,
        wait,
    })
}
