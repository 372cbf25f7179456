//! `tiergate ca`: a small certificate authority, for the demo and for provinces without one.

use std::path::{Path, PathBuf};

use canon::{Environment, Millis};
use clap::{Args, Subcommand};
use envelope::ca::{NodeName, Terms, Usage};
use envelope::{Ca, KeyPem, PublicKey, Refuse, SenderCert, SignError, Suite, Trust, read_request};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::keys::{named, not_written, read_key, signing};
use crate::files::{self, CONFIG_BYTES_MAX};
use crate::os;
use crate::text::{Done, Exit, Failure, Out};

const DAY: i64 = 86_400_000;
/// Validity of a demo root.
const ROOT_DAYS: i64 = 3650;
/// Validity of a demo certificate.
const NODE_DAYS: u16 = 730;
/// Name of the authority's files in its folder.
const ROOT_KEY: &str = "ca.key";
const ROOT_PEM: &str = "ca.pem";
/// What was revoked: a line for each, serial number, since when, node.
const REVOKED: &str = "revoked.txt";
/// The list that goes to the nodes.
const REVOCATION_LIST: &str = "ca.crl";

/// A small authority.
#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Make a root: ca.key and ca.pem in a folder · 新建根证书
    New {
        /// The folder; made if it is not there
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Its suite: sm2-sm3, ecdsa-p256-sha256, ed25519-sha256 · 算法
        #[arg(long, default_value_t = Suite::EcdsaP256Sha256, value_parser = crate::text::suite)]
        suite: Suite,
    },
    /// Issue a node certificate, for a request or for a key · 签发节点证书
    Issue(Issue),
    /// Revoke certificates: writes ca.crl, the whole list of the authority · 吊销证书
    Revoke {
        /// The authority's folder
        #[arg(long, value_name = "FOLDER")]
        ca: PathBuf,
        /// A certificate it issued; without one, the list is only issued again · 要吊销的证书
        #[arg(value_name = "FILE")]
        certificate: Vec<PathBuf>,
        /// When the next list comes at the latest, in days
        #[arg(long, default_value_t = 30)]
        days: u16,
    },
}

