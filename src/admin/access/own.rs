//! What somebody does with their own account: another password, a second factor, a certificate.

use super::account::Account;
use super::admit::{Confirmed, confirm, note};
use super::manage::bound;
use super::password::{self, Kept};
use super::second::{Seed, not_taken};
use super::secret::Secret;
use super::session::{self, Session};
use super::who::{Via, Who};
use crate::error::PageError;
use crate::hall::Hall;

/// The session of whoever is here with its account.
pub(crate) async fn here(hall: &Hall, who: &Who) -> Result<(Session, Account), PageError> {
    let gone = || PageError::of(axum::http::StatusCode::UNAUTHORIZED, "admin.unknown");
    if who.via != Via::Session {
        return Err(PageError::of(axum::http::StatusCode::FORBIDDEN, "admin.forbidden"));
    }
    session::find(hall, &who.key).await?.ok_or_else(gone)
}

/// Another session in place of this one, after the account was changed.
async fn again(hall: &Hall, who: &Who, account: &Account) -> Result<Secret, PageError> {
    let certificate = here_certificate(hall, who).await?;
    account.keep(hall, &who.account).await?;
    session::end_of(hall, &who.account, "").await?;
    session::begin(hall, (&who.account, account), certificate).await
}

async fn here_certificate(hall: &Hall, who: &Who) -> Result<Option<String>, PageError> {
    Ok(session::find(hall, &who.key).await?.and_then(|(session, _)| session.certificate))
}

/// Another password. Every other session of the account ends.
pub(crate) async fn choose_password(
    hall: &Hall,
    who: &Who,
    (old, new): (&str, &str),
) -> Result<Secret, PageError> {
    let (_session, _account) = here(hall, who).await?;
    let Confirmed { _held, mut account, made } = confirm(hall, who, old).await?;
    let name = &*who.account;
    password::fit(new, name, hall.access.terms.password_chars_min)?;
    password::fresh(hall, &account, new).await?;
    let (kept, fresh) = Kept::of(hall, new).await?;
    if let Some(second) = &account.second {
        account.second = second.again(hall, name, (&made.key, &fresh.key));
    }
    password::replace(&mut account, kept);
    note(hall, name, "account.password", name, "own", true).await?;
    again(hall, who, &account).await
}

/// The seed of a second factor that is to be enrolled: the same until it is.
pub(crate) async fn seed(hall: &Hall, who: &Who) -> Result<Seed, PageError> {
    let _held = hall.access.changing.lock().await;
    let (mut session, _) = here(hall, who).await?;
    if let Some(seed) = session.pending.as_deref().and_then(Seed::read) {
        return Ok(seed);
    }
    let seed = Seed::new(hall);
    session.pending = Some(seed.text());
    session::keep(hall, &who.key, &session).await?;
    Ok(seed)
}

/// Enrols it, with the password and its first code. Returns the next session and the codes for the day
/// the telephone is lost.
pub(crate) async fn enrol(
    hall: &Hall,
    who: &Who,
    (password, code): (&str, &str),
) -> Result<(Secret, Vec<String>), PageError> {
    let (session, _) = here(hall, who).await?;
    let seed = session.pending.as_deref().and_then(Seed::read).ok_or_else(not_taken)?;
    let Confirmed { _held, mut account, made } = confirm(hall, who, password).await?;
    let name = &*who.account;
    let Some((second, codes)) = seed.enrol(hall, (name, &made.key), code) else {
        note(hall, name, "account.second", name, "wrong code", false).await?;
        return Err(not_taken());
    };
    account.second = Some(second);
    account.changes += 1;
    note(hall, name, "account.second", name, "own", true).await?;
    Ok((again(hall, who, &account).await?, codes))
}

/// Binds the certificate of this connection.
pub(crate) async fn bind(
    hall: &Hall,
    who: &Who,
    (password, certificate): (&str, Option<String>),
) -> Result<(), PageError> {
    let (_session, _account) = here(hall, who).await?;
    let Some(certificate) = certificate else {
        return Err(PageError::bad(
            "this connection shows no client certificate: choose one when the browser asks, and come again",
            "当前连接未出示客户端证书：请在浏览器提示时选择证书后重试",
        ));
    };
    let Confirmed { _held, mut account, .. } = confirm(hall, who, password).await?;
    let name = &*who.account;
    bound(hall, name, Some(&certificate)).await?;
    let reason = format!("own [sha256 {certificate}]");
    account.certificate = Some(certificate);
    account.keep(hall, name).await?;
    note(hall, name, "account.certificate", name, &reason, true).await
}
