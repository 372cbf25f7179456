//! `tiergate evidence`: one record's proof as a file, and what such a file proves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use canon::format::{Format, supervision_1};
use canon::{Digest, EnvelopeId, RecordId};
use clap::{Args, Subcommand};
use envelope::archive::{Archive, link};
use envelope::evidence::{EVIDENCE_HOPS_MAX, Evidence, Item, Passed};
use envelope::{KeyRing, Opened, Refuse};
use exchange::WorkError;
use exchange::passages;
use serde_json::json;
use store::StoredFrames;

use crate::commands::archive::{self, VerifyArchive};
use crate::desk::{self, Request};
use crate::stores::{Access, NodesArg, Tier, tiers};
use crate::text::{Done, Exit, Failure, Out};
use crate::verdict::{self, VerifyArgs};
use crate::{archives, os};

/// One record's proof.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Write what proves a case's records, or one record, into a file · 导出证据
    Export(Export),
    /// Walk the chain over a node's archive files, offline · 核验归档链
    VerifyArchive(VerifyArchive),
    /// What a file proves: who signed, who accepted, and every doubt · 核验证据
    Verify(VerifyArgs),
}

/// What is exported, and whereto.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The case number, as the source writes it; or one record as `trace --json` names it, `TYPE:KEY#VERSION`
    record: String,
    /// The file; one that is there is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    nodes: NodesArg,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE", default_value = "unnamed")]
    by: String,
}

/// Runs the command.
pub(crate) fn run(command: &EvidenceCommand, out: &Out) -> Done {
    match command {
        EvidenceCommand::Export(args) => os::block_on(export(args, out))?,
        EvidenceCommand::Verify(args) => verify(args, out),
        EvidenceCommand::VerifyArchive(args) => archive::run(args, out),
    }
}

fn verify(args: &VerifyArgs, out: &Out) -> Done {
    let found = verdict::look(args).map_err(|cannot| Failure::environment(cannot.en, cannot.zh))?;
    out.value(&found.value())?;
    if !out.json {
        for line in found.lines(out.lang) {
            out.text(line)?;
        }
    }
    Ok(if found.beyond_doubt() { Exit::Fine } else { Exit::Problems })
}

/// A record and the envelope that carried it.
type Carried = (RecordId, EnvelopeId);

async fn export(args: &Export, out: &Out) -> Done {
    // Compiled beside the opening of the stores, not behind it.
    drop(std::thread::spawn(supervision_1));
    let tiers = tiers(&args.nodes, Access::Read).await?;
    let keys = crate::identity::keys_of(&tiers)?;
    let (proof, left) = proof(&tiers, &args.record, &keys).await?;
    let Some((text, proven)) = proof else {
        audited(args, &tiers, 0).await?;
        return nothing(&args.record, &left, out);
    };
    // The line stands before the file does: nobody has one without the other.
    audited(args, &tiers, proven).await?;
    write(&args.out, &text)?;
    told(args, proven, &left, out)
}

/// What proves a case's records, or one record, with how many it proves; and those that are left out.
pub(crate) async fn proof(
    tiers: &[Tier],
    asked: &str,
    keys: &KeyRing,
) -> Result<(Option<(String, usize)>, Vec<Left>), Failure> {
    let wanted = RecordId::parse(asked);
    let number = wanted.as_ref().map_or_else(|| asked.to_owned(), |id| id.key.number());
    let (mut items, mut left, mut by) = (Vec::new(), Vec::new(), None);
    for carried in carried(tiers, &number, wanted.as_ref()).await? {
        match item(tiers, &carried, keys).await? {
            Ok((tier, item)) => {
                by.get_or_insert(tier);
                items.push(item);
            }
            Err(why) => left.push((carried.0.to_string(), why)),
        }
    }
    let Some(by) = by else { return Ok((None, left)) };
    let proven = items.len();
    let text = Evidence::new(&by.code, os::now(), items).write().map_err(|e| {
        let zh = canon::code(e.code()).map_or("", |code| code.zh);
        Failure::environment(format!("{e} [{}]", e.code()), format!("{zh} [{}]", e.code()))
    })?;
    Ok((Some((text, proven)), left))
}

/// Leaves a line in the audit chain of each node that was asked.
async fn audited(args: &Export, tiers: &[Tier], proven: usize) -> Result<(), Failure> {
    if !canon::format::is_token(&args.by, canon::format::TOKEN_MAX) {
        return Err(Failure::usage(
            "--by takes an operator code of letters, digits, _ . - ; names do not go into the audit chain",
            "--by 请填操作员代码（字母、数字、_ . -），审计链不记姓名",
        ));
    }
    let (subject, by, records) = (args.record.clone(), args.by.clone(), proven as u64);
    let request = Request::Evidence { subject, records, by };
    // One after the other: identities may share a file, which has one writer.
    for tier in tiers {
        desk::line(&tier.config, &tier.code, &request).await?;
    }
    Ok(())
}

