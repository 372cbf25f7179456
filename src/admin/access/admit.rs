//! Who is let in: account, password and second factor, with the same answer and the same cost whatever of
//! it is wrong.

use axum::http::StatusCode;
use canon::Millis;
use std::sync::PoisonError;
use store::AuditEvent;
use tokio::sync::MutexGuard;

use super::account::{Account, is_name};
use super::password::{self, Stretched};
use super::secret::Secret;
use super::session;
use super::tries::{LOCKED_FOR, Tries};
use super::who::Who;
use crate::error::PageError;
use crate::hall::Hall;

/// What somebody says to be let in.
pub(crate) struct Said<'s> {
    /// The account.
    pub(crate) name: &'s str,
    /// Its password.
    pub(crate) password: &'s str,
    /// A code, where the account has some.
    pub(crate) code: &'s str,
    /// The client certificate TLS has verified.
    pub(crate) certificate: Option<String>,
}

/// Somebody who was let in.
pub(crate) struct Admitted {
    /// What their browser carries from now on.
    pub(crate) secret: Secret,
    /// The password ends soon.
    pub(crate) warned: bool,
}

/// A password that was looked at. Nobody else changes an account while this is held.
struct Looked<'h> {
    _held: MutexGuard<'h, ()>,
    tries: Tries,
    account: Option<Account>,
    made: Option<Stretched>,
}

/// Leaves a line in the audit chain.
pub(crate) async fn note(
    hall: &Hall,
    who: &str,
    action: &str,
    account: &str,
    reason: &str,
    ok: bool,
) -> Result<(), PageError> {
    let event = AuditEvent {
        at: hall.now(),
        who: who.to_owned(),
        action: action.to_owned(),
        subject: format!("account/{account}"),
        reason: reason.to_owned(),
        ok,
    };
    Ok(hall.store().audit(event).await?)
}

/// Looks at a password, unless the name has to wait.
async fn look<'h>(hall: &'h Hall, name: &str, password: &str) -> Result<Looked<'h>, PageError> {
    waits(hall, name, Tries::read(hall, name).await?).await?;
    let before = Account::read(hall, name).await?;
    let kept = before.as_ref().filter(|a| !a.disabled).and_then(|a| a.password.as_ref());
    let made = match kept {
        Some(kept) => kept.knows(hall, password).await?,
        None => {
            password::nobody(hall, password).await?;
            None
        }
    };
    let held = hall.access.changing.lock().await;
    // Others may have tried, or changed the account, while the hash was made.
    let tries = Tries::read(hall, name).await?;
    tries.turn(hall.now())?;
    let account = Account::read(hall, name).await?;
    let same = before.map(|a| a.changes) == account.as_ref().map(|a| a.changes);
    Ok(Looked { _held: held, tries, account, made: made.filter(|_| same) })
}

/// Refuses a name that has to wait; tries of a locked one leave a line now and then.
async fn waits(hall: &Hall, name: &str, mut tries: Tries) -> Result<(), PageError> {
    let now = hall.now();
    let Err(refused) = tries.turn(now) else { return Ok(()) };
    if tries.tells(now) {
        tries.keep(hall, name).await?;
        let known = Account::read(hall, name).await?.is_some();
        told(hall, known.then_some(name), "locked").await?;
    }
    Err(refused)
}

/// A line about a login that was refused. What is no account is not named: people type passwords there.
async fn told(hall: &Hall, known: Option<&str>, why: &str) -> Result<(), PageError> {
    if let Some(name) = known {
        return note(hall, name, "login", name, why, false).await;
    }
    let more = {
        let mut strangers = hall.access.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.line(hall.now())
    };
    match more {
        None => Ok(()),
        Some(0) => note(hall, "unknown", "login", "unknown", why, false).await,
        Some(more) => {
            let why = format!("{why}; and {more} more before");
            note(hall, "unknown", "login", "unknown", &why, false).await
        }
    }
}

