//! Records as the documents that platforms exchange.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::Made;

/// The Guangdong exchange document: `ExInfo/standardInfo` with one `Field` a value.
pub fn exinfo(made: &Made) -> String {
    let mut writer = Writer::new(Vec::with_capacity(1_024));
    let written = writer
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))
        .and_then(|()| {
            writer.create_element("ExInfo").write_inner_content(|w| {
                let info = w.create_element("standardInfo");
                let info = info.with_attribute(("process", &*made.kind));
                info.write_inner_content(|w| {
                    for (name, value) in &made.fields {
                        let field = w.create_element("Field");
                        let field = field.with_attribute(("FieldName", &**name));
                        field.write_text_content(BytesText::new(value))?;
                    }
                    Ok(())
                })?;
                Ok(())
            })?;
            Ok(())
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
