//! The login: wrong tries, second factors, the clock.

use super::super::account::Account;
use super::super::tries::{LOCKED_FOR, WRONG_MAX};
use super::super::{ACCOUNT_SESSIONS_MAX, Role, SESSION_IDLE_MAX, SESSION_LIFE_MAX, Terms, secret};
use super::{PASSWORD, account, audit, last_line, line, log_in};
use crate::test_hall::{Ground, Visitor, node};

const WRONG: &str = "Plough-7-sword";

#[tokio::test]
async fn five_wrong_passwords_lock_an_account_and_a_name_that_is_none_answers_alike() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "op01", &[Role::Observer]).await;
    let mut visitor = Visitor::stranger(hall);
    for try_ in 1..=WRONG_MAX + 1 {
        ground.later(10_000);
        let known = log_in(&mut visitor, "op01", WRONG, "").await;
        let made_up = log_in(&mut visitor, "op02", WRONG, "").await;
        assert_eq!(known.status, if try_ < WRONG_MAX { 401 } else { 429 }, "{try_}");
        assert_eq!((known.status, known.body), (made_up.status, made_up.body), "{try_}");
    }
    let lines = audit(hall).await;
    let of = |who: &'static str| {
        lines.iter().filter(move |l| l.who == who && l.action == "login" && !l.ok)
    };
    assert_eq!(of("op01").count(), WRONG_MAX as usize);
    assert_eq!(of("unknown").count(), WRONG_MAX as usize);
    assert!(of("op01").next_back().unwrap().reason.ends_with("locked for 30 min"));
    assert!(!lines.iter().any(|l| format!("{l:?}").contains("op02")));
    // The right password does not help, until the time is over; tries meanwhile leave few lines.
    ground.later(LOCKED_FOR - 11_000);
    assert_eq!(log_in(&mut visitor, "op01", PASSWORD, "").await.status, 429);
    assert_eq!(log_in(&mut visitor, "op01", PASSWORD, "").await.status, 429);
    assert_eq!(last_line(hall).await, line("op01", "login", "account/op01", false));
    assert_eq!(audit(hall).await.len(), lines.len() + 1);
    ground.later(11_000);
    assert_eq!(log_in(&mut visitor, "op01", PASSWORD, "").await.place(), "/me");
    assert_eq!(last_line(hall).await, line("op01", "login", "account/op01", true));
}

#[tokio::test]
async fn a_try_too_soon_after_a_wrong_one_is_not_looked_at() {
    let ground = Ground::new();
    account(&ground.hall, "op01", &[Role::Observer]).await;
    let mut visitor = Visitor::stranger(&ground.hall);
    assert_eq!(log_in(&mut visitor, "op01", WRONG, "").await.status, 401);
    assert_eq!(log_in(&mut visitor, "op01", WRONG, "").await.status, 401);
    let soon = log_in(&mut visitor, "op01", PASSWORD, "").await;
    assert!(soon.status == 429 && soon.body.contains("数秒"), "{}", soon.body);
    ground.later(1_000);
    assert_eq!(log_in(&mut visitor, " OP01 ", PASSWORD, "").await.status, 303);
}

#[tokio::test]
async fn a_session_ends_by_the_clock_used_or_not() {
    let ground = Ground::new();
    account(&ground.hall, "op01", &[Role::Observer]).await;
    let mut visitor = Visitor::stranger(&ground.hall);
    log_in(&mut visitor, "op01", PASSWORD, "").await;
    ground.later(SESSION_IDLE_MAX - 1);
    assert_eq!(visitor.get("/").await.status, 200);
    ground.later(SESSION_IDLE_MAX);
    assert_eq!(visitor.get("/").await.place(), "/login?next=%2F");
    log_in(&mut visitor, "op01", PASSWORD, "").await;
    let step = SESSION_IDLE_MAX - 60_000;
    for _ in 0..SESSION_LIFE_MAX / step {
        ground.later(step);
        assert_eq!(visitor.get("/").await.status, 200);
    }
    ground.later(step);
    assert_eq!(visitor.get("/").await.place(), "/login?next=%2F");
}

