//! The platform's web service: ExInfo documents over HTTP, or one by one over SOAP, behind a login key that
//! runs out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use edge::http::{self, Client};
use edge::legacy_http::{Asked, Reply, Service};
use edge::outlet::calls::{Calls, Form, Settings};
use regex::Regex;

use super::{Mind, Took, target};

/// The password of the story.
const PASSWORD: &str = "geheim";

/// The service, and how it is spoken to.
pub struct Web {
    service: Service,
    form: Form,
}

impl Web {
    /// A service with this mind.
    pub fn start(mind: &Arc<Mind>, form: Form) -> Self {
        let mind = Arc::clone(mind);
        let service = Service::start(move |asked| answer(&mind, asked));
        Self { service: service.expect("a port"), form }
    }

    /// The outlet's end of it.
    pub fn port(&self) -> Calls {
        let client = http::Settings {
            // What a story hangs up costs this; a busy machine must not look like it.
            read_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(4),
            ..http::Settings::default()
        };
        let settings = Settings {
            name: "province".into(),
            url: http::address(&self.service.url()).expect("an address"),
            client: Client::new(client).expect("a client"),
            secrets: BTreeMap::from([("password".into(), PASSWORD.into())]),
            values: BTreeMap::from([
                ("user".into(), "990103".into()),
                ("dept".into(), "990103".into()),
            ]),
        };
        Calls::new(settings, self.form, &target()).expect("a web service")
    }
}

/// What one request says, whichever way it came.
struct Said {
    operation: String,
    document: String,
    keys: Vec<String>,
    login: String,
    soap: bool,
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map_or("", |(found, _)| found)
}

fn read(asked: &Asked) -> Said {
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    let soap = asked.header("soapaction").is_some();
    if soap {
        let operation = Regex::new("<soapenv:Body><x:(\\w+)>").expect("a pattern");
        let operation =
            operation.captures(&body).map_or("", |c| c.get(1).map_or("", |m| m.as_str()));
        let arg = |name: &str| between(&body, &format!("<x:{name}>"), &format!("</x:{name}>"));
        let document = arg("xml").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        let password = arg("platPwd") == PASSWORD;
        return Said {
            operation: if operation == "serverHander" && !password { "wrong" } else { operation }
                .to_owned(),
            document: document.replace("&apos;", "'").replace("&amp;", "&"),
            keys: vec![arg("identifyKey").to_owned()],
            login: arg("loginKey").to_owned(),
            soap,
        };
    }
    let keys = asked.header("x-identify-keys").unwrap_or_default().to_owned();
    let keys = if asked.path() == "/query" {
        body.trim_start_matches("keys=").replace("%2C", ",")
    } else {
        keys
    };
    let wrong = asked.path() == "/login" && !body.contains(&format!("platPwd={PASSWORD}"));
    Said {
        operation: if wrong { "wrong" } else { asked.path() }.to_owned(),
        document: body,
        keys: keys.split(',').map(str::to_owned).collect(),
        login: asked.header("x-login-key").unwrap_or_default().to_owned(),
        soap,
    }
}

fn answer(mind: &Mind, asked: &Asked) -> Reply {
    let said = read(asked);
    match said.operation.as_str() {
        "/login" | "serverHander" => {
            let key = mind.let_in();
            return whole(&said, &[("loginKey", &key), ("code", "0")]);
        }
        "wrong" => return whole(&said, &[("code", "002"), ("desc", "密码错误")]),
        _ => {}
    }
    if !mind.knows(&said.login) {
        return each(&said, vec![(String::new(), "001".into(), "登录已失效".into())]);
    }
    if said.operation == "/query" {
        let took = mind.took();
        let state = |key: &String| if took.iter().any(|t| t.message == *key) { "0" } else { "6" };
        let lines = said.keys.iter().map(|k| (k.clone(), state(k).to_owned(), String::new()));
        return each(&said, lines.collect());
    }
    let infos = Regex::new("(?s)<standardInfo process=\"(\\w+)\">(.*?)</standardInfo>");
    let infos = infos.expect("a pattern");
    let field = |info: &str, name: &str| {
        between(info, &format!("<Field FieldName=\"{name}\">"), "</Field>").to_owned()
    };
    let mut lines = Vec::new();
    for (info, message) in infos.captures_iter(&said.document).zip(&said.keys) {
        let took = Took {
            message: message.clone(),
            kind: info[1].to_owned(),
            case: field(&info[2], "SBLSH"),
            version: field(&info[2], "VERSION"),
        };
        match mind.judge(took) {
            Some((code, text)) => lines.push((message.clone(), of_service(&code), text)),
            None => return Reply::Silence,
        }
    }
    if mind.loses() {
        // It was acted on, and the connection breaks before anybody hears.
        return Reply::Bytes(Vec::new());
    }
    each(&said, lines)
}

/// The front library's flags as the service's codes.
fn of_service(code: &str) -> String {
    if code == "1" { "0".into() } else { code.trim_start_matches('-').to_owned() }
}

fn whole(said: &Said, values: &[(&str, &str)]) -> Reply {
    if !said.soap {
        let values: serde_json::Map<String, serde_json::Value> =
            values.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
        return Reply::json(200, serde_json::Value::Object(values).to_string());
    }
    let values: String = values.iter().map(|(k, v)| format!("<ns:{k}>{v}</ns:{k}>")).collect();
    let body = format!(
        "<?xml version='1.0' encoding='utf-8'?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body><ns:response xmlns:ns=\"http://webservice.focus.exchange\"><ns:return>{values}</ns:return></ns:response></soapenv:Body></soapenv:Envelope>"
    );
    let headers = vec![("content-type".to_owned(), "text/xml; charset=utf-8".to_owned())];
    Reply::Full { status: 200, headers, body: body.into_bytes() }
}

fn each(said: &Said, lines: Vec<(String, String, String)>) -> Reply {
    if said.soap {
        let (_, code, text) = lines.into_iter().next().unwrap_or_default();
        return whole(said, &[("code", &code), ("desc", &text)]);
    }
    let lines: Vec<serde_json::Value> = lines
        .into_iter()
        .map(|(key, code, text)| {
            serde_json::json!({ "identifyKey": key, "code": code, "desc": text })
        })
        .collect();
    Reply::json(200, serde_json::json!({ "DealResult": lines }).to_string())
}
