//! The figures of a node, and that nobody uses a name that is not there.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::families::PREFIX;
use super::*;
use crate::access::Role;
use crate::machines::{Figures as Open, Machines};
use crate::test_facts;
use crate::test_hall::{Ground, Visitor};

#[tokio::test]
async fn figures_are_for_those_who_may_look() {
    let ground = Ground::new();
    let mut stranger = Visitor::stranger(&ground.hall);
    assert_ne!(stranger.get("/metrics").await.status, StatusCode::OK);
    let mut security = Visitor::with(&ground.hall, &[Role::Security]).await;
    assert_eq!(security.get("/metrics").await.status, StatusCode::FORBIDDEN);
    let mut observer = Visitor::with(&ground.hall, &[Role::Observer]).await;
    let answer = observer.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");

    let open = Machines { figures: Open::Everybody, alerts: None };
    ground.hall.machines.set(open).unwrap();
    assert_eq!(stranger.get("/metrics").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_node_tells_its_problems_by_cause_and_its_audit_chain() {
    let ground = Ground::new();
    for n in 0..5 {
        test_facts::audited(&ground.hall, &format!("act.{n}")).await;
    }
    test_facts::problems(&ground.hall, 3, ground.hall.now()).await;
    let text = gather::all(&ground.hall, ground.hall.now()).await.unwrap().write();
    let has = |line: &str| assert!(text.contains(&format!("\n{line}\n")), "{line} in {text}");
    has("tiergate_quarantine_records{cause=\"field.check_digit\",state=\"held\"} 3");
    has("tiergate_records{place=\"quarantined\"} 3");
    has("tiergate_audit_events_total 5");
    has("tiergate_adapter_rows_read_total{adapter=\"window\"} 3");
    assert!(!text.contains("Zhang San"));
    // More lines, and what was counted a moment ago still holds.
    for n in 5..40 {
        test_facts::audited(&ground.hall, &format!("act.{n}")).await;
    }
    ground.later(2_000);
    let text = gather::all(&ground.hall, ground.hall.now()).await.unwrap().write();
    assert!(text.contains("\ntiergate_audit_events_total 40\n"), "{text}");
}

#[tokio::test]
async fn every_figure_belongs_to_a_family() {
    let ground = Ground::new();
    test_facts::problems(&ground.hall, 1, ground.hall.now()).await;
    let figures = gather::all(&ground.hall, ground.hall.now()).await.unwrap();
    let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    assert_eq!(known.len(), FAMILIES.len(), "a name stands twice");
    let strange: Vec<_> = figures.names().filter(|name| !known.contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
    for family in FAMILIES {
        let total = family.name.ends_with("_total");
        assert_eq!(total, family.kind == Kind::Counter, "{}", family.name);
    }
}

/// Names that a text of queries uses, each with what a histogram adds cut off.
fn used(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(PREFIX) {
        let rest = text.get(at + PREFIX.len()..).unwrap_or_default();
        let name: String =
            rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        found.insert(plain.unwrap_or(&name).to_owned());
    }
    found
}

#[test]
fn rules_and_dashboard_ask_for_figures_that_there_are() {
    let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    for (file, text) in [
        ("rules.yml", include_str!("../../../deploy/prometheus/rules.yml")),
        ("dashboard.json", include_str!("../../../deploy/grafana/dashboard.json")),
    ] {
        let used = used(text);
        let strange: Vec<_> = used.iter().filter(|name| !known.contains(name.as_str())).collect();
        assert!(strange.is_empty(), "{file}: {strange:?}");
        assert!(used.len() > 8, "{file}: {used:?}");
    }
}

/// What Grafana needs of a dashboard to load it: panels that are known, that do not lie on each other,
/// each with queries against the one source that is asked for.
#[test]
fn the_dashboard_is_one_that_grafana_loads() {
    let text = include_str!("../../../deploy/grafana/dashboard.json");
    let board: serde_json::Value = serde_json::from_str(text).unwrap();
    assert!(board["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    assert!(board["uid"].as_str().is_some_and(|uid| uid.len() <= 40));
    let panels = board["panels"].as_array().unwrap();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let kind = panel["type"].as_str().unwrap();
        assert!(
            ["row", "stat", "timeseries", "table", "bargauge", "text"].contains(&kind),
            "{kind}"
        );
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "an id stands twice");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24 && at("w") > 0 && at("h") > 0, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
        if kind == "row" || kind == "text" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${source}", "{}", panel["title"]);
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(target["expr"].as_str().is_some_and(|e| e.contains(PREFIX)), "{target}");
            assert!(target["refId"].is_string());
        }
    }
    let variables = board["templating"]["list"].as_array().unwrap();
    assert!(variables.iter().any(|v| v["name"] == "source" && v["type"] == "datasource"));
}

#[tokio::test]
async fn health_is_told_to_everybody_in_words() {
    let ground = Ground::new();
    let mut stranger = Visitor::stranger(&ground.hall);
    let live = stranger.get("/health/live").await;
    assert_eq!((live.status, live.body.as_str()), (StatusCode::OK, "live\n"));
    let ready = stranger.get("/health/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "leases\n"));

    let (hall, now) = (&ground.hall, ground.hall.now());
    hall.store().lease("instance/one", "one", now, 3_600_000).await.unwrap();
    hall.store().lease("settle", "another", now, 3_600_000).await.unwrap();
    ground.later(2_000);
    assert_eq!(stranger.get("/health/ready").await.body, "leases\n", "it only said it is there");
    hall.node.lease("seal", now).await.unwrap();
    assert_eq!(stranger.get("/health/ready").await.body, "leases\n", "the same for a second");
    ground.later(2_000);
    let ready = stranger.get("/health/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (StatusCode::OK, "ready\n"));
    hall.node.halt("sender.cloned", "x", hall.now()).await.unwrap();
    ground.later(2_000);
    assert_eq!(stranger.get("/health/ready").await.body, "halted\n");
}
