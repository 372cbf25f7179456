//! What an evidence file proves: looked at and told the same by `tiergate evidence verify` and by
//! `tiergate-verify`, which does nothing else. It stands without this crate's other modules, so that the
//! auditor's program links no store, no carrier and no configuration.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::Environment;
use canon::format::{Format, supervision_1};
use clap::Args;
use envelope::evidence::{EVIDENCE_BYTES_MAX, Evidence, Judged};
use envelope::limits::CRL_BYTES_MAX;
use envelope::{Revoked, Trust};
use serde_json::{Value, json};

use crate::lang::Lang;

/// Largest file of anchors, bytes.
const ANCHOR_BYTES_MAX: usize = 1 << 20;
/// Stands where a personal value is not shown.
const HIDDEN: &str = "＊＊＊";

/// Which file is judged, by whose authority.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The evidence file
    file: PathBuf,
    /// Certificates of the authorities you trust, PEM; get them from their owners, never with the file
    #[arg(long, value_name = "CA", required = true, num_args = 1..)]
    anchor: Vec<PathBuf>,
    /// Revocation lists of these authorities, PEM or DER · 吊销列表
    #[arg(long, value_name = "FILE", num_args = 1..)]
    crl: Vec<PathBuf>,
    /// The user id that SM2 signatures on heads are verified under, if it is not the standard's
    #[arg(long, value_name = "ID")]
    sm2_user_id: Option<String>,
    /// Also show what the format marks as personal
    #[arg(long)]
    personal: bool,
}

/// Why nothing could be judged, English and Chinese.
pub(crate) struct Cannot {
    /// English.
    pub(crate) en: String,
    /// Chinese.
    pub(crate) zh: String,
}

/// What was found.
pub(crate) struct Found {
    judged: Vec<Judged>,
    remark: (String, String),
    /// The lists that were looked at; none where none was given.
    revoked: Option<Arc<Revoked>>,
    personal: bool,
}

/// Judges a file.
pub(crate) fn look(args: &VerifyArgs) -> Result<Found, Cannot> {
    let bytes = read(&args.file, EVIDENCE_BYTES_MAX)?;
    let shown = args.file.display();
    let evidence = Evidence::read(&bytes).map_err(|e| {
        let zh = canon::code(e.code()).map_or("", |code| code.zh);
        Cannot {
            en: format!("{shown}: {e} [{}]", e.code()),
            zh: format!("{shown}：{zh} [{}]", e.code()),
        }
    })?;
    let environment = evidence.environment().unwrap_or(Environment::Formal);
    let mut trust = anchors(&args.anchor, environment)?;
    if let Some(id) = &args.sm2_user_id {
        trust = trust.with_user_id(id);
    }
    let revoked = lists(&args.crl, &trust)?;
    let judged = evidence.judge(&trust, &|edition| {
        let known: Arc<Format> = supervision_1();
        (known.edition() == edition).then_some(known)
    });
    let remark = (evidence.made_by, evidence.made_at);
    Ok(Found { judged, remark, revoked, personal: args.personal })
}

/// Puts the lists in force. One that cannot be believed ends it: without it, a revoked key would pass.
fn lists(files: &[PathBuf], trust: &Trust) -> Result<Option<Arc<Revoked>>, Cannot> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut read_all = Vec::new();
    for file in files {
        let bytes = read(file, CRL_BYTES_MAX)?;
        trust.read_lists(std::slice::from_ref(&bytes)).map_err(|e| Cannot {
            en: format!("--crl {}: {e}", file.display()),
            zh: format!(
                "--crl {}：不是可用的吊销列表（{}），须由 --anchor 的机构签发",
                file.display(),
                e.code()
            ),
        })?;
        read_all.push(bytes);
    }
    let revoked = trust.read_lists(&read_all).map_err(|e| Cannot {
        en: format!("--crl: {e}"),
        zh: format!("--crl：吊销列表不可用（{}）", e.code()),
    })?;
    trust.revoke(revoked);
    Ok(Some(trust.revoked()))
}

