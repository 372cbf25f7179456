//! The two languages of every page: Chinese unless somebody asks for English.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use canon::Millis;
pub use exchange::reconcile::sheets::Tongue;

/// The cookie that keeps the choice.
pub const COOKIE_NAME: &str = "tiergate_lang";

/// The language somebody chose; Chinese if nobody did.
pub fn chosen(headers: &HeaderMap) -> Tongue {
    match cookie(headers, COOKIE_NAME) {
        Some("en") => Tongue::En,
        _ => Tongue::Zh,
    }
}

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// How long ago, in the words people say.
pub fn age(ms: i64, tongue: Tongue) -> String {
    let seconds = ms.max(0) / 1000;
    let (n, en, zh) = match seconds {
        0..=59 => (seconds, "s", "秒"),
        60..=3_599 => (seconds / 60, "min", "分钟"),
        3_600..=172_799 => (seconds / 3_600, "h", "小时"),
        _ => (seconds / 86_400, "d", "天"),
    };
    format!("{n} {}", tongue.of(en, zh))
}

/// A moment as pages show it: day and time, the year only where it is another one.
pub fn moment(at: Millis, now: Millis) -> String {
    let text = at.to_string();
    let same = text.get(..4) == now.to_string().get(..4);
    if same { text.get(5..).unwrap_or(&text).to_owned() } else { text }
}

/// A number with its thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_numbers_are_said_as_people_say_them() {
        assert_eq!(age(59_999, Tongue::En), "59 s");
        assert_eq!(age(3_599_000, Tongue::Zh), "59 分钟");
        assert_eq!(age(172_799_000, Tongue::En), "47 h");
        assert_eq!(age(3 * 86_400_000, Tongue::Zh), "3 天");
        assert_eq!(age(-5, Tongue::En), "0 s");
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1\u{2009}234\u{2009}567");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=b; tiergate_lang=en ;c=d".parse().unwrap());
        assert_eq!(chosen(&headers), Tongue::En);
        assert_eq!(cookie(&headers, "a"), Some("b"));
        assert_eq!(cookie(&headers, "lang"), None);
        assert_eq!(chosen(&HeaderMap::new()), Tongue::Zh);
    }
}
