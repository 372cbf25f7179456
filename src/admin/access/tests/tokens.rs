//! Tokens of the API.

use super::super::Role;
use super::super::tokens::DAY;
use super::{audit, last_line, line};
use crate::test_hall::{Answer, Ground, Visitor};

const WHY: (&str, &str) = ("reason", "试验");

/// A program with a token of these powers.
async fn program(ground: &Ground, name: &str, role: &str, powers: &[&str], days: &str) -> Visitor {
    let mut security = Visitor::with(&ground.hall, &[Role::Security]).await;
    let page = give(&mut security, name, role, powers, days).await;
    let mut program = Visitor::stranger(&ground.hall);
    let token = page.between("id=\"token\">", "<");
    assert!(token.starts_with("tgt_"), "{}", page.body);
    program.token = Some(token.to_owned());
    program
}

async fn give(
    security: &mut Visitor,
    name: &str,
    role: &str,
    powers: &[&str],
    days: &str,
) -> Answer {
    let powers: Vec<String> = powers.iter().map(|power| format!("power.{power}")).collect();
    let mut form = vec![("name", name), ("role", role), ("days", days), WHY];
    form.extend(powers.iter().map(|power| (&**power, "on")));
    security.post("/accounts/token", &form).await
}

const PAUSE: [(&str, &str); 4] = [("name", "city"), ("to", "off"), WHY, ("csrf", "")];

#[tokio::test]
async fn a_token_has_its_powers_until_its_day_or_until_it_is_revoked() {
    let ground = Ground::new();
    let hall = &ground.hall;
    let mut switch = program(&ground, "switch", "system", &["look", "flow"], "2").await;
    let mut looks = program(&ground, "looks", "system", &["look"], "2").await;
    // No session, no secret of a page: what it sends is no browser's doing.
    assert_eq!(switch.post("/links/switch", &PAUSE).await.place(), "/");
    assert_eq!(last_line(hall).await, line("token:switch", "pause.link", "city", true));
    assert_eq!(looks.get("/").await.status, 200);
    let refused = looks.post("/links/switch", &PAUSE).await;
    assert!(refused.status == 403 && refused.body.contains("\"admin.forbidden\""));
    assert_eq!(last_line(hall).await, line("token:looks", "pause.link", "city", false));
    for page in ["/me", "/me/second", "/accounts", "/settings"] {
        assert!(matches!(looks.get(page).await.status.as_u16(), 403 | 404), "{page}");
    }
    let mut security = Visitor::with(hall, &[Role::Security]).await;
    let page = security.get("/accounts").await.body;
    assert!(page.contains("switch") && !page.contains("tgt_"));
    let revoked = security.post("/accounts/token/revoke", &[("name", "switch"), WHY]).await;
    assert_eq!(revoked.place(), "/accounts");
    assert_eq!(last_line(hall).await, line("security", "token.revoke", "token/switch", true));
    let over = switch.get("/").await;
    assert!(over.status == 401 && over.body.contains("\"admin.token\""), "{}", over.body);
    ground.later(2 * DAY - 1);
    assert_eq!(looks.get("/").await.status, 200);
    ground.later(1);
    assert_eq!(looks.get("/").await.status, 401);
    let told = format!("{:?}", audit(hall).await);
    assert!(!told.contains(looks.token.as_deref().unwrap()));
}

#[tokio::test]
async fn a_token_that_is_more_than_its_role_is_not_made() {
    let ground = Ground::new();
    let mut security = Visitor::with(&ground.hall, &[Role::Security]).await;
    for (name, role, powers, days) in [
        ("t1", "operator", &["look", "flow"][..], "1"),
        ("t1", "security", &["accounts"], "1"),
        ("t1", "operator", &[], "1"),
        ("t1", "nobody", &["look"], "1"),
        ("t1", "operator", &["look"], "0"),
        ("t1", "operator", &["look"], "367"),
        ("T 1", "operator", &["look"], "1"),
    ] {
        let answer = give(&mut security, name, role, powers, days).await;
        assert_eq!(answer.status, 422, "{name} {role} {powers:?} {days}");
    }
    assert_eq!(give(&mut security, "t1", "operator", &["look"], "366").await.status, 200);
    assert_eq!(give(&mut security, "t1", "operator", &["look"], "366").await.status, 422);
}

#[tokio::test]
async fn what_is_no_token_lets_nobody_in() {
    let ground = Ground::new();
    let mut visitor = Visitor::with(&ground.hall, &[Role::Observer]).await;
    let no_token = ["", "tgt_", "tgt_zz", &"a".repeat(64), &format!("tgt_{}", "a".repeat(64))]
        .map(str::to_owned);
    for token in no_token {
        visitor.token = Some(token);
        // A token that is wrong is not made good by a session beside it.
        let answer = visitor.get("/").await;
        assert!(answer.status == 401 && answer.body.starts_with('{'), "{}", answer.body);
    }
}