fn anchors(files: &[PathBuf], environment: Environment) -> Result<Trust, Cannot> {
    let mut pems = Vec::new();
    for file in files {
        pems.push(String::from_utf8_lossy(&read(file, ANCHOR_BYTES_MAX)?).into_owned());
    }
    let pems: Vec<&str> = pems.iter().map(String::as_str).collect();
    Trust::from_pem(environment, &pems).map_err(|e| Cannot {
        en: format!("--anchor: {e}; give the certificate of the authority, PEM"),
        zh: format!("--anchor：不是可用的颁发机构证书（{}），请给出 PEM 文件", e.code()),
    })
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>, Cannot> {
    let failed = |e: io::Error| Cannot {
        en: format!("{}: cannot be read: {e}", path.display()),
        zh: format!("{}：无法读取：{e}", path.display()),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // One byte more than allowed: whoever reads it next sees that it is too large.
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

impl Found {
    /// Whether every record of the file is proven and was taken.
    pub(crate) fn beyond_doubt(&self) -> bool {
        self.judged.iter().all(|one| one.standing.beyond_doubt())
    }

    /// For people: each record's values, each step, the verdict.
    pub(crate) fn lines(&self, lang: Lang) -> Vec<String> {
        let mut lines = Vec::new();
        for one in &self.judged {
            lines.extend(self.record(one, lang));
            lines.push(String::new());
        }
        let (by, at) = &self.remark;
        lines.push(lang.of(
            format!("Taken out at {by}, {at}: a remark of the file, signed by nobody."),
            format!("文件自述：由 {by} 于 {at} 导出（无签名，仅供参考）。"),
        ));
        lines.push(self.revocation(lang));
        let (all, sound) = (self.judged.len(), self.sound());
        lines.push(lang.of(
            format!("{sound} of {all} records are proven and accepted."),
            format!("共 {all} 条记录，其中 {sound} 条成立且已接收。"),
        ));
        lines
    }

    /// Which lists were looked at: what was not looked at is said.
    fn revocation(&self, lang: Lang) -> String {
        let Some(revoked) = &self.revoked else {
            return lang.of(
                "No revocation list was given: whether a certificate was revoked was not looked at (--crl FILE).".to_owned(),
                "未提供吊销列表，未核验证书是否已吊销（可用 --crl 文件 提供）。".to_owned(),
            );
        };
        let (named, next) = (revoked.len(), revoked.next_update());
        let next = next.map_or_else(|| "—".to_owned(), |at| at.to_string());
        lang.of(
            format!("Revocation lists were looked at: {named} certificates revoked, the next list is due by {next}."),
            format!("已核验吊销列表：共吊销 {named} 张证书，下次更新不晚于 {next}。"),
        )
    }

    fn sound(&self) -> usize {
        self.judged.iter().filter(|one| one.standing.beyond_doubt()).count()
    }

    fn record(&self, one: &Judged, lang: Lang) -> Vec<String> {
        let kind = one.kind.as_ref().map_or("", |(zh, en)| lang.of(en.as_str(), zh.as_str()));
        let id = one.id.as_ref().map(ToString::to_string).unwrap_or_default();
        let unread = lang.of("a record that cannot be read", "无法解读的记录");
        let mut lines = vec![match kind {
            "" => format!("■ {unread}"),
            kind => format!("■ {kind}  {id}"),
        }];
        for field in &one.fields {
            let hidden = field.personal && !self.personal;
            let value = if hidden { HIDDEN } else { &field.value };
            lines.push(format!("    {} {value}", lang.of(&field.name, &field.label)));
        }
        for step in &one.steps {
            let mark =
                if step.holds { lang.of("holds", "成立") } else { lang.of("FAILS", "不成立") };
            lines.push(format!("  [{mark}] {}", lang.of(&step.en, &step.zh)));
        }
        let (en, zh) = one.verdict();
        lines.push(format!("  ⇒ {}", lang.of(en, zh)));
        lines
    }

    /// For programs; personal values only where they were asked for.
    pub(crate) fn value(&self) -> Value {
        let records = self.judged.iter().map(|one| {
            let (en, zh) = one.verdict();
            let steps = one
                .steps
                .iter()
                .map(|s| json!({ "name": s.name, "holds": s.holds, "en": s.en, "zh": s.zh }));
            let fields = one.fields.iter().map(|f| {
                let value = (self.personal || !f.personal).then_some(&f.value);
                json!({ "name": f.name, "label": f.label, "personal": f.personal, "value": value })
            });
            json!({
                "record": one.id.as_ref().map(ToString::to_string),
                "standing": one.standing.name(),
                "environment": one.environment.map(|e| e.to_string()),
                "verdict": { "en": en, "zh": zh },
                "steps": steps.collect::<Vec<_>>(),
                "fields": fields.collect::<Vec<_>>(),
            })
        });
        let revocation = self.revoked.as_ref().map(|lists| {
            json!({ "revoked": lists.len(), "next_update": lists.next_update().map(|at| at.to_string()) })
        });
        json!({
            "ok": self.beyond_doubt(), "revocation": revocation,
            "records": records.collect::<Vec<_>>(),
        })
    }
}
