//! `--confidential`: bodies are encrypted for the province, and whoever passes them on cannot read them.

use canon::EnvelopeId;

use super::evidence::opened_frame;
use super::scenes::Story;
use super::show::Grid;
use super::tiers::Tier;
use crate::assemble::store_failure;
use crate::text::Failure;

/// Key and certificate for encryption in a node's folder, without the ending.
pub(super) const PAIR: &str = "encryption";
/// Those that have a pair: who seals reads again what it sealed.
pub(super) const READERS: [Tier; 3] = [Tier::Township, Tier::County, Tier::Province];

/// A tier's configuration with its pair, and its route closed for the province.
pub(super) fn config(tier: Tier, text: &str) -> String {
    if !READERS.contains(&tier) {
        return text.to_owned();
    }
    let pair = format!(
        "certificate = \"node.pem\"\n\
         encryption = {{ certificate = \"{PAIR}.pem\", key = \"file:{PAIR}.key\" }}\n"
    );
    let route = format!(
        "format = \"supervision/1\"\nconfidentiality = \"body\"\n\
         readers = [\"../{}/{PAIR}.pem\"]\n",
        Tier::Province.folder()
    );
    text.replace("certificate = \"node.pem\"\n", &pair)
        .replace("format = \"supervision/1\"\n", &route)
}

/// Who of the four opens an envelope: each is asked, with the keys it has.
pub(super) async fn tell(story: &mut Story<'_>, id: &EnvelopeId) -> Result<(), Failure> {
    let store = story.world.store(Tier::Township);
    let Some(frames) = store.frames(id).await.map_err(store_failure)? else { return Ok(()) };
    let package = opened_frame(&frames.frame)?;
    if !envelope::is_closed(&package) {
        return Ok(());
    }
    let lang = story.show.lang();
    let mut table =
        Grid::new(lang.of(["node", "", "opens this envelope"], ["节点", "", "能否解开本报文"]));
    for tier in Tier::ALL {
        let opens = story.world.node(tier).clear(&package).is_ok();
        let said = match (opens, READERS.contains(&tier) && tier != Tier::County) {
            (true, true) => lang.of("yes, with its key for encryption", "能，凭本节点加密私钥"),
            (false, false) => {
                lang.of("NO: verifies it and passes it on unread", "不能：只验签转发，读不到内容")
            }
            (true, false) => lang.of("yes, AND SHOULD NOT", "能，但不应能"),
            (false, true) => lang.of("NO, AND SHOULD", "不能，但应能"),
        };
        table.row([tier.title(lang).to_owned(), tier.code().to_string(), said.to_owned()]);
    }
    story.show.say(
        "Its body is encrypted on the way; each tier was asked with its own keys:",
        "本报文正文加密传输；以各级自己的密钥逐一试解：",
    )?;
    Ok(story.show.table(&table)?)
}
