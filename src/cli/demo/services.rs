//! The demo over real services: its nodes speak over a broker instead of within the process, and
//! keep their facts in a database instead of files.

use std::path::PathBuf;

use bus::amqp::manage;
use canon::DigestAlg;
use exchange::config::{BrokerUrl, PostgresConfig, StoreUrl};
use store::postgres::PostgresStore;

use super::prepare::{Folder, not_written, remove_file};
use super::tiers::Tier;
use crate::assemble::store_failure;
use crate::brokers;
use crate::commands::bus::{said, unreached};
use crate::stores::postgres_settings;
use crate::text::Failure;
use crate::{open, os};

/// File of the broker's password, in the data folder.
const PASSWORD: &str = "mq.password";
/// File of the database's password, in the data folder.
pub(crate) const PG_PASSWORD: &str = "pg.password";
/// Who logs in if the URL does not say: what a fresh RabbitMQ lets in from the same machine.
const GUEST: (&str, &str) = ("guest", "guest");

/// A broker as it was named on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    url: String,
    user: String,
    password: String,
    prefix: String,
}

impl Broker {
    /// Reads `amqp://USER:PASSWORD@HOST:PORT/VHOST`. The names on the broker are the folder's own,
    /// so that two demos do not meet there.
    pub(crate) fn parse(text: &str, folder: &Folder) -> Result<Self, Failure> {
        let wrong = || {
            Failure::usage(
                "--amqp takes amqp://USER:PASSWORD@HOST:PORT/VHOST (%2f is the vhost /)",
                "--amqp 应写作 amqp://用户:口令@主机:端口/虚拟主机（%2f 表示 /）",
            )
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (login.split_once(':').ok_or_else(wrong)?, rest),
            None => (GUEST, rest),
        };
        let url = format!("{scheme}://{rest}");
        BrokerUrl::parse(&url).ok_or_else(wrong)?;
        let short = short(folder);
        let (user, password) = (login.0.to_owned(), login.1.to_owned());
        Ok(Self { url, user, password, prefix: format!("tiergate-demo-{short}") })
    }

    /// A tier's configuration with its links over the broker.
    pub(crate) fn config(&self, text: &str) -> String {
        let Self { url, user, prefix, .. } = self;
        let text = text.replace("carrier = \"local\"", "carrier = \"amqp\"");
        format!(
            "{text}\n[[broker]]\nname = \"demo\"\nurl = \"{url}\"\nuser = \"{user}\"\n\
             password = \"file:../{PASSWORD}\"\nprefix = \"{prefix}\"\n"
        )
    }
}

/// A database as it was named on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    address: String,
    password: Option<String>,
    prefix: String,
}

impl Database {
    /// Reads `postgres://USER[:PASSWORD]@HOST:PORT/DATABASE`. Each node has a schema of its own in
    /// it, named after the folder.
    pub(crate) fn parse(text: &str, folder: &Folder) -> Result<Self, Failure> {
        let wrong = || {
            Failure::usage(
                "--postgres takes postgres://USER:PASSWORD@HOST:PORT/DATABASE",
                "--postgres 应写作 postgres://用户:口令@主机:端口/数据库",
            )
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (login, rest) = rest.rsplit_once('@').ok_or_else(wrong)?;
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password.to_owned())),
            None => (login, None),
        };
        let address = format!("{scheme}://{user}@{rest}");
        if rest.contains('?') || PostgresConfig::parse(&address).is_none() {
            return Err(wrong());
        }
        Ok(Self { address, password, prefix: format!("tiergate_demo_{}", short(folder)) })
    }

    /// A node's configuration with its facts in the database.
    pub(crate) fn config(&self, schema: &str, text: &str) -> String {
        let Self { address, prefix, password } = self;
        let store = "url = \"sqlite:node.db\"";
        let mut url = format!("url = \"{address}?schema={prefix}_{schema}\"");
        if password.is_some() {
            url = format!("{url}\npassword = \"file:../{PG_PASSWORD}\"");
        }
        text.replace(store, &url)
    }
}

/// What the demo uses besides this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Services {
    /// A broker between its nodes.
    pub(crate) broker: Option<Broker>,
    /// A database for their facts.
    pub(crate) database: Option<Database>,
}

impl Services {
    /// From the command line.
    pub(crate) fn parse(
        amqp: Option<&str>,
        postgres: Option<&str>,
        folder: &Folder,
    ) -> Result<Self, Failure> {
        let broker = amqp.map(|url| Broker::parse(url, folder)).transpose()?;
        let database = postgres.map(|url| Database::parse(url, folder)).transpose()?;
        Ok(Self { broker, database })
    }

    /// Whether there are any.
    pub(crate) const fn any(&self) -> bool {
        self.broker.is_some() || self.database.is_some()
    }

    /// A tier's configuration over these services.
    pub(crate) fn config(&self, tier: Tier, text: String) -> String {
        let text = match &self.database {
            Some(database) => database.config(tier.folder(), &text),
            None => text,
        };
        match &self.broker {
            Some(broker) => broker.config(&text),
            None => text,
        }
    }

