//! One message as RFC 5424 has it, and its frame in a stream (RFC 5425).

use canon::Millis;

/// Longest value of a message's structured data, and longest part of its text, bytes; what is cut is
/// in the chain under its number.
pub const SYSLOG_VALUE_BYTES_MAX: usize = 512;
/// Facility "log audit".
const LOG_AUDIT: u8 = 13;
/// Severity "notice": something was done.
const NOTICE: u8 = 5;
/// Severity "warning": something was refused or failed.
const WARNING: u8 = 4;
/// Begins the text where it is UTF-8.
const BOM: &str = "\u{feff}";
/// Longest name of the kind of a message.
const MSGID_MAX: usize = 32;
/// Longest name of a host.
const HOST_MAX: usize = 255;

/// An event of the audit chain.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its number in the chain.
    pub number: i64,
    /// When.
    pub at: Millis,
    /// Operator code or worker name.
    pub who: &'a str,
    /// Stable word.
    pub action: &'a str,
    /// On what.
    pub subject: &'a str,
    /// Reason given.
    pub reason: &'a str,
    /// Whether it succeeded.
    pub ok: bool,
    /// The chain's digest over it and all before it.
    pub hash: &'a str,
}

/// An element of structured data: its id, and values by name.
type Element<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// What a message is made of. Ids and names are ours and right.
struct Message<'a> {
    facility: u8,
    severity: u8,
    at: Millis,
    host: &'a str,
    app: &'a str,
    kind: &'a str,
    data: &'a [Element<'a>],
    text: Option<&'a str>,
}

/// Adds an event to a stream: the octets of its message, a blank, the message.
pub fn frame(stream: &mut Vec<u8>, node: &str, enterprise: u32, event: &Event<'_>) {
    let message = of(node, enterprise, event);
    stream.extend_from_slice(format!("{} ", message.len()).as_bytes());
    stream.extend_from_slice(message.as_bytes());
}

fn of(node: &str, enterprise: u32, event: &Event<'_>) -> String {
    let [who, action, subject, reason] =
        [event.who, event.action, event.subject, event.reason].map(plain);
    let given = [event.who, event.action, event.subject, event.reason];
    let whole =
        [&who, &action, &subject, &reason].iter().zip(given).all(|(now, then)| **now == then);
    let (number, id) = (event.number.to_string(), format!("tiergate@{enterprise}"));
    let word = |truth: bool| if truth { "true" } else { "false" };
    let values = [
        ("number", number.as_str()),
        ("action", &action),
        ("subject", &subject),
        ("who", &who),
        ("ok", word(event.ok)),
        ("reason", &reason),
        ("hash", event.hash),
        // Whoever computes the chain anew must know which events are not here as they are there.
        ("whole", word(whole)),
    ];
    let mut text = format!("{who}: {action} {subject}");
    for (more, on) in [(" failed", !event.ok), (": ", !reason.is_empty())] {
        text.push_str(if on { more } else { "" });
    }
    text.push_str(&reason);
    let message = Message {
        facility: LOG_AUDIT,
        severity: if event.ok { NOTICE } else { WARNING },
        at: event.at,
        host: node,
        app: "tiergate",
        kind: &action,
        data: &[(&id, &values)],
        text: Some(&text),
    };
    write(&message)
}

fn write(message: &Message<'_>) -> String {
    let Message { facility, severity, at, host, app, kind, data, text } = message;
    let priority = facility * 8 + severity;
    let (at, thousandths) = (at.to_string().replacen(' ', "T", 1), at.0.rem_euclid(1000));
    let (host, app, kind) = (name(host, HOST_MAX), name(app, 48), name(kind, MSGID_MAX));
    let mut out = format!("<{priority}>1 {at}.{thousandths:03}+08:00 {host} {app} - {kind} ");
    for (id, values) in *data {
        out.push('[');
        out.push_str(id);
        for (name, value) in *values {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            for c in value.chars() {
                if matches!(c, '"' | '\\' | ']') {
                    out.push('\\');
                }
                out.push(c);
            }
            out.push('"');
        }
        out.push(']');
    }
    if data.is_empty() {
        out.push('-');
    }
    if let Some(text) = text {
        out.push(' ');
        out.push_str(BOM);
        out.push_str(text);
    }
    out
}

/// A name of the head: visible ASCII, `-` for none; one that is too long or of other letters is none.
fn name(text: &str, longest: usize) -> &str {
    let legal =
        !text.is_empty() && text.len() <= longest && text.bytes().all(|b| b.is_ascii_graphic());
    if legal { text } else { "-" }
}

