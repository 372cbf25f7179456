//! Parcels between nodes: the trait and its carriers.
