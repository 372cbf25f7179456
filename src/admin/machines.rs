//! What programs ask of a node: who may read its figures, and what is remembered between two questions.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::Extensions;
use axum::http::request::Parts;
use canon::Millis;

use crate::alert::Alerts;

/// Finds from where a request came, among what a listener leaves with it.
pub type CameFrom = fn(&Extensions) -> Option<SocketAddr>;

/// Who reads `/metrics`.
#[derive(Clone, Copy, Debug, Default)]
pub enum Figures {
    /// Whoever has a token or a session that may look.
    #[default]
    Known,
    /// These, and whoever asks from this machine. Not behind a proxy on this machine: everybody comes
    /// from there then.
    Loopback(CameFrom),
    /// Everybody who reaches the pages.
    Everybody,
}

/// What a node's pages have for programs.
#[derive(Debug, Default)]
pub struct Machines {
    /// Who reads the figures.
    pub figures: Figures,
    /// What is told to whom when something needs somebody.
    pub alerts: Option<Alerts>,
}

impl Figures {
    /// Whether a request may read them without saying who asks.
    pub(crate) fn open_to(self, parts: &Parts) -> bool {
        match self {
            Self::Known => false,
            Self::Loopback(came_from) => {
                came_from(&parts.extensions).is_some_and(|from| from.ip().is_loopback())
            }
            Self::Everybody => true,
        }
    }
}

/// What was found last, for a while: programs ask often, and a store has other work.
#[derive(Debug)]
pub(crate) struct Kept<T>(Mutex<Option<(Millis, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Kept<T> {
    /// What was found not longer than `ms` ago.
    pub(crate) fn young(&self, ms: i64, now: Millis) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| at.0 <= now.0 && now.since(*at) < ms).map(|(_, t)| t.clone())
    }

    /// Keeps what was found.
    pub(crate) fn keep(&self, found: T, now: Millis) -> T {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((now, found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn from(address: &str) -> Parts {
        let mut request = Request::new(());
        let address: SocketAddr = address.parse().unwrap();
        request.extensions_mut().insert(address);
        request.into_parts().0
    }

    #[test]
    fn figures_are_open_to_whom_it_is_said() {
        let (near, far) = (from("127.0.0.1:9"), from("10.1.2.3:9"));
        let unknown = Request::new(()).into_parts().0;
        let open = |f: Figures| [&near, &far, &unknown].map(|parts| f.open_to(parts));
        assert_eq!(open(Figures::Known), [false, false, false]);
        let came_from: CameFrom = |left| left.get::<SocketAddr>().copied();
        assert_eq!(open(Figures::Loopback(came_from)), [true, false, false]);
        assert_eq!(open(Figures::Everybody), [true, true, true]);
    }

    #[test]
    fn what_was_found_holds_for_a_while() {
        let kept = Kept::default();
        assert_eq!(kept.young(1_000, Millis(0)), None);
        assert_eq!(kept.keep(7, Millis(5_000)), 7);
        assert_eq!(kept.young(1_000, Millis(5_999)), Some(7));
        assert_eq!(kept.young(1_000, Millis(6_000)), None);
        assert_eq!(kept.young(1_000, Millis(4_000)), None, "the clock went back");
    }
}
