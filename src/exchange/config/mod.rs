//! The configuration of nodes: a versioned document per file, validated as a whole process.
//!
//! Layers: defaults, then the file, then `TIERGATE__SECTION__KEY` of the environment. Every problem
//! is found in one pass, with its place and what to do. Nothing here reads a file or the
//! environment: the texts, the variables and [`Files`] are arguments. Checks are offline; whether a
//! key fits its certificate and a package its format is seen when they are opened.

mod audit;
mod brokers;
mod database;
mod foreign;
mod lanes;
mod limits;
mod listen;
mod node;
mod outlets;
mod outside;
mod paths;
mod problem;
mod process;
mod program;
mod quota;
mod read;
mod remote;
mod rest;
mod secret;
mod sections;
mod sinks;
mod spool;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_identity;
#[cfg(test)]
mod tests_spool;
mod tree;
mod trust;
mod units;

use std::collections::BTreeMap;

pub use audit::AuditConfig;
pub use brokers::{BrokerConfig, BrokerUrl, Login};
pub use database::{PostgresConfig, PostgresTls, StoreUrl, is_instance};
pub use foreign::{Database, Engine, Isolation, OdbcDatabase, ServerDatabase};
pub use lanes::{LaneBudget, Window};
pub use limits::{LIMITS, Limits, table as limits_table};
pub use listen::{AdminConfig, ListenConfig, PostConfig};
pub use node::{
    AdapterConfig, ArchiveConfig, Carrier, Link, Nature, NodeConfig, RelayConfig, RelayRule,
    RouteConfig, SinkConfig, SinkKind, SourceConfig, SourceReading, Treatment,
};
pub use outlets::{CallForm, CallsConfig, OutletConfig, OutletWay};
pub use outside::{Outside, SIGNER_WAIT_MS_MAX, SignerProgram, TokenConfig};
pub use problem::{At, Problem, Problems, nearest};
pub use process::{FileFacts, Files, tier_order};
pub use program::Program;
pub use quota::Quota;
pub use read::{NodeDocument, VERSION};
pub use remote::Remote;
pub use rest::{AtRest, PLAIN_REASON_CHARS_MAX, PLAIN_REASON_CHARS_MIN};
pub use secret::{Secret, SecretRef};
pub use spool::{Back, SpoolConfig, SpoolPlace};
pub use tree::ENV_PREFIX;
pub use trust::{EncryptionConfig, Identity, KeyConfig, KeyFiles, TrustConfig};
pub use units::{Limit, Unit};

/// The nodes of one process from their files' names and texts, or everything wrong with them.
pub fn load(
    sources: &[(String, String)],
    env: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<Vec<NodeConfig>, Vec<Problem>> {
    let (nodes, mut problems) = read_all(sources, env);
    process::check(&nodes, files, env, &mut problems);
    let found = problems.sorted();
    if found.is_empty() { Ok(nodes) } else { Err(found) }
}

/// The nodes of some files, each right by itself: for commands that only look at stores, where it
/// does not matter which files a process would need together.
pub fn load_each(
    sources: &[(String, String)],
    env: &BTreeMap<String, String>,
) -> Result<Vec<NodeConfig>, Vec<Problem>> {
    let (nodes, problems) = read_all(sources, env);
    let found = problems.sorted();
    if found.is_empty() { Ok(nodes) } else { Err(found) }
}

fn read_all(
    sources: &[(String, String)],
    env: &BTreeMap<String, String>,
) -> (Vec<NodeConfig>, Problems) {
    let mut problems = Problems::default();
    let nodes = sources
        .iter()
        .map(|(file, text)| {
            NodeDocument::parse(file, text, env, &mut problems).validate(&mut problems)
        })
        .collect();
    (nodes, problems)
}