/// A text within its length, without what moves a terminal or ends a line of a file.
fn plain(text: &str) -> String {
    let end = text.floor_char_boundary(SYSLOG_VALUE_BYTES_MAX.min(text.len()));
    let shown = text.get(..end).unwrap_or_default().chars();
    shown.map(|c| if c.is_control() || c == '\u{feff}' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2003-10-11T22:14:15.003Z, of the RFC's examples.
    const THEN: Millis = Millis(1_065_910_455_003);
    const WRITTEN: &str = "2003-10-12T06:14:15.003+08:00";

    fn event<'a>(subject: &'a str, reason: &'a str, ok: bool) -> Event<'a> {
        let (who, action, hash) = ("op-7", "sink.resume", "sha256:00ff");
        Event { number: 42, at: THEN, who, action, subject, reason, ok, hash }
    }

    /// RFC 5424 §6.5, with the same moment written in Beijing's time.
    #[test]
    fn the_examples_of_the_rfc_come_out() {
        let su = Message {
            facility: 4,
            severity: 2,
            at: THEN,
            host: "mymachine.example.com",
            app: "su",
            kind: "ID47",
            data: &[],
            text: Some("'su root' failed for lonvick on /dev/pts/8"),
        };
        assert_eq!(
            write(&su),
            format!(
                "<34>1 {WRITTEN} mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8"
            )
        );
        let values = [("iut", "3"), ("eventSource", "Application"), ("eventID", "1011")];
        let class = [("class", "high")];
        let data: [Element<'_>; 2] =
            [("exampleSDID@32473", &values), ("examplePriority@32473", &class)];
        let without =
            Message { facility: 20, severity: 5, app: "evntslog", data: &data, text: None, ..su };
        assert_eq!(
            write(&without),
            format!(
                "<165>1 {WRITTEN} mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 class=\"high\"]"
            )
        );
        let with = Message {
            data: &data[..1],
            text: Some("An application event log entry..."),
            ..without
        };
        assert_eq!(
            write(&with),
            format!(
                "<165>1 {WRITTEN} mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"] \u{feff}An application event log entry..."
            )
        );
    }

    #[test]
    fn an_event_is_a_frame_of_so_many_octets() {
        let mut stream = Vec::new();
        frame(&mut stream, "county-990103", 32473, &event("县库", "修好了", true));
        frame(&mut stream, "county-990103", 32473, &event("kept", "", false));
        let text = String::from_utf8(stream).unwrap();
        let (octets, rest) = text.split_once(' ').unwrap();
        let (first, second) = rest.as_bytes().split_at(octets.parse().unwrap());
        assert_eq!(
            std::str::from_utf8(first).unwrap(),
            format!(
                "<109>1 {WRITTEN} county-990103 tiergate - sink.resume [tiergate@32473 number=\"42\" action=\"sink.resume\" subject=\"县库\" who=\"op-7\" ok=\"true\" reason=\"修好了\" hash=\"sha256:00ff\" whole=\"true\"] \u{feff}op-7: sink.resume 县库: 修好了"
            )
        );
        let second = std::str::from_utf8(second).unwrap();
        let (octets, message) = second.split_once(' ').unwrap();
        assert_eq!(octets, message.len().to_string());
        assert!(message.starts_with("<108>1 "), "{message}");
        assert!(message.ends_with("\u{feff}op-7: sink.resume kept failed"), "{message}");
    }

    #[test]
    fn a_text_of_others_ends_no_value_and_no_line() {
        let shown = of("n", 1, &event("a\"b]c\\d", "one\ntwo\u{1b}[31m\u{feff}", true));
        assert!(shown.contains(r#"subject="a\"b\]c\\d" "#), "{shown}");
        assert!(shown.contains("reason=\"one\u{fffd}two\u{fffd}[31m\u{fffd}\""), "{shown}");
        assert!(shown.contains("whole=\"false\"") && !shown.contains(char::is_control), "{shown}");
        assert_eq!(shown.matches('\u{feff}').count(), 1, "{shown}");
    }

    /// What every receiver over TLS should take (RFC 5425 §4.3.1).
    #[test]
    fn the_longest_event_is_within_8192_octets() {
        let long = "]".repeat(SYSLOG_VALUE_BYTES_MAX + 1);
        let long = long.as_str();
        let node = "n".repeat(64);
        let (who, action, subject, reason) = (long, long, long, long);
        let event = Event {
            who,
            action,
            subject,
            reason,
            number: i64::MIN,
            hash: &"f".repeat(80),
            ..event("", "", false)
        };
        let message = of(&node, u32::MAX, &event);
        assert!(message.len() <= 8192, "{}", message.len());
        assert!(
            message.contains("whole=\"false\"") && message.contains(" tiergate - - ["),
            "{message}"
        );
        let chinese = of(&node, 1, &Event { subject: &"审计".repeat(400), ..event });
        assert!(chinese.contains("审计"), "cut between characters");
    }
}
