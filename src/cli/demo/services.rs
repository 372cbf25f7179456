//! The demo over real services: its nodes speak over a broker instead of within the process.

use std::path::Path;

use bus::amqp::manage;
use canon::DigestAlg;
use exchange::config::BrokerUrl;

use super::prepare::{Folder, not_written};
use crate::brokers;
use crate::commands::bus::{said, unreached};
use crate::text::Failure;
use crate::{open, os};

/// File of the broker's password, in the data folder.
const PASSWORD: &str = "mq.password";
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
        let at = std::path::absolute(&folder.0).unwrap_or_else(|_| folder.0.clone());
        let digest = DigestAlg::default().of(&[at.to_string_lossy().as_bytes()]);
        let short: String = digest.bytes.iter().take(4).map(|b| format!("{b:02x}")).collect();
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

    /// Writes the password where the configurations say.
    pub(crate) fn secret(&self, folder: &Folder) -> Result<(), Failure> {
        let path = folder.0.join(PASSWORD);
        // It may be there from an earlier start, with another password.
        remove(&path)?;
        os::write_secret(&path, &self.password).map_err(|e| not_written(&path, &e))
    }
}

/// Whether the nodes in a folder speak over a broker.
pub(crate) fn over_broker(folder: &Folder) -> bool {
    let config = folder.configs().into_iter().next();
    config
        .and_then(|path| std::fs::read_to_string(path).ok())
        .is_some_and(|t| t.contains("[[broker]]"))
}

/// Takes away the password of an earlier demo.
pub(crate) fn clear(folder: &Folder) -> Result<(), Failure> {
    remove(&folder.0.join(PASSWORD))
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(not_written(path, &e)),
        _ => Ok(()),
    }
}

/// Everything the nodes need stands on their broker; at a fresh start nothing of an earlier demo.
pub(crate) async fn stand(folder: &Folder, fresh: bool) -> Result<(), Failure> {
    if !over_broker(folder) {
        return Ok(());
    }
    let configs = open::right_configs(&folder.configs())?;
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
}
