//! Records as the documents that platforms exchange.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::Made;

/// The Guangdong exchange document: `ExInfo/standardInfo` with one `Field` a value.
pub fn exinfo(made: &Made) -> String {
    exinfo_of([made])
}

/// The same with a `standardInfo` for each of several records.
pub(super) fn exinfo_of<'m>(records: impl IntoIterator<Item = &'m Made>) -> String {
    let mut writer = Writer::new(Vec::with_capacity(1_024));
    let declared = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)));
    let written = declared.and_then(|()| {
        let info = writer.create_element("ExInfo").write_inner_content(|w| {
            records.into_iter().try_for_each(|made| standard_info(w, made))
        });
        info.map(|_| ())
    });
    written.expect("memory takes all bytes");
    String::from_utf8(writer.into_inner()).expect("made of texts")
}

fn standard_info(writer: &mut Writer<Vec<u8>>, made: &Made) -> std::io::Result<()> {
    let info = writer.create_element("standardInfo").with_attribute(("process", &*made.kind));
    info.write_inner_content(|w| {
        made.fields.iter().try_for_each(|(name, value)| {
            let field = w.create_element("Field").with_attribute(("FieldName", &**name));
            field.write_text_content(BytesText::new(value)).map(|_| ())
        })
    })?;
    Ok(())
}

/// A SOAP 1.1 envelope with one operation and its arguments in order.
#[cfg(feature = "http")]
pub(super) fn soap(operation: &str, namespace: &str, args: &[(&str, String)]) -> String {
    const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
    let mut writer = Writer::new(Vec::with_capacity(2_048));
    let declared = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)));
    let written = declared.and_then(|()| {
        let envelope = writer.create_element("soapenv:Envelope");
        let envelope =
            envelope.with_attributes([("xmlns:soapenv", ENVELOPE), ("xmlns:x", namespace)]);
        let done = envelope.write_inner_content(|w| {
            let done = w.create_element("soapenv:Body").write_inner_content(|w| {
                let operation = w.create_element(format!("x:{operation}"));
                let done = operation.write_inner_content(|w| {
                    args.iter().try_for_each(|(name, value)| {
                        let arg = w.create_element(format!("x:{name}"));
                        arg.write_text_content(BytesText::new(value)).map(|_| ())
                    })
                });
                done.map(|_| ())
            });
            done.map(|_| ())
        });
        done.map(|_| ())
    });
    written.expect("memory takes all bytes");
    String::from_utf8(writer.into_inner()).expect("made of texts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_says_table_and_fields_and_escapes_what_must_be() {
        let fields = vec![("SBLSH".into(), "990101-1".into()), ("SXMC".into(), "甲<&乙".into())];
        let made = Made { kind: "EX_GDBS_SB".into(), fields };
        assert_eq!(
            exinfo(&made),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><ExInfo>\
             <standardInfo process=\"EX_GDBS_SB\"><Field FieldName=\"SBLSH\">990101-1</Field>\
             <Field FieldName=\"SXMC\">甲&lt;&amp;乙</Field></standardInfo></ExInfo>"
        );
    }
}
