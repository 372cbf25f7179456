//! Sessions of browsers: they stand in the store under the digest of what the browser carries, and end
//! by the clock, by their people, or when the account is another than it was.

use axum::http::{HeaderValue, header::SET_COOKIE};
use axum::response::Response;
use canon::Millis;
use exchange::standing;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::secret::Secret;
use crate::error::PageError;
use crate::hall::Hall;

/// Prefix of what stands in the store: `session/DIGEST`.
const SESSION: &str = "session/";
/// A session nobody uses ends after this, ms.
pub const SESSION_IDLE_MAX: i64 = 30 * 60_000;
/// A session ends after this, used or not, ms.
pub const SESSION_LIFE_MAX: i64 = 12 * 3_600_000;
/// Sessions of one account at the same time; one more ends the oldest.
pub const ACCOUNT_SESSIONS_MAX: usize = 3;
/// Use is written down this often, ms.
const SEEN_EVERY: i64 = 60_000;

/// A session.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Whose.
    pub(crate) account: String,
    /// Since when.
    pub(crate) began: Millis,
    /// When it was used last, to a minute.
    pub(crate) seen: Millis,
    /// How often its account had been changed when it began.
    pub(crate) changes: u64,
    /// The client certificate that was its second factor.
    pub(crate) certificate: Option<String>,
    /// A second factor that is being enrolled.
    pub(crate) pending: Option<String>,
}

impl Session {
    /// Whether it is one still.
    pub(crate) fn lasts(&self, account: &Account, now: Millis) -> bool {
        now.since(self.seen) < SESSION_IDLE_MAX
            && now.since(self.began) < SESSION_LIFE_MAX
            && !account.disabled
            && account.changes == self.changes
    }
}

/// Begins one. The oldest of the account ends where there are too many, and those that are over go.
pub(crate) async fn begin(
    hall: &Hall,
    (name, account): (&str, &Account),
    certificate: Option<String>,
) -> Result<Secret, PageError> {
    let (secret, now) = (Secret::new(hall), hall.now());
    let mut own = Vec::new();
    for (digest, session) in all(hall).await? {
        let over = now.since(session.seen) >= SESSION_IDLE_MAX
            || now.since(session.began) >= SESSION_LIFE_MAX;
        if over || (session.account == name && session.changes != account.changes) {
            end(hall, &digest).await?;
        } else if session.account == name {
            own.push((session.began, digest));
        }
    }
    own.sort();
    let many = (own.len() + 1).saturating_sub(ACCOUNT_SESSIONS_MAX);
    for (_, digest) in own.iter().take(many) {
        end(hall, digest).await?;
    }
    let session = Session {
        account: name.to_owned(),
        began: now,
        seen: now,
        changes: account.changes,
        certificate,
        pending: None,
    };
    keep(hall, &secret.digest(), &session).await?;
    Ok(secret)
}

/// Every session, over or not.
pub(crate) async fn all(hall: &Hall) -> Result<Vec<(String, Session)>, PageError> {
    Ok(standing::read(hall.store(), SESSION).await?)
}

/// The session of a digest with its account, if it lasts.
pub(crate) async fn find(
    hall: &Hall,
    digest: &str,
) -> Result<Option<(Session, Account)>, PageError> {
    let session: Option<Session> =
        standing::one(hall.store(), &format!("{SESSION}{digest}")).await?;
    let Some(session) = session else { return Ok(None) };
    let account = Account::read(hall, &session.account).await?;
    match account {
        Some(account) if session.lasts(&account, hall.now()) => Ok(Some((session, account))),
        _ => {
            end(hall, digest).await?;
            Ok(None)
        }
    }
}

/// Writes down that it is used, unless somebody has just ended it.
pub(crate) async fn used(hall: &Hall, digest: &str, seen: Millis) -> Result<(), PageError> {
    let now = hall.now();
    if now.since(seen) < SEEN_EVERY {
        return Ok(());
    }
    let _held = hall.access.changing.lock().await;
    let session: Option<Session> =
        standing::one(hall.store(), &format!("{SESSION}{digest}")).await?;
    match session {
        Some(session) => keep(hall, digest, &Session { seen: now, ..session }).await,
        None => Ok(()),
    }
}

/// Keeps it as it is now.
pub(crate) async fn keep(hall: &Hall, digest: &str, session: &Session) -> Result<(), PageError> {
    Ok(standing::put(hall.store(), &format!("{SESSION}{digest}"), session, hall.now()).await?)
}

/// Ends it.
pub(crate) async fn end(hall: &Hall, digest: &str) -> Result<(), PageError> {
    Ok(hall.store().stand(&format!("{SESSION}{digest}"), None, hall.now()).await?)
}

/// Ends all of an account but one.
pub(crate) async fn end_of(hall: &Hall, account: &str, but: &str) -> Result<u64, PageError> {
    let mut ended = 0;
    for (digest, session) in all(hall).await? {
        if session.account == account && digest != but {
            end(hall, &digest).await?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// The name of a node's cookie. Nodes of one machine have names of their own, because browsers do not
/// tell ports apart; over TLS browsers keep it to this host.
pub(crate) fn cookie_name(hall: &Hall) -> String {
    let host = if hall.access.terms.tls { "__Host-" } else { "" };
    format!("{host}tiergate_{}", hall.node.code)
}

/// Gives the browser its session, or takes it back.
pub(crate) fn carry(hall: &Hall, mut answer: Response, secret: Option<&Secret>) -> Response {
    let secure = if hall.access.terms.tls { "; Secure" } else { "" };
    let (value, age) = secret.map_or((String::new(), 0), |s| (s.text(), SESSION_LIFE_MAX / 1000));
    let name = cookie_name(hall);
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    answer
}
