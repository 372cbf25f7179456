//! What a node's process left in the store for those who look from outside: how its carriers are,
//! how far a restore is, whether it has stopped itself.

use std::collections::BTreeMap;

use canon::Millis;
use exchange::WorkError;
use exchange::errands::{Adopting, Errands, Giving, Halted, Recalling};
use exchange::standing::{self, CARRIER, CarrierIs, CarrierSeen, TWIN, TwinSeen};
use store::LeaseRow;

use crate::commands::waiting::Said;
use crate::gates::GateView;
use crate::stores::Tier;
use crate::text::Failure;

/// A carrier that cannot be reached is somebody's business after this, ms; before, it comes back by
/// itself as a rule.
const PATIENCE: i64 = 600_000;
/// For how long it is said that another machine was seen with this node's key, ms.
const TWIN_SAID: i64 = 86_400_000;

/// All of a node: the worst first.
pub(crate) async fn of(tier: &Tier, now: Millis) -> Result<Vec<Said>, Failure> {
    let failed = |e: WorkError| {
        let code = &tier.code;
        Failure::environment(format!("{code}: {e}"), format!("{code}：{e}"))
    };
    let errands = Errands::load(&tier.store).await.map_err(failed)?;
    let mut said: Vec<Said> = errands.halted.iter().map(halted).collect();
    for (_, twin) in standing::read::<TwinSeen>(&tier.store, TWIN).await.map_err(failed)? {
        if now.since(twin.at) < TWIN_SAID {
            said.push(cloned(&twin));
        }
    }
    said.extend(restored(&errands));
    let leases = tier.store.lease_rows().await.map_err(|e| tier.failed(&e))?;
    let seen = standing::read::<CarrierSeen>(&tier.store, CARRIER).await.map_err(failed)?;
    said.extend(carriers(tier.code.as_str(), &tier.gates, seen, &leases, now));
    Ok(said)
}

/// A sentence that ends when what it tells of ends.
fn said(kind: &'static str, about: &str, (en, zh): (String, String), person: bool) -> Said {
    Said { kind, about: about.to_owned(), until: None, en, zh, needs_a_person: person }
}

fn halted(halted: &Halted) -> Said {
    let Halted { code, about, since } = halted;
    let (en, zh) = canon::code(code).map_or((code.as_str(), code.as_str()), |c| (c.en, c.zh));
    let (next, next_zh) = canon::code("node.halted").map_or(("", ""), |c| (c.en, c.zh));
    let number = about.as_deref().unwrap_or_default();
    let texts = (
        format!("stopped since {since} [{code}] {number}: {en}; {next}"),
        format!("自 {since} 起已停止 [{code}] {number}：{zh}；{next_zh}"),
    );
    said("halted", number, texts, true)
}

fn cloned(twin: &TwinSeen) -> Said {
    let TwinSeen { by, envelope, at } = twin;
    let texts = (
        format!(
            "another machine signs with this node's key: {by} refused its {envelope} at {at}; find that machine and stop it"
        ),
        format!("另有机器使用本节点的密钥：{by} 于 {at} 拒收了它的 {envelope}；请找到并停用该机器"),
    );
    said("clone", by.as_str(), texts, true)
}

// ── a restore under way ─────────────────────────────────────────────────────────────────────

fn restored(errands: &Errands) -> Vec<Said> {
    let adopting = errands.adopting.iter().filter(|(_, a)| a.done_at.is_none());
    let recalling = errands.recalling.iter().filter(|(_, r)| r.done_at.is_none());
    let giving = errands.giving.iter().filter(|(_, g)| g.done_at.is_none());
    let adopting = adopting.map(|(peer, a)| {
        said("adoption", peer.as_str(), adoption(peer.as_str(), a), a.stuck.is_some())
    });
    let recalling =
        recalling.map(|(peer, r)| said("recall", peer.as_str(), recall(peer.as_str(), r), false));
    let giving = giving.map(|(peer, g)| said("give", peer.as_str(), give(peer.as_str(), g), false));
    adopting.chain(recalling).chain(giving).collect()
}

