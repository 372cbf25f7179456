//! Reports as files, with a signature beside them that anybody verifies offline.

use std::path::{Path, PathBuf};

use canon::Environment;
use envelope::{Trust, sign_text, verify_text};
use exchange::reconcile::sheets::{self, Sheet};
use serde_json::json;

use super::book;
use crate::stores::{self, NodesArg};
use crate::text::{Done, Exit, Failure, Out};
use crate::{files, identity, os};

/// Largest report that is verified, bytes.
const REPORT_BYTES_MAX: usize = 256 << 20;
/// Largest signature or anchor, bytes.
const SIGNATURE_BYTES_MAX: usize = 1 << 20;

/// The signature's file: the report's name with `.sig` behind it.
fn beside(report: &Path) -> PathBuf {
    let mut name = report.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Writes a report and signs it with the first key of the one node that is meant.
pub(super) fn write(
    path: &Path,
    (title, sheets): (&str, &[Sheet]),
    nodes: &NodesArg,
    out: &Out,
) -> Result<(), Failure> {
    let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let bytes = match kind.as_str() {
        "md" => sheets::markdown(title, sheets).into_bytes(),
        "xlsx" => book::bytes(title, sheets)
            .map_err(|e| Failure::environment(format!("the report: {e}"), format!("报告：{e}")))?,
        _ => {
            return Err(Failure::usage(
                "a report is a .md or a .xlsx file",
                "报告文件应为 .md 或 .xlsx",
            ));
        }
    };
    let (config, code) = stores::the_identity(nodes)?;
    let own = config.identity(&code).ok_or_else(|| {
        Failure::usage(format!("no identity `{code}`"), format!("没有身份『{code}』"))
    })?;
    let material = identity::identity(&config, own, os::now())?
        .map_err(|found| crate::open::problems(&[found]))?;
    let signature = sign_text(&bytes, material.first()).map_err(|e| {
        Failure::environment(format!("signing the report: {e}"), format!("报告签名：{e}"))
    })?;
    std::fs::write(path, &bytes).map_err(|e| files::cannot(path, &e))?;
    let signed = beside(path);
    std::fs::write(&signed, &signature).map_err(|e| files::cannot(&signed, &e))?;
    if !out.json {
        let (path, signed) = (path.display(), signed.display());
        out.say(
            format_args!("wrote {path}, signed by {code}: {signed}"),
            format_args!("已写出 {path}，由 {code} 签名：{signed}"),
        )?;
    }
    Ok(())
}

/// Verifies a report: who signed exactly these bytes.
pub(super) fn verify(report: &Path, anchors: &[PathBuf], out: &Out) -> Done {
    let text = read(report, REPORT_BYTES_MAX)?;
    let signature = read(&beside(report), SIGNATURE_BYTES_MAX)?;
    let mut pems = Vec::new();
    for anchor in anchors {
        pems.push(String::from_utf8_lossy(&read(anchor, SIGNATURE_BYTES_MAX)?).into_owned());
    }
    let pems: Vec<&str> = pems.iter().map(String::as_str).collect();
    let mut refused = None;
    for environment in [Environment::Formal, Environment::Joint, Environment::Demo] {
        let trust = Trust::from_pem(environment, &pems).map_err(|e| {
            Failure::environment(
                format!("--anchor: {e}; give the certificate of the authority, PEM"),
                format!("--anchor：不是可用的颁发机构证书（{}），请给出 PEM 文件", e.code()),
            )
        })?;
        match verify_text(&text, signature.trim_ascii(), &trust, os::now()) {
            Ok(cert) => {
                let node = cert.node.to_string();
                let at = environment.as_str();
                out.value(&json!({ "ok": true, "node": node, "environment": at }))?;
                out.say(
                    format_args!("the report is unchanged and signed by {node} ({at})"),
                    format_args!("报告未被改动，签名节点 {node}（{at}）"),
                )?;
                return Ok(Exit::Fine);
            }
            // Which certificate it is decides; another environment's word is the last to be told.
            Err(refuse) if refused.is_none() || refuse.code() != "sender.environment" => {
                refused = Some(refuse.code());
            }
            Err(_) => {}
        }
    }
    let code = refused.unwrap_or("sender.signature_invalid");
    out.value(&json!({ "ok": false, "code": code }))?;
    out.say(
        format_args!("the report is not what was signed, or its signer is not trusted: {code}"),
        format_args!("报告与签名不符，或签名者不受信任：{code}"),
    )?;
    Ok(Exit::Problems)
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>, Failure> {
    let size = std::fs::metadata(path).map_err(|e| files::cannot(path, &e))?.len();
    if size > max as u64 {
        let path = path.display();
        return Err(Failure::usage(
            format!("{path} is larger than {max} bytes"),
            format!("{path} 超过 {max} 字节"),
        ));
    }
    std::fs::read(path).map_err(|e| files::cannot(path, &e))
}
