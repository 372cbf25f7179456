//! Real clients at a real listener: what is committed, kept, refused, and when it is said.

mod bodies;
mod clients;
mod ground;
mod soap;
mod strangers;