fn adoption(peer: &str, adopting: &Adopting) -> (String, String) {
    let Adopting { epoch, after, records, asked_at, stuck, told, .. } = adopting;
    let head = (
        format!("restored, epoch {epoch}: {peer} tells how it judged what was sent before"),
        format!("已恢复，纪元 {epoch}：正向 {peer} 核对此前报送的结果"),
    );
    if let Some(code) = stuck {
        let (en, zh) = canon::code(code).map_or((code.as_str(), code.as_str()), |c| (c.en, c.zh));
        return (
            format!("{}; it cannot go on: {en} [{code}]", head.0),
            format!("{}；无法继续：{zh} [{code}]", head.1),
        );
    }
    let far = match (told, after, asked_at) {
        (true, ..) => ("everything was told".to_owned(), "已全部告知".to_owned()),
        (_, Some(after), _) => (format!("up to {after}"), format!("至 {after}")),
        (.., Some(at)) => (format!("asked at {at}"), format!("已于 {at} 询问")),
        (_, None, None) => ("not asked yet".to_owned(), "尚未询问".to_owned()),
    };
    (
        format!(
            "{}: {records} records taken over so far, {}; nothing is collected for it until then",
            head.0, far.0
        ),
        format!("{}：已认领 {records} 条，{}；完成之前不为其采集", head.1, far.1),
    )
}

fn recall(peer: &str, recalling: &Recalling) -> (String, String) {
    let since = recalling.since();
    let asked = recalling.asked_at.map_or_else(
        || ("not asked yet".to_owned(), "尚未询问".to_owned()),
        |at| (format!("asked at {at}"), format!("已于 {at} 询问")),
    );
    (
        format!("restored: {peer} sends again what it sent since {since}, {}", asked.0),
        format!("已恢复：请 {peer} 重发 {since} 以来的报文，{}", asked.1),
    )
}

fn give(peer: &str, giving: &Giving) -> (String, String) {
    let Giving { records, missing, .. } = giving;
    let gone = match missing {
        0 => (String::new(), String::new()),
        n => (
            format!("; {n} envelopes are not kept here any more"),
            format!("；{n} 个报文本级已不保存"),
        ),
    };
    (
        format!(
            "{peer} was restored and gets again what it lost: {records} records so far{}",
            gone.0
        ),
        format!("{peer} 已恢复，正在补发其丢失的数据：已补 {records} 条{}", gone.1),
    )
}

// ── carriers ────────────────────────────────────────────────────────────────────────────────

/// When the leases of an instance run out, or ran out.
fn alive_until(leases: &[LeaseRow], instance: &str) -> Option<Millis> {
    leases.iter().filter(|row| row.holder == instance).map(|row| row.until).max()
}

fn carriers(
    node: &str,
    gates: &[GateView],
    seen: Vec<(String, CarrierSeen)>,
    leases: &[LeaseRow],
    now: Millis,
) -> Vec<Said> {
    let mut instances: BTreeMap<String, Vec<(String, CarrierSeen)>> = BTreeMap::new();
    for (name, seen) in seen {
        if let Some((instance, carrier)) = name.split_once('/') {
            instances.entry(instance.to_owned()).or_default().push((carrier.to_owned(), seen));
        }
    }
    let is_alive = |instance: &str| alive_until(leases, instance).is_some_and(|at| at > now);
    let any = instances.keys().any(|instance| is_alive(instance));
    let mut out = Vec::new();
    for (instance, carriers) in &instances {
        if !is_alive(instance) {
            out.push(ended(instance, alive_until(leases, instance), any));
            continue;
        }
        // Alone, the instance is the node itself.
        let prefix = if instance == node { String::new() } else { format!("{instance}: ") };
        for (carrier, seen) in carriers {
            out.push(carrier_said(&prefix, carrier, seen, gates, now));
        }
    }
    out
}

