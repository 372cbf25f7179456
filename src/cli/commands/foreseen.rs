//! Which held rows an edition would cure, by adapter and rule. Stores are only read, beside a running
//! service too.

use std::sync::Arc;

use canon::Millis;
use canon::format::{Format, OpenLists};
use envelope::KeyRing;
use exchange::config::{AdapterConfig, NodeConfig};
use exchange::cure::{self, Foreseen};
use exchange::{WorkError, code_tables};
use serde::Serialize;
use store::SharedStore;

use crate::assemble;
use crate::commands::editions::Editions;
use crate::open::{self, Formats};
use crate::stores::{self, Access};
use crate::text::{Failure, Out};
use crate::{identity, lists, os};

/// What another edition is of.
pub(crate) enum Edition<'a> {
    /// Of the format that routes call by the first name.
    Format(&'a str, &'a Arc<Format>),
    /// Of the code list of this name.
    List(&'a str, &'a OpenLists, Millis),
}

/// Held rows of one adapter.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    node: String,
    adapter: String,
    /// By the rule that holds them.
    rules: Vec<Foreseen>,
    /// Why nothing can be said: the package does not fit the edition.
    misfit: Option<String>,
}

/// Looks at the held rows of the nodes that the options name; none are named, none are looked at.
pub(crate) async fn of(args: &Editions, edition: &Edition<'_>) -> Result<Vec<Held>, Failure> {
    let mut found = Vec::new();
    let Some(nodes) = args.nodes() else { return Ok(found) };
    for (config, code) in stores::identities(&nodes)? {
        let store = stores::open_store(&config, &code, Access::Read).await?;
        let mut lists = lists::open(&config.lists)?;
        if let Some(publisher) = &config.publisher {
            lists.lay_over(&code_tables::came(&store, publisher).await.map_err(failed)?);
        }
        let own = open::format_of(&config)?.map_err(|f| open::problems(&f))?;
        let mut formats = open::formats_of(&config)?.map_err(|f| open::problems(&f))?;
        let (mut list, mut now) = (None, os::now());
        match edition {
            Edition::Format(old, new) => drop(formats.insert((*old).to_owned(), Arc::clone(new))),
            Edition::List(name, new, from) => {
                lists.lay_over(new);
                (list, now) = (Some(*name), now.max(*from));
            }
        }
        for adapter in config.adapters_of(&code) {
            let concerned = match edition {
                Edition::Format(old, _) => adapter.routes(&config).any(|r| *r.edition == **old),
                Edition::List(..) => true,
            };
            if !concerned {
                continue;
            }
            let (mut rules, mut misfit) = (Vec::new(), None);
            let keys = identity::ring(&config, &code)?;
            let (own, formats) = (&own, &formats);
            let look = Look { config: &config, own, formats, store: &store, keys };
            match look.held(adapter, (&lists, list), now).await? {
                Ok(seen) => rules = seen,
                Err(why) => misfit = Some(why),
            }
            let (node, adapter) = (code.to_string(), adapter.name.to_string());
            found.push(Held { node, adapter, rules, misfit });
        }
    }
    Ok(found)
}

/// With what the rows of a node are looked at.
struct Look<'a> {
    config: &'a NodeConfig,
    own: &'a Format,
    formats: &'a Formats,
    store: &'a SharedStore,
    keys: KeyRing,
}

impl Look<'_> {
    async fn held(
        &self,
        adapter: &AdapterConfig,
        lists: (&OpenLists, Option<&str>),
        now: Millis,
    ) -> Result<Result<Vec<Foreseen>, String>, Failure> {
        let package = open::package(adapter, self.own)?.map_err(|f| open::problems(&f))?;
        let source = Box::new(edge::Nothing);
        let made = match assemble::made(self.config, self.formats, adapter, package, source) {
            Ok(made) => made,
            Err(e) => return Ok(Err(e.en)),
        };
        cure::foresee((self.store, &self.keys), &made, lists, now).await.map(Ok).map_err(failed)
    }
}

fn failed(e: WorkError) -> Failure {
    Failure::environment(e.to_string(), format!("问题数据无法读取：{e}"))
}

/// Says it for people.
pub(crate) fn show(held: &[Held], out: &Out) -> Result<(), Failure> {
    for Held { node, adapter, rules, misfit } in held {
        if let Some(why) = misfit {
            out.say(
                format_args!("{node}, adapter {adapter}: held rows cannot be judged: {why}"),
                format_args!("{node} 适配包 {adapter}：问题数据无法按新版判断：{why}"),
            )?;
        }
        for Foreseen { rule, held, cured } in rules {
            out.say(
                format_args!("{node}, adapter {adapter}: {cured} of {held} rows held by {rule} would go up"),
                format_args!("{node} 适配包 {adapter}：因 {rule} 隔离的 {held} 条中，{cured} 条可按新版重新上报"),
            )?;
        }
    }
    Ok(())
}
