//! Everybody's accounts: what the security administrator does, and nobody else.

use super::super::account::Account;
use super::super::{Change, Role, Scope};
use super::{PASSWORD, account, audit, last_line, line, log_in};
use crate::test_hall::{Ground, Visitor, who};

const WHY: (&str, &str) = ("reason", "试验");

#[tokio::test]
async fn nobody_is_made_two_of_the_three_administrators() {
    let ground = Ground::new();
    let hall = &ground.hall;
    let mut security = Visitor::with(hall, &[Role::Security]).await;
    let three = ["role.system", "role.security", "role.audit"];
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let form = [("what", "add"), ("name", "two01"), (three[a], "on"), (three[b], "on"), WHY];
        let answer = security.post("/accounts/change", &form).await;
        assert!(answer.status == 422 && answer.body.contains("三员分立"), "{}", answer.body);
        assert_eq!(last_line(hall).await, line("security", "account.add", "account/two01", false));
    }
    let none = security.post("/accounts/change", &[("what", "add"), ("name", "two01"), WHY]).await;
    assert_eq!(none.status, 422);
    assert!(Account::read(hall, "two01").await.unwrap().is_none());
    // Nor by altering what is there, nor by the act itself.
    account(hall, "aud01", &[Role::Audit]).await;
    let form = [("what", "alter"), ("name", "aud01"), (three[0], "on"), (three[2], "on"), WHY];
    assert_eq!(security.post("/accounts/change", &form).await.status, 422);
    let change = Change::Alter { roles: vec![Role::System, Role::Audit], scope: Scope::default() };
    let by = who(&[Role::Security]);
    assert!(hall.manage(&by, "aud01", &change, "why").await.is_err());
    assert_eq!(Account::read(hall, "aud01").await.unwrap().unwrap().roles, [Role::Audit]);
}

#[tokio::test]
async fn an_account_is_made_altered_disabled_and_reset_each_with_a_reason_and_a_line() {
    let ground = Ground::new();
    let hall = &ground.hall;
    let mut security = Visitor::with(hall, &[Role::Security]).await;
    let add = [("what", "add"), ("name", "op01"), ("role.observer", "on"), ("regions", "9901")];
    assert_eq!(security.post("/accounts/change", &add).await.status, 422);
    let page = security.post("/accounts/change", &[&add[..], &[WHY]].concat()).await;
    let link = page.between("id=\"link\">", "<").to_owned();
    let token = link.split_once("token=").unwrap().1.to_owned();
    let made = audit(hall).await.pop().unwrap();
    assert_eq!(made.reason, "试验 [roles observer; regions 9901; units ]");
    assert_eq!(security.post("/accounts/change", &[&add[..], &[WHY]].concat()).await.status, 422);
    let mut person = Visitor::stranger(hall);
    let form = [("token", &*token), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(person.post("/setup", &form).await.place(), "/me");
    assert_eq!(person.get("/").await.status, 200);
    // Whatever is changed ends the sessions of before.
    for (what, fields, in_again) in [
        ("alter", vec![("role.observer", "on"), ("units", "window，desk")], 303),
        ("disable", vec![], 401),
        ("enable", vec![], 303),
    ] {
        let form = [&[("what", what), ("name", "op01"), WHY][..], &fields].concat();
        assert_eq!(security.post("/accounts/change", &form).await.place(), "/accounts", "{what}");
        let action = format!("account.{what}");
        assert_eq!(last_line(hall).await, line("security", &action, "account/op01", true));
        assert_eq!(person.get("/").await.place(), "/login?next=%2F", "{what}");
        ground.later(10_000);
        assert_eq!(log_in(&mut person, "op01", PASSWORD, "").await.status, in_again, "{what}");
    }
    let scope = Account::read(hall, "op01").await.unwrap().unwrap().scope;
    assert_eq!(scope.units, ["window", "desk"]);
    let form = [("what", "reset"), ("name", "op01"), WHY];
    let page = security.post("/accounts/change", &form).await;
    assert!(page.between("id=\"link\">", "<").contains("/setup?token="));
    assert_eq!(log_in(&mut person, "op01", PASSWORD, "").await.status, 401);
    assert!(security.get("/accounts").await.body.contains("待使用一次性链接"));
}

#[tokio::test]
async fn a_locked_account_is_unlocked_and_nobody_unlocks_themselves() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "op01", &[Role::Observer]).await;
    let mut person = Visitor::stranger(hall);
    for _ in 0..5 {
        ground.later(10_000);
        log_in(&mut person, "op01", "wrong", "").await;
    }
    assert_eq!(log_in(&mut person, "op01", PASSWORD, "").await.status, 429);
    let mut security = Visitor::with(hall, &[Role::Security]).await;
    assert!(security.get("/accounts").await.body.contains("已锁定至"));
    let form = [("what", "unlock"), ("name", "op01"), WHY];
    assert_eq!(security.post("/accounts/change", &form).await.place(), "/accounts");
    assert_eq!(log_in(&mut person, "op01", PASSWORD, "").await.status, 303);
    for what in ["unlock", "reset", "disable", "alter"] {
        let form = [("what", what), ("name", "security"), ("role.security", "on"), WHY];
        assert_eq!(security.post("/accounts/change", &form).await.status, 422, "{what}");
    }
}

#[tokio::test]
async fn whoever_is_not_the_security_administrator_keeps_no_accounts() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "op01", &[Role::Observer]).await;
    for role in [Role::System, Role::Audit, Role::Operator, Role::Observer] {
        let mut visitor = Visitor::with(hall, &[role]).await;
        assert_eq!(visitor.get("/accounts").await.status, 403, "{role:?}");
        let form = [("what", "disable"), ("name", "op01"), WHY];
        assert_eq!(visitor.post("/accounts/change", &form).await.status, 403, "{role:?}");
        let refused = line(role.word(), "account.disable", "account/op01", false);
        assert_eq!(last_line(hall).await, refused);
        let form = [("name", "t1"), ("role", "operator"), ("power.look", "on"), ("days", "1"), WHY];
        assert_eq!(visitor.post("/accounts/token", &form).await.status, 403, "{role:?}");
        let refused = line(role.word(), "token.add", "token/t1", false);
        assert_eq!(last_line(hall).await, refused);
    }
    assert!(!Account::read(hall, "op01").await.unwrap().unwrap().disabled);
}

#[tokio::test]
async fn a_certificate_is_bound_by_its_digest_and_to_one_account_only() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "sys01", &[Role::System]).await;
    account(hall, "sys02", &[Role::System]).await;
    let mut security = Visitor::with(hall, &[Role::Security]).await;
    let digest = "AB:".repeat(31) + "AB";
    for (name, certificate, status) in [
        ("sys01", "ab", 422),
        ("sys01", &*digest, 303),
        ("sys02", &*digest, 422),
        ("sys01", "", 303),
        ("sys02", &*digest, 303),
    ] {
        let form = [("what", "certificate"), ("name", name), ("certificate", certificate), WHY];
        let answer = security.post("/accounts/change", &form).await;
        assert_eq!(answer.status, status, "{name} {certificate}");
    }
    let bound = Account::read(hall, "sys02").await.unwrap().unwrap().certificate;
    assert_eq!(bound, Some("ab".repeat(32)));
}