/// Counts a wrong try, and says what it is answered with.
async fn wrong(
    hall: &Hall,
    name: &str,
    looked: Looked<'_>,
    why: &str,
) -> Result<PageError, PageError> {
    let Looked { mut tries, account, .. } = looked;
    let locked = tries.add(hall.now());
    tries.keep(hall, name).await?;
    let why = if locked {
        format!("{why}; locked for {} min", LOCKED_FOR / 60_000)
    } else {
        why.to_owned()
    };
    told(hall, account.is_some().then_some(name), &why).await?;
    Ok(if locked {
        PageError::of(StatusCode::TOO_MANY_REQUESTS, "admin.locked")
    } else {
        PageError::of(StatusCode::UNAUTHORIZED, "admin.login_wrong")
    })
}

/// Lets somebody in.
pub(crate) async fn admit(hall: &Hall, said: Said<'_>) -> Result<Admitted, PageError> {
    let name = said.name.trim().to_lowercase();
    let mut looked = look(hall, &name, said.password).await?;
    let now = hall.now();
    let judged = match (&mut looked.account, &looked.made) {
        (Some(account), Some(made)) => {
            second(account, (&name, &made.key), &said, (hall.wall)()).ok_or("wrong second factor")
        }
        (Some(account), None) if account.disabled => Err("disabled"),
        _ => Err("wrong password"),
    };
    let certificate = match judged {
        Ok(certificate) => certificate,
        Err(why) => return Err(wrong(hall, &name, looked, why).await?),
    };
    let Looked { _held, account: Some(mut account), .. } = looked else {
        return Err(PageError::of(StatusCode::UNAUTHORIZED, "admin.login_wrong"));
    };
    account.last = Some(now);
    account.keep(hall, &name).await?;
    Tries::forget(hall, &name).await?;
    let by = match (&certificate, &account.second) {
        (Some(_), _) => "password and certificate",
        (None, Some(_)) => "password and code",
        (None, None) => "password",
    };
    note(hall, &name, "login", &name, by, true).await?;
    let warned = account.warned(now);
    let secret = session::begin(hall, (&name, &account), certificate).await?;
    Ok(Admitted { secret, warned })
}

/// Whether the second factor is right: none if it is not, else the certificate if it was that.
fn second(
    account: &mut Account,
    of: (&str, &[u8; 32]),
    said: &Said<'_>,
    now: Millis,
) -> Option<Option<String>> {
    if account.certificate.is_some() && account.certificate == said.certificate {
        return Some(account.certificate.clone());
    }
    match &mut account.second {
        Some(second) => second.takes(of, said.code, now).then_some(None),
        // A certificate that is bound and not shown is a factor that is lacking.
        None => account.certificate.is_none().then_some(None),
    }
}

/// Somebody who said their password again, before something about their own account is changed.
pub(crate) struct Confirmed<'h> {
    /// Nobody else changes an account while this is held.
    pub(crate) _held: MutexGuard<'h, ()>,
    /// The account.
    pub(crate) account: Account,
    /// The key the password gives.
    pub(crate) made: Stretched,
}

/// Asks for the password of whoever is here again; wrong ones count as at the login.
pub(crate) async fn confirm<'h>(
    hall: &'h Hall,
    who: &Who,
    password: &str,
) -> Result<Confirmed<'h>, PageError> {
    let name = &*who.account;
    let Looked { _held, tries, account, made } = look(hall, name, password).await?;
    match (account, made) {
        (Some(account), Some(made)) => {
            if tries != Tries::default() {
                Tries::forget(hall, name).await?;
            }
            Ok(Confirmed { _held, account, made })
        }
        (account, made) => {
            let looked = Looked { _held, tries, account, made };
            Err(wrong(hall, name, looked, "wrong password, logged in").await?)
        }
    }
}

/// The wrong tries of an account, for those who look after it.
pub(crate) async fn locked(hall: &Hall, name: &str) -> Result<Option<Millis>, PageError> {
    if !is_name(name) {
        return Ok(None);
    }
    Ok(Tries::read(hall, name).await?.locked(hall.now()))
}