#[tokio::test]
async fn one_session_more_ends_the_oldest_and_logging_out_ends_ones_own() {
    let ground = Ground::new();
    account(&ground.hall, "op01", &[Role::Observer]).await;
    let mut visitors = Vec::new();
    for _ in 0..=ACCOUNT_SESSIONS_MAX {
        ground.later(1_000);
        let mut visitor = Visitor::stranger(&ground.hall);
        log_in(&mut visitor, "op01", PASSWORD, "").await;
        visitors.push(visitor);
    }
    assert_eq!(visitors[0].get("/").await.status, 303);
    assert_eq!(visitors[1].get("/").await.status, 200);
    let mut stolen = Visitor::stranger(&ground.hall);
    stolen.cookies_of(&visitors[1]);
    let left = visitors[1].post("/logout", &[]).await;
    assert_eq!(left.place(), "/login");
    assert!(left.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(last_line(&ground.hall).await, line("op01", "logout", "account/op01", true));
    assert_eq!(stolen.get("/").await.place(), "/login?next=%2F");
    assert_eq!(visitors[2].get("/").await.status, 200);
}

#[tokio::test]
async fn the_cookie_is_kept_to_this_host_and_from_scripts() {
    for (tls, begins, ends) in [
        (true, "__Host-tiergate_county=", "; HttpOnly; SameSite=Strict; Secure"),
        (false, "tiergate_county=", "; HttpOnly; SameSite=Strict"),
    ] {
        let ground = Ground::of(node(), Terms { tls, ..Terms::default() });
        account(&ground.hall, "op01", &[Role::Observer]).await;
        let answer = log_in(&mut Visitor::stranger(&ground.hall), "op01", PASSWORD, "").await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with(begins) && cookie.ends_with(ends), "{cookie}");
        assert!(cookie.contains("; Path=/; Max-Age=43200; "), "{cookie}");
    }
}

#[tokio::test]
async fn after_the_login_nobody_is_sent_to_another_host() {
    let ground = Ground::new();
    account(&ground.hall, "op01", &[Role::Observer]).await;
    let mut visitor = Visitor::stranger(&ground.hall);
    for (next, place) in [
        ("/problems?x=1", "/problems?x=1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
    ] {
        let form = [("account", "op01"), ("password", PASSWORD), ("next", next)];
        assert_eq!(visitor.post("/login", &form).await.place(), place);
    }
    let page = visitor.get("/login?next=//evil.example").await;
    assert!(!page.body.contains("evil"));
}

#[tokio::test]
async fn a_certificate_that_is_bound_is_the_second_factor_and_lacking_it_is_a_wrong_login() {
    let ground = Ground::new();
    let hall = &ground.hall;
    account(hall, "sys01", &[Role::System]).await;
    let mut changed = Account::read(hall, "sys01").await.unwrap().unwrap();
    changed.certificate = Some(secret::hex(&[7; 32]));
    changed.keep(hall, "sys01").await.unwrap();
    let mut visitor = Visitor::stranger(hall);
    let without = log_in(&mut visitor, "sys01", PASSWORD, "").await;
    assert_eq!(without.status, 401);
    visitor.certificate = Some([8; 32]);
    assert_eq!(log_in(&mut visitor, "sys01", PASSWORD, "").await.status, 401);
    ground.later(10_000);
    visitor.certificate = Some([7; 32]);
    assert_eq!(log_in(&mut visitor, "sys01", PASSWORD, "").await.status, 303);
    assert_eq!(audit(hall).await.pop().unwrap().reason, "password and certificate");
    assert_eq!(visitor.get("/").await.status, 200);
    // The session alone, over a connection without the certificate, is worth nothing.
    visitor.certificate = None;
    assert_eq!(visitor.get("/").await.place(), "/login?next=%2F");
}
