//! The carrier against the real broker, and against peers that misbehave.

mod fake;
mod permissions;
mod real;
mod services;
mod traps;

use services::AmqpRig;

crate::contract::mount!(AmqpRig);
