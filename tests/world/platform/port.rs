//! What stands between an outlet and its platform: a line that can be cut, or lose what comes back.

use std::sync::Arc;

use canon::Millis;
use edge::BoxFuture;
use edge::outlet::{Heard, Message, Outlet, OutletError};

use super::Mind;

/// The line.
pub(crate) struct Port {
    /// The outlet's own.
    pub(crate) inner: Box<dyn Outlet>,
    /// The platform's mind.
    pub(crate) mind: Arc<Mind>,
    /// Whether the line loses what comes back; a web service does that itself.
    pub(crate) loses: bool,
}

impl Port {
    fn cut(&self) -> Option<OutletError> {
        self.mind.is_down().then(|| OutletError {
            outlet: "province".into(),
            place: "the line".into(),
            code: "platform.unreachable",
            detail: "cut by the story".into(),
        })
    }
}

impl Outlet for Port {
    fn hand<'a>(
        &'a mut self,
        batch: &'a [Message],
        now: Millis,
    ) -> BoxFuture<'a, Result<Vec<Heard>, OutletError>> {
        Box::pin(async move {
            if let Some(cut) = self.cut() {
                return Err(cut);
            }
            let heard = self.inner.hand(batch, now).await?;
            if self.loses && self.mind.loses() {
                return Ok(vec![Heard::Unknown("lost on the way".into()); batch.len()]);
            }
            Ok(heard)
        })
    }

    fn ask<'a>(
        &'a mut self,
        batch: &'a [Message],
        now: Millis,
    ) -> BoxFuture<'a, Result<Vec<Heard>, OutletError>> {
        Box::pin(async move {
            if let Some(cut) = self.cut() {
                return Err(cut);
            }
            let heard = self.inner.ask(batch, now).await?;
            if self.loses && self.mind.loses() {
                return Ok(vec![Heard::Unknown("lost on the way".into()); batch.len()]);
            }
            Ok(heard)
        })
    }

    fn patience(&self) -> i64 {
        self.inner.patience()
    }
}
