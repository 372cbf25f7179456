//! What `doctor` looks at: whether the platform's service answers, and whether it lets us in. No record
//! is handed over.

use super::{Calls, Failed};
use crate::http::{Method, Request, encryption};
use crate::seen::Seen;

impl Calls {
    /// Looks at it, step by step; stops at the first that the others need.
    pub async fn look(&mut self) -> Vec<Seen> {
        let url = self.settings.url.clone();
        let mut seen = vec![encryption(&url, !self.settings.secrets.is_empty())];
        match self.settings.client.send(Request::new(Method::OPTIONS, url)).await {
            Ok(answer) => {
                let status = answer.status;
                let en = format!("the platform's service answers ({status})");
                seen.push(Seen::fine("outlet_service", en, format!("平台服务有应答（{status}）")));
            }
            Err(e) => {
                let (place, detail) = (&e.place, &e.detail);
                let (en, zh) = (format!("{place}: {detail}"), format!("{place}：{detail}"));
                seen.push(Seen::wrong("outlet_service", en, zh));
                return seen;
            }
        }
        if self.text.login.is_none() {
            return seen;
        }
        self.login = None;
        seen.push(match self.log_in().await {
            Ok(()) => Seen::fine("outlet_login", "the platform lets us in", "平台登录成功"),
            Err(Failed::NotSent(e)) => {
                let (place, detail) = (&e.place, &e.detail);
                let (en, zh) = (format!("{place}: {detail}"), format!("{place}：{detail}"));
                Seen::wrong("outlet_login", en, zh)
            }
            Err(Failed::Unknown(detail)) => Seen::wrong("outlet_login", detail.clone(), detail),
        });
        seen
    }
}