fn told(args: &Export, proven: usize, left: &[Left], out: &Out) -> Done {
    let shown = args.out.display();
    out.value(&json!({
        "ok": left.is_empty(), "file": shown.to_string(), "records": proven,
        "without": names(left), "confidential": closed(left),
    }))?;
    out.say(
        format_args!("{shown}: {proven} record(s); it is about a person: give it only to who may see it. Next: tiergate-verify {shown} --anchor CA"),
        format_args!("{shown}：{proven} 条记录，含个人信息，仅交有权查看者。下一步：tiergate-verify {shown} --anchor CA"),
    )?;
    for one in left {
        out.say(
            format_args!("  not in it: {}", one.1.en(&one.0)),
            format_args!("  未包含：{}", one.1.zh(&one.0)),
        )?;
    }
    Ok(if left.is_empty() { Exit::Fine } else { Exit::Problems })
}

/// A record that is not in the file, and why.
pub(crate) type Left = (String, Why);

/// Why a record cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nobody here has its bytes.
    Gone,
    /// Its bytes are here, closed for others.
    Closed,
    /// They lie in an archive file that does not open.
    Locked,
}

impl Why {
    fn en(self, record: &str) -> String {
        match self {
            Self::Gone => {
                format!("{record}: its bytes are not kept here any more, or were never sealed")
            }
            Self::Closed => format!(
                "{record}: its envelope is confidential and closed for others: no key here opens it; export at its sender, at its destination, or at a tier that keeps [receiver.confidential]"
            ),
            Self::Locked => format!(
                "{record}: it lies in an archive file that no key here opens: name the configuration of its node, older pairs as [[identity.also]] [archive.closed]"
            ),
        }
    }

    fn zh(self, record: &str) -> String {
        match self {
            Self::Gone => format!("{record}：本机已不留存其报文，或尚未封装"),
            Self::Closed => format!(
                "{record}：所在报文已加密，本机没有可解密的密钥；请到来源单位、目的节点或留存的级次导出 [receiver.confidential]"
            ),
            Self::Locked => format!(
                "{record}：在归档文件中，现有密钥无法打开：请用该节点的配置（旧加密证书以 [[identity.also]] 保留）[archive.closed]"
            ),
        }
    }
}

/// The records that were left out.
fn names(left: &[Left]) -> Vec<&str> {
    left.iter().map(|(record, _)| record.as_str()).collect()
}

/// Those whose bytes are here and cannot be read.
fn closed(left: &[Left]) -> Vec<&str> {
    let closed = left.iter().filter(|(_, why)| *why != Why::Gone);
    closed.map(|(record, _)| record.as_str()).collect()
}

fn nothing(asked: &str, left: &[Left], out: &Out) -> Done {
    let closed = closed(left);
    out.value(&json!({
        "ok": false, "records": 0, "without": names(left), "confidential": closed,
    }))?;
    if closed.is_empty() {
        out.say(
            format_args!("no node here has an envelope with {asked}: compare the number with the source, see `tiergate trace {asked}` for where it is; what a node only passes on it does not look into"),
            format_args!("这里没有包含 {asked} 的报文：请与来源核对编号，可用 tiergate trace {asked} 查看其所在；仅转发的节点不查看报文内容"),
        )?;
    }
    for (record, why) in left.iter().filter(|(_, why)| *why != Why::Gone) {
        out.say(why.en(record), why.zh(record))?;
    }
    Ok(Exit::Problems)
}

/// Every record of the case that went into an envelope, in the order of its life.
async fn carried(
    tiers: &[Tier],
    number: &str,
    wanted: Option<&RecordId>,
) -> Result<Vec<Carried>, Failure> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for tier in tiers {
        for step in tier.store.trace(number).await.map_err(|e| tier.failed(&e))? {
            let Some(envelope) = step.envelope.as_deref() else { continue };
            if !seen.insert((step.record.clone(), envelope.to_owned())) {
                continue;
            }
            let Some(id) = envelope::parse_envelope_id(envelope) else { continue };
            let Some(record) = RecordId::parse(&step.record) else { continue };
            if wanted.is_none_or(|w| *w == record) {
                found.push((record, id));
            }
        }
    }
    let format = supervision_1();
    let order = |id: &RecordId| format.type_by_wire(&id.kind).map(|ty| format.get(ty).order);
    found.sort_by_cached_key(|(id, _)| (order(id), id.key.clone(), id.version));
    Ok(found)
}

