//! One case through four tiers: who signed what, and the province's receipt for it.

use canon::{Digest, EnvelopeId, Millis};
use envelope::{Outcome, merkle_path, merkle_root, verify_path};
use store::TraceStep;

use super::Story;
use crate::assemble::store_failure;
use crate::demo::closed;
use crate::demo::evidence::{Answer, Evidence, Signed, stock_line};
use crate::demo::show::Grid;
use crate::demo::tiers::Tier;
use crate::text::Failure;

/// Characters shown of a digest.
const DIGEST_CHARS: usize = 23;

/// Plays the scene.
pub(super) async fn play(story: &mut Story<'_>) -> Result<(), Failure> {
    story.show.scene(
        3,
        "One case through four tiers, with signatures and the province's receipt",
        "一个办件走过四级：每级的签名与省平台的回执",
    )?;
    let number = story.state.township_case.clone();
    let store = story.world.store(Tier::Township);
    let steps = store.trace(&number).await.map_err(store_failure)?;
    let of = steps.iter().rev().find_map(|s| Some((s.envelope.clone()?, s.record.clone())));
    let Some((envelope, record)) = of else {
        return Ok(story.show.say(
            format!("case {number} has not been sent; `tiergate trace {number}` says why"),
            format!("办件 {number} 尚未上报，原因可用 tiergate trace {number} 查看"),
        )?);
    };
    story.show.say(
        format!("case {number}, from the township's window file"),
        format!("办件 {number}，来自乡镇窗口文件"),
    )?;
    let table = hops(story, &steps, &envelope, &record).await?;
    story.show.table(&table)?;
    story.show.pause(3_000).await;
    if let Some(id) = envelope::parse_envelope_id(&envelope) {
        proof(story, &id, &steps, &record).await?;
        closed::tell(story, &id).await?;
    }
    story.show.pause(4_000).await;
    Ok(())
}

/// A line a tier, lowest first.
async fn hops(
    story: &Story<'_>,
    steps: &[TraceStep],
    envelope: &str,
    record: &str,
) -> Result<Grid, Failure> {
    let lang = story.show.lang();
    let mut table = Grid::new(lang.of(["node", "", "when", "what"], ["节点", "", "时间", "经过"]));
    let mut row = |tier: Tier, at: Option<Millis>, what: String| {
        let at = at.map_or_else(String::new, |a| a.to_string().split(' ').skip(1).collect());
        table.row([tier.title(lang).to_owned(), tier.code().to_string(), at, what]);
    };
    let mine = || steps.iter().filter(|s| s.record == record);
    let at = |what: &str| mine().find(|s| s.what == what).map(|s| s.at);
    let kind = record.split_once(':').map_or("", |(kind, _)| kind);
    let all = steps.iter().filter(|s| s.what == "collected").count();
    row(
        Tier::Township,
        at("collected"),
        lang.of(
            format!("collected {all} records of it, among them {}", story.kind(kind)),
            format!("采集 {all} 条，其中 {}", story.kind(kind)),
        ),
    );
    let sequence = envelope.rsplit('/').next().unwrap_or_default();
    row(
        Tier::Township,
        at("numbered"),
        lang.of(
            format!("sealed in envelope {sequence} and signed, once and for all the way"),
            format!("封入第 {sequence} 号报文并签名，此后全程不再改动"),
        ),
    );
    if let Some(id) = envelope::parse_envelope_id(envelope) {
        for tier in [Tier::County, Tier::City] {
            let store = story.world.store(tier);
            let Some(relay) = store.relay_row(&id).await.map_err(store_failure)? else { continue };
            row(
                tier,
                Some(relay.at),
                lang.of(
                    "signature verified, passed on byte for byte".to_owned(),
                    "验证签名，原样转发".to_owned(),
                ),
            );
        }
    }
    let above = story.world.store(Tier::Province);
    let kept = above.trace(&story.state.township_case).await.map_err(store_failure)?;
    let kept = kept.iter().find(|s| s.record == record && s.what == "kept");
    row(
        Tier::Province,
        kept.map(|s| s.at),
        lang.of(
            "township's own signature verified; judged, kept, receipted".to_owned(),
            "验证乡镇本级签名，逐条校验，留存，签发回执".to_owned(),
        ),
    );
    row(
        Tier::Township,
        at("accepted"),
        lang.of("receipt verified: accepted".to_owned(), "收到回执，验证通过：已接收".to_owned()),
    );
    Ok(table)
}

