//! `tiergate keys`: make a signing key, ask for a certificate, show what one says, change over to a
//! new key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::{Environment, Millis, NodeCode};
use clap::{Args, Subcommand};
use envelope::ca::{NodeName, Usage};
use envelope::{
    EncryptionCert, EncryptionPair, KeyPem, KeySigner, Refuse, SenderCert, SignError, Suite,
    read_request, request, request_outside, sealed,
};
use ring::rand::SystemRandom;

use crate::files::{self, CONFIG_BYTES_MAX};
use crate::open;
use crate::os;
use crate::text::{Done, Exit, Failure, Finding, Out};
use crate::token::{Place, Token};

/// Keys and certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a signing key; a file that is there is never overwritten · 生成签名密钥
    New {
        /// Its suite: sm2-sm3, ecdsa-p256-sha256, ed25519-sha256 · 算法
        #[arg(long, default_value_t = Suite::EcdsaP256Sha256, value_parser = crate::text::suite)]
        suite: Suite,
        /// Where the key goes, readable by its owner only
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Encrypt it: file:PATH or env:NAME of the passphrase · 用口令加密
        #[arg(long, value_name = "REF")]
        passphrase: Option<String>,
    },
    /// Write a request for a certificate (PKCS#10), for the authority to sign · 生成证书申请
    Csr(Csr),
    /// A new key and the request for its certificate, for the same node as the old one · 更换密钥
    Rotate {
        /// The certificate in use, PEM
        certificate: PathBuf,
        /// The new key's suite; the old one's if not given
        #[arg(long, value_parser = crate::text::suite)]
        suite: Option<Suite>,
        /// Where the new key goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Where the request goes
        #[arg(long, value_name = "FILE")]
        csr: PathBuf,
        /// Encrypt the new key: file:PATH or env:NAME of the passphrase
        #[arg(long, value_name = "REF")]
        passphrase: Option<String>,
    },
    /// Show whom a certificate or a request names, and until when it is valid · 查看证书或申请
    Show {
        /// The certificate or request, PEM
        certificate: PathBuf,
        /// Also see whether this key is the certificate's
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// The key's passphrase: file:PATH or env:NAME
        #[arg(long, value_name = "REF", requires = "key")]
        passphrase: Option<String>,
    },
}