/// The proof, from the node that has the most of it: with the receipt, if any has one.
async fn item<'a>(
    tiers: &'a [Tier],
    (record, id): &Carried,
    keys: &KeyRing,
) -> Result<Result<(&'a Tier, Item), Why>, Failure> {
    let mut found = Err(Why::Gone);
    let hops = hops(tiers, id).await?;
    for tier in tiers {
        let frames = tier.store.frames(id).await.map_err(|e| tier.failed(&e))?;
        let frames = match frames {
            Some(frames) => Some(frames),
            None => match archived(tier, id, keys).await? {
                Ok(frames) => frames,
                Err(why) => {
                    found = found.or(Err(why));
                    continue;
                }
            },
        };
        let Some(frames) = frames else { continue };
        let package = opened(&frames.frame)?;
        // A relay has the envelope, and not the key: whoever reads it can show the record.
        let package = match envelope::clear(&package, keys) {
            Ok(package) => package,
            Err(Refuse::Closed { .. }) => {
                found = found.or(Err(Why::Closed));
                continue;
            }
            Err(e) => return Err(damaged(&e)),
        };
        let envelope = envelope::open_clear(&package).map_err(|e| damaged(&e))?;
        let Some(position) = position(&envelope, record) else { continue };
        let receipt = frames.receipt.as_deref().map(opened).transpose()?;
        let answer = receipt.as_deref().map(envelope::open).transpose();
        let answer = answer.map_err(|e| damaged(&e))?;
        let item = Item::of(&envelope, position, answer.as_ref(), hops.clone()).map_err(|e| {
            Failure::environment(format!("{e} [{}]", e.code()), format!("[{}]", e.code()))
        })?;
        let whole = item.receipt.is_some();
        if found.is_err() || whole {
            found = Ok((tier, item));
        }
        if whole {
            break;
        }
    }
    Ok(found)
}

/// The frames of an envelope whose bytes were purged, from the node's archive; a file that is not the
/// one that was written is no source.
async fn archived(
    tier: &Tier,
    id: &EnvelopeId,
    keys: &KeyRing,
) -> Result<Result<Option<StoredFrames>, Why>, Failure> {
    let Some((folder, _)) = &tier.archive else { return Ok(Ok(None)) };
    let failed = |e: WorkError| Failure::environment(e.to_string(), format!("归档目录不可用：{e}"));
    for seen in exchange::archive::files_of(&tier.store, id).await.map_err(failed)? {
        let bytes = archives::bytes(&folder.join(&seen.name))?;
        let changed = || {
            let name = &seen.name;
            Failure::environment(
                format!(
                    "{name}: is not the archive file that was written [archive.link]; see `tiergate evidence verify-archive`"
                ),
                format!(
                    "{name}：不是原归档文件 [archive.link]，请运行 tiergate evidence verify-archive"
                ),
            )
        };
        let digest: Digest = seen.digest.parse().map_err(|_| changed())?;
        if link(digest.alg, &bytes) != digest {
            return Err(changed());
        }
        let Some(clear) = envelope::archive::clear(&bytes, keys).map_err(|_| changed())? else {
            return Ok(Err(Why::Locked));
        };
        let file = Archive::read(&clear).map_err(|_| changed())?;
        if let Some(frames) = file.find(id) {
            let (frame, receipt) = (frames.envelope.into(), frames.receipt.map(Into::into));
            return Ok(Ok(Some(StoredFrames { frame, receipt })));
        }
    }
    Ok(Ok(None))
}

/// The hop receipts that any of the nodes has of an envelope, each signer's once.
async fn hops(tiers: &[Tier], id: &EnvelopeId) -> Result<Vec<Passed>, Failure> {
    let mut found: Vec<Passed> = Vec::new();
    for tier in tiers {
        let kept = passages::of(&tier.store, id).await.map_err(|e| {
            Failure::environment(format!("{}: {e}", tier.code), format!("{}：{e}", tier.code))
        })?;
        found.extend(kept);
    }
    found.sort_by(|a, b| a.content.cmp(&b.content));
    found.dedup_by(|a, b| a.content == b.content);
    found.truncate(EVIDENCE_HOPS_MAX);
    Ok(found)
}

fn opened(frame: &[u8]) -> Result<Vec<u8>, Failure> {
    envelope::open_frame(frame, envelope::limits::PACKAGE_BYTES_MAX).map_err(|e| damaged(&e))
}

/// Where in an envelope a record lies.
fn position(envelope: &Opened<'_>, record: &RecordId) -> Option<usize> {
    let format = supervision_1();
    // Nearly all of the others are told apart by their first bytes.
    let tag = format!("<{} ", record.kind);
    let same = |fragment: &&[u8]| fragment.starts_with(tag.as_bytes());
    envelope.fragments.iter().position(|f| same(f) && is(&format, f, record))
}

fn is(format: &Format, fragment: &[u8], record: &RecordId) -> bool {
    format.parse(fragment).is_ok_and(|parsed| {
        parsed.attrs.version == record.version
            && *format.get(parsed.ty).wire == *record.kind
            && format.key(parsed.ty, &parsed.values, &parsed.attrs.namespace).as_ref()
                == Some(&record.key)
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    os::write_secret(path, text).map_err(|e| {
        let shown = path.display();
        Failure::environment(
            format!("{shown}: cannot be written: {e}; nothing that is there is overwritten"),
            format!("{shown}：无法写入：{e}；不覆盖已有文件"),
        )
    })
}

fn damaged(e: &Refuse) -> Failure {
    Failure::environment(
        format!("a kept package does not open any more: {e}"),
        format!("留存的报文无法打开：{e}"),
    )
}
