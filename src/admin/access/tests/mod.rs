//! Access, asked as a browser and as a program ask.

use std::sync::Arc;

use super::account::Account;
use super::password::Kept;
use super::role::{Role, Scope};
use super::session;
use crate::hall::Hall;

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
    if Account::read(hall, name).await.unwrap().is_none() {
        account.keep(hall, name).await.unwrap();
    }
    let secret = session::begin(hall, (name, &account), None).await.unwrap();
    (session::cookie_name(hall), secret.text(), secret.csrf())
}

#[tokio::test]
async fn a_visitor_is_let_in_and_a_stranger_is_sent_to_the_login() {
    let hall = crate::test_hall::hall();
    let mut stranger = crate::test_hall::Visitor::stranger(&hall);
    let answer = stranger.get("/problems?state=held").await;
    assert_eq!(answer.place(), "/login?next=%2Fproblems%3Fstate%3Dheld");
    let mut operator = crate::test_hall::Visitor::with(&hall, &[Role::Operator]).await;
    let answer = operator.get("/").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("一切正常"), "{}", answer.body);
}