    /// Writes the passwords where the configurations say.
    pub(crate) fn secrets(&self, folder: &Folder) -> Result<(), Failure> {
        if let Some(broker) = &self.broker {
            secret(folder, PASSWORD, &broker.password)?;
        }
        if let Some(password) = self.database.as_ref().and_then(|d| d.password.as_deref()) {
            secret(folder, PG_PASSWORD, password)?;
        }
        Ok(())
    }
}

/// Writes a password beside the nodes' folders.
pub(crate) fn secret(folder: &Folder, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.0.join(name);
    // It may be there from an earlier start, with another password.
    remove_file(&path)?;
    os::write_secret(&path, text).map_err(|e| not_written(&path, &e))
}

/// A short name of a folder, the same at every start.
pub(crate) fn short(folder: &Folder) -> String {
    let at = std::path::absolute(&folder.0).unwrap_or_else(|_| folder.0.clone());
    let digest = DigestAlg::default().of(&[at.to_string_lossy().as_bytes()]);
    digest.bytes.iter().take(4).map(|b| format!("{b:02x}")).collect()
}

/// Whether the nodes in a folder keep their facts in a database.
pub(crate) fn over_database(folder: &Folder) -> bool {
    first_config(folder).contains("url = \"postgres")
}

fn first_config(folder: &Folder) -> String {
    let config = folder.configs().into_iter().next();
    config.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}

/// Whether the nodes in a folder speak over a broker.
pub(crate) fn over_broker(folder: &Folder) -> bool {
    first_config(folder).contains("[[broker]]")
}

/// Takes away the passwords of an earlier demo.
pub(crate) fn clear(folder: &Folder) -> Result<(), Failure> {
    remove_file(&folder.0.join(PASSWORD))?;
    remove_file(&folder.0.join(PG_PASSWORD))
}

/// Everything the nodes need stands on their services; at a fresh start nothing of an earlier demo.
pub(crate) async fn stand(folder: &Folder, fresh: bool) -> Result<(), Failure> {
    if !over_broker(folder) && !over_database(folder) {
        return Ok(());
    }
    if fresh {
        empty_stores(&folder.configs()).await?;
    }
    let configs = open::right_configs(&folder.configs())?;
    if !over_broker(folder) {
        return Ok(());
    }
    for site in brokers::sites(&configs, None)? {
        let (login, url) = (&site.logins[0], site.url.to_string());
        let failed = |o: bus::amqp::Obstacle| unreached(&url, &o);
        if fresh {
            manage::remove(login, &site.topology).await.map_err(failed)?;
        }
        let items = manage::declare(login, &site.topology).await.map_err(failed)?;
        if let Some(item) = items.iter().find(|i| !i.how.fine()) {
            let (en, zh) = said(&item.how);
            let what = &item.what;
            return Err(Failure::environment(
                format!("{url}: {what}: {en}"),
                format!("{url}：{what}：{zh}"),
            ));
        }
    }
    Ok(())
}

/// Takes away what an earlier demo left in the schemas of these nodes.
pub(crate) async fn empty_stores(configs: &[PathBuf]) -> Result<(), Failure> {
    for config in open::right_configs(configs)? {
        if let StoreUrl::Postgres(schema) = &config.store {
            let settings = postgres_settings(schema, &config)?;
            PostgresStore::drop_schema(&settings).await.map_err(store_failure)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_named_by_one_url() {
        let folder = Folder("x".into());
        let broker = Broker::parse("amqp://me:p@ss@127.0.0.1:5673/%2f", &folder).unwrap();
        assert_eq!((broker.user.as_str(), broker.password.as_str()), ("me", "p@ss"));
        assert_eq!(broker.url, "amqp://127.0.0.1:5673/%2f");
        let text = broker.config("carrier = \"local\"");
        assert!(text.starts_with("carrier = \"amqp\"") && !text.contains("p@ss"), "{text}");
        assert_eq!(Broker::parse("amqp://localhost", &folder).unwrap().user, "guest");
        for wrong in ["localhost", "amqp://me@host/", "http://a:b@host/"] {
            assert!(Broker::parse(wrong, &folder).is_err(), "{wrong}");
        }
        let other = Broker::parse("amqp://localhost", &Folder("y".into())).unwrap();
        assert_ne!(other.prefix, broker.prefix, "two demos on one broker do not meet");
    }

    #[test]
    fn a_database_is_named_by_one_url_and_each_tier_has_its_schema() {
        let folder = Folder("x".into());
        let database = Database::parse("postgres://me:word@127.0.0.1:5433/db", &folder).unwrap();
        let text = database.config("city", "url = \"sqlite:node.db\"");
        assert!(text.starts_with("url = \"postgres://me@127.0.0.1:5433/db?schema=tiergate_demo_"));
        assert!(text.contains("_city\"") && !text.contains("word@"), "{text}");
        for wrong in ["postgres://host/db", "mysql://me:x@host/db", "postgres://me:x@host/db?a=b"] {
            assert!(Database::parse(wrong, &folder).is_err(), "{wrong}");
        }
    }
}