/// The envelope and its receipt, verified again here.
async fn proof(
    story: &mut Story<'_>,
    id: &EnvelopeId,
    steps: &[TraceStep],
    record: &str,
) -> Result<(), Failure> {
    let node = story.world.node(Tier::Township);
    let Some(evidence) = Evidence::read(node, id).await? else { return Ok(()) };
    let now = story.world.now();
    let collected = steps.iter().find(|s| s.record == record && s.what == "collected");
    let digest: Option<Digest> = collected.and_then(|s| s.detail.parse().ok());
    let Some(digest) = digest else { return Ok(()) };
    let envelope = evidence.envelope(&node.trust, now)?;
    let answer = evidence.receipt(&envelope, &digest, &node.trust, now)?;
    evidence.write(&story.world.folder)?;
    told(story, &envelope, &answer, &digest)?;
    story.show.say(
        "Both lie as plain XML in the data folder; a stock tool agrees:",
        "两份报文已存为普通 XML，可用系统自带工具复核：",
    )?;
    let line = stock_line(&story.world.folder.evidence(), "receipt.xml");
    for part in wrapped(&line) {
        story.show.say(part.clone(), part)?;
    }
    Ok(())
}

fn told(
    story: &mut Story<'_>,
    envelope: &Signed,
    answer: &Answer,
    record: &Digest,
) -> Result<(), Failure> {
    let lang = story.show.lang();
    let in_it = contains(envelope, record);
    let mut table = Grid::new(lang.of(
        ["", "signed by", "digest of what is signed", "verified here"],
        ["", "签名人", "被签内容摘要", "此处验证"],
    ));
    let good =
        |ok: bool| lang.of(if ok { "yes" } else { "NO" }, if ok { "通过" } else { "不通过" });
    let short = |d: &Digest| {
        let text: String = d.to_string().chars().take(DIGEST_CHARS).collect();
        format!("{text}…")
    };
    table.row([
        lang.of("envelope", "报文").to_owned(),
        envelope.signer.clone(),
        short(&envelope.digest),
        good(true).to_owned(),
    ]);
    table.row([
        lang.of("this record in it", "其中本条记录").to_owned(),
        lang.of("(Merkle root in the head)", "（报文头内 Merkle 根）").to_owned(),
        short(record),
        good(in_it).to_owned(),
    ]);
    table.row([
        lang.of("receipt", "回执").to_owned(),
        answer.signed.signer.clone(),
        short(&answer.signed.digest),
        good(answer.of_this).to_owned(),
    ]);
    story.show.table(&table)?;
    let (en, zh) = match answer.outcome {
        Some(Outcome::Accepted) => ("accepted", "已接收"),
        Some(Outcome::Superseded) => ("superseded by a newer version", "已被新版本替代"),
        Some(Outcome::Rejected) => ("rejected", "退回"),
        Some(Outcome::ParentMissing) => ("its parent is missing", "上级环节未到"),
        None => ("nothing", "未提及"),
    };
    Ok(story.show.say(
        format!("the province's receipt says of this record: {en}"),
        format!("省平台回执对本条记录的结论：{zh}"),
    )?)
}

/// Whether the record is under the signed root, by its own path alone.
fn contains(envelope: &Signed, record: &Digest) -> bool {
    let leaves = &envelope.leaves;
    let Some(index) = leaves.iter().position(|leaf| leaf == record) else { return false };
    let Some(path) = merkle_path(leaves, index) else { return false };
    merkle_root(envelope.head.digest_alg, leaves) == envelope.head.root
        && verify_path(record, index, leaves.len(), &path, &envelope.head.root)
}

/// A command line in pieces that fit a screen, as a shell takes them.
pub(super) fn wrapped(line: &str) -> Vec<String> {
    match line.split_once(" --trusted-pem ") {
        Some((a, b)) => vec![format!("  {a} \\"), format!("    --trusted-pem {b}")],
        None => vec![format!("  {line}")],
    }
}
