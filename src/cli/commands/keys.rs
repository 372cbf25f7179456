//! `tiergate keys`: make a signing key, show what a certificate says.

use std::path::{Path, PathBuf};

use canon::Millis;
use clap::Subcommand;
use envelope::{KeyPem, KeySigner, SenderCert, SignError};
use ring::rand::SystemRandom;

use crate::files::{self, CONFIG_BYTES_MAX};
use crate::os;
use crate::text::{Done, Exit, Failure, Finding, Out};

/// Keys and certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a P-256 signing key; a file that is there is never overwritten · 生成签名密钥
    New {
        /// Where the key goes, readable by its owner only
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Show whom a certificate names and until when it is valid · 查看证书
    Show {
        /// The certificate, PEM
        certificate: PathBuf,
        /// Also see whether this key is the certificate's
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// Runs the command.
pub(crate) fn run(keys: Keys, out: &Out) -> Done {
    match keys {
        Keys::New { out: path } => new(&path, out),
        Keys::Show { certificate, key } => show(&certificate, key.as_deref(), out),
    }
}

fn new(path: &Path, out: &Out) -> Done {
    let key = KeyPem::generate(&SystemRandom::new()).map_err(|e| signing(&e))?;
    os::write_secret(path, &key.0).map_err(|e| not_written(path, &e))?;
    let shown = path.display();
    out.value(&serde_json::json!({ "ok": true, "key": shown.to_string() }))?;
    out.say(
        format_args!(
            "{shown}: a new P-256 key, readable by you only. Next: ask your authority for a certificate (in the demo: `tiergate ca issue`)"
        ),
        format_args!(
            "{shown}：新的 P-256 密钥，仅本用户可读。下一步：向颁发机构申请证书（演示环境可用 tiergate ca issue）"
        ),
    )?;
    Ok(Exit::Fine)
}

fn show(path: &Path, key: Option<&Path>, out: &Out) -> Done {
    let pem = files::text(path, CONFIG_BYTES_MAX)?;
    let shown = path.display();
    let certificate = match SenderCert::from_pem(&pem) {
        Ok(certificate) => certificate,
        Err(e) => {
            let found = Finding::of(
                shown,
                e.code(),
                "",
                format!("{e}; give the PEM of a node certificate"),
                format!("不是可用的节点证书（{}），请给出节点证书的 PEM 文件", e.code()),
            );
            return out.verdict(&[found], String::new(), String::new());
        }
    };
    let mut found = Vec::new();
    let now = os::now();
    if now > certificate.not_after || now < certificate.not_before {
        found.push(Finding::of(
            &shown,
            "sender.certificate_expired",
            "",
            "is not valid now; ask the authority for a new one",
            "当前不在有效期内，请向颁发机构重新申请",
        ));
    }
    if let Some(key) = key {
        found.extend(fits(path, &pem, key)?);
    }
    tell(&certificate, now, &found, out)
}

fn fits(path: &Path, pem: &str, key: &Path) -> Result<Option<Finding>, Failure> {
    let text = files::text(key, CONFIG_BYTES_MAX)?;
    let signer = KeySigner::from_pem(&text, pem, SystemRandom::new());
    Ok(signer.err().map(|e| {
        let key = key.display();
        Finding::of(
            path.display(),
            "config.certificate",
            &key.to_string(),
            e.to_string(),
            format!("密钥与证书不符：{e}"),
        )
    }))
}

fn tell(certificate: &SenderCert, now: Millis, found: &[Finding], out: &Out) -> Done {
    let (node, environment) = (&certificate.node, certificate.environment);
    let regions: Vec<&str> = certificate.regions.iter().map(|r| &**r).collect();
    let (from, until) = (certificate.not_before, certificate.not_after);
    let digest = certificate.digest.to_string();
    out.value(&serde_json::json!({
        "ok": found.is_empty(), "node": node.as_str(), "environment": environment.as_str(),
        "regions": regions, "from": from.to_string(), "until": until.to_string(),
        "days_left": until.since(now) / 86_400_000, "digest": digest, "problems": found,
    }))?;
    let regions = regions.join(" ");
    let days = until.since(now) / 86_400_000;
    out.say(format_args!("node         {node}"), format_args!("节点    {node}"))?;
    out.say(format_args!("environment  {environment}"), format_args!("环境    {environment}"))?;
    out.say(format_args!("regions      {regions}"), format_args!("区划    {regions}"))?;
    out.say(
        format_args!("valid        {from} to {until}, {days} days left"),
        format_args!("有效期  {from} 至 {until}，尚余 {days} 天"),
    )?;
    out.say(format_args!("digest       {digest}"), format_args!("摘要    {digest}"))?;
    if !out.json {
        for finding in found {
            out.text(finding.line(out.lang))?;
        }
    }
    Ok(if found.is_empty() { Exit::Fine } else { Exit::Problems })
}

/// A key or certificate that could not be made.
pub(crate) fn signing(error: &SignError) -> Failure {
    Failure::environment(error.to_string(), format!("密钥或证书处理失败：{error}"))
}

/// A file that could not be written.
pub(crate) fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(
            format!("{path} is there already and is not overwritten; name another file"),
            format!("{path} 已存在，不会覆盖，请换一个文件名"),
        ),
        _ => Failure::environment(
            format!("{path} could not be written: {error}"),
            format!("无法写入 {path}：{error}"),
        ),
    }
}
