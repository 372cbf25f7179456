//! Pages that follow: a process looks at its node now and then, and pages that are open are told.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use tokio::sync::watch;

use crate::access::{Power, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::page::overview;
use crate::web::Refusal;

/// Most pages that follow at the same time.
pub const FOLLOWERS_MAX: usize = 64;

/// Who follows.
#[derive(Debug)]
pub struct Live {
    looks: watch::Sender<u64>,
    open: Arc<AtomicUsize>,
}

impl Default for Live {
    fn default() -> Self {
        Self { looks: watch::Sender::new(0), open: Arc::default() }
    }
}

/// One page that follows, counted until it is closed.
struct Follower {
    looks: watch::Receiver<u64>,
    hall: Arc<Hall>,
    who: Who,
    said: String,
    open: Arc<AtomicUsize>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hall {
    /// Takes a look at the node, for rates and for pages that follow. Whoever runs the node calls it
    /// every few seconds.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn look(&self) -> Result<(), PageError> {
        let now = self.now();
        let status = self.store().status().await?;
        self.series.look(self.store(), &status, now).await?;
        self.live.looks.send_modify(|n| *n += 1);
        Ok(())
    }
}

/// The stream.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/live", get(follow))
}

async fn follow(State(hall): State<Arc<Hall>>, who: Who) -> Result<Response, Refusal> {
    who.needs(Power::Look).map_err(|e| Refusal::to(&who, e))?;
    let open = Arc::clone(&hall.live.open);
    if open.fetch_add(1, Ordering::Relaxed) >= FOLLOWERS_MAX {
        open.fetch_sub(1, Ordering::Relaxed);
        let full = PageError::of(StatusCode::SERVICE_UNAVAILABLE, "admin.busy");
        return Err(Refusal::to(&who, full));
    }
    let looks = hall.live.looks.subscribe();
    let follower = Follower { looks, hall, who, said: String::new(), open };
    Ok(Sse::new(stream::unfold(follower, next)).into_response())
}

/// The next look at which something reads differently; ends with the process.
async fn next(mut follower: Follower) -> Option<(Result<Event, Infallible>, Follower)> {
    loop {
        follower.looks.changed().await.ok()?;
        // A session that ended meanwhile sees nothing more.
        if !follower.hall.access.lasts(&follower.hall, &follower.who).await {
            return None;
        }
        let Ok(markup) = overview::moving(&follower.hall, &follower.who).await else { continue };
        let text = markup.into_string();
        if text != follower.said {
            follower.said.clone_from(&text);
            return Some((Ok(Event::default().event("overview").data(text)), follower));
        }
    }
}