/// What a certificate is issued for.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The authority's folder
    #[arg(long, value_name = "FOLDER")]
    ca: PathBuf,
    /// The node's request, from `tiergate keys csr`; it says node, environment and regions
    #[arg(long, value_name = "FILE", conflicts_with_all = ["node", "region", "key"])]
    csr: Option<PathBuf>,
    /// Node code
    #[arg(long, required_unless_present = "csr")]
    node: Option<String>,
    /// Region codes it may speak for: 6, 9 or 12 digits, or a beginning of one
    #[arg(long, value_name = "CODE", required_unless_present = "csr", num_args = 1..)]
    region: Vec<String>,
    /// The node's key, from `tiergate keys new`
    #[arg(long, value_name = "FILE", required_unless_present = "csr")]
    key: Option<PathBuf>,
    /// The environment that is issued for; a request for another one is refused
    #[arg(long, default_value = "demo", value_parser = super::keys::environment)]
    environment: Environment,
    /// What the key is for: signing, or encryption (the other half of a pair) · 证书用途
    #[arg(long, default_value = "signing", value_parser = usage)]
    usage: Usage,
    /// For how many days
    #[arg(long, default_value_t = NODE_DAYS)]
    days: u16,
    /// Where the certificate goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn usage(text: &str) -> Result<Usage, String> {
    match text {
        "signing" => Ok(Usage::Signing),
        "encryption" => Ok(Usage::Encryption),
        _ => Err("signing or encryption".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(command: CaCommand, out: &Out) -> Done {
    match command {
        CaCommand::New { out: folder, suite } => new(&folder, suite, out),
        CaCommand::Issue(args) => issue(&args, out),
        CaCommand::Revoke { ca, certificate, days } => revoke(&ca, &certificate, days, out),
    }
}

/// Certificates count whole seconds; a minute of grace for clocks that are a little behind.
fn terms(days: i64, random: &SystemRandom) -> Result<Terms, Failure> {
    let from = os::now().plus(-60_000);
    let mut bytes = [0; 8];
    let silent = SignError::Sign("no randomness from the system");
    random.fill(&mut bytes).map_err(|_| signing(&silent))?;
    // X.509 wants a positive number.
    let serial = u64::from_be_bytes(bytes) >> 1 | 1;
    Ok(Terms { serial, from, until: from.plus(days * DAY) })
}

fn new(folder: &Path, suite: Suite, out: &Out) -> Done {
    let random = SystemRandom::new();
    std::fs::create_dir_all(folder).map_err(|e| not_written(folder, &e))?;
    let key = KeyPem::generate(suite, &random).map_err(|e| signing(&e))?;
    let root = Ca::root("Tiergate CA", &key, terms(ROOT_DAYS, &random)?, &random);
    let root = root.map_err(|e| signing(&e))?;
    let (key_path, pem_path) = (folder.join(ROOT_KEY), folder.join(ROOT_PEM));
    os::write_secret(&key_path, &key.0).map_err(|e| not_written(&key_path, &e))?;
    os::write_new(&pem_path, root.certificate_pem()).map_err(|e| not_written(&pem_path, &e))?;
    let (key, pem) = (key_path.display(), pem_path.display());
    out.value(&serde_json::json!({
        "ok": true, "key": key.to_string(), "certificate": pem.to_string(),
    }))?;
    out.say(
        format_args!("{pem}: a {suite} root. Name it in [trust] anchors; keep {key} to yourself"),
        format_args!("{pem}：{suite} 根证书。请在 [trust] anchors 中引用；{key} 自行保管"),
    )?;
    Ok(Exit::Fine)
}

/// The authority of a folder.
fn authority(ca: &Path, random: &SystemRandom) -> Result<Ca, Failure> {
    let root_pem = files::text(&ca.join(ROOT_PEM), CONFIG_BYTES_MAX)?;
    let root_key = KeyPem(files::text(&ca.join(ROOT_KEY), CONFIG_BYTES_MAX)?);
    Ca::from_pem(&root_pem, &root_key, random).map_err(|e| signing(&e))
}

fn issue(args: &Issue, out: &Out) -> Done {
    let random = SystemRandom::new();
    let root = authority(&args.ca, &random)?;
    let (name, key) = match (&args.csr, &args.key) {
        (Some(csr), _) => requested(csr, args.environment)?,
        (None, key) => {
            let node = args.node.as_deref().unwrap_or_default();
            let name = named(node, args.environment, &args.region)?;
            let key = read_key(key.as_deref().unwrap_or(Path::new("")), None)?;
            (name, key.public(&random).map_err(|e| signing(&e))?)
        }
    };
    let pem = root
        .issue_for(args.usage, &name, &key, terms(args.days.into(), &random)?, &random)
        .map_err(|e| signing(&e))?;
    let path = &args.out;
    os::write_new(path, &pem).map_err(|e| not_written(path, &e))?;
    let (shown, node, environment) = (path.display(), &name.node, name.environment);
    let days = args.days;
    out.value(&serde_json::json!({
        "ok": true, "certificate": shown.to_string(), "node": node.as_str(),
        "suite": key.suite().name(),
    }))?;
    out.say(
        format_args!("{shown}: certificate of `{node}`, environment {environment}, {days} days. See it with `tiergate keys show {shown}`"),
        format_args!("{shown}：节点『{node}』的证书，{environment} 环境，{days} 天。可用 tiergate keys show {shown} 查看"),
    )?;
    Ok(Exit::Fine)
}

/// What a request asks for, if it is for the environment that is issued for.
fn requested(path: &Path, environment: Environment) -> Result<(NodeName, PublicKey), Failure> {
    let shown = path.display();
    let request = read_request(&files::text(path, CONFIG_BYTES_MAX)?).map_err(|e| {
        Failure::usage(format!("{shown}: {e}"), format!("{shown}：证书申请不可用（{}）", e.code()))
    })?;
    let asked = request.node.environment;
    if asked != environment {
        return Err(Failure::usage(
            format!(
                "{shown} asks for environment {asked}; say `--environment {asked}` if that is meant"
            ),
            format!("{shown} 申请的环境是 {asked}；如确认无误请加 --environment {asked}"),
        ));
    }
    Ok((request.node, request.key))
}

/// Adds to what `revoked.txt` holds, and issues the whole list again.
fn revoke(ca: &Path, certificates: &[PathBuf], days: u16, out: &Out) -> Done {
    let random = SystemRandom::new();
    let root = authority(ca, &random)?;
    let (book, list) = (ca.join(REVOKED), ca.join(REVOCATION_LIST));
    let mut text =
        if book.exists() { files::text(&book, CONFIG_BYTES_MAX)? } else { String::new() };
    let now = os::now();
    for path in certificates {
        let pem = files::text(path, CONFIG_BYTES_MAX)?;
        let trust = Trust::from_pem(environment_of(&pem, path)?, &[root.certificate_pem()]);
        let chain = envelope::identity::chain(&pem);
        let found = trust.and_then(|trust| trust.verify_chain(&chain, now));
        // An expired one may be revoked too.
        let named = match found {
            Ok(_) | Err(Refuse::CertificateExpired) => SenderCert::from_pem(&pem),
            Err(e) => Err(e),
        };
        let named = named.map_err(|e| unfit(path, &e))?;
        let serial: String = named.serial.iter().map(|b| format!("{b:02x}")).collect();
        if !text.lines().any(|line| line.starts_with(&format!("{serial} "))) {
            text.push_str(&format!("{serial} {} {}\n", now.0, named.node));
        }
    }
    let revoked = entries(&text).ok_or_else(|| {
        let book = book.display();
        Failure::environment(
            format!("{book}: a line is not `SERIAL MILLISECONDS NODE`; mend it"),
            format!("{book}：有一行不是“序列号 毫秒 节点”，请改正"),
        )
    })?;
    let number = u64::try_from(now.0 / 1000).unwrap_or_default();
    let until = now.plus(i64::from(days) * DAY);
    let pem = root
        .revocation_list(&revoked, number, now.plus(-60_000), until, &random)
        .map_err(|e| signing(&e))?;
    os::replace(&book, &text).map_err(|e| not_written(&book, &e))?;
    os::replace(&list, &pem).map_err(|e| not_written(&list, &e))?;
    let (shown, n) = (list.display(), revoked.len());
    out.value(&serde_json::json!({
        "ok": true, "list": shown.to_string(), "revoked": n, "next": until.to_string(),
    }))?;
    out.say(
        format_args!("{shown}: {n} certificates revoked, next list before {until}. Give it to every node: [trust] revocation; it is taken up without a restart"),
        format_args!("{shown}：已吊销 {n} 张证书，下次更新不晚于 {until}。请下发各节点，写入 [trust] revocation；无需重启即可生效"),
    )?;
    Ok(Exit::Fine)
}

fn environment_of(pem: &str, path: &Path) -> Result<Environment, Failure> {
    SenderCert::from_pem(pem).map(|c| c.environment).map_err(|e| unfit(path, &e))
}

fn unfit(path: &Path, e: &Refuse) -> Failure {
    let path = path.display();
    Failure::usage(
        format!("{path}: {e}; name a certificate that this authority issued"),
        format!("{path}：不是本机构签发的节点证书（{}）", e.code()),
    )
}

/// Serial numbers and times of `revoked.txt`.
fn entries(text: &str) -> Option<Vec<(Vec<u8>, Millis)>> {
    text.lines()
        .map(|line| {
            let mut words = line.split(' ');
            let (serial, at) = (words.next()?, words.next()?);
            let bytes = serial
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
            Some((bytes.collect::<Option<Vec<u8>>>()?, Millis(at.parse().ok()?)))
        })
        .collect()
}
