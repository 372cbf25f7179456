//! `tiergate trace`: one case's records across the tiers, in tier order.

use std::collections::{BTreeMap, BTreeSet};

use canon::format::supervision_1;
use clap::Args;
use serde_json::json;
use store::{OutState, TraceStep};

use crate::commands::{outlet, sink};
use crate::os;
use crate::stores::{Access, NodesArg, Tier, tiers};
use crate::text::{Done, Exit, Failure, Lang, Out, Table};

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// The case number, as the source writes it
    case_no: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Prints the life of a case.
pub(crate) fn run(args: &Trace, out: &Out) -> Done {
    os::block_on(async {
        let mut found = Vec::new();
        for tier in tiers(&args.nodes, Access::Read).await? {
            let steps = tier.store.trace(&args.case_no).await.map_err(|e| tier.failed(&e))?;
            found.push((tier, steps));
        }
        no_way_back(&mut found).await?;
        on_the_way(&mut found).await?;
        outlet::told(&mut found).await?;
        sink::told(&mut found).await?;
        show(&args.case_no, &found, out)
    })?
}

/// What was sent over a link where nothing comes back by itself, and is not settled by hand yet.
async fn no_way_back(found: &mut [(Tier, Vec<TraceStep>)]) -> Result<(), Failure> {
    for (tier, steps) in found {
        for step in steps.iter_mut().filter(|s| s.what == "sent") {
            let id = step.envelope.as_deref().and_then(envelope::parse_envelope_id);
            let Some(id) = id else { continue };
            let own = tier.store.outbound(&id).await.map_err(|e| tier.failed(&e))?;
            let waits = own.filter(|own| own.state == OutState::Sent);
            let gate = waits.and_then(|own| tier.gates.iter().find(|g| g.link == *own.link));
            if gate.is_some_and(|g| g.back.is_no_way()) {
                step.what = "sent_no_way_back".into();
            }
        }
    }
    Ok(())
}

/// A relay knows envelopes, not cases: what it did with those that carried this one.
async fn on_the_way(found: &mut [(Tier, Vec<TraceStep>)]) -> Result<(), Failure> {
    let mut carried: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in found.iter().flat_map(|(_, steps)| steps) {
        if let Some(envelope) = &step.envelope {
            carried.entry(envelope.clone()).or_default().insert(step.record.clone());
        }
    }
    for (tier, steps) in found {
        for (text, records) in &carried {
            let Some(id) = envelope::parse_envelope_id(text) else { continue };
            let row = tier.store.relay_row(&id).await.map_err(|e| tier.failed(&e))?;
            let Some(row) = row else { continue };
            steps.extend(records.iter().map(|record| TraceStep {
                at: row.at,
                record: record.clone(),
                destination: None,
                what: "relayed".into(),
                envelope: Some(text.clone()),
                detail: format!("→ {}: {}", row.link, row.state),
            }));
        }
        steps.sort_by_key(|s| s.at);
    }
    Ok(())
}

fn show(case: &str, found: &[(Tier, Vec<TraceStep>)], out: &Out) -> Done {
    let known = found.iter().any(|(_, steps)| !steps.is_empty());
    let tiers = found.iter().map(
        |(tier, steps)| json!({ "node": tier.code.as_str(), "title": tier.title, "steps": steps }),
    );
    out.value(&json!({ "ok": known, "case": case, "tiers": tiers.collect::<Vec<_>>() }))?;
    if !known {
        out.say(
            format_args!("no node here knows case {case}; compare the number with the source, or see `tiergate quarantine list` for rows without one"),
            format_args!("这里没有办件 {case}；请与来源核对编号，无编号的行见 tiergate quarantine list"),
        )?;
        return Ok(Exit::Problems);
    }
    if out.json {
        return Ok(Exit::Fine);
    }
    for (tier, steps) in found {
        out.text(format_args!("{} {}", tier.title, tier.code))?;
        if steps.is_empty() {
            out.say("  (nothing here yet)", "  （尚未到达）")?;
        }
        for line in lines(steps, out.lang) {
            out.text(line)?;
        }
    }
    Ok(Exit::Fine)
}

