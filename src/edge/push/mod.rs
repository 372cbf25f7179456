//! What departments' systems post to us: JSON, XML, SOAP. See `README.md`.

mod auth;
mod body;
mod door;
mod http;
mod post;
mod posted;
mod refusal;
mod soap;
#[cfg(test)]
mod tests;
mod wsdl;

pub use auth::{Auth, SIGNATURE, Said, sign};
pub use door::{Chance, Clock, Door, KEY_CHARS_MAX, Limits, Parts, Taken};
pub use http::{Counter, Doors};
pub use post::{Answer, AnsweredProblem, AnsweredRecord, AnsweredRow, Outcome};
pub use posted::Posted;
pub use refusal::Refusal;
