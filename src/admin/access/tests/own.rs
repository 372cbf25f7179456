//! One's own account: one-time links, second factors, passwords.

use super::super::account::{PASSWORD_LIFE_MAX, PASSWORD_WARNING};
use super::super::links::LINK_LIFE_MAX;
use super::super::{RECOVERY_CODES, Role};
use super::{OTHER, PASSWORD, account, audit, code, last_line, learn, line, log_in, seed};
use crate::test_hall::{Ground, Visitor};

/// Chooses a password by a one-time link.
async fn set_up(visitor: &mut Visitor, link: &str, name: &str) -> u16 {
    let token = link.split_once("token=").unwrap().1;
    let form = [("token", token), ("name", name), ("password", PASSWORD), ("again", PASSWORD)];
    let answer = visitor.post("/setup", &form).await;
    if answer.status == 303 {
        learn(visitor).await;
    }
    answer.status.as_u16()
}

#[tokio::test]
async fn the_first_person_comes_in_by_a_link_that_is_good_once_and_enrols_a_second_factor() {
    let ground = Ground::new();
    let hall = &ground.hall;
    let link = hall.access.first_link(hall).await.unwrap().unwrap();
    let newer = hall.access.first_link(hall).await.unwrap().unwrap();
    let mut visitor = Visitor::stranger(hall);
    assert_eq!(visitor.get(&link).await.status, 410);
    let page = visitor.get(&newer).await;
    assert!(page.status == 200 && page.body.contains("安全管理员"), "{}", page.body);
    assert_eq!(set_up(&mut visitor, &newer, "Zhang San").await, 422);
    assert_eq!(set_up(&mut visitor, &newer, "sec01").await, 303);
    let mut other = Visitor::stranger(hall);
    assert_eq!(set_up(&mut other, &newer, "sec02").await, 410);
    assert_eq!(hall.access.first_link(hall).await.unwrap(), None);
    // Nothing is open but one's own account, until the second factor is there.
    assert_eq!(visitor.get("/accounts").await.place(), "/me/second");
    let act = visitor.post("/accounts/change", &[("what", "add"), ("name", "x1")]).await;
    assert_eq!(act.place(), "/me/second");
    let page = visitor.get("/me/second").await;
    let seed = seed(hall, "sec01").await;
    let letters = page.between("id=\"secret\">", "<").replace(' ', "");
    assert_eq!(letters, seed.letters());
    assert!(page.body.contains(&format!("secret={letters}&amp;issuer=")), "{}", page.body);
    let wrong = visitor.post("/me/second", &[("password", PASSWORD), ("code", "000000")]).await;
    assert!(wrong.status == 422 && wrong.body.contains(&super::super::second::in_fours(&letters)));
    let used = code(hall, seed, 0);
    let done = visitor.post("/me/second", &[("password", PASSWORD), ("code", &used)]).await;
    let codes: Vec<&str> =
        done.body.split("<li><code>").skip(1).filter_map(|c| c.split('<').next()).collect();
    assert_eq!(codes.len(), RECOVERY_CODES, "{}", done.body);
    assert_eq!(visitor.get("/accounts").await.status, 200);
    learn(&mut visitor).await;
    assert!(
        !visitor.get("/me/second").await.body.contains(&super::super::second::in_fours(&letters))
    );
    // Each code lets in once.
    let mut again = Visitor::stranger(hall);
    assert_eq!(log_in(&mut again, "sec01", PASSWORD, "").await.status, 401);
    assert_eq!(log_in(&mut again, "sec01", PASSWORD, &used).await.status, 401);
    ground.later(30_000);
    let next = code(hall, seed, 0);
    assert_eq!(log_in(&mut again, "sec01", PASSWORD, &next).await.status, 303);
    assert_eq!(log_in(&mut again, "sec01", PASSWORD, &next).await.status, 401);
    assert_eq!(log_in(&mut again, "sec01", PASSWORD, codes[0]).await.status, 303);
    assert_eq!(log_in(&mut again, "sec01", PASSWORD, codes[0]).await.status, 401);
    secrets_are_nowhere(hall, &[PASSWORD, &letters, codes[1], &newer]).await;
}

/// What must be in no fact that stands and in no line of the audit chain.
async fn secrets_are_nowhere(hall: &crate::hall::Hall, secrets: &[&str]) {
    let standing = hall.store().standing("").await.unwrap();
    assert!(standing.len() > 2);
    let lines = audit(hall).await;
    for secret in secrets {
        let plain = secret.replace(' ', "");
        let plain = plain.split_once("token=").map_or(plain.as_str(), |(_, token)| token);
        assert!(!standing.iter().any(|s| s.text.contains(plain) || s.name.contains(plain)));
        assert!(!format!("{lines:?}").contains(plain));
    }
}

#[tokio::test]
async fn a_link_is_over_after_a_day() {
    let ground = Ground::new();
    let hall = &ground.hall;
    let links = hall.access.demo_accounts(hall).await.unwrap();
    assert_eq!(links.len(), Role::ALL.len());
    let mut visitor = Visitor::stranger(hall);
    ground.later(LINK_LIFE_MAX - 1);
    let observer = &links.iter().find(|(role, _)| *role == Role::Observer).unwrap().1;
    assert_eq!(set_up(&mut visitor, observer, "").await, 303);
    assert_eq!(visitor.get("/").await.status, 200);
    ground.later(1);
    assert_eq!(set_up(&mut visitor, &links[0].1, "").await, 410);
    // Whoever has chosen a password gets no other link for a demonstration.
    let again = hall.access.demo_accounts(hall).await.unwrap();
    assert_eq!(again.len(), Role::ALL.len() - 1);
    // Somebody at the machine makes another.
    let back = hall.access.link_back(hall, "system").await.unwrap();
    assert_eq!(set_up(&mut visitor, &back, "").await, 303);
    assert!(hall.access.link_back(hall, "nobody").await.is_err());
}