fn lines(steps: &[TraceStep], lang: Lang) -> Vec<String> {
    let mut table = Table::default();
    let several = several(steps);
    for step in steps {
        let to = step.destination.as_ref().filter(|_| several);
        let to = to.map(|to| format!("→ {to}")).unwrap_or_default();
        // An envelope says by itself where it goes.
        let envelope = step.envelope.as_deref().map_or(to, envelope_words);
        let word = match lang {
            Lang::En => step.what.clone(),
            Lang::Zh => chinese(&step.what).to_owned(),
        };
        let at = step.at.to_string();
        table.row([
            format!("  {at}"),
            word,
            record_words(&step.record),
            envelope,
            step.detail.clone(),
        ]);
    }
    table.lines()
}

/// Whether the own records of a case go to several destinations.
fn several(steps: &[TraceStep]) -> bool {
    let mut all = steps.iter().filter_map(|s| s.destination.as_ref());
    let first = all.next();
    all.any(|to| Some(to) != first)
}

/// `SPCL:number@unit/2#1` → `SPCL 审批 2 v1`: the case stands in the heading already.
fn record_words(record: &str) -> String {
    let (kind, rest) = record.split_once(':').unwrap_or((record, ""));
    let (key, version) = rest.rsplit_once('#').unwrap_or((rest, ""));
    let part = key.split_once('/').map_or("", |(_, part)| part);
    let format = supervision_1();
    let label = format.type_by_wire(kind).map_or("", |ty| format.get(ty).label.as_str());
    [kind, label, part, &format!("v{version}")]
        .into_iter()
        .filter(|word| !word.is_empty() && *word != "v")
        .collect::<Vec<_>>()
        .join(" ")
}

/// `sender/1/destination|edition|suite|live/7` → `sender → destination live 7`.
fn envelope_words(text: &str) -> String {
    match envelope::parse_envelope_id(text) {
        Some(id) => {
            let route = &id.route;
            format!("{} → {} {} {}", id.sender, route.destination, route.lane, id.sequence)
        }
        None => text.to_owned(),
    }
}

/// The steps' words in Chinese; a word without one stays as it is.
fn chinese(word: &str) -> &str {
    match word {
        "collected" => "采集",
        "quarantined" => "隔离（问题数据）",
        "numbered" => "编号",
        "sealed" => "签名封装",
        "sent" => "发出",
        "sent_no_way_back" => "已送出（无回路）",
        "hop" => "途经签收",
        "relayed" => "中转",
        "kept" => "验签留存",
        "accepted" => "省级接收回执",
        "accepted_by_platform" => "平台答复接收（由本节点记录）",
        "rejected_by_platform" => "平台答复退回（由本节点记录）",
        "held_for_platform" => "等上级环节或前一版本的平台答复",
        "due_to_platform" => "待报平台",
        "sending_to_platform" => "已报平台，待答复",
        "answered_by_platform" => "平台已答复，待出回执",
        "refused_by_sink" => "输出拒绝该条",
        "superseded" => "已有更高版本",
        "rejected" => "退回（拒绝）",
        "parent_missing" => "等上级环节记录",
        "waiting" => "等待",
        "dead" => "已放弃",
        "voided" => "停报",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use canon::Millis;

    use super::*;

    #[test]
    fn steps_read_as_lines_in_order() {
        let step = |what: &str, detail: &str| TraceStep {
            at: Millis(0),
            record: "SL:1@u#1".into(),
            destination: None,
            what: what.into(),
            envelope: None,
            detail: detail.into(),
        };
        let zh = lines(&[step("collected", ""), step("accepted", "sha256:ab")], Lang::Zh);
        assert_eq!(zh[0], "  1970-01-01 08:00:00  采集          SL 受理 v1");
        assert!(zh[1].contains("省级接收回执  SL 受理 v1    sha256:ab"), "{zh:?}");
        assert!(lines(&[step("odd", "")], Lang::Zh)[0].contains("odd"));
        let to = |code: &str| TraceStep {
            destination: canon::NodeCode::new(code),
            ..step("collected", "")
        };
        let one = lines(&[to("province"), to("province")], Lang::En);
        assert!(!one[0].contains('→'), "{one:?}");
        let both = lines(&[to("province"), to("bureau")], Lang::En);
        assert!(both[0].contains("→ province") && both[1].contains("→ bureau"), "{both:?}");
    }
}