fn ended(instance: &str, at: Option<Millis>, others: bool) -> Said {
    let (about, about_zh) = at.map_or_else(
        || (String::new(), String::new()),
        |at| (format!(", its leases ran out at {at}"), format!("，租约于 {at} 到期")),
    );
    let (then, then_zh) = if others {
        ("the others do its work", "其余实例已接替其工作")
    } else {
        ("start it again: `tiergate run --config …`", "请重新启动：tiergate run --config …")
    };
    let texts = (
        format!("the process {instance} ended without a word{about}; {then}"),
        format!("进程 {instance} 未经告知即已结束{about_zh}；{then_zh}"),
    );
    said("service", instance, texts, !others)
}

fn carrier_said(
    prefix: &str,
    carrier: &str,
    seen: &CarrierSeen,
    gates: &[GateView],
    now: Millis,
) -> Said {
    let CarrierSeen { is, since, code, detail, failed } = seen;
    let code = code.as_deref().unwrap_or_default();
    let (en, zh) = canon::code(code).map_or((code, code), |c| (c.en, c.zh));
    let place = place(carrier, gates);
    let head =
        (format!("{prefix}carrier {carrier}{place}"), format!("{prefix}承载 {carrier}{place}"));
    let texts = match is {
        CarrierIs::Up => {
            (format!("{}: carries since {since}", head.0), format!("{}：自 {since} 起正常", head.1))
        }
        CarrierIs::Blocked => (
            format!("{}: takes nothing since {since}: {en} [{code}] ({detail})", head.0),
            format!("{}：自 {since} 起暂停收件：{zh} [{code}]（{detail}）", head.1),
        ),
        CarrierIs::Down => (
            format!(
                "{}: not reached since {since}, {failed} tries failed: {en} [{code}] ({detail})",
                head.0
            ),
            format!("{}：自 {since} 起不可达，已试 {failed} 次：{zh} [{code}]（{detail}）", head.1),
        ),
    };
    // What only waits for the other side comes back by itself; what was refused does not.
    let waits =
        matches!(code, "bus.unreachable" | "spool.unreachable" | "bus.blocked" | "bus.full");
    let person = *is != CarrierIs::Up && (!waits || now.since(*since) > PATIENCE);
    said("carrier", carrier, texts, person)
}

/// The folders of a carrier of files.
fn place(carrier: &str, gates: &[GateView]) -> String {
    let Some(peer) = carrier.strip_prefix("spool ") else { return String::new() };
    let gate = gates.iter().find(|gate| gate.peer.as_str() == peer);
    let folders = gate.and_then(GateView::folders);
    folders.map_or_else(String::new, |(out, incoming)| {
        format!(" ({}, {})", out.display(), incoming.display())
    })
}

#[cfg(test)]
mod tests {
    use canon::NodeCode;

    use super::*;

    fn at(minute: i64) -> Millis {
        Millis::parse("2026-11-21 10:00:00").unwrap().plus(minute * 60_000)
    }

    fn node(code: &str) -> NodeCode {
        NodeCode::new(code).unwrap()
    }

    fn seen(is: CarrierIs, code: Option<&str>) -> CarrierSeen {
        let detail = "ACCESS_REFUSED".to_owned();
        CarrierSeen { is, since: at(0), code: code.map(str::to_owned), detail, failed: 3 }
    }

    fn lease(holder: &str, until: Millis) -> LeaseRow {
        LeaseRow { name: format!("instance/{holder}"), holder: holder.to_owned(), token: 1, until }
    }

