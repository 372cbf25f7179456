//! Which process of a node this is, where several share one store.
//!
//! Leases are held in the name of an instance. Two processes of one name would both believe that
//! they hold them, so a name that is alive is refused; a name that has just died is taken on as soon as
//! it is seen to stand still.

use std::time::Duration;

use canon::Millis;
use exchange::config::{NodeConfig, StoreUrl, is_instance};
use ring::rand::{SecureRandom, SystemRandom};
use store::SharedStore;

use crate::assemble::store_failure;
use crate::os;
use crate::text::Failure;

/// The name given on the command line, for every node whose store may be shared.
pub(crate) fn given(configs: &mut [NodeConfig], name: &str) -> Result<(), Failure> {
    if !is_instance(name) {
        return Err(Failure::usage(
            format!("`{name}` is no name of an instance: letters, digits, `-`, `_` and `.`"),
            format!("『{name}』不能作实例名，只用字母、数字、-、_ 和 ."),
        ));
    }
    for config in configs {
        if let StoreUrl::Postgres(schema) = &mut config.store {
            schema.instance = Some(name.into());
        }
    }
    Ok(())
}

/// Without a name, one that no other process has: host, process, chance.
pub(crate) fn name(store: &mut StoreUrl) -> Result<(), Failure> {
    if let StoreUrl::Postgres(schema) = store
        && schema.instance.is_none()
    {
        let mut chance = [0; 4];
        SystemRandom::new().fill(&mut chance).map_err(|_| {
            let en = "the system gives no randomness for the name of this instance";
            Failure::environment(en, "系统未提供随机数，无法生成实例名")
        })?;
        let chance = u32::from_be_bytes(chance);
        let name = format!("{}-{}-{chance:08x}", os::host(), std::process::id());
        schema.instance = Some(name.into());
    }
    Ok(())
}

/// Refuses the name of an instance that lives; waits for one that stands still.
pub(crate) async fn alone_of_its_name(
    config: &NodeConfig,
    store: &SharedStore,
    now: Millis,
) -> Result<(), Failure> {
    let Some(name) = config.store.instance() else { return Ok(()) };
    let announced = async || {
        let rows = store.lease_rows().await.map_err(store_failure)?;
        let row = rows.into_iter().find(|r| r.name == exchange::share::announcement(name));
        Ok::<_, Failure>(row.map(|row| row.until))
    };
    let Some(before) = announced().await?.filter(|until| *until > now) else { return Ok(()) };
    let looks = exchange::share::looks_every(config.limits.lease_ttl).unsigned_abs();
    tokio::time::sleep(Duration::from_millis(looks * 3 / 2 + 500)).await;
    if announced().await? == Some(before) {
        return Ok(());
    }
    Err(Failure::environment(
        format!("an instance named `{name}` runs already; give this one another name (--instance)"),
        format!("名为『{name}』的实例正在运行，请用 --instance 另起名称"),
    ))
}
