//! `tiergate trace`: one case's records across the tiers, in tier order.

use clap::Args;
use serde_json::json;
use store::TraceStep;

use crate::os;
use crate::stores::{Access, NodesArg, Tier, tiers};
use crate::text::{Done, Exit, Lang, Out, Table};

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
        show(&args.case_no, &found, out)
    })?
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
    for step in steps {
        let envelope = step.envelope.clone().unwrap_or_default();
        let word = match lang {
            Lang::En => step.what.clone(),
            Lang::Zh => chinese(&step.what).to_owned(),
        };
        let at = step.at.to_string();
        table.row([format!("  {at}"), word, step.record.clone(), envelope, step.detail.clone()]);
    }
    table.lines()
}

/// The steps' words in Chinese; a word without one stays as it is.
fn chinese(word: &str) -> &str {
    match word {
        "collected" => "采集",
        "quarantined" => "隔离（问题数据）",
        "numbered" => "编号",
        "sealed" => "签名封装",
        "sent" => "发出",
        "hop" => "途经签收",
        "relayed" => "中转",
        "kept" => "验签留存",
        "accepted" => "省级接收回执",
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
            what: what.into(),
            envelope: None,
            detail: detail.into(),
        };
        let zh = lines(&[step("collected", ""), step("accepted", "sha256:ab")], Lang::Zh);
        assert_eq!(zh[0], "  1970-01-01 08:00:00  采集          SL:1@u#1");
        assert!(zh[1].contains("省级接收回执  SL:1@u#1    sha256:ab"), "{zh:?}");
        assert!(lines(&[step("odd", "")], Lang::Zh)[0].contains("odd"));
    }
}
