//! `tiergate bus`: what stands on the brokers, declared, repaired, written down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::amqp::manage::{self, How, Item};
use bus::amqp::{Obstacle, definitions};
use clap::{Args, Subcommand};
use exchange::config::SecretRef;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::brokers::{self, Site};
use crate::files::CONFIG_BYTES_MAX;
use crate::text::{Done, Exit, Failure, Out};
use crate::{files, open, run as service};

/// What is done.
#[derive(Debug, Subcommand)]
pub(crate) enum BusCommand {
    /// Declare exchange, queues and bindings; what is there is compared · 声明交换器、队列与绑定
    Declare {
        #[command(flatten)]
        brokers: BrokersArg,
        /// Log in by USER:PASSWORD, from file:PATH or env:NAME, not as the node · 管理员登录
        #[arg(long, value_name = "file:PATH|env:NAME")]
        login: Option<String>,
        /// Also replace queues that do not answer by their next generation · 替换无响应的队列
        #[arg(long)]
        repair: bool,
    },
    /// Write the file an administrator imports: users, permissions, queues · 生成 definitions.json
    Definitions {
        #[command(flatten)]
        brokers: BrokersArg,
        /// A folder with a file for each user, its password in it · 口令目录，每个用户一个文件
        #[arg(long, value_name = "FOLDER")]
        passwords: Option<PathBuf>,
        /// Where to; standard output if not given · 输出文件
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Which brokers.
#[derive(Debug, Args)]
pub(crate) struct BrokersArg {
    /// Configuration files of nodes on them
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    config: Vec<PathBuf>,
    /// Only the [[broker]] of this name
    #[arg(long, value_name = "NAME")]
    broker: Option<String>,
}

impl BrokersArg {
    fn sites(&self) -> Result<Vec<Site>, Failure> {
        brokers::sites(&open::each_config(&self.config)?, self.broker.as_deref())
    }
}

/// The command.
pub(crate) fn run(command: BusCommand, out: &Out) -> Done {
    match command {
        BusCommand::Declare { brokers, login, repair } => {
            let login = login.map(|text| reference(&text)).transpose()?;
            service::runtime()?.block_on(declare(&brokers.sites()?, login.as_ref(), repair, out))
        }
        BusCommand::Definitions { brokers, passwords, out: to } => {
            write_down(&brokers.sites()?, passwords.as_deref(), to.as_deref(), out)
        }
    }
}

fn reference(text: &str) -> Result<SecretRef, Failure> {
    SecretRef::parse(text, Path::new("")).ok_or_else(|| {
        Failure::usage(
            "--login takes `file:PATH` or `env:NAME` of a text USER:PASSWORD",
            "--login 应为 file:路径 或 env:变量名，内容为 用户名:口令",
        )
    })
}

async fn declare(sites: &[Site], login: Option<&SecretRef>, repair: bool, out: &Out) -> Done {
    let mut wrong = false;
    let mut answers = Vec::new();
    for site in sites {
        let own = &site.logins[0];
        let settings = match login {
            Some(login) => brokers::login_as(own, login)?,
            None => own.clone(),
        };
        let url = &site.url;
        let failed = |o: Obstacle| unreached(&url.to_string(), &o);
        // A silent queue is replaced first: declaring asks it, and it would not answer.
        let mut items = Vec::new();
        if repair {
            items = manage::repair(&settings, &site.topology).await.map_err(failed)?;
        }
        items.extend(manage::declare(&settings, &site.topology).await.map_err(failed)?);
        wrong |= items.iter().any(|i| !i.how.fine());
        out.say(format_args!("{url}:"), format_args!("{url}："))?;
        for item in &items {
            let (en, zh) = said(&item.how);
            let what = &item.what;
            out.say(format_args!("  {what}: {en}"), format_args!("  {what}：{zh}"))?;
        }
        answers.push(json!({
            "broker": url.to_string(), "items": items.iter().map(item_json).collect::<Vec<_>>(),
        }));
    }
    out.value(&json!({ "ok": !wrong, "brokers": answers }))?;
    Ok(if wrong { Exit::Problems } else { Exit::Fine })
}

/// A broker that a command cannot do its work with.
pub(crate) fn unreached(url: &str, obstacle: &Obstacle) -> Failure {
    let (code, detail) = (obstacle.code, &obstacle.detail);
    let (en, zh) = canon::code(code).map_or(("", ""), |c| (c.en, c.zh));
    Failure::environment(
        format!("{url}: {detail} [{code}]: {en}"),
        format!("{url}：{detail} [{code}]：{zh}"),
    )
}

pub(crate) fn item_json(item: &Item) -> Value {
    let (en, zh) = said(&item.how);
    json!({ "what": item.what, "ok": item.how.fine(), "en": en, "zh": zh })
}

/// How a thing is, for people.
pub(crate) fn said(how: &How) -> (String, String) {
    let both = |en: &str, zh: &str| (en.to_owned(), zh.to_owned());
    match how {
        How::Created => both("made", "已建"),
        How::Stands => both("as it should be", "正常"),
        How::NotCompared => both(
            "there (this login may not compare its arguments)",
            "存在（当前登录无权比对其参数）",
        ),
        How::Missing => {
            both("missing; run `tiergate bus declare`", "缺少，请运行 tiergate bus declare")
        }
        How::Differs(says) => (
            format!(
                "not as it should be ({says}); delete it while it is empty and declare it again"
            ),
            format!("与应有的不同（{says}）；请在清空后删除并重新声明"),
        ),
        How::Replaced(by) => (
            format!(
                "did not answer; replaced by {by}; what was in it is sent again by its senders"
            ),
            format!("无响应，已由 {by} 替换；其中的报文由发送方重发"),
        ),
        How::Left(says) => (
            format!(
                "replaced, and cannot be deleted yet ({says}); nothing uses it any more; delete it once the broker answers for it"
            ),
            format!("已被替换，暂时无法删除（{says}）；已不再使用，待消息代理恢复应答后可手工删除"),
        ),
    }
}

fn write_down(sites: &[Site], passwords: Option<&Path>, to: Option<&Path>, out: &Out) -> Done {
    let [site] = sites else {
        let urls: Vec<String> = sites.iter().map(|s| s.url.to_string()).collect();
        let urls = urls.join(", ");
        return Err(Failure::usage(
            format!(
                "the files name several brokers ({urls}), and each has definitions of its own; choose one by --broker"
            ),
            format!("所给文件涉及多个消息代理（{urls}），各有各的定义；请用 --broker 指定一个"),
        ));
    };
    let hashes = passwords.map_or_else(|| Ok(BTreeMap::new()), |dir| hashes(site, dir))?;
    let value = definitions(&site.topology, &site.url.vhost, &hashes);
    let mut text = serde_json::to_string_pretty(&value).map_err(std::io::Error::from)?;
    text.push('\n');
    match to {
        Some(path) => {
            std::fs::write(path, text).map_err(|e| files::cannot(path, &e))?;
            let path = path.display();
            out.say(
                format_args!("{path}: import it with `rabbitmqctl import_definitions {path}`"),
                format_args!("{path}：可用 rabbitmqctl import_definitions {path} 导入"),
            )?;
        }
        None => out.text(text.trim_end())?,
    }
    Ok(Exit::Fine)
}

/// Password hashes as the broker makes them, each with a salt of its own.
fn hashes(site: &Site, dir: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut hashes = BTreeMap::new();
    for user in site.topology.users().keys() {
        let path = dir.join(user);
        if !path.is_file() {
            // It logs in by certificate.
            continue;
        }
        let password = files::text(&path, CONFIG_BYTES_MAX)?;
        let mut bytes = rand::random::<[u8; 4]>().to_vec();
        let salted = [&bytes, password.trim_end().as_bytes()].concat();
        bytes.extend(digest(&SHA256, &salted).as_ref());
        hashes.insert((*user).to_owned(), STANDARD.encode(bytes));
    }
    Ok(hashes)
}