    #[test]
    fn a_carrier_says_how_it_is_since_when_and_what_to_do() {
        let leases = [lease("county", at(9))];
        let one = |is, code, now| {
            let seen = vec![("county/mq".to_owned(), seen(is, code))];
            carriers("county", &[], seen, &leases, now).remove(0)
        };
        let up = one(CarrierIs::Up, None, at(1));
        assert_eq!(up.en, "carrier mq: carries since 2026-11-21 10:00:00");
        assert!(!up.needs_a_person);
        let login = one(CarrierIs::Down, Some("bus.login"), at(1));
        assert!(login.en.contains("3 tries failed") && login.en.contains("correct the [[broker]]"));
        assert!(login.zh.contains("已试 3 次") && login.needs_a_person);
        let lost = |now| one(CarrierIs::Down, Some("bus.unreachable"), now);
        assert!(!lost(at(1)).needs_a_person, "it may come back");
        let leases = [lease("county", at(99))];
        let seen = vec![("county/mq".to_owned(), seen(CarrierIs::Blocked, Some("bus.blocked")))];
        let blocked = carriers("county", &[], seen, &leases, at(11)).remove(0);
        assert!(
            blocked.needs_a_person && blocked.en.contains("takes nothing since"),
            "{blocked:?}"
        );
    }

    #[test]
    fn a_process_that_is_gone_says_nothing_of_its_carriers() {
        let two =
            || ["a/mq", "b/mq"].map(|name| (name.to_owned(), seen(CarrierIs::Up, None))).to_vec();
        let leases = [lease("a", at(1)), lease("b", at(9))];
        let said = carriers("county", &[], two(), &leases, at(5));
        let kinds: Vec<_> = said.iter().map(|s| (s.kind, s.needs_a_person)).collect();
        assert_eq!(kinds, [("service", false), ("carrier", false)]);
        assert!(said[0].en.contains("the others do its work"), "{}", said[0].en);
        assert!(said[1].en.starts_with("b: carrier mq"), "{}", said[1].en);
        let said = carriers("county", &[], two(), &leases, at(20));
        assert!(said.iter().all(|s| s.kind == "service" && s.needs_a_person), "{said:?}");
        assert!(said[0].zh.contains("请重新启动"));
    }

    #[test]
    fn a_restore_says_how_far_it_is() {
        let mut errands = Errands::default();
        let mut adopting = Adopting { epoch: 7, ..Adopting::default() };
        let of = |errands: &Errands| restored(errands).remove(0);
        errands.adopting.insert(node("province"), adopting.clone());
        assert!(of(&errands).en.contains("epoch 7: province tells"), "{}", of(&errands).en);
        assert!(of(&errands).en.contains("not asked yet"));
        adopting.records = 120;
        adopting.after = Some("county/6/province|live/9".into());
        errands.adopting.insert(node("province"), adopting.clone());
        assert!(of(&errands).zh.contains("已认领 120 条，至 county/6"), "{}", of(&errands).zh);
        adopting.stuck = Some("restore.epoch_known".into());
        errands.adopting.insert(node("province"), adopting.clone());
        assert!(of(&errands).needs_a_person && of(&errands).en.contains("cannot go on"));
        adopting.done_at = Some(at(1));
        errands.adopting.insert(node("province"), adopting);
        errands.recalling.insert(node("town"), Recalling::default());
        errands.giving.insert(node("city"), Giving { missing: 2, ..Giving::default() });
        let kinds: Vec<_> = restored(&errands).iter().map(|s| s.kind).collect();
        assert_eq!(kinds, ["recall", "give"], "what is done is not told");
    }

    #[test]
    fn a_node_that_stopped_itself_says_why_and_what_to_do() {
        let halt = Halted {
            code: "sender.cloned".into(),
            about: Some("county/1/province|live/3".into()),
            since: at(0),
        };
        let said = halted(&halt);
        assert!(said.needs_a_person && said.en.contains("since 2026-11-21 10:00:00"));
        assert!(said.en.contains("county/1") && said.en.contains("node restore --in-place"));
        assert!(said.zh.contains("请停用本机"), "{}", said.zh);
    }
}
