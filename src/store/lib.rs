//! One node's durable facts, as transactions: memory and sqlite behind one trait.
