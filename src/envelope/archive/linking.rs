//! The hash chain of X-Road's message archive (`linkinginfo`), so that its tools can check ours.

use ring::digest::{SHA512, digest};

/// The text over files in their order: the name and digest that came before the first (none at the
/// beginning), then a line for each file. A file's digest is over the one before it and its own, both
/// as hexadecimal text, SHA-512.
pub fn linking_info<'a>(
    before: Option<(&str, &str)>,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> String {
    let (mut last, name) = before.map_or((String::new(), "-"), |(d, name)| (d.to_owned(), name));
    let mut text = format!("{} {name} SHA-512\n", if last.is_empty() { "-" } else { &last });
    for (name, bytes) in files {
        let own = hex(digest(&SHA512, bytes).as_ref());
        last = hex(digest(&SHA512, format!("{last}{own}").as_bytes()).as_ref());
        text.push_str(&format!("{last} {name}\n"));
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
