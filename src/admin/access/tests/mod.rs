//! Access, asked as a browser and as a program ask.

mod accounts;
mod login;
mod own;
mod tokens;
mod walls;

use std::sync::Arc;

use store::AuditEvent;

use super::account::Account;
use super::password::{self, Kept};
use super::role::{Role, Scope};
use super::second::Seed;
use super::session;
use crate::hall::Hall;
use crate::test_hall::{Answer, Ground, Visitor};

/// A password that fits every name of these tests.
pub(super) const PASSWORD: &str = "Plough-7-swords";
/// Another one.
pub(super) const OTHER: &str = "Quiet+River+88";

/// Lets somebody in without a login: name and value of the cookie, and what forms say. The account is
/// made if it is not there; its second factor is a certificate that nobody asks for.
pub(crate) async fn let_in(
    hall: &Arc<Hall>,
    roles: &[Role],
    scope: Scope,
) -> (String, String, String) {
    let name = roles.first().map_or("nobody", |role| role.word());
    let mut account = Account::new(roles.to_vec(), scope, "test", hall.now());
    account.password = Some(Kept::test(hall.now()));
    account.certificate = Some("test".into());
    match Account::read(hall, name).await.unwrap() {
        Some(there) => account = there,
        None => account.keep(hall, name).await.unwrap(),
    }
    let secret = session::begin(hall, (name, &account), None).await.unwrap();
    (session::cookie_name(hall), secret.text(), secret.csrf())
}

/// An account with [`PASSWORD`].
pub(super) async fn account(hall: &Hall, name: &str, roles: &[Role]) {
    let mut account = Account::new(roles.to_vec(), Scope::default(), "test", hall.now());
    let (kept, _) = Kept::of(hall, PASSWORD).await.unwrap();
    password::replace(&mut account, kept);
    account.keep(hall, name).await.unwrap();
}

/// Sends the login.
pub(super) async fn log_in(
    visitor: &mut Visitor,
    name: &str,
    password: &str,
    code: &str,
) -> Answer {
    let form = [("account", name), ("password", password), ("code", code), ("next", "/me")];
    let answer = visitor.post("/login", &form).await;
    if answer.status == 303 {
        learn(visitor).await;
    }
    answer
}

/// A browser learns from a page what its forms say.
pub(super) async fn learn(visitor: &mut Visitor) {
    let page = visitor.get("/me").await;
    visitor.csrf = page.between("name=\"csrf\" value=\"", "\"").to_owned();
}

/// What waits to be enrolled by the newest session of an account.
pub(super) async fn seed(hall: &Hall, name: &str) -> Seed {
    let all = session::all(hall).await.unwrap();
    let pending = all.into_iter().filter(|(_, s)| s.account == name).find_map(|(_, s)| s.pending);
    Seed::read(&pending.expect("a seed waits")).unwrap()
}

/// The code of a seed now, or so many steps later.
pub(super) fn code(hall: &Hall, seed: Seed, later: i64) -> String {
    seed.code(hall.now().0.div_euclid(30_000) + later)
}

/// Every line of the audit chain.
pub(super) async fn audit(hall: &Hall) -> Vec<AuditEvent> {
    let lines = hall.store().audit_after(0, 1_000).await.unwrap();
    lines.into_iter().map(|(_, event, _)| event).collect()
}

/// The last line of the audit chain: who, what, on what, done.
pub(super) async fn last_line(hall: &Hall) -> (String, String, String, bool) {
    let line = audit(hall).await.pop().expect("a line");
    (line.who, line.action, line.subject, line.ok)
}

pub(super) fn line(
    who: &str,
    action: &str,
    subject: &str,
    ok: bool,
) -> (String, String, String, bool) {
    (who.to_owned(), action.to_owned(), subject.to_owned(), ok)
}

#[tokio::test]
async fn a_visitor_is_let_in_and_a_stranger_is_sent_to_the_login() {
    let ground = Ground::new();
    let mut stranger = Visitor::stranger(&ground.hall);
    let answer = stranger.get("/problems?state=held").await;
    assert_eq!(answer.place(), "/login?next=%2Fproblems%3Fstate%3Dheld");
    let mut operator = Visitor::with(&ground.hall, &[Role::Operator]).await;
    let answer = operator.get("/").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("一切正常"), "{}", answer.body);
}
