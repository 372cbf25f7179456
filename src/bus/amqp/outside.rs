//! What a message's properties say of its parcel, and back. Nothing here is believed before the
//! signed head says the same.

use std::str::FromStr;
use std::sync::Arc;

use canon::{EnvelopeId, Lane, NodeCode, Route};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::Parcel;

/// Who wrote the message.
const APP: &str = "tiergate";
/// Longest message id; longer envelope ids stand in the header only.
const SHORT_MAX: usize = 255;
/// Delivery mode of a message that the broker writes to disk.
const PERSISTENT: u8 = 2;

/// The properties of a parcel published by this user.
pub(crate) fn properties(parcel: &Parcel, user: &str) -> BasicProperties {
    let id = parcel.id.to_string();
    let mut headers = FieldTable::default();
    let mut header = |name: &str, value: &str| {
        headers.insert(ShortString::from(name), AMQPValue::LongString(value.into()));
    };
    header("id", &id);
    header("from", parcel.from.as_str());
    header("to", parcel.to.as_str());
    header("kind", &parcel.kind);
    header("lane", parcel.lane.as_str());
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/zstd".into())
        .with_app_id(APP.into())
        .with_user_id(user.into())
        .with_message_id(message_id(&id).into())
        .with_headers(headers)
}

/// The message id of an envelope id: itself, or its end, which differs most.
pub(crate) fn message_id(id: &str) -> &str {
    let from = id.len().saturating_sub(SHORT_MAX);
    id.get(from..).unwrap_or(id)
}

/// The parcel of a message for `hop`, or why there is none.
pub(crate) fn parcel(
    hop: &NodeCode,
    own_user: &str,
    properties: &BasicProperties,
    frame: &[u8],
) -> Result<Parcel, &'static str> {
    let headers = properties.headers().as_ref().ok_or("no headers")?;
    let text = |name: &str| -> Option<&str> {
        match headers.inner().get(name)? {
            AMQPValue::LongString(value) => std::str::from_utf8(value.as_bytes()).ok(),
            AMQPValue::ShortString(value) => Some(value.as_str()),
            _ => None,
        }
    };
    let from = text("from").and_then(NodeCode::new).ok_or("header `from` is not a node")?;
    // The broker checked that the publisher is this user. Nodes that share one login share its name.
    let user = properties.user_id().as_ref().map(ShortString::as_str);
    if user != Some(from.as_str()) && user != Some(own_user) {
        return Err("the publisher is not the node in header `from`");
    }
    Ok(Parcel {
        hop: hop.clone(),
        id: text("id").and_then(envelope_id).ok_or("header `id` is not an envelope id")?,
        to: text("to").and_then(NodeCode::new).ok_or("header `to` is not a node")?,
        kind: text("kind").filter(|k| k.len() <= 32).ok_or("header `kind` is missing")?.into(),
        lane: text("lane")
            .and_then(|l| Lane::from_str(l).ok())
            .ok_or("header `lane` is no lane")?,
        from,
        frame: Arc::from(frame),
    })
}

/// `sender/epoch/route/sequence`; the route may hold slashes.
fn envelope_id(text: &str) -> Option<EnvelopeId> {
    let (sender, rest) = text.split_once('/')?;
    let (epoch, rest) = rest.split_once('/')?;
    let (route, sequence) = rest.rsplit_once('/')?;
    Some(EnvelopeId {
        sender: NodeCode::new(sender)?,
        epoch: epoch.parse().ok()?,
        route: Route::from_str(route).ok()?,
        sequence: sequence.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{node, parcel as sample};

    #[test]
    fn what_the_outside_says_reads_back() {
        let sent = sample("b", Lane::Bulk, 77);
        let properties = properties(&sent, "a");
        let read = parcel(&node("b"), "b", &properties, &sent.frame).unwrap();
        assert_eq!((&read.id, &read.from, &read.to), (&sent.id, &sent.from, &sent.to));
        assert_eq!((read.lane, &read.kind, &read.frame), (sent.lane, &sent.kind, &sent.frame));
    }

    #[test]
    fn nobody_speaks_in_another_nodes_name() {
        let sent = sample("b", Lane::Live, 1);
        let forged = properties(&sent, "mallory");
        assert!(parcel(&node("b"), "b", &forged, &[]).is_err());
        let shared = properties(&sent, "everyone");
        assert!(parcel(&node("b"), "everyone", &shared, &[]).is_ok());
        let nobody = properties(&sent, "a").with_headers(FieldTable::default());
        assert!(parcel(&node("b"), "b", &nobody, &[]).is_err());
        assert!(parcel(&node("b"), "b", &BasicProperties::default(), &[]).is_err());
    }

    #[test]
    fn a_long_id_keeps_its_end_as_message_id() {
        let long = format!("{}/end", "x".repeat(300));
        assert_eq!(message_id(&long).len(), 255);
        assert!(message_id(&long).ends_with("/end"));
        assert_eq!(message_id("short"), "short");
    }
}