#[tokio::test]
async fn another_password_ends_other_sessions_and_keeps_the_second_factor() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "op01", &[Role::Operator]).await;
    let (mut visitor, mut other) = (Visitor::stranger(hall), Visitor::stranger(hall));
    log_in(&mut visitor, "op01", PASSWORD, "").await;
    assert_eq!(visitor.get("/me/second").await.status, 200);
    let seed = seed(hall, "op01").await;
    let first = code(hall, seed, 0);
    visitor.post("/me/second", &[("password", PASSWORD), ("code", &first)]).await;
    learn(&mut visitor).await;
    assert_eq!(log_in(&mut other, "op01", PASSWORD, &code(hall, seed, 1)).await.status, 303);
    let change = |old: &'static str, new: &'static str, again: &'static str| {
        [("old", old), ("new", new), ("again", again)]
    };
    for (form, status) in [
        (change(OTHER, "Another-River-1", "Another-River-1"), 401),
        (change(PASSWORD, OTHER, PASSWORD), 422),
        (change(PASSWORD, PASSWORD, PASSWORD), 422),
        (change(PASSWORD, "short-1A", "short-1A"), 422),
        (change(PASSWORD, "XX-op01-99zz", "XX-op01-99zz"), 422),
        (change(PASSWORD, OTHER, OTHER), 303),
    ] {
        ground.later(10_000);
        let answer = visitor.post("/me/password", &form).await;
        assert_eq!(answer.status, status, "{form:?} {}", answer.body);
    }
    assert_eq!(last_line(hall).await, line("op01", "account.password", "account/op01", true));
    assert_eq!(visitor.get("/").await.status, 200);
    assert_eq!(other.get("/").await.status, 303);
    ground.later(60_000);
    assert_eq!(log_in(&mut other, "op01", PASSWORD, &code(hall, seed, 0)).await.status, 401);
    assert_eq!(log_in(&mut other, "op01", OTHER, &code(hall, seed, 0)).await.status, 303);
}

#[tokio::test]
async fn an_old_password_warns_and_then_has_to_be_changed_first() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "op01", &[Role::Observer]).await;
    let mut visitor = Visitor::stranger(hall);
    let form = [("account", "op01"), ("password", PASSWORD), ("next", "/")];
    assert_eq!(visitor.post("/login", &form).await.place(), "/");
    ground.later(PASSWORD_LIFE_MAX - PASSWORD_WARNING);
    assert_eq!(visitor.post("/login", &form).await.place(), "/me");
    assert!(visitor.get("/me").await.body.contains("请尽快修改"));
    assert_eq!(visitor.get("/").await.status, 200);
    ground.later(PASSWORD_WARNING);
    assert_eq!(log_in(&mut visitor, "op01", PASSWORD, "").await.status, 303);
    assert_eq!(visitor.get("/").await.place(), "/me");
    let form = [("old", PASSWORD), ("new", OTHER), ("again", OTHER)];
    assert_eq!(visitor.post("/me/password", &form).await.status, 303);
    assert_eq!(visitor.get("/").await.status, 200);
}

#[tokio::test]
async fn a_certificate_is_bound_by_its_owner_with_the_password() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "sys01", &[Role::System]).await;
    account(hall, "sys02", &[Role::System]).await;
    let mut visitor = Visitor::stranger(hall);
    log_in(&mut visitor, "sys01", PASSWORD, "").await;
    assert_eq!(visitor.post("/me/certificate", &[("password", PASSWORD)]).await.status, 422);
    visitor.certificate = Some([7; 32]);
    assert_eq!(visitor.post("/me/certificate", &[("password", OTHER)]).await.status, 401);
    assert_eq!(visitor.post("/me/certificate", &[("password", PASSWORD)]).await.status, 303);
    assert_eq!(visitor.get("/").await.status, 200);
    let mut other = Visitor::stranger(hall);
    other.certificate = Some([7; 32]);
    log_in(&mut other, "sys02", PASSWORD, "").await;
    assert_eq!(other.post("/me/certificate", &[("password", PASSWORD)]).await.status, 422);
}

#[tokio::test]
async fn one_ends_ones_own_sessions_and_nobody_elses() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "op01", &[Role::Observer]).await;
    let (mut one, mut two) = (Visitor::stranger(hall), Visitor::stranger(hall));
    log_in(&mut one, "op01", PASSWORD, "").await;
    log_in(&mut two, "op01", PASSWORD, "").await;
    let mut auditor = Visitor::with(hall, &[Role::Audit]).await;
    let page = two.get("/me").await;
    let sessions: Vec<String> = page
        .body
        .split("name=\"session\" value=\"")
        .skip(1)
        .filter_map(|s| s.split('"').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(sessions.len(), 2);
    for session in &sessions {
        assert_eq!(auditor.post("/me/sessions/end", &[("session", session)]).await.status, 303);
    }
    assert_eq!(one.get("/").await.status, 200);
    for session in &sessions {
        two.post("/me/sessions/end", &[("session", session)]).await;
    }
    assert!(one.get("/").await.status == 303 && two.get("/").await.status == 303);
}