/// What a request says.
#[derive(Debug, Args)]
pub(crate) struct Csr {
    /// The node's key, of any suite
    #[arg(long, value_name = "FILE", required_unless_present = "module")]
    key: Option<PathBuf>,
    /// In place of a file: the library of the PKCS#11 token that holds the key · 密码设备的 PKCS#11 库
    #[arg(long, value_name = "FILE", conflicts_with = "key", requires_all = ["token", "label", "pin"])]
    module: Option<PathBuf>,
    /// Label of the token
    #[arg(long, value_name = "LABEL", requires = "module")]
    token: Option<String>,
    /// Label of the key on it
    #[arg(long, value_name = "LABEL", requires = "module")]
    label: Option<String>,
    /// The token's PIN: file:PATH or env:NAME
    #[arg(long, value_name = "REF", requires = "module")]
    pin: Option<String>,
    /// Suite of the token's key
    #[arg(long, default_value_t = Suite::EcdsaP256Sha256, value_parser = crate::text::suite, requires = "module")]
    suite: Suite,
    /// The key's passphrase: file:PATH or env:NAME
    #[arg(long, value_name = "REF")]
    passphrase: Option<String>,
    /// Node code
    #[arg(long)]
    node: String,
    /// formal, joint or demo
    #[arg(long, value_parser = environment)]
    environment: Environment,
    /// Region codes it may speak for: 6, 9 or 12 digits, or a beginning of one
    #[arg(long, value_name = "CODE", required = true, num_args = 1..)]
    region: Vec<String>,
    /// Where the request goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// An environment on the command line.
pub(crate) fn environment(text: &str) -> Result<Environment, String> {
    text.parse().map_err(|_| "formal, joint or demo".to_owned())
}

/// Runs the command.
pub(crate) fn run(keys: Keys, out: &Out) -> Done {
    match keys {
        Keys::New { suite, out: path, passphrase } => {
            let key = make(suite, &path, passphrase.as_deref())?;
            new(&key, &path, out)
        }
        Keys::Csr(args) => csr(&args, out),
        Keys::Rotate { certificate, suite, out: path, csr, passphrase } => {
            rotate(&certificate, suite, (&path, &csr), passphrase.as_deref(), out)
        }
        Keys::Show { certificate, key, passphrase } => {
            show(&certificate, key.as_deref(), passphrase.as_deref(), out)
        }
    }
}

/// A new key, written; encrypted if there is a passphrase.
fn make(suite: Suite, path: &Path, passphrase: Option<&str>) -> Result<KeyPem, Failure> {
    let random = SystemRandom::new();
    let key = KeyPem::generate(suite, &random).map_err(|e| signing(&e))?;
    let text = match open::referred("--passphrase", passphrase)? {
        None => key.0.clone(),
        Some(reference) => {
            let secret = open::secret(&reference)?;
            sealed::seal(&key, secret.line(), &random).map_err(|e| unopened(path, &e))?
        }
    };
    os::write_secret(path, &text).map_err(|e| not_written(path, &e))?;
    Ok(key)
}

/// A key from its file, opened with its passphrase if it has one.
pub(crate) fn read_key(path: &Path, passphrase: Option<&str>) -> Result<KeyPem, Failure> {
    let text = files::text(path, CONFIG_BYTES_MAX)?;
    match open::referred("--passphrase", passphrase)? {
        None => Ok(KeyPem(text)),
        Some(reference) => {
            let secret = open::secret(&reference)?;
            sealed::unseal(&text, secret.line()).map_err(|e| unopened(path, &e))
        }
    }
}

fn unopened(path: &Path, what: &str) -> Failure {
    let path = path.display();
    Failure::environment(format!("{path}: {what}"), format!("{path}：{what}"))
}

fn new(key: &KeyPem, path: &Path, out: &Out) -> Done {
    let (shown, suite) = (path.display(), key.suite().map_err(|e| signing(&e))?);
    out.value(&serde_json::json!({
        "ok": true, "key": shown.to_string(), "suite": suite.name(),
    }))?;
    out.say(
        format_args!(
            "{shown}: a new {suite} key, readable by you only. Next: `tiergate keys csr --key {shown} …` for your authority (in the demo: `tiergate ca issue`)"
        ),
        format_args!(
            "{shown}：新的 {suite} 密钥，仅本用户可读。下一步：用 tiergate keys csr --key {shown} … 生成申请交颁发机构（演示环境可用 tiergate ca issue）"
        ),
    )?;
    Ok(Exit::Fine)
}

/// Node code and regions of a command line, as a certificate may hold them.
pub(crate) fn named(
    node: &str,
    environment: Environment,
    regions: &[String],
) -> Result<NodeName, Failure> {
    let code = NodeCode::new(node).ok_or_else(|| {
        Failure::usage(
            format!("`{node}` is not a node code: 1 to 64 characters out of A-Z a-z 0-9 . _ -"),
            format!("『{node}』不是节点代码：1 至 64 个字符，可用 A-Z a-z 0-9 . _ -"),
        )
    })?;
    let digits =
        |r: &&String| r.is_empty() || r.len() > 12 || !r.bytes().all(|b| b.is_ascii_digit());
    if let Some(bad) = regions.iter().find(digits) {
        return Err(Failure::usage(
            format!("`{bad}` is not a region code: up to 12 digits"),
            format!("『{bad}』不是区划代码：至多 12 位数字"),
        ));
    }
    Ok(NodeName { node: code, environment, regions: regions.to_vec() })
}

fn csr(args: &Csr, out: &Out) -> Done {
    let name = named(&args.node, args.environment, &args.region)?;
    let made = match &args.key {
        Some(key) => {
            let key = read_key(key, args.passphrase.as_deref())?;
            request(&name, &key, &SystemRandom::new())
        }
        None => by_token(args, &name)?,
    };
    written(made, &args.out)?;
    let (shown, node) = (args.out.display(), &args.node);
    out.value(&serde_json::json!({ "ok": true, "csr": shown.to_string(), "node": node }))?;
    out.say(
        format_args!(
            "{shown}: a request for `{node}`. Give it to your authority; the key stays here"
        ),
        format_args!("{shown}：节点『{node}』的证书申请，请交颁发机构；私钥不出本机"),
    )?;
    Ok(Exit::Fine)
}

/// A request that a token signs.
fn by_token(args: &Csr, name: &NodeName) -> Result<Result<String, SignError>, Failure> {
    let pin = open::referred("--pin", args.pin.as_deref())?;
    let pin = pin.map(|reference| open::secret(&reference)).transpose()?;
    let place = Place {
        module: args.module.clone().unwrap_or_default(),
        token: args.token.clone().unwrap_or_default(),
        key: args.label.clone().unwrap_or_default(),
        pin: pin.as_ref().map(|secret| secret.line().to_owned()).unwrap_or_default(),
    };
    Ok(Token::open(&place, args.suite).and_then(|token| {
        // A refusal has its words here; the builder of requests would swallow them.
        token.sign(name.node.as_str().as_bytes())?;
        request_outside(name, &token.public()?, &|bytes| token.sign(bytes))
    }))
}

fn written(made: Result<String, SignError>, path: &Path) -> Result<(), Failure> {
    let pem = made.map_err(|e| signing(&e))?;
    os::write_new(path, &pem).map_err(|e| not_written(path, &e))
}

fn rotate(
    certificate: &Path,
    suite: Option<Suite>,
    (path, csr): (&Path, &Path),
    passphrase: Option<&str>,
    out: &Out,
) -> Done {
    let old = SenderCert::from_pem(&files::text(certificate, CONFIG_BYTES_MAX)?).map_err(|e| {
        let shown = certificate.display();
        Failure::usage(
            format!("{shown}: {e}; give the PEM of the node's certificate"),
            format!("{shown}：不是可用的节点证书（{}）", e.code()),
        )
    })?;
    let suite = suite.unwrap_or(old.suite);
    let key = make(suite, path, passphrase)?;
    let regions = old.regions.iter().map(|r| r.to_string()).collect();
    let name = NodeName { node: old.node.clone(), environment: old.environment, regions };
    written(request(&name, &key, &SystemRandom::new()), csr)?;
    let (key, csr, node) = (path.display(), csr.display(), &old.node);
    out.value(&serde_json::json!({
        "ok": true, "key": key.to_string(), "csr": csr.to_string(), "node": node.as_str(),
        "suite": suite.name(),
    }))?;
    let same = suite == old.suite;
    out.say(
        format_args!(
            "{key} and {csr}: a new {suite} key for `{node}` and its request. Next: have the request signed, {} and restart; what is sealed already stays valid. Keep the old key until `status` shows nothing numbered in it",
            if same { "name key and certificate in [[identity]]" } else { "add them as [[identity.also]], name the suite in [[route]] and [[link]]" }
        ),
        format_args!(
            "{key}、{csr}：节点『{node}』的新 {suite} 密钥与证书申请。下一步：请颁发机构签发，{}，然后重启；已封装的数据包仍然有效。旧密钥请保留至在途清零",
            if same { "在 [[identity]] 中改用新密钥和证书" } else { "以 [[identity.also]] 加入，并在 [[route]]、[[link]] 中写明 suite" }
        ),
    )?;
    Ok(Exit::Fine)
}

fn show(path: &Path, key: Option<&Path>, passphrase: Option<&str>, out: &Out) -> Done {
    let pem = files::text(path, CONFIG_BYTES_MAX)?;
    let shown = path.display();
    if pem.contains("-----BEGIN CERTIFICATE REQUEST-----") {
        return show_request(path, &pem, out);
    }
    let certificate = match Shown::read(&pem) {
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
        found.extend(fits(path, &pem, certificate.usage, (key, passphrase))?);
    }
    tell(&certificate, now, &found, out)
}

fn show_request(path: &Path, pem: &str, out: &Out) -> Done {
    let request = read_request(pem).map_err(|e| {
        let path = path.display();
        Failure::usage(format!("{path}: {e}"), format!("{path}：证书申请不可用（{}）", e.code()))
    })?;
    let (node, environment) = (&request.node.node, request.node.environment);
    let (regions, suite) = (request.node.regions.join(" "), request.key.suite());
    out.value(&serde_json::json!({
        "ok": true, "node": node.as_str(), "environment": environment.as_str(),
        "regions": request.node.regions, "suite": suite.name(), "request": true,
    }))?;
    out.say(
        format_args!(
            "request      {node}, {environment}, regions {regions}, {suite}; signed by its key"
        ),
        format_args!("证书申请  {node}，{environment}，区划 {regions}，{suite}；申请签名有效"),
    )?;
    Ok(Exit::Fine)
}

fn fits(
    path: &Path,
    pem: &str,
    usage: Usage,
    (key, passphrase): (&Path, Option<&str>),
) -> Result<Option<Finding>, Failure> {
    let text = read_key(key, passphrase)?;
    let fitting = match usage {
        Usage::Signing => KeySigner::from_pem(&text.0, pem, SystemRandom::new()).map(drop),
        Usage::Encryption => EncryptionPair::from_pem(text, pem).map(drop),
    };
    Ok(fitting.err().map(|e| {
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

/// What a certificate of either usage says.
struct Shown {
    usage: Usage,
    node: NodeCode,
    environment: Environment,
    /// None in an encryption certificate: it speaks for nothing.
    regions: Vec<Arc<str>>,
    suite: Suite,
    not_before: Millis,
    not_after: Millis,
    digest: String,
}

impl Shown {
    /// A signing certificate if it is one, else an encryption certificate.
    fn read(pem: &str) -> Result<Self, Refuse> {
        match SenderCert::from_pem(pem) {
            Ok(c) => Ok(Self {
                usage: Usage::Signing,
                node: c.node,
                environment: c.environment,
                regions: c.regions,
                suite: c.suite,
                not_before: c.not_before,
                not_after: c.not_after,
                digest: c.digest.to_string(),
            }),
            Err(e) => {
                let c = EncryptionCert::from_pem(pem).map_err(|_| e)?;
                Ok(Self {
                    usage: Usage::Encryption,
                    node: c.node,
                    environment: c.environment,
                    regions: Vec::new(),
                    suite: c.key.suite(),
                    not_before: c.not_before,
                    not_after: c.not_after,
                    digest: c.digest.to_string(),
                })
            }
        }
    }
}

fn tell(certificate: &Shown, now: Millis, found: &[Finding], out: &Out) -> Done {
    let (node, environment) = (&certificate.node, certificate.environment);
    let regions: Vec<&str> = certificate.regions.iter().map(|r| &**r).collect();
    let (from, until) = (certificate.not_before, certificate.not_after);
    let digest = &certificate.digest;
    let (usage, usage_zh) = match certificate.usage {
        Usage::Signing => ("signing", "签名"),
        Usage::Encryption => ("encryption", "加密"),
    };
    out.value(&serde_json::json!({
        "ok": found.is_empty(), "node": node.as_str(), "environment": environment.as_str(),
        "regions": regions, "from": from.to_string(), "until": until.to_string(),
        "usage": usage, "suite": certificate.suite.name(), "days_left": until.since(now) / 86_400_000, "digest": digest, "problems": found,
    }))?;
    let regions = regions.join(" ");
    let days = until.since(now) / 86_400_000;
    out.say(format_args!("node         {node}"), format_args!("节点    {node}"))?;
    out.say(format_args!("environment  {environment}"), format_args!("环境    {environment}"))?;
    out.say(format_args!("usage        {usage}"), format_args!("用途    {usage_zh}"))?;
    out.say(format_args!("regions      {regions}"), format_args!("区划    {regions}"))?;
    let suite = certificate.suite;
    out.say(format_args!("suite        {suite}"), format_args!("算法    {suite}"))?;
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
    Failure::environment(error.to_string(), error.zh())
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
