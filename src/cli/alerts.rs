//! The channels of alerts: from the configuration to what the pages tell by, and the post that hands
//! messages over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use admin::alert::{Alerts, Channel, Lang, Letter, Post, PostFuture, Settings, To};
use admin::machines::{Figures, Machines};
use edge::http::{self, Client, Method, Request};
use edge::listen::Peer;
use exchange::config::{
    AdminConfig, AlertConfig, ChannelConfig, ChannelKind, Limits, MetricsFor, Morning, Secret,
};

use crate::text::Failure;
use crate::{https, open};

/// Longest answer of a channel, bytes: robots answer in a line.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Hands messages over by HTTP, each channel by a client of its own.
struct Postman(BTreeMap<String, Client>);

impl Post for Postman {
    fn send<'a>(&'a self, channel: &'a str, letter: &'a Letter) -> PostFuture<'a> {
        Box::pin(async move {
            let Letter::Http { url, headers, media_type, body } = letter else {
                return Err("this build sends neither mail nor rows".to_owned());
            };
            // Several telephones of one channel are told one by one: `NAME#1`.
            let name = channel.split('#').next().unwrap_or(channel);
            let client = self.0.get(name).ok_or("there is no such channel")?;
            let url = http::address(url.expose().trim()).ok_or("its url is no address")?;
            let method = if body.is_empty() { Method::GET } else { Method::POST };
            let mut request = Request::new(method, url);
            let wrong = |e: http::HttpError| e.to_string();
            request.header("content-type", media_type).map_err(wrong)?;
            for (name, value) in headers {
                request.header(name, value).map_err(wrong)?;
            }
            request.body.clone_from(body);
            let answer = client.send(request).await.map_err(wrong)?;
            if (200..300).contains(&answer.status) {
                return Ok(answer.body);
            }
            Err(format!("status {}", answer.status))
        })
    }
}

/// What programs ask of a node whose pages are served so.
///
/// # Errors
/// A secret or certificate of a channel is not there.
pub(crate) fn machines(config: &AdminConfig, limits: &Limits) -> Result<Machines, Failure> {
    let figures = match config.metrics {
        MetricsFor::Known => Figures::Known,
        MetricsFor::Loopback => {
            Figures::Loopback(|left| left.get::<Peer>().map(|peer| -> SocketAddr { peer.address }))
        }
        MetricsFor::Everybody => Figures::Everybody,
    };
    let alerts = config.alert.as_ref().map(|alert| alerts(alert, limits)).transpose()?;
    Ok(Machines { figures, alerts })
}

fn alerts(config: &AlertConfig, limits: &Limits) -> Result<Alerts, Failure> {
    let (mut first, mut second, mut clients) = (Vec::new(), Vec::new(), BTreeMap::new());
    for one in &config.channels {
        clients.insert(one.name.to_string(), client(one, limits)?);
        let list = if one.second { &mut second } else { &mut first };
        list.push(Channel { name: one.name.to_string(), to: to(one)? });
    }
    Ok(Alerts::new(settings(config), (first, second), Arc::new(Postman(clients))))
}

fn client(channel: &ChannelConfig, limits: &Limits) -> Result<Client, Failure> {
    let ms = |ms: i64| std::time::Duration::from_millis(ms.unsigned_abs());
    let settings = http::Settings {
        ca: channel.ca.as_deref().map(https::pem).transpose()?,
        connect_timeout: ms(limits.http_connect_timeout),
        read_timeout: ms(limits.http_silence),
        timeout: ms(limits.http_timeout),
        answer_bytes_max: ANSWER_BYTES_MAX,
        ..http::Settings::default()
    };
    Client::new(settings).map_err(|e| {
        let name = &channel.name;
        Failure::environment(
            format!("[admin.alert] channel {name}: {e}"),
            format!("[admin.alert] 通道 {name}：{e}"),
        )
    })
}

/// A secret without the line end that editors leave.
fn read(reference: &exchange::config::SecretRef) -> Result<Secret, Failure> {
    Ok(Secret::new(open::secret(reference)?.expose().trim().to_owned()))
}

fn to(channel: &ChannelConfig) -> Result<To, Failure> {
    let url = read(&channel.url)?;
    let key = channel.key.as_ref().map(read).transpose()?;
    let keyword = channel.keyword.as_ref().map(|word| word.to_string());
    Ok(match channel.kind {
        ChannelKind::Webhook => To::Webhook { url, key },
        ChannelKind::DingTalk => To::DingTalk { url, keyword, key },
        ChannelKind::WeCom => To::WeCom { url, keyword },
        ChannelKind::Sms => To::SmsGateway {
            url,
            media_type: channel.media_type.as_deref().unwrap_or("application/json").to_owned(),
            template: match &channel.template {
                Some(template) => read(template)?,
                None => Secret::new(String::new()),
            },
            phones: channel.phones.iter().map(|phone| phone.to_string()).collect(),
        },
    })
}

fn settings(config: &AlertConfig) -> Settings {
    let by_default = Settings::default();
    Settings {
        backlog_age: config.backlog_age.unwrap_or(by_default.backlog_age),
        still: config.still.unwrap_or(by_default.still),
        certificate_days: config.certificate_days.unwrap_or(by_default.certificate_days),
        disk_days: config.disk_days.unwrap_or(by_default.disk_days),
        again_after: config.again_after.unwrap_or(by_default.again_after),
        escalate_after: config.escalate_after.unwrap_or(by_default.escalate_after),
        per_hour: config.per_hour.unwrap_or(by_default.per_hour),
        morning_minute: match config.morning {
            Some(Morning::At(minute)) => Some(minute),
            Some(Morning::Never) => None,
            None => by_default.morning_minute,
        },
        pages: config.pages.as_ref().map(|pages| pages.to_string()),
        lang: if config.english { Lang::En } else { Lang::Zh },
        ..by_default
    }
}
