//! A month's rates: by node, by unit, by region.

use canon::Day;
use exchange::WorkError;
use exchange::reconcile::month::{self, Accounts, UnitAccount};
use exchange::reconcile::rates::{self, By, Group};
use exchange::reconcile::sheets::{Sheet, Tongue};
use serde_json::{Value, json};

use super::{Reconcile, rows_and_foot, signed, tongue};
use crate::os;
use crate::stores::{Access, tiers};
use crate::text::{Done, Exit, Failure, Out};

/// Tells the rates of the month that begins on a day.
pub(super) async fn of(args: &Reconcile, first: Day, out: &Out) -> Done {
    let last = month::last_day(first, os::now().day());
    let tiers = tiers(&args.nodes(), Access::Read).await?;
    let (mut all, mut nodes): (Vec<Sheet>, Vec<Value>) = (Vec::new(), Vec::new());
    for tier in &tiers {
        let failed = |e: WorkError| {
            Failure::environment(format!("{}: {e}", tier.code), format!("{}：{e}", tier.code))
        };
        let accounts = month::of_days(&tier.store, &tier.code, (first, last)).await;
        let accounts = accounts.map_err(failed)?;
        nodes.push(value(tier.code.as_str(), &accounts));
        if !out.json {
            out.text(format_args!("{} {} {first} – {last}", tier.title, tier.code))?;
        }
        for mut sheet in rates::sheets(&accounts, tongue(out.lang)) {
            if !out.json {
                out.text(format_args!("  {}", sheet.name))?;
                rows_and_foot(&sheet, out)?;
            }
            if tiers.len() > 1 {
                sheet.name = format!("{} {}", sheet.name, tier.code);
            }
            all.push(sheet);
        }
    }
    if let Some(path) = &args.report {
        let first = first.to_string();
        let month = first.get(..7).unwrap_or(&first);
        let title = out.of(format!("Rates of {month}"), format!("{month} 月度指标"));
        signed::write(path, (&title, &all), &args.nodes(), out)?;
    }
    let (from, to) = (first.to_string(), last.to_string());
    out.value(&json!({ "ok": true, "from": from, "to": to, "nodes": nodes }))?;
    Ok(Exit::Fine)
}

/// For programs. A rate without business is `no business`.
fn value(node: &str, accounts: &Accounts) -> Value {
    let pairs: Vec<Value> = accounts
        .pairs
        .iter()
        .map(|((sender, receiver), a)| {
            let mut value = json!({
                "sender": sender.as_str(), "receiver": receiver.as_str(), "days": a.days,
                "reported": a.reported, "agreed": a.agreed, "collected": a.collected,
                "accepted": a.taken, "punctual_of": a.due, "late": a.late, "invalid": a.invalid,
                "history": a.history, "excused": a.excused, "baseline": a.baseline,
            });
            put(&mut value, rates::of_account(a, Tongue::En));
            value
        })
        .collect();
    let of = |by| -> Vec<Value> { rates::groups(accounts, by).iter().map(group).collect() };
    json!({
        "node": node, "accounts": pairs, "units": of(By::Unit), "regions": of(By::Region),
        "excused": accounts.excused.iter().map(|e| json!({
            "day": e.day.to_string(), "node": e.node.as_str(), "cause": e.cause,
            "from": e.span.from.to_string(), "until": e.span.until.to_string(),
        })).collect::<Vec<Value>>(),
    })
}

fn put(value: &mut Value, rates: [String; 4]) {
    let names = ["report_rate", "punctual_rate", "valid_rate", "agreement_rate"];
    for (name, rate) in names.into_iter().zip(rates) {
        value[name] = rate.into();
    }
}

fn group(((region, unit), group): (&(String, String), &Group)) -> Value {
    let UnitAccount { all, due } = &group.units;
    let senders: Vec<&str> = group.senders.iter().map(canon::NodeCode::as_str).collect();
    let mut value = json!({
        "region": region, "unit": unit, "senders": senders, "answered": all.records,
        "accepted": all.accepted, "rejected": all.invalid, "punctual_of": due.accepted,
        "late": due.late, "history": all.history, "excused": all.accepted - due.accepted,
        "days": group.days.days, "reported": group.days.reported, "agreed": group.days.agreed,
        "delay_mean_s": due.delay.checked_div(due.accepted),
        "delay_max_s": (due.accepted > 0).then_some(due.delay_max),
    });
    put(&mut value, rates::of_group(group, Tongue::En));
    value
}
