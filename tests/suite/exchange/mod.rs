//! Nodes at work: one scenario a story, each over every store.

mod four_tiers;
